// SPDX-License-Identifier: Apache-2.0
#include "userspace/config/listing.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "userspace/config/units.h"

namespace closewatch {
namespace {

// Defaults are ours: none holds a quote or a backslash.
std::string quoted(const std::string& text) { return '"' + text + '"'; }

std::string list_of(const Fields::Texts& texts) {
  std::vector<std::string> all;
  all.reserve(texts.size());
  for (const std::string& text : texts) {
    all.push_back(quoted(text));
  }
  return fmt::format("[{}]", fmt::join(all, ", "));
}

class KeyLister final : public Fields {
 public:
  KeyLister(std::string path, std::vector<ListedKey>& keys) : path_(std::move(path)), keys_(keys) {}

  bool flag(std::string_view key, bool otherwise) override {
    return add(key, otherwise, fmt::format("{}", otherwise));
  }
  std::uint64_t number(std::string_view key, std::uint64_t otherwise,
                       Range<std::uint64_t> /*range*/) override {
    return add(key, otherwise, fmt::format("{}", otherwise));
  }
  double decimal(std::string_view key, double otherwise, Range<double> /*range*/) override {
    return add(key, otherwise, fmt::format("{}", otherwise));
  }
  Duration duration(std::string_view key, Duration otherwise, Range<Duration> /*range*/) override {
    return add(key, otherwise, quoted(duration_text(otherwise)));
  }
  std::uint64_t size(std::string_view key, std::uint64_t otherwise,
                     Range<std::uint64_t> /*range*/) override {
    return add(key, otherwise, quoted(size_text(otherwise)));
  }
  Text text(std::string_view key, const Text& otherwise, const TextRule& /*rule*/) override {
    return add(key, otherwise, quoted(otherwise));
  }
  Texts texts(std::string_view key, const Texts& otherwise, const TextRule& /*rule*/) override {
    return add(key, otherwise, list_of(otherwise));
  }
  Numbers numbers(std::string_view key, const Numbers& otherwise,
                  Range<std::uint64_t> /*range*/) override {
    return add(key, otherwise, fmt::format("[{}]", fmt::join(otherwise, ", ")));
  }
  Text choice(std::string_view key, const Text& otherwise, const Texts& /*names*/) override {
    return add(key, otherwise, quoted(otherwise));
  }
  Texts choices(std::string_view key, const Texts& otherwise, const Texts& /*names*/) override {
    return add(key, otherwise, list_of(otherwise));
  }
  void section(std::string_view key, const std::function<void(Fields&)>& describe) override {
    KeyLister inner(name(key), keys_);
    describe(inner);
  }
  void sections(std::string_view key, const std::function<void(Fields&)>& describe) override {
    section(key, describe);
  }
  [[nodiscard]] bool says(std::string_view /*key*/) const override { return false; }
  void refuse(std::string_view /*key*/, std::string /*what*/) override {}

 private:
  [[nodiscard]] std::string name(std::string_view key) const {
    return path_.empty() ? std::string(key) : fmt::format("{}.{}", path_, key);
  }
  template <typename T>
  T add(std::string_view key, const T& value, std::string otherwise) {
    keys_.push_back({.name = name(key), .otherwise = std::move(otherwise)});
    return value;
  }

  std::string path_;
  std::vector<ListedKey>& keys_;
};

}  // namespace

std::vector<ListedKey> list_keys(const std::function<void(Fields&)>& describe) {
  std::vector<ListedKey> keys;
  KeyLister lister("", keys);
  describe(lister);
  return keys;
}

}  // namespace closewatch
