// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include "userspace/cli/commands.h"
#include "userspace/doctor/diagnosis.h"
#include "userspace/kernel/observer.h"
#include "userspace/render/output.h"

namespace closewatch {

Result<> run_doctor(const Options& options) {
  const auto features = probe_features();
  Result<AttachPlan> started = Error{.what = "the kernel could not be asked"};
  if (features.ok()) {
    auto observer = Observer::start(*features, {});
    started =
        observer.ok() ? Result<AttachPlan>(observer->plan()) : Result<AttachPlan>(observer.error());
  } else {
    started = features.error();
  }
  const Diagnosis diagnosis = diagnose(read_system_facts(), features, started);
  Output output(STDOUT_FILENO);
  append(output.buffer(), options.view.format == Format::json ? diagnosis_json(diagnosis)
                                                              : diagnosis_text(diagnosis));
  output.flush();
  if (output.error()) {
    return *output.error();
  }
  return diagnosis.runs() ? Result<>() : Result<>(*diagnosis.error);
}

}  // namespace closewatch
