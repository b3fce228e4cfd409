// SPDX-License-Identifier: Apache-2.0
// What the running kernel offers, asked of its BTF and by trying, never by its version or by an
// errno. Filled once at the start; tests fill it by hand to see what the attach plan makes of it.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>

#include "userspace/base/result.h"

namespace closewatch {

struct Features {
  // Number of arguments of kernel functions that BTF knows; absent: no such function.
  std::map<std::string, int, std::less<>> functions;
  // Number of arguments of tracepoints (the context argument not counted).
  std::map<std::string, int, std::less<>> tracepoints;
  bool current_task = false;  // bpf_get_current_task_btf() in tracing programs (5.11)
  bool map_walk = false;      // bpf_for_each_map_elem() (5.13)
  // Programs of tracepoints can be preempted: the guard class of __DECLARE_TRACE() is that of SRCU
  // (linux/tracepoint.h, 7.0).
  bool preemptible_tracepoints = false;
  bool read_cast = false;  // bpf_rdonly_cast() (6.2)
  // Empty when a trivial fentry program loaded, attached and ran; else why not.
  std::string fentry_refused;
  // enum sk_rst_reason of this kernel (6.10 and later): value to name, prefix removed.
  std::map<int, std::string> reset_reasons;
};

// `verbose`: libbpf speaks on stderr. Errors: no BTF in the kernel (ExitCode::unsupported, with a
// hint).
Result<Features> probe_features(bool verbose);

}  // namespace closewatch
