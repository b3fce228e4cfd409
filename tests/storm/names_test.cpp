// SPDX-License-Identifier: Apache-2.0
// A process may call itself anything but NUL. Whatever it does, a record stays one line that its
// reader can trust.
#include <sys/prctl.h>

#include <algorithm>
#include <cstdio>
#include <set>
#include <string>
#include <vector>

#include "tests/storm/child.h"
#include "tests/storm/connection.h"
#include "tests/storm/network.h"
#include "tests/storm/story.h"
#include "tests/storm/suite.h"

namespace closewatch::storm {
namespace {

constexpr unsigned kShapes = 3;

// Names that consist of, begin with and contain the byte.
std::string name_with(unsigned byte, unsigned shape) {
  const std::string one(1, static_cast<char>(byte));
  return shape == 0 ? one : shape == 1 ? one + "x" : "a" + one + "z";
}

// 127.1.<byte>.<shape>
std::uint32_t address_of(unsigned byte, unsigned shape) { return 0x7f010000 + (byte << 8) + shape; }

// In a child: two closures under each name, of a connection to its address.
void close_under_every_name() {
  const Listener listener;
  for (unsigned byte = 1; byte <= 255; ++byte) {
    for (unsigned shape = 0; shape < kShapes; ++shape) {
      ::prctl(PR_SET_NAME, name_with(byte, shape).c_str());
      Connection connection = listener.connect(address_of(byte, shape));
      connection.client.reset();
      connection.server.reset();
    }
  }
  await_closed(1);
}

constexpr std::size_t kClosures = 255 * kShapes * 2;

bool is_control(char32_t point) { return point < 0x20 || (point >= 0x7f && point < 0xa0); }

// The code points of `text`; fails on what is not UTF-8.
std::u32string code_points(const std::string& text) {
  std::u32string points;
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const std::size_t length = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    const bool bad_lead = (lead >= 0x80 && lead < 0xc2) || lead > 0xf4;
    if (bad_lead || i + length > text.size()) {
      ADD_FAILURE() << "no UTF-8 at byte " << i << " of: " << text;
      return points;
    }
    char32_t point = length == 1 ? lead : lead & (0x7fU >> length);
    for (std::size_t k = 1; k < length; ++k) {
      const auto next = static_cast<unsigned char>(text[i + k]);
      EXPECT_EQ(next & 0xc0U, 0x80U) << "no UTF-8: " << text;
      point = (point << 6U) | (next & 0x3fU);
    }
    points.push_back(point);
    i += length;
  }
  return points;
}

void expect_harmless(const std::string& line) {
  const std::u32string points = code_points(line);
  EXPECT_TRUE(std::none_of(points.begin(), points.end(), is_control)) << line;
}

// The cells of a CSV row (RFC 4180).
std::vector<std::string> cells_of(const std::string& row) {
  std::vector<std::string> cells(1);
  bool quoted = false;
  for (std::size_t i = 0; i < row.size(); ++i) {
    if (row[i] == '"' && quoted && i + 1 < row.size() && row[i + 1] == '"') {
      cells.back() += row[++i];
    } else if (row[i] == '"') {
      quoted = !quoted;
    } else if (row[i] == ',' && !quoted) {
      cells.emplace_back();
    } else {
      cells.back() += row[i];
    }
  }
  EXPECT_FALSE(quoted) << row;
  return cells;
}

class names : public Suite {
 protected:
  // The lines that `command` gives.
  std::vector<std::string> told(std::vector<std::string> command) {
    Closewatch closewatch = watch(std::move(command));
    EXPECT_EQ(Child(close_under_every_name).wait(), 0);
    EXPECT_EQ(closewatch.interrupt(), 0) << closewatch.errors();
    return lines_of(closewatch.output());
  }
};

TEST_F(names, in_json) {
  const std::vector<std::string> lines = told({"trace", "-j"});
  ASSERT_EQ(lines.size(), kClosures);
  std::set<std::string> seen;
  for (const std::string& line : lines) {
    expect_harmless(line);
    const Json closure = Json::parse(line);
    const std::string comm = closure["process"]["comm"];
    const std::string local = closure["local"]["address"];
    const std::string address =
        local == "127.0.0.1" ? closure["peer"]["address"].get<std::string>() : local;
    unsigned byte = 0;
    unsigned shape = 0;
    ASSERT_EQ(std::sscanf(address.c_str(), "127.1.%u.%u", &byte, &shape), 2) << line;
    if (byte < 0x80) {
      EXPECT_EQ(comm, name_with(byte, shape)) << line;
    }
    seen.insert(comm);
  }
  EXPECT_EQ(seen.size(), kClosures / 2) << "two names look the same";
}

TEST_F(names, in_text) {
  for (const char* width : {"--timestamp", "--wide"}) {
    const std::vector<std::string> lines = told({"trace", width});
    EXPECT_EQ(lines.size(), 1 + kClosures);
    std::for_each(lines.begin(), lines.end(), expect_harmless);
  }
}

TEST_F(names, in_csv) {
  const std::vector<std::string> lines = told({"trace", "-o", "csv"});
  ASSERT_EQ(lines.size(), 1 + kClosures);
  const std::vector<std::string> heading = cells_of(lines[0]);
  const auto comm =
      static_cast<std::size_t>(std::find(heading.begin(), heading.end(), "comm") - heading.begin());
  ASSERT_LT(comm, heading.size());
  std::set<std::string> seen;
  for (std::size_t i = 1; i < lines.size(); ++i) {
    expect_harmless(lines[i]);
    const std::vector<std::string> cells = cells_of(lines[i]);
    ASSERT_EQ(cells.size(), heading.size()) << lines[i];
    EXPECT_EQ(std::string("=+-@").find(cells[comm][0]), std::string::npos) << lines[i];
    seen.insert(cells[comm]);
  }
  EXPECT_EQ(seen.size(), kClosures / 2) << "two names look the same";
}

}  // namespace
}  // namespace closewatch::storm
