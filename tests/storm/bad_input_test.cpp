// SPDX-License-Identifier: Apache-2.0
// What closewatch says to a command line that it cannot do, and to standard streams that fail: the
// documented exit code, `error:` and mostly `hint:`, and nothing on stdout.
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "tests/storm/load.h"
#include "tests/storm/must.h"
#include "tests/storm/network.h"
#include "tests/storm/story.h"
#include "tests/storm/suite.h"

namespace closewatch::storm {
namespace {

// A folder that goes with its test.
class bad_input : public Suite {
 protected:
  void SetUp() override {
    Suite::SetUp();
    std::array<char, 40> folder{"/tmp/closewatch-bad-input-XXXXXX"};
    ASSERT_NE(::mkdtemp(folder.data()), nullptr);
    folder_ = folder.data();
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  [[nodiscard]] std::string path(const std::string& name) const { return folder_ / name; }
  [[nodiscard]] std::string own_network() const { return "inode:" + std::to_string(network_); }

  // A finished closewatch.
  struct Said {
    int code;
    std::string output;
    std::string errors;
  };
  static Said say(
      std::vector<std::string> words, const std::function<void()>& before = [] {},
      int output = -1) {
    Closewatch closewatch({.program = {.path = program().path},
                           .arguments = std::move(words),
                           .output = output,
                           .before_exec = before});
    const int code = closewatch.wait();
    return {.code = code, .output = closewatch.output(), .errors = closewatch.errors()};
  }
  static void expect_refusal(std::vector<std::string> words, int code, const std::string& error) {
    std::string line;
    for (const std::string& word : words) {
      line += ' ' + word;
    }
    const Said said = say(std::move(words));
    EXPECT_EQ(said.code, code) << line << '\n' << said.errors;
    EXPECT_EQ(said.output, "") << line;
    EXPECT_EQ(said.errors.find("error: " + error), 0U) << line << '\n' << said.errors;
    EXPECT_NE(said.errors.find("\nhint:  "), std::string::npos) << line << '\n' << said.errors;
  }
  // A capture of `closures` connections by one process.
  void record(const std::string& file, unsigned connections) {
    Closewatch closewatch = watch({"record", file});
    run_load({.drivers = 1, .connections = connections});
    await_closed(0);
    ASSERT_EQ(closewatch.interrupt(), 0) << closewatch.errors();
  }

  std::filesystem::path folder_;
};

TEST_F(bad_input, of_a_command_line_is_wrong_usage) {
  expect_refusal({"bogus"}, 2, "unknown command 'bogus'");
  expect_refusal({"trace", "--bogus"}, 2, "The following argument was not expected: --bogus");
  expect_refusal({"trace", "--class", "rude"}, 2, "unknown class 'rude'");
  expect_refusal({"trace", "--reason", "rude"}, 2, "unknown reason 'rude'");
  expect_refusal({"demo", "--reason", "rude"}, 2, "no situation of the demo has the reason 'rude'");
  expect_refusal({"demo", "--reason", "unknown"}, 2,
                 "no situation of the demo has the reason 'unknown'");
  expect_refusal({"explain", "rude"}, 2, "'rude' is neither a class, a reason nor a closure's id");
  // the id was taken for the file
  expect_refusal({"explain", "--history", "188ff5c3a1b2c3d4-3"}, 2,
                 "--history wants the id of a closure");
  expect_refusal({"explain", "graceful", "--history"}, 2, "--history wants the id of a closure");
  expect_refusal({"trace", "-4", "-6"}, 2, "-4 and -6 together leave nothing to show");
  expect_refusal({"report", "-x", "--class", "graceful"}, 2, "no closure is both abortive");
  expect_refusal({"trace", "-L", "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17"}, 2,
                 "a filter takes at most 16 local ports, not 17");
  // Over a capture before it is looked for.
  for (const char* command : {"replay", "report"}) {
    expect_refusal({command, path("none"), "-4", "-6"}, 2, "-4 and -6 together");
    expect_refusal({command, path("none"), "--class", "unestablished"}, 2,
                   "unestablished is a class of no closures: it needs --unestablished");
    expect_refusal({command, path("none"), "-u", "no-such-user"}, 2, "no such user");
    expect_refusal({command, path("none"), "-N", "/run/netns/none"}, 2,
                   "no network namespace at '/run/netns/none'");
  }
}

TEST_F(bad_input, of_what_does_not_exist_is_wrong_usage) {
  // Ended and reaped, so it is no process any more.
  Child child([] {});
  const std::string gone = std::to_string(child.pid());
  ASSERT_EQ(child.wait(), 0);
  expect_refusal({"trace", "-p", gone}, 2, "no process has the pid " + gone);
  expect_refusal({"record", path("a"), "--cgroup", "/no/such"}, 2, "no such cgroup: '/no/such'");
  expect_refusal({"report", "-N", "/run/netns/none"}, 2,
                 "no network namespace at '/run/netns/none'");
  expect_refusal({"pending", "-N", "/run/netns/none"}, 2,
                 "cannot enter the network namespace '/run/netns/none'");
  expect_refusal({"trace", "-N", "inode:1"}, 2, "no network namespace has the inode number 1");
  expect_refusal({"pending", "-N", "inode:4294967295"}, 2,
                 "no process that can be seen is in network namespace 4294967295");
  expect_refusal({"trace", "-u", "no-such-user"}, 2, "no such user: 'no-such-user'");
  EXPECT_FALSE(std::filesystem::exists(path("a")));
}

TEST_F(bad_input, of_a_file_that_is_no_capture_is_a_failure) {
  std::ofstream(path("text")) << "GET / HTTP/1.1\r\nHost: example.org\r\n\r\n";
  for (const char* command : {"replay", "report"}) {
    expect_refusal({command, path("none")}, 1,
                   "cannot open " + path("none") + ": No such file or directory");
    expect_refusal({command, path("text")}, 1, path("text") + " is not a closewatch capture");
    expect_refusal({command, folder_}, 1, "cannot read " + folder_.string() + ": Is a directory");
    // The folder is root's alone.
    const Said others = say({command, path("text")}, [] { must(::setuid(65534), "setuid"); });
    EXPECT_EQ(others.code, 1);
    EXPECT_EQ(others.output, "");
    EXPECT_EQ(others.errors.find("error: cannot open " + path("text") + ": Permission denied"), 0U)
        << others.errors;
    EXPECT_NE(others.errors.find("\nhint:  "), std::string::npos) << others.errors;
  }
}

// What a file is called reaches no terminal as it is.
TEST_F(bad_input, of_a_hostile_file_name_is_told_in_printable_characters) {
  const std::string hostile = path("a\x1b[2J\nb");
  const std::string shown = path("a\\x1b[2J\\x0ab");
  expect_refusal({"replay", hostile}, 1, "cannot open " + shown + ": No such file or directory");
  expect_refusal({"check-config", hostile}, 2,
                 "cannot read the configuration " + shown + ": No such file or directory");
  std::ofstream(hostile) << "[log]\nlevel = 5\nlevl = 5\n";
  expect_refusal({"check-config", hostile}, 2,
                 shown +
                     ":2:9: log.level: one of error, warning, notice, info, debug is expected, "
                     "not 5\n       " +
                     shown + ":3:1: log.levl: no such key; is level meant?");
}

TEST_F(bad_input, of_a_capture_cut_short_is_told_after_what_is_whole) {
  record(path("whole"), 300);
  const Said whole = say({"replay", path("whole"), "-j"});
  ASSERT_EQ(whole.code, 0) << whole.errors;
  ASSERT_EQ(lines_of(whole.output).size(), 600U);

  std::filesystem::copy_file(path("whole"), path("cut"));
  // The end mark alone is gone, or the last record too.
  std::filesystem::resize_file(path("cut"), std::filesystem::file_size(path("whole")) - 1);
  const Said cut = say({"replay", path("cut"), "-j"});
  EXPECT_EQ(cut.code, 1);
  EXPECT_EQ(cut.output, whole.output);
  EXPECT_NE(cut.errors.find("\nerror: " + path("cut") + " ends "), std::string::npos) << cut.errors;
  EXPECT_NE(cut.errors.find("600 records read"), std::string::npos) << cut.errors;
  EXPECT_NE(cut.errors.find("\nhint:  "), std::string::npos) << cut.errors;

  const Said report = say({"report", path("cut"), "-j"});
  EXPECT_EQ(report.code, 1);
  EXPECT_EQ(Json::parse(report.output)["total"]["closures"], 600) << report.output;
  EXPECT_EQ(report.errors.find("error: " + path("cut") + " ends "), 0U) << report.errors;
}

TEST_F(bad_input, of_a_place_for_a_capture_is_a_failure) {
  std::ofstream(path("there")) << "precious";
  const Said taken = say({"record", path("there"), "-N", own_network()});
  EXPECT_EQ(taken.code, 1);
  // It does not say that it watches.
  EXPECT_EQ(taken.errors.find("error: cannot create " + path("there") +
                              ": File exists\nhint:  name another file"),
            0U)
      << taken.errors;
  std::string content;
  std::ifstream(path("there")) >> content;
  EXPECT_EQ(content, "precious");

  const Said nowhere = say({"record", path("none/a"), "-N", own_network()});
  EXPECT_EQ(nowhere.code, 1);
  EXPECT_EQ(nowhere.errors.find("error: cannot create "), 0U) << nowhere.errors;
  EXPECT_NE(nowhere.errors.find("\nhint:  name a file in a folder that exists"), std::string::npos)
      << nowhere.errors;
}

TEST_F(bad_input, of_a_full_disk_as_stdout_is_a_failure_of_every_command) {
  record(path("a"), 1);
  const UniqueFd full(must(::open("/dev/full", O_WRONLY | O_CLOEXEC), "open"));
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{"--help"},
                                             {"--version"},
                                             {"explain"},
                                             {"completion", "bash"},
                                             {"check-config", "/dev/null"},
                                             {"doctor"},
                                             {"pending"},
                                             {"replay", path("a")},
                                             {"report", path("a")},
                                             {"trace", "-d", "0.001", "-N", own_network()},
                                             {"record", "-", "-d", "0.001", "-N", own_network()},
                                             {"demo", "--reason", "local_first"}}) {
    const Said said = say(
        words, [] {}, full.get());
    EXPECT_EQ(said.code, 1) << words[0] << '\n' << said.errors;
    EXPECT_NE(said.errors.find("error: cannot write "), std::string::npos) << words[0];
    EXPECT_NE(said.errors.find(": No space left on device"), std::string::npos) << words[0];
    EXPECT_NE(said.errors.find("\nhint:  "), std::string::npos) << words[0];
  }
}

TEST_F(bad_input, of_a_reader_that_is_gone_is_quiet) {
  record(path("a"), 1);
  std::array<int, 2> ends{};
  must(::pipe2(ends.data(), O_CLOEXEC), "pipe2");
  ::close(ends[0]);
  const UniqueFd gone(ends[1]);
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{"--help"},
                                             {"explain"},
                                             {"doctor"},
                                             {"replay", path("a"), "-q"},
                                             {"report", path("a")},
                                             {"demo", "--reason", "local_first"}}) {
    const Said said = say(
        words, [] {}, gone.get());
    EXPECT_EQ(said.code, 0) << words[0] << '\n' << said.errors;
    EXPECT_EQ(said.errors.find("error:"), std::string::npos) << words[0] << '\n' << said.errors;
  }
  // What was recorded for it is gone, and a capture is asked for to be whole.
  const Said record = say(
      {"record", "-", "-d", "0.001", "-N", own_network()}, [] {}, gone.get());
  EXPECT_EQ(record.code, 1) << record.errors;
  EXPECT_NE(record.errors.find("error: cannot write standard output: Broken pipe"),
            std::string::npos)
      << record.errors;
}

// Nobody reads the diagnostics, and the data is all the same whole.
TEST_F(bad_input, of_a_stderr_that_fails_costs_nothing) {
  record(path("a"), 100);
  const Said whole = say({"replay", path("a"), "-j"});
  ASSERT_EQ(lines_of(whole.output).size(), 200U);
  const auto closed = [] { ::close(STDERR_FILENO); };
  const auto full = [] {
    must(::dup2(must(::open("/dev/full", O_WRONLY), "open"), STDERR_FILENO), "dup2");
  };
  for (const std::function<void()>& broken : {std::function<void()>(closed), {full}}) {
    const Said replay = say({"replay", path("a"), "-j"}, broken);
    EXPECT_EQ(replay.code, 0);
    EXPECT_EQ(replay.output, whole.output);
    EXPECT_EQ(say({"--bogus"}, broken).code, 2);
    EXPECT_EQ(say({"replay", path("none")}, broken).code, 1);
  }
  EXPECT_EQ(say({"trace", "-d", "0.001", "-N", own_network()}, full).code, 0);
  // No file of closewatch's own gets the number that is free.
  EXPECT_EQ(say({"record", path("b"), "-d", "0.001", "-N", own_network()}, closed).code, 0);
  EXPECT_EQ(say({"replay", path("b"), "-q"}).code, 0);
}

// It is loaded when a notifier needs it.
TEST_F(bad_input, of_a_broken_libcurl_names_it) {
  std::ofstream(path("libcurl.so.4")) << "no library";
  std::ofstream(path("toml")) << "[history]\nenabled = false\n[metrics]\nenabled = false\n"
                                 "[[alerts.webhook]]\nurl = \"http://127.0.0.1:9/\"\n";
  const Said said =
      say({"serve", "-c", path("toml")}, [&] { ::setenv("LD_LIBRARY_PATH", folder_.c_str(), 1); });
  EXPECT_EQ(said.code, 1);
  EXPECT_NE(said.errors.find("error: libcurl cannot be used: " + path("libcurl.so.4")),
            std::string::npos)
      << said.errors;
  EXPECT_NE(said.errors.find("\nhint:  install it (Debian: libcurl4)"), std::string::npos);
}

TEST_F(bad_input, of_a_closed_stdout_is_a_failure) {
  const auto closed = [] { ::close(STDOUT_FILENO); };
  for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
           {"--help"}, {"explain"}, {"trace", "-d", "0.001", "-N", own_network()}}) {
    const Said said = say(words, closed);
    EXPECT_EQ(said.code, 1) << words[0];
    EXPECT_NE(said.errors.find(": Bad file descriptor"), std::string::npos) << words[0] << '\n'
                                                                            << said.errors;
  }
}

}  // namespace
}  // namespace closewatch::storm
