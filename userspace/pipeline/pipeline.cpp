// SPDX-License-Identifier: Apache-2.0
#include "userspace/pipeline/pipeline.h"

#include <algorithm>
#include <charconv>
#include <variant>

#include "userspace/record/decode.h"

namespace closewatch {
namespace {

template <typename... Visitors>
struct Overloaded : Visitors... {
  using Visitors::operator()...;
};
// clang 14 deduces none for an aggregate by itself.
template <typename... Visitors>
Overloaded(Visitors...) -> Overloaded<Visitors...>;

void append_hex(std::string& out, std::uint64_t value, std::size_t digits) {
  char text[16];
  const auto end = std::to_chars(text, text + sizeof text, value, 16).ptr;
  const auto length = static_cast<std::size_t>(end - text);
  out.append(digits > length ? digits - length : 0, '0').append(text, length);
}

}  // namespace

Pipeline::Pipeline(SourceContext source, Selection selection, Enricher& enricher,
                   std::vector<Sink*> sinks)
    : source_(std::move(source)),
      classifier_{.tick_ns = source_.tick_ns},
      selection_(std::move(selection)),
      enricher_(enricher),
      sinks_(std::move(sinks)),
      holding_([this](const Closure& closure) { judge(closure); }) {}

void Pipeline::record(std::span<const std::byte> bytes) {
  ++counts_.records;
  std::visit(Overloaded{
                 [this](const Closure& closure) {
                   holding_.release_before(closure.end_ns);
                   if (closure.facts.awaits_rst && !closure.facts.rst_answer) {
                     holding_.hold(closure);
                   } else {
                     judge(closure);
                   }
                 },
                 [this](const Amendment& amendment) {
                   ++counts_.amendments;
                   holding_.release_before(amendment.time_ns);
                   if (!holding_.settle(amendment)) {
                     correct(amendment);
                   }
                 },
                 [this](const Rejected&) { ++counts_.rejected; },
             },
             decode(bytes));
  counts_.held_early = holding_.released_early();
}

void Pipeline::judge(const Closure& closure) {
  finding_.verdict = classify(closure, classifier_);
  if (finding_.verdict.reason == Reason::unknown) {
    ++counts_.unknown;
  }
  if (limit_reached() || !selection_.wants(closure, finding_.verdict)) {
    ++counts_.deselected;
    return;
  }
  finding_.closure = closure;
  if (closure.actor.pid == closure.process.pid) {
    finding_.closure.actor = {};
  }
  finding_.process =
      closure.process.known() ? enricher_.details(closure.process) : ProcessDetails{};
  finding_.actor =
      finding_.closure.actor.known() ? enricher_.details(finding_.closure.actor) : ProcessDetails{};
  finding_.end_unix_ns = static_cast<std::int64_t>(closure.end_ns) + source_.boot_to_unix_ns;
  finding_.id.clear();
  name(finding_.id, closure.id);
  finding_.rst_reason = reset_reason(closure.rst_reason);
  ++counts_.given;
  for (Sink* sink : sinks_) {
    sink->finding(finding_);
  }
}

void Pipeline::correct(const Amendment& amendment) {
  Correction correction;
  name(correction.amends, amendment.id);
  correction.unix_ns = static_cast<std::int64_t>(amendment.time_ns) + source_.boot_to_unix_ns;
  correction.amendment = amendment;
  if (amendment.process.known()) {
    correction.process = enricher_.details(amendment.process);
  }
  correction.rst_reason = reset_reason(amendment.rst_reason);
  if (amendment.facts.rst_answer && !amendment.facts.late_data_reset) {
    Verdict verdict;
    verdict.cls = Class::abortive;
    verdict.reason = Reason::data_after_close;
    verdict.rule = name_of(Reason::data_after_close);
    verdict.initiator = Initiator::local;
    correction.verdict = verdict;
  }
  for (Sink* sink : sinks_) {
    sink->correction(correction);
  }
}

void Pipeline::gap(std::uint64_t lost, std::uint64_t since_boot_ns) {
  counts_.gaps += lost;
  const Gap gap{
      .lost_records = lost,
      .since_unix_ns = static_cast<std::int64_t>(since_boot_ns) + source_.boot_to_unix_ns};
  for (Sink* sink : sinks_) {
    sink->gap(gap);
  }
}

void Pipeline::batch_end(std::uint64_t now_ns) {
  if (now_ns > Holding::kSilenceNs) {
    holding_.release_before(now_ns - Holding::kSilenceNs);
  }
  for (Sink* sink : sinks_) {
    sink->flush();
  }
}

void Pipeline::finish() {
  holding_.release_all();
  for (Sink* sink : sinks_) {
    sink->flush();
  }
}

std::string_view Pipeline::reset_reason(const std::optional<std::int32_t>& value) const {
  if (!value) {
    return {};
  }
  const auto found = source_.reset_reasons.find(*value);
  return found == source_.reset_reasons.end() ? std::string_view{} : found->second;
}

// The end on the wall clock and the CPU: stable across restarts of the observer and the host.
void Pipeline::name(std::string& out, const ClosureId& id) const {
  append_hex(out, id.end_ns + static_cast<std::uint64_t>(source_.boot_to_unix_ns), 16);
  out += '-';
  append_hex(out, id.cpu, 1);
}

}  // namespace closewatch
