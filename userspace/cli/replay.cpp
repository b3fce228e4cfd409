// SPDX-License-Identifier: Apache-2.0
#include "userspace/cli/replay.h"

#include <csignal>
#include <variant>

namespace closewatch {
namespace {

volatile std::sig_atomic_t stop_asked = 0;

// Without SA_RESTART: a read(2) from a pipe comes back.
void take_signals() {
  struct sigaction action {};
  action.sa_handler = [](int /*signal*/) { stop_asked = 1; };
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
}

template <typename... Visitors>
struct Overloaded : Visitors... {
  using Visitors::operator()...;
};
// clang 14 deduces none for an aggregate by itself.
template <typename... Visitors>
Overloaded(Visitors...) -> Overloaded<Visitors...>;

}  // namespace

SourceContext source_of(const CaptureHeader& header) {
  return {.boot_to_unix_ns = header.boot_to_unix_ns,
          .tick_ns = header.tick_ns,
          .reset_reasons = header.reset_reasons};
}

Result<> replay(CaptureReader& reader, Pipeline& pipeline, StoredEnricher& enricher,
                StoredStacks& stacks, const std::function<bool()>& go_on, ReplayEnd& end) {
  take_signals();
  bool more = true;
  while (more && stop_asked == 0) {
    auto event = reader.next();
    if (!event.ok()) {
      pipeline.finish();
      return std::move(event).error();
    }
    if (!*event) {
      if (reader.state() == CaptureReader::State::interrupted) {
        continue;
      }
      break;
    }
    std::visit(Overloaded{
                   [&](const RecordBlock& block) {
                     for (const auto record : block) {
                       pipeline.record(record);
                     }
                   },
                   [&](const BatchEnd& batch) {
                     end.last_ns = batch.now_ns;
                     pipeline.batch_end(batch.now_ns);
                     more = go_on();
                   },
                   [&](const CaptureGap& gap) { pipeline.gap(gap.lost_records, gap.since_ns); },
                   [&](const ProcessNote& note) { enricher.take(note); },
                   [&](const StackNote& note) { stacks.take(note); },
                   [&](const ProcessTotals& totals) { end.totals.push_back(totals); },
                   [&](const CaptureTrailer& trailer) { end.trailer = trailer; },
               },
               **event);
  }
  pipeline.finish();
  return {};
}

}  // namespace closewatch
