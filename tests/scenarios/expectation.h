// SPDX-License-Identifier: Apache-2.0
// Compares what happened in a play with what its situation expects: the kernel's counters by
// themselves, and the closures that an observer told of. Returns complaints; none means as
// expected.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "userspace/demo/family.h"
#include "userspace/demo/situation.h"
#include "userspace/demo/truth.h"

namespace closewatch::scenarios {

using Json = nlohmann::json;
using Complaints = std::vector<std::string>;

// Every counter that ends a connection has the delta that the situation names, else 0.
Complaints check_counters(const demo::Variant& expected, const demo::Truth& truth);

// Exactly the expected closures, each key as expected. `hooks` is "base" or "full".
Complaints check_closures(const demo::Variant& expected, const demo::Truth& truth,
                          demo::Family family, std::string_view hooks, std::vector<Json> closures);

}  // namespace closewatch::scenarios
