// SPDX-License-Identifier: Apache-2.0
#include "userspace/demo/host_limit.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace closewatch::demo {

HostLimit::HostLimit(std::string_view name) {
  if (name.empty()) {
    return;
  }
  path_ = "/proc/sys/net/ipv4/" + std::string{name};
  file_.reset(::open(path_.c_str(), O_RDWR | O_CLOEXEC));
  std::array<char, 64> text{};
  const ssize_t length = ::read(file_.get(), text.data(), text.size());
  if (length > 0) {
    old_.assign(text.data(), static_cast<std::size_t>(length));
  }
}

Result<> HostLimit::write(std::string_view value) {
  if (old_.empty() || ::pwrite(file_.get(), value.data(), value.size(), 0) < 0) {
    return Error{.what = path_ + " cannot be changed: " + std::strerror(errno), .hint = ""};
  }
  return {};
}

Result<> HostLimit::restore() { return old_.empty() ? Result<>{} : write(old_); }

}  // namespace closewatch::demo
