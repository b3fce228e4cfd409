// SPDX-License-Identifier: Apache-2.0
#include "tests/scenarios/kernel_symbols.h"

#include <bpf/btf.h>

#include <fstream>
#include <string>

namespace closewatch::scenarios {

bool kernel_has(std::string_view symbol) {
  std::ifstream symbols{"/proc/kallsyms"};
  std::string address;
  std::string type;
  std::string name;
  std::string rest;
  while (symbols >> address >> type >> name && std::getline(symbols, rest)) {
    if (name == symbol) {
      return true;
    }
  }
  return false;
}

bool bpf_reads_tasks() { return kernel_has("bpf_get_current_task_btf"); }

bool timewait_resets_are_traced() {
  btf* types = btf__load_vmlinux_btf();
  const bool found = btf__find_by_name_kind(types, "sk_rst_reason", BTF_KIND_ENUM) > 0;
  btf__free(types);
  return found;
}

bool bpf_reads_subflows() { return kernel_has("bpf_rdonly_cast"); }

}  // namespace closewatch::scenarios
