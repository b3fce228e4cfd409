// SPDX-License-Identifier: Apache-2.0
// One scripted end of one connection: a TCP without a will of its own. It acknowledges, sends,
// closes and resets when the script says so and is silent otherwise; MSS 1000, no SACK, timestamps
// or window scaling, so that windows and flights are exact. Byte counts leave SYN and FIN out.
#pragma once

#include <cstdint>
#include <optional>

#include "userspace/demo/link.h"

namespace closewatch::demo {

inline constexpr std::uint16_t kPeerMss = 1000;
inline constexpr std::uint16_t kWideWindow = 65535;

class Peer {
 public:
  // `port` is the peer's. No packet is sent.
  Peer(Link& link, std::uint16_t port);
  // A later connection from the port of `earlier`, with higher sequence numbers.
  Peer(Link& link, const Peer& earlier);

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] std::uint16_t kernel_port() const { return kernel_port_; }

  // The kernel connects: wait for its SYN; answer it (the kernel then is ESTABLISHED).
  void await_syn();
  void accept(std::uint16_t window);
  void refuse();                            // RST in answer to the SYN
  void send_unreachable(Unreachable what);  // ICMP, about the kernel's latest segment
  void cross_syn();  // a SYN of our own instead of an answer: simultaneous open

  // The peer connects to a listener of the kernel's.
  void send_syn(std::uint16_t kernel_port);
  void await_syn_ack();
  void finish_handshake(std::uint16_t window);
  void connect(std::uint16_t kernel_port, std::uint16_t window);  // the three in a row

  // What the kernel sent so far.
  [[nodiscard]] std::uint32_t sent_by_kernel();  // payload bytes, highest sequence seen
  [[nodiscard]] bool saw_fin();
  [[nodiscard]] bool saw_rst();
  void await_bytes(std::uint32_t total);
  void await_fin();
  void await_rst();
  void await_ack_of(std::uint32_t sent_by_peer);  // kernel acknowledges so many bytes of ours
  void await_ack_of_fin();
  void await_segments(
      std::size_t more);  // `more` further segments of any kind: retransmissions, probes

  // What the peer does. ack() acknowledges `total` bytes, ack_all() all it saw, the FIN included.
  void ack(std::uint32_t total);
  void ack_all();
  void take_all();                    // acknowledges all with the next segment, whatever that is
  void window(std::uint16_t window);  // changes it and says so
  void send(std::uint32_t bytes);
  void send_urgent(std::uint32_t bytes);                           // the last is out of band
  void send_out_of_order(std::uint32_t gap, std::uint32_t bytes);  // leaves `gap` bytes unsent
  void fin();
  void fin_out_of_order(std::uint32_t gap);
  void send_syn_with_data(std::uint16_t kernel_port, std::uint32_t bytes);  // TCP Fast Open
  void rst();
  void rst_blind();  // in the window but not exact: to be challenged (RFC 5961)

  [[nodiscard]] std::uint32_t sent() const { return next_ - first_; }  // payload bytes of ours
  [[nodiscard]] bool sent_rst() const { return sent_rst_; }

 private:
  void emit(std::uint8_t flags, std::uint32_t sequence, std::uint32_t length,
            std::uint16_t urgent = 0);
  void take_in();
  [[nodiscard]] bool mine(const Segment& segment) const;

  Link& link_;
  std::optional<Silencer> silencer_;  // the first peer of a port has it
  std::uint16_t port_;
  std::uint16_t kernel_port_ = 0;
  std::uint16_t window_ = kWideWindow;
  std::uint32_t initial_;  // sequence of our SYN
  std::uint32_t first_;    // sequence of our first payload byte
  std::uint32_t next_;     // sequence of our next payload byte; the FIN does not count
  bool fin_sent_ = false;
  bool sent_rst_ = false;
  std::uint32_t acked_ = 0;  // sequence that we acknowledge

  std::size_t taken_ = 0;  // segments of the link looked at
  std::size_t count_ = 0;  // of these, ours
  std::optional<Segment> syn_;
  Segment latest_;
  std::uint32_t kernel_first_ = 0;
  std::uint32_t kernel_next_ = 0;   // behind the highest payload byte seen
  std::uint32_t kernel_acked_ = 0;  // highest acknowledgement seen
  bool fin_seen_ = false;
  bool rst_seen_ = false;
};

}  // namespace closewatch::demo
