// SPDX-License-Identifier: Apache-2.0
// What the rules would have told: a sink that writes each notification at the time of the records,
// and the sum at the end. The findings may come from a capture or from the history, in the order in
// which they ended; no clock, so the same findings give the same text.
#pragma once

#include "userspace/alert/engine.h"
#include "userspace/render/output.h"

namespace closewatch::alert {

enum class DryRunFormat : std::uint8_t { text, json };

class DryRun final : public Sink, private Receiver {
 public:
  // `output` must outlive this. `tick_ns` of the settings is that of the kernel that made the
  // records.
  DryRun(EngineSettings settings, Output& output, DryRunFormat format)
      : output_(output), format_(format), engine_(std::move(settings), {this}) {}

  void finding(const Finding& finding) override { engine_.take(finding); }
  void correction(const Correction& correction) override { engine_.take(correction); }
  void gap(const Gap& gap) override { engine_.take(gap); }
  void flush() override { output_.flush(); }

  // The findings are over: writes the sum. Nothing is concluded from the silence that follows the
  // last finding.
  void finish();

  [[nodiscard]] const EngineCounts& counts() const { return engine_.counts(); }

 private:
  void receive(const SharedNotification& notification) override;
  void write_text(const Notification& notification);

  Output& output_;
  DryRunFormat format_;
  Engine engine_;
};

}  // namespace closewatch::alert
