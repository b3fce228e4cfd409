// SPDX-License-Identifier: Apache-2.0
// What userspace/history/README.md tells people who bring their own SQL is what a file holds.
#include <fstream>
#include <sstream>

#include "tests/unit/history/history_file.h"
#include "userspace/history/schema.h"

namespace closewatch::history {
namespace {

class SchemaDocument : public ::testing::Test {
 protected:
  void SetUp() override {
    std::stringstream text;
    text << std::ifstream(CLOSEWATCH_SOURCE_DIR "/userspace/history/README.md").rdbuf();
    document_ = text.str();
    const std::size_t begin = document_.find("## The file, for your own SQL");
    ASSERT_NE(begin, std::string::npos);
    document_.erase(0, begin);
    write_history(settings_for(folder_), {abortive(1), graceful(2)});
  }
  [[nodiscard]] std::vector<std::string> texts(const std::string& sql) const {
    auto database = Database::open(folder_.file(), Database::Mode::read, 5000);
    EXPECT_TRUE(database.ok());
    auto query = database->prepare(sql);
    EXPECT_TRUE(query.ok()) << sql;
    std::vector<std::string> found;
    while (query.ok() && *query->step()) {
      found.emplace_back(query->text());
    }
    return found;
  }
  [[nodiscard]] bool names(const std::string& name) const {
    return document_.find("`" + name + "`") != std::string::npos;
  }

  Folder folder_;
  std::string document_;
};

TEST_F(SchemaDocument, NamesEveryTableAndColumn) {
  for (const std::string& table :
       texts("SELECT name FROM sqlite_schema WHERE type IN ('table', 'view')")) {
    EXPECT_TRUE(names(table)) << table;
    if (table.ends_with("_text")) {
      continue;  // names joined
    }
    for (const std::string& column : texts("SELECT name FROM pragma_table_info('" + table + "')")) {
      EXPECT_TRUE(names(column)) << table << "." << column;
    }
  }
}

TEST_F(SchemaDocument, NamesEveryKindOfLossAndTheVersion) {
  for (std::size_t kind = 0; kind < kLossKindCount; ++kind) {
    const std::string name(name_of(static_cast<LossKind>(kind)));
    EXPECT_TRUE(names(name)) << name;
  }
  EXPECT_NE(document_.find("is the schema version, " + std::to_string(kSchemaVersion) + "."),
            std::string::npos);
}

TEST_F(SchemaDocument, GivesTheKeyOfEachTable) {
  for (const auto& [table, key] :
       {std::pair("rollup", "`process` `class` `reason` `network` `port`"),
        std::pair("closure", "`ended_ns` `cpu`")}) {
    std::string columns;
    for (const std::string& column :
         texts(std::string("SELECT name FROM pragma_table_info('") + table +
               "') WHERE pk > 0 AND name <> 'minute' ORDER BY pk")) {
      columns += (columns.empty() ? "`" : " `") + column + "`";
    }
    EXPECT_EQ(columns, key);
    const std::size_t row = document_.find(std::string("| `") + table + "` |");
    ASSERT_NE(row, std::string::npos);
    EXPECT_NE(document_.substr(row, document_.find('\n', row) - row).find(key), std::string::npos);
  }
}

// Its examples run, and find the closure that was aborted.
TEST_F(SchemaDocument, ItsExamplesAnswer) {
  std::size_t at = document_.find("```sql\n") + 7;
  std::stringstream examples(document_.substr(at, document_.find("```", at) - at));
  std::vector<std::string> answers;
  for (std::string sql; std::getline(examples, sql);) {
    const auto first = texts(sql);
    answers.push_back(first.empty() ? "nothing" : first.front());
  }
  EXPECT_EQ(answers, (std::vector<std::string>{"peer_first", "nginx"}));
}

}  // namespace
}  // namespace closewatch::history
