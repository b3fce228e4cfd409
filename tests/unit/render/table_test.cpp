// SPDX-License-Identifier: Apache-2.0
#include "userspace/render/table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/render/captured_output.h"
#include "tests/unit/render/hostile_names.h"
#include "tests/unit/render/sample_finding.h"
#include "tests/unit/render/terminal_width.h"

namespace closewatch {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class TableTest : public testing::Test {
 protected:
  // The lines below the titles.
  std::vector<std::string> rows() {
    std::vector<std::string> lines = captured_.lines();
    lines.erase(lines.begin());
    return lines;
  }

  CapturedOutput captured_;
};

Finding big_finding() {
  Finding finding = sample_finding();
  finding.closure.id = {7, 7};
  finding.closure.process = task_of(4'194'303, "event-loop-thr", 1000);
  finding.closure.peer = ipv6(kLongIpv6, 50122);
  finding.closure.never_sent = 4'000'000'000;
  finding.closure.unacked = 4'000'000'000;
  finding.closure.unread = 4'000'000'000;
  finding.verdict.cls = Class::timed_out;
  finding.verdict.reason = Reason::linger_expired;
  finding.verdict.blocked_us = 2'000'000;
  return finding;
}

TEST_F(TableTest, NarrowRowsReadWell) {
  Table table(captured_.output(), {});
  table.finding(sample_finding());
  table.finding(big_finding());
  table.finding(Finding{});
  EXPECT_THAT(
      captured_.lines(),
      ElementsAre(
          "    PID COMM       C REASON            PEER               DISCARDED UNREAD BLOCK",
          "    812 nginx      A unread_data       10.0.0.9:50122             0    300  12us",
          "4194303 event-loo~ T linger_expired    [2001:db8:112~]:50122   8.0G   4.0G 2.00s",
          "      - -          ? unknown           [::]:0                     0      0     -"));
}

TEST_F(TableTest, NarrowRowsWithTime) {
  Table table(captured_.output(), {.timestamp = true});
  table.finding(sample_finding());
  table.finding(big_finding());
  EXPECT_THAT(
      captured_.lines(),
      ElementsAre(
          "UTC          PID COMM       C REASON            PEER            DISCARDED UNREAD",
          "12:00:00     812 nginx      A unread_data       10.0.0.9:50122          0    300",
          "12:00:00 4194303 event-loo~ T linger_expired    [2001:db8:~]:50122   8.0G   4.0G"));
}

TEST_F(TableTest, EveryClassHasItsLetter) {
  Table table(captured_.output(), {});
  std::string letters;
  for (const Class cls : {Class::graceful, Class::lingered, Class::timed_out, Class::abortive,
                          Class::unestablished, Class::unknown}) {
    Finding finding;
    finding.verdict.cls = cls;
    table.finding(finding);
    letters += rows().back()[19];
  }
  EXPECT_EQ(letters, "GLTAU?");
}

TEST_F(TableTest, WideRowsHoldEverything) {
  Table table(captured_.output(), {.wide = true, .timestamp = true, .tick_ns = kTick});
  Finding finding = sample_finding();
  finding.closure.facts.linger = true;
  finding.closure.linger_jiffies = 500;
  finding.verdict.linger = LingerOutcome::expired;
  finding.verdict.closed_by = ClosedBy::signal;
  finding.verdict.signal = 9;
  finding.verdict.drain_us = 3'400;
  finding.closure.sock_error = 110;
  finding.closure.actor = task_of(4000, "ss", 0);
  table.finding(finding);
  EXPECT_THAT(
      captured_.lines(),
      ElementsAre(
          "UTC                      ID                       PID     TID   UID COMM            "
          "CLASS     REASON            INITIATOR CLOSED_BY LOCAL                 "
          "PEER                  DISCARDED  UNREAD      SENT  RECEIVED AT_CLOSE    FINAL       "
          "LINGER       BLOCK DRAIN  LIFE RST      ERRNO            NETNS FLAGS         "
          "ACTOR           CGROUP",
          "2026-01-31T12:00:00.123Z 188ff5c3a1b2c3d4-3       812     812    33 nginx           "
          "abortive  unread_data       local     signal:9  10.0.0.1:80           "
          "10.0.0.9:50122                0     300      5124       900 ESTABLISHED ESTABLISHED "
          "2s:expired    12us 3.4ms  90ms sent     ETIMEDOUT   4026531840 tls           "
          "4000 ss         /system.slice/nginx.service"));
}

TEST_F(TableTest, WideRowsMarkWhatIsUnknown) {
  Table table(captured_.output(), {.wide = true});
  table.finding(Finding{});
  EXPECT_THAT(rows(), ElementsAre("                           -       -     - -               "
                                  "unknown   unknown           -         none      "
                                  "[::]:0                [::]:0                        0       0 "
                                  "        -         - -           -           off              "
                                  "-     -     - -        -                    - -             "
                                  "-               -"));
}

TEST_F(TableTest, ColoursClassesAndLossesOnlyWhenTold) {
  Table table(captured_.output(), {.colour = true});
  Finding finding = sample_finding();
  table.finding(finding);
  finding.verdict.cls = Class::timed_out;
  finding.verdict.reason = Reason::keepalive;
  finding.closure.unread = 0;
  table.finding(finding);
  finding.verdict.cls = Class::lingered;
  finding.verdict.reason = Reason::linger_completed;
  table.finding(finding);
  finding.verdict.cls = Class::graceful;
  finding.verdict.reason = Reason::local_first;
  table.finding(finding);
  table.gap({12, kNoon});
  EXPECT_THAT(rows(),
              ElementsAre("    812 nginx      \033[31mA\033[0m \033[31munread_data      \033[0m "
                          "10.0.0.9:50122             0 \033[1m   300\033[0m  12us",
                          "    812 nginx      \033[33mT\033[0m \033[33mkeepalive        \033[0m "
                          "10.0.0.9:50122             0      0  12us",
                          "    812 nginx      \033[36mL\033[0m \033[36mlinger_completed \033[0m "
                          "10.0.0.9:50122             0      0  12us",
                          "    812 nginx      G local_first       "
                          "10.0.0.9:50122             0      0  12us",
                          "\033[1;37;41m!! 12 records lost since 2026-01-31T12:00:00Z: "
                          "rows are missing here\033[0m"));
}

TEST_F(TableTest, AmendmentsNameTheirClosure) {
  Table table(captured_.output(), {});
  table.finding(sample_finding());
  Correction correction = sample_correction();
  correction.verdict = data_after_close();
  correction.amendment.facts.late_data_reset = true;
  table.correction(correction);
  Correction unread = sample_correction();
  unread.amendment.unread = 300;
  unread.amendment.process = task_of(813, "nginx", 33);
  table.correction(unread);
  Correction flag = sample_correction();
  flag.amendment.facts.peer_never_closed = true;
  table.correction(flag);
  flag.amendment.id = {1, 1};  // never shown here
  table.correction(flag);
  EXPECT_THAT(rows(),
              ElementsAre(HasSubstr("unread_data"),
                          "  ^ 812 nginx 10.0.0.9:50122: abortive/data_after_close",
                          "  ^ 812 nginx 10.0.0.9:50122: 300 bytes unread, closed by 813 nginx",
                          "  ^ 812 nginx 10.0.0.9:50122: peer_never_closed",
                          "  ^ 188ff5c3a1b2c3d4-3: peer_never_closed"));
}

TEST_F(TableTest, WideAmendmentsAddTheIdAndTheFlags) {
  Table table(captured_.output(), {.wide = true});
  table.finding(sample_finding());
  Correction correction = sample_correction();
  correction.verdict = data_after_close();
  correction.amendment.facts.late_data_reset = true;
  table.correction(correction);
  EXPECT_EQ(rows().back(),
            "  ^ 812 nginx 10.0.0.9:50122 188ff5c3a1b2c3d4-3: abortive/data_after_close, "
            "late_data_reset");
}

TEST_F(TableTest, StacksFollowTheirRow) {
  Table table(captured_.output(), {});
  Finding finding = sample_finding();
  finding.stack = {"tcp_close", std::string(90, 'x')};
  table.finding(finding);
  EXPECT_THAT(rows(), ElementsAre(HasSubstr("unread_data"), "    at tcp_close",
                                  "    at " + std::string(72, 'x') + "~"));
}

TEST_F(TableTest, NarrowLinesFitEightyColumnsWhateverNamesHold) {
  for (const bool timestamp : {false, true}) {
    for (const Charset charset : {Charset::ascii, Charset::utf8}) {
      Table table(captured_.output(), {.timestamp = timestamp, .colour = true, .charset = charset});
      for (const std::string& name : hostile_names()) {
        Finding finding = big_finding();
        set_comm(finding.closure.process, name);
        finding.verdict.reason = Reason::closed_in_syn_sent;
        finding.verdict.blocked_us = 3'000'000'000;
        finding.stack = {name + name};
        table.finding(finding);
        Correction correction = sample_correction();
        correction.amendment.id = finding.closure.id;
        correction.amendment.unread = 4'000'000'000;
        correction.amendment.process = finding.closure.process;
        correction.verdict = data_after_close();
        table.correction(correction);
        correction.amendment.id = {};
        correction.amends = name + name + name;
        table.correction(correction);
        table.gap({~std::uint64_t{0}, kNoon});
      }
    }
  }
  for (const std::string& line : captured_.lines()) {
    const int width = terminal_width(line);
    EXPECT_GE(width, 0) << line;
    EXPECT_LE(width, 80) << line;
    EXPECT_FALSE(has_raw_control(without_colours(line))) << line;
  }
}

TEST_F(TableTest, NarrowRowsWithHostileNamesStayAligned) {
  Table table(captured_.output(), {});
  for (const std::string& name : hostile_names()) {
    Finding finding = sample_finding();
    set_comm(finding.closure.process, name);
    table.finding(finding);
  }
  for (const std::string& line : captured_.lines()) {
    EXPECT_EQ(terminal_width(line), 80) << line;
  }
}

}  // namespace
}  // namespace closewatch
