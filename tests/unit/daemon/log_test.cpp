// SPDX-License-Identifier: Apache-2.0
#include "userspace/daemon/log.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "userspace/base/unique_fd.h"

namespace closewatch {
namespace {

class LogTest : public ::testing::Test {
 protected:
  [[nodiscard]] Log log(LogSettings settings, const char* journal_stream = nullptr) const {
    return {settings, file_.get(), journal_stream};
  }
  // "device:inode" of the file, as systemd names the journal's.
  [[nodiscard]] std::string stream() const {
    struct stat status {};
    EXPECT_EQ(::fstat(file_.get(), &status), 0);
    return std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino);
  }
  [[nodiscard]] std::string written() const {
    std::string text(static_cast<std::size_t>(::lseek(file_.get(), 0, SEEK_END)), '\0');
    EXPECT_EQ(::pread(file_.get(), text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
    return text;
  }

 private:
  UniqueFd file_{::memfd_create("log", MFD_CLOEXEC)};
};

TEST_F(LogTest, BeginsEachLineWithItsPriority) {
  const Log all = log({.level = LogLevel::debug, .form = LogForm::journal});
  all.error("e");
  all.warning("w");
  all.notice("n");
  all.info("i");
  all.write(LogLevel::debug, "d");
  EXPECT_EQ(written(),
            "<3>closewatch: e\n<4>closewatch: w\n<5>closewatch: n\n<6>closewatch: i\n"
            "<7>closewatch: d\n");
}

TEST_F(LogTest, LeavesOutWhatIsLessThanItsLevel) {
  const Log some = log({.level = LogLevel::warning, .form = LogForm::plain});
  some.error("e");
  some.warning("w");
  some.notice("n");
  some.info("i");
  EXPECT_EQ(written(), "closewatch: e\nclosewatch: w\n");
}

TEST_F(LogTest, WritesPrioritiesWhereTheJournalReads) {
  log({}, stream().c_str()).info("i");
  EXPECT_EQ(written(), "<6>closewatch: i\n");
}

TEST_F(LogTest, WritesNoneWhereSomethingElseReads) {
  log({}).info("i");
  log({}, (stream() + "0").c_str()).info("j");  // another file is the journal's
  EXPECT_EQ(written(), "closewatch: i\nclosewatch: j\n");
}

TEST_F(LogTest, KeepsHostileTextOnOneLine) {
  log({.level = LogLevel::info, .form = LogForm::plain}).info("a\n<0>b\x1b[31m\xff");
  EXPECT_EQ(written(), "closewatch: a\\x0a<0>b\\x1b[31m\\xff\n");
}

// With a blocking write the second line would never return.
TEST(LogOfNobody, CountsWhatDoesNotFitAndTellsIt) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
  const UniqueFd reader(ends[0]);
  const UniqueFd writer(ends[1]);
  ASSERT_GE(::fcntl(writer.get(), F_SETPIPE_SZ, 4096), 4096);
  std::string page(4096, '.');
  ASSERT_EQ(::write(writer.get(), page.data(), page.size()), 4096);
  ASSERT_EQ(::fcntl(writer.get(), F_SETFL, 0), 0);
  const Log log({.level = LogLevel::info, .form = LogForm::plain}, writer.get(), nullptr);
  log.info("one");
  log.info("two");
  EXPECT_EQ(log.lines(), 2U);
  EXPECT_EQ(log.lost(), 2U);
  ASSERT_EQ(::read(reader.get(), page.data(), page.size()), 4096);
  log.info("three");
  EXPECT_EQ(log.lines(), 3U);
  EXPECT_EQ(log.lost(), 3U);  // a pipe of one page takes the word of the loss, and no more
  const ssize_t told = ::read(reader.get(), page.data(), page.size());
  ASSERT_GT(told, 0);
  EXPECT_EQ(page.substr(0, static_cast<std::size_t>(told)),
            "closewatch: LOST 2 lines of this log: nobody read it\n");
  log.info("four");
  EXPECT_EQ(log.lost(), 3U + 1U);
}

}  // namespace
}  // namespace closewatch
