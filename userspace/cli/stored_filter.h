// SPDX-License-Identifier: Apache-2.0
// The filters of the command line on closures of a history: what acts in the kernel when the host
// is observed is decided here. Processes and network namespaces need no longer exist.
#pragma once

#include "userspace/base/result.h"
#include "userspace/cli/options.h"
#include "userspace/history/reader.h"
#include "userspace/pipeline/finding.h"
#include "userspace/pipeline/kept_filter.h"
#include "userspace/pipeline/selection.h"

namespace closewatch {

class StoredFilter {
 public:
  // Errors name the option and are ExitCode::usage.
  static Result<StoredFilter> of(const FilterOptions& options);

  [[nodiscard]] bool wants(const Finding& finding) const;

  // The same of counts, which tell less apart. An Error names an option that they cannot answer.
  [[nodiscard]] Result<history::RollupFilter> of_rollups() const;

 private:
  KeptFilter kept_;
  Selection selection_;
};

}  // namespace closewatch
