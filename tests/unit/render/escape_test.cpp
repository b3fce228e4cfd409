// SPDX-License-Identifier: Apache-2.0
#include "userspace/render/escape.h"

#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "tests/unit/render/csv_reader.h"
#include "tests/unit/render/hostile_names.h"
#include "tests/unit/render/terminal_width.h"

namespace closewatch {
namespace {

std::string json_of(std::string_view text) {
  TextBuffer out;
  append_json_string(out, text);
  return std::string(view_of(out));
}

std::string terminal_of(std::string_view text, Charset charset = Charset::utf8) {
  TextBuffer out;
  append_terminal_text(out, text, charset);
  return std::string(view_of(out));
}

std::string csv_of(std::string_view text) {
  TextBuffer out;
  append_csv_cell(out, text);
  return std::string(view_of(out));
}

std::string message_of(std::string_view text) {
  TextBuffer out;
  append_message(out, text);
  return std::string(view_of(out));
}

TEST(Message, LeavesWhatIsPrintableAlone) {
  EXPECT_EQ(message_of(""), "");
  EXPECT_EQ(message_of("cannot read caf\xc3\xa9: 'a\\x1b'"), "cannot read caf\xc3\xa9: 'a\\x1b'");
  EXPECT_EQ(message_of("a:1:2: wrong\n       a:3:4: wrong"), "a:1:2: wrong\n       a:3:4: wrong");
}

TEST(Message, EscapesWhatANameMayHold) {
  EXPECT_EQ(message_of("cannot open a\x1b[31m\nb\r\t\x7f\xff\xe2\x80\xae: no"),
            "cannot open a\\x1b[31m\\x0ab\\x0d\\x09\\x7f\\xff\\xe2\\x80\\xae: no");
  EXPECT_EQ(message_of("a\n      b"), "a\\x0a      b");
}

TEST(JsonString, LeavesOrdinaryTextAlone) {
  EXPECT_EQ(json_of(""), R"("")");
  EXPECT_EQ(json_of("nginx: worker"), R"("nginx: worker")");
  EXPECT_EQ(json_of("/system.slice/caf\xc3\xa9.service"), "\"/system.slice/caf\xc3\xa9.service\"");
}

TEST(JsonString, EscapesExactly) {
  EXPECT_EQ(json_of("a\"b\\c"), R"("a\"b\\c")");
  EXPECT_EQ(json_of("a\n\x1b[31m\x7f"), R"("a\u000a\u001b[31m\u007f")");
  EXPECT_EQ(json_of("\xc2\x9b"), R"("\u009b")");
  EXPECT_EQ(json_of("\xe2\x80\xae\xe2\x80\xa8\xe2\x80\xa9\xe2\x81\xa6"),
            R"("\u202e\u2028\u2029\u2066")");
  EXPECT_EQ(json_of("\xf3\xa0\x81\x81"), R"("\udb40\udc41")");
  EXPECT_EQ(json_of("\xff"), R"("\ufffdff")");
  EXPECT_EQ(json_of("a\xe4\xb8"), R"("a\ufffde4\ufffdb8")");
  EXPECT_EQ(json_of("\xef\xbf\xbd"), R"("\ufffdef\ufffdbf\ufffdbd")");
  EXPECT_EQ(json_of(std::string_view("a\0b", 3)), R"("a\u0000b")");
}

TEST(JsonString, OfAnyBytesParsesStrictlyAndCanBeUndone) {
  std::set<std::string> seen;
  for (const std::string& name : hostile_names()) {
    const std::string json = json_of(name);
    EXPECT_FALSE(has_raw_control(json)) << json;
    const nlohmann::json parsed = nlohmann::json::parse(json, nullptr, false);
    ASSERT_TRUE(parsed.is_string()) << json;
    EXPECT_EQ(undo_replacements(parsed.get<std::string>()), name) << json;
    seen.insert(json);
  }
  const std::vector<std::string> names = hostile_names();
  EXPECT_EQ(seen.size(), std::set<std::string>(names.begin(), names.end()).size());
}

TEST(TerminalText, EscapesExactly) {
  EXPECT_EQ(terminal_of("nginx: worker"), "nginx: worker");
  EXPECT_EQ(terminal_of("a\n\x1b[31m\x7f"), R"(a\x0a\x1b[31m\x7f)");
  EXPECT_EQ(terminal_of("a\\x0a"), R"(a\\x0a)");
  EXPECT_EQ(terminal_of("\xc2\x9b\x9b\xff"), R"(\xc2\x9b\x9b\xff)");
  EXPECT_EQ(terminal_of("\xe2\x80\xaetxt"), R"(\xe2\x80\xaetxt)");
  EXPECT_EQ(terminal_of("a\xe2\x80\x8b"), R"(a\xe2\x80\x8b)");
  EXPECT_EQ(terminal_of("\xc3\xa9\xe4\xb8\xad"), "\xc3\xa9\xe4\xb8\xad");
}

TEST(TerminalText, ForAnEightBitTerminalIsAscii) {
  EXPECT_EQ(terminal_of("\xc3\xa9\xe2\x9b\x9b", Charset::ascii), R"(\xc3\xa9\xe2\x9b\x9b)");
}

TEST(TerminalText, OfAnyBytesIsPrintableAndCanBeUndone) {
  for (const std::string& name : hostile_names()) {
    for (const Charset charset : {Charset::ascii, Charset::utf8}) {
      const std::string text = terminal_of(name, charset);
      EXPECT_FALSE(has_raw_control(text)) << text;
      EXPECT_GE(terminal_width(text), 0) << text;
      EXPECT_EQ(undo_backslashes(text), name) << text;
    }
  }
}

TEST(CsvCell, EscapesExactly) {
  EXPECT_EQ(csv_of("nginx"), "nginx");
  EXPECT_EQ(csv_of(""), "");
  EXPECT_EQ(csv_of("a,b"), R"("a,b")");
  EXPECT_EQ(csv_of("a\"b"), R"("a""b")");
  EXPECT_EQ(csv_of("a\r\nb"), R"(a\x0d\x0ab)");
  EXPECT_EQ(csv_of("a\\b"), R"(a\\b)");
  EXPECT_EQ(csv_of(" a"), R"(" a")");
  EXPECT_EQ(csv_of("\xff\xe2\x80\xae"), R"(\xff\xe2\x80\xae)");
  EXPECT_EQ(csv_of("\xc3\xa9"), "\xc3\xa9");
}

TEST(CsvCell, NeverBeginsLikeAFormula) {
  EXPECT_EQ(csv_of("=cmd|'/C calc'!A0"), "'=cmd|'/C calc'!A0");
  EXPECT_EQ(csv_of("=1,2"), R"("'=1,2")");
  EXPECT_EQ(csv_of("+1"), "'+1");
  EXPECT_EQ(csv_of("-1"), "'-1");
  EXPECT_EQ(csv_of("@A"), "'@A");
  EXPECT_EQ(csv_of("\t=1"), R"(\x09=1)");
  EXPECT_EQ(csv_of("\r=1"), R"(\x0d=1)");
  EXPECT_EQ(csv_of("\xef\xbc\x9d"
                   "1"),
            "'\xef\xbc\x9d"
            "1");
  EXPECT_EQ(csv_of("'=1"), "''=1");
}

TEST(CsvCell, OfAnyBytesIsOneCellAndCanBeUndone) {
  for (const std::string& name : hostile_names()) {
    const std::string cell = csv_of(name);
    EXPECT_FALSE(has_raw_control(cell)) << cell;
    const auto cells = read_csv_line("before," + cell + ",after");
    ASSERT_TRUE(cells.has_value()) << cell;
    ASSERT_EQ(cells->size(), 3U) << cell;
    EXPECT_EQ(undo_csv_escapes(cells->at(1)), name) << cell;
    EXPECT_EQ(std::string_view("=+-@\t\r").find(cells->at(1)[0]), std::string_view::npos) << cell;
  }
}

struct Fit {
  std::string_view text;
  std::size_t width;
  std::string_view fitted;
  std::size_t columns;
};

class FitColumns : public testing::TestWithParam<Fit> {};

TEST_P(FitColumns, CutsVisibly) {
  TextBuffer out;
  append(out, "kept ");
  append(out, GetParam().text);
  EXPECT_EQ(fit_columns(out, 5, GetParam().width), GetParam().columns);
  EXPECT_EQ(view_of(out), "kept " + std::string(GetParam().fitted));
}

INSTANTIATE_TEST_SUITE_P(Texts, FitColumns,
                         testing::Values(Fit{"", 3, "", 0}, Fit{"abc", 3, "abc", 3},
                                         Fit{"abcd", 3, "ab~", 3}, Fit{"abcd", 1, "~", 1},
                                         // an ideograph takes two columns and is never split
                                         Fit{"\xe4\xb8\xad\xe4\xb8\xad", 4,
                                             "\xe4\xb8\xad\xe4\xb8\xad", 4},
                                         Fit{"\xe4\xb8\xad\xe4\xb8\xad", 3, "\xe4\xb8\xad~", 3},
                                         Fit{"a\xe4\xb8\xad\xe4\xb8\xad", 3, "a~", 2}));

TEST(ColumnsOf, CountsColumnsAndNotBytes) {
  EXPECT_EQ(columns_of("abc"), 3U);
  EXPECT_EQ(columns_of("\xc3\xa9\xe4\xb8\xad"), 3U);
}

}  // namespace
}  // namespace closewatch
