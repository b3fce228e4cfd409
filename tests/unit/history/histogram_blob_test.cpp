// SPDX-License-Identifier: Apache-2.0
#include "userspace/history/histogram_blob.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>

namespace closewatch::history {
namespace {

std::vector<std::byte> bytes(std::initializer_list<int> values) {
  std::vector<std::byte> out;
  for (const int value : values) {
    out.push_back(static_cast<std::byte>(value));
  }
  return out;
}

Histogram of(std::initializer_list<std::uint64_t> values) {
  Histogram histogram;
  for (const std::uint64_t value : values) {
    histogram.record(value);
  }
  return histogram;
}

TEST(HistogramBlob, IsWhatTheHeaderSays) {
  EXPECT_EQ(encode(Histogram{}), bytes({}));
  // Largest 300 = 0xac 0x02; value 3 twice in bucket 3; 300 = 18 << 4 + 12 in bucket 4*16+18 = 82.
  EXPECT_EQ(encode(of({3, 3, 300})), bytes({0xac, 0x02, 3, 2, 79, 1}));
}

TEST(HistogramBlob, ComesBack) {
  for (const Histogram& histogram :
       {of({0}), of({3, 3, 300}), of({std::numeric_limits<std::uint64_t>::max(), 0, 1, 1 << 20})}) {
    const auto back = decode(encode(histogram));
    ASSERT_TRUE(back.has_value());
    EXPECT_EQ(back->count(), histogram.count());
    EXPECT_EQ(back->max(), histogram.max());
    for (const double fraction : {0.01, 0.5, 0.75, 0.99, 1.0}) {
      EXPECT_EQ(back->quantile(fraction), histogram.quantile(fraction));
    }
    EXPECT_EQ(encode(*back), encode(histogram));
  }
}

TEST(HistogramBlob, NothingElseIsTaken) {
  EXPECT_EQ(decode(bytes({0x80})), std::nullopt);              // ends inside a number
  EXPECT_EQ(decode(bytes({3})), std::nullopt);                 // a largest value, no buckets
  EXPECT_EQ(decode(bytes({3, 3})), std::nullopt);              // no count
  EXPECT_EQ(decode(bytes({3, 3, 0})), std::nullopt);           // an empty bucket
  EXPECT_EQ(decode(bytes({3, 4, 1})), std::nullopt);           // 3 is not in bucket 4
  EXPECT_EQ(decode(bytes({4, 4, 1, 0, 1})), std::nullopt);     // one bucket twice
  EXPECT_EQ(decode(bytes({3, 0xd0, 0x07, 1})), std::nullopt);  // bucket 976: there is none
  EXPECT_EQ(decode(bytes({1, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 1, 1})),
            std::nullopt);  // more than 64 bits count
  EXPECT_EQ(decode(bytes({0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02, 0, 1})),
            std::nullopt);  // a number of 65 bits
}

TEST(HistogramBlob, AnyBytesAreTakenOrRefused) {
  std::mt19937 random(1);
  for (int round = 0; round < 20'000; ++round) {
    std::vector<std::byte> any(random() % 24);
    for (std::byte& byte : any) {
      byte = static_cast<std::byte>(random() % 8 == 0 ? random() : random() % 6);
    }
    if (const auto histogram = decode(any); histogram && histogram->count() > 0) {
      EXPECT_EQ(decode(encode(*histogram))->quantile(1.0), histogram->max());
    }
  }
}

TEST(HistogramBlob, AddsInSql) {
  auto database = Database::open(":memory:", Database::Mode::write, 0);
  ASSERT_TRUE(database.ok());
  ASSERT_TRUE(add_histogram_function(*database).ok());
  const auto sum = [&](const std::optional<Histogram>& a, const std::optional<Histogram>& b) {
    auto statement = database->prepare("SELECT histogram_add(?, ?)");
    EXPECT_TRUE(statement.ok());
    statement->begin();
    for (const auto* each : {&a, &b}) {
      *each ? statement->put(std::span<const std::byte>(encode(**each))) : statement->put_null();
    }
    const auto row = statement->step();
    EXPECT_TRUE(row.ok() && *row);
    const auto blob = statement->blob();
    return std::vector<std::byte>(blob.begin(), blob.end());
  };
  EXPECT_EQ(sum(of({1, 2}), of({2, 900})), encode(of({1, 2, 2, 900})));
  EXPECT_EQ(sum(std::nullopt, of({7})), encode(of({7})));
  EXPECT_EQ(sum(of({7}), std::nullopt), encode(of({7})));
  EXPECT_EQ(sum(std::nullopt, std::nullopt), encode(Histogram{}));
}

}  // namespace
}  // namespace closewatch::history
