// SPDX-License-Identifier: Apache-2.0
#include "userspace/render/pending.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/unit/render/captured_output.h"
#include "tests/unit/render/csv_reader.h"
#include "tests/unit/render/hostile_names.h"
#include "tests/unit/render/sample_finding.h"
#include "tests/unit/render/terminal_width.h"

namespace closewatch {
namespace {

using testing::ElementsAre;

constexpr std::string_view kPendingTitles =
    "    PID COMM            STATE         AGE UNACKED UNSENT PEER";
constexpr std::string_view kPendingColumns =
    "pid,comm,uid,state,age_us,unacked,never_sent,local_address,local_port,peer_address,peer_port,"
    "netns";

PendingClose sample_pending(std::string_view comm = "nginx") {
  PendingClose close;
  close.process = task_of(812, comm, 33);
  close.age_ns = 3'400'999;
  close.unacked = 5124;
  close.never_sent = 700;
  close.netns = 4026531840;
  close.state = TcpState::fin_wait1;
  close.local = ipv4({10, 0, 0, 1}, 80);
  close.peer = ipv4({10, 0, 0, 9}, 50122);
  return close;
}

PendingClose unknown_pending() {
  PendingClose close = sample_pending();
  close.process = {};
  close.age_ns.reset();
  close.unacked = 0;
  close.never_sent = 4'294'967'295;
  close.state = TcpState::last_ack;
  close.local = ipv6(kLongIpv6, 443);
  close.peer = ipv6(kLongIpv6, 65535);
  return close;
}

class PendingTest : public testing::Test {
 protected:
  using Form = void (*)(Output&, const std::vector<PendingClose>&);

  std::vector<std::string> written(Form form, const std::vector<PendingClose>& closes) {
    CapturedOutput captured;
    form(captured.output(), closes);
    return captured.lines();
  }
};

TEST_F(PendingTest, TextReadsWell) {
  EXPECT_THAT(written(pending_text, {sample_pending(), unknown_pending()}),
              ElementsAre(kPendingTitles,
                          "    812 nginx           FIN_WAIT1   3.4ms    5124    700 10.0.0.9:50122",
                          "      - -               LAST_ACK        -       0   4.3G "
                          "[2001:db8:1122~]:65535"));
}

TEST_F(PendingTest, JsonIsTheContractByteForByte) {
  EXPECT_THAT(
      written(pending_json, {sample_pending(), unknown_pending()}),
      ElementsAre(R"({"v":1,"process":{"pid":812,"comm":"nginx","uid":33},"state":"FIN_WAIT1",)"
                  R"("age_us":3400,"bytes":{"unacked":5124,"never_sent":700},)"
                  R"("local":{"address":"10.0.0.1","port":80},)"
                  R"("peer":{"address":"10.0.0.9","port":50122},"netns":4026531840})",
                  R"({"v":1,"process":null,"state":"LAST_ACK",)"
                  R"("age_us":null,"bytes":{"unacked":0,"never_sent":4294967295},)"
                  R"("local":{"address":"2001:db8:1122:3344:5566:7788:99aa:bbcc","port":443},)"
                  R"("peer":{"address":"2001:db8:1122:3344:5566:7788:99aa:bbcc","port":65535},)"
                  R"("netns":4026531840})"));
}

TEST_F(PendingTest, CsvIsTheContractByteForByte) {
  EXPECT_THAT(written(pending_csv, {sample_pending(), unknown_pending()}),
              ElementsAre(kPendingColumns,
                          "812,nginx,33,FIN_WAIT1,3400,5124,700,10.0.0.1,80,10.0.0.9,50122,"
                          "4026531840",
                          ",,,LAST_ACK,,0,4294967295,2001:db8:1122:3344:5566:7788:99aa:bbcc,443,"
                          "2001:db8:1122:3344:5566:7788:99aa:bbcc,65535,4026531840"));
}

TEST_F(PendingTest, OfNothing) {
  EXPECT_THAT(written(pending_text, {}), ElementsAre("no close is running in the background"));
  EXPECT_THAT(written(pending_json, {}), ElementsAre());
  EXPECT_THAT(written(pending_csv, {}), ElementsAre(kPendingColumns));
}

struct HostileName {
  std::string_view name;
  std::string_view text;  // 15 columns
  std::string_view json;
  std::string_view csv;
};

TEST_F(PendingTest, EscapesNamesExactly) {
  for (const HostileName& each :
       {HostileName{"a\n\x1b[31m", R"(a\x0a\x1b[31m  )", R"("a\u000a\u001b[31m")",
                    R"(a\x0a\x1b[31m)"},
        HostileName{"\xff\xc3", R"(\xff\xc3       )", R"("\ufffdff\ufffdc3")", R"(\xff\xc3)"},
        HostileName{"=cmd|'/C calc'", "=cmd|'/C calc' ", R"("=cmd|'/C calc'")", "'=cmd|'/C calc'"},
        HostileName{R"(a"},"b":{)", R"(a"},"b":{      )", R"("a\"},\"b\":{")", R"("a""},""b"":{")"},
        HostileName{"1,2\r\n3,4", R"(1,2\x0d\x0a3,4 )", R"("1,2\u000d\u000a3,4")",
                    R"("1,2\x0d\x0a3,4")"},
        HostileName{"\t\t\t\t", R"(\x09\x09\x09\x~)", R"("\u0009\u0009\u0009\u0009")",
                    R"(\x09\x09\x09\x09)"}}) {
    SCOPED_TRACE(each.json);
    const std::vector<PendingClose> closes{sample_pending(each.name)};
    EXPECT_THAT(
        written(pending_text, closes),
        ElementsAre(kPendingTitles, "    812 " + std::string(each.text) +
                                        " FIN_WAIT1   3.4ms    5124    700 10.0.0.9:50122"));
    EXPECT_THAT(written(pending_json, closes),
                ElementsAre(R"({"v":1,"process":{"pid":812,"comm":)" + std::string(each.json) +
                            R"(,"uid":33},"state":"FIN_WAIT1",)"
                            R"("age_us":3400,"bytes":{"unacked":5124,"never_sent":700},)"
                            R"("local":{"address":"10.0.0.1","port":80},)"
                            R"("peer":{"address":"10.0.0.9","port":50122},"netns":4026531840})"));
    EXPECT_THAT(
        written(pending_csv, closes),
        ElementsAre(kPendingColumns, "812," + std::string(each.csv) +
                                         ",33,FIN_WAIT1,3400,5124,700,10.0.0.1,80,10.0.0.9,50122,"
                                         "4026531840"));
  }
}

TEST_F(PendingTest, StaysOneLineInEachFormWhateverNamesHold) {
  std::vector<PendingClose> closes;
  for (const std::string& name : hostile_names()) {
    closes.push_back(sample_pending(name));
  }
  const std::vector<std::string> text = written(pending_text, closes);
  const std::vector<std::string> json = written(pending_json, closes);
  const std::vector<std::string> csv = written(pending_csv, closes);
  ASSERT_EQ(text.size(), closes.size() + 1);
  ASSERT_EQ(json.size(), closes.size());
  ASSERT_EQ(csv.size(), closes.size() + 1);
  for (std::size_t i = 0; i < closes.size(); ++i) {
    const std::string name(closes[i].process.comm());
    EXPECT_EQ(terminal_width(text[i + 1]), 57 + 14) << text[i + 1];  // up to PEER, and that
    EXPECT_FALSE(has_raw_control(text[i + 1])) << text[i + 1];

    EXPECT_FALSE(has_raw_control(json[i])) << json[i];
    const auto object = nlohmann::json::parse(json[i], nullptr, false);
    ASSERT_TRUE(object.is_object()) << json[i];
    EXPECT_EQ(object.size(), 8U) << json[i];
    EXPECT_EQ(undo_replacements(object["process"]["comm"].get<std::string>()), name) << json[i];

    EXPECT_FALSE(has_raw_control(csv[i + 1])) << csv[i + 1];
    const auto cells = read_csv_line(csv[i + 1]);
    ASSERT_TRUE(cells.has_value()) << csv[i + 1];
    ASSERT_EQ(cells->size(), 12U) << csv[i + 1];
    EXPECT_EQ(undo_csv_escapes(cells->at(1)), name) << csv[i + 1];
  }
}

}  // namespace
}  // namespace closewatch
