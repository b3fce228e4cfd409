// SPDX-License-Identifier: Apache-2.0
#include "userspace/report/report_compare.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/render/captured_output.h"
#include "tests/unit/render/hostile_names.h"
#include "tests/unit/report/report_samples.h"
#include "userspace/render/escape.h"

namespace closewatch {
namespace {

using testing::ElementsAre;
using testing::StartsWith;

TEST(ReportCompare, MatchesProcessesByNameAndShowsTheGreatestChangeFirst) {
  PerProcess now;
  PerProcess before;
  now.finding(lossy_closure_of(kNginx, 9, 100, 20));
  now.finding(closure_of(kCurl, Class::graceful, Reason::local_first));
  now.finding(closure_of(kCurl, Class::graceful, Reason::local_first));
  before.finding(closure_of(task_of(77, "nginx", 33), Class::graceful, Reason::local_first));
  before.finding(closure_of(kCurl, Class::timed_out, Reason::retransmission));
  CapturedOutput captured;
  write_comparison(captured.output(), now, before, kFiveMinutes, Charset::utf8);
  EXPECT_THAT(
      captured.lines(),
      ElementsAre("", "Compared with 2026-01-31T12:00:00Z to 2026-01-31T12:05:00Z",
                  "                 CLOSURES      WAS      BAD      WAS BYTES LOST      WAS",
                  "all                     3        2        1        1        120        0",
                  "nginx                   1        1        1        0        120        0",
                  "curl                    2        1        0        1          0        0"));
}

TEST(ReportCompare, FitsEightyColumnsWhateverNamesAre) {
  PerProcess now;
  std::uint32_t pid = 1;
  for (const std::string& name : hostile_names()) {
    now.finding(closure_of(task_of(++pid, name, 0), Class::abortive, Reason::linger_zero));
  }
  CapturedOutput captured;
  write_comparison(captured.output(), now, PerProcess(), kFiveMinutes, Charset::utf8);
  for (const std::string& line : captured.lines()) {
    EXPECT_LE(columns_of(line), 80U) << line;
    EXPECT_FALSE(has_raw_control(line)) << line;
  }
}

}  // namespace
}  // namespace closewatch
