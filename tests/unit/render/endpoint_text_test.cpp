// SPDX-License-Identifier: Apache-2.0
#include "userspace/render/endpoint_text.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <random>
#include <string>

#include "tests/unit/render/sample_finding.h"

namespace closewatch {
namespace {

using Bytes = std::array<std::uint8_t, 16>;

std::string address_text(const Bytes& address) {
  TextBuffer out;
  append_address(out, address);
  return std::string(view_of(out));
}

std::string endpoint_text(const Endpoint& endpoint) {
  TextBuffer out;
  append_endpoint(out, endpoint);
  return std::string(view_of(out));
}

std::string fitted_text(const Endpoint& endpoint, std::size_t width) {
  TextBuffer out;
  append_endpoint_fitted(out, endpoint, width);
  return std::string(view_of(out));
}

TEST(Address, OfV4MappedIsPlainIpv4) {
  EXPECT_EQ(address_text(ipv4({10, 0, 0, 9}, 0).address), "10.0.0.9");
  EXPECT_EQ(address_text(ipv4({255, 255, 255, 255}, 0).address), "255.255.255.255");
  EXPECT_EQ(address_text(ipv4({0, 0, 0, 0}, 0).address), "0.0.0.0");
}

// The rules of RFC 5952 section 4, one by one.
TEST(Address, OfIpv6FollowsRfc5952) {
  EXPECT_EQ(address_text({}), "::");
  EXPECT_EQ(address_text({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}), "::1");
  EXPECT_EQ(address_text({0x20, 1, 0x0d, 0xb8}), "2001:db8::");
  EXPECT_EQ(address_text(kLongIpv6), "2001:db8:1122:3344:5566:7788:99aa:bbcc");
  // leading zeros of a group go, letters are small
  EXPECT_EQ(address_text({0x20, 1, 0x0d, 0xb8, 0, 1, 0, 0xab, 0xCD, 0xEF, 0, 1, 0, 1, 0, 1}),
            "2001:db8:1:ab:cdef:1:1:1");
  // one zero group is written out
  EXPECT_EQ(address_text({0x20, 1, 0x0d, 0xb8, 0, 0, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1}),
            "2001:db8:0:1:1:1:1:1");
  // the longest run is shortened
  EXPECT_EQ(address_text({0x20, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1}), "2001:0:0:1::1");
  // the first of two equal ones
  EXPECT_EQ(address_text({0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1}),
            "2001:db8::1:0:0:1");
}

TEST(Address, OfIpv6IsReadBackByTheCLibrary) {
  std::mt19937 random(7);
  for (int round = 0; round < 20'000; ++round) {
    Bytes address{};
    for (std::size_t at = 0; at < address.size(); at += 2) {  // many zero groups
      if (random() % 2 == 0) {
        address[at] = static_cast<std::uint8_t>(random() % 3 == 0 ? random() : 0);
        address[at + 1] = static_cast<std::uint8_t>(random());
      }
    }
    if (Endpoint{address, 0}.is_ipv4()) {
      continue;
    }
    const std::string text = address_text(address);
    Bytes read{};
    ASSERT_EQ(::inet_pton(AF_INET6, text.c_str(), read.data()), 1) << text;
    ASSERT_EQ(read, address) << text;
  }
}

TEST(Endpoint, HasItsPortAfterTheAddress) {
  EXPECT_EQ(endpoint_text(ipv4({10, 0, 0, 9}, 443)), "10.0.0.9:443");
  EXPECT_EQ(endpoint_text(ipv6({0x20, 1, 0x0d, 0xb8}, 65535)), "[2001:db8::]:65535");
}

TEST(Endpoint, ThatIsTooWideKeepsItsPort) {
  EXPECT_EQ(fitted_text(ipv4({192, 168, 100, 200}, 50122), 21), "192.168.100.200:50122");
  EXPECT_EQ(fitted_text(ipv4({192, 168, 100, 200}, 50122), 18), "192.168.100~:50122");
  EXPECT_EQ(fitted_text(ipv6(kLongIpv6, 443), 21), "[2001:db8:1122:~]:443");
}

}  // namespace
}  // namespace closewatch
