// SPDX-License-Identifier: Apache-2.0
// What closewatch may do without root: everything with two capabilities, nothing without.
#include <grp.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>

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

// nobody, with CAP_BPF and CAP_PERFMON and nothing else, also after exec.
void become_nobody_who_may_trace() {
  must(::prctl(PR_SET_KEEPCAPS, 1), "PR_SET_KEEPCAPS");
  become_nobody();
  constexpr std::uint32_t kWanted = CAP_TO_MASK(CAP_BPF) | CAP_TO_MASK(CAP_PERFMON);
  static_assert(CAP_TO_INDEX(CAP_BPF) == 1 && CAP_TO_INDEX(CAP_PERFMON) == 1);
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  std::array<__user_cap_data_struct, 2> sets{};
  sets[1] = {.effective = kWanted, .permitted = kWanted, .inheritable = kWanted};
  must(::syscall(SYS_capset, &header, sets.data()), "capset");
  for (const int capability : {CAP_BPF, CAP_PERFMON}) {
    must(::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0), "PR_CAP_AMBIENT_RAISE");
  }
}

class privileges : public Suite {};

TEST_F(privileges, bpf_and_perfmon_suffice) {
  Closewatch closewatch({.program = program(),
                         .arguments = {"trace", "-j", "-N", "inode:" + std::to_string(network_)},
                         .before_exec = become_nobody_who_may_trace});
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

}  // namespace
}  // namespace closewatch::storm
