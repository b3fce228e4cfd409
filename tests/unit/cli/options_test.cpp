// SPDX-License-Identifier: Apache-2.0
#include "userspace/cli/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

namespace closewatch {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Result<Parsed> parse(std::vector<const char*> words) {
  words.insert(words.begin(), "closewatch");
  return parse_options(static_cast<int>(words.size()), words.data());
}

Options parsed(std::vector<const char*> words) {
  const auto result = parse(std::move(words));
  EXPECT_TRUE(result.ok()) << result.error().what;
  EXPECT_TRUE(result->options.has_value());
  return *result->options;
}

Error refused(std::vector<const char*> words) {
  const auto result = parse(std::move(words));
  EXPECT_FALSE(result.ok());
  return result.ok() ? Error{.what = ""} : result.error();
}

TEST(Options, TraceIsTheDefault) {
  EXPECT_EQ(parsed({}).command, Command::trace);
  EXPECT_EQ(parsed({"-x"}).command, Command::trace);
  EXPECT_TRUE(parsed({"-x"}).filter.abortive);
}

TEST(Options, JsonIsNoOtherFormat) {
  EXPECT_EQ(parsed({"trace", "-j", "-o", "json"}).view.format, Format::json);
  for (const char* const other : {"text", "csv"}) {
    EXPECT_EQ(refused({"trace", "-j", "-o", other}).what,
              "-j is the same as -o json: no other -o goes with it");
  }
  EXPECT_EQ(refused({"report", "--since", "24h", "-o", "html", "-j"}).code, ExitCode::usage);
}

TEST(Options, TakesEachCommand) {
  EXPECT_EQ(parsed({"report"}).command, Command::report);
  EXPECT_EQ(parsed({"pending"}).command, Command::pending);
  EXPECT_EQ(parsed({"explain"}).command, Command::explain);
  EXPECT_EQ(parsed({"record", "file"}).command, Command::record);
  EXPECT_EQ(parsed({"replay", "file"}).command, Command::replay);
  EXPECT_EQ(parsed({"doctor"}).command, Command::doctor);
  EXPECT_EQ(parsed({"demo"}).command, Command::demo);
  EXPECT_EQ(parsed({"serve"}).command, Command::serve);
  EXPECT_EQ(parsed({"check-config", "file"}).command, Command::check_config);
}

TEST(Options, TakesAHistoryInPlaceOfTheHost) {
  EXPECT_FALSE(parsed({"report"}).history.wanted);
  const Options report = parsed({"report", "--since", "24h", "--until", "now", "--by", "exe",
                                 "--compare", "yesterday", "-o", "html"});
  EXPECT_TRUE(report.history.wanted);
  EXPECT_EQ(report.history.file, "");
  EXPECT_EQ(report.history.since, "24h");
  EXPECT_EQ(report.history.until, "now");
  EXPECT_EQ(report.history.by, "exe");
  EXPECT_EQ(report.history.compare, "yesterday");
  EXPECT_EQ(report.view.format, Format::html);
  EXPECT_TRUE(parsed({"trace", "--history", "-x"}).history.wanted);
  EXPECT_EQ(parsed({"trace", "--history", "-x"}).history.file, "");
  EXPECT_EQ(parsed({"trace", "--history", "/a/b.db", "-x"}).history.file, "/a/b.db");
  for (const std::vector<const char*>& words :
       {std::vector<const char*>{"explain", "188ff5c3a1b2c3d4-3", "--history", "b.db"},
        std::vector<const char*>{"explain", "--history", "b.db", "188ff5c3a1b2c3d4-3"}}) {
    const Options explain = parsed(words);
    EXPECT_EQ(explain.subject, "188ff5c3a1b2c3d4-3");
    EXPECT_EQ(explain.history.file, "b.db");
  }
}

TEST(Options, ShowsSingleClosuresInNoPage) {
  EXPECT_EQ(refused({"trace", "-o", "html"}).code, ExitCode::usage);
}

TEST(Options, TakesListsWithCommas) {
  const Options options = parsed({"trace", "-p", "1,2", "-L", "80,443", "-D", "5432", "-c",
                                  "nginx,php*", "--reason", "unread_data"});
  EXPECT_THAT(options.filter.pids, ElementsAre(1, 2));
  EXPECT_THAT(options.filter.local_ports, ElementsAre(80, 443));
  EXPECT_THAT(options.filter.peer_ports, ElementsAre(5432));
  EXPECT_THAT(options.filter.comms, ElementsAre("nginx", "php*"));
  EXPECT_THAT(options.filter.reasons, ElementsAre("unread_data"));
}

TEST(Options, AListIsOneWordThatMayBeGivenAgain) {
  const Options report = parsed({"report", "-c", "nginx,php", "-c", "perl", "file"});
  EXPECT_THAT(report.filter.comms, ElementsAre("nginx", "php", "perl"));
  EXPECT_EQ(report.file, "file");
  EXPECT_EQ(parsed({"replay", "--class", "abortive", "file"}).file, "file");
}

TEST(Options, TakesEachFormat) {
  EXPECT_EQ(parsed({}).view.format, Format::text);
  EXPECT_EQ(parsed({"-o", "text"}).view.format, Format::text);
  EXPECT_EQ(parsed({"-o", "json"}).view.format, Format::json);
  EXPECT_EQ(parsed({"-o", "csv"}).view.format, Format::csv);
}

TEST(Options, TakesViewAndSource) {
  const Options options = parsed({"-j", "-w", "-T", "-n", "3", "-d", "1.5", "--hooks", "base",
                                  "--ring-size", "64k", "--stack", "-q", "-v"});
  EXPECT_EQ(options.view.format, Format::json);
  EXPECT_TRUE(options.view.wide);
  EXPECT_TRUE(options.view.timestamp);
  EXPECT_EQ(options.view.count, 3);
  EXPECT_EQ(options.view.duration_s, 1.5);
  EXPECT_EQ(options.kernel.hooks, "base");
  EXPECT_EQ(options.kernel.ring_bytes, 65536);
  EXPECT_TRUE(options.view.quiet);
  EXPECT_TRUE(options.kernel.stacks);
  EXPECT_FALSE(parsed({"trace"}).kernel.stacks);
  EXPECT_TRUE(parsed({"record", "file", "--stack"}).kernel.stacks);
  EXPECT_TRUE(options.kernel.verbose);
}

TEST(Options, TakesAConfiguration) {
  EXPECT_EQ(parsed({"serve"}).file, "");
  EXPECT_EQ(parsed({"serve", "--config", "file"}).file, "file");
  EXPECT_EQ(parsed({"check-config", "file"}).file, "file");
}

TEST(Options, RingSizeIsFourMebibytesUnlessSaid) {
  EXPECT_EQ(parsed({}).kernel.ring_bytes, 4U << 20);
  EXPECT_EQ(parsed({"--ring-size", "16M"}).kernel.ring_bytes, 16U << 20);
}

TEST(Options, HelpAndVersionAreText) {
  EXPECT_THAT(parse({"--help"})->text, HasSubstr("trace"));
  EXPECT_THAT(parse({"trace", "--help"})->text, HasSubstr("--unestablished"));
  EXPECT_THAT(parse({"-V"})->text, HasSubstr("closewatch 0."));
  EXPECT_EQ(parsed({"--version", "--verbose"}).command, Command::version);
  EXPECT_EQ(parsed({"-V", "-v"}).command, Command::version);
  EXPECT_EQ(parsed({"-v"}).command, Command::trace);
}

class Help : public ::testing::TestWithParam<const char*> {};

TEST_P(Help, FitsATerminal) {
  std::istringstream lines(parse({GetParam(), "--help"})->text);
  for (std::string line; std::getline(lines, line);) {
    EXPECT_LE(line.size(), 80) << line;
  }
}

INSTANTIATE_TEST_SUITE_P(All, Help,
                         ::testing::Values("--help", "trace", "report", "pending", "explain",
                                           "record", "replay", "doctor", "demo"),
                         [](const auto& test) {
                           const std::string name = test.param;
                           return name[0] == '-' ? "closewatch" : name;
                         });

struct Refusal {
  const char* name;
  std::vector<const char*> words;
  const char* says;
};

class RefusedOptions : public ::testing::TestWithParam<Refusal> {};

TEST_P(RefusedOptions, SaysWhatIsWrongAndWhereHelpIs) {
  const Error error = refused(GetParam().words);
  EXPECT_EQ(error.code, ExitCode::usage);
  EXPECT_THAT(error.what, HasSubstr(GetParam().says));
  EXPECT_THAT(error.hint, HasSubstr("--help"));
}

INSTANTIATE_TEST_SUITE_P(
    All, RefusedOptions,
    ::testing::Values(
        Refusal{"command", {"bogus"}, "unknown command 'bogus'"},
        Refusal{"option", {"--bogus"}, "--bogus"}, Refusal{"port", {"-L", "70000"}, "70000"},
        Refusal{"port_zero", {"-L", "0"}, "0"}, Refusal{"pid", {"-p", "abc"}, "abc"},
        Refusal{"pid_negative", {"-p", "-1"}, "'-1'"},
        Refusal{"pid_of_no_system", {"-p", "99999999999"}, "'99999999999'"},
        Refusal{"duration", {"-d", "-1"}, "'-1'"}, Refusal{"duration_zero", {"-d", "0"}, "'0'"},
        Refusal{"duration_beyond_the_clock", {"-d", "1e300"}, "'1e300'"},
        Refusal{"duration_endless", {"-d", "inf"}, "'inf'"},
        Refusal{"duration_no_number", {"-d", "nan"}, "'nan'"},
        Refusal{"interval_below_the_clock", {"report", "-i", "1e-12"}, "'1e-12'"},
        Refusal{"count", {"-n", "0"}, "'0'"}, Refusal{"count_negative", {"-n", "-1"}, "'-1'"},
        Refusal{"count_broken", {"-n", "1.5"}, "'1.5'"}, Refusal{"format", {"-o", "xml"}, "xml"},
        Refusal{"format_by_number", {"-o", "1"}, "--output"},
        Refusal{"format_of_doctor", {"doctor", "-o", "csv"}, "csv"},
        Refusal{"empty_cgroup", {"--cgroup", ""}, "--cgroup: it is empty"},
        Refusal{"empty_netns", {"-N", ""}, "--netns: it is empty"},
        Refusal{"empty_comm", {"-c", ""}, "--comm: it is empty"},
        Refusal{"empty_user", {"-u", ""}, "--uid: it is empty"},
        Refusal{"empty_capture", {"report", ""}, "capture: it is empty"},
        Refusal{"empty_subject", {"explain", ""}, "subject: it is empty"},
        Refusal{"empty_since", {"trace", "--since", ""}, "--since: it is empty"},
        Refusal{"empty_until", {"report", "--until", ""}, "--until: it is empty"},
        Refusal{"empty_by", {"report", "--by", ""}, "--by: it is empty"},
        Refusal{"empty_compare", {"report", "--compare", ""}, "--compare: it is empty"},
        Refusal{"empty_config", {"serve", "-c", ""}, "--config: it is empty"},
        Refusal{"empty_history", {"trace", "--history", ""}, "--history: it is empty"},
        Refusal{"empty_history_word", {"report", "--history="}, "--history: it is empty"},
        Refusal{"empty_config_to_check", {"check-config", ""}, "config: it is empty"},
        Refusal{
            "empty_dry_run", {"serve", "--dry-run-alerts", ""}, "--dry-run-alerts: it is empty"},
        Refusal{"empty_demo", {"demo", "--reason", ""}, "--reason: it is empty"},
        Refusal{"hooks_of_a_capture",
                {"report", "file", "--hooks", "base"},
                "--hooks excludes capture: it acts while the host is observed"},
        Refusal{"history_of_a_capture",
                {"report", "--history", "b.db", "file"},
                "--history excludes capture: it is of a history"},
        Refusal{"groups_of_a_capture",
                {"report", "file", "--by", "exe"},
                "--by excludes capture: it is of a history"},
        Refusal{"interval_of_a_history",
                {"report", "--since", "1h", "-i", "5"},
                "--interval excludes --since: it acts while the host is observed"},
        Refusal{"duration_of_a_history",
                {"report", "--history", "-d", "5"},
                "--duration excludes --history: it acts while the host is observed"},
        Refusal{"hooks_of_a_history",
                {"trace", "--history", "--hooks", "base"},
                "--hooks excludes --history: it acts while the host is observed"},
        Refusal{"ring_of_a_history",
                {"trace", "--until", "now", "--ring-size", "4k"},
                "--ring-size excludes --until: it acts while the host is observed"},
        Refusal{"interval_of_a_capture", {"report", "-i", "1", "file"}, "--interval"},
        Refusal{"hooks", {"--hooks", "kprobe"}, "kprobe"},
        Refusal{"ring_not_power", {"--ring-size", "5000"}, "power of two"},
        Refusal{"ring_small", {"--ring-size", "1k"}, "power of two"},
        Refusal{"ring_word", {"--ring-size", "big"}, "big"},
        Refusal{"no_file", {"record"}, "capture"}, Refusal{"no_config", {"check-config"}, "config"},
        Refusal{"filter_not_for_it", {"pending", "--lost"}, "--lost"}),
    [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace closewatch
