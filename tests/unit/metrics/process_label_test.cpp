// SPDX-License-Identifier: Apache-2.0
#include "userspace/metrics/process_label.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/unit/render/hostile_names.h"
#include "tests/unit/render/sample_finding.h"
#include "userspace/render/utf8.h"

namespace closewatch {
namespace {

std::string label_of(std::string_view comm) { return process_label(name_of(task_of(1, comm, 0))); }

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const CodePoint point = first_code_point(text);
    if (!point.valid) {
      return false;
    }
    text.remove_prefix(point.length);
  }
  return true;
}

TEST(ProcessLabelTest, LeavesAnOrdinaryNameAlone) {
  EXPECT_EQ(label_of("nginx"), "nginx");
  EXPECT_EQ(label_of("kworker/0:1"), "kworker/0:1");
  EXPECT_EQ(label_of("\xc3\xa9t\xc3\xa9"), "\xc3\xa9t\xc3\xa9");
}

TEST(ProcessLabelTest, EscapesHostileBytes) {
  EXPECT_EQ(label_of("a\n\x1b[31m\xff\"},b"), "a\\x0a\\x1b[31m\\xff\"},b");
  EXPECT_EQ(label_of("a\\b"), "a\\\\b");
}

TEST(ProcessLabelTest, NeverTakesAProcessForWhatIsNoProcess) {
  EXPECT_EQ(process_label(name_of(Task{})), "unknown");
  EXPECT_EQ(label_of("unknown"), "\\x75nknown");
  EXPECT_EQ(label_of("other"), "\\x6fther");
  EXPECT_EQ(label_of("others"), "others");
  EXPECT_EQ(label_of(""), "\\x00");
}

TEST(ProcessLabelTest, IsValidAndTellsEveryNameApart) {
  std::set<std::string> names;
  std::set<std::string> labels;
  for (const std::string& name : hostile_names()) {
    const std::string label = label_of(name);
    EXPECT_TRUE(is_utf8(label)) << label;
    EXPECT_FALSE(has_raw_control(label)) << label;
    names.insert(name.substr(0, 15));
    labels.insert(label);
  }
  EXPECT_EQ(labels.size(), names.size());
}

TEST(ProcessLabelTest, TakesNoBytesFromBehindTheName) {
  Task one = task_of(1, "nginx", 0);
  Task two = one;
  two.comm_bytes[7] = 'x';
  EXPECT_EQ(name_of(one), name_of(two));
}

}  // namespace
}  // namespace closewatch
