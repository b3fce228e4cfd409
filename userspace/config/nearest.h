// SPDX-License-Identifier: Apache-2.0
// Which of the known names somebody meant who wrote another one.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace closewatch {

// Changes of one letter (one more, one less, another) that make `b` of `a`.
std::size_t edit_distance(std::string_view a, std::string_view b);

// The known name that is fewest changes away; empty when none is close: more than a third of its
// letters, and more than two, would have to change. The first of several that are as close.
std::string nearest(std::string_view name, std::span<const std::string> known);

}  // namespace closewatch
