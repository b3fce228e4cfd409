// SPDX-License-Identifier: Apache-2.0
#include "userspace/enrich/cgroup_paths.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "tests/unit/enrich/fake_host.h"

namespace closewatch {
namespace {

std::uint64_t clock_ns = 0;
std::uint64_t clock_now() { return clock_ns; }

class CgroupPathsTest : public testing::Test {
 protected:
  void SetUp() override { clock_ns = 5'000'000'000; }
  FakeHost host_;
};

TEST(CgroupMount, OfAUnifiedHost) {
  const FakeHost host;
  host.mount_cgroup2("/sys/fs/cgroup");
  const auto mount = find_cgroup_mount(host.files());
  ASSERT_TRUE(mount);
  EXPECT_EQ(mount->path, "/sys/fs/cgroup");
  EXPECT_TRUE(mount->whole);
}

TEST(CgroupMount, OfAHybridHostIsTheUnifiedOne) {
  const FakeHost host;
  host.write("/proc/self/mountinfo",
             "31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n"
             "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"
             "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n");
  const auto mount = find_cgroup_mount(host.files());
  ASSERT_TRUE(mount);
  EXPECT_EQ(mount->path, "/sys/fs/cgroup/unified");
}

TEST(CgroupMount, PrefersTheWholeTree) {
  const FakeHost host;
  host.write("/part/cgroup.type", "domain\n");
  host.write("/proc/self/mountinfo",
             "40 31 0:38 /a /part rw - cgroup2 cgroup2 rw\n"
             "41 31 0:38 / /with\\040space rw - cgroup2 cgroup2 rw\n");
  const auto mount = find_cgroup_mount(host.files());
  ASSERT_TRUE(mount);
  EXPECT_EQ(mount->path, "/with space");
}

TEST(CgroupMount, OfAContainerIsAPart) {
  const FakeHost host;
  host.mount_cgroup2("/sys/fs/cgroup");
  host.write("/sys/fs/cgroup/cgroup.type", "domain\n");
  const auto mount = find_cgroup_mount(host.files());
  ASSERT_TRUE(mount);
  EXPECT_FALSE(mount->whole);
}

TEST(CgroupMount, MayBeMissing) {
  const FakeHost host;
  EXPECT_FALSE(find_cgroup_mount(host.files()));
  host.write("/proc/self/mountinfo", "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw\n");
  EXPECT_FALSE(find_cgroup_mount(host.files()));
}

TEST_F(CgroupPathsTest, WalksTheTreeOnceForAll) {
  host_.mount_cgroup2("/sys/fs/cgroup");
  const auto root = host_.directory("/sys/fs/cgroup");
  const auto outer = host_.directory("/sys/fs/cgroup/system.slice");
  const auto inner = host_.directory("/sys/fs/cgroup/system.slice/nginx.service");
  CgroupPaths paths(host_.files(), clock_now);
  EXPECT_EQ(paths.find(inner, 0).path, "/system.slice/nginx.service");
  host_.remove("/sys/fs/cgroup/system.slice");
  EXPECT_EQ(paths.find(outer, 0).path, "/system.slice");
  EXPECT_EQ(paths.find(inner, 0).path, "/system.slice/nginx.service");
  EXPECT_EQ(paths.find(root, 0).path, "/");
}

TEST_F(CgroupPathsTest, WalksAgainOnlyAfterAWhile) {
  host_.mount_cgroup2("/sys/fs/cgroup");
  CgroupPaths paths(host_.files(), clock_now);
  EXPECT_EQ(paths.find(host_.directory("/sys/fs/cgroup/a"), 0).path, "/a");

  const auto later = host_.directory("/sys/fs/cgroup/b");
  const auto soon = paths.find(later, 0);
  EXPECT_FALSE(soon.path);
  EXPECT_EQ(soon.again_ns, 6'000'000'000U);
  clock_ns = 5'999'999'999;
  EXPECT_FALSE(paths.find(later, 0).path);
  clock_ns = 6'000'000'000;
  EXPECT_EQ(paths.find(later, 0).path, "/b");
}

TEST_F(CgroupPathsTest, WalksTakeATwentiethOfTheTime) {
  host_.mount_cgroup2("/sys/fs/cgroup");
  static constexpr std::uint64_t kWalkNs = 200'000'000;
  // Asked before and after a walk.
  CgroupPaths paths(host_.files(), [] { return clock_ns += kWalkNs; });
  EXPECT_EQ(paths.find(host_.directory("/sys/fs/cgroup/a"), 0).path, "/a");
  const std::uint64_t end_ns = clock_ns;
  EXPECT_EQ(paths.find(host_.directory("/sys/fs/cgroup/b"), 0).again_ns, end_ns + 20 * kWalkNs);
}

TEST_F(CgroupPathsTest, InATreeTooLargeForOneWalkNothingIsGone) {
  host_.mount_cgroup2("/sys/fs/cgroup");
  for (const char* cgroup : {"/a", "/b", "/c"}) {
    (void)host_.directory(std::string("/sys/fs/cgroup") + cgroup);
  }
  CgroupPaths paths(host_.files(), clock_now, 3);
  const auto answer = paths.find(std::numeric_limits<std::uint64_t>::max(), 0);
  EXPECT_FALSE(answer.path);
  EXPECT_EQ(answer.again_ns, 6'000'000'000U);
}

TEST_F(CgroupPathsTest, AnIdThatIsNowhereIsAFinalAnswer) {
  host_.mount_cgroup2("/sys/fs/cgroup");
  CgroupPaths paths(host_.files(), clock_now);
  const auto gone = host_.directory("/sys/fs/cgroup/gone");
  host_.remove("/sys/fs/cgroup/gone");
  for (int i = 0; i < 2; ++i) {
    const auto answer = paths.find(gone, 0);
    EXPECT_FALSE(answer.path);
    EXPECT_EQ(answer.again_ns, 0U);
  }
}

TEST_F(CgroupPathsTest, AsksTheProcessBeforeWalking) {
  host_.mount_cgroup2("/sys/fs/cgroup");
  CgroupPaths paths(host_.files(), clock_now);
  EXPECT_EQ(paths.find(host_.directory("/sys/fs/cgroup"), 0).path, "/");  // spends the walk
  const auto id = host_.directory("/sys/fs/cgroup/web");
  host_.write("/proc/77/cgroup", "4:memory:/other\n0::/web\n");
  EXPECT_EQ(paths.find(id, 77).path, "/web");
}

TEST_F(CgroupPathsTest, DoesNotBelieveAProcessThatIsElsewhere) {
  host_.mount_cgroup2("/sys/fs/cgroup");
  CgroupPaths paths(host_.files(), clock_now);
  EXPECT_EQ(paths.find(host_.directory("/sys/fs/cgroup"), 0).path, "/");
  (void)host_.directory("/sys/fs/cgroup/moved");
  const auto id = host_.directory("/sys/fs/cgroup/web");
  host_.write("/proc/77/cgroup", "0::/moved\n");
  EXPECT_FALSE(paths.find(id, 77).path);
}

TEST_F(CgroupPathsTest, WithoutAMountEveryAnswerIsFinal) {
  CgroupPaths paths(host_.files(), clock_now);
  EXPECT_FALSE(paths.find(1, 0).path);
  EXPECT_EQ(paths.find(1, 0).again_ns, 0U);
}

TEST_F(CgroupPathsTest, ZeroIsNoCgroup) {
  host_.mount_cgroup2("/sys/fs/cgroup");
  CgroupPaths paths(host_.files(), clock_now);
  EXPECT_FALSE(paths.find(0, 0).path);
  EXPECT_EQ(paths.find(0, 0).again_ns, 0U);
}

}  // namespace
}  // namespace closewatch
