// SPDX-License-Identifier: Apache-2.0
#include "userspace/metrics/tcp_counters.h"

#include <gtest/gtest.h>

#include <fstream>

namespace closewatch {
namespace {

class TcpCountersTest : public testing::Test {
 protected:
  TcpCountersTest() {
    const std::string prefix =
        testing::TempDir() + testing::UnitTest::GetInstance()->current_test_info()->name();
    files_ = {.snmp = prefix + ".snmp", .netstat = prefix + ".netstat"};
    write(files_.snmp,
          "Ip: Forwarding DefaultTTL\nIp: 1 64\n"
          "Tcp: RtoAlgorithm ActiveOpens EstabResets CurrEstab OutRsts\nTcp: 1 10 412 -1 7\n"
          "Udp: InDatagrams\nUdp: 5\n");
    write(files_.netstat,
          "TcpExt: SyncookiesSent TCPAbortOnData TCPAbortOnClose TCPAbortOnMemory "
          "TCPAbortOnTimeout TCPAbortOnLinger TCPAbortFailed\nTcpExt: 0 30 200 4 50 3 9\n"
          "IpExt: InNoRoutes\nIpExt: 0\n");
  }
  ~TcpCountersTest() override {
    std::remove(files_.snmp.c_str());
    std::remove(files_.netstat.c_str());
  }

  static void write(const std::string& path, std::string_view text) { std::ofstream(path) << text; }

  TcpCounterFiles files_;
};

TEST_F(TcpCountersTest, ReadsTheCountsOfBothFiles) {
  const Result<TcpCounters> counters = read_tcp_counters(files_);
  ASSERT_TRUE(counters) << counters.error().what;
  EXPECT_EQ(*counters, (TcpCounters{412, 200, 33, 4, 50}));
}

TEST_F(TcpCountersTest, SaysWhichFileCannotBeRead) {
  std::remove(files_.netstat.c_str());
  const Result<TcpCounters> counters = read_tcp_counters(files_);
  ASSERT_FALSE(counters);
  EXPECT_EQ(counters.error().what, files_.netstat + " has no line TcpExt: ");
}

TEST_F(TcpCountersTest, SaysWhichCounterIsMissing) {
  write(files_.snmp, "Tcp: ActiveOpens OutRsts\nTcp: 1 2\n");
  EXPECT_EQ(read_tcp_counters(files_).error().what, files_.snmp + " has no counter EstabResets");
}

TEST_F(TcpCountersTest, TakesNoNumberFromADamagedLine) {
  write(files_.snmp, "Tcp: ActiveOpens EstabResets\nTcp: 1 4x\n");
  EXPECT_FALSE(read_tcp_counters(files_));
  write(files_.snmp, "Tcp: ActiveOpens EstabResets\nTcp: 1\n");
  EXPECT_FALSE(read_tcp_counters(files_));
}

TEST_F(TcpCountersTest, ReadsThoseOfThisKernel) {
  const Result<TcpCounters> counters = read_tcp_counters({});
  EXPECT_TRUE(counters) << counters.error().what;
}

}  // namespace
}  // namespace closewatch
