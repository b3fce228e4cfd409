// SPDX-License-Identifier: Apache-2.0
#include "userspace/render/output.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <thread>

#include "tests/unit/render/captured_output.h"

namespace closewatch {
namespace {

constexpr std::size_t kLines = 50'000;  // far more than a pipe holds
constexpr int kPipeBytes = 4096;

struct Pipe {
  UniqueFd reader;
  UniqueFd writer;
};

Pipe small_pipe(int flags = 0) {
  int ends[2] = {-1, -1};
  EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  EXPECT_EQ(::fcntl(ends[1], F_SETPIPE_SZ, kPipeBytes), kPipeBytes);
  EXPECT_EQ(::fcntl(ends[1], F_SETFL, flags), 0);
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

std::string line_of(std::size_t number) { return fmt::format("line {} of many", number); }

void write_lines(Output& output, std::size_t count) {
  for (std::size_t number = 0; number < count; ++number) {
    append(output.buffer(), line_of(number));
    output.end_line();
  }
}

std::string expected_lines(std::size_t count) {
  std::string all;
  for (std::size_t number = 0; number < count; ++number) {
    all += line_of(number) + '\n';
  }
  return all;
}

std::string read_until_end(int fd, std::size_t limit = ~std::size_t{0}) {
  std::string all;
  char bytes[1000];
  while (all.size() < limit) {
    const ssize_t count = ::read(fd, bytes, std::min(sizeof bytes, limit - all.size()));
    if (count <= 0) {
      break;
    }
    all.append(bytes, static_cast<std::size_t>(count));
  }
  return all;
}

class OutputTest : public testing::Test {
 protected:
  OutputTest() : previous_(::signal(SIGPIPE, SIG_IGN)) {}
  ~OutputTest() override { ::signal(SIGPIPE, previous_); }

 private:
  sighandler_t previous_;
};

TEST_F(OutputTest, KeepsLinesUntilFlushed) {
  const Pipe pipe = small_pipe(O_NONBLOCK);
  Output output(pipe.writer.get());
  append(output.buffer(), "one");
  output.end_line();
  ASSERT_EQ(::fcntl(pipe.reader.get(), F_SETFL, O_NONBLOCK), 0);
  EXPECT_EQ(read_until_end(pipe.reader.get()), "");
  output.flush();
  EXPECT_EQ(read_until_end(pipe.reader.get()), "one\n");
  EXPECT_EQ(output.lines_written(), 1U);
  EXPECT_EQ(output.lines_dropped(), 0U);
}

TEST_F(OutputTest, WritesByItselfWhenMuchWaits) {
  CapturedOutput captured;
  write_lines(captured.output(), kLines);
  EXPECT_GT(captured.output().lines_written(), kLines / 2);
  EXPECT_EQ(captured.text(), expected_lines(kLines));
  EXPECT_EQ(captured.output().lines_written(), kLines);
}

class SlowReader : public OutputTest, public testing::WithParamInterface<int> {};

TEST_P(SlowReader, GetsEveryLineWhole) {
  Pipe pipe = small_pipe(GetParam());
  std::string received;
  std::thread reader([&] { received = read_until_end(pipe.reader.get()); });
  Output output(pipe.writer.get());
  write_lines(output, kLines);
  output.flush();
  pipe.writer.reset();
  reader.join();
  EXPECT_EQ(received, expected_lines(kLines));
  EXPECT_EQ(output.lines_written(), kLines);
  EXPECT_TRUE(output.usable());
}

INSTANTIATE_TEST_SUITE_P(Modes, SlowReader, testing::Values(0, O_NONBLOCK), [](const auto& mode) {
  return mode.param == 0 ? "Blocking" : "NonBlocking";
});

TEST_F(OutputTest, TellsWhenTheReaderHasGone) {
  Pipe pipe = small_pipe();
  pipe.reader.reset();
  Output output(pipe.writer.get());
  write_lines(output, 3);
  EXPECT_FALSE(output.closed());
  output.flush();
  EXPECT_TRUE(output.closed());
  EXPECT_FALSE(output.error().has_value());
  EXPECT_FALSE(output.usable());
  write_lines(output, 2);
  output.flush();
  EXPECT_EQ(output.lines_written(), 0U);
  EXPECT_EQ(output.lines_dropped(), 5U);
}

TEST_F(OutputTest, CountsEveryLineWhenTheReaderLeavesMidway) {
  Pipe pipe = small_pipe();
  std::string received;
  std::thread reader([&] {
    received = read_until_end(pipe.reader.get(), 10'000);
    pipe.reader.reset();
  });
  Output output(pipe.writer.get());
  write_lines(output, kLines);
  output.flush();
  reader.join();
  EXPECT_TRUE(output.closed());
  EXPECT_EQ(output.lines_written() + output.lines_dropped(), kLines);
  const auto whole = static_cast<std::uint64_t>(std::count(received.begin(), received.end(), '\n'));
  EXPECT_GE(output.lines_written(), whole);
  EXPECT_GT(output.lines_dropped(), 0U);
}

TEST_F(OutputTest, SaysWhyAWriteFailed) {
  const UniqueFd full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
  ASSERT_TRUE(full.valid());
  Output output(full.get());
  write_lines(output, 2);
  output.flush();
  ASSERT_TRUE(output.error().has_value());
  EXPECT_EQ(output.error()->what, "cannot write the output: No space left on device");
  EXPECT_EQ(output.error()->hint, "make room on that file system, or write elsewhere");
  EXPECT_EQ(output.error()->code, ExitCode::failure);
  EXPECT_FALSE(output.closed());
  EXPECT_EQ(output.lines_dropped(), 2U);
}

}  // namespace
}  // namespace closewatch
