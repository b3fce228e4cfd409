// SPDX-License-Identifier: Apache-2.0
// The programs are sh, which is named here with its path as a user would name a script.
#include "userspace/alert/program_notifier.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <thread>

#include "tests/unit/alert/alert_samples.h"
#include "userspace/alert/notification_json.h"

namespace closewatch::alert {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using testing::sample_notification;

class ProgramNotifierTest : public ::testing::Test {
 protected:
  ProgramNotifierTest() {
    char name[] = "/tmp/closewatch-alert-XXXXXX";
    folder_ = ::mkdtemp(name);
  }
  ~ProgramNotifierTest() override {
    ::unlink(path("out").c_str());
    ::rmdir(folder_.c_str());
  }
  [[nodiscard]] std::string path(const std::string& name) const { return folder_ + "/" + name; }
  Attempt run(const std::string& script, milliseconds timeout = minutes(1)) {
    return ProgramNotifier({.path = "/bin/sh",
                            .arguments = {"-c", script, "sh", path("out")},
                            .timeout = timeout})
        .deliver(sample_notification(), *halt_);
  }
  [[nodiscard]] std::string out() const {
    std::ostringstream text;
    text << std::ifstream(path("out")).rdbuf();
    return text.str();
  }

  std::string folder_;
  Result<Halt> halt_ = Halt::create();
};

TEST_F(ProgramNotifierTest, ReadsTheNotificationOnStandardInput) {
  EXPECT_EQ(run("cat >\"$1\"").outcome, Outcome::delivered);
  TextBuffer json;
  append_notification_json(json, sample_notification());
  EXPECT_EQ(out(), std::string(view_of(json)) + "\n");
}

TEST_F(ProgramNotifierTest, HasAnEmptyEnvironmentAndNothingElse) {
  ::setenv("CLOSEWATCH_SECRET", "1", 1);
  const UniqueFd inherited(::open("/dev/null", O_RDONLY));  // without O_CLOEXEC
  EXPECT_EQ(run("{ tr '\\0' '\\n' </proc/$$/environ; pwd; } >\"$1\"").outcome, Outcome::delivered);
  EXPECT_EQ(out(), "/\n");
  EXPECT_EQ(run("exec >\"$1\"; ls /proc/$$/fd").outcome, Outcome::delivered);
  EXPECT_EQ(out(), "0\n1\n2\n");
  ::unsetenv("CLOSEWATCH_SECRET");
}

TEST_F(ProgramNotifierTest, TellsHowItEnded) {
  EXPECT_EQ(run("exit 0").outcome, Outcome::delivered);
  Attempt attempt = run("exit 7");
  EXPECT_EQ(attempt.outcome, Outcome::failed);
  EXPECT_EQ(attempt.error, "exited with 7");
  attempt = run("kill -9 $$");
  EXPECT_EQ(attempt.outcome, Outcome::failed);
  EXPECT_EQ(attempt.error, "was killed by signal 9");
}

TEST_F(ProgramNotifierTest, TellsThatThereIsNone) {
  const Attempt attempt =
      ProgramNotifier({.path = path("none")}).deliver(sample_notification(), *halt_);
  EXPECT_EQ(attempt.outcome, Outcome::failed);
  EXPECT_EQ(attempt.error, "cannot be run: No such file or directory");
}

TEST_F(ProgramNotifierTest, IsKilledWithItsChildrenWhenItsTimeIsOver) {
  // The child keeps the fifo open for writing for as long as it lives.
  ASSERT_EQ(::mkfifo(path("out").c_str(), 0600), 0);
  const UniqueFd fifo(::open(path("out").c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  const Attempt attempt =
      run("trap '' TERM; exec 3>\"$1\"; sleep 1000 & echo up >&3; wait", milliseconds(300));
  EXPECT_EQ(attempt.outcome, Outcome::failed);
  EXPECT_EQ(attempt.error, "took too long and was killed");
  char bytes[16];
  ASSERT_EQ(::read(fifo.get(), bytes, sizeof bytes), 3);
  pollfd hung_up{fifo.get(), POLLIN, 0};
  EXPECT_EQ(::poll(&hung_up, 1, 60'000), 1);
  EXPECT_EQ(::read(fifo.get(), bytes, sizeof bytes), 0);  // nobody writes any more
}

TEST_F(ProgramNotifierTest, WhatItLeavesBehindIsKilledToo) {
  ASSERT_EQ(::mkfifo(path("out").c_str(), 0600), 0);
  const UniqueFd fifo(::open(path("out").c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  EXPECT_EQ(run("exec 3>\"$1\"; sleep 1000 & exit 0").outcome, Outcome::delivered);
  pollfd hung_up{fifo.get(), POLLIN, 0};
  EXPECT_EQ(::poll(&hung_up, 1, 60'000), 1);
  char byte = 0;
  EXPECT_EQ(::read(fifo.get(), &byte, 1), 0);
}

TEST_F(ProgramNotifierTest, IsKilledAtOnceWhenHalted) {
  ASSERT_EQ(::mkfifo(path("out").c_str(), 0600), 0);
  std::thread stopper([this] {
    char byte = 0;
    const UniqueFd fifo(::open(path("out").c_str(), O_RDONLY | O_CLOEXEC));
    EXPECT_EQ(::read(fifo.get(), &byte, 1), 1);  // it runs
    halt_->raise();
  });
  EXPECT_EQ(run("echo >\"$1\"; sleep 1000").outcome, Outcome::halted);
  stopper.join();
}

}  // namespace
}  // namespace closewatch::alert
