// SPDX-License-Identifier: Apache-2.0
// Nothing is lost and nothing is counted twice, from the end of a connection to the line that tells
// of it.
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <string>

#include "tests/storm/connection.h"
#include "tests/storm/load.h"
#include "tests/storm/must.h"
#include "tests/storm/network.h"
#include "tests/storm/story.h"
#include "tests/storm/suite.h"
#include "userspace/demo/counters.h"

namespace closewatch::storm {
namespace {

constexpr Mix kMix{6, 2, 2};
constexpr LoadOptions kStorm{.drivers = 2, .connections = 2000, .mix = kMix};

class accounting : public Suite {};

TEST_F(accounting, json) {
  Closewatch closewatch = watch();
  const DriverResult made = run_load(kStorm).all();
  await_closed(0);
  ASSERT_EQ(closewatch.interrupt(), 0) << closewatch.errors();

  const std::uint64_t ends = 2 * made.connections();
  const Story story(closewatch.output());
  const auto account = Account::of(closewatch.errors());
  ASSERT_TRUE(account) << closewatch.errors();
  expect_identities(*account);
  EXPECT_EQ(account->lost, 0U);
  EXPECT_EQ(account->recorded, ends);
  EXPECT_EQ(story.closures.size(), ends);
  EXPECT_EQ(story.of_network(network_).size(), ends);
  EXPECT_TRUE(story.gaps.empty());
}

// One row a closure, after a heading of `headings` lines.
void expect_rows(Closewatch& closewatch, std::size_t headings, std::uint64_t ends) {
  ASSERT_EQ(closewatch.interrupt(), 0) << closewatch.errors();
  const auto account = Account::of(closewatch.errors());
  ASSERT_TRUE(account) << closewatch.errors();
  expect_identities(*account);
  EXPECT_EQ(account->recorded, ends);
  EXPECT_EQ(lines_of(closewatch.output()).size(), headings + ends);
}

TEST_F(accounting, csv) {
  Closewatch closewatch = watch({"trace", "-o", "csv"});
  const DriverResult made = run_load(kStorm).all();
  await_closed(0);
  expect_rows(closewatch, 1, 2 * made.connections());
}

TEST_F(accounting, text) {
  Closewatch closewatch = watch({"trace"});
  const DriverResult made = run_load(kStorm).all();
  await_closed(0);
  expect_rows(closewatch, 1, 2 * made.connections());
}

TEST_F(accounting, filtered_in_the_kernel) {
  struct Side {
    const char* option;  // asks for the listener's port
    const char* reason;  // of those that have it there
  };
  for (const Side& side : {Side{"-L", "peer_first"}, Side{"-D", "local_first"}}) {
    SCOPED_TRACE(side.option);
    Listener listener;
    Closewatch closewatch = watch({"trace", "-j", side.option, std::to_string(listener.port())});
    constexpr std::uint64_t kConnections = 300;
    for (std::uint64_t i = 0; i < kConnections; ++i) {
      Connection connection = listener.connect();
      connection.client.reset();
      connection.server.reset();
    }
    await_closed(1);
    ASSERT_EQ(closewatch.interrupt(), 0) << closewatch.errors();

    const Story story(closewatch.output());
    const auto account = Account::of(closewatch.errors());
    ASSERT_TRUE(account) << closewatch.errors();
    expect_identities(*account);
    EXPECT_EQ(account->recorded, kConnections);
    EXPECT_GE(account->filtered, kConnections);  // and whatever else ends on this host
    EXPECT_EQ(story.closures.size(), kConnections);
    EXPECT_EQ(count(story.closures, side.reason), kConnections);
  }
}

// Base hooks see nobody use the server's socket before it is reset, and nobody is not root.
TEST_F(accounting, filtered_by_a_user_is_without_what_is_nobodys) {
  Listener listener;
  Closewatch closewatch = watch({"trace", "-j", "-u", "root"});
  constexpr std::uint64_t kConnections = 10;
  for (std::uint64_t i = 0; i < kConnections; ++i) {
    Connection connection = listener.connect();
    set_linger_zero(connection.client.get());
    connection.client.reset();
    connection.server.reset();
  }
  await_closed(1);
  ASSERT_EQ(closewatch.interrupt(), 0) << closewatch.errors();

  const Story story(closewatch.output());
  EXPECT_EQ(count(story.closures, "linger_zero"), kConnections);
  EXPECT_TRUE(story.amendments.empty());  // would say whose it was after all
}

TEST_F(accounting, selected_by_reason) {
  Closewatch closewatch = watch({"trace", "-j", "--reason", "unread_data"});
  const DriverResult made = run_load(kStorm).all();
  await_closed(0);
  ASSERT_EQ(closewatch.interrupt(), 0) << closewatch.errors();

  const Story story(closewatch.output());
  const auto account = Account::of(closewatch.errors());
  ASSERT_TRUE(account) << closewatch.errors();
  expect_identities(*account);
  EXPECT_EQ(account->shown, made.of(Ending::unread_data));
  EXPECT_EQ(account->deselected, 2 * made.connections() - made.of(Ending::unread_data));
  EXPECT_EQ(count(story.closures, "unread_data"), made.of(Ending::unread_data));
  EXPECT_EQ(story.closures.size(), made.of(Ending::unread_data));
}

// However the records lie to the ends of the intervals.
TEST_F(accounting, reported_in_intervals_is_counted_once) {
  Closewatch closewatch({.program = program(), .arguments = {"report", "-j", "-i", "0.02"}});
  ASSERT_TRUE(closewatch.watches()) << closewatch.errors();
  const DriverResult made = run_load(kStorm).all();
  await_closed(0);
  ASSERT_EQ(closewatch.interrupt(), 0) << closewatch.errors();

  const auto account = Account::of(closewatch.errors());
  ASSERT_TRUE(account) << closewatch.errors();
  expect_identities(*account);
  EXPECT_GE(account->ended, 2 * made.connections());  // and whatever else ends on this host
  std::uint64_t told = 0;
  std::uint64_t not_classified = 0;
  for (const std::string& line : lines_of(closewatch.output())) {
    const Json report = Json::parse(line);
    told += report["total"]["closures"].get<std::uint64_t>();
    not_classified += report["total"]["not_classified"].get<std::uint64_t>();
  }
  EXPECT_EQ(told, account->ended);
  EXPECT_EQ(not_classified, account->lost);
}

// What the filter kept out is no part of the report, nor a loss.
TEST_F(accounting, reported_from_a_capture_that_was_filtered) {
  const UniqueFd memory(must(::memfd_create("capture", 0), "memfd_create"));
  const std::string capture =
      "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(memory.get());
  Listener listener;
  Closewatch recording =
      watch({"record", "-", "-L", std::to_string(listener.port())}, memory.get());
  constexpr std::uint64_t kConnections = 20;
  for (std::uint64_t i = 0; i < kConnections; ++i) {
    Connection connection = listener.connect();
    connection.client.reset();
    connection.server.reset();
  }
  await_closed(1);
  ASSERT_EQ(recording.interrupt(), 0) << recording.errors();

  Closewatch reporting(
      {.program = {.path = program().path}, .arguments = {"report", "-j", capture}});
  ASSERT_EQ(reporting.wait(), 0) << reporting.errors();
  const Json report = Json::parse(reporting.output());
  EXPECT_EQ(report["total"]["closures"], kConnections) << report;
  EXPECT_EQ(report["total"]["not_classified"], 0) << report;
  EXPECT_EQ(report["total"]["classes"]["graceful"], kConnections) << report;
}

TEST_F(accounting, reported_from_a_capture_of_nothing) {
  const UniqueFd memory(must(::memfd_create("capture", 0), "memfd_create"));
  const std::string capture =
      "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(memory.get());
  Closewatch recording = watch({"record", "-"}, memory.get());
  ASSERT_EQ(recording.interrupt(), 0) << recording.errors();

  Closewatch reporting(
      {.program = {.path = program().path}, .arguments = {"report", "-j", capture}});
  ASSERT_EQ(reporting.wait(), 0) << reporting.errors();
  const Json report = Json::parse(reporting.output());
  EXPECT_EQ(report["total"]["closures"], 0) << report;
  // RFC 3339 in UTC, so the order of the texts is that of the times.
  EXPECT_LT(report["from"].get<std::string>(), report["to"].get<std::string>()) << report;
}

class classes : public Suite {};

// By the driver's own count and by the kernel's.
TEST_F(classes, agree_with_the_driver_and_the_kernel) {
  Closewatch closewatch = watch();
  const DriverResult made = run_load(kStorm).all();
  await_closed(0);
  ASSERT_EQ(closewatch.interrupt(), 0) << closewatch.errors();

  const std::vector<Json> closures = Story(closewatch.output()).of_network(network_);
  const std::uint64_t graceful = made.of(Ending::graceful);
  const std::uint64_t zero = made.of(Ending::linger_zero);
  const std::uint64_t unread = made.of(Ending::unread_data);
  EXPECT_EQ(count(closures, "local_first"), graceful);
  EXPECT_EQ(count(closures, "peer_first"), graceful);
  EXPECT_EQ(count(closures, "linger_zero"), zero);
  EXPECT_EQ(count(closures, "unread_data"), unread);
  EXPECT_EQ(count(closures, "reset_by_peer"), zero + unread);
  EXPECT_EQ(closures.size(), 2 * made.connections());
  const auto lost = [](const Json& closure) { return closure["bytes"]["unread"] == kUnread; };
  EXPECT_EQ(std::count_if(closures.begin(), closures.end(), lost),
            static_cast<std::ptrdiff_t>(unread));

  const demo::Counters kernel = demo::Counters::read();
  EXPECT_EQ(kernel.get("TCPAbortOnData"), static_cast<std::int64_t>(zero));
  EXPECT_EQ(kernel.get("TCPAbortOnClose"), static_cast<std::int64_t>(unread));
  EXPECT_EQ(kernel.get("EstabResets"), static_cast<std::int64_t>(2 * (zero + unread)));
  EXPECT_EQ(kernel.get("ActiveOpens"), static_cast<std::int64_t>(made.connections()));
}

}  // namespace
}  // namespace closewatch::storm
