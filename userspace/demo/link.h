// SPDX-License-Identifier: Apache-2.0
// The wire between the kernel's TCP and the scripted peers: a packet socket on the loopback of the
// namespace. It sees every segment to the peer's address, and what is sent on it arrives as if from
// there. Packets to the peer are routed to the machine itself (see network.cpp); a Silencer keeps
// the kernel from answering in the peer's place. Works in the context of the thread that sends:
// softirq work runs on the peer's time.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <vector>

#include "userspace/base/unique_fd.h"
#include "userspace/demo/segment.h"

namespace closewatch::demo {

class Link {
 public:
  explicit Link(Family family);

  [[nodiscard]] Family family() const { return family_; }

  void send(const Segment& segment);
  void send_unreachable(Unreachable what, const Segment& offender);

  // Waits at most `wait` for segments and takes in all that are there.
  void pump(std::chrono::milliseconds wait);

  // Everything the kernel sent so far, oldest first. Grows only.
  [[nodiscard]] const std::vector<Segment>& seen() const { return seen_; }

  // Pumps until `done` holds; gives up at the deadline, saying `what` was waited for.
  void await(const char* what, const std::function<bool()>& done);

 private:
  void transmit(const std::vector<std::uint8_t>& packet);

  Family family_;
  UniqueFd socket_;
  std::vector<Segment> seen_;
};

// Swallows what the kernel sends to one port of the peer: a listener whose filter accepts no
// packet, so that no RST is answered.
class Silencer {
 public:
  Silencer(Family family, std::uint16_t port);

 private:
  UniqueFd socket_;
};

}  // namespace closewatch::demo
