// SPDX-License-Identifier: Apache-2.0
#include "userspace/enrich/live_stacks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>

#include "tests/unit/enrich/fake_host.h"
#include "userspace/enrich/stored_stacks.h"

namespace closewatch {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr std::uint64_t kStacksStart = 12'345'678'901;
constexpr std::uint64_t kTick = 10'000'000;  // of /proc, on every Linux

std::uint64_t stacks_clock_ns = 0;

Task nginx() {
  Task out{.pid = 812, .tid = 812, .start_ns = kStacksStart};
  std::memcpy(out.comm_bytes.data(), "nginx", 5);
  return out;
}

class LiveStacksTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(::sysconf(_SC_CLK_TCK), 100);
    stacks_clock_ns = 5'000'000'000;
    host_.write("/proc/kallsyms",
                "1000 t tcp_close\n2000 t inet_release\n3000 t bpf_prog_12_hook\t[bpf]\n"
                "4000 t bpf_trampoline_34\t[bpf]\n5000 t __traceiter_inet_sock_set_state\n");
    host_.process(812, "nginx", kStacksStart / kTick, "/usr/sbin/nginx");
    host_.write("/proc/812/maps", "a000-b000 r-xp 00000000 08:01 7 /usr/sbin/nginx\n");
  }

  LiveStacks stacks() {
    return LiveStacks({.kernel = [this](std::int32_t) { return ++asked_, kernel_; },
                       .user = [this](std::int32_t) { return ++asked_, user_; }},
                      host_.files(), [] { return stacks_clock_ns; });
  }

  FakeHost host_;
  Addresses kernel_;
  Addresses user_;
  int asked_ = 0;
};

TEST_F(LiveStacksTest, LeaveOutTheHook) {
  kernel_ = {0x3004, 0x4008, 0x1002, 0x2004, 0x3004};
  EXPECT_THAT(stacks().kernel(7),
              ElementsAre("tcp_close+0x2", "inet_release+0x4", "bpf_prog_12_hook+0x4"));
  kernel_ = {0xffff0000, 0x5008, 0x1002};
  EXPECT_THAT(stacks().kernel(7), ElementsAre("tcp_close+0x2"));
}

TEST_F(LiveStacksTest, ShowAddressesWhereTheKernelHidesItsNames) {
  host_.write("/proc/kallsyms", "0000000000000000 t tcp_close\n");
  kernel_ = {0xffffffff81001002, 0x1002};
  EXPECT_THAT(stacks().kernel(7), ElementsAre("0xffffffff81001002", "0x1002"));
}

TEST_F(LiveStacksTest, AskForAnIdOnce) {
  kernel_ = {0x1002};
  user_ = {0xa010};
  LiveStacks subject = stacks();
  for (int i = 0; i < 3; ++i) {
    EXPECT_THAT(subject.kernel(7), ElementsAre("tcp_close+0x2"));
    EXPECT_THAT(subject.user(7, nginx()), ElementsAre("nginx+0x10"));
  }
  EXPECT_EQ(asked_, 2);
}

TEST_F(LiveStacksTest, NameModulesAndShowOtherAddresses) {
  user_ = {0xa010, 0xc000};
  EXPECT_THAT(stacks().user(7, nginx()), ElementsAre("nginx+0x10", "0xc000"));
}

TEST_F(LiveStacksTest, LendNoModulesOfAProcessThatGotThePid) {
  user_ = {0xa010};
  host_.process(812, "nginx", kStacksStart / kTick + 1, "/usr/sbin/nginx");
  host_.write("/proc/812/maps", "a000-b000 r-xp 00000000 08:01 7 /usr/sbin/nginx\n");
  EXPECT_THAT(stacks().user(7, nginx()), ElementsAre("0xa010"));
  EXPECT_THAT(stacks().user(7, Task{}), IsEmpty()) << "nobody's";
}

TEST_F(LiveStacksTest, ReadModulesAgainAfterASecond) {
  user_ = {0xc000};
  LiveStacks subject = stacks();
  EXPECT_THAT(subject.user(7, nginx()), ElementsAre("0xc000"));
  host_.write("/proc/812/maps", "c000-d000 r-xp 00001000 08:01 9 /lib/plugin.so\n");
  stacks_clock_ns += LiveStacks::kBelievedNs - 1;
  EXPECT_THAT(subject.user(7, nginx()), ElementsAre("0xc000"));
  stacks_clock_ns += 1;
  EXPECT_THAT(subject.user(7, nginx()), ElementsAre("plugin.so+0x1000"));
}

// A zombie has an empty file; what has ended loads nothing more.
TEST_F(LiveStacksTest, KeepTheModulesOfAProcessThatEnded) {
  user_ = {0xa010};
  LiveStacks subject = stacks();
  EXPECT_THAT(subject.user(7, nginx()), ElementsAre("nginx+0x10"));
  host_.write("/proc/812/maps", "");
  stacks_clock_ns += LiveStacks::kBelievedNs;
  EXPECT_THAT(subject.user(7, nginx()), ElementsAre("nginx+0x10"));
  host_.remove("/proc/812");
  stacks_clock_ns += LiveStacks::kBelievedNs;
  EXPECT_THAT(subject.user(7, nginx()), ElementsAre("nginx+0x10"));
}

TEST(StoredStacks, HoldUntilTheNextNoteOfTheirKindAndId) {
  StoredStacks subject;
  subject.take({.user = false, .id = 3, .frames = {"tcp_close+0x2"}});
  subject.take({.user = true, .id = 3, .frames = {"nginx+0x10", "nginx+0x20"}});
  subject.take({.user = true, .id = 4, .frames = {"other+0x10"}});
  subject.take({.user = true, .id = 3, .frames = {"nginx+0x30"}});
  EXPECT_THAT(subject.kernel(3), ElementsAre("tcp_close+0x2"));
  EXPECT_THAT(subject.user(3, {}), ElementsAre("nginx+0x30"));
  EXPECT_THAT(subject.user(4, {}), ElementsAre("other+0x10"));
  EXPECT_THAT(subject.kernel(4), IsEmpty());
}

TEST(Stacks, AreThoseOfWhoMadeTheCallInnermostFirst) {
  class Told final : public Stacks {
   public:
    const Frames& kernel(std::int32_t id) override {
      return frames_ = {"kernel " + std::to_string(id)};
    }
    const Frames& user(std::int32_t id, const Task& task) override {
      return frames_ = {std::to_string(task.pid) + " " + std::to_string(id)};
    }

   private:
    Frames frames_;
  } stacks;
  Closure closure;
  closure.process.pid = 812;
  Frames frames{"before"};
  stacks.frames_of(closure, frames);
  EXPECT_THAT(frames, IsEmpty());
  closure.stack_kernel = 0;
  closure.stack_user = 5;
  stacks.frames_of(closure, frames);
  EXPECT_THAT(frames, ElementsAre("kernel 0", "812 5"));
  closure.actor.pid = 9;
  stacks.frames_of(closure, frames);
  EXPECT_THAT(frames, ElementsAre("kernel 0", "9 5"));
}

}  // namespace
}  // namespace closewatch
