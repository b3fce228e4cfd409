// SPDX-License-Identifier: Apache-2.0
#include "userspace/base/stream_writer.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <thread>

namespace closewatch {
namespace {

struct Ends {
  UniqueFd reader;
  UniqueFd writer;
};

Ends small_pipe() {
  int ends[2] = {-1, -1};
  EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  EXPECT_EQ(::fcntl(ends[1], F_SETPIPE_SZ, 4096), 4096);
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

Ends small_socket() {
  int ends[2] = {-1, -1};
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  const int bytes = 4096;
  EXPECT_EQ(::setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes), 0);
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

const std::string kMuch(1'000'000, 'x');

std::string read_all(int fd) {
  std::string all;
  char bytes[1000];
  for (ssize_t count = 0; (count = ::read(fd, bytes, sizeof bytes)) > 0;) {
    all.append(bytes, static_cast<std::size_t>(count));
  }
  return all;
}

class StreamWriterTest : public testing::TestWithParam<Ends (*)()> {
 protected:
  StreamWriterTest() { StreamWriter::heed(UniqueFd(::dup(stop_.get()))); }
  ~StreamWriterTest() override { StreamWriter::heed(UniqueFd()); }

  void stop() { ASSERT_EQ(::eventfd_write(stop_.get(), 1), 0); }

  Ends ends_ = GetParam()();

 private:
  UniqueFd stop_{::eventfd(0, EFD_CLOEXEC)};
};

TEST_P(StreamWriterTest, WaitsForASlowReader) {
  std::string received;
  std::thread reader([&] { received = read_all(ends_.reader.get()); });
  const auto [taken, error] = StreamWriter(ends_.writer.get()).write(kMuch.data(), kMuch.size());
  ends_.writer.reset();
  reader.join();
  EXPECT_EQ(taken, kMuch.size());
  EXPECT_EQ(error, 0);
  EXPECT_EQ(received, kMuch);
}

TEST_P(StreamWriterTest, WaitsForAReaderThatReadsAfterTheStop) {
  stop();
  std::string received;
  std::thread reader([&] { received = read_all(ends_.reader.get()); });
  const auto outcome = StreamWriter(ends_.writer.get()).write(kMuch.data(), kMuch.size());
  ends_.writer.reset();
  reader.join();
  EXPECT_EQ(outcome.taken, kMuch.size());
  EXPECT_EQ(received, kMuch);
}

TEST_P(StreamWriterTest, LeavesAStalledReaderAfterTheStop) {
  StreamWriter::Outcome outcome;
  std::thread writing(
      [&] { outcome = StreamWriter(ends_.writer.get()).write(kMuch.data(), kMuch.size()); });
  stop();
  writing.join();
  EXPECT_EQ(outcome.error, StreamWriter::kStalled);
  ends_.writer.reset();
  EXPECT_EQ(read_all(ends_.reader.get()).size(), outcome.taken);
  EXPECT_GT(outcome.taken, 0U);
  EXPECT_LT(outcome.taken, kMuch.size());
}

TEST_P(StreamWriterTest, DoesNotMakeTheStreamNonBlockingForOthers) {
  const StreamWriter writer(ends_.writer.get());
  EXPECT_EQ(writer.write("some", 4).error, 0);
  EXPECT_EQ(::fcntl(ends_.writer.get(), F_GETFL) & O_NONBLOCK, 0);
}

INSTANTIATE_TEST_SUITE_P(Streams, StreamWriterTest, testing::Values(small_pipe, small_socket),
                         [](const auto& kind) { return kind.index == 0 ? "Pipe" : "Socket"; });

TEST(StreamWriterErrors, HaveWords) {
  EXPECT_EQ(write_error_text(StreamWriter::kStalled), "its reader takes nothing");
  EXPECT_EQ(write_error_text(ENOSPC), "No space left on device");
}

}  // namespace
}  // namespace closewatch
