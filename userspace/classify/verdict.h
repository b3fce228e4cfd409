// SPDX-License-Identifier: Apache-2.0
// What a closure is called: class, reason and the rest of the verdict (design.md section 2). Names
// are the contract of every output; they are never reused for another meaning. The classifier makes
// a Verdict, everything to its right only reads it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace closewatch {

enum class Class : std::uint8_t { graceful, lingered, timed_out, abortive, unestablished, unknown };
inline constexpr std::size_t kClassCount = 6;

enum class Reason : std::uint8_t {
  local_first,
  peer_first,
  simultaneous,
  linger_completed,
  linger_expired,
  retransmission,
  fin_unacked,
  zero_window,
  keepalive,
  user_timeout,
  unread_data,
  linger_zero,
  data_after_close,
  reset_by_peer,
  disconnected,
  destroyed,
  listener_closed,
  orphan_limit,
  linger2,
  fin_wait2_timeout,
  repair,
  refused,
  connect_timeout,
  connect_error,
  closed_in_syn_sent,
  unknown,
};
inline constexpr std::size_t kReasonCount = 26;

// Whose FIN or act ended the connection: this host's application or administrator, the peer, or a
// limit of this host's kernel.
enum class Initiator : std::uint8_t { local, peer, kernel };

// How the application let go of the socket, and of the listener for listener_closed. none: not
// before the connection had ended, or before observation began.
enum class ClosedBy : std::uint8_t { close, shutdown, exit, signal, exec, io_uring, kernel, none };

// What became of SO_LINGER. off and zero are the setting itself; with a positive time:
//   completed    close() waited until all data and the FIN were acknowledged
//   expired      the time passed first
//   interrupted  a signal ended the wait, or the connection died under it. With the base hooks
//                task work of the kernel's that does so is not seen: it counts as expired when
//                nothing more was seen of the connection within the linger time
//   skipped      there was no wait: the process was exiting, close() itself ended the connection,
//                all was acknowledged already, or the connection had ended before any close()
//   unknown      of an MPTCP subflow: it is close() of the MPTCP socket that may have waited
enum class LingerOutcome : std::uint8_t {
  off,
  zero,
  completed,
  expired,
  interrupted,
  skipped,
  unknown,
};

std::string_view name_of(Class value);
std::string_view name_of(Reason value);
std::string_view name_of(Initiator value);
std::string_view name_of(ClosedBy value);
std::string_view name_of(LingerOutcome value);

// The class that a reason belongs to.
Class class_of(Reason value);

// By name, as the command line takes them; nullopt for an unknown name.
std::optional<Class> class_named(std::string_view name);
std::optional<Reason> reason_named(std::string_view name);

struct Verdict {
  Class cls = Class::unknown;
  Reason reason = Reason::unknown;
  std::string_view rule;               // id of the rule that decided; a literal, never freed
  bool lost = false;                   // discarded + unread > 0
  std::optional<Initiator> initiator;  // nullopt: unknown
  ClosedBy closed_by = ClosedBy::none;
  std::optional<std::uint8_t> signal;  // the signal that killed the closer
  LingerOutcome linger = LingerOutcome::off;
  // How long close() kept its caller. The base hooks know it only of a linger wait that completed,
  // expired (the linger time itself) or ended with the connection.
  std::optional<std::uint64_t> blocked_us;
  // From the call of close() to the end of the connection, a linger wait included, when close()
  // left it to the background; nullopt when it ended before or inside close().
  std::optional<std::uint64_t> drain_us;

  friend bool operator==(const Verdict&, const Verdict&) = default;
};

}  // namespace closewatch
