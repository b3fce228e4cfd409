// SPDX-License-Identifier: Apache-2.0
// How a script gives up. A situation runs in a process of its own, so a step that cannot be taken
// ends that process at once and leaves its reason in the shared Truth: scripts need no error paths.
#pragma once

#include <string_view>

namespace closewatch::demo {

// The situation did not come about: a wrong script, or a kernel that behaves in a new way.
[[noreturn]] void give_up(std::string_view why);

// This system cannot play the situation, for a reason that it names.
[[noreturn]] void skip(std::string_view why);

}  // namespace closewatch::demo
