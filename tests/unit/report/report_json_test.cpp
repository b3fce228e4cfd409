// SPDX-License-Identifier: Apache-2.0
#include "userspace/report/report_json.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/unit/render/captured_output.h"
#include "tests/unit/render/hostile_names.h"
#include "tests/unit/report/report_samples.h"

namespace closewatch {
namespace {

using nlohmann::ordered_json;

class ReportJsonTest : public testing::Test {
 protected:
  ordered_json written() {
    write_report_json(captured_.output(), report_, kFiveMinutes);
    const std::vector<std::string> lines = captured_.lines();
    EXPECT_EQ(lines.size(), 1U);
    return ordered_json::parse(lines.front(), nullptr, false);
  }

  CapturedOutput captured_;
  PerProcess report_;
};

// Every reason with its count; those not named here are 0.
std::string reasons_text(const std::map<std::string, int>& counts) {
  std::string text;
  for (const char* reason : {"local_first",
                             "peer_first",
                             "simultaneous",
                             "linger_completed",
                             "linger_expired",
                             "retransmission",
                             "fin_unacked",
                             "zero_window",
                             "keepalive",
                             "user_timeout",
                             "unread_data",
                             "linger_zero",
                             "data_after_close",
                             "reset_by_peer",
                             "disconnected",
                             "destroyed",
                             "listener_closed",
                             "orphan_limit",
                             "linger2",
                             "fin_wait2_timeout",
                             "repair",
                             "refused",
                             "connect_timeout",
                             "connect_error",
                             "closed_in_syn_sent",
                             "unknown"}) {
    const auto found = counts.find(reason);
    text += fmt::format(R"({}"{}":{})", text.empty() ? "{" : ",", reason,
                        found == counts.end() ? 0 : found->second);
  }
  return text + "}";
}

TEST_F(ReportJsonTest, SaysWhatAHistoryDidNotKeep) {
  report_.take_losses({.not_kept = {{.kind = "killed",
                                     .since_unix_ns = kNoon,
                                     .until_unix_ns = kNoon + 1'000'000'000,
                                     .events = 2,
                                     .note = "a\"b"},
                                    {.kind = "row", .events = 1, .records = 7}}});
  EXPECT_EQ(written()["losses"]["not_kept"].dump(),
            R"([{"kind":"killed","since":"2026-01-31T12:00:00.000000000Z",)"
            R"("until":"2026-01-31T12:00:01.000000000Z","events":2,"records":null,)"
            R"("note":"a\"b"},)"
            R"({"kind":"row","since":"1970-01-01T00:00:00.000000000Z",)"
            R"("until":"1970-01-01T00:00:00.000000000Z","events":1,"records":7,"note":""}])");
}

TEST_F(ReportJsonTest, WritesOneObject) {
  give_sample(report_);
  const ordered_json json = written();
  EXPECT_EQ(json["v"], 1);
  EXPECT_EQ(json["from"], "2026-01-31T12:00:00.000000000Z");
  EXPECT_EQ(json["to"], "2026-01-31T12:05:00.000000000Z");
  EXPECT_EQ(json["losses"].dump(),
            R"({"records":1,"gaps":1,"since":"2026-01-31T12:00:01.000000000Z",)"
            R"("late_facts":0,"late_unread":0,"not_kept":[]})");
  EXPECT_EQ(json["processes"][0].dump(),
            R"({"pid":812,"comm":"nginx","uid":33,"start_time":"2026-01-31T11:58:20.000000000Z",)"
            R"("exe":null,"cgroup":"/system.slice/nginx.service","container":null,"group":null,)"
            R"("closures":6,"not_classified":1,"lost_records":1,"lost_closures":2,)"
            R"("bytes":{"discarded":5000,"unread":424},)"
            R"("classes":{"graceful":2,"lingered":0,"timed_out":1,"abortive":2,"unestablished":0,)"
            R"("unknown":0},"reasons":)" +
                reasons_text({{"peer_first", 2}, {"unread_data", 2}, {"retransmission", 1}}) +
                R"(,"late_resets":0,"blocked_us":{"count":3,"p50":20,"p99":3400,"max":3400},)"
                R"("drain_us":{"count":3,"p50":207,"p99":924600000,"max":924600000},)"
                R"("peers":[{"address":"10.0.0.9","bytes_lost":5124,"abortive":1,"closures":2},)"
                R"({"address":"10.0.0.7","bytes_lost":300,"abortive":1,"closures":1}],)"
                R"("other_peers":{"bytes_lost":0,"abortive":0,"closures":0}})");
  EXPECT_EQ(json["processes"].size(), 2U);
  EXPECT_EQ(json["processes"][1]["pid"], 900);
  EXPECT_EQ(json["total"]["closures"], 7);
  EXPECT_EQ(json["total"]["not_classified"], 1);
  EXPECT_EQ(json["total"]["bytes"].dump(), R"({"discarded":5000,"unread":424})");
  EXPECT_EQ(json["total"]["classes"]["graceful"], 3);
}

TEST_F(ReportJsonTest, OfNothingHasEveryKey) {
  const std::string counts =
      R"({"closures":0,"not_classified":0,"lost_records":null,"lost_closures":0,)"
      R"("bytes":{"discarded":0,"unread":0},)"
      R"("classes":{"graceful":0,"lingered":0,"timed_out":0,"abortive":0,"unestablished":0,)"
      R"("unknown":0},"reasons":)" +
      reasons_text({}) +
      R"(,"late_resets":0,"blocked_us":{"count":0,"p50":null,"p99":null,"max":null},)"
      R"("drain_us":{"count":0,"p50":null,"p99":null,"max":null}})";
  EXPECT_EQ(
      written().dump(),
      R"({"v":1,"from":"2026-01-31T12:00:00.000000000Z",)"
      R"("to":"2026-01-31T12:05:00.000000000Z","by":"process",)"
      R"("losses":{"records":0,"gaps":0,"since":null,"late_facts":0,"late_unread":0,"not_kept":[]},)"
      R"("total":)" +
          counts + R"(,"processes":[],"other":)" + counts + "}");
}

TEST_F(ReportJsonTest, NamesNoProcessThatIsNotKnown) {
  report_.finding(closure_of({}, Class::graceful, Reason::local_first));
  const ordered_json process = written()["processes"][0];
  EXPECT_TRUE(process["pid"].is_null());
  EXPECT_TRUE(process["comm"].is_null());
  EXPECT_TRUE(process["uid"].is_null());
  EXPECT_EQ(process["closures"], 1);
}

TEST_F(ReportJsonTest, IsValidWhateverNamesHold) {
  std::uint32_t pid = 1;
  const std::vector<std::string> names = hostile_names();
  for (const std::string& name : names) {
    Finding finding = lossy_closure_of(task_of(++pid, name, 0), 9, 1, 1);
    finding.process.exe = finding.process.cgroup = finding.process.container = name;
    report_.finding(finding);
  }
  EXPECT_EQ(written()["processes"].size(), names.size());
}

}  // namespace
}  // namespace closewatch
