// SPDX-License-Identifier: Apache-2.0
// --stack: who called what, from the program down to TCP. The suite is compiled with frame
// pointers, by which the kernel walks user stacks.
#include <unistd.h>

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "tests/storm/child.h"
#include "tests/storm/connection.h"
#include "tests/storm/must.h"
#include "tests/storm/network.h"
#include "tests/storm/shared.h"
#include "tests/storm/story.h"
#include "tests/storm/suite.h"

namespace closewatch::storm {
namespace {

constexpr std::uint32_t kClosed = 0x7f010001;  // 127.1.0.1: the client calls close()
constexpr std::uint32_t kReset = 0x7f010002;   // 127.1.0.2: the server resets it
constexpr std::uint32_t kExited = 0x7f010003;  // 127.1.0.3: the client exits

struct CallScene {
  Sign ended, leave;
  std::uintptr_t called_from = 0;
};

// Noted is where close() returns to next but one: libc's close() makes no frame of its own.
[[gnu::noinline]] void close_noted(UniqueFd& fd, CallScene& scene) {
  scene.called_from = reinterpret_cast<std::uintptr_t>(__builtin_return_address(0));
  must(::close(fd.release()), "close()");
}

[[gnu::noinline]] void call_close(UniqueFd& fd, CallScene& scene) { close_noted(fd, scene); }

// "file+0xoffset" of an address of this program.
std::string frame_of(std::uintptr_t address) {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    std::uintptr_t begin = 0;
    std::uintptr_t end = 0;
    std::uintptr_t offset = 0;
    if (std::sscanf(line.c_str(), "%" SCNxPTR "-%" SCNxPTR " %*s %" SCNxPTR, &begin, &end,
                    &offset) == 3 &&
        begin <= address && address < end) {
      char text[32];
      std::snprintf(text, sizeof text, "+0x%" PRIxPTR, address - begin + offset);
      return line.substr(line.rfind('/') + 1) + text;
    }
  }
  ADD_FAILURE() << "no mapping has " << address;
  return {};
}

// Closes by a way of its own: left or right at each level, by the bits of `way`.
constexpr unsigned kLevels = 10;
constexpr unsigned kWays = 1U << kLevels;

void close_by(UniqueFd& fd, unsigned way, unsigned levels);
[[gnu::noinline]] void left(UniqueFd& fd, unsigned way, unsigned levels) {
  close_by(fd, way, levels);
}
[[gnu::noinline]] void right(UniqueFd& fd, unsigned way, unsigned levels) {
  close_by(fd, way, levels);
}
[[gnu::noinline]] void close_by(UniqueFd& fd, unsigned way, unsigned levels) {
  if (levels == 0) {
    must(::close(fd.release()), "close()");
    return;
  }
  ((way & 1U) != 0 ? left : right)(fd, way >> 1U, levels - 1);
}

void make_ends(CallScene& scene) {
  const Listener listener;
  Connection closed = listener.connect(kClosed);
  call_close(closed.client, scene);
  closed.server.reset();

  Connection reset = listener.connect(kReset);
  set_linger_zero(reset.server.get());
  reset.server.reset();

  Connection exited = listener.connect(kExited);
  const Sign alone;
  Child child([&exited, &alone] {
    exited.server.reset();
    alone.await();
  });
  exited.client.reset();
  alone.give();
  must(-child.wait(), "the end of the child");
  exited.server.reset();
  await_closed(1);
  scene.ended.give();
  scene.leave.await();  // who has ended has no modules any more
}

using Frames = std::vector<std::string>;

// Of the client of the connection to that address.
Frames stack_of(const Story& story, const std::string& address) {
  for (const Json& closure : story.closures) {
    if (closure["peer"]["address"] == address) {
      return closure["stack"].is_null() ? Frames{} : closure["stack"].get<Frames>();
    }
  }
  ADD_FAILURE() << "no closure of " << address;
  return {};
}

// Where a frame of `function` is; the number of frames when there is none.
std::ptrdiff_t place_of(const Frames& frames, const std::string& function) {
  return std::find_if(
             frames.begin(), frames.end(),
             [&](const std::string& frame) { return frame.starts_with(function + "+0x"); }) -
         frames.begin();
}

void expect_all(const Story& story, const CallScene& scene) {
  const Frames closed = stack_of(story, "127.1.0.1");
  const auto size = static_cast<std::ptrdiff_t>(closed.size());
  const std::ptrdiff_t program =
      std::find(closed.begin(), closed.end(), frame_of(scene.called_from)) - closed.begin();
  EXPECT_LT(place_of(closed, "tcp_close"), place_of(closed, "inet_release"));
  EXPECT_LT(place_of(closed, "inet_release"), program);
  EXPECT_LT(program, size) << testing::PrintToString(closed);
  EXPECT_FALSE(closed.empty() || closed[0].starts_with("bpf_")) << "the hook is not of the call";

  EXPECT_EQ(stack_of(story, "127.1.0.2"), Frames{}) << "nobody called: a segment ended it";

  const Frames exited = stack_of(story, "127.1.0.3");
  EXPECT_LT(place_of(exited, "tcp_close"), place_of(exited, "do_exit"));
  EXPECT_LT(place_of(exited, "do_exit"), static_cast<std::ptrdiff_t>(exited.size()))
      << testing::PrintToString(exited);
}

class stacks : public Suite {};

TEST_F(stacks, of_close_and_exit_and_of_no_call) {
  const auto scene = make_shared_value<CallScene>();
  Closewatch traced = watch({"trace", "-j", "--stack"});
  Child traffic([&scene] { make_ends(*scene); });
  scene->ended.await();
  ASSERT_EQ(traced.interrupt(), 0) << traced.errors();
  scene->leave.give();
  EXPECT_EQ(traffic.wait(), 0);
  expect_all(Story(traced.output()), *scene);
}

TEST_F(stacks, in_a_capture) {
  const auto scene = make_shared_value<CallScene>();
  Closewatch recorded = watch({"record", "-", "--stack"});
  Child traffic([&scene] { make_ends(*scene); });
  scene->ended.await();
  ASSERT_EQ(recorded.interrupt(), 0) << recorded.errors();
  scene->leave.give();
  EXPECT_EQ(traffic.wait(), 0);
  // The process that was observed is gone: what it consisted of is in the capture.
  const std::string capture = "/tmp/closewatch_stacks_" + std::to_string(::getpid());
  std::ofstream(capture, std::ios::binary) << recorded.output();
  Closewatch replayed(
      {.program = {.path = program().path}, .arguments = {"replay", capture, "-j"}});
  EXPECT_EQ(replayed.wait(), 0) << replayed.errors();
  std::remove(capture.c_str());
  expect_all(Story(replayed.output()), *scene);
}

// 1024 different stacks fall on 16384 places: by chance some 30 of them find theirs taken.
TEST_F(stacks, without_room_are_counted) {
  const auto scene = make_shared_value<CallScene>();
  Closewatch traced = watch({"trace", "-j", "--stack"});
  Child traffic([&scene] {
    const Listener listener;
    for (unsigned way = 0; way < kWays; ++way) {
      Connection connection = listener.connect();
      close_by(connection.client, way, kLevels);
      connection.server.reset();
    }
    await_closed(1);
    scene->ended.give();
    scene->leave.await();
  });
  scene->ended.await();
  ASSERT_EQ(traced.interrupt(), 0) << traced.errors();
  scene->leave.give();
  EXPECT_EQ(traffic.wait(), 0);

  const Story story(traced.output());
  EXPECT_EQ(story.closures.size(), 2 * kWays);
  const std::string program = frame_of(reinterpret_cast<std::uintptr_t>(&left));
  const std::string prefix = program.substr(0, program.find('+') + 1);
  std::set<Frames> different;
  std::uint64_t without = 0;
  for (const Json& closure : story.closures) {
    const Frames frames = closure["stack"].is_null() ? Frames{} : closure["stack"].get<Frames>();
    const bool kernel_told =
        place_of(frames, "tcp_close") < static_cast<std::ptrdiff_t>(frames.size());
    const bool told = std::any_of(frames.begin(), frames.end(), [&](const std::string& frame) {
      return frame.starts_with(prefix);
    });
    without += (told ? 0 : 1) + (kernel_told ? 0 : 1);
    different.insert(frames);
  }
  std::smatch counted;
  const std::string errors = traced.errors();
  ASSERT_TRUE(
      std::regex_search(errors, counted, std::regex("closewatch: ([0-9]+) stacks not kept")))
      << errors;
  EXPECT_EQ(std::stoull(counted[1]), without);
  EXPECT_GE(different.size(), kWays - without);
}

TEST_F(stacks, are_not_there_unless_asked_for) {
  const auto scene = make_shared_value<CallScene>();
  Closewatch traced = watch();
  Child traffic([&scene] { make_ends(*scene); });
  scene->ended.await();
  ASSERT_EQ(traced.interrupt(), 0) << traced.errors();
  scene->leave.give();
  EXPECT_EQ(traffic.wait(), 0);
  EXPECT_EQ(stack_of(Story(traced.output()), "127.1.0.1"), Frames{});
}

}  // namespace
}  // namespace closewatch::storm
