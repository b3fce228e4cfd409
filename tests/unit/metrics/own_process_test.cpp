// SPDX-License-Identifier: Apache-2.0
#include "userspace/metrics/own_process.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/unit/metrics/family_text.h"

namespace closewatch {
namespace {

class OwnProcessTest : public testing::Test {
 protected:
  OwnProcessTest() { std::filesystem::create_directories(folder_ + "/fd"); }
  ~OwnProcessTest() override { std::filesystem::remove_all(folder_); }

  Families families() {
    Families families;
    append_own_process_families(families, folder_);
    return families;
  }

  const std::string folder_ = testing::TempDir() + "cw-own-" + std::to_string(::getpid());
};

// proc(5): utime 14, stime 15, num_threads 20, vsize 23, rss 24
TEST_F(OwnProcessTest, ReadsWhatTheKernelCounts) {
  std::ofstream(folder_ + "/stat")
      << "812 (a) S 1 (b)) R 1 2 3 4 5 6 7 8 9 10 " << 3 * ::sysconf(_SC_CLK_TCK) << " "
      << ::sysconf(_SC_CLK_TCK) << " 16 17 18 19 7 21 22 1048576 256 25 26\n";
  std::ofstream(folder_ + "/fd/0") << "";
  std::ofstream(folder_ + "/fd/1") << "";
  EXPECT_EQ(values_of(families(), "process_cpu_seconds_total"), "process_cpu_seconds_total 4\n");
  EXPECT_EQ(values_of(families(), "process_threads"), "process_threads 7\n");
  EXPECT_EQ(values_of(families(), "process_virtual_memory_bytes"),
            "process_virtual_memory_bytes 1048576\n");
  EXPECT_EQ(
      values_of(families(), "process_resident_memory_bytes"),
      "process_resident_memory_bytes " + std::to_string(256 * ::sysconf(_SC_PAGESIZE)) + "\n");
  EXPECT_EQ(values_of(families(), "process_open_fds"), "process_open_fds 2\n");
}

TEST_F(OwnProcessTest, LeavesOutWhatCannotBeRead) {
  std::filesystem::remove(folder_ + "/fd");
  EXPECT_TRUE(families().empty());
  std::ofstream(folder_ + "/stat") << "812 (a) R 1 2 3\n";
  EXPECT_TRUE(families().empty());
}

TEST_F(OwnProcessTest, ReadsThisProcess) {
  Families own;
  append_own_process_families(own);
  EXPECT_EQ(own.size(), 5U);
}

}  // namespace
}  // namespace closewatch
