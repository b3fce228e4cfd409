// SPDX-License-Identifier: Apache-2.0
// What closewatch told in JSON lines and on stderr, taken apart: the contract as a reader of it
// sees it. Strict: a line that breaks the contract is a failure of the running test.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace closewatch::storm {

using Json = nlohmann::json;

// The lines of `text`. All of them are whole, or the test fails.
std::vector<std::string> lines_of(const std::string& text);

struct Story {
  std::vector<Json> closures;  // in order, amendments laid over them
  std::vector<Json> amendments;
  std::vector<Json> gaps;

  explicit Story(const std::string& text);

  [[nodiscard]] std::vector<Json> of_network(std::uint32_t inode) const;
  [[nodiscard]] std::uint64_t lost_records() const;  // told by gaps
};

std::uint64_t count(const std::vector<Json>& closures, std::string_view reason);
bool has_flag(const Json& closure, std::string_view flag);

// The totals that closewatch prints at its end.
struct Account {
  std::uint64_t ended = 0, recorded = 0, filtered = 0, lost = 0;
  std::uint64_t read = 0, shown = 0, deselected = 0, amendments = 0, rejected = 0;
  // Of the line that tells of losses, which is there only then.
  std::uint64_t lost_ring = 0, lost_ledger = 0, lost_amendments = 0;
  // Of the line that tells of lines that could not be written, which is there only then.
  std::uint64_t unwritten = 0;
  // Of the line that tells of connections at whose end the kernel ran no program (bpf/README.md,
  // "What can go unseen"), which is there only then.
  std::uint64_t unseen = 0;

  // nullopt: the totals are not in `errors`.
  static std::optional<Account> of(const std::string& errors);
};

// Every stage passes on what it got, or says what became of it.
void expect_identities(const Account& account);

}  // namespace closewatch::storm
