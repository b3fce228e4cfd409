// SPDX-License-Identifier: Apache-2.0
#include "userspace/alert/last_findings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/unit/alert/alert_samples.h"
#include "userspace/alert/recent_findings.h"

namespace closewatch::alert {
namespace {

using ::testing::ElementsAre;

Finding named(const std::string& id, std::uint32_t unread = 1) {
  Finding finding = testing::closure(0, Reason::unread_data, unread);
  finding.id = id;
  return finding;
}

std::vector<std::string> ids(const LastFindings& findings) {
  std::uint64_t left_out = 0;
  std::vector<std::string> all;
  for (const Evidence& each : findings.render(kTick, 10'000, left_out)) {
    all.push_back(nlohmann::json::parse(each.closure)["id"].get<std::string>());
  }
  return all;
}

TEST(LastFindings, KeepsTheLastOnesNewestFirst) {
  LastFindings findings(3);
  EXPECT_EQ(findings.newest(), nullptr);
  for (const char* id : {"a", "b"}) {
    findings.put(named(id));
  }
  EXPECT_THAT(ids(findings), ElementsAre("b", "a"));
  for (const char* id : {"c", "d"}) {
    findings.put(named(id));
  }
  EXPECT_THAT(ids(findings), ElementsAre("d", "c", "b"));
  EXPECT_EQ(findings.newest()->id, "d");
}

TEST(LastFindings, OneThatIsPutAgainKeepsItsPlace) {
  LastFindings findings(3);
  findings.put(named("a"));
  findings.put(named("b"));
  findings.put(named("a", 77));
  EXPECT_THAT(ids(findings), ElementsAre("b", "a"));
  std::uint64_t left_out = 0;
  EXPECT_THAT(findings.render(kTick, 10'000, left_out)[1].explanation,
              ::testing::HasSubstr("77 bytes"));
}

TEST(LastFindings, ForgetsOne) {
  LastFindings findings(2);
  findings.put(named("a"));
  findings.put(named("b"));
  findings.drop("b");
  EXPECT_THAT(ids(findings), ElementsAre("a"));
  EXPECT_EQ(findings.newest()->id, "a");
  findings.put(named("c"));
  EXPECT_THAT(ids(findings), ElementsAre("c"));
}

TEST(RecentFindings, FindsWhatIsStillThere) {
  RecentFindings recent(4);
  std::vector<Finding> all;
  for (int n = 0; n < 6; ++n) {
    all.push_back(testing::abort_at(n));
    recent.remember(all.back());
  }
  EXPECT_EQ(recent.find(all[1].closure.id), nullptr);
  EXPECT_EQ(recent.find({}), nullptr);
  for (std::size_t n = 2; n < 6; ++n) {
    Finding* const found = recent.find(all[n].closure.id);
    // A place in the index may have gone to a newer one.
    EXPECT_TRUE(found == nullptr || found->id == all[n].id);
  }
  ASSERT_NE(recent.find(all[5].closure.id), nullptr);
  EXPECT_EQ(recent.find(all[5].closure.id)->id, all[5].id);
}

}  // namespace
}  // namespace closewatch::alert
