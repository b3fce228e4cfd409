// SPDX-License-Identifier: Apache-2.0
#include "userspace/history/closure_row.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cstring>

#include "userspace/history/fact_bits.h"
#include "userspace/history/peer_network.h"
#include "userspace/history/rollup.h"

namespace closewatch::history {
namespace {

template <typename Enum>
std::optional<Enum> enum_named(std::string_view name, std::size_t count) {
  for (std::size_t index = 0; index < count; ++index) {
    if (name_of(static_cast<Enum>(index)) == name) {
      return static_cast<Enum>(index);
    }
  }
  return std::nullopt;
}

constexpr std::size_t kInitiators = 3;
constexpr std::size_t kClosedBys = 8;
constexpr std::size_t kLingerOutcomes = 7;

// Frames are text without NUL, so NUL ends each.
std::string joined(const std::vector<std::string>& frames) {
  std::string bytes;
  for (const std::string& frame : frames) {
    bytes.append(frame).push_back('\0');
  }
  return bytes;
}

void split(std::string_view bytes, std::vector<std::string>& frames) {
  frames.clear();
  for (std::size_t end = bytes.find('\0'); end != std::string_view::npos; end = bytes.find('\0')) {
    frames.emplace_back(bytes.substr(0, end));
    bytes.remove_prefix(end + 1);
  }
}

// The list of columns but those of RowReferences. `column(name, value)` is given each value, to
// write it or to set it.
template <typename Column, typename FindingType>
void each_column(Column&& column, FindingType& finding) {
  auto& closure = finding.closure;
  auto& verdict = finding.verdict;
  column("tid", closure.process.tid);
  column("role", closure.role);
  column("actor_tid", closure.actor.tid);
  column("class", verdict.cls);
  column("reason", verdict.reason);
  column("rule", verdict.rule);
  column("lost", verdict.lost);
  column("initiator", verdict.initiator);
  column("closed_by", verdict.closed_by);
  column("signal", verdict.signal);
  column("linger", verdict.linger);
  column("blocked_us", verdict.blocked_us);
  column("drain_us", verdict.drain_us);
  column("family", closure.family);
  column("local_address", closure.local.address);
  column("local_port", closure.local.port);
  column("peer_address", closure.peer.address);
  column("peer_port", closure.peer.port);
  column("netns", closure.netns);
  column("socket_uid", closure.socket_uid);
  column("never_sent", closure.never_sent);
  column("unacked", closure.unacked);
  column("unread", closure.unread);
  column("sent", closure.sent);
  column("received", closure.received);
  column("state_at_close", closure.state_at_close);
  column("final_state", closure.final_state);
  column("shutdown_flags", closure.shutdown_flags);
  column("born_boot_ns", closure.born_ns);
  column("close_boot_ns", closure.close_ns);
  column("end_boot_ns", closure.end_ns);
  column("close_took_ns", closure.blocked_ns);
  column("linger_took_ns", closure.linger_ns);
  column("linger_jiffies", closure.linger_jiffies);
  column("linger2", closure.linger2);
  column("user_timeout_ms", closure.user_timeout_ms);
  column("send_window", closure.send_window);
  column("error", closure.sock_error);
  column("soft_error", closure.sock_soft_error);
  column("rst_reason", closure.rst_reason);
  column("rst_reason_name", finding.rst_reason);
  column("retransmits", closure.retransmits);
  column("probes", closure.probes_out);
  column("facts", closure.facts);
  column("closer", closure.closer);
  column("exit_code", closure.closer.exit_code);
  column("stack", finding.stack);
}

constexpr const char* kKeyColumns = "ended_ns, cpu, session, process, actor";

// Puts each value as a parameter.
class Putter {
 public:
  explicit Putter(Statement& insert) : insert_(insert) {}

  template <std::integral Number>
  void operator()(const char*, Number value) {
    insert_.put(value);
  }
  template <std::integral Number>
  void operator()(const char*, const std::optional<Number>& value) {
    insert_.put(value);
  }
  void operator()(const char*, Role value) { insert_.put(static_cast<int>(value)); }
  void operator()(const char*, TcpState value) { insert_.put(static_cast<int>(value)); }
  void operator()(const char*, std::string_view value) { insert_.put(value); }
  void operator()(const char*, Class value) { insert_.put(name_of(value)); }
  void operator()(const char*, Reason value) { insert_.put(name_of(value)); }
  void operator()(const char*, ClosedBy value) { insert_.put(name_of(value)); }
  void operator()(const char*, LingerOutcome value) { insert_.put(name_of(value)); }
  void operator()(const char*, const std::optional<Initiator>& value) {
    value ? insert_.put(name_of(*value)) : insert_.put_null();
  }
  void operator()(const char*, const Address& value) {
    insert_.put(std::string_view(address_text(value)));
  }
  void operator()(const char*, const Facts& value) { insert_.put(bits_of(value)); }
  void operator()(const char*, const Closer& value) { insert_.put(bits_of(value)); }
  void operator()(const char*, const std::vector<std::string>& value) {
    const std::string frames = joined(value);
    insert_.put(std::as_bytes(std::span(frames)));
  }

 private:
  Statement& insert_;
};

// Takes each value from the next column.
class Taker {
 public:
  Taker(Statement& row, Names& names) : row_(row), names_(names) {}

  template <std::integral Number>
  void operator()(const char*, Number& value) {
    value = static_cast<Number>(row_.number());
  }
  void operator()(const char*, bool& value) { value = row_.number() != 0; }
  template <std::integral Number>
  void operator()(const char*, std::optional<Number>& value) {
    const auto number = row_.optional_number();
    value = number ? std::optional{static_cast<Number>(*number)} : std::nullopt;
  }
  void operator()(const char*, Role& value) { value = within(Role::none, Role::closer); }
  void operator()(const char*, TcpState& value) {
    value = within(TcpState::none, TcpState::new_syn_recv);
  }
  void operator()(const char*, std::string_view& value) { value = names_.keep(row_.text()); }
  void operator()(const char*, Class& value) {
    value = class_named(row_.text()).value_or(Class::unknown);
  }
  void operator()(const char*, Reason& value) {
    value = reason_named(row_.text()).value_or(Reason::unknown);
  }
  void operator()(const char*, ClosedBy& value) {
    value = enum_named<ClosedBy>(row_.text(), kClosedBys).value_or(ClosedBy::none);
  }
  void operator()(const char*, LingerOutcome& value) {
    value = enum_named<LingerOutcome>(row_.text(), kLingerOutcomes).value_or(LingerOutcome::off);
  }
  void operator()(const char*, std::optional<Initiator>& value) {
    value = enum_named<Initiator>(row_.text(), kInitiators);
  }
  void operator()(const char*, Address& value) {
    value = address_from(row_.text()).value_or(Address{});
  }
  void operator()(const char*, Facts& value) {
    value = facts_of(static_cast<std::uint64_t>(row_.number()));
  }
  void operator()(const char*, Closer& value) {
    value = closer_of(static_cast<std::uint64_t>(row_.number()));
  }
  void operator()(const char*, std::vector<std::string>& value) { split(row_.text(), value); }

 private:
  template <typename Enum>
  Enum within(Enum least, Enum most) {
    const std::int64_t value = row_.number();
    return value > 0 && value <= static_cast<std::int64_t>(most) ? static_cast<Enum>(value) : least;
  }

  Statement& row_;
  Names& names_;
};

std::string column_list() {
  std::string list = kKeyColumns;
  const Finding none;
  each_column([&list](const char* name, const auto&) { list.append(", ").append(name); }, none);
  return list;
}

}  // namespace

std::string closure_name(const RowKey& key) {
  return fmt::format("{:016x}-{:x}", static_cast<std::uint64_t>(key.ended_ns), key.cpu);
}

std::optional<RowKey> closure_named(std::string_view name) {
  constexpr std::size_t kDigits = 16;
  std::uint64_t ended = 0;
  RowKey key;
  if (name.size() < kDigits + 2 || name[kDigits] != '-') {
    return std::nullopt;
  }
  const char* const middle = name.data() + kDigits;
  const char* const end = name.data() + name.size();
  const auto first = std::from_chars(name.data(), middle, ended, 16);
  const auto second = std::from_chars(middle + 1, end, key.cpu, 16);
  if (first.ec != std::errc{} || first.ptr != middle || second.ec != std::errc{} ||
      second.ptr != end) {
    return std::nullopt;
  }
  key.ended_ns = static_cast<std::int64_t>(ended);
  return key;
}

std::string closure_columns() { return column_list(); }

Result<Statement> prepare_insert(Database& database) {
  std::string values = "?,?,?,?,?,?";
  const Finding none;
  each_column([&values](const char*, const auto&) { values += ",?"; }, none);
  return database.prepare("INSERT OR IGNORE INTO closure(" + column_list() + ", port) VALUES(" +
                          values + ")");
}

Result<> insert_row(Statement& insert, const Finding& finding, const RowReferences& references) {
  insert.begin().put(finding.end_unix_ns).put(finding.closure.id.cpu);
  insert.put(references.session).put(references.process).put(references.actor);
  each_column(Putter(insert), finding);
  insert.put(service_port(finding.closure));
  return insert.run();
}

Result<Statement> prepare_amend(Database& database) {
  return database.prepare(
      "UPDATE closure SET class = coalesce(?, class), reason = coalesce(?, reason),"
      " rule = coalesce(?, rule), initiator = coalesce(?, initiator),"
      " closed_by = coalesce(?, closed_by), signal = coalesce(?, signal),"
      " unread = max(unread, ?), lost = max(lost, ?), process = coalesce(?, process),"
      " tid = coalesce(?, tid), role = coalesce(?, role), rst_reason = coalesce(?, rst_reason),"
      " rst_reason_name = coalesce(?, rst_reason_name), facts = facts | ?"
      " WHERE ended_ns = ? AND cpu = ?");
}

Result<> amend_row(Statement& amend, const RowKey& key, const Correction& correction,
                   std::optional<std::int64_t> process) {
  const Amendment& amendment = correction.amendment;
  const std::optional<Verdict>& verdict = correction.verdict;
  const auto if_judged = [&verdict](std::string_view name) {
    return verdict ? std::optional{name} : std::nullopt;
  };
  const auto if_named = [&process](auto value) {
    return process ? std::optional{value} : std::nullopt;
  };
  const bool closed = verdict && verdict->closed_by != ClosedBy::none;
  amend.begin();
  amend.put(if_judged(verdict ? name_of(verdict->cls) : ""));
  amend.put(if_judged(verdict ? name_of(verdict->reason) : ""));
  amend.put(if_judged(verdict ? verdict->rule : ""));
  amend.put(verdict && verdict->initiator ? std::optional{name_of(*verdict->initiator)}
                                          : std::nullopt);
  amend.put(closed ? std::optional{name_of(verdict->closed_by)} : std::nullopt);
  amend.put(closed ? verdict->signal : std::nullopt);
  amend.put(amendment.unread).put(amendment.unread > 0);
  amend.put(process).put(if_named(amendment.process.tid));
  amend.put(if_named(static_cast<int>(amendment.role)));
  amend.put(amendment.rst_reason);
  amend.put(correction.rst_reason.empty() ? std::nullopt : std::optional{correction.rst_reason});
  amend.put(bits_of(amendment.facts)).put(key.ended_ns).put(key.cpu);
  return amend.run();
}

RowReferences take_row(Statement& row, Finding& finding, Names& names) {
  RowReferences references;
  RowKey key;
  key.ended_ns = row.number();
  key.cpu = static_cast<std::uint32_t>(row.number());
  references.session = row.number();
  references.process = row.number();
  references.actor = row.optional_number();
  finding = {};
  finding.end_unix_ns = key.ended_ns;
  finding.id = closure_name(key);
  each_column(Taker(row, names), finding);
  finding.closure.id = {finding.closure.end_ns, key.cpu};
  return references;
}

}  // namespace closewatch::history
