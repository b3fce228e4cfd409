// SPDX-License-Identifier: Apache-2.0
// How many closures a history takes, and how long a report over all of them takes:
// `closewatch_bench_history FILE CLOSURES [PER_SECOND [MINUTES [NETWORKS]]]` gives it made-up
// closures of the last MINUTES (30), 49 of 50 graceful, of 40 processes with NETWORKS (200) peer
// networks each, as fast as it can (PER_SECOND 0) or at a rate, makes hours of the minutes that are
// old enough, and prints one line of JSON. Leaves FILE behind.
#include <fmt/core.h>
#include <sys/resource.h>

#include <chrono>
#include <cstdlib>
#include <string>
#include <thread>

#include "userspace/base/clock.h"
#include "userspace/history/closure_row.h"
#include "userspace/history/histogram_blob.h"
#include "userspace/history/reader.h"
#include "userspace/history/retention.h"
#include "userspace/history/writer.h"

namespace {

using closewatch::Class;
using closewatch::Finding;
using closewatch::Reason;
using std::chrono::steady_clock;

Finding made_up(std::uint64_t n, std::int64_t end_unix_ns, std::uint64_t networks) {
  Finding finding;
  closewatch::Closure& closure = finding.closure;
  const std::uint64_t mixed = (n + 1) * 0x9e3779b97f4a7c15ULL;
  closure.process.pid = static_cast<std::uint32_t>(1000 + mixed % 40);
  closure.process.start_ns = closure.process.pid;
  const std::string comm = fmt::format("worker-{}", mixed % 40);
  std::copy(comm.begin(), comm.end(), closure.process.comm_bytes.begin());
  closure.local.address =
      closure.peer.address = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 1};
  closure.local.port = 443;
  closure.peer.address[14] = static_cast<std::uint8_t>((mixed >> 20) % networks);
  closure.peer.address[15] = static_cast<std::uint8_t>(mixed >> 32);
  closure.peer.port = static_cast<std::uint16_t>(mixed >> 40);
  closure.end_ns = n;
  closure.id = {n + 1, 0};
  finding.verdict.cls = Class::graceful;
  finding.verdict.reason = Reason::peer_first;
  finding.verdict.rule = "peer_first";
  finding.verdict.blocked_us = (mixed >> 8) % 40;
  finding.verdict.drain_us = (mixed >> 12) % 3000;
  if (n % 50 == 0) {
    finding.verdict.cls = Class::abortive;
    finding.verdict.reason = Reason::unread_data;
    finding.verdict.rule = "unread_data";
    finding.verdict.lost = true;
    closure.unread = 300;
  }
  finding.process.exe = comm;
  finding.process.cgroup = "/system.slice/" + comm + ".service";
  finding.end_unix_ns = end_unix_ns;
  finding.id = closewatch::history::closure_name({end_unix_ns, 0});
  return finding;
}

struct Pass {
  double seconds = 0;
  double longest_step_s = 0;  // the writer's queue fills meanwhile
  std::uint64_t steps = 0;
};

// As the writer does it, to the end.
Pass retain(const closewatch::history::Settings& settings, std::int64_t now) {
  using namespace closewatch::history;
  Pass pass;
  const auto begin = steady_clock::now();
  auto before = begin;
  auto database = Database::open(settings.path, Database::Mode::write, 0);
  Retention retention(settings);
  for (bool more = database.ok() && add_histogram_function(*database).ok(); more;) {
    const auto step = retention.step(*database, now, true);
    more = step.ok() && *step;
    const auto after = steady_clock::now();
    pass.longest_step_s =
        std::max(pass.longest_step_s, std::chrono::duration<double>(after - before).count());
    before = after;
    ++pass.steps;
  }
  pass.seconds = std::chrono::duration<double>(steady_clock::now() - begin).count();
  return pass;
}

double seconds_of_report(const std::string& path, const closewatch::ReportSpan& span,
                         std::uint64_t& closures) {
  const auto begin = steady_clock::now();
  auto reader = closewatch::history::Reader::open(path);
  closewatch::PerProcess report;
  if (reader.ok() && reader->report(*reader->whole(span), report).ok()) {
    closures = report.all().closures();
  }
  return std::chrono::duration<double>(steady_clock::now() - begin).count();
}

double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    fmt::print(stderr,
               "usage: closewatch_bench_history FILE CLOSURES [PER_SECOND [MINUTES [NETWORKS]]]\n");
    return 2;
  }
  const std::uint64_t closures = std::strtoull(argv[2], nullptr, 10);
  const double rate = argc > 3 ? std::strtod(argv[3], nullptr) : 0;
  const std::int64_t minutes = argc > 4 ? std::strtoll(argv[4], nullptr, 10) : 30;
  const std::uint64_t networks = argc > 5 ? std::strtoull(argv[5], nullptr, 10) : 200;
  closewatch::history::Settings settings;
  settings.path = argv[1];
  auto writer = closewatch::history::Writer::start(
      settings, {.boot_id = "bench", .closewatch_version = "0", .tick_ns = closewatch::tick_ns()},
      {.tell = [](const auto& message) { fmt::print(stderr, "{}\n", message.text); }});
  if (!writer.ok()) {
    fmt::print(stderr, "{}\n", writer.error().what);
    return 1;
  }
  const std::int64_t now =
      closewatch::boot_to_unix_ns() + static_cast<std::int64_t>(closewatch::boot_now_ns());
  const std::int64_t time = minutes * closewatch::history::kMinuteNs;
  const std::int64_t step = time / static_cast<std::int64_t>(closures);
  const auto begin = steady_clock::now();
  const double cpu = cpu_seconds();
  std::chrono::nanoseconds longest{0};
  for (std::uint64_t n = 0; n < closures; ++n) {
    const Finding finding = made_up(n, now - time + static_cast<std::int64_t>(n) * step, networks);
    const auto before = steady_clock::now();
    (*writer)->finding(finding);
    longest = std::max<std::chrono::nanoseconds>(longest, steady_clock::now() - before);
    if (n % 400 == 399) {
      (*writer)->flush();
      if (rate > 0) {
        std::this_thread::sleep_until(begin + std::chrono::nanoseconds(static_cast<std::int64_t>(
                                                  static_cast<double>(n) / rate * 1e9)));
      } else {
        while ((*writer)->health().waiting > settings.queue_closures / 2) {
          std::this_thread::yield();
        }
      }
    }
  }
  const auto stopped = (*writer)->stop();
  const double seconds = std::chrono::duration<double>(steady_clock::now() - begin).count();
  const closewatch::history::Health health = (*writer)->health();
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  std::uint64_t by_minute = 0;
  std::uint64_t by_hour = 0;
  const closewatch::ReportSpan all{now - time, now};
  const double minutes_took = seconds_of_report(settings.path, all, by_minute);
  const Pass pass = retain(settings, now);
  rusage retained{};
  ::getrusage(RUSAGE_SELF, &retained);
  const double hours_took = seconds_of_report(settings.path, all, by_hour);
  fmt::print(
      R"({{"closures":{},"seconds":{:.3f},"per_second":{:.0f},"cpu_seconds":{:.3f},"refused":{},)"
      R"("rows":{},"rollup_rows":{},"longest_call_us":{},"max_rss_kib":{},"report_s":{:.2f},"retention_s":{:.2f},"retention_steps":{},"longest_step_s":{:.3f},"retention_rss_kib":{},)"
      R"("report_by_hour_s":{:.2f},"same":{}}})"
      "\n",
      closures, seconds, static_cast<double>(closures) / seconds, cpu_seconds() - cpu,
      health.refused, health.rows_written, health.rollup_rows, longest.count() / 1000,
      usage.ru_maxrss, minutes_took, pass.seconds, pass.steps, pass.longest_step_s,
      retained.ru_maxrss, hours_took, by_minute == by_hour);
  return stopped.ok() && health.refused == 0 ? 0 : 1;
}
