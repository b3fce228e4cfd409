// SPDX-License-Identifier: Apache-2.0
// What the running daemon can still do.
#include <gmock/gmock.h>
#include <grp.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/daemon/served.h"
#include "tests/storm/load.h"
#include "tests/storm/must.h"
#include "tests/storm/network.h"
#include "tests/storm/story.h"

namespace closewatch::daemon_test {
namespace {

using ::testing::HasSubstr;

// A line of /proc/PID/task/TID/status for each thread.
std::vector<std::string> of_each_thread(pid_t pid, const std::string& key) {
  std::vector<std::string> values;
  const std::filesystem::path tasks = "/proc/" + std::to_string(pid) + "/task";
  for (const auto& task : std::filesystem::directory_iterator(tasks)) {
    std::ifstream status(task.path() / "status");
    for (std::string line; std::getline(status, line);) {
      if (line.starts_with(key + ":\t")) {
        values.push_back(line.substr(key.size() + 2));
      }
    }
  }
  return values;
}

constexpr const char* kNone = "0000000000000000";
constexpr const char* kPtrace = "0000000000080000";  // bit 19

class privileges : public Served {
 protected:
  // Of every thread.
  void expect_kept(const std::string& kept) {
    for (const char* key : {"CapPrm", "CapEff"}) {
      const auto values = of_each_thread(daemon().pid(), key);
      ASSERT_FALSE(values.empty());
      EXPECT_THAT(values, ::testing::Each(kept)) << key;
    }
    for (const char* key : {"CapInh", "CapAmb"}) {
      EXPECT_THAT(of_each_thread(daemon().pid(), key), ::testing::Each(std::string(kNone))) << key;
    }
    EXPECT_THAT(of_each_thread(daemon().pid(), "NoNewPrivs"), ::testing::Each(std::string("1")));
  }
  // That it goes on without what it gave up.
  void expect_it_works() {
    const storm::DriverResult made = storm::run_load({.drivers = 1, .connections = 200}).all();
    storm::await_closed(0);
    ASSERT_EQ(stop(), 0) << daemon().errors();
    const auto account = storm::Account::of(daemon().errors());
    ASSERT_TRUE(account) << daemon().errors();
    storm::expect_identities(*account);
    EXPECT_EQ(account->recorded, 2 * made.connections());
  }
};

TEST_F(privileges, root_keeps_one_capability) {
  configure();
  start();
  expect_kept(kPtrace);
  EXPECT_THAT(of_each_thread(daemon().pid(), "CapBnd"), ::testing::Each(std::string(kNone)));
  EXPECT_THAT(daemon().errors(), HasSubstr("capabilities kept: CAP_SYS_PTRACE (names of"));
  expect_it_works();
}

// As the systemd unit starts it.
TEST_F(privileges, a_user_with_two_capabilities_keeps_none) {
  configure();
  constexpr uid_t kNobody = 65534;
  storm::must(::chown(path("").c_str(), kNobody, kNobody), "chown");
  start([] {
    storm::must(::prctl(PR_SET_KEEPCAPS, 1), "PR_SET_KEEPCAPS");
    storm::must(::setgroups(0, nullptr), "setgroups");
    storm::must(::setresgid(kNobody, kNobody, kNobody), "setresgid");
    storm::must(::setresuid(kNobody, kNobody, kNobody), "setresuid");
    __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    std::array<__user_cap_data_struct, 2> sets{};
    sets[1].effective = sets[1].permitted = sets[1].inheritable =
        CAP_TO_MASK(CAP_BPF) | CAP_TO_MASK(CAP_PERFMON);
    storm::must(::syscall(SYS_capset, &header, sets.data()), "capset");
    for (const int capability : {CAP_BPF, CAP_PERFMON}) {
      storm::must(::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0),
                  "PR_CAP_AMBIENT_RAISE");
    }
  });
  expect_kept(kNone);
  EXPECT_THAT(daemon().errors(), HasSubstr("capabilities kept: none"));
  expect_it_works();
}

}  // namespace
}  // namespace closewatch::daemon_test
