// SPDX-License-Identifier: Apache-2.0
// The keys of a configuration, each named once (describe.h): its kind, its limits, and the value
// that it has when the configuration does not say it. What comes back is the value to use. One
// description serves who reads a file and who lists the keys.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace closewatch {

// Both ends belong to it.
template <typename T>
struct Range {
  T least;
  T most;
};

// What a text must be beside a text. `expected` ends the sentence "... is expected".
struct TextRule {
  std::string_view expected = "a text";
  bool (*holds)(std::string_view) = nullptr;  // nullptr: any text
};

class Fields {
 public:
  using Duration = std::chrono::nanoseconds;
  using Text = std::string;
  using Texts = std::vector<std::string>;
  using Numbers = std::vector<std::uint64_t>;

  virtual ~Fields() = default;

  virtual bool flag(std::string_view key, bool otherwise) = 0;
  virtual std::uint64_t number(std::string_view key, std::uint64_t otherwise,
                               Range<std::uint64_t> range) = 0;
  virtual double decimal(std::string_view key, double otherwise, Range<double> range) = 0;
  virtual Duration duration(std::string_view key, Duration otherwise, Range<Duration> range) = 0;
  virtual std::uint64_t size(std::string_view key, std::uint64_t otherwise,
                             Range<std::uint64_t> range) = 0;
  virtual Text text(std::string_view key, const Text& otherwise, const TextRule& rule) = 0;
  virtual Texts texts(std::string_view key, const Texts& otherwise, const TextRule& rule) = 0;
  virtual Numbers numbers(std::string_view key, const Numbers& otherwise,
                          Range<std::uint64_t> range) = 0;
  // One of `names`.
  virtual Text choice(std::string_view key, const Text& otherwise, const Texts& names) = 0;
  virtual Texts choices(std::string_view key, const Texts& otherwise, const Texts& names) = 0;

  // [key]: `describe` names what is in it. Called also when the section is not there.
  virtual void section(std::string_view key, const std::function<void(Fields&)>& describe) = 0;
  // [[key]], once for each; not at all when there is none.
  virtual void sections(std::string_view key, const std::function<void(Fields&)>& describe) = 0;

  // The configuration says something of `key`.
  [[nodiscard]] virtual bool says(std::string_view key) const = 0;
  // Refuses what is said of `key`, or the section when nothing is: `what` is the whole complaint.
  virtual void refuse(std::string_view key, std::string what) = 0;
};

}  // namespace closewatch
