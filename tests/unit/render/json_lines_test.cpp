// SPDX-License-Identifier: Apache-2.0
#include "userspace/render/json_lines.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <nlohmann/json.hpp>

#include "tests/unit/render/captured_output.h"
#include "tests/unit/render/hostile_names.h"
#include "tests/unit/render/sample_finding.h"

namespace closewatch {
namespace {

using nlohmann::ordered_json;
using testing::ElementsAre;

// Parsed strictly: an error fails the test that uses the result.
ordered_json parsed(const std::string& line) { return ordered_json::parse(line, nullptr, false); }

class JsonLinesTest : public testing::Test {
 protected:
  ordered_json written(const Finding& finding) {
    JsonLines(captured_.output(), kTick).finding(finding);
    return parsed(captured_.lines().back());
  }
  std::string line(const Correction& correction) {
    JsonLines(captured_.output(), kTick).correction(correction);
    return captured_.lines().back();
  }

  CapturedOutput captured_;
};

TEST_F(JsonLinesTest, WritesTheContractByteForByte) {
  JsonLines(captured_.output(), kTick).finding(sample_finding());
  EXPECT_THAT(
      captured_.lines(),
      ElementsAre(
          R"({"v":1,"id":"188ff5c3a1b2c3d4-3","time":"2026-01-31T12:00:00.123456789Z",)"
          R"("class":"abortive","reason":"unread_data","lost":true,)"
          R"("initiator":"local","closed_by":"close","signal":null,)"
          R"("process":{"pid":812,"tid":812,"comm":"nginx","uid":33,)"
          R"("start_time":"2026-01-31T11:58:20.000000000Z","exe":"nginx",)"
          R"("cgroup":"/system.slice/nginx.service","container":null},)"
          R"("actor":null,)"
          R"("family":"ipv4","local":{"address":"10.0.0.1","port":80},)"
          R"("peer":{"address":"10.0.0.9","port":50122},"netns":4026531840,)"
          R"("bytes":{"never_sent":0,"unacked":0,"discarded":0,"unread":300,)"
          R"("sent":5124,"received":900},)"
          R"("state_at_close":"ESTABLISHED","final_state":"ESTABLISHED",)"
          R"("linger":{"enabled":false,"seconds":null,"outcome":"off"},)"
          R"("blocked_us":12,"drain_us":null,"lifetime_us":90211,)"
          R"("rst":{"sent":true,"received":false,"kernel_reason":"TCP_ABORT_ON_CLOSE"},)"
          R"("errno":null,"flags":["tls"],"rule":"unread_data","hooks":"full","stack":null})"));
}

// It keeps what it wrote of a process, and must not give it out as another's, or as what was known
// earlier.
TEST_F(JsonLinesTest, WritesEachProcessAsItIsByThen) {
  const Finding nginx = sample_finding();
  Finding renamed = nginx;
  renamed.closure.process.comm_bytes = {'w', 'o', 'r', 'k', 'e', 'r'};
  Finding resolved = renamed;
  resolved.process.container = "4f5e";
  Finding again = resolved;
  again.closure.process.start_ns += 1;
  again.process.start_unix_ns = *again.process.start_unix_ns + 1;
  std::vector<Finding> findings{nginx, renamed, resolved, again, nginx, nginx};
  for (std::uint32_t thread = 0; thread < 200; ++thread) {
    findings.push_back(nginx);
    findings.back().closure.process.tid += thread;
    findings.push_back(findings.back());
  }
  JsonLines one(captured_.output(), kTick);
  for (const Finding& finding : findings) {
    one.finding(finding);
  }
  const std::vector<std::string> lines = captured_.lines();
  ASSERT_EQ(lines.size(), findings.size());
  for (std::size_t i = 0; i < findings.size(); ++i) {
    EXPECT_EQ(parsed(lines[i]), written(findings[i])) << i;
  }
}

TEST_F(JsonLinesTest, WritesWhatIsUnknownAsNull) {
  JsonLines(captured_.output(), 0).finding(Finding{});
  EXPECT_THAT(
      captured_.lines(),
      ElementsAre(
          R"({"v":1,"id":"","time":"1970-01-01T00:00:00.000000000Z",)"
          R"("class":"unknown","reason":"unknown","lost":false,)"
          R"("initiator":null,"closed_by":"none","signal":null,"process":null,"actor":null,)"
          R"("family":"ipv6","local":{"address":"::","port":0},"peer":{"address":"::","port":0},)"
          R"("netns":null,"bytes":{"never_sent":0,"unacked":0,"discarded":0,"unread":0,)"
          R"("sent":null,"received":null},"state_at_close":null,"final_state":null,)"
          R"("linger":{"enabled":false,"seconds":null,"outcome":"off"},)"
          R"("blocked_us":null,"drain_us":null,"lifetime_us":null,)"
          R"("rst":{"sent":false,"received":false,"kernel_reason":null},)"
          R"("errno":null,"flags":[],"rule":null,"hooks":"base","stack":null})"));
}

TEST_F(JsonLinesTest, WritesEveryOptionalValueThatIsKnown) {
  Finding finding = sample_finding();
  finding.closure.actor = task_of(4000, "ss", 0);
  finding.actor.exe = "ss";
  finding.process.container = "0123456789ab";
  finding.closure.local = ipv6(kLongIpv6, 443);
  finding.closure.peer = ipv6({0x20, 1, 0x0d, 0xb8}, 40000);
  finding.closure.facts.linger = true;
  finding.closure.linger_jiffies = 500;
  finding.closure.never_sent = 7;
  finding.closure.unacked = 4'294'967'295;
  finding.closure.sock_error = ETIMEDOUT;
  finding.closure.state_at_close = TcpState::close_wait;
  finding.closure.final_state = TcpState::last_ack;
  finding.verdict.initiator = Initiator::kernel;
  finding.verdict.closed_by = ClosedBy::signal;
  finding.verdict.signal = 9;
  finding.verdict.linger = LingerOutcome::expired;
  finding.verdict.drain_us = 18'446'744'073'709'551'615U;
  finding.stack = {"tcp_close", "\"inet_release\""};
  const ordered_json json = written(finding);
  EXPECT_EQ(json["actor"].dump(),
            R"({"pid":4000,"tid":4000,"comm":"ss","uid":0,"start_time":null,"exe":"ss",)"
            R"("cgroup":null,"container":null})");
  EXPECT_EQ(json["process"]["container"], "0123456789ab");
  EXPECT_EQ(json["family"], "ipv6");
  EXPECT_EQ(json["local"]["address"], "2001:db8:1122:3344:5566:7788:99aa:bbcc");
  EXPECT_EQ(json["peer"].dump(), R"({"address":"2001:db8::","port":40000})");
  EXPECT_EQ(json["linger"].dump(), R"({"enabled":true,"seconds":2,"outcome":"expired"})");
  EXPECT_EQ(json["bytes"]["discarded"], 4'294'967'302U);
  EXPECT_EQ(json["errno"], "ETIMEDOUT");
  EXPECT_EQ(json["state_at_close"], "CLOSE_WAIT");
  EXPECT_EQ(json["final_state"], "LAST_ACK");
  EXPECT_EQ(json["initiator"], "kernel");
  EXPECT_EQ(json["closed_by"], "signal");
  EXPECT_EQ(json["signal"], 9);
  EXPECT_EQ(json["drain_us"], 18'446'744'073'709'551'615U);
  EXPECT_EQ(json["stack"].dump(), R"(["tcp_close","\"inet_release\""])");
}

TEST_F(JsonLinesTest, SaysIpv4OfAMappedSocket) {
  Finding finding = sample_finding();
  finding.closure.family = 10;  // AF_INET6, the addresses are mapped
  EXPECT_EQ(written(finding)["family"], "ipv4");
  finding.closure.local = {};  // an attempt that never got a local address
  EXPECT_EQ(written(finding)["family"], "ipv4");
}

TEST_F(JsonLinesTest, LingerOfZeroSecondsIsZeroAndNotUnknown) {
  Finding finding = sample_finding();
  finding.closure.facts.linger = true;
  EXPECT_EQ(written(finding)["linger"]["seconds"], 0);
  finding.verdict.linger = LingerOutcome::unknown;
  EXPECT_EQ(written(finding)["linger"]["outcome"], nullptr);
}

TEST_F(JsonLinesTest, WritesAnErrorWithoutANameAsItsNumber) {
  Finding finding = sample_finding();
  finding.closure.sock_error = 524;  // ENOTSUPP exists in the kernel alone
  EXPECT_EQ(written(finding)["errno"], "524");
}

TEST_F(JsonLinesTest, TellsSentAndReceivedResetsApart) {
  struct Case {
    bool Facts::*fact;
    bool sent;
    bool received;
  };
  for (const Case& each :
       {Case{&Facts::rst_before, true, false}, Case{&Facts::rst_after, true, false},
        Case{&Facts::rst_answer, true, false}, Case{&Facts::late_data_reset, true, false},
        Case{&Facts::rst_in, false, true}, Case{&Facts::no_rst_in, false, false},
        Case{&Facts::reset_called, false, false}}) {
    Finding finding;
    finding.closure.facts.*each.fact = true;
    const ordered_json json = written(finding);
    EXPECT_EQ(json["rst"]["sent"], each.sent);
    EXPECT_EQ(json["rst"]["received"], each.received);
  }
  Finding finding;
  finding.verdict.reason = Reason::reset_by_peer;
  EXPECT_EQ(written(finding)["rst"]["received"], true);
  finding.verdict.reason = Reason::refused;  // by an ICMP message
  EXPECT_EQ(written(finding)["rst"]["received"], false);
  finding.closure.facts.reset_called = true;
  EXPECT_EQ(written(finding)["rst"]["received"], true);
}

TEST_F(JsonLinesTest, ListsFlagsInTheOrderOfTheContract) {
  Finding finding;
  Facts& facts = finding.closure.facts;
  facts.kernel_socket = facts.before_start = facts.late_data_reset = facts.peer_never_closed = true;
  facts.never_accepted = facts.mptcp = facts.tls = facts.recovered = true;
  EXPECT_EQ(written(finding)["flags"].dump(),
            R"(["tls","mptcp_subflow","never_accepted","peer_never_closed","late_data_reset",)"
            R"("seen_before_start","kernel_socket","recovered"])");
}

TEST_F(JsonLinesTest, DoesNotKnowOfAResetWhereNoHookSawTheEnd) {
  Finding finding;
  finding.closure.facts.recovered = true;
  EXPECT_EQ(written(finding)["rst"]["sent"], nullptr);
  finding.closure.facts.rst_before = true;
  EXPECT_EQ(written(finding)["rst"]["sent"], true);
}

TEST_F(JsonLinesTest, AmendsUnreadBytes) {
  Correction correction = sample_correction();
  correction.amendment.unread = 300;
  EXPECT_EQ(line(correction),
            R"({"v":1,"amends":"188ff5c3a1b2c3d4-3","lost":true,"bytes":{"unread":300}})");
}

TEST_F(JsonLinesTest, AmendsVerdictAndReset) {
  Correction correction = sample_correction();
  correction.verdict = data_after_close();
  correction.amendment.facts.rst_answer = true;
  correction.rst_reason = "TCP_ABORT_ON_DATA";
  EXPECT_EQ(line(correction), R"({"v":1,"amends":"188ff5c3a1b2c3d4-3","class":"abortive",)"
                              R"("reason":"data_after_close","initiator":"local",)"
                              R"("rst":{"sent":true,"kernel_reason":"TCP_ABORT_ON_DATA"},)"
                              R"("rule":"data_after_close"})");
}

TEST_F(JsonLinesTest, AmendsFlags) {
  Correction correction = sample_correction();
  correction.amendment.facts.peer_never_closed = true;
  EXPECT_EQ(line(correction),
            R"({"v":1,"amends":"188ff5c3a1b2c3d4-3","flags":["peer_never_closed"]})");
}

TEST_F(JsonLinesTest, AmendsTheProcessOnceItIsKnown) {
  Correction correction = sample_correction();
  correction.amendment.process = task_of(900, "curl", 1000);
  correction.amendment.facts.rst_in = true;
  Verdict verdict = data_after_close();
  verdict.closed_by = ClosedBy::signal;
  verdict.signal = 15;
  verdict.initiator.reset();
  correction.verdict = verdict;
  EXPECT_EQ(line(correction),
            R"({"v":1,"amends":"188ff5c3a1b2c3d4-3","class":"abortive",)"
            R"("reason":"data_after_close","initiator":null,"closed_by":"signal","signal":15,)"
            R"("process":{"pid":900,"tid":900,"comm":"curl","uid":1000,"start_time":null,)"
            R"("exe":null,"cgroup":null,"container":null},)"
            R"("rst":{"received":true},"rule":"data_after_close"})");
}

TEST_F(JsonLinesTest, WritesGaps) {
  JsonLines(captured_.output(), kTick).gap({12, kNoon});
  EXPECT_THAT(captured_.lines(),
              ElementsAre(R"({"v":1,"lost_records":12,"since":"2026-01-31T12:00:00.000000000Z"})"));
}

TEST_F(JsonLinesTest, StaysOneValidLineWhateverNamesHold) {
  JsonLines sink(captured_.output(), kTick);
  const std::vector<std::string> names = hostile_names();
  for (const std::string& name : names) {
    Finding finding = sample_finding();
    set_comm(finding.closure.process, name);
    finding.process.exe = finding.process.cgroup = finding.process.container = name;
    finding.closure.actor = finding.closure.process;
    finding.actor = finding.process;
    finding.stack = {name, name};
    sink.finding(finding);
  }
  const std::vector<std::string> lines = captured_.lines();
  ASSERT_EQ(lines.size(), names.size());
  for (const std::string& line : lines) {
    EXPECT_FALSE(has_raw_control(line)) << line;
    EXPECT_EQ(parsed(line).size(), 28U) << line;
  }
}

}  // namespace
}  // namespace closewatch
