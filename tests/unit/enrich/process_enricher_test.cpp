// SPDX-License-Identifier: Apache-2.0
#include "userspace/enrich/process_enricher.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>

#include "tests/unit/enrich/fake_host.h"

namespace closewatch {
namespace {

constexpr std::int64_t kOffset = 1'700'000'000'000'000'000;

std::uint64_t enricher_clock_ns = 0;
std::uint64_t enricher_clock_now() { return enricher_clock_ns; }

Task task(std::uint32_t pid, const char* comm, std::uint64_t start_ns) {
  Task out;
  out.pid = pid;
  out.tid = pid;
  out.start_ns = start_ns;
  std::memcpy(out.comm_bytes.data(), comm, std::strlen(comm));
  return out;
}

class ProcessEnricherTest : public testing::Test {
 protected:
  void SetUp() override { enricher_clock_ns = 5'000'000'000; }

  // In ticks, as /proc tells it.
  static std::uint64_t ticks(std::uint64_t ns) {
    return ns / (1'000'000'000 / static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK)));
  }
  [[nodiscard]] ProcessEnricher enricher() const {
    return ProcessEnricher(kOffset, host_.files(), enricher_clock_now);
  }

  FakeHost host_;
};

constexpr std::uint64_t kProcessStart = 12'345'678'901;

TEST_F(ProcessEnricherTest, TellsTheExecutableWithoutItsDirectory) {
  host_.process(812, "nginx", ticks(kProcessStart), "/usr/sbin/nginx");
  auto subject = enricher();
  const ProcessDetails& details = subject.details(task(812, "nginx", kProcessStart));
  EXPECT_EQ(details.exe, "nginx");
  EXPECT_EQ(details.start_unix_ns, 1'700'000'012'345'678'901);
  EXPECT_FALSE(details.cgroup);
  EXPECT_FALSE(details.container);
}

TEST_F(ProcessEnricherTest, AReusedPidLendsNoName) {
  host_.process(812, "other", ticks(kProcessStart) + 1, "/usr/bin/other");
  auto subject = enricher();
  EXPECT_FALSE(subject.details(task(812, "nginx", kProcessStart)).exe);
}

TEST_F(ProcessEnricherTest, AProcessThatIsGoneKeepsItsStart) {
  auto subject = enricher();
  const ProcessDetails& details = subject.details(task(812, "nginx", kProcessStart));
  EXPECT_FALSE(details.exe);
  EXPECT_EQ(details.start_unix_ns, kOffset + static_cast<std::int64_t>(kProcessStart));
}

TEST_F(ProcessEnricherTest, AReplacedBinaryIsNamedWithoutTheKernelsMark) {
  host_.process(9, "app", ticks(kProcessStart), "/opt/app (deleted)");
  auto subject = enricher();
  EXPECT_EQ(subject.details(task(9, "app", kProcessStart)).exe, "app");
}

TEST_F(ProcessEnricherTest, HostileNamesStayAsTheyAre) {
  host_.process(9, ") R 1 1 1 (", ticks(kProcessStart), "/tmp/\x1b[31m\n\xff");
  auto subject = enricher();
  EXPECT_EQ(subject.details(task(9, ") R 1 1 1 (", kProcessStart)).exe, "\x1b[31m\n\xff");
}

TEST_F(ProcessEnricherTest, AKernelThreadHasNoExecutable) {
  host_.process(9, "kworker/0:1", ticks(kProcessStart), "");
  auto subject = enricher();
  EXPECT_FALSE(subject.details(task(9, "kworker/0:1", kProcessStart)).exe);
}

TEST_F(ProcessEnricherTest, ABrokenStatFileTellsNothing) {
  for (const char* stat :
       {"", "9", "9 (app) S 1 2", "9 (app) S 1 7 7 0 -1 4 1 0 0 0 3 4 0 0 2 0 1 0 x"}) {
    host_.process(9, "app", ticks(kProcessStart), "/bin/app");
    host_.write("/proc/9/stat", stat);
    auto subject = enricher();
    EXPECT_FALSE(subject.details(task(9, "app", kProcessStart)).exe) << stat;
  }
}

TEST_F(ProcessEnricherTest, AsksOnceForEachProcess) {
  host_.process(812, "nginx", ticks(kProcessStart), "/usr/sbin/nginx");
  auto subject = enricher();
  EXPECT_EQ(subject.details(task(812, "nginx", kProcessStart)).exe, "nginx");
  host_.remove("/proc/812");
  EXPECT_EQ(subject.details(task(812, "nginx", kProcessStart)).exe, "nginx");
}

TEST_F(ProcessEnricherTest, RemembersThatNothingIsKnown) {
  auto subject = enricher();
  EXPECT_FALSE(subject.details(task(812, "nginx", kProcessStart)).exe);
  host_.process(812, "nginx", ticks(kProcessStart), "/usr/sbin/nginx");
  EXPECT_FALSE(subject.details(task(812, "nginx", kProcessStart)).exe);
}

TEST_F(ProcessEnricherTest, AnotherImageOfTheSameProcessIsAskedFor) {
  host_.process(812, "sh", ticks(kProcessStart), "/bin/sh");
  auto subject = enricher();
  EXPECT_EQ(subject.details(task(812, "sh", kProcessStart)).exe, "sh");
  host_.process(812, "curl", ticks(kProcessStart), "/usr/bin/curl");
  EXPECT_EQ(subject.details(task(812, "curl", kProcessStart)).exe, "curl");
  EXPECT_EQ(subject.details(task(812, "sh", kProcessStart)).exe, "sh");
}

TEST_F(ProcessEnricherTest, ForgetsTheOldestBeyondItsBound) {
  host_.process(1, "first", ticks(kProcessStart), "/bin/first");
  auto subject = enricher();
  EXPECT_EQ(subject.details(task(1, "first", kProcessStart)).exe, "first");
  host_.remove("/proc/1");
  for (std::uint32_t pid = 2; pid <= ProcessEnricher::kMostProcesses; ++pid) {
    (void)subject.details(task(pid, "x", kProcessStart));
  }
  EXPECT_EQ(subject.details(task(1, "first", kProcessStart)).exe,
            "first");  // still, and now the newest
  for (std::uint32_t pid = 2; pid <= ProcessEnricher::kMostProcesses + 1; ++pid) {
    (void)subject.details(task(pid, "y", kProcessStart));
  }
  EXPECT_FALSE(subject.details(task(1, "first", kProcessStart)).exe);
}

TEST_F(ProcessEnricherTest, InAnotherPidNamespaceProcTellsNothing) {
  host_.process(812, "nginx", ticks(kProcessStart), "/usr/sbin/nginx");
  host_.link("/proc/self/ns/pid", "pid:[4026532201]");
  auto subject = enricher();
  EXPECT_FALSE(subject.details(task(812, "nginx", kProcessStart)).exe);
  EXPECT_FALSE(subject.details(task(812, "nginx", 0)).exe);
}

// Kernel 5.10 does not say when the process started.

TEST_F(ProcessEnricherTest, WithoutAStartTheThreadsNameMustAgree) {
  host_.process(812, "nginx", 77, "/usr/sbin/nginx");
  auto subject = enricher();
  const ProcessDetails& details = subject.details(task(812, "nginx", 0));
  EXPECT_EQ(details.exe, "nginx");
  EXPECT_FALSE(details.start_unix_ns);
  EXPECT_FALSE(subject.details(task(812, "apache2", 0)).exe);
  Task other_thread = task(812, "nginx", 0);
  other_thread.tid = 813;
  EXPECT_FALSE(subject.details(other_thread).exe);
}

TEST_F(ProcessEnricherTest, WithoutAStartAnAnswerIsBelievedForASecond) {
  host_.process(812, "nginx", 77, "/usr/sbin/nginx");
  auto subject = enricher();
  EXPECT_EQ(subject.details(task(812, "nginx", 0)).exe, "nginx");
  host_.process(812, "nginx", 99, "/opt/evil");
  enricher_clock_ns += ProcessEnricher::kBelievedNs - 1;
  EXPECT_EQ(subject.details(task(812, "nginx", 0)).exe, "nginx");
  enricher_clock_ns += 1;
  EXPECT_EQ(subject.details(task(812, "nginx", 0)).exe, "evil");
  host_.remove("/proc/812");
  enricher_clock_ns += ProcessEnricher::kBelievedNs;
  EXPECT_FALSE(subject.details(task(812, "nginx", 0)).exe);
}

TEST_F(ProcessEnricherTest, TellsCgroupAndContainer) {
  const std::string id(64, 'c');
  host_.mount_cgroup2("/sys/fs/cgroup");
  Task subject_task = task(812, "nginx", kProcessStart);
  subject_task.cgroup_id = host_.directory("/sys/fs/cgroup/system.slice/docker-" + id + ".scope");
  auto subject = enricher();
  const ProcessDetails& details = subject.details(subject_task);
  EXPECT_EQ(details.cgroup, "/system.slice/docker-" + id + ".scope");
  EXPECT_EQ(details.container, id);
}

TEST_F(ProcessEnricherTest, ACgroupNotFoundYetIsAskedForAgain) {
  host_.mount_cgroup2("/sys/fs/cgroup");
  auto subject = enricher();
  Task first = task(1, "init", kProcessStart);
  first.cgroup_id = host_.directory("/sys/fs/cgroup");
  EXPECT_EQ(subject.details(first).cgroup, "/");  // spends the walk of this second

  host_.process(812, "nginx", ticks(kProcessStart), "/usr/sbin/nginx");
  Task second = task(812, "nginx", kProcessStart);
  second.cgroup_id = host_.directory("/sys/fs/cgroup/web");
  EXPECT_FALSE(subject.details(second).cgroup);
  host_.remove("/proc/812");
  enricher_clock_ns += CgroupPaths::kWalkIntervalNs;
  EXPECT_EQ(subject.details(second).cgroup, "/web");
  EXPECT_EQ(subject.details(second).exe, "nginx");
}

TEST_F(ProcessEnricherTest, AProcessThatMovedHasTheCgroupOfEachMoment) {
  host_.mount_cgroup2("/sys/fs/cgroup");
  Task before = task(812, "nginx", kProcessStart);
  Task after = before;
  before.cgroup_id = host_.directory("/sys/fs/cgroup/a");
  after.cgroup_id = host_.directory("/sys/fs/cgroup/b");
  auto subject = enricher();
  EXPECT_EQ(subject.details(before).cgroup, "/a");
  EXPECT_EQ(subject.details(after).cgroup, "/b");
  EXPECT_EQ(subject.details(before).cgroup, "/a");
}

TEST(ProcessEnricherLive, KnowsThisProcess) {
  const auto stat = HostFiles().read("/proc/self/stat");
  const auto exe = HostFiles().link("/proc/self/exe");
  ASSERT_TRUE(stat && exe);
  // The start to the tick is what /proc gives: the enricher rounds the kernel's to the same.
  std::size_t at = stat->rfind(')') + 1;
  for (int field = 3; field < 22; ++field) {
    at = stat->find(' ', at + 1);
  }
  const std::uint64_t tick_ns = 1'000'000'000 / static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
  Task self = task(static_cast<std::uint32_t>(::getpid()), "any", 0);
  self.start_ns = std::stoull(stat->substr(at)) * tick_ns + 1;
  ProcessEnricher subject(0);
  EXPECT_EQ(subject.details(self).exe, exe->substr(exe->rfind('/') + 1));
  self.start_ns += tick_ns;
  EXPECT_FALSE(subject.details(self).exe);
}

}  // namespace
}  // namespace closewatch
