// SPDX-License-Identifier: Apache-2.0
// An Output whose lines end up in memory: what a sink wrote, as a test sees it.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "userspace/base/unique_fd.h"
#include "userspace/render/output.h"

namespace closewatch {

class CapturedOutput {
 public:
  Output& output() { return output_; }

  std::string text() {
    output_.flush();
    std::string all(static_cast<std::size_t>(::lseek(fd_.get(), 0, SEEK_END)), '\0');
    const ssize_t count = ::pread(fd_.get(), all.data(), all.size(), 0);
    return count == static_cast<ssize_t>(all.size()) ? all : "short read";
  }

  // Without their newlines; what follows the last newline is a line of its own.
  std::vector<std::string> lines() {
    std::vector<std::string> lines;
    const std::string all = text();
    for (std::size_t from = 0; from < all.size();) {
      const std::size_t end = std::min(all.find('\n', from), all.size());
      lines.push_back(all.substr(from, end - from));
      from = end + 1;
    }
    return lines;
  }

 private:
  UniqueFd fd_{::memfd_create("captured", MFD_CLOEXEC)};
  Output output_{fd_.get()};
};

}  // namespace closewatch
