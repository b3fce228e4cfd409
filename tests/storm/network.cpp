// SPDX-License-Identifier: Apache-2.0
#include "tests/storm/network.h"

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <fstream>
#include <string_view>

#include "tests/storm/await.h"
#include "tests/storm/must.h"
#include "userspace/base/unique_fd.h"

namespace closewatch::storm {
namespace {

// TCP sockets of the namespace that are in a state other than CLOSE and TIME_WAIT.
unsigned sockets_in_use() {
  std::ifstream file("/proc/thread-self/net/sockstat");
  std::string word;
  unsigned count = 0;
  while (file >> word) {
    if (word == "TCP:") {
      file >> word >> count;
    }
  }
  return count;
}

}  // namespace

void set_sysctl(const std::string& name, const std::string& value) {
  const std::string path = "/proc/sys/net/ipv4/" + name;
  const UniqueFd file(must(::open(path.c_str(), O_WRONLY | O_CLOEXEC), path.c_str()));
  must(::write(file.get(), value.data(), value.size()), path.c_str());
}

void enter_new_network() {
  must(::unshare(CLONE_NEWNET), "unshare(CLONE_NEWNET)");
  const UniqueFd any(must(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket"));
  ifreq loopback{};
  std::string("lo").copy(loopback.ifr_name, IFNAMSIZ);
  loopback.ifr_flags = IFF_UP;
  must(::ioctl(any.get(), SIOCSIFFLAGS, &loopback), "loopback up");
  set_sysctl("ip_local_port_range", "1024 65535");
}

void receive_by_interrupts() {
  // A sysfs shows the namespace that it was made in; this one is mounted nowhere.
  const UniqueFd context(must(::fsopen("sysfs", FSOPEN_CLOEXEC), "fsopen"));
  must(::fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0), "fsconfig");
  const UniqueFd sysfs(must(::fsmount(context.get(), FSMOUNT_CLOEXEC, 0), "fsmount"));
  const UniqueFd file(
      must(::openat(sysfs.get(), "class/net/lo/queues/rx-0/rps_cpus", O_WRONLY | O_CLOEXEC),
           "rps_cpus"));
  const std::string_view two_cpus = "3";
  must(::write(file.get(), two_cpus.data(), two_cpus.size()), "rps_cpus");
}

std::uint32_t network_inode() {
  struct stat status {};
  must(::stat("/proc/thread-self/ns/net", &status), "/proc/thread-self/ns/net");
  return static_cast<std::uint32_t>(status.st_ino);
}

void await_closed(unsigned listeners) {
  await("waiting for every connection to end",
        [listeners] { return sockets_in_use() == listeners; });
}

}  // namespace closewatch::storm
