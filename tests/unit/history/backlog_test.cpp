// SPDX-License-Identifier: Apache-2.0
#include "userspace/history/backlog.h"

#include <gmock/gmock.h>

#include <fstream>
#include <type_traits>

#include "tests/unit/history/history_file.h"

namespace closewatch::history {
namespace {

// Texts that are there, empty or not, and one that is longer than a block.
Finding with_texts() {
  Finding finding = abortive(7);
  finding.process = {.exe = "server",
                     .cgroup = std::string("/a\0b", 4),
                     .container = "",
                     .start_unix_ns = kNoon - 5};
  finding.actor = {.exe = {}, .cgroup = "/actor", .container = {}, .start_unix_ns = {}};
  finding.stack = {"outer", "", std::string(300'000, 'f')};
  return finding;
}

// Names of those that wait, in their order.
std::vector<std::string> names_in(const Backlog& backlog, std::size_t count) {
  std::vector<std::string> names;
  EXPECT_TRUE(backlog
                  .each(count,
                        [&](const auto& each) {
                          if constexpr (std::is_same_v<std::decay_t<decltype(each)>, Finding>) {
                            names.push_back(each.id);
                          } else {
                            names.push_back("amends " + each.amends);
                          }
                          return Result<>();
                        })
                  .ok());
  return names;
}

// Of this process, in memory at this moment.
std::size_t resident_kib() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    if (word == "RssAnon:") {
      std::size_t kib = 0;
      status >> kib;
      return kib;
    }
  }
  return 0;
}

TEST(Backlog, GivesBackWhatItWasGiven) {
  Backlog backlog;
  Correction correction = correction_of(abortive(7));
  correction.process.exe = "late";
  correction.verdict = abortive(7).verdict;
  backlog.put(with_texts());
  backlog.put(correction);
  backlog.put(graceful(1));  // nothing of the one before is left in it
  std::vector<Finding> findings;
  std::vector<Correction> corrections;
  backlog.drain([&](const auto& each) {
    if constexpr (std::is_same_v<std::decay_t<decltype(each)>, Finding>) {
      findings.push_back(each);
    } else {
      corrections.push_back(each);
    }
  });
  EXPECT_THAT(findings, ::testing::ElementsAre(with_texts(), graceful(1)));
  ASSERT_EQ(corrections.size(), 1U);
  EXPECT_EQ(corrections[0].amends, correction.amends);
  EXPECT_EQ(corrections[0].unix_ns, correction.unix_ns);
  EXPECT_EQ(corrections[0].amendment, correction.amendment);
  EXPECT_EQ(corrections[0].process, correction.process);
  EXPECT_EQ(corrections[0].rst_reason, correction.rst_reason);
  EXPECT_EQ(corrections[0].verdict, correction.verdict);
  EXPECT_TRUE(backlog.empty());
  EXPECT_EQ(backlog.bytes(), 0U);
}

TEST(Backlog, KeepsItsOrderAndWhatIsNotDropped) {
  Backlog backlog;
  std::vector<std::string> expected;
  for (std::uint32_t n = 0; n < 3000; ++n) {  // some blocks
    backlog.put(graceful(n));
    backlog.put(correction_of(graceful(n)));
    expected.push_back(graceful(n).id);
    expected.push_back("amends " + graceful(n).id);
  }
  EXPECT_EQ(names_in(backlog, 6000), expected);
  for (const std::size_t count : {1U, 998U, 4000U}) {
    backlog.drop(count);
    expected.erase(expected.begin(), expected.begin() + static_cast<std::ptrdiff_t>(count));
    EXPECT_EQ(backlog.size(), expected.size());
    EXPECT_EQ(names_in(backlog, 6000), expected);
  }
  EXPECT_EQ(names_in(backlog, 2), (std::vector{expected[0], expected[1]}));
  backlog.put(graceful(9));
  backlog.drop(1001);
  EXPECT_EQ(names_in(backlog, 6000), std::vector{graceful(9).id});
}

TEST(Backlog, StopsAtWhatFails) {
  Backlog backlog;
  backlog.put(graceful(1));
  backlog.put(graceful(2));
  std::size_t visited = 0;
  const auto result = backlog.each(2, [&](const auto&) -> Result<> {
    ++visited;
    return Error{.what = "no"};
  });
  EXPECT_FALSE(result.ok());
  EXPECT_EQ(visited, 1U);
  EXPECT_EQ(backlog.size(), 2U);
}

TEST(Backlog, GivesItsMemoryBackToTheSystem) {
  constexpr std::uint32_t kMany = 32'768;
  const auto fill = [finding = graceful(1)](Backlog& backlog) {
    for (std::uint32_t n = 0; n < kMany; ++n) {
      backlog.put(finding);
    }
  };
  {
    Backlog first;  // what a sanitizer notes of its addresses stays, and is there from here on
    fill(first);
  }
  Backlog backlog;
  const std::size_t before = resident_kib();
  fill(backlog);
  const std::size_t full = resident_kib();
  EXPECT_GE(full - before, backlog.bytes() / 1024);
  backlog.drop(kMany);
  EXPECT_LE(resident_kib(), before + (full - before) / 10);
}

}  // namespace
}  // namespace closewatch::history
