// SPDX-License-Identifier: Apache-2.0
#include "userspace/html/page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/render/captured_output.h"
#include "tests/unit/render/hostile_names.h"
#include "tests/unit/report/report_samples.h"
#include "userspace/html/markup.h"
#include "userspace/html/number.h"

namespace closewatch {
namespace {

using testing::HasSubstr;
using testing::Not;

Timeline two_steps(const std::string& name) {
  Timeline timeline;
  timeline.from_unix_ns = kNoon;
  timeline.step_ns = 60'000'000'000;
  timeline.all.steps.resize(2);
  timeline.all.steps[0].classes[static_cast<std::size_t>(Class::graceful)] = 3;
  timeline.all.steps[0].classes[static_cast<std::size_t>(Class::abortive)] = 1;
  timeline.all.steps[0].bytes_lost = 424;
  timeline.rows.push_back({name, timeline.all.steps});
  return timeline;
}

std::string page_of(const PerProcess& report, const Timeline& timeline,
                    const PerProcess* before = nullptr,
                    const std::vector<std::string>& notes = {}) {
  CapturedOutput captured;
  write_page(captured.output(), {.report = report,
                                 .span = kFiveMinutes,
                                 .timeline = timeline,
                                 .before = before,
                                 .before_span = kFiveMinutes,
                                 .notes = notes});
  return captured.text();
}

std::size_t count(const std::string& text, std::string_view part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
    ++found;
  }
  return found;
}

TEST(Page, HasEverySection) {
  PerProcess report;
  give_sample(report);
  report.finding(closure_of(kNginx, Class::abortive, Reason::listener_closed));
  PerProcess before;
  before.finding(closure_of(kNginx, Class::graceful, Reason::local_first));
  const std::string page = page_of(report, two_steps("812 nginx"), &before, {"a note"});
  EXPECT_THAT(page, HasSubstr("<h1>closewatch: 2026-01-31T12:00:00Z to 2026-01-31T12:05:00Z</h1>"));
  EXPECT_THAT(page, HasSubstr("1 record lost in 1 gap since 2026-01-31T12:00:01Z"));
  EXPECT_THAT(page, HasSubstr(">a note<"));
  EXPECT_THAT(page, HasSubstr("2026-01-31T12:00:00Z: 1 abortive 3 graceful, 424 bytes lost"));
  // Of 4 closures 3 are graceful: a quarter of the 140 pixels is abortive.
  EXPECT_THAT(page, HasSubstr(R"(<rect class="abortive" x="0.00" y="105.00" width="360.00" )"
                              R"(height="35.00"/>)"));
  EXPECT_THAT(page, HasSubstr("<td>812 nginx  /system.slice/nginx.service</td><td class=\"n\">5,000"
                              "</td><td class=\"n\">424</td>"));
  EXPECT_THAT(page, HasSubstr("<td>10.0.0.9</td><td class=\"n\">5,124</td>"));
  EXPECT_THAT(page, HasSubstr("<h2>Blocked in close()</h2>"));
  EXPECT_THAT(page, HasSubstr("<td class=\"n\">3.4ms</td>"));
  EXPECT_THAT(page, HasSubstr("<h2>Completed in the background</h2>"));
  EXPECT_THAT(page, HasSubstr("<h2>Listener drops</h2>"));
  EXPECT_THAT(page, HasSubstr("<h2>Compared with 2026-01-31T12:00:00Z"));
  EXPECT_THAT(page, HasSubstr("<h3>unread_data: 2 closures, 2 of 812 nginx"));
}

TEST(Page, SaysWhatToDoBeforeWhatWasCounted) {
  PerProcess report;
  give_sample(report);
  const std::string page = page_of(report, two_steps("812 nginx"));
  EXPECT_LT(page.find("everything"), page.find("<h2>What to do</h2>"));
  EXPECT_LT(page.find("<h2>What to do</h2>"), page.find("<h2>Close behaviour over time</h2>"));
}

TEST(Number, IsWrittenInFullInGroupsOfThree) {
  EXPECT_EQ(number(0), "0");
  EXPECT_EQ(number(999), "999");
  EXPECT_EQ(number(1000), "1,000");
  EXPECT_EQ(number(UINT64_MAX), "18,446,744,073,709,551,615");
}

TEST(Page, OfNothingSaysSo) {
  const std::string page = page_of(PerProcess(), Timeline());
  EXPECT_THAT(page, HasSubstr("Nobody: every byte was acknowledged and read."));
  EXPECT_THAT(page, HasSubstr("no connection was aborted or timed out"));
  EXPECT_THAT(page, Not(HasSubstr("class=\"alarm\"")));
}

TEST(Page, NeedsNothingElse) {
  PerProcess report;
  give_sample(report);
  const std::string page = page_of(report, two_steps("812 nginx"));
  EXPECT_THAT(page, HasSubstr("default-src 'none'"));
  for (const char* foreign : {"<script", "<link", "<img", "<iframe", "@import", "url(", "http://",
                              "https://", "src=", "href="}) {
    EXPECT_THAT(page, Not(HasSubstr(foreign))) << foreign;
  }
}

TEST(Page, IsTheSameMarkupWhateverNamesHold) {
  const auto markup = [](const std::string& name) {
    PerProcess report({}, Grouping::exe);
    ProcessReport group;
    group.group = name;
    group.tally.classes[static_cast<std::size_t>(Class::abortive)] = 2;
    group.tally.reasons[static_cast<std::size_t>(Reason::unread_data)] = 2;
    group.tally.unread = 5;
    group.tally.blocked_us.record(3);
    report.take(group);
    const std::string page = page_of(report, two_steps(name), &report, {name});
    std::string in_lines = page;
    std::erase(in_lines, '\n');
    EXPECT_FALSE(has_raw_control(in_lines)) << "in the page of " << html_of(name);
    return std::pair(count(page, "<"), count(page, ">"));
  };
  const auto plain = markup("nginx");
  for (std::string name : hostile_names()) {
    if (!name.empty()) {
      EXPECT_EQ(markup(name), plain) << html_of(name);
      EXPECT_EQ(markup("</style><script>alert(1)</script>" + name), plain);
    }
  }
}

TEST(Markup, MakesEverythingHarmless) {
  EXPECT_EQ(html_of("<b a=\"1\" c='2'>&amp;"), "&lt;b a=&quot;1&quot; c=&#39;2&#39;&gt;&amp;amp;");
  EXPECT_EQ(html_of("a\n\x1b[31m\xff"), "a\\x0a\\x1b[31m\\xff");
  EXPECT_EQ(html_of("\xe2\x80\xaegnp"), "\\xe2\\x80\\xaegnp");  // text that would run backwards
  EXPECT_EQ(html_of("Grüße"), "Grüße");
}

}  // namespace
}  // namespace closewatch
