// SPDX-License-Identifier: Apache-2.0
// The sink of the pipeline that feeds the engine, and carries its time forward at each flush.
#pragma once

#include <cstdint>
#include <functional>

#include "userspace/alert/engine.h"

namespace closewatch::alert {

class Feed final : public Sink {
 public:
  // `engine` must outlive this. `now_ns` is the clock of Finding::end_unix_ns. The pipeline should
  // flush when Engine::due_ns() has come, although no record arrives.
  Feed(Engine& engine, std::function<std::int64_t()> now_ns)
      : engine_(engine), now_ns_(std::move(now_ns)) {}

  void finding(const Finding& finding) override { engine_.take(finding); }
  void correction(const Correction& correction) override { engine_.take(correction); }
  void gap(const Gap& gap) override { engine_.take(gap); }
  void flush() override { engine_.advance(now_ns_()); }

 private:
  Engine& engine_;
  std::function<std::int64_t()> now_ns_;
};

}  // namespace closewatch::alert
