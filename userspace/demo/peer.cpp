// SPDX-License-Identifier: Apache-2.0
#include "userspace/demo/peer.h"

#include <algorithm>

#include "userspace/demo/failure.h"

namespace closewatch::demo {
namespace {

constexpr std::uint32_t kInitialSequence = 1000000;

bool after(std::uint32_t left, std::uint32_t right) {
  return static_cast<std::int32_t>(left - right) > 0;
}

}  // namespace

Peer::Peer(Link& link, std::uint16_t port)
    : link_{link},
      silencer_{std::in_place, link.family(), port},
      port_{port},
      initial_{kInitialSequence},
      first_{initial_ + 1},
      next_{first_} {}

Peer::Peer(Link& link, const Peer& earlier)
    : link_{link},
      port_{earlier.port_},
      initial_{earlier.next_ + kInitialSequence},
      first_{initial_ + 1},
      next_{first_},
      taken_{link.seen().size()} {}

bool Peer::mine(const Segment& segment) const {
  return segment.target_port == port_ && (kernel_port_ == 0 || segment.source_port == kernel_port_);
}

void Peer::take_in() {
  for (; taken_ < link_.seen().size(); ++taken_) {
    const Segment& segment = link_.seen()[taken_];
    if (!mine(segment)) {
      continue;
    }
    ++count_;
    latest_ = segment;
    if (segment.has(kRst)) {
      rst_seen_ = true;
      continue;
    }
    if (segment.has(kSyn)) {
      if (!syn_) {
        syn_ = segment;
        kernel_port_ = segment.source_port;
        kernel_first_ = kernel_next_ = acked_ = segment.sequence + 1;
        kernel_acked_ = initial_;
      }
    }
    if (segment.has(kAck) && after(segment.ack, kernel_acked_)) {
      kernel_acked_ = segment.ack;
    }
    if (segment.has(kSyn)) {
      continue;
    }
    const std::uint32_t end = segment.sequence + segment.length;
    if (segment.length > 0 && after(end, kernel_next_)) {
      kernel_next_ = end;
    }
    if (segment.has(kFin)) {
      fin_seen_ = true;
    }
  }
}

void Peer::emit(std::uint8_t flags, std::uint32_t sequence, std::uint32_t length,
                std::uint16_t urgent) {
  link_.send({.source_port = port_,
              .target_port = kernel_port_,
              .sequence = sequence,
              .ack = (flags & kAck) != 0 ? acked_ : 0,
              .flags = flags,
              .window = window_,
              .urgent = urgent,
              .length = length,
              .mss = (flags & kSyn) != 0 ? kPeerMss : std::uint16_t{0}});
}

void Peer::await_syn() {
  link_.await("a SYN", [this] {
    take_in();
    return syn_.has_value();
  });
}

void Peer::accept(std::uint16_t window) {
  window_ = window;
  emit(kSyn | kAck, initial_, 0);
}

void Peer::refuse() {
  sent_rst_ = true;
  emit(kRst | kAck, 0, 0);
}

void Peer::send_unreachable(Unreachable what) {
  take_in();
  link_.send_unreachable(what, latest_);
}

void Peer::cross_syn() {
  acked_ = 0;
  emit(kSyn, initial_, 0);
  acked_ = kernel_first_;
}

void Peer::send_syn(std::uint16_t kernel_port) {
  kernel_port_ = kernel_port;
  emit(kSyn, initial_, 0);
}

void Peer::send_syn_with_data(std::uint16_t kernel_port, std::uint32_t bytes) {
  kernel_port_ = kernel_port;
  emit(kSyn, initial_, bytes);
  next_ += bytes;
}

void Peer::await_syn_ack() {
  link_.await("a SYN-ACK", [this] {
    take_in();
    return syn_.has_value();
  });
}

void Peer::finish_handshake(std::uint16_t window) {
  window_ = window;
  emit(kAck, next_, 0);
}

void Peer::connect(std::uint16_t kernel_port, std::uint16_t window) {
  send_syn(kernel_port);
  await_syn_ack();
  finish_handshake(window);
}

std::uint32_t Peer::sent_by_kernel() {
  take_in();
  return kernel_next_ - kernel_first_;
}

bool Peer::saw_fin() {
  take_in();
  return fin_seen_;
}

bool Peer::saw_rst() {
  take_in();
  return rst_seen_;
}

void Peer::await_bytes(std::uint32_t total) {
  link_.await("data", [this, total] { return sent_by_kernel() >= total; });
}

void Peer::await_fin() {
  link_.await("a FIN", [this] { return saw_fin(); });
}

void Peer::await_rst() {
  link_.await("a RST", [this] { return saw_rst(); });
}

void Peer::await_ack_of(std::uint32_t sent_by_peer) {
  link_.await("an acknowledgement", [this, sent_by_peer] {
    take_in();
    return !after(first_ + sent_by_peer, kernel_acked_);
  });
}

void Peer::await_ack_of_fin() { await_ack_of(sent() + 1); }

void Peer::await_segments(std::size_t more) {
  take_in();
  const std::size_t goal = count_ + more;
  link_.await("further segments", [this, goal] {
    take_in();
    return count_ >= goal;
  });
}

void Peer::ack(std::uint32_t total) {
  acked_ = kernel_first_ + total;
  emit(kAck, next_ + (fin_sent_ ? 1 : 0), 0);
}

void Peer::take_all() { acked_ = kernel_first_ + sent_by_kernel() + (saw_fin() ? 1 : 0); }

void Peer::ack_all() {
  take_all();
  emit(kAck, next_ + (fin_sent_ ? 1 : 0), 0);
}

void Peer::window(std::uint16_t window) {
  window_ = window;
  emit(kAck, next_, 0);
}

void Peer::send(std::uint32_t bytes) {
  const std::uint32_t end = next_ + bytes;
  while (next_ != end) {
    const std::uint32_t length = std::min<std::uint32_t>(end - next_, kPeerMss);
    emit(kAck | kPsh, next_, length);
    next_ += length;
  }
}

void Peer::send_urgent(std::uint32_t bytes) {
  emit(kAck | kPsh | kUrg, next_, bytes, static_cast<std::uint16_t>(bytes));
  next_ += bytes;
}

void Peer::send_out_of_order(std::uint32_t gap, std::uint32_t bytes) {
  emit(kAck | kPsh, next_ + gap, bytes);
}

void Peer::fin() {
  emit(kAck | kFin, next_, 0);
  fin_sent_ = true;
}

void Peer::fin_out_of_order(std::uint32_t gap) { emit(kAck | kFin, next_ + gap, 0); }

void Peer::rst() {
  sent_rst_ = true;
  emit(kRst | kAck, next_ + (fin_sent_ ? 1 : 0), 0);
}

void Peer::rst_blind() { emit(kRst | kAck, next_ + 1, 0); }

}  // namespace closewatch::demo
