// SPDX-License-Identifier: Apache-2.0
// The keys of the configuration of the daemon: closewatch.toml(5) tells them to people.
#pragma once

#include <functional>
#include <string>

#include "userspace/base/result.h"
#include "userspace/config/config.h"
#include "userspace/config/fields.h"

namespace closewatch {

// Whether names mean something on the host; an error says why not.
struct HostNames {
  std::function<Result<>(const std::string&)> user;
  std::function<Result<>(const std::string&)> cgroup;
  std::function<Result<>(const std::string&)> netns;
};
// Of the host that this runs on.
HostNames names_of_this_host();

// From `fields` into `config`; what they do not say stays as it is.
void describe(Fields& fields, Config& config, const HostNames& host);

}  // namespace closewatch
