// SPDX-License-Identifier: Apache-2.0
#include "userspace/history/histogram_blob.h"

namespace closewatch::history {
namespace {

void put(std::vector<std::byte>& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) {
    out.push_back(static_cast<std::byte>(value | 0x80));
  }
  out.push_back(static_cast<std::byte>(value));
}

std::optional<std::uint64_t> take(std::span<const std::byte>& in) {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 64 && !in.empty(); shift += 7) {
    const auto byte = std::to_integer<std::uint64_t>(in.front());
    in = in.subspan(1);
    if (shift == 63 && byte > 1) {
      return std::nullopt;
    }
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) {
      return value;
    }
  }
  return std::nullopt;
}

std::optional<Histogram> blob_of(sqlite3_value* value) {
  const void* data = sqlite3_value_blob(value);
  const int size = sqlite3_value_bytes(value);
  return decode(
      {static_cast<const std::byte*>(data), data == nullptr ? 0 : static_cast<std::size_t>(size)});
}

void histogram_add(sqlite3_context* context, int /*count*/, sqlite3_value** values) {
  Histogram sum = blob_of(values[0]).value_or(Histogram{});
  sum.merge(blob_of(values[1]).value_or(Histogram{}));
  if (sum.count() == 0) {
    sqlite3_result_null(context);
    return;
  }
  const std::vector<std::byte> bytes = encode(sum);
  sqlite3_result_blob64(context, bytes.data(), bytes.size(), SQLITE_TRANSIENT);
}

}  // namespace

std::vector<std::byte> encode(const Histogram& histogram) {
  std::vector<std::byte> out;
  if (histogram.count() == 0) {
    return out;
  }
  put(out, histogram.max());
  std::size_t before = 0;
  const std::span<const std::uint64_t> buckets = histogram.buckets();
  for (std::size_t bucket = 0; bucket < buckets.size(); ++bucket) {
    if (buckets[bucket] > 0) {
      put(out, bucket - before);
      put(out, buckets[bucket]);
      before = bucket;
    }
  }
  return out;
}

std::optional<Histogram> decode(std::span<const std::byte> bytes) {
  if (bytes.empty()) {
    return Histogram{};
  }
  const auto max = take(bytes);
  std::vector<std::uint64_t> buckets;
  std::uint64_t bucket = 0;
  while (max && !bytes.empty()) {
    const auto distance = take(bytes);
    const auto count = distance ? take(bytes) : std::nullopt;
    if (!count || *count == 0 || *distance >= Histogram::kBuckets ||
        bucket + *distance >= Histogram::kBuckets || (*distance == 0 && !buckets.empty())) {
      return std::nullopt;
    }
    bucket += *distance;
    buckets.resize(bucket + 1);
    buckets[bucket] = *count;
  }
  return max ? Histogram::of(std::move(buckets), *max) : std::nullopt;
}

Result<> add_histogram_function(Database& database) {
  const int code = sqlite3_create_function_v2(
      database.handle(), "histogram_add", 2, SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_DIRECTONLY,
      nullptr, histogram_add, nullptr, nullptr, nullptr);
  return code == SQLITE_OK ? Result<>()
                           : Result<>(Error{.what = sqlite3_errmsg(database.handle())});
}

}  // namespace closewatch::history
