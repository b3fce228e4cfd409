// SPDX-License-Identifier: Apache-2.0
// A closewatch that is killed in the middle of its work leaves nothing behind in the kernel, and
// the next one is as exact as the first.
#include <linux/bpf.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "tests/storm/await.h"
#include "tests/storm/load.h"
#include "tests/storm/network.h"
#include "tests/storm/story.h"
#include "tests/storm/suite.h"

namespace closewatch::storm {
namespace {

struct BpfObject {
  bpf_cmd open;  // the command that opens it by its id
  std::uint32_t id;

  [[nodiscard]] bool exists() const {
    bpf_attr attributes{};
    attributes.prog_id = id;  // the same place for every kind
    const UniqueFd fd(static_cast<int>(::syscall(SYS_bpf, open, &attributes, sizeof attributes)));
    return fd.valid();
  }
};

// The BPF programs, maps and links that a process holds.
std::vector<BpfObject> held_by(pid_t pid) {
  std::vector<BpfObject> objects;
  const std::filesystem::path infos = "/proc/" + std::to_string(pid) + "/fdinfo";
  for (const auto& info : std::filesystem::directory_iterator(infos)) {
    std::ifstream file(info.path());
    std::string key;
    std::string value;
    bool link = false;
    while (file >> key >> value) {
      const auto id = [&] { return static_cast<std::uint32_t>(std::stoul(value)); };
      if (key == "link_id:") {
        objects.push_back({BPF_LINK_GET_FD_BY_ID, id()});
        link = true;
      } else if (key == "prog_id:" && !link) {
        objects.push_back({BPF_PROG_GET_FD_BY_ID, id()});
      } else if (key == "map_id:") {
        objects.push_back({BPF_MAP_GET_FD_BY_ID, id()});
      }
      file.ignore(4096, '\n');
    }
  }
  return objects;
}

class restart : public Suite {};

TEST_F(restart, after_a_kill_is_clean_and_exact) {
  Load load({.drivers = 1});
  std::vector<BpfObject> objects;
  {
    Closewatch first = watch();
    objects = held_by(first.pid());
    ASSERT_GT(objects.size(), 10U);
    for (const BpfObject& object : objects) {
      ASSERT_TRUE(object.exists()) << object.open << " " << object.id;
    }
    const std::uint64_t before = load.connections();
    await("waiting for traffic", [&] { return load.connections() > before + 1000; });
    first.signal(SIGKILL);
    ASSERT_EQ(first.wait(), 128 + SIGKILL);
  }
  for (const BpfObject& object : objects) {
    await("waiting for a BPF object to go", [&] { return !object.exists(); });
  }
  load.stop();
  load.wait();
  await_closed(0);

  Closewatch second = watch();
  const DriverResult made = run_load({.drivers = 2, .connections = 500, .mix{2, 1, 1}}).all();
  await_closed(0);
  ASSERT_EQ(second.interrupt(), 0) << second.errors();
  const std::vector<Json> closures = Story(second.output()).of_network(network_);
  EXPECT_EQ(closures.size(), 2 * made.connections());
  EXPECT_EQ(count(closures, "linger_zero"), made.of(Ending::linger_zero));
  EXPECT_EQ(count(closures, "unread_data"), made.of(Ending::unread_data));
  EXPECT_EQ(count(closures, "local_first"), made.of(Ending::graceful));
  for (const Json& closure : closures) {
    EXPECT_EQ(closure["flags"], Json::array()) << closure;
  }
}

}  // namespace
}  // namespace closewatch::storm
