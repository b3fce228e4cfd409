// SPDX-License-Identifier: Apache-2.0
// A situation in which a connection ends, with the facts that the kernel side reports for it in
// both hook modes, and what closewatch has to call it. Rows are named after the catalogue of ends
// (A1 to C10) and the scenarios (S01 to S74) of the kernel notes. Facts of the base hooks are
// given; those of the full hooks are the same plus what a row adds.
#pragma once

#include <cerrno>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "userspace/classify/classifier.h"
#include "userspace/classify/verdict.h"
#include "userspace/record/closure.h"

namespace closewatch::situations {

inline constexpr std::uint64_t kMs = 1'000'000;
inline constexpr std::uint64_t kSecond = 1000 * kMs;
inline constexpr std::uint32_t kHz = 250;
inline constexpr ClassifierContext kContext{.tick_ns = kSecond / kHz};
inline constexpr std::uint64_t kClosedAt = 100 * kSecond;
inline constexpr std::uint64_t kFullBlockedNs = 12'345;  // what the full hooks measure of a close()
inline constexpr std::uint64_t kFullBlockedUs = 12;

// The facts of one end, built up step by step.
class Scene {
 public:
  explicit Scene(TcpState final_state) {
    closure_.final_state = final_state;
    closure_.family = 2;
    closure_.born_ns = 90 * kSecond;
    closure_.end_ns = 99 * kSecond;
    closure_.send_window = 1000;
    const bool peer_fin = final_state == TcpState::close_wait ||
                          final_state == TcpState::last_ack || final_state == TcpState::closing;
    closure_.facts.peer_fin = peer_fin;
    closure_.facts.peer_fin_first = final_state == TcpState::last_ack;
    closure_.facts.closing = final_state == TcpState::closing;
    closure_.facts.fin_queued =
        final_state == TcpState::fin_wait1 || final_state == TcpState::fin_wait2 ||
        final_state == TcpState::closing || final_state == TcpState::last_ack;
    closure_.shutdown_flags = peer_fin ? 1 : 0;
    if (final_state == TcpState::syn_sent || final_state == TcpState::syn_recv) {
      closure_.born_ns.reset();
    }
  }

  template <typename... Members>
  Scene& with(Members... members) {
    ((closure_.facts.*members = true), ...);
    return *this;
  }

  // The application still holds the descriptor.
  Scene& held() { return with(&Facts::fd_open); }

  Scene& shut_down(std::uint8_t how = 2) {
    closure_.shutdown_flags |= how;
    closure_.closer.shutdown = true;
    closure_.state_at_close =
        closure_.facts.peer_fin_first ? TcpState::close_wait : TcpState::established;
    return *this;
  }

  Scene& closed() {
    closure_.shutdown_flags = 3;
    closure_.closer.closed = true;
    closure_.close_ns = kClosedAt;
    closure_.end_ns = kClosedAt;
    if (closure_.state_at_close == TcpState::none) {
      closure_.state_at_close =
          closure_.facts.peer_fin_first ? TcpState::close_wait : TcpState::established;
    }
    return *this;
  }

  // close() itself ends the connection before it makes an orphan of the socket.
  Scene& in_close() { return closed().with(&Facts::in_close, &Facts::owned); }

  // close() itself ends the connection, already as an orphan.
  Scene& late_in_close() { return closed().with(&Facts::dead, &Facts::owned); }

  // The connection ends in the background, so long after the call of close().
  Scene& orphan(std::uint64_t after_ns) {
    closed().with(&Facts::dead);
    closure_.end_ns = kClosedAt + after_ns;
    return *this;
  }

  // The connection ends under close() that waits for SO_LINGER.
  Scene& lingering(std::uint64_t after_ns) {
    closed().with(&Facts::linger_wait, &Facts::in_close);
    closure_.end_ns = kClosedAt + after_ns;
    return *this;
  }

  Scene& linger(std::uint32_t seconds) {
    closure_.linger_jiffies = seconds * kHz;
    return with(&Facts::linger);
  }

  // A signal broke the linger wait so long after the call of close().
  Scene& signalled(std::uint64_t after_ns) {
    closure_.linger_ns = closure_.blocked_ns = after_ns;
    return with(&Facts::linger_wait, &Facts::linger_left, &Facts::linger_broken);
  }

  // The linger wait was over for the kernel side so long after the call of close().
  Scene& wait_ended(std::uint64_t after_ns) {
    closure_.linger_ns = after_ns;
    return with(&Facts::linger_wait);
  }

  Scene& bytes(std::uint32_t never_sent, std::uint32_t unacked, std::uint32_t unread) {
    closure_.never_sent = never_sent;
    closure_.unacked = unacked;
    closure_.unread = unread;
    return *this;
  }

  Scene& error(std::int32_t number, std::int32_t soft = 0) {
    closure_.sock_error = number;
    closure_.sock_soft_error = soft;
    return *this;
  }

  Scene& retries(std::uint8_t retransmits, std::uint8_t probes = 0) {
    closure_.retransmits = retransmits;
    closure_.probes_out = probes;
    return *this;
  }

  Scene& exiting(std::int32_t code) {
    closure_.closer.exiting = true;
    closure_.closer.exit_code = code;
    return *this;
  }

  Scene& actor(std::uint32_t pid) {
    closure_.actor.pid = closure_.actor.tid = pid;
    return *this;
  }

  Scene& set(const std::function<void(Closure&)>& change) {
    change(closure_);
    return *this;
  }

  operator Closure() const { return closure_; }  // NOLINT(google-explicit-constructor)

 private:
  Closure closure_;
};

struct Expected {
  Class cls = Class::unknown;
  Reason reason = Reason::unknown;
  std::string_view rule{};       // empty: the reason's name
  std::string_view full_rule{};  // empty: as `rule`
  std::optional<Initiator> initiator{};
  ClosedBy closed_by = ClosedBy::none;
  std::optional<std::uint8_t> signal{};
  LingerOutcome linger = LingerOutcome::off;
  bool lost = false;
  std::optional<std::uint64_t> blocked_us{};
  std::optional<std::uint64_t> full_blocked_us{};
  std::optional<std::uint64_t> drain_us{};
};

struct Situation {
  std::string_view name;
  Closure base;
  Expected expected;
  std::function<void(Closure&)> full_adds{};

  [[nodiscard]] Closure full() const {
    Closure closure = base;
    closure.facts.full_hooks = true;
    if (!closure.blocked_ns && closure.closer.closed && !closure.facts.never_accepted &&
        !closure.facts.before_start) {
      closure.blocked_ns = kFullBlockedNs;
    }
    if (full_adds) {
      full_adds(closure);
    }
    return closure;
  }
};

// tcp_reset() seen by fentry as well: a true RST, or data after close.
inline void sees_rst(Closure& closure) { closure.facts.rst_in = true; }
inline void sees_data(Closure& closure) { closure.facts.no_rst_in = true; }
inline void sees_timewait(Closure& closure) {
  closure.facts.timewait = true;
  closure.facts.awaits_rst = false;
}

// Ends that the owner starts (A), ends while it holds the socket (B), ends of orphans (C), and ends
// before the handshake was complete.
std::vector<Situation> owner_closes();
std::vector<Situation> owner_lingers();
std::vector<Situation> kernel_closes();
std::vector<Situation> ends_under_the_owner();
std::vector<Situation> orphans_end();
std::vector<Situation> attempts_fail();

std::vector<Situation> all();

}  // namespace closewatch::situations
