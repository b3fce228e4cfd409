// SPDX-License-Identifier: Apache-2.0
#include "tests/daemon/page.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

#include "tests/storm/must.h"
#include "tests/storm/story.h"
#include "userspace/base/unique_fd.h"

namespace closewatch::daemon_test {

std::string get(const std::string& socket_path, const std::string& target) {
  const UniqueFd fd(storm::must(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, socket_path.data(), socket_path.size());
  storm::must(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address),
              socket_path.c_str());
  const std::string request = "GET " + target + " HTTP/1.1\r\nHost: localhost\r\n\r\n";
  storm::must(::write(fd.get(), request.data(), request.size()), "write");
  std::string answer;
  for (;;) {
    char some[65536];
    const ssize_t got = storm::must(::read(fd.get(), some, sizeof some), "read");
    if (got == 0) {
      return answer;
    }
    answer.append(some, static_cast<std::size_t>(got));
  }
}

std::uint64_t sum_of(const std::string& page, const std::string& metric, const std::string& label) {
  std::uint64_t sum = 0;
  for (const std::string& line : storm::lines_of(page)) {
    const bool is_of_it = line.starts_with(metric + "{") || line.starts_with(metric + " ");
    if (is_of_it && line.find(label) != std::string::npos) {
      sum += std::stoull(line.substr(line.rfind(' ') + 1));
    }
  }
  return sum;
}

std::uint64_t accounted_for(const std::string& page) {
  return sum_of(page, "closewatch_closures_total") +
         sum_of(page, "closewatch_kernel_connections_unseen");
}

}  // namespace closewatch::daemon_test
