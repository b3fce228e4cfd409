// SPDX-License-Identifier: Apache-2.0
#include "tests/scenarios/kernel_symbols.h"

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

bool bpf_reads_subflows() { return kernel_has("bpf_rdonly_cast"); }

}  // namespace closewatch::scenarios
