// SPDX-License-Identifier: Apache-2.0
#include "userspace/enrich/kernel_symbols.h"

#include <gtest/gtest.h>

#include "tests/unit/enrich/fake_host.h"

namespace closewatch {
namespace {

std::optional<std::string> named(const std::string& kallsyms, std::uint64_t address) {
  const FakeHost host;
  host.write("/proc/kallsyms", kallsyms);
  return KernelSymbols(host.files()).name(address);
}

// Out of order, with an alias, data, a module and a program, as the kernel lists them.
constexpr const char* kText =
    "ffffffff81002000 T tcp_close\n"
    "ffffffff81001000 t inet_release\n"
    "ffffffff81002000 t tcp_close_alias\n"
    "ffffffff81002100 D tcp_data\n"
    "ffffffff81003000 W weak\n"
    "ffffffffc0001000 t tls_close\t[tls]\n"
    "ffffffffc0002000 t bpf_prog_0123abcd_program\t[bpf]\n";

TEST(KernelSymbols, NamesTheFunctionBelow) {
  EXPECT_EQ(named(kText, 0xffffffff81001fff), "inet_release+0xfff");
  EXPECT_EQ(named(kText, 0xffffffff81002000), "tcp_close+0x0");
  EXPECT_EQ(named(kText, 0xffffffff81002101), "tcp_close+0x101") << "data is no function";
  EXPECT_EQ(named(kText, 0xffffffff81003004), "weak+0x4");
  EXPECT_EQ(named(kText, 0xffffffffc0001010), "tls_close+0x10");
  EXPECT_EQ(named(kText, 0xffffffffc0002010), "bpf_prog_0123abcd_program+0x10");
}

TEST(KernelSymbols, NamesNothingFarFromAFunction) {
  EXPECT_EQ(named(kText, 0xffffffff81000fff), std::nullopt);
  EXPECT_EQ(named(kText, 0xffffffff81003000 + 0x10000), "weak+0x10000");
  EXPECT_EQ(named(kText, 0xffffffff81003000 + 0x10001), std::nullopt);
}

TEST(KernelSymbols, NamesNothingWhereAddressesAreHidden) {
  EXPECT_EQ(named("0000000000000000 T tcp_close\n0000000000000000 t inet_release\n", 0x10),
            std::nullopt);
  EXPECT_EQ(KernelSymbols(FakeHost().files()).name(0xffffffff81002000), std::nullopt);
}

TEST(KernelSymbols, PassesOverWhatIsNoSymbol) {
  EXPECT_EQ(named("\n\nzz T a\nffffffff81002000\nffffffff81002000 T\nffffffff81002000 T \n"
                  "ffffffff81002000 T b",
                  0xffffffff81002001),
            "b+0x1");
}

}  // namespace
}  // namespace closewatch
