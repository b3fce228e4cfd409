// SPDX-License-Identifier: Apache-2.0
// Capabilities are those of a thread: each test gives up its own in one that it makes.
#include "userspace/daemon/privileges.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <thread>

namespace closewatch {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct Held {
  std::uint64_t effective = 0;
  std::uint64_t permitted = 0;
  std::uint64_t inheritable = 0;

  [[nodiscard]] bool may(int capability) const { return ((effective >> capability) & 1) != 0; }
};

Held held() {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  std::array<__user_cap_data_struct, 2> sets{};
  EXPECT_EQ(::syscall(SYS_capget, &header, sets.data()), 0);
  const auto join = [](std::uint32_t low, std::uint32_t high) {
    return std::uint64_t{high} << 32 | low;
  };
  return {.effective = join(sets[0].effective, sets[1].effective),
          .permitted = join(sets[0].permitted, sets[1].permitted),
          .inheritable = join(sets[0].inheritable, sets[1].inheritable)};
}

constexpr std::uint64_t bit(int capability) { return 1ULL << capability; }

std::vector<std::string_view> names(const std::vector<KeptCapability>& kept) {
  std::vector<std::string_view> out;
  for (const KeptCapability& capability : kept) {
    out.push_back(capability.name);
  }
  return out;
}

class Privileges : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!held().may(CAP_BPF) || !held().may(CAP_SYS_PTRACE)) {
      GTEST_SKIP() << "skipped: needs root for capabilities to give up";
    }
  }
};

TEST_F(Privileges, WhatNewKernelsNeedIsNoneForMaps) {
  std::thread([] {
    std::uint64_t tried_with = UINT64_MAX;
    const auto kept = needed_after_attach([&] {
      tried_with = held().effective;
      return true;
    });
    ASSERT_TRUE(kept.ok());
    EXPECT_THAT(names(*kept), ElementsAre("CAP_SYS_PTRACE"));
    EXPECT_EQ(tried_with, bit(CAP_SYS_PTRACE));
  }).join();
}

TEST_F(Privileges, WhatOldKernelsNeedIsFoundByTrying) {
  std::thread([] {
    const auto kept = needed_after_attach([] { return held().may(CAP_BPF); });
    ASSERT_TRUE(kept.ok());
    EXPECT_THAT(names(*kept), ElementsAre("CAP_SYS_PTRACE", "CAP_BPF"));
  }).join();
}

TEST_F(Privileges, WhatDoesNotHelpIsNotKept) {
  std::thread([] {
    const auto kept = needed_after_attach([] { return false; });
    ASSERT_TRUE(kept.ok());
    EXPECT_THAT(names(*kept), ElementsAre("CAP_SYS_PTRACE"));
  }).join();
}

TEST_F(Privileges, TryingChangesNothing) {
  std::thread([] {
    const Held before = held();
    ASSERT_TRUE(needed_after_attach([] { return true; }).ok());
    EXPECT_EQ(held().effective, before.effective);
    EXPECT_EQ(held().permitted, before.permitted);
  }).join();
}

TEST_F(Privileges, KeepsNoMoreThanItSays) {
  std::thread([] {
    ASSERT_TRUE(keep_only({{CAP_BPF, "CAP_BPF", "a test"}}).ok());
    EXPECT_EQ(held().effective, bit(CAP_BPF));
    EXPECT_EQ(held().permitted, bit(CAP_BPF));
    EXPECT_EQ(held().inheritable, 0);
    EXPECT_EQ(::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 1);
    EXPECT_EQ(::prctl(PR_CAPBSET_READ, CAP_SYS_ADMIN, 0, 0, 0), 0);
    EXPECT_EQ(::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_BPF, 0, 0), 0);
  }).join();
}

TEST_F(Privileges, WhoMayNotShrinkTheBoundingSetStillGivesUpTheRest) {
  std::thread([] {
    // As a service that was given two capabilities and no CAP_SETPCAP.
    __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    std::array<__user_cap_data_struct, 2> sets{};
    sets[1].effective = sets[1].permitted = sets[1].inheritable =
        CAP_TO_MASK(CAP_BPF) | CAP_TO_MASK(CAP_PERFMON);
    ASSERT_EQ(::syscall(SYS_capset, &header, sets.data()), 0);
    ASSERT_EQ(::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_BPF, 0, 0), 0);

    const auto kept = needed_after_attach([] { return true; });
    ASSERT_TRUE(kept.ok());
    EXPECT_THAT(*kept, IsEmpty());
    ASSERT_TRUE(keep_only(*kept).ok());
    EXPECT_EQ(held().permitted, 0);
    EXPECT_EQ(held().effective, 0);
    EXPECT_EQ(held().inheritable, 0);
    EXPECT_EQ(::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_BPF, 0, 0), 0);
  }).join();
}

TEST(PrivilegesText, NamesEachWithItsReason) {
  EXPECT_EQ(kept_text({}), "none");
  EXPECT_EQ(kept_text({{1, "CAP_A", "one"}, {2, "CAP_B", "two"}}), "CAP_A (one), CAP_B (two)");
}

}  // namespace
}  // namespace closewatch
