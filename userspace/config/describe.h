// SPDX-License-Identifier: Apache-2.0
// The keys of the configuration of the daemon: closewatch.toml(5) tells them to people.
#pragma once

#include <functional>
#include <string>

#include "userspace/base/result.h"
#include "userspace/config/config.h"
#include "userspace/config/fields.h"

namespace closewatch {

// What names mean on the host, or why they mean nothing.
struct HostNames {
  std::function<Result<>(const std::string&)> user;
  std::function<Result<>(const std::string&)> cgroup;
  std::function<Result<>(const std::string&)> netns;
  std::function<Result<>(const std::string&)> file;  // a regular one that can be read, by its path
  // What is in the file of that path, without the end of its line; at most 4096 bytes.
  std::function<Result<std::string>(const std::string&)> secret;
};
// Of the host that this runs on.
HostNames names_of_this_host();

// From `fields` into `config`; what they do not say stays as it is.
void describe(Fields& fields, Config& config, const HostNames& host);

}  // namespace closewatch
