// SPDX-License-Identifier: Apache-2.0
#include "userspace/demo/socket_table.h"

#include <netinet/tcp.h>

#include <cstdio>
#include <fstream>
#include <string>

namespace closewatch::demo {
namespace {

constexpr unsigned kTimewaitTimer = 3;  // get_timewait4_sock(), net/ipv4/tcp_ipv4.c

struct Line {
  std::uint16_t local_port = 0;
  std::uint16_t peer_port = 0;
  TableEntry entry;
};

std::optional<Line> parse(const std::string& line) {
  unsigned local = 0;
  unsigned peer = 0;
  unsigned state = 0;
  unsigned sending = 0;
  unsigned receiving = 0;
  unsigned timer = 0;
  unsigned inode = 0;
  if (std::sscanf(line.c_str(), " %*d: %*[0-9A-F]:%X %*[0-9A-F]:%X %X %X:%X %X:%*X %*X %*d %*d %u",
                  &local, &peer, &state, &sending, &receiving, &timer, &inode) != 7) {
    return std::nullopt;
  }
  return Line{.local_port = static_cast<std::uint16_t>(local),
              .peer_port = static_cast<std::uint16_t>(peer),
              .entry = {.state = static_cast<int>(state),
                        .mini = timer == kTimewaitTimer,
                        .unacked = sending,
                        .unread = receiving,
                        .inode = inode}};
}

constexpr const char* kTable4 = "/proc/self/net/tcp";
constexpr const char* kTable6 = "/proc/self/net/tcp6";

}  // namespace

std::optional<TableEntry> find_socket(Family family, std::uint16_t local_port,
                                      std::uint16_t peer_port) {
  std::ifstream table{socket_family(family) == AF_INET6 ? kTable6 : kTable4};
  std::string text;
  while (std::getline(table, text)) {
    const auto line = parse(text);
    if (line && line->local_port == local_port && line->peer_port == peer_port) {
      return line->entry;
    }
  }
  return std::nullopt;
}

Census count_connections() {
  Census census;
  for (const char* path : {kTable4, kTable6}) {
    std::ifstream table{path};
    std::string text;
    while (std::getline(table, text)) {
      const auto line = parse(text);
      if (line && line->entry.state != TCP_LISTEN) {
        ++(line->entry.mini ? census.timewait : census.full);
      }
    }
  }
  return census;
}

}  // namespace closewatch::demo
