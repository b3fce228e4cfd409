// SPDX-License-Identifier: Apache-2.0
#include "userspace/config/reader.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <toml++/toml.h>

#include <algorithm>
#include <cmath>

#include "userspace/config/nearest.h"
#include "userspace/config/units.h"
#include "userspace/render/escape.h"

namespace closewatch {
namespace {

constexpr std::size_t kShownWidth = 40;  // columns of a value in a complaint

std::string printable(std::string_view text, std::size_t width = SIZE_MAX) {
  TextBuffer out;
  append_terminal_text(out, text, Charset::utf8);
  fit_columns(out, 0, width);
  return {out.data(), out.size()};
}

// What was written, for "..., not THIS".
std::string shown(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::string:
      return '"' + printable(node.as_string()->get(), kShownWidth) + '"';
    case toml::node_type::integer:
      return fmt::format("{}", node.as_integer()->get());
    case toml::node_type::floating_point:
      return fmt::format("{}", node.as_floating_point()->get());
    case toml::node_type::boolean:
      return fmt::format("{}", node.as_boolean()->get());
    case toml::node_type::array:
      return node.is_array_of_tables() ? "sections" : "a list";
    case toml::node_type::table:
      return "a section";
    default:
      return "a date or a time";
  }
}

class SectionReader final : public Fields {
 public:
  // `path` of the document itself is empty.
  SectionReader(const toml::table* table, std::string path, toml::source_position at,
                std::vector<Complaint>& complaints)
      : table_(table), path_(std::move(path)), at_(at), complaints_(complaints) {}

  bool flag(std::string_view key, bool otherwise) override {
    const toml::node* const node = take(key);
    if (node == nullptr) {
      return otherwise;
    }
    const auto* const value = node->as_boolean();
    return value != nullptr ? value->get() : expected(key, *node, "true or false", otherwise);
  }

  std::uint64_t number(std::string_view key, std::uint64_t otherwise,
                       Range<std::uint64_t> range) override {
    const toml::node* const node = take(key);
    return node == nullptr ? otherwise : number_in(key, *node, range).value_or(otherwise);
  }

  double decimal(std::string_view key, double otherwise, Range<double> range) override {
    const toml::node* const node = take(key);
    if (node == nullptr) {
      return otherwise;
    }
    const auto value = node->value<double>();
    // NaN is in no range.
    return value && node->is_number() && *value >= range.least && *value <= range.most
               ? *value
               : expected(key, *node,
                          fmt::format("a number from {} to {}", range.least, range.most),
                          otherwise);
  }

  Duration duration(std::string_view key, Duration otherwise, Range<Duration> range) override {
    const toml::node* const node = take(key);
    if (node == nullptr) {
      return otherwise;
    }
    const auto* const text = node->as_string();
    const auto value = text != nullptr ? parse_duration(text->get()) : std::nullopt;
    return value && *value >= range.least && *value <= range.most
               ? *value
               : expected(key, *node,
                          fmt::format("a duration such as \"90s\" or \"24h\" from {} to {}",
                                      duration_text(range.least), duration_text(range.most)),
                          otherwise);
  }

  std::uint64_t size(std::string_view key, std::uint64_t otherwise,
                     Range<std::uint64_t> range) override {
    const toml::node* const node = take(key);
    if (node == nullptr) {
      return otherwise;
    }
    const auto* const text = node->as_string();
    const auto value = text != nullptr ? parse_size(text->get()) : std::nullopt;
    return value && *value >= range.least && *value <= range.most
               ? *value
               : expected(key, *node,
                          fmt::format("a size such as \"512MiB\" from {} to {}",
                                      size_text(range.least), size_text(range.most)),
                          otherwise);
  }

  Text text(std::string_view key, const Text& otherwise, const TextRule& rule) override {
    const toml::node* const node = take(key);
    return node == nullptr ? otherwise : text_by(key, *node, rule).value_or(otherwise);
  }

  Texts texts(std::string_view key, const Texts& otherwise, const TextRule& rule) override {
    return list<Text>(key, otherwise,
                      [&](const toml::node& node) { return text_by(key, node, rule); });
  }

  Numbers numbers(std::string_view key, const Numbers& otherwise,
                  Range<std::uint64_t> range) override {
    return list<std::uint64_t>(key, otherwise,
                               [&](const toml::node& node) { return number_in(key, node, range); });
  }

  Text choice(std::string_view key, const Text& otherwise, const Texts& names) override {
    const toml::node* const node = take(key);
    return node == nullptr ? otherwise : one_of(key, *node, names).value_or(otherwise);
  }

  Texts choices(std::string_view key, const Texts& otherwise, const Texts& names) override {
    return list<Text>(key, otherwise,
                      [&](const toml::node& node) { return one_of(key, node, names); });
  }

  void section(std::string_view key, const std::function<void(Fields&)>& describe) override {
    const toml::node* const node = take(key);
    const toml::table* const table = node != nullptr ? node->as_table() : nullptr;
    if (node != nullptr && table == nullptr) {
      expected(key, *node, fmt::format("a section [{}]", name(key)), 0);
      return;
    }
    SectionReader inner(table, name(key), node != nullptr ? node->source().begin : at_,
                        complaints_);
    describe(inner);
    inner.refuse_unknown();
  }

  void sections(std::string_view key, const std::function<void(Fields&)>& describe) override {
    const toml::node* const node = take(key);
    if (node == nullptr) {
      return;
    }
    const toml::array* const array = node->as_array();
    if (array == nullptr || !array->is_array_of_tables()) {
      expected(key, *node, fmt::format("sections [[{}]]", name(key)), 0);
      return;
    }
    for (const toml::node& element : *array) {
      SectionReader inner(element.as_table(), name(key), element.source().begin, complaints_);
      describe(inner);
      inner.refuse_unknown();
    }
  }

  [[nodiscard]] bool says(std::string_view key) const override {
    return table_ != nullptr && table_->contains(key);
  }

  void refuse(std::string_view key, std::string what) override {
    const toml::node* const node = table_ != nullptr ? table_->get(key) : nullptr;
    complain(node != nullptr ? node->source().begin : at_, key, printable(what));
  }

  void refuse_unknown() {
    if (table_ == nullptr) {
      return;
    }
    for (const auto& [key, node] : *table_) {
      if (std::find(known_.begin(), known_.end(), key.str()) != known_.end()) {
        continue;
      }
      const std::string meant = nearest(key.str(), known_);
      complain(key.source().begin, printable(key.str(), kShownWidth),
               meant.empty() ? fmt::format("no such key; there are {}", fmt::join(known_, ", "))
                             : fmt::format("no such key; is {} meant?", meant));
    }
  }

 private:
  [[nodiscard]] std::string name(std::string_view key) const {
    return path_.empty() ? std::string(key) : fmt::format("{}.{}", path_, key);
  }

  const toml::node* take(std::string_view key) {
    known_.emplace_back(key);
    return table_ != nullptr ? table_->get(key) : nullptr;
  }

  void complain(toml::source_position at, std::string_view key, std::string_view what) {
    complaints_.push_back(
        {.line = at.line, .column = at.column, .what = fmt::format("{}: {}", name(key), what)});
  }

  template <typename T>
  T expected(std::string_view key, const toml::node& node, std::string_view what, T otherwise) {
    complain(node.source().begin, key, fmt::format("{} is expected, not {}", what, shown(node)));
    return otherwise;
  }

  std::optional<std::uint64_t> number_in(std::string_view key, const toml::node& node,
                                         Range<std::uint64_t> range) {
    const auto* const value = node.as_integer();
    if (value != nullptr && value->get() >= 0) {
      const auto number = static_cast<std::uint64_t>(value->get());
      if (number >= range.least && number <= range.most) {
        return number;
      }
    }
    return expected<std::optional<std::uint64_t>>(
        key, node, fmt::format("a whole number from {} to {}", range.least, range.most),
        std::nullopt);
  }

  std::optional<Text> text_by(std::string_view key, const toml::node& node, const TextRule& rule) {
    const auto* const value = node.as_string();
    // What leaves for system calls and files ends at a zero byte.
    if (value != nullptr && value->get().find('\0') == Text::npos &&
        (rule.holds == nullptr || rule.holds(value->get()))) {
      return value->get();
    }
    return expected<std::optional<Text>>(key, node, rule.expected, std::nullopt);
  }

  std::optional<Text> one_of(std::string_view key, const toml::node& node, const Texts& names) {
    const auto* const value = node.as_string();
    if (value != nullptr && std::find(names.begin(), names.end(), value->get()) != names.end()) {
      return value->get();
    }
    const std::string meant = value != nullptr ? nearest(value->get(), names) : "";
    complain(node.source().begin, key,
             meant.empty()
                 ? fmt::format("one of {} is expected, not {}", fmt::join(names, ", "), shown(node))
                 : fmt::format("{} is not known; is {} meant?", shown(node), meant));
    return std::nullopt;
  }

  template <typename T, typename Element>
  std::vector<T> list(std::string_view key, const std::vector<T>& otherwise, Element element) {
    const toml::node* const node = take(key);
    if (node == nullptr) {
      return otherwise;
    }
    const toml::array* const array = node->as_array();
    if (array == nullptr) {
      return expected(key, *node, "a list in [ ]", otherwise);
    }
    std::vector<T> values;
    for (const toml::node& item : *array) {
      if (auto value = element(item)) {
        values.push_back(*std::move(value));
      }
    }
    return values;
  }

  const toml::table* table_;  // nullptr: the section is not there
  std::string path_;
  toml::source_position at_;
  std::vector<Complaint>& complaints_;
  Texts known_;
};

}  // namespace

std::vector<Complaint> read_toml(std::string_view document,
                                 const std::function<void(Fields&)>& describe) {
  std::vector<Complaint> complaints;
  try {
    const toml::table table = toml::parse(document);
    SectionReader reader(&table, "", {1, 1}, complaints);
    describe(reader);
    reader.refuse_unknown();
  } catch (const toml::parse_error& error) {
    const toml::source_position at = error.source().begin;
    return {{.line = at.line, .column = at.column, .what = printable(error.description())}};
  }
  std::stable_sort(complaints.begin(), complaints.end(),
                   [](const Complaint& a, const Complaint& b) {
                     return a.line != b.line ? a.line < b.line : a.column < b.column;
                   });
  return complaints;
}

}  // namespace closewatch
