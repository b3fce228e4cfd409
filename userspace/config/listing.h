// SPDX-License-Identifier: Apache-2.0
// Every key that a description names, for documents and their tests.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "userspace/config/fields.h"

namespace closewatch {

struct ListedKey {
  std::string name;       // "history.max_size"; of a section in [[ ]] "alerts.rule.name"
  std::string otherwise;  // what it is unless the configuration says it, as TOML

  friend bool operator==(const ListedKey&, const ListedKey&) = default;
};

// In the order of the description. Each repeated section is described once.
std::vector<ListedKey> list_keys(const std::function<void(Fields&)>& describe);

}  // namespace closewatch
