// SPDX-License-Identifier: Apache-2.0
// A TOML document, read through a description of its keys. The only place that knows toml++.
#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "userspace/config/complaint.h"
#include "userspace/config/fields.h"

namespace closewatch {

// Everything that is wrong, in the order of the document: what is not TOML (then that alone),
// values of the wrong kind or beyond their limits, keys that `describe` does not name. Empty:
// nothing.
std::vector<Complaint> read_toml(std::string_view document,
                                 const std::function<void(Fields&)>& describe);

}  // namespace closewatch
