// SPDX-License-Identifier: Apache-2.0
// Whether the running kernel was built with a function or variable (/proc/kallsyms): a probe for
// differences that no system call shows.
#pragma once

#include <string_view>

namespace closewatch::scenarios {

bool kernel_has(std::string_view symbol);

}  // namespace closewatch::scenarios
