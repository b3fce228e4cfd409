// SPDX-License-Identifier: Apache-2.0
// Findings as JSON lines: the contract of design.md section 3, also described in README.md of this
// folder. One object per line, keys in a fixed order, none ever absent, unknown values null.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "userspace/pipeline/finding.h"
#include "userspace/render/output.h"

namespace closewatch {

class JsonLines final : public Sink {
 public:
  // `output` must outlive this. `tick_ns` is the length of a jiffy of the kernel that made the
  // records (the kernel keeps SO_LINGER in jiffies); 0 when it is not known.
  JsonLines(Output& output, std::uint64_t tick_ns) : output_(output), tick_ns_(tick_ns) {}

  void finding(const Finding& finding) override;
  void correction(const Correction& correction) override;
  void gap(const Gap& gap) override;
  void flush() override { output_.flush(); }

 private:
  // A process as it was written last: most lines name one that another line has named before.
  struct Written {
    Task task;
    ProcessDetails details;
    std::string json;
  };

  void put_process(std::string_view key, const Task& task, const ProcessDetails& details);

  Output& output_;
  std::uint64_t tick_ns_;
  std::vector<Written> written_;  // by a hash of the task
};

}  // namespace closewatch
