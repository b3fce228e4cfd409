// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "tests/serve/full_page.h"

namespace closewatch::serve {
namespace {

// Its exit code and what it said of a page.
std::pair<int, std::string> promtool(std::string_view page) {
  const std::string file = testing::TempDir() + "closewatch-page-" + std::to_string(::getpid());
  std::ofstream(file) << page;
  std::FILE* const pipe = ::popen(("promtool check metrics <" + file + " 2>&1").c_str(), "r");
  std::string said;
  for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) {
    said.push_back(static_cast<char>(c));
  }
  const int status = ::pclose(pipe);
  std::remove(file.c_str());
  return {WEXITSTATUS(status), said};
}

TEST(Page, HasNothingThatPromtoolFindsFaultWith) {
  ServedMetrics metrics;
  give_everything(metrics, 1);
  for (const std::string& name : hostile_names()) {
    metrics->finding(metrics.next(name, Reason::local_first));
  }
  EXPECT_EQ(promtool(metrics.page()), std::pair(0, std::string{}));
}

TEST(Page, IsCheckedForReal) {
  EXPECT_EQ(promtool("# TYPE closewatch_a_total counter\nclosewatch_a_total{p=\"\xff\"} 1\n").first,
            1);
  EXPECT_EQ(promtool("# TYPE closewatch_closures counter\nclosewatch_closures 1\n").first, 3);
}

}  // namespace
}  // namespace closewatch::serve
