// SPDX-License-Identifier: Apache-2.0
#include "userspace/classify/explain.h"

#include <fmt/core.h>
#include <string.h>

#include "userspace/classify/evidence.h"
#include "userspace/classify/rules.h"

namespace closewatch {
namespace {

std::string count(std::uint64_t number, std::string_view thing) {
  return fmt::format("{} {}{}", number, thing, number == 1 ? "" : "s");
}

std::string bytes(std::uint64_t number) { return count(number, "byte"); }

std::string duration(std::uint64_t us) {
  if (us < 1000) {
    return fmt::format("{} us", us);
  }
  if (us < 1'000'000) {
    return fmt::format("{:.1f} ms", static_cast<double>(us) / 1e3);
  }
  return fmt::format("{:.2f} s", static_cast<double>(us) / 1e6);
}

// " 1.20 s", or nothing where the time is not known: fits behind a verb.
std::string for_time(const std::optional<std::uint64_t>& us) {
  return us ? " " + duration(*us) : std::string{};
}

std::string signal_name(int number) {
  const char* name = ::sigabbrev_np(number);
  return name != nullptr ? fmt::format("signal {} (SIG{})", number, name)
                         : fmt::format("signal {}", number);
}

// What let go of the socket, as a noun.
std::string the_close(const Verdict& verdict) {
  switch (verdict.closed_by) {
    case ClosedBy::close:
      return "close()";
    case ClosedBy::shutdown:
      return "shutdown()";
    case ClosedBy::exit:
      return "the exit of the process";
    case ClosedBy::signal:
      return "the death of the process by " + signal_name(verdict.signal.value_or(0));
    case ClosedBy::exec:
      return "exec";
    case ClosedBy::io_uring:
      return "the close through io_uring";
    case ClosedBy::kernel:
      return "the close by the kernel";
    case ClosedBy::none:
      break;
  }
  return "the close";
}

std::string capitalised(std::string text) {
  if (text.rfind("the ", 0) == 0) {
    text[0] = 'T';
  } else if (text == "exec") {
    text[0] = 'E';
  }
  return text;
}

// ", at close()"; nothing where nobody was seen to close.
std::string at_close(const Verdict& verdict) {
  return verdict.closed_by == ClosedBy::none ? "" : ", at " + the_close(verdict);
}

// Like at_close(), for the FIN, which an earlier shutdown() has sent.
std::string at_fin(const Closure& closure, const Verdict& verdict) {
  return closure.closer.shutdown ? ", at shutdown()" : at_close(verdict);
}

// " 12.3 ms after close(),", where the end came in the background.
std::string after_close(const Verdict& verdict) {
  return verdict.drain_us
             ? fmt::format(" {} after {},", duration(*verdict.drain_us), the_close(verdict))
             : std::string{};
}

std::string explain_destroyed(const Closure& closure, const Verdict& verdict) {
  const std::string_view state = name_of(closure.final_state);
  if (closure.facts.stuck_orphan) {
    return fmt::format(
        "SOCK_DESTROY hit the connection{} in {}: this kernel drops the data then, but leaves the "
        "socket there for ever.",
        after_close(verdict), state);
  }
  if (!destroyed_by_other(closure)) {
    return fmt::format(
        "The network namespace of this kernel socket went away, and the connection with it, in {} "
        "and without a word to the peer.",
        state);
  }
  return fmt::format(
      "{} destroyed the connection{} in {}, with SOCK_DESTROY or bpf_sock_destroy().",
      closure.actor.known() ? fmt::format("Process {}", closure.actor.pid)
                            : std::string("Somebody else"),
      after_close(verdict), state);
}

std::string explain_data_after_close(const Closure& closure, const Verdict& verdict) {
  const std::string when =
      verdict.drain_us ? after_close(verdict) : std::string(" after this side had closed,");
  if (!closure.facts.reset_called) {
    return fmt::format(
        "The segment that acknowledged our FIN,{} carried data as well, so the kernel answered it "
        "with a reset.",
        when);
  }
  return fmt::format("The peer sent data{} in {}, so the kernel answered with a reset.", when,
                     name_of(closure.final_state));
}

std::string explain_disconnected(const Closure& closure) {
  return fmt::format("{} ended the connection in {}, {} a reset.",
                     closure.facts.mptcp ? "MPTCP" : "The application's connect(AF_UNSPEC)",
                     name_of(closure.final_state),
                     closure.facts.rst_before || closure.facts.rst_after ? "with" : "without");
}

std::string explain_unread(const Closure& closure, const Verdict& verdict) {
  if (closure.unread == 0 && closure.facts.mptcp) {
    return fmt::format(
        "The MPTCP socket had received data that was not read at {}, so MPTCP reset this subflow.",
        the_close(verdict));
  }
  if (closure.unread == 0) {
    return fmt::format(
        "A received buffer was still queued at {}, though it had been read, and this kernel then "
        "sends a reset instead of a FIN.",
        the_close(verdict));
  }
  return fmt::format(
      "{} had been received and not read at {}, so the kernel sent a reset instead of a FIN.",
      bytes(closure.unread), the_close(verdict));
}

// "after 3 retransmissions ", or nothing for none.
std::string after(std::uint64_t number, std::string_view thing) {
  return number > 0 ? fmt::format("after {} ", count(number, thing)) : std::string{};
}

std::string explain_connect_error(const Closure& closure) {
  if (destroyed_by_other(closure)) {
    return "Another process destroyed the connection attempt (SOCK_DESTROY).";
  }
  if (closure.sock_error != 0) {
    return fmt::format("The connection attempt failed with {}.", errno_name(closure.sock_error));
  }
  return "The connection attempt failed on this host before the peer had answered, or was taken "
         "back.";
}

std::string what_happened(const Closure& closure, const Verdict& verdict) {
  const std::string_view state = name_of(closure.final_state);
  const std::string close = the_close(verdict);
  switch (verdict.reason) {
    case Reason::local_first:
      return fmt::format(
          "Our FIN came first{}, and the peer acknowledged it and all data before it.",
          at_fin(closure, verdict));
    case Reason::peer_first:
      return fmt::format(
          "The peer's FIN came first; ours followed{}, and the peer acknowledged it and all data "
          "before it.",
          at_fin(closure, verdict));
    case Reason::simultaneous:
      return fmt::format(
          "The FINs crossed on the way{}, and the peer acknowledged ours and all data before it.",
          at_fin(closure, verdict));
    case Reason::linger_completed:
      return fmt::format(
          "SO_LINGER made {} wait{} until all data and the FIN were acknowledged, and the "
          "connection then ended in order.",
          close, for_time(verdict.blocked_us));
    case Reason::linger_expired:
      return fmt::format(
          "SO_LINGER made {} wait{}, the whole linger time, without everything being acknowledged; "
          "the kernel went on in the background and delivered all of it.",
          close, for_time(verdict.blocked_us));
    case Reason::retransmission:
      if (closure.unacked == 0) {
        return fmt::format(
            "In {} this host could not send, although the peer had room for {}, and {}the kernel "
            "gave up.",
            state, bytes(closure.send_window), after(closure.probes_out, "attempt"));
      }
      return fmt::format("In {} the peer acknowledged no more data, and {}the kernel gave up.",
                         state, after(closure.retransmits, "retransmission"));
    case Reason::fin_unacked:
      return fmt::format(
          "All data was acknowledged, but our FIN was not, and {}in {} the kernel gave up.",
          after(closure.retransmits, "retransmission"), state);
    case Reason::zero_window:
      return fmt::format(
          "The peer took no more data, with a window of {}, and {}the kernel gave up.",
          bytes(closure.send_window), after(closure.probes_out, "unanswered probe"));
    case Reason::keepalive:
      return fmt::format("The connection was idle in {}, and {}the kernel gave the peer up.", state,
                         after(closure.probes_out, "unanswered keepalive probe"));
    case Reason::user_timeout:
      return fmt::format(
          "TCP_USER_TIMEOUT of {} ms passed in {} without an answer from the peer, and the kernel "
          "gave up.",
          closure.user_timeout_ms, state);
    case Reason::unread_data:
      return explain_unread(closure, verdict);
    case Reason::linger_zero:
      return fmt::format("SO_LINGER was on with a time of 0, so {} {} in {}.", close,
                         closure.facts.rst_after ? "reset the connection"
                                                 : "dropped the connection without a reset",
                         state);
    case Reason::data_after_close:
      return explain_data_after_close(closure, verdict);
    case Reason::reset_by_peer:
      return fmt::format("A reset from the peer arrived{} in {}.", after_close(verdict), state);
    case Reason::disconnected:
      return explain_disconnected(closure);
    case Reason::destroyed:
      return explain_destroyed(closure, verdict);
    case Reason::listener_closed:
      return fmt::format(
          "The connection still waited to be accepted when its listener was closed{}, so the "
          "kernel "
          "reset it.",
          at_close(verdict));
    case Reason::orphan_limit:
      return fmt::format(
          "Too many orphans or too little TCP memory: the kernel reset the closed connection{} in "
          "{}.",
          after_close(verdict), state);
    case Reason::linger2:
      return fmt::format(
          "TCP_LINGER2 is {}, so the kernel reset the connection once our FIN was acknowledged "
          "instead of waiting for the peer's.",
          closure.linger2);
    case Reason::fin_wait2_timeout:
      return fmt::format(
          "Our FIN was acknowledged, the peer's never came, and{} a timer reset the connection.",
          after_close(verdict));
    case Reason::repair:
      return fmt::format(
          "The socket was in TCP_REPAIR mode, so {} dropped the connection in {} without a word to "
          "the peer.",
          close, state);
    case Reason::refused:
      return closure.final_state == TcpState::syn_sent
                 ? "The peer answered the connection attempt with a reset."
                 : "The peer sent a reset before the handshake was complete.";
    case Reason::connect_timeout:
      return fmt::format("The handshake went unanswered, and {}the kernel gave up with {}.",
                         after(closure.retransmits, "retransmission"),
                         errno_name(closure.sock_error));
    case Reason::connect_error:
      return explain_connect_error(closure);
    case Reason::closed_in_syn_sent:
      return fmt::format("{} came before the handshake was complete.", capitalised(close));
    case Reason::unknown:
      break;
  }
  return fmt::format("The connection went from {} to CLOSE, and no rule says why.", state);
}

// A verdict of class graceful, lingered or linger_expired has already said that all was delivered.
bool says_delivered(const Verdict& verdict) {
  return verdict.cls == Class::graceful || verdict.cls == Class::lingered ||
         verdict.reason == Reason::linger_expired;
}

std::string what_was_lost(const Closure& closure, const Verdict& verdict) {
  std::string lost;
  const auto add = [&lost](std::uint32_t number, std::string_view how) {
    if (number > 0) {
      lost += fmt::format("{}{} {}", lost.empty() ? "" : "; ", bytes(number), how);
    }
  };
  add(closure.never_sent, "never sent");
  add(closure.unacked, "sent but not acknowledged, though perhaps received");
  const bool said = verdict.reason == Reason::unread_data && closure.unread > 0;
  if (!said) {
    add(closure.unread, "received but never read");
  }
  if (!lost.empty()) {
    return fmt::format(" Lost{}: {}.", said ? " as well" : "", lost);
  }
  if (said || says_delivered(verdict) || verdict.cls == Class::unestablished) {
    return {};
  }
  // What is still unread can be lost later, when the descriptor is closed; what the MPTCP socket
  // had not read is lost, and told with another subflow (up to 6.1 with none).
  const bool more = closure.facts.mptcp && verdict.reason == Reason::unread_data;
  return more || (closure.facts.fd_open && verdict.reason != Reason::disconnected)
             ? " All data that was sent had been acknowledged."
             : " No bytes were lost.";
}

std::string about_linger(const Closure& closure, const Verdict& verdict) {
  const std::string close = the_close(verdict);
  const std::string waited = for_time(verdict.blocked_us);
  switch (verdict.linger) {
    case LingerOutcome::completed:
      return verdict.reason == Reason::linger_completed
                 ? ""
                 : fmt::format(
                       " SO_LINGER had made {} wait{}, until all data and the FIN were "
                       "acknowledged.",
                       close, waited);
    case LingerOutcome::expired:
      return verdict.reason == Reason::linger_expired
                 ? ""
                 : fmt::format(" SO_LINGER had made {} wait{} before that, in vain.", close,
                               waited);
    case LingerOutcome::interrupted:
      return closure.facts.dead ? fmt::format(" A signal cut the SO_LINGER wait of {} short{}.",
                                              close, waited.empty() ? waited : " after" + waited)
             : waited.empty()
                 ? fmt::format(" {} was still waiting for SO_LINGER.", capitalised(close))
                 : fmt::format(" {} was then{} into its SO_LINGER wait.", capitalised(close),
                               waited);
    case LingerOutcome::skipped:
      return verdict.closed_by == ClosedBy::exit || verdict.closed_by == ClosedBy::signal
                 ? " SO_LINGER was on, but an exiting process never waits."
                 : "";
    case LingerOutcome::unknown:
      return " Whether its MPTCP socket waited for SO_LINGER is not known.";
    case LingerOutcome::off:
    case LingerOutcome::zero:
      break;
  }
  return {};
}

std::string what_else(const Closure& closure, const Verdict& verdict) {
  if (closure.facts.late_data_reset) {
    return " Data that the peer sent afterwards was answered with a reset.";
  }
  if (closure.facts.peer_never_closed) {
    return " The peer never sent its FIN.";
  }
  if (std::string linger = about_linger(closure, verdict); !linger.empty()) {
    return linger;
  }
  if (verdict.drain_us && (says_delivered(verdict) || verdict.cls == Class::timed_out)) {
    return fmt::format(" The end came {} after {}, in the background.", duration(*verdict.drain_us),
                       the_close(verdict));
  }
  return {};
}

}  // namespace

std::string explain(const Closure& closure, const Verdict& verdict) {
  return what_happened(closure, verdict) + what_was_lost(closure, verdict) +
         what_else(closure, verdict);
}

}  // namespace closewatch
