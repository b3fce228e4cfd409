// SPDX-License-Identifier: Apache-2.0
#include "tests/scenarios/reconcile.h"

#include <algorithm>
#include <initializer_list>

namespace closewatch::scenarios {
namespace {

class Tally {
 public:
  Tally(const demo::Truth& truth, const std::vector<Json>& closures)
      : truth_{truth}, closures_{closures} {}

  [[nodiscard]] std::int64_t kernel(std::string_view name) const {
    return truth_.counters.get(name).value_or(0);
  }
  template <typename Predicate>
  [[nodiscard]] std::int64_t count(Predicate predicate) const {
    return std::count_if(closures_.begin(), closures_.end(), predicate);
  }
  [[nodiscard]] std::int64_t reasons(std::initializer_list<std::string_view> names) const {
    return count([names](const Json& closure) {
      const std::string reason = closure.value("reason", "");
      return std::find(names.begin(), names.end(), reason) != names.end();
    });
  }

  void require(bool holds, const std::string& what, std::int64_t kernel, std::int64_t told) {
    if (!holds) {
      complaints_.push_back("reconciliation: " + what + ": the kernel counts " +
                            std::to_string(kernel) + ", closewatch tells of " +
                            std::to_string(told));
    }
  }
  void equal(const std::string& what, std::int64_t kernel, std::int64_t told) {
    require(kernel == told, what, kernel, told);
  }
  void timewait(std::int64_t left);

  Complaints complaints_;

 private:
  const demo::Truth& truth_;
  const std::vector<Json>& closures_;
};

bool in_state(const Json& closure, std::initializer_list<std::string_view> names) {
  const Json state = closure.value("final_state", Json{});
  return state.is_string() &&
         std::find(names.begin(), names.end(), state.get<std::string>()) != names.end();
}

bool has_flag(const Json& closure, std::string_view flag) {
  const Json flags = closure.value("flags", Json::array());
  return std::find(flags.begin(), flags.end(), Json(flag)) != flags.end();
}

// What ends in order where our side closed first goes on in a timewait mini-socket, or found no
// room for one. The kernel counts them when they begin; 5.10 when they expire, which those that are
// `left` have not, and those that a segment ended never do.
void Tally::timewait(std::int64_t left) {
  const std::int64_t counted = kernel("TW") + kernel("TWKilled") + kernel("TCPTimeWaitOverflow");
  const std::int64_t told = count([](const Json& closure) {
    const std::string cls = closure.value("class", "");
    const bool orderly = cls == "graceful" || cls == "lingered" ||
                         closure.value("reason", "") == "linger_expired" ||
                         has_flag(closure, "late_data_reset");
    return orderly && in_state(closure, {"FIN_WAIT2", "CLOSING"});
  });
  const bool at_begin = left > 0 && counted >= left;
  require(at_begin ? counted == told : counted + left <= told,
          "TW, TWKilled and TCPTimeWaitOverflow are the orderly ends in FIN_WAIT2 and CLOSING",
          at_begin ? counted : counted + left, told);
}

}  // namespace

Complaints reconcile(const demo::Truth& truth, const std::vector<Json>& closures) {
  Tally tally{truth, closures};
  // What close() of an MPTCP socket resets is not counted (mptcp_do_fastclose()).
  const auto fast_closed = [&tally](std::string_view rule) {
    return tally.count([rule](const Json& closure) { return closure.value("rule", "") == rule; });
  };
  tally.equal("TCPAbortOnClose is unread_data", tally.kernel("TCPAbortOnClose"),
              tally.reasons({"unread_data"}) - fast_closed("unread_data.subflow"));
  // Data that reaches a timewait socket is answered without being counted.
  const std::int64_t late = tally.count([](const Json& closure) {
    return closure.value("reason", "") == "data_after_close" &&
           has_flag(closure, "late_data_reset");
  });
  const std::int64_t silent = tally.count([](const Json& closure) {
    return closure.value("reason", "") == "closed_in_syn_sent" &&
           closure["linger"].value("outcome", "") == "zero";
  });
  tally.equal("TCPAbortOnData and TCPAbortOnLinger are linger_zero, data_after_close and linger2",
              tally.kernel("TCPAbortOnData") + tally.kernel("TCPAbortOnLinger"),
              tally.reasons({"linger_zero", "data_after_close", "linger2"}) -
                  fast_closed("linger_zero.subflow") - late + silent);
  tally.equal("TCPAbortOnMemory is orphan_limit", tally.kernel("TCPAbortOnMemory"),
              tally.reasons({"orphan_limit"}));
  tally.equal("TCPAbortOnTimeout is timed_out and connect_timeout",
              tally.kernel("TCPAbortOnTimeout"),
              tally.reasons({"retransmission", "fin_unacked", "zero_window", "keepalive",
                             "user_timeout", "connect_timeout"}));
  tally.equal("EstabResets is the ends in ESTABLISHED and CLOSE_WAIT", tally.kernel("EstabResets"),
              tally.count([](const Json& closure) {
                return in_state(closure, {"ESTABLISHED", "CLOSE_WAIT"});
              }));
  // The kernel also counts requests that were reset before they became a connection, and so a child
  // of TCP Fast Open that was reset twice: such a child is both.
  // An attempt that the application took back has no error, and is not counted; a child that could
  // not become a connection has none either, and is.
  const auto is_stillborn = [](const Json& closure) {
    return closure.value("reason", "") == "connect_error" && in_state(closure, {"SYN_RECV"}) &&
           closure.value("errno", Json{}).is_null();
  };
  const std::int64_t attempts = tally.count([&](const Json& closure) {
    return closure.value("class", "") == "unestablished" &&
           (!closure.value("errno", Json{}).is_null() || is_stillborn(closure));
  });
  const std::int64_t both = tally.count([](const Json& closure) {
    return closure.value("reason", "") == "refused" && in_state(closure, {"SYN_RECV"});
  });
  tally.require(tally.kernel("AttemptFails") >= attempts &&
                    tally.kernel("AttemptFails") <= attempts + both + tally.kernel("EmbryonicRsts"),
                "AttemptFails is the failed attempts", tally.kernel("AttemptFails"), attempts);
  const std::int64_t resets = tally.count(
      [](const Json& closure) { return closure["rst"].value("sent", Json{}) == Json(true); });
  const std::int64_t tried = tally.kernel("OutRsts") + tally.kernel("TCPAbortFailed");
  tally.require(tried >= resets, "OutRsts and TCPAbortFailed cover rst.sent", tried, resets);
  tally.timewait(truth.timewait);
  // 5.10: a socket that SOCK_DESTROY emptied stays open for ever.
  const std::int64_t stuck = tally.count(
      [](const Json& closure) { return closure.value("rule", "") == "destroyed.stuck_orphan"; });
  // A connect() that finds no free port fails before it counts as an open.
  const std::int64_t uncounted = tally.count([&](const Json& closure) {
    return closure.value("reason", "") == "connect_error" &&
           closure.value("errno", Json{}).is_null() && !is_stillborn(closure);
  });
  const std::int64_t opened =
      tally.kernel("ActiveOpens") + tally.kernel("PassiveOpens") - truth.still_open;
  const std::int64_t ended = static_cast<std::int64_t>(closures.size()) - stuck;
  tally.require(opened <= ended && ended <= opened + uncounted,
                "opened connections are those that ended", opened, ended);
  return tally.complaints_;
}

}  // namespace closewatch::scenarios
