// SPDX-License-Identifier: Apache-2.0
#include "userspace/metrics/tcp_address.h"

#include <gtest/gtest.h>

namespace closewatch {
namespace {

bool loopback(std::string_view text) { return is_loopback(tcp_address_of(text)->get()); }

TEST(TcpAddressTest, TakesNumbersOnly) {
  for (const std::string_view text :
       {"", "127.0.0.1", "127.0.0.1:", ":80", "localhost:80", "127.0.0.1:65536", "127.0.0.1:-1",
        "127.0.0.1:80x", "127.1:80", "::1:80", "[::1]", "[::1]80", "[]:80", "[127.0.0.1]:80",
        "[::1%lo]:80", "127.0.0.1 :80"}) {
    EXPECT_FALSE(tcp_address_of(text)) << text;
  }
}

TEST(TcpAddressTest, TakesNoNumberThatEndsEarly) {
  EXPECT_FALSE(tcp_address_of(std::string_view("127.0.0.1\0.evil:80", 18)));
  EXPECT_FALSE(tcp_address_of(std::string_view("[::1\0]:80", 9)));
}

TEST(TcpAddressTest, ReadsAddressAndPort) {
  const auto four = tcp_address_of("10.1.2.3:10177");
  ASSERT_TRUE(four);
  EXPECT_EQ(*host_of(four->get()),
            (std::array<std::uint8_t, 16>{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 1, 2, 3}));
  EXPECT_EQ(ntohs(reinterpret_cast<const sockaddr_in*>(four->get())->sin_port), 10177);
  const auto six = tcp_address_of("[2001:db8::5]:80");
  ASSERT_TRUE(six);
  EXPECT_EQ(*host_of(six->get()), (std::array<std::uint8_t, 16>{0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0,
                                                                0, 0, 0, 0, 0, 0, 5}));
}

TEST(TcpAddressTest, KnowsLoopback) {
  EXPECT_TRUE(loopback("127.0.0.1:1"));
  EXPECT_TRUE(loopback("127.255.0.9:1"));
  EXPECT_TRUE(loopback("[::1]:1"));
  EXPECT_TRUE(loopback("[::ffff:127.0.0.1]:1"));
  EXPECT_FALSE(loopback("0.0.0.0:1"));
  EXPECT_FALSE(loopback("[::]:1"));
  EXPECT_FALSE(loopback("128.0.0.1:1"));
  EXPECT_FALSE(loopback("[::ffff:10.0.0.1]:1"));
  sockaddr unix_address{};
  unix_address.sa_family = AF_UNIX;
  EXPECT_FALSE(is_loopback(&unix_address));
  EXPECT_FALSE(host_of(&unix_address));
}

}  // namespace
}  // namespace closewatch
