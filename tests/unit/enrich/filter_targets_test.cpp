// SPDX-License-Identifier: Apache-2.0
#include "userspace/enrich/filter_targets.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/enrich/fake_host.h"

namespace closewatch {
namespace {

using testing::HasSubstr;

template <typename T>
void expect_usage_error(const Result<T>& result, const std::string& what, const std::string& hint) {
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code, ExitCode::usage);
  EXPECT_THAT(result.error().what, HasSubstr(what));
  EXPECT_THAT(result.error().hint, HasSubstr(hint));
}

class CgroupTargetTest : public testing::Test {
 protected:
  void SetUp() override {
    host_.mount_cgroup2("/sys/fs/cgroup");
    id_ = host_.directory("/sys/fs/cgroup/system.slice/nginx.service");
  }
  FakeHost host_;
  std::uint64_t id_ = 0;
};

TEST_F(CgroupTargetTest, IsNamedInSeveralWays) {
  for (const char* path :
       {"/system.slice/nginx.service", "system.slice/nginx.service", "system.slice/nginx.service/",
        "//system.slice/./nginx.service", "/sys/fs/cgroup/system.slice/nginx.service"}) {
    const auto found = resolve_cgroup(path, host_.files());
    ASSERT_TRUE(found.ok()) << path;
    EXPECT_EQ(*found, (CgroupTarget{.id = id_, .level = 2})) << path;
  }
}

TEST_F(CgroupTargetTest, TheRootIsOfLevelZero) {
  const std::uint64_t root = host_.directory("/sys/fs/cgroup");
  for (const char* path : {"/", "/sys/fs/cgroup", "/sys/fs/cgroup/"}) {
    const auto found = resolve_cgroup(path, host_.files());
    ASSERT_TRUE(found.ok()) << path;
    EXPECT_EQ(*found, (CgroupTarget{.id = root, .level = 0})) << path;
  }
}

TEST_F(CgroupTargetTest, ThatDoesNotExist) {
  host_.write("/sys/fs/cgroup/cgroup.procs", "1\n");
  for (const char* path :
       {"/no.slice", "", "..", "/system.slice/../system.slice", "cgroup.procs"}) {
    expect_usage_error(resolve_cgroup(path, host_.files()), "no such cgroup: '" + std::string(path),
                       "below /sys/fs/cgroup");
  }
}

TEST_F(CgroupTargetTest, OfVersionOneIsNone) {
  host_.mount_cgroup2("/sys/fs/cgroup/unified");
  (void)host_.directory("/sys/fs/cgroup/memory/web");
  expect_usage_error(resolve_cgroup("/sys/fs/cgroup/memory/web", host_.files()), "no such cgroup",
                     "below /sys/fs/cgroup/unified, where cgroup v2 is mounted");
}

TEST_F(CgroupTargetTest, NeedsTheWholeTree) {
  host_.write("/sys/fs/cgroup/cgroup.type", "domain\n");
  expect_usage_error(resolve_cgroup("/system.slice", host_.files()), "a part of the cgroup tree",
                     "--cgroupns=host");
}

TEST(CgroupTarget, NeedsAMount) {
  const FakeHost host;
  expect_usage_error(resolve_cgroup("/system.slice", host.files()), "cgroup v2 is not mounted",
                     "mount -t cgroup2");
}

TEST(NetnsTarget, ByInodeIsTakenAsItIs) {
  const auto found = resolve_netns("inode:4026531840");
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(*found, 4026531840U);
}

TEST(NetnsTarget, ByInodeMustBeANumber) {
  for (const char* netns :
       {"inode:", "inode:0", "inode:x", "inode:1x", "inode:-1", "inode:4294967296"}) {
    expect_usage_error(resolve_netns(netns), "no inode number", "lsns");
  }
}

TEST(NetnsTarget, ByInodeIsOneThatNetworkNamespacesHave) {
  for (const char* netns :
       {"inode:1", "inode:4026531832", "inode:4026531834", "inode:4026531839"}) {
    expect_usage_error(resolve_netns(netns), "no network namespace has the inode number", "lsns");
  }
  EXPECT_TRUE(resolve_netns("inode:4026531833").ok());  // the host's, since 6.18
  EXPECT_TRUE(resolve_netns("inode:4294967295").ok());
}

TEST(NetnsTarget, IsEnteredWhereAThreadIsInIt) {
  const FakeHost host;
  host.link("/proc/812/task/812/ns/net", "net:[4026531840]");
  host.link("/proc/812/task/814/ns/net", "net:[4026532222]");
  host.link("/proc/self/task/1/ns/net", "net:[4026532223]");  // is there by its number too
  EXPECT_EQ(find_netns(4026532222, host.files()), "/proc/812/task/814/ns/net");
  EXPECT_EQ(find_netns(4026532223, host.files()), std::nullopt);
}

TEST(NetnsTarget, IsEnteredWhereItIsMounted) {
  const FakeHost host;
  host.write("/proc/self/mountinfo",
             "24 1 0:22 / /proc rw,nosuid shared:13 - proc proc rw\n"
             "90 25 0:4 net:[4026532222] /run/netns/a\\040b rw shared:50 - nsfs nsfs rw\n");
  EXPECT_EQ(find_netns(4026532222, host.files()), "/run/netns/a b");
  EXPECT_EQ(find_netns(4026532223, host.files()), std::nullopt);
}

TEST(NetnsTarget, ByPath) {
  struct stat own;
  ASSERT_EQ(::stat("/proc/self/ns/net", &own), 0);
  const auto found = resolve_netns("/proc/self/ns/net");
  ASSERT_TRUE(found.ok()) << found.error().what;
  EXPECT_EQ(*found, own.st_ino);
}

// As `ip netns add` does. In a mount namespace of a child's own, which needs root or a user
// namespace.
TEST(NetnsTarget, ByThePathWhereItIsMounted) {
  const FakeHost host;
  host.write("/run/netns/blue", "");
  const std::string path = host.at("/run/netns/blue");
  struct stat own;
  ASSERT_EQ(::stat("/proc/self/ns/net", &own), 0);
  enum { kFound, kNotFound, kNotMounted };
  const pid_t child = ::fork();
  if (child == 0) {
    if ((::unshare(CLONE_NEWNS) != 0 && ::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) ||
        ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount("/proc/self/ns/net", path.c_str(), nullptr, MS_BIND, nullptr) != 0) {
      ::_exit(kNotMounted);
    }
    const auto found = resolve_netns(path);
    ::_exit(found.ok() && *found == own.st_ino ? kFound : kNotFound);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  if (WEXITSTATUS(status) == kNotMounted) {
    GTEST_SKIP() << "a namespace cannot be mounted here: neither root nor user namespaces";
  }
  EXPECT_EQ(WEXITSTATUS(status), kFound);
}

TEST(NetnsTarget, ByThePathOfSomethingElse) {
  const FakeHost host;
  host.write("/run/netns/net:[77]", "");
  for (const std::string& path : {std::string("/proc/self/ns/mnt"), std::string("/dev/null"),
                                  host.at("/run/netns"), host.at("/run/netns/net:[77]")}) {
    expect_usage_error(resolve_netns(path), "is no network namespace", "/proc/<pid>/ns/net");
  }
}

TEST(NetnsTarget, ByAPathThatIsNotThere) {
  expect_usage_error(resolve_netns("/run/netns/no-such-namespace"), "No such file or directory",
                     "inode:N");
  expect_usage_error(resolve_netns(""), "No such file or directory", "inode:N");
}

TEST(PidTarget, MustBeAProcess) {
  const FakeHost host;
  host.write("/proc/812/status", "Name:\tnginx\nUmask:\t0022\nTgid:\t812\nPid:\t812\n");
  host.write("/proc/813/status", "Name:\tnginx\nUmask:\t0022\nTgid:\t812\nPid:\t813\n");
  EXPECT_TRUE(check_pid(812, host.files()).ok());
  expect_usage_error(check_pid(813, host.files()), "813 is a thread of process 812", "-p 812");
  expect_usage_error(check_pid(814, host.files()), "no process has the pid 814", "-c");
  expect_usage_error(check_pid(0, host.files()), "no process has the pid 0", "-c");
}

TEST(PidTarget, OfAnotherNamespaceIsRefused) {
  const FakeHost host;
  host.write("/proc/812/status", "Tgid:\t812\n");
  host.link("/proc/self/ns/pid", "pid:[4026532201]");
  expect_usage_error(check_pid(812, host.files()), "not the host's pid namespace", "--pid=host");
}

TEST(PidTarget, ThisProcessIsOne) {
  EXPECT_TRUE(check_pid(static_cast<std::uint32_t>(::getpid())).ok());
}

TEST(UidTarget, ByNameOrNumber) {
  const auto root = resolve_uid("root");
  ASSERT_TRUE(root.ok());
  EXPECT_EQ(*root, 0U);
  const auto number = resolve_uid("4000000000");
  ASSERT_TRUE(number.ok());
  EXPECT_EQ(*number, 4000000000U);
}

TEST(UidTarget, ThatIsNone) {
  for (const char* user : {"", "no-such-user-here", "-1", "4294967295", "4294967296", "12x"}) {
    expect_usage_error(resolve_uid(user), "no such user: '" + std::string(user) + "'", "getent");
  }
}

}  // namespace
}  // namespace closewatch
