// SPDX-License-Identifier: Apache-2.0
#include "userspace/alert/log_notifier.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include "tests/unit/alert/alert_samples.h"

namespace closewatch::alert {
namespace {

using testing::sample_notification;

class LogNotifierTest : public ::testing::Test {
 protected:
  LogNotifierTest() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) == 0) {
      read_.reset(ends[0]);
      write_.reset(ends[1]);
    }
  }
  std::string logged(const Notification& notification, bool priorities = true) {
    EXPECT_EQ(LogNotifier({write_.get(), priorities}).deliver(notification, *halt_).outcome,
              Outcome::delivered);
    std::string text(65'536, '\0');
    text.resize(static_cast<std::size_t>(
        std::max<ssize_t>(0, ::read(read_.get(), text.data(), text.size()))));
    return text;
  }

  UniqueFd read_;
  UniqueFd write_;
  Result<Halt> halt_ = Halt::create();
};

TEST_F(LogNotifierTest, WritesLinesWithTheirPriority) {
  EXPECT_EQ(logged(sample_notification()),
            "<4>alert firing: aborts: process nginx: 3 closures within 5m, 900 bytes lost "
            "(threshold 2)\n"
            "<4>alert explanation: 300 bytes were unread.\n"
            "<4>alert advice: Read to the end.\n"
            "<4>alert evidence: {\"v\":1,\"id\":\"a\"}\n");
}

TEST_F(LogNotifierTest, WritesPlainLinesWhereTheJournalDoesNotRead) {
  Notification notification = sample_notification();
  notification.evidence.clear();
  EXPECT_EQ(logged(notification, false),
            "alert firing: aborts: process nginx: 3 closures within 5m, 900 bytes lost "
            "(threshold 2)\n");
}

TEST_F(LogNotifierTest, ThePriorityIsThatOfTheSeverity) {
  Notification notification = sample_notification();
  notification.rule.severity = Severity::notice;
  EXPECT_EQ(logged(notification).substr(0, 3), "<5>");
  notification.rule.severity = Severity::critical;
  EXPECT_EQ(logged(notification).substr(0, 3), "<2>");
  notification.event = Event::resolved;
  EXPECT_EQ(logged(notification).substr(0, 3), "<6>");
  EXPECT_EQ(logged({.event = Event::more, .held_back = {{"a", 2}}}),
            "<4>alert 2 alerts more since 1970-01-01T00:00:00Z: 2 a\n");
}

TEST_F(LogNotifierTest, AHostileNameMakesNoLineOfItsOwn) {
  Notification notification = sample_notification();
  notification.subject.name = "a\n<0>panic\x1b[31m";
  notification.evidence.clear();
  EXPECT_EQ(logged(notification),
            "<4>alert firing: aborts: process a\\x0a<0>panic\\x1b[31m: 3 closures within 5m, 900 "
            "bytes lost (threshold 2)\n");
}

TEST_F(LogNotifierTest, ALogThatNobodyReadsIsLeftWhenHalted) {
  const std::string noise(65'536, 'x');
  ::fcntl(write_.get(), F_SETPIPE_SZ, 65'536);
  ASSERT_EQ(::write(write_.get(), noise.data(), noise.size()), 65'536);  // it is full
  halt_->raise();
  EXPECT_EQ(LogNotifier({write_.get(), true}).deliver(sample_notification(), *halt_).outcome,
            Outcome::halted);
}

TEST_F(LogNotifierTest, ALogThatHasGoneIsAnError) {
  std::signal(SIGPIPE, SIG_IGN);
  read_.reset();
  const Attempt attempt = LogNotifier({write_.get(), true}).deliver(sample_notification(), *halt_);
  EXPECT_EQ(attempt.outcome, Outcome::failed);
  EXPECT_EQ(attempt.error, "cannot write the log: Broken pipe");
}

}  // namespace
}  // namespace closewatch::alert
