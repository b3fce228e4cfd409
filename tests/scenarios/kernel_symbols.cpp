// SPDX-License-Identifier: Apache-2.0
#include "tests/scenarios/kernel_symbols.h"

#include <bpf/btf.h>

#include <fstream>
#include <string>

namespace closewatch::scenarios {
namespace {

struct Kernel {
  bool reads_tasks = false;
  bool reads_subflows = false;
  bool traces_timewait_resets = false;
  bool collects_in_worker = false;
};

void note_symbol(Kernel& kernel, std::string_view name) {
  kernel.reads_tasks |= name == "bpf_get_current_task_btf";
  kernel.reads_subflows |= name == "bpf_rdonly_cast";
  kernel.collects_in_worker |= name == "__unix_gc" || name == "unix_schedule_gc";
}

Kernel read_kernel() {
  Kernel kernel;
  std::ifstream symbols{"/proc/kallsyms"};
  std::string line;
  while (std::getline(symbols, line)) {  // "ADDRESS TYPE NAME", and of a module "\t[MODULE]"
    const std::string_view text{line};
    const std::size_t type = text.find(' ') + 1;
    const std::string_view name = text.substr(text.find(' ', type) + 1);
    note_symbol(kernel, name.substr(0, name.find('\t')));
  }
  btf* types = btf__load_vmlinux_btf();
  kernel.traces_timewait_resets = btf__find_by_name_kind(types, "sk_rst_reason", BTF_KIND_ENUM) > 0;
  btf__free(types);
  return kernel;
}

const Kernel& kernel() {
  static const Kernel read = read_kernel();
  return read;
}

}  // namespace

void read_kernel_symbols() { kernel(); }
bool bpf_reads_tasks() { return kernel().reads_tasks; }
bool bpf_reads_subflows() { return kernel().reads_subflows; }
bool timewait_resets_are_traced() { return kernel().traces_timewait_resets; }
bool unix_collector_is_a_worker() { return kernel().collects_in_worker; }

}  // namespace closewatch::scenarios
