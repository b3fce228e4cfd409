// SPDX-License-Identifier: Apache-2.0
#include "userspace/html/number.h"

#include <fmt/format.h>

#include <locale>

namespace closewatch {
namespace {

struct GroupsOfThree : std::numpunct<char> {
  [[nodiscard]] char do_thousands_sep() const override { return ','; }
  [[nodiscard]] std::string do_grouping() const override { return "\3"; }
};

}  // namespace

std::string number(std::uint64_t value) {
  static const std::locale grouping(std::locale::classic(), new GroupsOfThree);
  return fmt::format(grouping, "{:L}", value);
}

}  // namespace closewatch
