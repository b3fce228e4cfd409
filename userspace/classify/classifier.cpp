// SPDX-License-Identifier: Apache-2.0
#include "userspace/classify/classifier.h"

#include "userspace/classify/rules.h"

namespace closewatch {
namespace {

constexpr std::uint64_t kNsPerUs = 1000;

std::uint64_t since(std::uint64_t start_ns, std::uint64_t end_ns) {
  return end_ns > start_ns ? end_ns - start_ns : 0;
}

// Did the application release the socket, and before the connection had ended? A close() that ends
// the connection itself may be stamped after the end.
bool closed(const Closure& closure) {
  const bool later = closure.close_ns && *closure.close_ns > closure.end_ns;
  return closure.closer.closed && (closure.facts.in_close || !later);
}

std::uint64_t linger_limit_ns(const Closure& closure, const ClassifierContext& context) {
  return closure.linger_jiffies * context.tick_ns;
}

// From close() to the end of the linger wait: exact with the full hooks, else an upper bound.
std::uint64_t linger_waited_ns(const Closure& closure) {
  return closure.linger_ns.value_or(
      since(closure.close_ns.value_or(closure.end_ns), closure.end_ns));
}

LingerOutcome linger_outcome(const Closure& closure) {
  const Facts& facts = closure.facts;
  if (!facts.linger) {
    return LingerOutcome::off;
  }
  if (closure.linger_jiffies == 0) {
    return LingerOutcome::zero;
  }
  if (!facts.linger_wait) {
    return facts.mptcp && !closure.closer.exiting ? LingerOutcome::unknown : LingerOutcome::skipped;
  }
  if (facts.linger_acked) {
    return LingerOutcome::completed;
  }
  // The connection ended under the wait, or that was broken off before.
  return !facts.dead || facts.linger_broken ? LingerOutcome::interrupted : LingerOutcome::expired;
}

ClosedBy closed_by(const Closure& closure) {
  const Closer& closer = closure.closer;
  if (!closed(closure)) {
    return closer.shutdown ? ClosedBy::shutdown : ClosedBy::none;
  }
  if (closer.exiting) {
    return (closer.exit_code & 0x7f) != 0 ? ClosedBy::signal : ClosedBy::exit;
  }
  if (closer.exec) {
    return ClosedBy::exec;
  }
  if (closer.io_worker || closer.io_uring) {
    return ClosedBy::io_uring;
  }
  // Sockets of the kernel's own may be closed on behalf of a process: a subflow for the owner of
  // the MPTCP socket, those below SMC and in the queue of an MPTCP listener in a close() of a
  // process.
  const bool for_itself = closure.facts.kernel_socket && !closure.facts.mptcp && !closer.close_call;
  if (closer.kthread || for_itself) {
    return ClosedBy::kernel;
  }
  return ClosedBy::close;
}

std::optional<Initiator> initiator(const Closure& closure, Reason reason) {
  switch (reason) {
    case Reason::linger_completed:
    case Reason::linger_expired:
      return closure.facts.peer_fin_first || closure.final_state == TcpState::last_ack
                 ? Initiator::peer
                 : Initiator::local;
    case Reason::peer_first:
    case Reason::reset_by_peer:
    case Reason::refused:
      return Initiator::peer;
    case Reason::retransmission:
    case Reason::fin_unacked:
    case Reason::zero_window:
    case Reason::keepalive:
    case Reason::user_timeout:
    case Reason::orphan_limit:
    case Reason::fin_wait2_timeout:
    case Reason::connect_timeout:
      return Initiator::kernel;
    case Reason::connect_error:
      return destroyed_by_other(closure) ? Initiator::local : Initiator::kernel;
    case Reason::local_first:
    case Reason::simultaneous:
    case Reason::unread_data:
    case Reason::linger_zero:
    case Reason::data_after_close:
    case Reason::disconnected:
    case Reason::destroyed:
    case Reason::listener_closed:
    case Reason::linger2:
    case Reason::repair:
    case Reason::closed_in_syn_sent:
      return Initiator::local;
    case Reason::unknown:
      break;
  }
  return std::nullopt;
}

std::optional<std::uint64_t> blocked_us(const Closure& closure, LingerOutcome linger,
                                        const ClassifierContext& context) {
  if (closure.blocked_ns) {
    return *closure.blocked_ns / kNsPerUs;
  }
  if (!closed(closure)) {
    return std::nullopt;
  }
  switch (linger) {
    case LingerOutcome::completed:
      return linger_waited_ns(closure) / kNsPerUs;
    case LingerOutcome::expired:
      return context.tick_ns != 0 ? std::optional{linger_limit_ns(closure, context) / kNsPerUs}
                                  : std::nullopt;
    case LingerOutcome::interrupted:
      // Ended under the wait, which that ended; what broke it off otherwise left no such mark.
      return closure.facts.dead ? std::nullopt
                                : std::optional{linger_waited_ns(closure) / kNsPerUs};
    case LingerOutcome::off:
    case LingerOutcome::zero:
    case LingerOutcome::skipped:
    case LingerOutcome::unknown:
      break;
  }
  return std::nullopt;
}

// Once close() has let go of an orphan no process locks it again, except to destroy it.
std::optional<std::uint64_t> drain_us(const Closure& closure) {
  const bool in_background =
      closure.facts.dead && (!closure.facts.owned || destroyed_by_other(closure));
  if (!in_background || !closure.close_ns || *closure.close_ns > closure.end_ns) {
    return std::nullopt;
  }
  return since(*closure.close_ns, closure.end_ns) / kNsPerUs;
}

}  // namespace

Verdict classify(const Closure& closure, const ClassifierContext& context) {
  Verdict verdict;
  verdict.linger = linger_outcome(closure);
  const Rule& rule = rule_for(closure, verdict.linger);
  verdict.cls = class_of(rule.reason);
  verdict.reason = rule.reason;
  verdict.rule = rule.id;
  verdict.lost = closure.discarded() + closure.unread > 0;
  verdict.initiator = initiator(closure, rule.reason);
  verdict.closed_by = closed_by(closure);
  if (verdict.closed_by == ClosedBy::signal) {
    verdict.signal = static_cast<std::uint8_t>(closure.closer.exit_code & 0x7f);
  }
  verdict.blocked_us = blocked_us(closure, verdict.linger, context);
  verdict.drain_us = drain_us(closure);
  return verdict;
}

}  // namespace closewatch
