// SPDX-License-Identifier: Apache-2.0
#include "userspace/report/report_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/render/captured_output.h"
#include "tests/unit/render/hostile_names.h"
#include "tests/unit/render/terminal_width.h"
#include "tests/unit/report/report_samples.h"
#include "userspace/classify/meaning.h"

namespace closewatch {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class ReportTextTest : public testing::Test {
 protected:
  std::vector<std::string> lines(const ReportStyle& style = {}) {
    write_report_text(captured_.output(), report_, kFiveMinutes, style);
    return captured_.lines();
  }
  // Up to the advice, whose words belong to classify/meaning.h.
  std::vector<std::string> counts() {
    std::vector<std::string> all = lines();
    const auto advice = std::find(all.begin(), all.end(), "What this means, and what to do");
    all.erase(advice == all.end() ? advice : advice - 1, all.end());
    return all;
  }

  CapturedOutput captured_;
  PerProcess report_;
};

TEST_F(ReportTextTest, BeginsWithLossesAndTotals) {
  give_sample(report_);
  EXPECT_THAT(
      counts(),
      ElementsAre("2026-01-31T12:00:00Z to 2026-01-31T12:05:00Z",
                  "!! 1 record lost in 1 gap since 2026-01-31T12:00:01Z",
                  "!! 1 closure not classified: counted in the totals, missing in the classes",
                  "  closures    7, 1 of them not classified: lost records",
                  "  lost data   5000 bytes discarded, 424 unread in at least 2 closures",
                  "  classes     abortive 2, timed_out 1, graceful 3",
                  "  reasons     peer_first 2, unread_data 2, local_first 1, retransmission 1",
                  "  in close()  p50 20us, p99 3.4ms, max 3.4ms of 3 closures",
                  "  background  p50 207us, p99 925s, max 925s of 3 closures",  //
                  "", "812 nginx /system.slice/nginx.service",
                  "  closures    6, 1 of them not classified: lost records",
                  "  lost data   5000 bytes discarded, 424 unread in at least 2 closures",
                  "  classes     abortive 2, timed_out 1, graceful 2",
                  "  reasons     peer_first 2, unread_data 2, retransmission 1",
                  "  in close()  p50 20us, p99 3.4ms, max 3.4ms of 3 closures",
                  "  background  p50 207us, p99 925s, max 925s of 3 closures",
                  "  worst peers 10.0.0.9: 5124 lost, 1 of 2 bad closures abortive",
                  "              10.0.0.7: 300 lost, 1 of 1 bad closures abortive",  //
                  "",                                                                //
                  "900 curl",                                                        //
                  "  closures    1",                                                 //
                  "  classes     graceful 1",                                        //
                  "  reasons     local_first 1"));
}

TEST_F(ReportTextTest, SaysThatNothingWasLost) {
  report_.finding(closure_of(kCurl, Class::graceful, Reason::local_first));
  EXPECT_THAT(counts(), ElementsAre("2026-01-31T12:00:00Z to 2026-01-31T12:05:00Z",
                                    "no records lost",  //
                                    "  closures    1", "  classes     graceful 1",
                                    "  reasons     local_first 1",  //
                                    "",                             //
                                    "900 curl",                     //
                                    "  closures    1", "  classes     graceful 1",
                                    "  reasons     local_first 1"));
}

TEST_F(ReportTextTest, ReportsNothingReadably) {
  EXPECT_THAT(lines(), ElementsAre("2026-01-31T12:00:00Z to 2026-01-31T12:05:00Z",
                                   "no records lost", "  closures    0"));
}

TEST_F(ReportTextTest, CountsListenersLateResetsAndLateFacts) {
  report_.finding(closure_of(kNginx, Class::abortive, Reason::listener_closed));
  const Finding finding = closure_of(kNginx, Class::graceful, Reason::local_first);
  report_.finding(finding);
  Correction correction;
  correction.amendment.id = finding.closure.id;
  correction.amendment.facts.late_data_reset = true;
  report_.correction(correction);
  correction.amendment.id = {5, 5};
  correction.amendment.unread = 40;
  report_.correction(correction);
  const std::vector<std::string> all = lines();
  EXPECT_EQ(all[1], "!! 1 late fact (40 unread bytes) about closures not remembered: not counted");
  EXPECT_THAT(all, Contains("  listener    1 connection never accepted when it was closed"));
  EXPECT_THAT(all, Contains("  late resets 1 closure: the peer sent data after the end"));
}

TEST_F(ReportTextTest, SumsUpWhatItDoesNotShow) {
  for (std::uint32_t pid = 1; pid <= 5; ++pid) {
    report_.finding(lossy_closure_of(task_of(pid, "short", 0), 9, pid, 0));
  }
  const std::vector<std::string> all = lines({.processes = 3});
  EXPECT_THAT(all, Contains("5 short"));
  EXPECT_THAT(all, Contains("3 short"));
  EXPECT_THAT(all, Not(Contains("2 short")));
  EXPECT_THAT(all, Contains("and 2 more processes: 2 closures, 3 bytes discarded, 0 unread"));
}

TEST_F(ReportTextTest, SumsUpProcessesAndPeersBeyondTheLimits) {
  PerProcess small({.processes = 1, .peers = 4});
  for (std::uint8_t peer = 1; peer <= 6; ++peer) {
    small.finding(lossy_closure_of(kNginx, peer, peer, 0));
  }
  small.finding(lossy_closure_of(kCurl, 1, 50, 0));
  write_report_text(captured_.output(), small, kFiveMinutes, {});
  const std::vector<std::string> all = captured_.lines();
  EXPECT_THAT(all, Contains("  worst peers 10.0.0.6: 6 lost, 1 of 1 bad closures abortive"));
  EXPECT_THAT(all, Contains("              10.0.0.4: 4 lost, 1 of 1 bad closures abortive"));
  EXPECT_THAT(all, Contains("              and 1 more"));
  EXPECT_THAT(all,
              Contains("              peers not told apart: 3 lost, 2 of 2 bad closures abortive"));
  EXPECT_THAT(all, Contains("processes not told apart: 1 closure, 50 bytes discarded, 0 unread"));
}

TEST_F(ReportTextTest, EndsWithWhatToDoAboutBadEndings) {
  give_sample(report_);
  const std::vector<std::string> all = lines();
  EXPECT_THAT(all, Contains("  unread_data: 2 closures, 2 by 812 nginx"));
  EXPECT_THAT(all, Contains("  retransmission: 1 closure, 1 by 812 nginx"));
  EXPECT_THAT(all, Not(Contains(HasSubstr("peer_first: "))));
  std::string words;
  for (const std::string& line : all) {
    words += line.substr(std::min(line.find_first_not_of(' '), line.size())) + ' ';
  }
  EXPECT_THAT(words, HasSubstr(std::string(explanation_of(Reason::unread_data).meaning)));
  EXPECT_THAT(words, HasSubstr(std::string(explanation_of(Reason::unread_data).advice)));
}

TEST_F(ReportTextTest, ColoursLossesOnlyWhenTold) {
  report_.gap({2, kNoon});
  EXPECT_EQ(lines({.colour = true})[1],
            "\033[1;37;41m!! 2 records lost in 1 gap since 2026-01-31T12:00:00Z\033[0m");
}

// The numbers move to a line of their own where both do not fit.
TEST_F(ReportTextTest, TellsTheWholeAddressOfAPeer) {
  Finding finding = lossy_closure_of(task_of(1, "nginx", 0), 9, 400'000, 3'608);
  finding.closure.peer = ipv6(kLongIpv6, 443);
  report_.finding(finding);
  finding.closure.unread = 3'000;
  finding.closure.peer = ipv6({0x20, 1, 0x0d, 0xb8}, 443);
  report_.finding(finding);
  const std::vector<std::string> told = lines();
  EXPECT_THAT(told, Contains("  worst peers 2001:db8:1122:3344:5566:7788:99aa:bbcc:"));
  EXPECT_THAT(told, Contains("                403608 lost, 1 of 1 bad closures abortive"));
  EXPECT_THAT(told,
              Contains("              2001:db8::: 403000 lost, 1 of 1 bad closures abortive"));
}

TEST_F(ReportTextTest, FitsEightyColumnsWhateverNamesAndNumbersAre) {
  std::uint32_t pid = 4'190'000;
  for (const std::string& name : hostile_names()) {
    Finding finding = lossy_closure_of(task_of(++pid, name, 0), 9, 4'000'000'000, 4'000'000'000);
    finding.closure.peer = ipv6(kLongIpv6, 443);
    finding.process.cgroup = name + std::string(100, 'x');
    finding.verdict.blocked_us = finding.verdict.drain_us = 3'000'000'000;
    for (std::size_t reason = 0; reason < kReasonCount; ++reason) {
      finding.verdict.reason = static_cast<Reason>(reason);
      finding.verdict.cls = class_of(finding.verdict.reason);
      report_.finding(finding);
    }
    // Six digits are the most that are told without a unit.
    Finding small = lossy_closure_of(task_of(pid, name, 0), 9, 400'000, 3'608);
    small.closure.peer = ipv6(kLongIpv6, 443);
    small.closure.peer.address[0] ^= 0x10;
    report_.finding(small);
  }
  report_.gap({~std::uint64_t{0}, kNoon});
  for (const std::string& line : lines({.processes = 1000, .colour = true})) {
    const int width = terminal_width(line);
    EXPECT_GE(width, 0) << line;
    EXPECT_LE(width, 80) << line;
    EXPECT_FALSE(has_raw_control(without_colours(line))) << line;
  }
}

}  // namespace
}  // namespace closewatch
