// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <vector>

#include "userspace/base/clock.h"
#include "userspace/classify/explain.h"
#include "userspace/cli/commands.h"
#include "userspace/cli/sinks.h"
#include "userspace/demo/play.h"
#include "userspace/enrich/process_enricher.h"
#include "userspace/observe/live.h"
#include "userspace/render/output.h"
#include "userspace/report/text_lines.h"

namespace closewatch {
namespace {

using demo::Play;
using demo::Situation;

// What closewatch said, by network namespace: each play has one of its own.
class Heard final : public Sink {
 public:
  void finding(const Finding& finding) override {
    by_netns_[finding.closure.netns].push_back(finding);
  }
  void correction(const Correction& correction) override {
    for (auto& [netns, findings] : by_netns_) {
      for (Finding& finding : findings) {
        if (finding.id == correction.amends) {
          finding.closure.unread += correction.amendment.unread;
        }
      }
    }
  }
  void gap(const Gap& /*gap*/) override {}
  void flush() override {}

  [[nodiscard]] const std::vector<Finding>& of(std::uint32_t netns) const {
    static const std::vector<Finding> kNone;
    const auto found = by_netns_.find(netns);
    return found == by_netns_.end() ? kNone : found->second;
  }

 private:
  std::map<std::uint32_t, std::vector<Finding>> by_netns_;
};

bool has_ended(const Play& play) {
  pollfd ended{.fd = play.pollable(), .events = POLLIN, .revents = 0};
  return ::poll(&ended, 1, 0) == 1;
}

const std::vector<demo::Expected>& expected_of(const Play& play) {
  return play.situation().variant(play.truth().variant).closures;
}

bool agrees(const demo::Expected& expected, const Finding& finding) {
  return expected.cls == name_of(finding.verdict.cls) &&
         expected.reason == name_of(finding.verdict.reason) &&
         expected.never_sent == finding.closure.never_sent &&
         expected.unacked == finding.closure.unacked && expected.unread == finding.closure.unread;
}

std::string row(std::string_view who, std::string_view cls, std::string_view reason,
                std::uint64_t discarded, std::uint64_t unread) {
  return fmt::format("  {:<8}{:<14}{:<19}{:>6} bytes discarded {:>5} unread", who, cls, reason,
                     discarded, unread);
}

// True when everything that was made was told of, and told right.
bool show(Output& output, const Play& play, const Heard& heard) {
  write_line(output, play.situation().name, Colour::none);
  write_wrapped(output, 2, play.situation().about);
  if (play.truth().outcome != demo::Outcome::played) {
    write_wrapped(output, 2, fmt::format("not made: {}", play.truth().why.view()));
    output.end_line();
    return false;
  }
  std::vector<Finding> said = heard.of(play.netns());
  bool right = said.size() == expected_of(play).size();
  for (const demo::Expected& expected : expected_of(play)) {
    write_line(output, row("made", expected.cls, expected.reason,
                           std::uint64_t{expected.never_sent} + expected.unacked, expected.unread));
    const auto match = std::find_if(said.begin(), said.end(), [&](const Finding& finding) {
      return agrees(expected, finding);
    });
    if (match == said.end()) {
      right = false;
      write_line(output, "  says    nothing of the kind");
      continue;
    }
    write_line(output, row("says", name_of(match->verdict.cls), name_of(match->verdict.reason),
                           match->closure.discarded(), match->closure.unread));
    write_wrapped(output, 10, explain(match->closure, match->verdict));
    said.erase(match);
  }
  for (const Finding& finding : said) {
    write_line(output, row("also", name_of(finding.verdict.cls), name_of(finding.verdict.reason),
                           finding.closure.discarded(), finding.closure.unread));
  }
  output.end_line();
  return right;
}

// A situation that turns a knob of the whole machine is played only when it is asked for by name.
bool is_chosen(const Situation& situation, const std::string& only) {
  const std::string_view reason = situation.usual.closures.front().reason;
  return only.empty() ? situation.host_limit.empty() : reason == only;
}

Result<> play_all(std::vector<Play>& plays, Live& live, Pipeline& pipeline, const Heard& heard) {
  constexpr std::uint64_t kLookMs = 20;
  constexpr std::uint64_t kSettleNs = 200'000'000;
  std::uint64_t ended_ns = 0;
  const WatchHandlers handlers{
      .record = [&](std::span<const std::byte> bytes) { pipeline.record(bytes); },
      .gap = [&](std::uint64_t lost, std::uint64_t since) { pipeline.gap(lost, since); },
      .batch_end =
          [&](std::uint64_t now) {
            pipeline.batch_end(now);
            if (!std::all_of(plays.begin(), plays.end(), has_ended)) {
              return true;
            }
            ended_ns = ended_ns == 0 ? now : ended_ns;
            const bool told = std::all_of(plays.begin(), plays.end(), [&](const Play& play) {
              return heard.of(play.netns()).size() >= expected_of(play).size();
            });
            return !told && now < ended_ns + kSettleNs;
          },
      .due_ns = [] { return std::optional(boot_now_ns() + kLookMs * 1'000'000); },
  };
  auto result = live.run(handlers);
  pipeline.finish();
  if (result.ok() && ended_ns == 0) {
    return Error{.what = "the demo was stopped by a signal before all was played"};
  }
  return result;
}

}  // namespace

Result<> run_demo(const Options& options) {
  const std::vector<Situation>& situations = demo::demo_situations();
  if (std::none_of(situations.begin(), situations.end(), [&](const Situation& situation) {
        return is_chosen(situation, options.only);
      })) {
    return Error{.what = "no situation of the demo has the reason '" + options.only + "'",
                 .hint = "closewatch explain lists every class and reason",
                 .code = ExitCode::usage};
  }
  FilterOptions filter = options.filter;
  filter.unestablished = true;
  auto live = Live::start(filter, options.kernel);
  if (!live.ok()) {
    return std::move(live).error();
  }
  print_watching(*live, options.kernel.verbose);
  const SourceContext source = live->source();
  Heard heard;
  ProcessEnricher enricher(source.boot_to_unix_ns);
  Pipeline pipeline(source, {}, enricher, {&heard});
  std::vector<Play> plays;
  Output output(STDOUT_FILENO);
  for (const Situation& situation : situations) {
    if (!is_chosen(situation, options.only)) {
      continue;
    }
    auto play = Play::start(situation, demo::Family::ipv4);
    if (!play.ok()) {
      return std::move(play).error();
    }
    plays.push_back(std::move(play).take());
  }
  if (auto result = play_all(plays, *live, pipeline, heard); !result.ok()) {
    return result;
  }
  std::size_t right = 0;
  for (Play& play : plays) {
    play.finish();
    right += show(output, play, heard) ? 1 : 0;
  }
  write_line(output, fmt::format("{} of {} situations told right", right, plays.size()));
  if (options.only.empty()) {
    write_wrapped(output, 0,
                  "Not played: orphan_limit, which changes net.ipv4.tcp_max_orphans of the whole "
                  "machine for a moment; ask for it with --reason orphan_limit.");
  }
  output.flush();
  if (auto written = ended(output); !written.ok()) {
    return written;
  }
  if (right != plays.size()) {
    return Error{.what = "closewatch and the demo do not agree",
                 .hint = "closewatch doctor says what this system can show"};
  }
  return {};
}

}  // namespace closewatch
