// SPDX-License-Identifier: Apache-2.0
#include "userspace/pipeline/pipeline.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <variant>

#include "userspace/record/decode.h"

namespace closewatch {
namespace {

constexpr std::size_t kUnwanted = 4096;

template <typename... Visitors>
struct Overloaded : Visitors... {
  using Visitors::operator()...;
};
// clang 14 deduces none for an aggregate by itself.
template <typename... Visitors>
Overloaded(Visitors...) -> Overloaded<Visitors...>;

// "00" to "ff".
constexpr auto kHexBytes = [] {
  std::array<std::array<char, 2>, 256> bytes{};
  for (std::size_t value = 0; value < bytes.size(); ++value) {
    bytes[value] = {"0123456789abcdef"[value >> 4], "0123456789abcdef"[value & 15]};
  }
  return bytes;
}();

// All 16 digits.
void append_hex(std::string& out, std::uint64_t value) {
  std::array<std::array<char, 2>, 8> digits;
  for (auto at = digits.rbegin(); at != digits.rend(); ++at, value >>= 8) {
    *at = kHexBytes[value & 0xff];
  }
  out.append(digits.front().data(), sizeof digits);
}

void append_hex(std::string& out, std::uint32_t value) {
  char text[8];
  out.append(text, std::to_chars(text, text + sizeof text, value, 16).ptr);
}

// Copied where it is: strings keep their memory.
void fill(ProcessDetails& details, const Task& task, Enricher& enricher) {
  if (task.known()) {
    details = enricher.details(task);
  } else {
    details = {};
  }
}

}  // namespace

Pipeline::Pipeline(SourceContext source, Selection selection, Enricher& enricher,
                   std::vector<Sink*> sinks)
    : source_(std::move(source)),
      wall_clock_(source_.boot_to_unix_ns),
      classifier_{.tick_ns = source_.tick_ns},
      selection_(std::move(selection)),
      enricher_(enricher),
      sinks_(std::move(sinks)),
      holding_([this](const Closure& closure) { judge(closure); }),
      unwanted_(selection_ == Selection{} ? 1 : kUnwanted) {}

void Pipeline::record(std::span<const std::byte> bytes) {
  ++counts_.records;
  std::visit(Overloaded{
                 [this](const Closure& closure) {
                   if (!is_kept(closure)) {
                     return;
                   }
                   counts_.attempts += is_attempt(closure) ? 1 : 0;
                   holding_.release_before(closure.end_ns);
                   if (closure.facts.awaits_rst && !closure.facts.rst_answer) {
                     holding_.hold(closure);
                   } else {
                     judge(closure);
                   }
                 },
                 [this](const Amendment& amendment) {
                   ++counts_.amendments;
                   if (left_out_.contains(amendment.id)) {
                     return;
                   }
                   holding_.release_before(amendment.time_ns);
                   if (!holding_.settle(amendment) && !reconsider(amendment)) {
                     correct(amendment);
                   }
                 },
                 [this](const Rejected&) { ++counts_.rejected; },
             },
             decode(bytes));
  counts_.held_early = holding_.released_early();
}

bool Pipeline::is_kept(const Closure& closure) {
  if (!kept_filter_) {
    return true;
  }
  static const ProcessDetails nobody;
  const ProcessDetails& process =
      kept_filter_->cgroup && closure.process.known() ? enricher_.details(closure.process) : nobody;
  if (kept_filter_->wants(closure, process)) {
    return true;
  }
  left_out_.insert(closure.id);
  ++counts_.deselected;
  counts_.in_doubt += kept_filter_->in_doubt(closure, process) ? 1 : 0;
  return false;
}

void Pipeline::judge(const Closure& closure) {
  finding_.verdict = classify(closure, classifier_);
  if (finding_.verdict.reason == Reason::unknown) {
    ++counts_.unknown;
  }
  if (limit_reached() || !selection_.wants(closure, finding_.verdict)) {
    ++counts_.deselected;
    unwanted_.remember(closure.id, closure);
    return;
  }
  give(closure);
}

bool Pipeline::reconsider(const Amendment& amendment) {
  Closure* const closure = unwanted_.find(amendment.id);
  if (closure == nullptr) {
    return false;
  }
  merge(*closure, amendment);
  finding_.verdict = classify(*closure, classifier_);
  if (!limit_reached() && selection_.wants(*closure, finding_.verdict)) {
    --counts_.deselected;
    give(*closure);
    unwanted_.forget(amendment.id);
  }
  return true;
}

// Its verdict is in finding_.
void Pipeline::give(const Closure& closure) {
  finding_.closure = closure;
  if (closure.actor.pid == closure.process.pid) {
    finding_.closure.actor = {};
  }
  fill(finding_.process, finding_.closure.process, enricher_);
  fill(finding_.actor, finding_.closure.actor, enricher_);
  finding_.end_unix_ns = wall_clock_.unix_ns(closure.end_ns);
  finding_.id.clear();
  name(finding_.id, closure.id);
  finding_.rst_reason = reset_reason(closure.rst_reason);
  if (stacks_ != nullptr) {
    stacks_->frames_of(finding_.closure, finding_.stack);
  }
  ++counts_.given;
  for (Sink* sink : sinks_) {
    sink->finding(finding_);
  }
}

void Pipeline::correct(const Amendment& amendment) {
  Correction correction;
  name(correction.amends, amendment.id);
  correction.unix_ns = wall_clock_.unix_ns(amendment.time_ns);
  correction.amendment = amendment;
  fill(correction.process, amendment.process, enricher_);
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
  const Gap gap{.lost_records = lost, .since_unix_ns = wall_clock_.unix_ns(since_boot_ns)};
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
  append_hex(out, static_cast<std::uint64_t>(wall_clock_.unix_ns(id.end_ns)));
  out += '-';
  append_hex(out, id.cpu);
}

}  // namespace closewatch
