// SPDX-License-Identifier: Apache-2.0
// What holds for any facts whatever, those that no kernel reports included.
#include <gtest/gtest.h>

#include <random>

#include "tests/unit/classify/situation.h"
#include "userspace/classify/evidence.h"
#include "userspace/classify/explain.h"
#include "userspace/classify/rules.h"

namespace closewatch {
namespace {

using Random = std::mt19937;

constexpr bool Facts::*kFacts[]{&Facts::dead,
                                &Facts::peer_fin,
                                &Facts::linger,
                                &Facts::repair,
                                &Facts::owned,
                                &Facts::in_close,
                                &Facts::never_accepted,
                                &Facts::fin_queued,
                                &Facts::closing,
                                &Facts::reset_called,
                                &Facts::rst_in,
                                &Facts::no_rst_in,
                                &Facts::rst_before,
                                &Facts::rst_after,
                                &Facts::rst_answer,
                                &Facts::awaits_rst,
                                &Facts::timewait,
                                &Facts::linger_wait,
                                &Facts::linger_acked,
                                &Facts::linger_left,
                                &Facts::before_start,
                                &Facts::tls,
                                &Facts::mptcp,
                                &Facts::kernel_socket,
                                &Facts::active_open,
                                &Facts::fd_open,
                                &Facts::disconnect,
                                &Facts::stuck_orphan,
                                &Facts::keepalive,
                                &Facts::full_hooks,
                                &Facts::peer_fin_first,
                                &Facts::late_data_reset,
                                &Facts::peer_never_closed,
                                &Facts::recovered,
                                &Facts::linger_broken,
                                &Facts::aborted_by_other};
static_assert(std::size(kFacts) == sizeof(Facts) / sizeof(bool));

class Generator {
 public:
  Closure closure() {
    Closure c;
    const unsigned density = pick(8);  // mostly few facts: the late rules must be reached too
    for (const auto fact : kFacts) {
      c.facts.*fact = pick(8) < density;
    }
    if (pick(2) == 0) {
      c.facts.linger = c.facts.linger_wait = c.facts.dead = true;
    }
    for (const auto flag :
         {&Closer::closed, &Closer::shutdown, &Closer::exiting, &Closer::exec, &Closer::io_worker,
          &Closer::io_uring, &Closer::kthread, &Closer::close_call}) {
      c.closer.*flag = pick(2) == 0;
    }
    c.closer.exit_code = static_cast<std::int32_t>(random_());
    c.final_state = static_cast<TcpState>(pick(13));
    c.state_at_close = static_cast<TcpState>(pick(13));
    c.shutdown_flags = static_cast<std::uint8_t>(pick(4));
    c.never_sent = small();
    c.unacked = small();
    c.unread = small();
    c.linger_jiffies = pick(3);
    c.user_timeout_ms = small();
    c.send_window = small();
    constexpr std::int32_t kErrors[]{0,    0, 0, ETIMEDOUT, ECONNRESET, ECONNABORTED, EHOSTUNREACH,
                                     12345};
    c.sock_error = kErrors[pick(std::size(kErrors))];
    c.sock_soft_error = kErrors[pick(std::size(kErrors))];
    c.linger2 = static_cast<std::int32_t>(pick(3)) - 1;
    c.retransmits = static_cast<std::uint8_t>(pick(3));
    c.probes_out = static_cast<std::uint8_t>(pick(3));
    c.actor.pid = pick(2);
    c.end_ns = time();
    c.close_ns = maybe_time();
    c.blocked_ns = maybe_time();
    c.linger_ns = maybe_time();
    return c;
  }

  ClassifierContext context() { return {.tick_ns = std::uint64_t{pick(4)} * 4'000'000}; }

 private:
  unsigned pick(std::size_t below) { return static_cast<unsigned>(random_() % below); }
  std::uint32_t small() { return pick(2) == 0 ? 0 : static_cast<std::uint32_t>(random_()); }
  std::uint64_t time() { return pick(16) == 0 ? ~std::uint64_t{0} - pick(3) : random_(); }
  std::optional<std::uint64_t> maybe_time() {
    return pick(2) == 0 ? std::nullopt : std::optional{time()};
  }

  Random random_{20'260'131};
};

TEST(ClassifierProperty, HoldsForAnyFacts) {
  Generator generator;
  std::size_t met[kReasonCount]{};
  for (int i = 0; i < 100'000; ++i) {
    const Closure c = generator.closure();
    const ClassifierContext context = generator.context();
    const Verdict v = classify(c, context);
    SCOPED_TRACE(i);

    ++met[static_cast<std::size_t>(v.reason)];
    ASSERT_EQ(classify(c, context), v);
    ASSERT_EQ(v.cls, class_of(v.reason));
    const Rule* rule = rule_named(v.rule);
    ASSERT_NE(rule, nullptr);
    ASSERT_EQ(rule->reason, v.reason);
    ASSERT_EQ(v.lost, c.never_sent > 0 || c.unacked > 0 || c.unread > 0);
    ASSERT_EQ(v.initiator.has_value(), v.reason != Reason::unknown);
    ASSERT_EQ(v.signal.has_value(), v.closed_by == ClosedBy::signal);
    ASSERT_NE(v.signal, 0);
    ASSERT_EQ(v.linger == LingerOutcome::off, !c.facts.linger);
    ASSERT_EQ(v.linger == LingerOutcome::zero, c.facts.linger && c.linger_jiffies == 0);
    ASSERT_EQ(v.cls == Class::unestablished,
              c.final_state == TcpState::syn_sent || c.final_state == TcpState::syn_recv);
    if (v.cls == Class::graceful || v.cls == Class::lingered ||
        v.reason == Reason::linger_expired) {
      ASSERT_EQ(c.discarded(), 0);
      ASSERT_FALSE(c.facts.rst_before || c.facts.rst_after || c.facts.reset_called);
    }
    ASSERT_EQ(v.cls == Class::lingered, v.reason == Reason::linger_completed);
    if (v.drain_us) {
      ASSERT_TRUE(c.facts.dead && c.close_ns && *c.close_ns <= c.end_ns);
      ASSERT_EQ(*v.drain_us, (c.end_ns - *c.close_ns) / 1000);
    }
    ASSERT_FALSE(explain(c, v).empty());
    ASSERT_FALSE(evidence(c, v).empty());
  }
  for (std::size_t i = 0; i < kReasonCount; ++i) {
    EXPECT_GT(met[i], 0) << name_of(static_cast<Reason>(i));
  }
}

}  // namespace
}  // namespace closewatch
