// SPDX-License-Identifier: Apache-2.0
#include "tests/storm/story.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <charconv>
#include <initializer_list>
#include <map>

namespace closewatch::storm {
namespace {

// Amendments name what becomes true (flags) and what replaces.
void amend(Json& closure, Json amendment) {
  amendment.erase("amends");
  if (amendment.contains("flags")) {
    Json flags = closure["flags"];
    flags.insert(flags.end(), amendment["flags"].begin(), amendment["flags"].end());
    amendment["flags"] = flags;
  }
  closure.merge_patch(amendment);
}

// Takes the numbers of `line` where it reads like `pattern`, in which # stands for a number.
bool match(std::string_view line, std::string_view pattern,
           std::initializer_list<std::uint64_t*> numbers) {
  std::vector<std::uint64_t> found;
  while (!pattern.empty()) {
    if (pattern[0] != '#') {
      if (line.empty() || line[0] != pattern[0]) {
        return false;
      }
      line.remove_prefix(1);
    } else {
      std::uint64_t number = 0;
      const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), number);
      if (error != std::errc{}) {
        return false;
      }
      line.remove_prefix(static_cast<std::size_t>(end - line.data()));
      found.push_back(number);
    }
    pattern.remove_prefix(1);
  }
  std::size_t next = 0;
  for (std::uint64_t* number : numbers) {
    *number = found.at(next++);
  }
  return true;
}

}  // namespace

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::size_t begin = 0;
  for (std::size_t end = text.find('\n'); end != std::string::npos; end = text.find('\n', begin)) {
    lines.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  EXPECT_EQ(begin, text.size()) << "an unfinished line: " << text.substr(begin);
  return lines;
}

Story::Story(const std::string& text) {
  std::map<std::string, std::size_t> by_id;
  for (const std::string& line : lines_of(text)) {
    const Json object = Json::parse(line, nullptr, false);
    if (!object.is_object() || object.value("v", 0) != 1) {
      ADD_FAILURE() << "not a line of the contract: " << line;
    } else if (object.contains("lost_records")) {
      gaps.push_back(object);
    } else if (object.contains("amends")) {
      amendments.push_back(object);
      const auto found = by_id.find(object["amends"]);
      if (found == by_id.end()) {
        ADD_FAILURE() << "amends nothing that was told: " << line;
      } else {
        amend(closures[found->second], object);
      }
    } else {
      EXPECT_TRUE(by_id.emplace(object.value("id", ""), closures.size()).second)
          << "an id given twice: " << line;
      closures.push_back(object);
    }
  }
}

std::vector<Json> Story::of_network(std::uint32_t inode) const {
  std::vector<Json> found;
  std::copy_if(closures.begin(), closures.end(), std::back_inserter(found),
               [inode](const Json& closure) { return closure["netns"] == inode; });
  return found;
}

std::uint64_t Story::lost_records() const {
  std::uint64_t sum = 0;
  for (const Json& gap : gaps) {
    sum += gap["lost_records"].get<std::uint64_t>();
  }
  return sum;
}

std::uint64_t count(const std::vector<Json>& closures, std::string_view reason) {
  return static_cast<std::uint64_t>(
      std::count_if(closures.begin(), closures.end(),
                    [reason](const Json& closure) { return closure["reason"] == reason; }));
}

bool has_flag(const Json& closure, std::string_view flag) {
  const Json& flags = closure["flags"];
  return std::find(flags.begin(), flags.end(), flag) != flags.end();
}

std::optional<Account> Account::of(const std::string& errors) {
  Account a;
  bool kernel = false;
  bool pipeline = false;
  for (const std::string& line : lines_of(errors)) {
    kernel |= match(line, "closewatch: # closures ended = # recorded + # filtered + # lost",
                    {&a.ended, &a.recorded, &a.filtered, &a.lost});
    pipeline |= match(line,
                      "closewatch: # records read = # shown + # not selected + # amendments"
                      " + # rejected",
                      {&a.read, &a.shown, &a.deselected, &a.amendments, &a.rejected});
    std::uint64_t lost = 0;
    match(line, "closewatch: LOST # closures (ring full #, no ledger entry #), # amendments",
          {&lost, &a.lost_ring, &a.lost_ledger, &a.lost_amendments});
    match(line, "closewatch: LOST # lines", {&a.unwritten});
    match(line, "closewatch: # connections ended unseen", {&a.unseen});
  }
  return kernel && pipeline ? std::optional(a) : std::nullopt;
}

void expect_identities(const Account& account) {
  EXPECT_EQ(account.ended, account.recorded + account.filtered + account.lost);
  EXPECT_EQ(account.lost, account.lost_ring + account.lost_ledger);
  EXPECT_EQ(account.recorded, account.shown + account.deselected + account.rejected);
  EXPECT_EQ(account.read,
            account.shown + account.deselected + account.amendments + account.rejected);
  EXPECT_EQ(account.rejected, 0U);
}

}  // namespace closewatch::storm
