// SPDX-License-Identifier: Apache-2.0
#include "userspace/metrics/admission.h"

#include <gtest/gtest.h>

namespace closewatch {
namespace {

ClientAddress client(std::uint8_t last) {
  return std::array<std::uint8_t, 16>{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, last};
}

class AdmissionTest : public testing::Test {
 protected:
  Guest& enter(const ClientAddress& address, std::uint64_t now_ns) {
    EXPECT_EQ(admission_.ask(address, now_ns).admittance, Admittance::admitted);
    return admission_.enter(address, static_cast<int>(now_ns), now_ns);
  }
  Admittance ask(const ClientAddress& address, std::uint64_t now_ns) {
    return admission_.ask(address, now_ns).admittance;
  }

  Admission admission_{{.connections = 3, .per_address = 2, .overdue_ns = 100}};
};

TEST_F(AdmissionTest, AdmitsSoManyAndSoManyOfOneAddress) {
  Guest& first = enter(client(1), 1);
  enter(client(1), 2);
  EXPECT_EQ(ask(client(1), 3), Admittance::address_full);
  enter(client(2), 3);
  EXPECT_EQ(ask(client(3), 4), Admittance::full);
  admission_.leave(first);
  EXPECT_EQ(admission_.size(), 2U);
  EXPECT_EQ(ask(client(1), 5), Admittance::admitted);
  EXPECT_EQ(ask(client(3), 5), Admittance::admitted);
}

TEST_F(AdmissionTest, DoesNotTellClientsOfAUnixSocketApart) {
  for (std::uint64_t at = 1; at <= 3; ++at) {
    enter(std::nullopt, at);
  }
  EXPECT_EQ(ask(std::nullopt, 4), Admittance::full);
}

TEST_F(AdmissionTest, LetsTheOldestGiveWayOnceItIsOverdue) {
  Guest& first = enter(client(1), 1);
  enter(client(2), 2);
  enter(client(3), 3);
  EXPECT_EQ(ask(client(4), 100), Admittance::full);
  const Admission::Ruling ruling = admission_.ask(client(4), 101);
  EXPECT_EQ(ruling.admittance, Admittance::admitted);
  EXPECT_EQ(ruling.gives_way, &first);
  admission_.enter(client(4), 4, 101);
  EXPECT_EQ(admission_.size(), 4U);  // the first has not left yet, but does not count
  EXPECT_EQ(ask(client(5), 101), Admittance::full);
  admission_.leave(first);
  EXPECT_EQ(admission_.size(), 3U);
}

TEST_F(AdmissionTest, MakesRoomForAnAddressAmongItsOwn) {
  enter(client(2), 1);
  Guest& his = enter(client(1), 2);
  enter(client(1), 3);
  const Admission::Ruling ruling = admission_.ask(client(1), 102);
  EXPECT_EQ(ruling.gives_way, &his);
}

TEST_F(AdmissionTest, MakesNoRoomWhereThereIsSome) {
  enter(client(1), 1);
  EXPECT_EQ(admission_.ask(client(1), 1'000'000).gives_way, nullptr);
}

}  // namespace
}  // namespace closewatch
