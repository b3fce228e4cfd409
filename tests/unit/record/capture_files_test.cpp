// SPDX-License-Identifier: Apache-2.0
// Captures as files: what is not overwritten or followed, and disks and readers that fail.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "tests/unit/record/capture_file.h"

namespace closewatch {
namespace {

using testing::encode;
using testing::example_closure;
using testing::example_header;
using ::testing::HasSubstr;
using testing::read_from;
using testing::Reading;
using State = CaptureReader::State;

class CaptureFiles : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = ::testing::TempDir() + "capture.XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  [[nodiscard]] std::string path(const char* name) const { return folder_ / name; }

  std::filesystem::path folder_;
};

TEST_F(CaptureFiles, AFileIsPrivateAndReadBack) {
  auto writer = CaptureWriter::create(path("a.cw"), example_header(), false);
  ASSERT_TRUE(writer.ok());
  writer->append(encode(example_closure(1)));
  ASSERT_TRUE(writer->finish(9, {}).ok());
  struct stat status {};
  ASSERT_EQ(::stat(path("a.cw").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600);

  auto reader = CaptureReader::open(path("a.cw"));
  ASSERT_TRUE(reader.ok());
  EXPECT_EQ(reader->header(), example_header());
  const auto event = reader->next();
  ASSERT_TRUE(event.ok());
  EXPECT_EQ(std::get<RecordBlock>(**event).count(), 1);
}

TEST_F(CaptureFiles, AnExistingFileIsLeftAloneUnlessAllowed) {
  std::ofstream(path("a.cw")) << "precious";
  const auto refused = CaptureWriter::create(path("a.cw"), example_header(), false);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().what, "cannot create " + path("a.cw") + ": File exists");
  EXPECT_NE(refused.error().hint, "");
  EXPECT_EQ(std::filesystem::file_size(path("a.cw")), 8);

  auto allowed = CaptureWriter::create(path("a.cw"), example_header(), true);
  ASSERT_TRUE(allowed.ok());
  ASSERT_TRUE(allowed->finish(9, {}).ok());
  EXPECT_EQ(read_from(UniqueFd(::open(path("a.cw").c_str(), O_RDONLY))).state, State::whole);
}

TEST_F(CaptureFiles, ASymbolicLinkIsNeverWrittenThrough) {
  std::ofstream(path("target")) << "precious";
  std::filesystem::create_symlink(path("target"), path("link"));
  for (const bool overwrite : {false, true}) {
    const auto refused = CaptureWriter::create(path("link"), example_header(), overwrite);
    ASSERT_FALSE(refused.ok());
    EXPECT_THAT(refused.error().hint, HasSubstr("symbolic link"));
  }
  EXPECT_EQ(std::filesystem::file_size(path("target")), 8);
}

TEST_F(CaptureFiles, APipeIsWrittenWhenItIsRead) {
  ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);
  const auto refused = CaptureWriter::create(path("pipe"), example_header(), true);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().what, "cannot create " + path("pipe") + ": No such device or address");
  EXPECT_THAT(refused.error().hint, HasSubstr("nothing reads from this pipe"));

  UniqueFd reader(::open(path("pipe").c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  auto writer = CaptureWriter::create(path("pipe"), example_header(), true);
  ASSERT_TRUE(writer.ok()) << writer.error().what;
  ASSERT_TRUE(writer->finish(9, {}).ok());
  EXPECT_EQ(read_from(std::move(reader)).state, State::whole);
}

TEST_F(CaptureFiles, AMissingFolderIsAnError) {
  const auto refused = CaptureWriter::create(path("no/a.cw"), example_header(), false);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().what,
            "cannot create " + path("no/a.cw") + ": No such file or directory");
  EXPECT_EQ(refused.error().hint, "name a file in a folder that exists and that you may write to");
}

TEST_F(CaptureFiles, WhatCannotBeOpenedOrReadIsAnError) {
  const auto missing = CaptureReader::open(path("no"));
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().what, "cannot open " + path("no") + ": No such file or directory");
  EXPECT_THAT(missing.error().hint, HasSubstr("that you may read"));
  const auto folder = CaptureReader::open(folder_);
  ASSERT_FALSE(folder.ok());
  EXPECT_EQ(folder.error().what, "cannot read " + folder_.string() + ": Is a directory");
  EXPECT_THAT(folder.error().hint, HasSubstr("closewatch record"));
}

TEST_F(CaptureFiles, AHeaderThatNoReaderWouldTakeIsNotWritten) {
  CaptureHeader header = example_header();
  for (int i = 0; i < 20; ++i) {
    header.reset_reasons[100 + i] = std::string(4000, 'x');
  }
  const auto refused = CaptureWriter::create(path("a.cw"), header, false);
  ASSERT_FALSE(refused.ok());
  EXPECT_THAT(refused.error().what, HasSubstr("65536 is the most"));
}

TEST(CaptureTerminal, ACaptureIsNotWrittenToOne) {
  EXPECT_EXIT(
      {
        int terminal = -1;
        int other_end = -1;
        if (::openpty(&other_end, &terminal, nullptr, nullptr, nullptr) != 0 ||
            ::dup2(terminal, STDOUT_FILENO) < 0) {
          ::_exit(99);
        }
        const auto refused = CaptureWriter::create("-", example_header(), false);
        ::_exit(!refused.ok() && refused.error().code == ExitCode::usage ? 42 : 98);
      },
      ::testing::ExitedWithCode(42), "");
}

TEST_F(CaptureFiles, StandardOutputTakesACapture) {
  EXPECT_EXIT(
      {
        const int file = ::open(path("out").c_str(), O_WRONLY | O_CREAT, 0600);
        if (::dup2(file, STDOUT_FILENO) < 0) {
          ::_exit(99);
        }
        auto writer = CaptureWriter::create("-", example_header(), false);
        writer->append(encode(example_closure(1)));
        ::_exit(writer->finish(9, {}).ok() ? 42 : 98);
      },
      ::testing::ExitedWithCode(42), "");
  const Reading reading = read_from(UniqueFd(::open(path("out").c_str(), O_RDONLY)));
  EXPECT_EQ(reading.records, 1);
  EXPECT_EQ(reading.state, State::whole);
}

TEST_F(CaptureFiles, AFullDiskIsToldAtOnce) {
  const auto full = CaptureWriter::create("/dev/full", example_header(), true);
  ASSERT_FALSE(full.ok());
  EXPECT_EQ(full.error().what,
            "cannot write /dev/full: No space left on device: 0 records written, 0 not written");
  EXPECT_NE(full.error().hint, "");
}

// The limit on the size of files stands for a disk that fills up in the middle of a block.
TEST_F(CaptureFiles, AfterAFailedWriteTheFileEndsWithItsLastWholeBlock) {
  auto writer = CaptureWriter::create(path("a.cw"), example_header(), false);
  ASSERT_TRUE(writer.ok());
  writer->append(encode(example_closure(1)));
  writer->append(encode(example_closure(2)));
  ASSERT_TRUE(writer->end_batch(100).ok());
  const auto whole = std::filesystem::file_size(path("a.cw"));

  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  rlimit tight = before;
  tight.rlim_cur = whole + 100;
  const auto handler = ::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &tight), 0);
  for (std::uint32_t n = 3; n < 6; ++n) {
    writer->append(encode(example_closure(n)));
  }
  const auto failed = writer->end_batch(200);
  writer->append(encode(example_closure(6)));
  const auto again = writer->finish(300, {});
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  ::signal(SIGXFSZ, handler);

  ASSERT_FALSE(failed.ok());
  EXPECT_EQ(failed.error().what,
            "cannot write " + path("a.cw") + ": File too large: 2 records written, 3 not written");
  ASSERT_FALSE(again.ok());
  EXPECT_EQ(again.error().what,
            "cannot write " + path("a.cw") + ": File too large: 2 records written, 4 not written");
  EXPECT_EQ(writer->written(), 2);
  EXPECT_EQ(writer->unwritten(), 4);
  EXPECT_EQ(std::filesystem::file_size(path("a.cw")), whole);
  const Reading reading = read_from(UniqueFd(::open(path("a.cw").c_str(), O_RDONLY)));
  EXPECT_EQ(reading.records, 2);
  EXPECT_EQ(reading.state, State::truncated);
}

TEST(CapturePipe, AReaderThatWentAwayIsAnErrorWithTheCount) {
  const auto handler = ::signal(SIGPIPE, SIG_IGN);
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  auto writer =
      CaptureWriter::on_descriptor(UniqueFd(ends[1]), "standard output", example_header());
  ASSERT_TRUE(writer.ok());
  ::close(ends[0]);
  writer->append(encode(example_closure(1)));
  const auto failed = writer->end_batch(100);
  ::signal(SIGPIPE, handler);
  ASSERT_FALSE(failed.ok());
  EXPECT_EQ(failed.error().what,
            "cannot write standard output: Broken pipe: 0 records written, 1 not written");
  EXPECT_THAT(failed.error().hint, HasSubstr("the reader went away"));
}

TEST_F(CaptureFiles, AFileThatShrinksWhileItIsReadIsTruncated) {
  auto writer = CaptureWriter::create(path("a.cw"), example_header(), false);
  ASSERT_TRUE(writer.ok());
  for (std::uint32_t n = 0; n < 20'000; ++n) {  // 5.8 MB
    writer->append(encode(example_closure(n)));
  }
  ASSERT_TRUE(writer->finish(9, {}).ok());
  auto reader = CaptureReader::open(path("a.cw"));
  ASSERT_TRUE(reader.ok());
  ASSERT_TRUE(reader->next().ok());
  std::filesystem::resize_file(path("a.cw"), 1000);
  auto event = reader->next();
  for (; event.ok() && event->has_value(); event = reader->next()) {
  }
  EXPECT_FALSE(event.ok());
  EXPECT_EQ(reader->state(), State::truncated);
  EXPECT_LT(reader->records(), 20'000);
}

TEST(CaptureSignal, AnInterruptedReadCanGoOn) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  auto writer = CaptureWriter::on_descriptor(UniqueFd(ends[1]), "pipe", example_header());
  ASSERT_TRUE(writer.ok());
  auto reader = CaptureReader::on_descriptor(UniqueFd(ends[0]), "pipe");
  ASSERT_TRUE(reader.ok());

  // An alarm that goes on until it has found the reader in read(2).
  struct sigaction action {};
  action.sa_handler = [](int) {};
  struct sigaction before {};
  ASSERT_EQ(::sigaction(SIGALRM, &action, &before), 0);
  const itimerval every_ms{{0, 1000}, {0, 1000}};
  ASSERT_EQ(::setitimer(ITIMER_REAL, &every_ms, nullptr), 0);
  const auto interrupted = reader->next();
  const itimerval never{};
  ASSERT_EQ(::setitimer(ITIMER_REAL, &never, nullptr), 0);
  ASSERT_EQ(::sigaction(SIGALRM, &before, nullptr), 0);
  ASSERT_TRUE(interrupted.ok());
  EXPECT_FALSE(interrupted->has_value());
  EXPECT_EQ(reader->state(), State::interrupted);

  writer->append(encode(example_closure(1)));
  ASSERT_TRUE(writer->finish(9, {}).ok());
  const auto event = reader->next();
  ASSERT_TRUE(event.ok());
  EXPECT_EQ(std::get<RecordBlock>(**event).count(), 1);
  EXPECT_EQ(reader->state(), State::reading);
}

}  // namespace
}  // namespace closewatch
