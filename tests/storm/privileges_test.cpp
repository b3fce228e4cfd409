// SPDX-License-Identifier: Apache-2.0
// What closewatch may do without root: everything with two capabilities, nothing without.
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "tests/storm/load.h"
#include "tests/storm/must.h"
#include "tests/storm/network.h"
#include "tests/storm/story.h"
#include "tests/storm/suite.h"

namespace closewatch::storm {
namespace {

constexpr uid_t kNobody = 65534;

void become_nobody() {
  must(::setgroups(0, nullptr), "setgroups");
  must(::setresgid(kNobody, kNobody, kNobody), "setresgid");
  must(::setresuid(kNobody, kNobody, kNobody), "setresuid");
}

// nobody, with these capabilities (numbers from 32) and nothing else, also after exec.
void become_nobody_with(const std::vector<int>& capabilities) {
  must(::prctl(PR_SET_KEEPCAPS, 1), "PR_SET_KEEPCAPS");
  become_nobody();
  static_assert(CAP_TO_INDEX(CAP_BPF) == 1 && CAP_TO_INDEX(CAP_PERFMON) == 1);
  std::uint32_t wanted = 0;
  for (const int capability : capabilities) {
    wanted |= CAP_TO_MASK(capability);
  }
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  std::array<__user_cap_data_struct, 2> sets{};
  sets[1] = {.effective = wanted, .permitted = wanted, .inheritable = wanted};
  must(::syscall(SYS_capset, &header, sets.data()), "capset");
  for (const int capability : capabilities) {
    must(::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0), "PR_CAP_AMBIENT_RAISE");
  }
}

class privileges : public Suite {};

TEST_F(privileges, bpf_and_perfmon_suffice) {
  Closewatch closewatch({.program = program(),
                         .arguments = {"trace", "-j", "-N", "inode:" + std::to_string(network_)},
                         .before_exec = [] {
                           become_nobody_with({CAP_BPF, CAP_PERFMON});
                         }});
  ASSERT_TRUE(closewatch.watches()) << closewatch.errors();
  const LoadResult made = run_load({.drivers = 1, .connections = 200, .mix{2, 1, 1}});
  await_closed(0);
  ASSERT_EQ(closewatch.interrupt(), 0) << closewatch.errors();

  const std::vector<Json> closures = Story(closewatch.output()).of_network(network_);
  const DriverResult& driver = made.drivers[0];
  EXPECT_EQ(closures.size(), 2 * driver.connections());
  EXPECT_EQ(count(closures, "local_first"), driver.of(Ending::graceful));
  EXPECT_EQ(count(closures, "linger_zero"), driver.of(Ending::linger_zero));
  EXPECT_EQ(count(closures, "unread_data"), driver.of(Ending::unread_data));
  for (const Json& closure : closures) {
    EXPECT_EQ(closure["process"]["pid"], driver.pid) << closure;
    EXPECT_EQ(closure["process"]["uid"], 0) << closure;
  }
}

TEST_F(privileges, without_them_it_says_what_is_missing) {
  Closewatch closewatch(
      {.program = program(), .arguments = {"trace"}, .before_exec = become_nobody});
  EXPECT_FALSE(closewatch.watches());
  EXPECT_EQ(closewatch.wait(), 3);
  const std::string errors = closewatch.errors();
  EXPECT_EQ(errors.find("error: "), 0U) << errors;
  EXPECT_NE(errors.find("\nhint: "), std::string::npos) << errors;
  EXPECT_NE(errors.find("CAP_BPF"), std::string::npos) << errors;
  EXPECT_EQ(closewatch.output(), "");
}

TEST_F(privileges, one_that_is_missing_is_named) {
  const auto hint_with = [](int capability) {
    Closewatch closewatch({.program = program(),
                           .arguments = {"trace"},
                           .before_exec = [capability] { become_nobody_with({capability}); }});
    EXPECT_EQ(closewatch.wait(), 3);
    const std::string errors = closewatch.errors();
    return errors.substr(std::min(errors.find("\nhint: "), errors.size()));
  };
  EXPECT_EQ(hint_with(CAP_BPF).find("\nhint:  this process has not CAP_PERFMON:"), 0U);
  EXPECT_EQ(hint_with(CAP_PERFMON).find("\nhint:  this process has not CAP_BPF:"), 0U);
}

TEST_F(privileges, to_make_networks_are_what_the_demo_needs_too) {
  Closewatch closewatch(
      {.program = program(), .arguments = {"demo", "--reason", "local_first"}, .before_exec = [] {
         become_nobody_with({CAP_BPF, CAP_PERFMON});
       }});
  EXPECT_EQ(closewatch.wait(), 3);
  EXPECT_EQ(closewatch.output(), "");
  EXPECT_NE(closewatch.errors().find("error: a new network namespace: Operation not permitted\n"
                                     "hint:  making network namespaces needs root"),
            std::string::npos)
      << closewatch.errors();
}

// As in a kernel that was built without it.
TEST_F(privileges, do_not_help_where_there_is_no_btf) {
  const auto hide_btf = [] {
    must(::unshare(CLONE_NEWNS), "unshare(CLONE_NEWNS)");
    must(::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr), "mount --make-rprivate /");
    must(::mount("none", "/sys/kernel/btf", "tmpfs", 0, nullptr), "mount /sys/kernel/btf");
  };
  for (const char* command : {"trace", "report", "pending", "demo"}) {
    Closewatch closewatch(
        {.program = {.path = program().path}, .arguments = {command}, .before_exec = hide_btf});
    EXPECT_EQ(closewatch.wait(), 3) << command;
    EXPECT_EQ(closewatch.output(), "") << command;
    const std::string errors = closewatch.errors();
    EXPECT_EQ(errors.find("error: the kernel has no BTF type information"), 0U) << errors;
    EXPECT_NE(errors.find("\nhint: "), std::string::npos) << errors;
  }
}

}  // namespace
}  // namespace closewatch::storm
