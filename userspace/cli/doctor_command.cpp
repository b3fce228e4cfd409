// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include "userspace/cli/commands.h"
#include "userspace/cli/sinks.h"
#include "userspace/daemon/privileges.h"
#include "userspace/doctor/diagnosis.h"
#include "userspace/kernel/observer.h"
#include "userspace/render/output.h"

namespace closewatch {

Result<> run_doctor(const Options& options) {
  const auto features = probe_features(options.kernel.verbose);
  std::optional<std::string> kept;
  Result<AttachPlan> started = Error{.what = "the kernel could not be asked"};
  if (features.ok()) {
    auto observer = Observer::start(*features, {});
    if (observer.ok()) {
      const auto needed = needed_after_attach([&] { return observer->may_read_maps(); });
      kept = needed.ok() ? std::optional(kept_text(*needed)) : std::nullopt;
    }
    started =
        observer.ok() ? Result<AttachPlan>(observer->plan()) : Result<AttachPlan>(observer.error());
  } else {
    started = features.error();
  }
  Diagnosis diagnosis = diagnose(read_system_facts(), features, started);
  diagnosis.kept = std::move(kept);
  Output output(STDOUT_FILENO);
  append(output.buffer(), options.view.format == Format::json ? diagnosis_json(diagnosis)
                                                              : diagnosis_text(diagnosis));
  output.flush();
  if (auto written = ended(output); !written.ok()) {
    return written;
  }
  return diagnosis.runs() ? Result<>() : Result<>(*diagnosis.error);
}

}  // namespace closewatch
