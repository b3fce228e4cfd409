// SPDX-License-Identifier: Apache-2.0
// The sink of the pipeline that feeds the engine, and carries its time forward at each flush: to
// what is certainly known. A closure comes some time after its end, and the engine would take what
// is due in between (a window that empties, an alert that is over) for what came before it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "userspace/alert/engine.h"

namespace closewatch::alert {

class Feed final : public Sink {
 public:
  // `engine` must outlive this. `now_ns` is the clock of the engine.
  Feed(Engine& engine, std::function<std::int64_t()> now_ns)
      : engine_(engine), now_ns_(std::move(now_ns)) {}

  void finding(const Finding& finding) override { engine_.take(finding); }
  void correction(const Correction& correction) override { engine_.take(correction); }
  void gap(const Gap& gap) override { engine_.take(gap); }
  void flush() override { engine_.advance(now_ns_() - kUnderWayNs); }

  // When the pipeline should flush although no record arrives; nullopt: no need.
  [[nodiscard]] std::optional<std::int64_t> due_ns() const {
    const auto due_ns = engine_.due_ns();
    return due_ns ? std::optional(*due_ns + kUnderWayNs) : std::nullopt;
  }

  // From the end of a connection to its finding: the way through the ring buffer, and what is held
  // for an answer (Holding::kSilenceNs).
  static constexpr std::int64_t kUnderWayNs = 200'000'000;

 private:
  Engine& engine_;
  std::function<std::int64_t()> now_ns_;
};

}  // namespace closewatch::alert
