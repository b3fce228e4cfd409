// SPDX-License-Identifier: Apache-2.0
// Names of addresses in the kernel, from /proc/kallsyms as it is now: read after the BPF side is
// loaded, it names the programs too. Takes about 10 MiB.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "userspace/enrich/host_files.h"

namespace closewatch {

class KernelSymbols {
 public:
  // Empty where the file cannot be read or shows no addresses (kernel.kptr_restrict, no
  // CAP_SYSLOG).
  explicit KernelSymbols(const HostFiles& files);

  // "tcp_close+0x1d": the function that `address` is in. nullopt: none is known at most 64 KiB
  // before it, so that memory which no symbol covers is not given the name of what lies below.
  [[nodiscard]] std::optional<std::string> name(std::uint64_t address) const;

 private:
  struct Symbol {
    std::uint64_t address;
    std::uint32_t at;  // its name in names_
    std::uint32_t length;
  };

  std::vector<Symbol> symbols_;  // in the order of their addresses
  std::string names_;
};

}  // namespace closewatch
