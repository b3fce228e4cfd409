// SPDX-License-Identifier: Apache-2.0
// The storm: processes that each connect to themselves, accept, send 100 bytes, read them and close
// both ends, over and over, one connection at a time. What each connection ends with is known
// beforehand, and counted.
#pragma once

#include <sys/types.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "tests/storm/child.h"
#include "tests/storm/shared.h"

namespace closewatch::storm {

// How the client ends its connection; the server follows.
enum class Ending : std::uint8_t {
  graceful,     // client local_first, server peer_first
  linger_zero,  // client linger_zero, server reset_by_peer
  unread_data,  // client unread_data (kUnread bytes), server reset_by_peer
};
inline constexpr std::array<const char*, 3> kEndingNames{"graceful", "linger_zero", "unread_data"};
inline constexpr std::size_t kEndings = kEndingNames.size();
inline constexpr std::size_t kSent = 100;   // bytes from client to server, read
inline constexpr std::size_t kUnread = 50;  // bytes from server to client, not read

// Shares of each ending: {8, 1, 1} is eight graceful ones in ten.
using Mix = std::array<std::uint32_t, kEndings>;

struct LoadOptions {
  unsigned drivers = 1;
  std::uint64_t connections = UINT64_MAX;   // of each driver
  std::chrono::milliseconds time{1 << 30};  // at most so long
  Mix mix{1, 0, 0};
  bool own_networks = false;  // each driver in a fresh namespace; else all in the caller's
  // The two ends of each connection are in processes of their own, and the server closes first, as
  // services do: all graceful, whatever the mix.
  bool two_processes = false;
};

struct DriverResult {
  pid_t pid = 0;
  std::uint32_t network = 0;                      // inode number
  std::array<std::uint64_t, kEndings> endings{};  // connections made, by their end
  std::uint64_t wall_ns = 0;
  std::uint64_t cpu_ns = 0;  // user and system time, of the server's process too

  [[nodiscard]] std::uint64_t connections() const { return endings[0] + endings[1] + endings[2]; }
  [[nodiscard]] std::uint64_t of(Ending ending) const {
    return endings[static_cast<std::size_t>(ending)];
  }
};

struct LoadResult {
  std::vector<DriverResult> drivers;

  // Sums over all drivers; wall_ns is the longest.
  [[nodiscard]] DriverResult all() const;
};

class Load {
 public:
  // Returns when every driver is at work.
  explicit Load(const LoadOptions& options);
  ~Load();

  // Connections made so far.
  [[nodiscard]] std::uint64_t connections() const;
  // At least one driver is at work.
  [[nodiscard]] bool running() const;
  // Lets the drivers finish the connection that they are at.
  void stop();
  // Waits until they have ended.
  LoadResult wait();

 private:
  struct State;
  Shared<State> state_;
  std::vector<Child> children_;
};

// From start to end.
LoadResult run_load(const LoadOptions& options);

}  // namespace closewatch::storm
