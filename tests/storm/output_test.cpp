// SPDX-License-Identifier: Apache-2.0
// The output goes away, fills up, or is to end in the middle of a storm: whole lines, every total,
// and the documented exit code.
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <fstream>
#include <regex>
#include <sstream>
#include <string>
#include <utility>

#include "tests/storm/await.h"
#include "tests/storm/load.h"
#include "tests/storm/must.h"
#include "tests/storm/network.h"
#include "tests/storm/story.h"
#include "tests/storm/suite.h"

namespace closewatch::storm {
namespace {

class output : public Suite {};

struct Pipe {
  Pipe() {
    std::array<int, 2> ends{};
    must(::pipe2(ends.data(), O_CLOEXEC), "pipe2");
    read_end = UniqueFd(ends[0]);
    write_end = UniqueFd(ends[1]);
  }
  UniqueFd read_end;
  UniqueFd write_end;
};

// The storm goes on throughout, and is faster than the reader: closewatch has to stop looking
// before it can be done.
TEST_F(output, is_whole_when_interrupted_in_a_storm) {
  Load load({.drivers = 2, .mix{4, 1, 1}});
  Pipe pipe;
  Closewatch closewatch = watch({"trace", "-j", "--ring-size", "256k"}, pipe.write_end.get());
  pipe.write_end.reset();
  const std::uint64_t before = load.connections();
  await("waiting for traffic", [&] { return load.connections() > before + 1000; });
  closewatch.signal(SIGINT);
  std::string text;
  std::array<char, 4096> some{};
  while (const ssize_t length =
             must(::read(pipe.read_end.get(), some.data(), some.size()), "read")) {
    text.append(some.data(), static_cast<std::size_t>(length));
    ::usleep(1000);
  }
  ASSERT_EQ(closewatch.wait(), 0) << closewatch.errors();
  EXPECT_TRUE(load.running()) << "it went on for as long as there was something to tell";
  load.stop();
  load.wait();

  const Story story(text);
  const auto account = Account::of(closewatch.errors());
  ASSERT_TRUE(account) << closewatch.errors();
  expect_identities(*account);
  EXPECT_EQ(story.closures.size(), account->shown);
  EXPECT_EQ(story.lost_records(), account->lost + account->lost_amendments);
}

// Probes go unanswered for three seconds before such a connection ends.
TEST_F(output, of_a_demo_that_is_stopped_judges_nothing) {
  Closewatch closewatch({.program = program(), .arguments = {"demo", "--reason", "keepalive"}});
  ASSERT_TRUE(closewatch.watches()) << closewatch.errors();
  EXPECT_EQ(closewatch.interrupt(), 1);
  EXPECT_EQ(closewatch.output(), "");
  const std::string errors = closewatch.errors();
  EXPECT_EQ(errors.substr(errors.find('\n') + 1),  // after "watching"
            "error: the demo was stopped by a signal before all was played\n");
}

TEST_F(output, ends_quietly_with_its_reader) {
  Load load({.drivers = 1});  // before the pipe, so as not to hold its end
  Pipe pipe;
  Closewatch closewatch = watch({"trace", "-j"}, pipe.write_end.get());
  pipe.write_end.reset();
  std::array<char, 4096> some{};
  must(::read(pipe.read_end.get(), some.data(), some.size()), "read");
  EXPECT_EQ(std::string(some.data(), 7), R"({"v":1,)");
  pipe.read_end.reset();
  EXPECT_EQ(closewatch.wait(), 0) << closewatch.errors();
  load.stop();
  load.wait();

  const auto account = Account::of(closewatch.errors());
  ASSERT_TRUE(account) << closewatch.errors();
  expect_identities(*account);
  EXPECT_EQ(closewatch.errors().find("error:"), std::string::npos) << closewatch.errors();
}

// What is left in a pipe that nobody writes to any more.
std::string drained(const UniqueFd& read_end) {
  std::string text;
  std::array<char, 4096> some{};
  while (const ssize_t length = must(::read(read_end.get(), some.data(), some.size()), "read")) {
    text.append(some.data(), static_cast<std::size_t>(length));
  }
  return text;
}

// Nobody reads, and the pipe is full long before all is told.
TEST_F(output, does_not_wait_for_a_stalled_reader_after_a_signal) {
  Pipe pipe;
  Closewatch closewatch = watch({"trace", "-j"}, pipe.write_end.get());
  pipe.write_end.reset();
  run_load({.drivers = 1, .connections = 500});
  await_closed(0);
  closewatch.signal(SIGTERM);
  EXPECT_EQ(closewatch.wait(), 1) << closewatch.errors();

  const std::string errors = closewatch.errors();
  EXPECT_NE(errors.find("\nerror: cannot write the output: its reader takes nothing\n"),
            std::string::npos)
      << errors;
  const auto account = Account::of(errors);
  ASSERT_TRUE(account) << errors;
  expect_identities(*account);
  EXPECT_EQ(account->shown, 1000U) << errors;
  const std::string text = drained(pipe.read_end);
  const auto lines = static_cast<std::uint64_t>(std::count(text.begin(), text.end(), '\n'));
  EXPECT_GT(lines, 0U);
  EXPECT_EQ(account->shown, lines + account->unwritten) << errors;
}

// A small file system, in a mount namespace of its own.
class SmallDisk {
 public:
  explicit SmallDisk(const char* size) {
    must(::unshare(CLONE_NEWNS), "unshare(CLONE_NEWNS)");
    must(::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr), "mount --make-rprivate /");
    if (::mkdtemp(folder_.data()) == nullptr) {
      give_up("mkdtemp");
    }
    must(::mount("storm", folder_.data(), "tmpfs", 0, (std::string("size=") + size).c_str()),
         "mount -t tmpfs");
  }
  SmallDisk(const SmallDisk&) = delete;
  ~SmallDisk() {
    ::umount2(folder_.data(), MNT_DETACH);
    ::rmdir(folder_.data());
  }
  [[nodiscard]] std::string path(const char* name) const {
    return std::string(folder_.data()) + '/' + name;
  }

 private:
  std::array<char, 32> folder_{"/tmp/closewatch-storm-XXXXXX"};
};

TEST_F(output, to_a_full_disk_is_an_error_and_counted) {
  const SmallDisk disk("64k");
  const std::string path = disk.path("out");
  UniqueFd file(must(::open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600), "open"));
  Closewatch closewatch = watch({"trace", "-j"}, file.get());
  run_load({.drivers = 1, .connections = 500});
  EXPECT_EQ(closewatch.wait(), 1) << closewatch.errors();

  std::ostringstream written;
  written << std::ifstream(path).rdbuf();
  const std::string errors = closewatch.errors();
  EXPECT_NE(errors.find("\nerror: cannot write the output: No space left on device\nhint: "),
            std::string::npos)
      << errors;
  const auto account = Account::of(errors);
  ASSERT_TRUE(account) << errors;
  expect_identities(*account);
  const std::string text = written.str();
  const auto lines = static_cast<std::uint64_t>(std::count(text.begin(), text.end(), '\n'));
  EXPECT_GT(lines, 0U);
  EXPECT_GT(account->unwritten, 0U) << errors;
  EXPECT_EQ(account->shown, lines + account->unwritten) << errors;
}

// The two numbers of a line of `text` that matches.
std::pair<std::uint64_t, std::uint64_t> two_numbers(const std::string& text, const char* pattern) {
  std::smatch found;
  if (!std::regex_search(text, found, std::regex(pattern))) {
    ADD_FAILURE() << "no " << pattern << " in:\n" << text;
    return {};
  }
  return {std::stoull(found[1]), std::stoull(found[2])};
}

// What fitted is a capture cut short at a whole block, and both sides are counted.
TEST_F(output, of_record_to_a_full_disk_keeps_what_fitted) {
  const SmallDisk disk("1m");
  Closewatch recording = watch({"record", disk.path("capture")});
  run_load({.drivers = 1, .connections = 6000});
  EXPECT_EQ(recording.wait(), 1) << recording.errors();
  const std::string errors = recording.errors();
  const auto [written, unwritten] =
      two_numbers(errors,
                  "error: cannot write .*: No space left on device: ([0-9]+) records written, "
                  "([0-9]+) not written\nhint:  ");
  EXPECT_GT(written, 0U);
  EXPECT_GT(unwritten, 0U);
  const auto [ended, recorded] = two_numbers(errors, "([0-9]+) closures ended = ([0-9]+) recorded");
  EXPECT_EQ(written + unwritten, recorded) << errors;

  Closewatch replaying(
      {.program = {.path = program().path}, .arguments = {"replay", "-j", disk.path("capture")}});
  EXPECT_EQ(replaying.wait(), 1);
  EXPECT_EQ(Story(replaying.output()).closures.size(), written);
  EXPECT_NE(replaying.errors().find("hint:  the recording was cut short"), std::string::npos)
      << replaying.errors();
}

TEST_F(output, of_record_does_not_wait_for_a_stalled_reader_after_a_signal) {
  Pipe pipe;
  Closewatch recording = watch({"record", "-"}, pipe.write_end.get());
  pipe.write_end.reset();
  run_load({.drivers = 1, .connections = 500});
  await_closed(0);
  recording.signal(SIGINT);
  EXPECT_EQ(recording.wait(), 1) << recording.errors();
  const auto [written, unwritten] = two_numbers(
      recording.errors(),
      "\nerror: cannot write standard output: its reader takes nothing: ([0-9]+) records written, "
      "([0-9]+) not written\n");
  EXPECT_GT(unwritten, 0U);
  EXPECT_EQ(written + unwritten, 1000U) << recording.errors();
}

// As when a terminal is lost.
TEST_F(output, of_record_is_whole_after_a_hang_up) {
  const UniqueFd memory(must(::memfd_create("capture", 0), "memfd_create"));
  Closewatch recording = watch({"record", "-"}, memory.get());
  run_load({.drivers = 1, .connections = 50});
  await_closed(0);
  recording.signal(SIGHUP);
  ASSERT_EQ(recording.wait(), 0) << recording.errors();

  Closewatch replaying({.program = {.path = program().path},
                        .arguments = {"replay", "-j",
                                      "/proc/" + std::to_string(::getpid()) + "/fd/" +
                                          std::to_string(memory.get())}});
  EXPECT_EQ(replaying.wait(), 0) << replaying.errors();
  EXPECT_EQ(Story(replaying.output()).closures.size(), 100U);
}

TEST_F(output, goes_on_after_a_hang_up_that_is_ignored) {
  ::signal(SIGHUP, SIG_IGN);  // as nohup does
  Closewatch closewatch = watch({"trace", "-j"});
  ::signal(SIGHUP, SIG_DFL);
  closewatch.signal(SIGHUP);
  run_load({.drivers = 1, .connections = 50});
  await_closed(0);
  ASSERT_EQ(closewatch.interrupt(), 0) << closewatch.errors();
  EXPECT_EQ(Story(closewatch.output()).closures.size(), 100U);
}

TEST_F(output, of_record_is_whole_when_interrupted_in_a_storm) {
  const UniqueFd memory(must(::memfd_create("capture", 0), "memfd_create"));
  const std::string capture =
      "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(memory.get());
  Load load({.drivers = 1, .mix{4, 1, 1}});
  Closewatch recording = watch({"record", "-"}, memory.get());
  const std::uint64_t before = load.connections();
  await("waiting for traffic", [&] { return load.connections() > before + 1000; });
  ASSERT_EQ(recording.interrupt(), 0) << recording.errors();
  load.stop();
  load.wait();
  const auto [ended, recorded] =
      two_numbers(recording.errors(), "([0-9]+) closures ended = ([0-9]+) recorded");
  EXPECT_GE(recorded, 2000U);

  Closewatch replaying(
      {.program = {.path = program().path}, .arguments = {"replay", "-j", capture}});
  EXPECT_EQ(replaying.wait(), 0) << replaying.errors();
  const Story story(replaying.output());
  const auto account = Account::of(replaying.errors());
  ASSERT_TRUE(account) << replaying.errors();
  expect_identities(*account);
  EXPECT_EQ(account->ended, ended);
  EXPECT_EQ(account->recorded, recorded);
  EXPECT_EQ(story.closures.size(), recorded);
  EXPECT_EQ(story.lost_records(), account->lost + account->lost_amendments);
}

}  // namespace
}  // namespace closewatch::storm
