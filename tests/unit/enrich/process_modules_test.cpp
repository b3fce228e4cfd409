// SPDX-License-Identifier: Apache-2.0
#include "userspace/enrich/process_modules.h"

#include <gtest/gtest.h>

#include "tests/unit/render/hostile_names.h"

namespace closewatch {
namespace {

constexpr std::string_view kMaps =
    "559a00000000-559a00001000 r--p 00000000 08:01 1234                       /usr/sbin/nginx\n"
    "559a00001000-559a00101000 r-xp 00001000 08:01 1234                       /usr/sbin/nginx\n"
    "559a00101000-559a00102000 rw-p 00000000 00:00 0                          [heap]\n"
    "7f0000000000-7f0000100000 r-xp 00026000 08:01 99                         /lib/libc.so.6\n"
    "7f0000200000-7f0000201000 rwxp 00000000 00:00 0 \n"
    "7f0000300000-7f0000301000 r-xp 00000000 08:01 5                          /opt/old.so "
    "(deleted)\n"
    "7ffc00000000-7ffc00002000 r-xp 00000000 00:00 0                          [vdso]\n"
    "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]\n";

TEST(ProcessModules, NamesFileAndOffset) {
  const ProcessModules modules(kMaps);
  EXPECT_EQ(modules.name(0x559a00001000), "nginx+0x1000");
  EXPECT_EQ(modules.name(0x559a00100fff), "nginx+0x100fff");
  EXPECT_EQ(modules.name(0x7f00000d0000), "libc.so.6+0xf6000");
  EXPECT_EQ(modules.name(0x7f0000300010), "old.so+0x10");
  EXPECT_EQ(modules.name(0x7ffc00000010), "[vdso]+0x10");
}

TEST(ProcessModules, NamesNothingOutsideOfExecutableFiles) {
  const ProcessModules modules(kMaps);
  EXPECT_EQ(modules.name(0x559a00000800), std::nullopt) << "not executable";
  EXPECT_EQ(modules.name(0x559a00101000), std::nullopt) << "past the end";
  EXPECT_EQ(modules.name(0x7f0000200010), std::nullopt) << "made at run time";
  EXPECT_EQ(modules.name(0xffffffffff600010), std::nullopt);
  EXPECT_EQ(modules.name(0), std::nullopt);
  EXPECT_EQ(ProcessModules().name(0x559a00001000), std::nullopt);
}

// The kernel writes a line feed as \012; all else is there as it is.
TEST(ProcessModules, TakesWhateverAFileIsCalled) {
  for (std::string name : hostile_names()) {
    for (std::size_t at = 0; (at = name.find('\n', at)) != std::string::npos;) {
      name.replace(at, 1, "\\012");
    }
    name = name.substr(name.rfind('/') + 1);
    if (name.empty() || name.find('\0') != std::string::npos) {
      continue;
    }
    const ProcessModules modules("1000-2000 r-xp 00000000 08:01 7    /tmp/" + name +
                                 "\n3000-4000 r-xp 00000000 08:01 8    /lib/next.so\n");
    EXPECT_EQ(modules.name(0x1010), name + "+0x10");
    EXPECT_EQ(modules.name(0x3010), "next.so+0x10") << name;
  }
}

TEST(ProcessModules, PassesOverWhatItDoesNotUnderstand) {
  const ProcessModules modules(
      "\nnonsense\n1000-\n1000-2000\n1000-2000 r-x\n1000-2000 r-xp zz 08:01 7 /a\n"
      "99999999999999999-2000 r-xp 00000000 08:01 7 /b\n1000-2000 r-xp 00000000\n"
      "1000-2000 r-xp 00000000 08:01 7 /tmp/\n1000-2000 r-xp 00000010 08:01 7 /c");
  EXPECT_EQ(modules.name(0x1000), "c+0x10");
}

TEST(ProcessModules, KeepsABoundedNumber) {
  std::string maps;
  char line[96];
  for (std::size_t i = 1; i <= ProcessModules::kMost + 1; ++i) {
    std::snprintf(line, sizeof line, "%zx000-%zx800 r-xp 00000000 08:01 7 /m\n", i, i);
    maps += line;
  }
  const ProcessModules modules(maps);
  EXPECT_EQ(modules.name(ProcessModules::kMost << 12), "m+0x0");
  EXPECT_EQ(modules.name((ProcessModules::kMost + 1) << 12), std::nullopt);
}

}  // namespace
}  // namespace closewatch
