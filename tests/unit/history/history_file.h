// SPDX-License-Identifier: Apache-2.0
// A history in a directory of its own, findings to put into it, and a clock that a test sets.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tests/data/example_record.h"
#include "tests/unit/render/sample_finding.h"
#include "userspace/history/closure_row.h"
#include "userspace/history/reader.h"
#include "userspace/history/writer.h"

namespace closewatch::history {

class Folder {
 public:
  Folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "history-XXXXXX").string();
    EXPECT_NE(::mkdtemp(pattern.data()), nullptr);
    path_ = pattern;
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] std::string file(const char* name = "history.db") const {
    return (path_ / name).string();
  }
  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(path_)) {
      names.push_back(entry.path().filename().string());
    }
    return names;
  }

 private:
  std::filesystem::path path_;
};

// kNoon is 2026-01-31T12:00:00Z, a whole minute.
inline constexpr std::int64_t kSecond = 1'000'000'000;
inline constexpr std::int64_t kMinute = 60 * kSecond;
inline constexpr std::int64_t kHour = 60 * kMinute;
inline constexpr std::int64_t kDay = 24 * kHour;
inline constexpr std::uint64_t kBootAtNoon = 100'000 * static_cast<std::uint64_t>(kSecond);

// At noon, 100,000 s after boot, unless it is told otherwise.
struct TestClock {
  std::atomic<std::int64_t> unix_ns{kNoon};
  std::atomic<std::uint64_t> boot_ns{kBootAtNoon};

  void pass(std::int64_t ns) {
    unix_ns += ns;
    boot_ns += static_cast<std::uint64_t>(ns);
  }
};

struct Told {
  std::mutex mutex;
  std::vector<std::string> texts;

  [[nodiscard]] std::size_t with(const std::string& part) {
    const std::lock_guard lock(mutex);
    std::size_t count = 0;
    for (const std::string& text : texts) {
      count += text.find(part) != std::string::npos ? 1 : 0;
    }
    return count;
  }
};

inline Surroundings surroundings(TestClock& clock, Told& told) {
  return {.tell =
              [&told](const Message& message) {
                const std::lock_guard lock(told.mutex);
                told.texts.push_back(message.text);
              },
          .unix_ns = [&clock] { return clock.unix_ns.load(); },
          .boot_ns = [&clock] { return clock.boot_ns.load(); }};
}

inline const Source kSource{.boot_id = "01234567-89ab-cdef-0123-456789abcdef",
                            .closewatch_version = "0.1.0",
                            .tick_ns = kTick};

inline Settings settings_for(const Folder& folder) {
  Settings settings;
  settings.path = folder.file();
  return settings;
}

// The `n`th closure: graceful, of nginx with 10.0.0.9, `after_noon_ns` after noon. Its name follows
// from its time, as the pipeline makes it.
inline Finding graceful(std::uint32_t n, std::int64_t after_noon_ns = 0) {
  Finding finding;
  Closure& closure = finding.closure;
  closure.process = task_of(812, "nginx", 33);
  closure.local = ipv4({10, 0, 0, 1}, 80);
  closure.peer = ipv4({10, 0, 0, 9}, 50122);
  closure.end_ns = kBootAtNoon + static_cast<std::uint64_t>(after_noon_ns) + n;
  closure.id = {closure.end_ns, n % 4};
  finding.verdict.cls = Class::graceful;
  finding.verdict.reason = Reason::peer_first;
  finding.verdict.rule = "peer_first";
  finding.end_unix_ns = kNoon + after_noon_ns + n;
  finding.id = closure_name({finding.end_unix_ns, closure.id.cpu});
  finding.process.exe = "nginx";
  finding.process.cgroup = "/system.slice/nginx.service";
  return finding;
}

// The same, aborted with received data unread.
inline Finding abortive(std::uint32_t n, std::int64_t after_noon_ns = 0) {
  Finding finding = graceful(n, after_noon_ns);
  finding.verdict.cls = Class::abortive;
  finding.verdict.reason = Reason::unread_data;
  finding.verdict.rule = "unread_data";
  finding.verdict.lost = true;
  finding.closure.unread = 300;
  return finding;
}

inline Correction correction_of(const Finding& finding) {
  Correction correction;
  correction.amends = finding.id;
  correction.unix_ns = finding.end_unix_ns + kSecond;
  correction.amendment.id = finding.closure.id;
  return correction;
}

inline std::unique_ptr<Writer> started(const Settings& settings, TestClock& clock, Told& told) {
  auto writer = Writer::start(settings, kSource, surroundings(clock, told));
  EXPECT_TRUE(writer.ok()) << writer.error().what;
  return writer.ok() ? std::move(writer).take() : nullptr;
}

// A history that was given these and stopped.
inline void write_history(const Settings& settings, const std::vector<Finding>& findings,
                          const std::vector<Correction>& corrections = {}) {
  TestClock clock;
  Told told;
  const auto writer = started(settings, clock, told);
  for (const Finding& finding : findings) {
    writer->finding(finding);
  }
  for (const Correction& correction : corrections) {
    writer->correction(correction);
  }
  const auto stopped = writer->stop();
  EXPECT_TRUE(stopped.ok()) << stopped.error().what;
}

inline constexpr ReportSpan kTheDay{kNoon - 12 * kHour, kNoon + 12 * kHour};

// For one thread of a test at a time.
inline std::vector<Finding> closures_in(const std::string& path, const ReportSpan& span = kTheDay) {
  auto reader = Reader::open(path);
  EXPECT_TRUE(reader.ok()) << reader.error().what;
  static Names names;  // the reader's own end with it
  std::vector<Finding> found;
  const auto read = reader->closures(
      span,
      [&found](const Finding& finding) {
        found.push_back(finding);
        found.back().verdict.rule = names.keep(finding.verdict.rule);
        found.back().rst_reason = names.keep(finding.rst_reason);
        return true;
      },
      [](const Loss&) {});
  EXPECT_TRUE(read.ok()) << read.error().what;
  return found;
}

inline void report_of(const std::string& path, PerProcess& report,
                      const ReportSpan& span = kTheDay) {
  auto reader = Reader::open(path);
  ASSERT_TRUE(reader.ok()) << reader.error().what;
  const auto read = reader->report(span, report);
  ASSERT_TRUE(read.ok()) << read.error().what;
}

// Of any SQL, for what no reader tells.
inline std::int64_t number_in(const std::string& path, const std::string& sql) {
  auto database = Database::open(path, Database::Mode::read, 5000);
  EXPECT_TRUE(database.ok());
  const auto number = database->number(sql);
  EXPECT_TRUE(number.ok()) << number.error().what;
  return number.ok() ? *number : -1;
}

// Asks every millisecond, which leaves the CPU to who is waited for.
template <typename Condition>
void await(Condition condition) {
  while (!condition()) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

// Waits until the writer's thread says so; a writer that never does fails the test by its time.
template <typename Condition>
void await(const Writer& writer, Condition condition) {
  await([&] { return condition(writer.health()); });
}

}  // namespace closewatch::history
