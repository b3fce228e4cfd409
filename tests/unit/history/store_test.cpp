// SPDX-License-Identifier: Apache-2.0
#include "userspace/history/store.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iterator>

#include "tests/data/large_history.h"
#include "tests/unit/history/history_file.h"
#include "userspace/history/schema.h"

namespace closewatch::history {
namespace {

using testing::kLarge;
using testing::kNotStopped;
using testing::kSlowNoMore;
using testing::kSlowToCheck;

Result<std::unique_ptr<Writer>> start(const Settings& settings) {
  return Writer::start(settings, kSource, {});
}

// The file gets the tables of an older version, and a closure in them.
void make_version(const std::string& path, std::int64_t version) {
  auto database = Database::open(path, Database::Mode::write, 0);
  ASSERT_TRUE(database.ok());
  const auto had = migrate(*database, version);
  ASSERT_TRUE(had.ok()) << had.error().what;
  EXPECT_EQ(*had, 0);
  const auto filled = database->run(
      "INSERT INTO boot(boot_id) VALUES('older');"
      "INSERT INTO process(id, boot, pid, start_boot_ns, comm, uid, seen_minute)"
      " VALUES(2, 1, 7, 5, 'old', 0, 29497680);"
      "INSERT INTO rollup VALUES(29497680, 2, 'abortive', 'linger_zero', '10.0.0.0/24', 80, 3, 1,"
      " 10, 20, 0, NULL, NULL)");
  ASSERT_TRUE(filled.ok()) << filled.error().what;
}

void overwrite(const std::string& path, std::streamoff at, std::size_t bytes) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(at);
  file << std::string(bytes, '\x5a');
  ASSERT_TRUE(file.good());
}

TEST(Store, MigratesAnOlderFileWithWhatItHolds) {
  const Folder folder;
  make_version(folder.file(), 1);
  EXPECT_EQ(number_in(folder.file(), "PRAGMA user_version"), 1);
  TestClock clock;
  Told told;
  const auto writer = started(settings_for(folder), clock, told);
  EXPECT_EQ(writer->opening()->had_version, 1);
  writer->finding(abortive(1));
  ASSERT_TRUE(writer->stop().ok());
  EXPECT_EQ(number_in(folder.file(), "PRAGMA user_version"), 4);
  EXPECT_EQ(number_in(folder.file(), "SELECT count(*) FROM rollup_text"), 2);
  PerProcess report;
  report_of(folder.file(), report);
  EXPECT_EQ(report.all().closures(), 4U);
  EXPECT_EQ(report.all().tally.of(Reason::linger_zero), 3U);
}

TEST(Store, AnOlderFileIsNotReadBeforeThat) {
  const Folder folder;
  make_version(folder.file(), 1);
  const auto reader = Reader::open(folder.file());
  ASSERT_FALSE(reader.ok());
  EXPECT_NE(reader.error().what.find("schema version 1, this closewatch reads 4"),
            std::string::npos);
  EXPECT_FALSE(reader.error().hint.empty());
}

TEST(Store, RefusesANewerFileAndLeavesItAsItIs) {
  const Folder folder;
  write_history(settings_for(folder), {abortive(1)});
  {
    auto database = Database::open(folder.file(), Database::Mode::write, 0);
    ASSERT_TRUE(database.ok());
    ASSERT_TRUE(database->run("PRAGMA user_version = 5").ok());
  }
  const auto writer = start(settings_for(folder));
  ASSERT_FALSE(writer.ok());
  EXPECT_NE(writer.error().what.find("schema version 5, this closewatch knows 4"),
            std::string::npos);
  EXPECT_NE(writer.error().hint.find("newer closewatch"), std::string::npos);
  EXPECT_FALSE(Reader::open(folder.file()).ok());
  EXPECT_EQ(number_in(folder.file(), "SELECT count(*) FROM closure"), 1);
}

void run_in(const Folder& folder, const std::string& sql) {
  auto database = Database::open(folder.file(), Database::Mode::write, 5000);
  ASSERT_TRUE(database.ok());
  sqlite3_db_config(database->handle(), SQLITE_DBCONFIG_DEFENSIVE, 0, nullptr);
  const auto done = database->run(sql);
  ASSERT_TRUE(done.ok()) << done.error().what;
}

// A history whose writer did not stop, and that `sql` makes larger than 64 MiB.
void make_large(const Folder& folder, const std::string& sql) {
  write_history(settings_for(folder), {abortive(1)});
  run_in(folder, kNotStopped + sql);
}

constexpr const char* kOwed = "SELECT unchecked FROM session ORDER BY id DESC LIMIT 1";

// What the start may take does not grow with the file.
TEST(Store, ChecksALargeFileWhileItIsWritten) {
  const Folder folder;
  make_large(folder, kLarge);
  TestClock clock;
  Told told;
  const auto writer = started(settings_for(folder), clock, told);
  EXPECT_TRUE(writer->opening()->killed_ns);
  EXPECT_TRUE(writer->opening()->unchecked);
  EXPECT_EQ(told.with("it is large, and checked while it is written"), 1U);
  writer->finding(abortive(2));
  await(*writer, [](const Health& health) { return !health.unchecked; });
  EXPECT_EQ(told.with("was checked: it is whole"), 1U);
  EXPECT_EQ(number_in(folder.file(), kOwed), 0);
  ASSERT_TRUE(writer->stop().ok());
  EXPECT_EQ(told.with("the next start checks it"), 0U);
  EXPECT_EQ(writer->health().set_aside, 0U);
  EXPECT_EQ(closures_in(folder.file()).size(), 2U);
}

TEST(Store, SetsALargeFileAsideThatIsFoundDamaged) {
  const Folder folder;
  make_large(folder, kLarge);
  {
    // Amid what the large value is spread over, which nothing else reads.
    std::fstream file(folder.file(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(std::streamoff{9765} * 4096);
    file << std::string(4096, '\xff');
  }
  TestClock clock;
  Told told;
  const auto writer = started(settings_for(folder), clock, told);
  EXPECT_TRUE(writer->opening()->unchecked);
  await(*writer, [](const Health& health) { return health.set_aside == 1; });
  EXPECT_EQ(told.with("and a new history begins"), 1U);
  writer->finding(abortive(2));
  ASSERT_TRUE(writer->stop().ok());
  EXPECT_FALSE(writer->health().unchecked);
  EXPECT_EQ(closures_in(folder.file()).size(), 1U);
  EXPECT_EQ(number_in(folder.file(), "SELECT count(*) FROM loss WHERE kind = 'set_aside'"), 1);
}

// A stop does not wait for a check; the starts after it owe it, however often they are stopped too.
TEST(Store, TheNextStartChecksWhatAStopBrokeOff) {
  const Folder folder;
  make_large(folder, kSlowToCheck);
  TestClock clock;
  for (int i = 0; i < 2; ++i) {
    Told told;
    const auto writer = started(settings_for(folder), clock, told);
    EXPECT_EQ(writer->opening()->killed_ns.has_value(), i == 0);
    EXPECT_EQ(told.with("it is large, and checked while it is written"), 1U);
    Settings next = settings_for(folder);
    next.keep_closures += std::chrono::hours(1);
    writer->take_over(next);  // a session of its own, that owes it as well
    ASSERT_TRUE(writer->stop().ok());
    EXPECT_TRUE(writer->health().unchecked);
    EXPECT_EQ(told.with("the next start checks it"), 1U);
    EXPECT_EQ(number_in(folder.file(), kOwed), 1);
  }
  run_in(folder, kSlowNoMore);
  {
    Told told;
    const auto writer = started(settings_for(folder), clock, told);
    EXPECT_EQ(writer->opening()->killed_ns, std::nullopt);
    await(*writer, [](const Health& health) { return !health.unchecked; });
    ASSERT_TRUE(writer->stop().ok());
    EXPECT_EQ(told.with("was checked: it is whole"), 1U);
  }
  Told told;
  const auto writer = started(settings_for(folder), clock, told);
  EXPECT_FALSE(writer->opening()->unchecked);
  EXPECT_TRUE(told.texts.empty());
}

// What was owed by a large file is done at once by one that is small by now.
TEST(Store, ChecksASmallFileAtOnceThatOwesIt) {
  const Folder folder;
  write_history(settings_for(folder), {abortive(1)});
  run_in(folder, "UPDATE session SET unchecked = 1");
  TestClock clock;
  Told told;
  const auto writer = started(settings_for(folder), clock, told);
  EXPECT_FALSE(writer->opening()->unchecked);
  EXPECT_EQ(number_in(folder.file(), kOwed), 0);
  EXPECT_TRUE(told.texts.empty());
}

// The log is not cut while a check reads: it is broken off before the log takes the disk, tried
// again later, and none of it costs a closure.
TEST(Store, BreaksACheckOffForALogThatGrows) {
  constexpr std::uint64_t kLogLimit = 32 << 20;
  const Folder folder;
  make_large(folder, kSlowToCheck);
  Settings settings = settings_for(folder);
  settings.max_bytes = 4 * kLogLimit;
  TestClock clock;
  Told told;
  const auto writer = started(settings, clock, told);
  std::uint32_t given = 0;
  const auto flush = [&](std::uint32_t closures) {
    for (std::uint32_t n = 0; n < closures; ++n) {
      Finding finding = abortive(++given, kSecond);
      finding.stack = {std::string(20'000, 'f')};
      writer->finding(finding);
    }
    writer->flush();
    await(*writer, [&](const Health& health) { return health.rows_written == given; });
  };
  while (told.with("of what is written meanwhile has ") == 0) {
    flush(400);
  }
  EXPECT_EQ(told.with("tried again in an hour"), 1U);
  EXPECT_TRUE(writer->health().unchecked);
  // A flush is 8 MB.
  EXPECT_GT(writer->health().log_bytes, kLogLimit);
  EXPECT_LT(writer->health().log_bytes, 2 * kLogLimit);
  // What is written from now on cuts it.
  await(*writer, [&](const Health& health) {
    flush(1);
    return health.log_bytes <= kLogLimit;
  });
  clock.pass(kHour);
  await(*writer, [&](const Health&) {
    flush(1);
    return told.with("it is large, and checked while it is written") == 2;
  });
  ASSERT_TRUE(writer->stop().ok());
  PerProcess report;
  report_of(folder.file(), report);
  EXPECT_EQ(report.all().closures(), given + 1);
  EXPECT_EQ(number_in(folder.file(), kOwed), 1);
}

TEST(Store, RefusesADatabaseOfSomebodyElse) {
  const Folder folder;
  {
    auto database = Database::open(folder.file(), Database::Mode::write, 0);
    ASSERT_TRUE(database.ok());
    ASSERT_TRUE(database->run("CREATE TABLE accounts(name TEXT)").ok());
  }
  const auto writer = start(settings_for(folder));
  ASSERT_FALSE(writer.ok());
  EXPECT_NE(writer.error().what.find("no history of closewatch"), std::string::npos);
  EXPECT_EQ(number_in(folder.file(), "SELECT count(*) FROM sqlite_schema"), 1);
}

TEST(Store, LeavesAFileAloneThatItNeverWrote) {
  const Folder folder;
  std::ofstream(folder.file()) << std::string(5000, 'x');
  const auto writer = start(settings_for(folder));
  ASSERT_FALSE(writer.ok());
  EXPECT_NE(writer.error().hint.find("leaves the file alone"), std::string::npos);
  std::ifstream file(folder.file());
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}), std::string(5000, 'x'));
}

TEST(Store, SetsADamagedFileAsideAndBeginsANewOne) {
  const Folder folder;
  write_history(settings_for(folder), {abortive(1)});
  overwrite(folder.file(), 0, 200);
  TestClock clock;
  Told told;
  const auto writer = started(settings_for(folder), clock, told);
  ASSERT_NE(writer, nullptr);
  const auto opening = writer->opening();
  ASSERT_TRUE(opening && opening->set_aside);
  EXPECT_EQ(*opening->set_aside, folder.file("history.db.damaged-1769860800"));
  EXPECT_EQ(told.with("a new history begins"), 1U);
  writer->finding(abortive(2));
  ASSERT_TRUE(writer->stop().ok());
  EXPECT_EQ(closures_in(folder.file()), std::vector{abortive(2)});
  EXPECT_TRUE(std::filesystem::exists(*opening->set_aside));
  EXPECT_EQ(number_in(folder.file(), "SELECT count(*) FROM loss WHERE kind = 'set_aside'"), 1);
}

// Damage inside, that opening the file does not stumble over, is looked for after an unclean end.
TEST(Store, ChecksAFileWhoseWriterDidNotStop) {
  const Folder folder;
  std::vector<Finding> many;
  for (std::uint32_t n = 0; n < 300; ++n) {
    many.push_back(abortive(n));
  }
  write_history(settings_for(folder), many);
  {
    auto database = Database::open(folder.file(), Database::Mode::write, 0);
    ASSERT_TRUE(database.ok());
    ASSERT_TRUE(database->run("UPDATE session SET stopped_ns = NULL").ok());
  }
  std::ifstream file(folder.file(), std::ios::binary);
  const std::string bytes(std::istreambuf_iterator<char>(file), {});
  const std::size_t closure = bytes.rfind("10.0.0.9");
  ASSERT_NE(closure, std::string::npos);
  overwrite(folder.file(), static_cast<std::streamoff>(closure / 4096 * 4096), 4096);
  TestClock clock;
  Told told;
  const auto writer = started(settings_for(folder), clock, told);
  ASSERT_NE(writer, nullptr);
  EXPECT_TRUE(writer->opening()->killed_ns.has_value()) << writer->opening()->damage;
  EXPECT_TRUE(writer->opening()->set_aside.has_value());
  ASSERT_TRUE(writer->stop().ok());
}

TEST(Store, SetsAsideWhatIsFoundDamagedWhileItRuns) {
  const Folder folder;
  TestClock clock;
  Told told;
  const auto writer = started(settings_for(folder), clock, told);
  writer->finding(abortive(1));
  writer->flush();
  await(*writer, [](const Health& health) { return health.rows_written == 1; });
  {
    auto database = Database::open(folder.file(), Database::Mode::write, 5000);
    ASSERT_TRUE(database.ok());
    // The pages of closures and rollups become something else, under the writer.
    ASSERT_TRUE(database->run("PRAGMA wal_checkpoint(TRUNCATE)").ok());
  }
  for (std::streamoff page = 1; page < 20; ++page) {
    overwrite(folder.file(), page * 4096, 4096);
  }
  {
    auto database = Database::open(folder.file(), Database::Mode::write, 5000);
    ASSERT_TRUE(database.ok());
    ASSERT_TRUE(database->run("PRAGMA user_version = 2").ok());  // the writer's cache is stale now
  }
  writer->finding(abortive(2));
  writer->flush();
  await(*writer, [](const Health& health) { return health.rows_written == 2; });
  EXPECT_EQ(told.with("a new history begins"), 1U);
  ASSERT_TRUE(writer->stop().ok());
  EXPECT_EQ(closures_in(folder.file()), std::vector{abortive(2)});
}

TEST(Store, OneWriterAtATime) {
  const Folder folder;
  TestClock clock;
  Told told;
  const auto writer = started(settings_for(folder), clock, told);
  const auto second = start(settings_for(folder));
  ASSERT_FALSE(second.ok());
  EXPECT_NE(second.error().what.find("another closewatch writes this history"), std::string::npos);
  ASSERT_TRUE(writer->stop().ok());
  EXPECT_TRUE(start(settings_for(folder)).ok());
}

TEST(Store, IsNotWrittenThroughALink) {
  const Folder folder;
  std::ofstream(folder.file("victim")) << "precious";
  std::filesystem::create_symlink(folder.file("victim"), folder.file());
  const auto writer = start(settings_for(folder));
  ASSERT_FALSE(writer.ok());
  EXPECT_NE(writer.error().hint.find("symbolic link"), std::string::npos);
  EXPECT_EQ(std::filesystem::file_size(folder.file("victim")), 8U);
}

TEST(Store, SaysThatTheDirectoryIsMissing) {
  const Folder folder;
  Settings settings = settings_for(folder);
  settings.path = folder.file("none/history.db");
  const auto writer = start(settings);
  ASSERT_FALSE(writer.ok());
  EXPECT_NE(writer.error().hint.find("make the directory"), std::string::npos);
}

TEST(Store, IsNotReadableForEverybody) {
  const Folder folder;
  write_history(settings_for(folder), {});
  for (const std::string& name : folder.names()) {
    const auto mode = std::filesystem::status(folder.file(name.c_str())).permissions();
    EXPECT_EQ(mode & std::filesystem::perms::others_all, std::filesystem::perms::none) << name;
  }
}

TEST(Store, TellsAStopFromAKill) {
  const Folder folder;
  write_history(settings_for(folder), {abortive(1)});
  TestClock clock;
  Told told;
  const auto writer = started(settings_for(folder), clock, told);
  EXPECT_EQ(writer->opening()->killed_ns, std::nullopt);
  EXPECT_EQ(writer->opening()->had_version, kSchemaVersion);
  EXPECT_TRUE(told.texts.empty());
}

}  // namespace
}  // namespace closewatch::history
