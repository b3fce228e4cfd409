// SPDX-License-Identifier: Apache-2.0
// Where the code of a process comes from: the executable mappings of /proc/<pid>/maps, at the
// moment of reading.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace closewatch {

class ProcessModules {
 public:
  // None: every address is unknown.
  ProcessModules() = default;
  // `maps`: the file as read. A line that is not understood is passed over; the first kMost
  // executable mappings are kept.
  explicit ProcessModules(std::string_view maps);

  // "libc.so.6+0xf4d17": the file without its directory (raw bytes, in which the kernel writes a
  // line feed as \012) and the offset in it, or "[vdso]+0x9c1". nullopt: outside of all files, as
  // is code made at run time.
  [[nodiscard]] std::optional<std::string> name(std::uint64_t address) const;

  static constexpr std::size_t kMost = 4096;

 private:
  struct Mapping {
    std::uint64_t begin;
    std::uint64_t end;     // of the address after the last
    std::uint64_t offset;  // in the file, of `begin`
    std::string file;
  };

  std::vector<Mapping> mappings_;  // in the order of their addresses, as the kernel lists them
};

}  // namespace closewatch
