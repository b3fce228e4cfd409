// SPDX-License-Identifier: Apache-2.0
#include "userspace/config/reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "userspace/config/listing.h"

namespace closewatch {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// One key of each kind.
struct Values {
  bool flag = true;
  std::uint64_t number = 7;
  double decimal = 0.5;
  Fields::Duration duration = 90s;
  std::uint64_t size = 4096;
  std::string text = "as is";
  Fields::Texts texts{"a", "b"};
  Fields::Numbers numbers{80};
  std::string choice = "red";
  Fields::Texts choices{};
  std::vector<std::string> items{};

  friend bool operator==(const Values&, const Values&) = default;
};

void describe(Fields& fields, Values& values) {
  fields.section("kinds", [&](Fields& kinds) {
    values.flag = kinds.flag("flag", values.flag);
    values.number = kinds.number("number", values.number, {1, 100});
    values.decimal = kinds.decimal("decimal", values.decimal, {0, 1});
    values.duration = kinds.duration("duration", values.duration, {1s, 24h});
    values.size = kinds.size("size", values.size, {1024, 1U << 20});
    values.text = kinds.text("text", values.text,
                             {.expected = "an absolute path",
                              .holds = [](std::string_view text) { return text[0] != 'x'; }});
    values.texts = kinds.texts("texts", values.texts, {});
    values.numbers = kinds.numbers("numbers", values.numbers, {1, 65535});
    values.choice = kinds.choice("choice", values.choice, {"red", "green"});
    values.choices = kinds.choices("choices", values.choices, {"red", "green"});
  });
  fields.sections("item", [&](Fields& item) {
    values.items.push_back(item.text("name", "", {}));
    if (!item.says("name")) {
      item.refuse("name", "a name is needed");
    }
  });
}

std::vector<Complaint> read(std::string_view document, Values& values) {
  return read_toml(document, [&](Fields& fields) { describe(fields, values); });
}

TEST(Reader, LeavesWhatIsNotSaid) {
  for (const char* document : {"", "[kinds]\n", "# nothing\n"}) {
    Values values;
    EXPECT_THAT(read(document, values), IsEmpty());
    EXPECT_EQ(values, Values{});
  }
}

TEST(Reader, TakesEachKind) {
  Values values;
  EXPECT_THAT(read(R"([kinds]
flag = false
number = 100
decimal = 1
duration = "24h"
size = "1KiB"
text = "other"
texts = []
numbers = [1, 65535]
choice = "green"
choices = ["green", "red"]
[[item]]
name = "first"
[[item]]
name = "second"
)",
                   values),
              IsEmpty());
  EXPECT_EQ(values, (Values{.flag = false,
                            .number = 100,
                            .decimal = 1,
                            .duration = 24h,
                            .size = 1024,
                            .text = "other",
                            .texts = {},
                            .numbers = {1, 65535},
                            .choice = "green",
                            .choices = {"green", "red"},
                            .items = {"first", "second"}}));
}

struct Misread {
  const char* name;
  const char* document;
  Complaint complaint;
};

class WrongDocument : public ::testing::TestWithParam<Misread> {};

TEST_P(WrongDocument, IsRefusedWhereItIsWrong) {
  Values values;
  EXPECT_THAT(read(GetParam().document, values), ElementsAre(GetParam().complaint));
}

constexpr const char* kNumber = "kinds.number: a whole number from 1 to 100 is expected, not ";
constexpr const char* kDecimal = "kinds.decimal: a number from 0 to 1 is expected, not ";
constexpr const char* kDuration =
    "kinds.duration: a duration such as \"90s\" or \"24h\" from 1s to 1d is expected, not ";
constexpr const char* kSize =
    "kinds.size: a size such as \"512MiB\" from 1KiB to 1MiB is expected, not ";

std::string with(const char* expected, const char* shown) { return std::string(expected) + shown; }

INSTANTIATE_TEST_SUITE_P(
    Kinds, WrongDocument,
    ::testing::Values(
        Misread{
            "flag", "[kinds]\nflag = 1\n", {2, 8, "kinds.flag: true or false is expected, not 1"}},
        Misread{"flag_text",
                "[kinds]\nflag = 'yes'",
                {2, 8, "kinds.flag: true or false is expected, not \"yes\""}},
        Misread{"number_low", "[kinds]\n\nnumber = 0", {3, 10, with(kNumber, "0")}},
        Misread{"number_high", "kinds.number = 101", {1, 16, with(kNumber, "101")}},
        Misread{"number_negative", "[kinds]\nnumber=-1", {2, 8, with(kNumber, "-1")}},
        Misread{"number_fraction", "[kinds]\nnumber = 1.5", {2, 10, with(kNumber, "1.5")}},
        Misread{"number_text", "[kinds]\nnumber = '7'", {2, 10, with(kNumber, "\"7\"")}},
        Misread{"decimal_high", "[kinds]\n  decimal = 1.01", {2, 13, with(kDecimal, "1.01")}},
        Misread{"decimal_nan", "[kinds]\ndecimal = nan", {2, 11, with(kDecimal, "nan")}},
        Misread{"decimal_flag", "[kinds]\ndecimal = true", {2, 11, with(kDecimal, "true")}},
        Misread{"duration_number", "[kinds]\nduration = 90", {2, 12, with(kDuration, "90")}},
        Misread{
            "duration_word", "[kinds]\nduration = 'long'", {2, 12, with(kDuration, "\"long\"")}},
        Misread{"duration_short", "[kinds]\nduration = '1ms'", {2, 12, with(kDuration, "\"1ms\"")}},
        Misread{"duration_long", "[kinds]\nduration = '25h'", {2, 12, with(kDuration, "\"25h\"")}},
        Misread{"duration_date",
                "[kinds]\nduration = 2026-01-31",
                {2, 12, with(kDuration, "a date or a time")}},
        Misread{"size_unit", "[kinds]\nsize = '64kB'", {2, 8, with(kSize, "\"64kB\"")}},
        Misread{"size_small", "[kinds]\nsize = '1023B'", {2, 8, with(kSize, "\"1023B\"")}},
        Misread{"size_list", "[kinds]\nsize = ['1KiB']", {2, 8, with(kSize, "a list")}},
        Misread{"text_rule",
                "[kinds]\ntext = 'xyz'",
                {2, 8, "kinds.text: an absolute path is expected, not \"xyz\""}},
        Misread{"text_number",
                "[kinds]\ntext = 5",
                {2, 8, "kinds.text: an absolute path is expected, not 5"}},
        Misread{"text_zero_byte",
                "[kinds]\ntext = \"a\\u0000b\"",
                {2, 8, "kinds.text: an absolute path is expected, not \"a\\x00b\""}},
        Misread{"texts_single",
                "[kinds]\ntexts = 'a'",
                {2, 9, "kinds.texts: a list in [ ] is expected, not \"a\""}},
        Misread{"texts_element",
                "[kinds]\ntexts = ['a', 5]",
                {2, 15, "kinds.texts: a text is expected, not 5"}},
        Misread{"numbers_element",
                "[kinds]\nnumbers = [1,\n 65536]",
                {3, 2, "kinds.numbers: a whole number from 1 to 65535 is expected, not 65536"}},
        Misread{"choice_near",
                "[kinds]\nchoice = 'gren'",
                {2, 10, "kinds.choice: \"gren\" is not known; is green meant?"}},
        Misread{"choice_far",
                "[kinds]\nchoice = 'turquoise'",
                {2, 10, "kinds.choice: one of red, green is expected, not \"turquoise\""}},
        Misread{"choices_element",
                "[kinds]\nchoices = ['red', 3]",
                {2, 19, "kinds.choices: one of red, green is expected, not 3"}}),
    [](const auto& test) { return test.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Keys, WrongDocument,
    ::testing::Values(
        Misread{
            "near", "[kinds]\n numbr = 5", {2, 2, "kinds.numbr: no such key; is number meant?"}},
        Misread{"far",
                "[[item]]\nname = 'a'\ncolour = 1",
                {3, 1, "item.colour: no such key; there are name"}},
        Misread{"section", "[kind]\nnumber = 5", {1, 2, "kind: no such key; is kinds meant?"}},
        Misread{"escape",
                "\"\\u001b[31m\" = 1",
                {1, 1, "\\x1b[31m: no such key; there are kinds, item"}},
        Misread{
            "not_a_section", "kinds = 5", {1, 9, "kinds: a section [kinds] is expected, not 5"}},
        Misread{"not_sections",
                "[item]\nname = 'a'",
                {1, 1, "item: sections [[item]] is expected, not a section"}},
        Misread{"refused_at_the_section", "\n[[item]]\n", {2, 1, "item.name: a name is needed"}}),
    [](const auto& test) { return test.param.name; });

TEST(Reader, TellsAllThatIsWrongInTheOrderOfTheFile) {
  Values values;
  EXPECT_THAT(read("[kinds]\nzzzzzzzz = 1\nnumber = 0\nflag = 3\n", values),
              ElementsAre(testing::Field(&Complaint::line, 2), testing::Field(&Complaint::line, 3),
                          testing::Field(&Complaint::line, 4)));
}

TEST(Reader, TellsWhereADocumentIsNoToml) {
  Values values;
  const auto complaints = read("[kinds]\nnumber = 5\nflag = tru\n", values);
  ASSERT_EQ(complaints.size(), 1);
  EXPECT_EQ(complaints[0].line, 3);
  EXPECT_EQ(complaints[0].column, 11);
  EXPECT_THAT(complaints[0].what, HasSubstr("boolean"));
}

TEST(Reader, ShowsNoMoreThanTheBeginningOfAValue) {
  Values values;
  const auto complaints = read("[kinds]\nduration = '" + std::string(1000, 'a') + "'", values);
  ASSERT_EQ(complaints.size(), 1);
  EXPECT_THAT(complaints[0].what, testing::EndsWith("not \"" + std::string(39, 'a') + "~\""));
}

TEST(Listing, NamesEveryKeyWithItsDefault) {
  Values values;
  EXPECT_THAT(list_keys([&](Fields& fields) { describe(fields, values); }),
              ElementsAre(ListedKey{"kinds.flag", "true"}, ListedKey{"kinds.number", "7"},
                          ListedKey{"kinds.decimal", "0.5"}, ListedKey{"kinds.duration", "\"90s\""},
                          ListedKey{"kinds.size", "\"4KiB\""}, ListedKey{"kinds.text", "\"as is\""},
                          ListedKey{"kinds.texts", "[\"a\", \"b\"]"},
                          ListedKey{"kinds.numbers", "[80]"}, ListedKey{"kinds.choice", "\"red\""},
                          ListedKey{"kinds.choices", "[]"}, ListedKey{"item.name", "\"\""}));
}

}  // namespace
}  // namespace closewatch
