// SPDX-License-Identifier: Apache-2.0
#include "userspace/render/csv.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "tests/unit/render/captured_output.h"
#include "tests/unit/render/csv_reader.h"
#include "tests/unit/render/hostile_names.h"
#include "tests/unit/render/sample_finding.h"

namespace closewatch {
namespace {

using Row = std::map<std::string, std::string>;  // by column, empty cells left out

constexpr std::string_view kColumns =
    "record,id,time,class,reason,lost,initiator,closed_by,signal,pid,tid,comm,uid,start_time,exe,"
    "cgroup,container,actor_pid,actor_tid,actor_comm,actor_uid,actor_start_time,actor_exe,"
    "actor_cgroup,actor_container,family,local_address,local_port,peer_address,peer_port,netns,"
    "never_sent,unacked,discarded,unread,sent,received,state_at_close,final_state,linger_enabled,"
    "linger_seconds,linger_outcome,blocked_us,drain_us,lifetime_us,rst_sent,rst_received,"
    "rst_kernel_reason,errno,flags,rule,hooks,stack,lost_records,since";

class CsvTest : public testing::Test {
 protected:
  // The last row, by column; the number of cells must be that of the columns.
  Row row() {
    const CsvCells titles = read_csv_line(kColumns).value();
    const std::vector<std::string> lines = captured_.lines();
    EXPECT_EQ(lines.front(), kColumns);
    const auto cells = read_csv_line(lines.back());
    Row row;
    if (!cells || cells->size() != titles.size()) {
      ADD_FAILURE() << lines.back();
      return row;
    }
    for (std::size_t at = 0; at < titles.size(); ++at) {
      if (!cells->at(at).empty()) {
        row[titles[at]] = cells->at(at);
      }
    }
    return row;
  }

  CapturedOutput captured_;
  Csv csv_{captured_.output(), kTick};
};

TEST_F(CsvTest, BeginsWithTheColumns) { EXPECT_EQ(captured_.text(), std::string(kColumns) + "\n"); }

TEST_F(CsvTest, WritesAClosureByteForByte) {
  csv_.finding(sample_finding());
  EXPECT_EQ(captured_.lines().back(),
            "closure,188ff5c3a1b2c3d4-3,2026-01-31T12:00:00.123456789Z,abortive,unread_data,true,"
            "local,close,,812,812,nginx,33,2026-01-31T11:58:20.000000000Z,nginx,"
            "/system.slice/nginx.service,,,,,,,,,,ipv4,10.0.0.1,80,10.0.0.9,50122,4026531840,"
            "0,0,0,300,5124,900,ESTABLISHED,ESTABLISHED,false,,off,12,,90211,true,false,"
            "TCP_ABORT_ON_CLOSE,,tls,unread_data,full,,,");
}

TEST_F(CsvTest, WritesEveryOptionalValueThatIsKnown) {
  Finding finding = sample_finding();
  finding.closure.actor = task_of(4000, "ss", 0);
  finding.actor.cgroup = "/user.slice";
  finding.closure.facts.linger = true;
  finding.closure.facts.mptcp = true;
  finding.closure.linger_jiffies = 500;
  finding.closure.sock_error = 110;
  finding.verdict.linger = LingerOutcome::completed;
  finding.verdict.signal = 9;
  finding.stack = {"tcp_close", "a;b"};
  csv_.finding(finding);
  const Row cells = row();
  EXPECT_EQ(cells.at("actor_pid"), "4000");
  EXPECT_EQ(cells.at("actor_comm"), "ss");
  EXPECT_EQ(cells.at("actor_uid"), "0");
  EXPECT_EQ(cells.at("actor_cgroup"), "/user.slice");
  EXPECT_EQ(cells.at("linger_enabled"), "true");
  EXPECT_EQ(cells.at("linger_seconds"), "2");
  EXPECT_EQ(cells.at("linger_outcome"), "completed");
  EXPECT_EQ(cells.at("errno"), "ETIMEDOUT");
  EXPECT_EQ(cells.at("signal"), "9");
  EXPECT_EQ(cells.at("flags"), "tls mptcp_subflow");
  EXPECT_EQ(cells.at("stack"), "tcp_close;a_b");
}

TEST_F(CsvTest, LeavesWhatIsUnknownEmpty) {
  csv_.finding(Finding{});
  EXPECT_EQ(row(), (Row{{"record", "closure"},     {"time", "1970-01-01T00:00:00.000000000Z"},
                        {"class", "unknown"},      {"reason", "unknown"},
                        {"lost", "false"},         {"closed_by", "none"},
                        {"family", "ipv6"},        {"local_address", "::"},
                        {"local_port", "0"},       {"peer_address", "::"},
                        {"peer_port", "0"},        {"never_sent", "0"},
                        {"unacked", "0"},          {"discarded", "0"},
                        {"unread", "0"},           {"linger_enabled", "false"},
                        {"linger_outcome", "off"}, {"rst_sent", "false"},
                        {"rst_received", "false"}, {"hooks", "base"}}));
}

TEST_F(CsvTest, WritesAnAmendmentWithTheChangedCells) {
  Correction correction = sample_correction();
  correction.verdict = data_after_close();
  correction.verdict->closed_by = ClosedBy::close;
  correction.amendment.unread = 300;
  correction.amendment.process = task_of(900, "curl", 1000);
  correction.amendment.facts.late_data_reset = true;
  correction.amendment.facts.rst_in = true;
  correction.rst_reason = "TCP_TIMEWAIT_SOCKET";
  csv_.correction(correction);
  EXPECT_EQ(row(), (Row{{"record", "amendment"},
                        {"id", "188ff5c3a1b2c3d4-3"},
                        {"class", "abortive"},
                        {"reason", "data_after_close"},
                        {"lost", "true"},
                        {"initiator", "local"},
                        {"closed_by", "close"},
                        {"pid", "900"},
                        {"tid", "900"},
                        {"comm", "curl"},
                        {"uid", "1000"},
                        {"unread", "300"},
                        {"rst_sent", "true"},
                        {"rst_received", "true"},
                        {"rst_kernel_reason", "TCP_TIMEWAIT_SOCKET"},
                        {"flags", "late_data_reset"},
                        {"rule", "data_after_close"}}));
}

TEST_F(CsvTest, WritesAnAmendmentThatChangesLittle) {
  Correction correction = sample_correction();
  correction.amendment.facts.peer_never_closed = true;
  csv_.correction(correction);
  EXPECT_EQ(
      row(),
      (Row{{"record", "amendment"}, {"id", "188ff5c3a1b2c3d4-3"}, {"flags", "peer_never_closed"}}));
}

TEST_F(CsvTest, WritesGaps) {
  csv_.gap({12, kNoon});
  EXPECT_EQ(row(), (Row{{"record", "gap"},
                        {"lost_records", "12"},
                        {"since", "2026-01-31T12:00:00.000000000Z"}}));
}

TEST_F(CsvTest, StaysOneRowWhateverNamesHold) {
  for (const std::string& name : hostile_names()) {
    Finding finding = sample_finding();
    set_comm(finding.closure.process, name);
    finding.process.exe = finding.process.cgroup = finding.process.container = name;
    finding.stack = {name};
    csv_.finding(finding);
    EXPECT_FALSE(has_raw_control(captured_.lines().back()));
    Row cells = row();
    std::string one_frame = name;
    std::replace(one_frame.begin(), one_frame.end(), ';', '_');
    EXPECT_EQ(undo_csv_escapes(cells["stack"]), one_frame);
    EXPECT_EQ(undo_csv_escapes(cells["cgroup"]), name);
    EXPECT_EQ(undo_csv_escapes(cells["comm"]), std::string(finding.closure.process.comm()));
  }
}

}  // namespace
}  // namespace closewatch
