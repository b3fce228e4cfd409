// SPDX-License-Identifier: Apache-2.0
// The files in which a host tells about itself (/proc, /sys), below a root that unit tests replace
// by a tree of their own. A file that is missing, not readable or too large reads as nullopt: why
// one of them cannot be read is never an error here, only a thing that is not known.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "userspace/base/unique_fd.h"

namespace closewatch {

class HostFiles {
 public:
  explicit HostFiles(std::string root = "/");

  // Where the absolute `path` of the host is found.
  [[nodiscard]] std::string at(std::string_view path) const;

  // The whole file (at most kMostBytes), the target of a link, the inode number of a directory.
  [[nodiscard]] std::optional<std::string> read(std::string_view path) const;
  [[nodiscard]] std::optional<std::string> link(std::string_view path) const;
  [[nodiscard]] std::optional<std::uint64_t> directory_inode(std::string_view path) const;
  [[nodiscard]] bool exists(std::string_view path) const;
  // The names in a directory, in no order; none when it cannot be read.
  [[nodiscard]] std::vector<std::string> entries(std::string_view path) const;

  // A directory to read several files from; of /proc/<pid> it stays with that process, whoever gets
  // the pid next. Not valid() when there is none.
  [[nodiscard]] UniqueFd open_directory(std::string_view path) const;

  static constexpr std::size_t kMostBytes = 64U << 20;

 private:
  std::string root_;  // without a slash at the end
};

// The same, relative to an open directory.
std::optional<std::string> read_file(const UniqueFd& directory, const std::string& name);
std::optional<std::string> read_link(const UniqueFd& directory, const std::string& name);

}  // namespace closewatch
