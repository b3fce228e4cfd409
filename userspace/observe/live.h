// SPDX-License-Identifier: Apache-2.0
// The host as a source of records: kernel side started with the filters that a user gave, loop
// ready to run, and the account that every observing command gives at its end.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "userspace/base/result.h"
#include "userspace/enrich/live_stacks.h"
#include "userspace/kernel/features.h"
#include "userspace/kernel/observer.h"
#include "userspace/observe/options.h"
#include "userspace/observe/watch.h"
#include "userspace/pipeline/pipeline.h"

namespace closewatch {

class Live {
 public:
  // All hooks are attached when it returns.
  static Result<Live> start(const FilterOptions& filter, const KernelOptions& kernel,
                            HangUp hang_up = HangUp::ends);

  // As Watch::run, for at most so many seconds from now.
  Result<> run(const WatchHandlers& handlers, std::optional<double> duration_s = std::nullopt);

  [[nodiscard]] SourceContext source() const;
  [[nodiscard]] const Observer& observer() const { return observer_; }
  [[nodiscard]] Observer& observer() { return observer_; }
  // What may be wrong with the filters, for the user to hear of.
  [[nodiscard]] const std::optional<std::string>& doubt() const { return doubt_; }
  // Good as long as this stays where it is.
  [[nodiscard]] StackSource stacks() const;

 private:
  Live(Features features, Observer observer, Watch watch)
      : features_(std::move(features)), observer_(std::move(observer)), watch_(std::move(watch)) {}

  Features features_;
  Observer observer_;
  Watch watch_;
  std::optional<std::string> doubt_;
};

// `closewatch: watching`, before it the doubt and, when asked for, what the hooks that run do not
// see; on stderr.
void print_watching(const Live& live, bool degradations);

// The account at the end, a line each: every closure and every record is somewhere. A line that
// begins with LOST tells of closures that nobody was shown.
std::vector<std::string> kernel_account(const KernelCounters& kernel);
std::vector<std::string> pipeline_account(const PipelineCounts& pipeline);

// The same on stderr.
void print_account(const std::vector<std::string>& lines);

}  // namespace closewatch
