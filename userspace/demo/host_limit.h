// SPDX-License-Identifier: Apache-2.0
// One knob below /proc/sys/net/ipv4 of the namespace in which a play is started: written from
// inside the play's own namespace, and put back at the end of the play at the latest.
#pragma once

#include <string>
#include <string_view>

#include "userspace/base/result.h"
#include "userspace/base/unique_fd.h"

namespace closewatch::demo {

class HostLimit {
 public:
  // Opens and remembers it; the calling thread is in the machine's namespace. An empty name is no
  // knob, and a knob that cannot be opened fails when it is written.
  explicit HostLimit(std::string_view name);

  Result<> write(std::string_view value);
  Result<> restore();

 private:
  std::string path_;
  std::string old_;
  UniqueFd file_;
};

}  // namespace closewatch::demo
