// SPDX-License-Identifier: Apache-2.0
#include "userspace/enrich/lru_cache.h"

#include <gtest/gtest.h>

#include <string>

namespace closewatch {
namespace {

TEST(LruCache, ForgetsTheOneNotAskedForTheLongest) {
  LruCache<int, std::string> cache(2);
  cache.put(1, "one");
  cache.put(2, "two");
  ASSERT_NE(cache.find(1), nullptr);
  cache.put(3, "three");
  EXPECT_EQ(cache.find(2), nullptr);
  ASSERT_NE(cache.find(1), nullptr);
  EXPECT_EQ(*cache.find(1), "one");
  EXPECT_EQ(*cache.find(3), "three");
  EXPECT_EQ(cache.size(), 2U);
}

TEST(LruCache, PutsAnewInPlace) {
  LruCache<int, std::string> cache(2);
  cache.put(1, "one");
  cache.put(2, "two");
  cache.put(1, "uno");
  EXPECT_EQ(cache.size(), 2U);
  cache.put(3, "three");
  EXPECT_EQ(cache.find(2), nullptr);
  EXPECT_EQ(*cache.find(1), "uno");
}

}  // namespace
}  // namespace closewatch
