// SPDX-License-Identifier: Apache-2.0
#include "userspace/enrich/kernel_symbols.h"

#include <algorithm>
#include <charconv>

#include "userspace/enrich/hex_text.h"

namespace closewatch {
namespace {

constexpr std::uint64_t kFarthest = 64 << 10;

// "ffffffff81a0 T name" or "... t name\t[module]"; functions only.
struct Line {
  std::uint64_t address = 0;  // 0: none, or not shown
  std::string_view name;
};

Line parse(std::string_view line) {
  Line out;
  const auto parsed = std::from_chars(line.data(), line.data() + line.size(), out.address, 16);
  line.remove_prefix(static_cast<std::size_t>(parsed.ptr - line.data()));
  if (parsed.ec != std::errc() || line.size() < 4 ||
      std::string_view("tTwW").find(line[1]) == std::string_view::npos) {
    return {};
  }
  line.remove_prefix(3);
  out.name = line.substr(0, line.find('\t'));
  return out;
}

}  // namespace

KernelSymbols::KernelSymbols(const HostFiles& files) {
  const auto text = files.read("/proc/kallsyms");
  std::string_view left = text ? std::string_view(*text) : std::string_view();
  while (!left.empty()) {
    const std::size_t end = std::min(left.find('\n'), left.size());
    const Line line = parse(left.substr(0, end));
    if (line.address != 0) {
      symbols_.push_back({line.address, static_cast<std::uint32_t>(names_.size()),
                          static_cast<std::uint32_t>(line.name.size())});
      names_ += line.name;
    }
    left.remove_prefix(std::min(end + 1, left.size()));
  }
  // Of several names for one address the first is kept in front: the kernel lists them so.
  std::stable_sort(symbols_.begin(), symbols_.end(),
                   [](const Symbol& a, const Symbol& b) { return a.address < b.address; });
  symbols_.shrink_to_fit();
  names_.shrink_to_fit();
}

std::optional<std::string> KernelSymbols::name(std::uint64_t address) const {
  const auto after = std::upper_bound(
      symbols_.begin(), symbols_.end(), address,
      [](std::uint64_t value, const Symbol& symbol) { return value < symbol.address; });
  if (after == symbols_.begin() || address - std::prev(after)->address > kFarthest) {
    return std::nullopt;
  }
  const std::uint64_t start = std::prev(after)->address;
  const auto first = std::lower_bound(
      symbols_.begin(), after, start,
      [](const Symbol& symbol, std::uint64_t value) { return symbol.address < value; });
  return with_offset(std::string_view(names_).substr(first->at, first->length), address - start);
}

}  // namespace closewatch
