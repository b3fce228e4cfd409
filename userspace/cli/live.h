// SPDX-License-Identifier: Apache-2.0
// The host as a source of records: kernel side started with the filters of the command line, loop
// ready to run, and the account that every observing command gives at its end.
#pragma once

#include <functional>
#include <optional>
#include <span>

#include "userspace/base/result.h"
#include "userspace/cli/options.h"
#include "userspace/cli/watch.h"
#include "userspace/enrich/live_stacks.h"
#include "userspace/kernel/features.h"
#include "userspace/kernel/observer.h"
#include "userspace/pipeline/pipeline.h"
#include "userspace/render/output.h"

namespace closewatch {

class Live {
 public:
  // Prints `closewatch: watching` and the degradations (with -v) on stderr once all is attached.
  static Result<Live> start(const Options& options);

  // As Watch::run, for the duration of the command line.
  Result<> run(const WatchHandlers& handlers);

  [[nodiscard]] SourceContext source() const;
  [[nodiscard]] const Observer& observer() const { return observer_; }
  // Good as long as this stays where it is.
  [[nodiscard]] StackSource stacks() const;

 private:
  Live(const Options& options, Features features, Observer observer, Watch watch)
      : options_(options),
        features_(std::move(features)),
        observer_(std::move(observer)),
        watch_(std::move(watch)) {}

  const Options& options_;
  Features features_;
  Observer observer_;
  Watch watch_;
};

// The account at the end, on stderr: every closure and every record is somewhere.
void print_kernel_account(const KernelCounters& kernel);
void print_pipeline_account(const PipelineCounts& pipeline);
// Says nothing when every line was written.
void print_output_account(const Output& output);

}  // namespace closewatch
