// SPDX-License-Identifier: Apache-2.0
// What each class and each reason means, and what the operator of a server can do about it, in
// plain words. The statements about Linux are those of kernel.md.
#pragma once

#include <string_view>

#include "userspace/classify/verdict.h"

namespace closewatch {

// Whole sentences in English, without line breaks; literals, never freed.
struct Explanation {
  std::string_view meaning;
  std::string_view advice;
};

const Explanation& explanation_of(Class value);
const Explanation& explanation_of(Reason value);

}  // namespace closewatch
