// SPDX-License-Identifier: Apache-2.0
#include "userspace/report/report_csv.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/render/captured_output.h"
#include "tests/unit/render/csv_reader.h"
#include "tests/unit/render/hostile_names.h"
#include "tests/unit/report/report_samples.h"

namespace closewatch {
namespace {

using testing::ElementsAre;

class ReportCsvTest : public testing::Test {
 protected:
  std::vector<std::string> lines() {
    write_report_csv_header(captured_.output());
    write_report_csv(captured_.output(), report_, kFiveMinutes);
    return captured_.lines();
  }

  CapturedOutput captured_;
  PerProcess report_;
};

TEST_F(ReportCsvTest, WritesTotalProcessesAndOther) {
  give_sample(report_);
  const std::string span = "2026-01-31T12:00:00.000000000Z,2026-01-31T12:05:00.000000000Z,";
  EXPECT_THAT(
      lines(),
      ElementsAre(
          "record,from,to,pid,comm,uid,start_time,exe,cgroup,container,closures,not_classified,"
          "lost_records,lost_closures,discarded,unread,class_graceful,class_lingered,"
          "class_timed_out,class_abortive,class_unestablished,class_unknown,reason_local_first,"
          "reason_peer_first,reason_simultaneous,reason_linger_completed,reason_linger_expired,"
          "reason_retransmission,reason_fin_unacked,reason_zero_window,reason_keepalive,"
          "reason_user_timeout,reason_unread_data,reason_linger_zero,reason_data_after_close,"
          "reason_reset_by_peer,reason_disconnected,reason_destroyed,reason_listener_closed,"
          "reason_orphan_limit,reason_linger2,reason_fin_wait2_timeout,reason_repair,"
          "reason_refused,reason_connect_timeout,reason_connect_error,reason_closed_in_syn_sent,"
          "reason_unknown,late_resets,blocked_count,blocked_p50_us,blocked_p99_us,blocked_max_us,"
          "drain_count,drain_p50_us,drain_p99_us,drain_max_us,worst_peer,worst_peer_bytes_lost,"
          "worst_peer_abortive,group",
          "total," + span +
              ",,,,,,,7,1,1,2,5000,424,3,0,1,2,0,0,"
              "1,2,0,0,0,1,0,0,0,0,2,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,"
              "3,20,3400,3400,3,207,924600000,924600000,,,,",
          "process," + span +
              "812,nginx,33,2026-01-31T11:58:20.000000000Z,,/system.slice/nginx.service,,"
              "6,1,1,2,5000,424,2,0,1,2,0,0,"
              "0,2,0,0,0,1,0,0,0,0,2,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,"
              "3,20,3400,3400,3,207,924600000,924600000,10.0.0.9,5124,1,",
          "process," + span +
              "900,curl,1000,,,,,1,0,0,0,0,0,1,0,0,0,0,0,"
              "1,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,"
              "0,,,,0,,,,,,,",
          "other," + span +
              ",,,,,,,0,0,,0,0,0,0,0,0,0,0,0,"
              "0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,"
              "0,,,,0,,,,,,,"));
}

TEST_F(ReportCsvTest, KeepsItsColumnsWhateverNamesHold) {
  std::uint32_t pid = 1;
  for (const std::string& name : hostile_names()) {
    Finding finding = lossy_closure_of(task_of(++pid, name, 0), 9, 1, 1);
    finding.process.exe = finding.process.cgroup = finding.process.container = name;
    report_.finding(finding);
  }
  for (const std::string& line : lines()) {
    EXPECT_FALSE(has_raw_control(line)) << line;
    const auto cells = read_csv_line(line);
    ASSERT_TRUE(cells.has_value()) << line;
    EXPECT_EQ(cells->size(), 61U) << line;
  }
}

}  // namespace
}  // namespace closewatch
