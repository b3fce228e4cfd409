// SPDX-License-Identifier: Apache-2.0
#include "userspace/config/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <thread>

#include "userspace/config/describe.h"
#include "userspace/config/listing.h"

namespace closewatch {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Config parsed(std::string_view document) {
  auto result = parse_config(document);
  EXPECT_TRUE(std::holds_alternative<Config>(result))
      << std::get<std::vector<Complaint>>(result)[0].what;
  return std::get<Config>(std::move(result));
}

std::vector<Complaint> refused(std::string_view document) {
  auto result = parse_config(document);
  EXPECT_TRUE(std::holds_alternative<std::vector<Complaint>>(result));
  return std::get<std::vector<Complaint>>(std::move(result));
}

std::string content(const std::string& path) {
  std::ifstream file(path);
  EXPECT_TRUE(file.is_open()) << path;
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST(Config, OfNothingIsTheDefault) {
  const Config config = parsed("");
  EXPECT_EQ(config, Config{});
  EXPECT_EQ(config.kernel.hooks, "auto");
  EXPECT_EQ(config.kernel.ring_bytes, 4U << 20);
  EXPECT_EQ(config.log.level, LogLevel::info);
}

TEST(Config, TakesWhatToObserve) {
  const Config config = parsed(R"([observe]
hooks = "base"
ring_size = "16MiB"
user = ["root", "33"]
local_port = [80, 443]
peer_port = [5432]
family = "ipv6"
netns = "inode:4026531840"
unestablished = true
process = ["nginx", "php*"]
class = ["abortive"]
reason = ["unread_data", "linger_zero"]
lost = true
)");
  EXPECT_EQ(config.kernel.hooks, "base");
  EXPECT_EQ(config.kernel.ring_bytes, 16U << 20);
  EXPECT_THAT(config.filter.users, ElementsAre("root", "33"));
  EXPECT_THAT(config.filter.local_ports, ElementsAre(80, 443));
  EXPECT_THAT(config.filter.peer_ports, ElementsAre(5432));
  EXPECT_FALSE(config.filter.ipv4);
  EXPECT_TRUE(config.filter.ipv6);
  EXPECT_EQ(config.filter.netns, "inode:4026531840");
  EXPECT_TRUE(config.filter.unestablished);
  EXPECT_THAT(config.filter.comms, ElementsAre("nginx", "php*"));
  EXPECT_THAT(config.filter.classes, ElementsAre("abortive"));
  EXPECT_THAT(config.filter.reasons, ElementsAre("unread_data", "linger_zero"));
  EXPECT_TRUE(config.filter.lost);
}

TEST(Config, TakesHowToLog) {
  const Config config = parsed("[log]\nlevel = \"warning\"\nform = \"journal\"\n");
  EXPECT_EQ(config.log.level, LogLevel::warning);
  EXPECT_EQ(config.log.form, LogForm::journal);
}

TEST(Config, TakesWhatTheHistoryKeeps) {
  using namespace std::chrono_literals;
  const Config config = parsed(R"([history]
enabled = false
path = "/srv/h.db"
keep_closures = "30d"
keep_rollups = "365d"
max_size = "512MiB"
graceful_rows_per_minute = 0
rollup_keys_per_minute = 500
queue = 1024
pending_rows = 2048
)");
  EXPECT_FALSE(config.history.enabled);
  EXPECT_EQ(config.history.store, (history::Settings{.path = "/srv/h.db",
                                                     .keep_closures = 720h,
                                                     .keep_rollups = 8760h,
                                                     .max_bytes = 512U << 20,
                                                     .graceful_rows_per_minute = 0,
                                                     .rollup_keys_per_minute = 500,
                                                     .queue_closures = 1024,
                                                     .pending_rows = 2048}));
}

TEST(Config, TakesWhereMetricsAreServed) {
  const Config config = parsed(R"([metrics]
enabled = false
listen = ["[::1]:9000"]
socket_path = ""
socket_mode = "0600"
connections = 5
connections_per_address = 2
connection_idle = "3s"
processes = 10
process_idle = "5m"
)");
  EXPECT_FALSE(config.metrics.enabled);
  EXPECT_THAT(config.metrics.server.listen, ElementsAre("[::1]:9000"));
  EXPECT_EQ(config.metrics.server.socket_path, "");
  EXPECT_EQ(config.metrics.server.socket_mode, 0600);
  EXPECT_EQ(config.metrics.server.connections, 5);
  EXPECT_EQ(config.metrics.server.connections_per_address, 2);
  EXPECT_EQ(config.metrics.server.idle_seconds, 3);
  EXPECT_EQ(config.metrics.series.processes, 10);
  EXPECT_EQ(config.metrics.series.idle_minutes, 5);
}

TEST(Config, TakesRulesAndReceivers) {
  using namespace std::chrono_literals;
  const Config config = parsed(R"([alerts]
built_in = false
without = ["abortive_loss"]
log = false
queue = 16
[alerts.storm]
alerts = 3
interval = "10s"
[[alerts.rule]]
name = "resets"
severity = "critical"
process = ["nginx"]
class = ["abortive"]
reason = ["unread_data"]
lost = true
cgroup = ["/system.slice"]
local_port = [443]
blocked_at_least = "2s"
per = "cgroup"
measure = "share"
threshold = 0.5
resolve = 0.1
at_least = 20
window = "1m"
for = "30s"
cool_down = "1h"
[[alerts.rule]]
name = "any"
[[alerts.alertmanager]]
url = "http://127.0.0.1:9093"
[[alerts.webhook]]
url = "https://hooks.example.com/a"
attempts = 2
[[alerts.program]]
path = "/bin/true"
arguments = ["a", "b"]
)");
  const alert::Settings& settings = config.alerts.settings;
  EXPECT_FALSE(settings.built_in);
  EXPECT_FALSE(settings.log);
  EXPECT_EQ(settings.queue, 16);
  EXPECT_EQ(settings.storm, (alert::StormLimit{.alerts = 3, .interval = 10s}));
  ASSERT_EQ(settings.rules.size(), 2);
  EXPECT_EQ(settings.rules[0],
            (alert::Rule{.name = "resets",
                         .severity = alert::Severity::critical,
                         .match = {.selection = {.comms = {"nginx"},
                                                 .classes = {Class::abortive},
                                                 .reasons = {Reason::unread_data},
                                                 .lost_only = true},
                                   .cgroups = {"/system.slice"},
                                   .local_ports = {443},
                                   .blocked_at_least = 2s},
                         .per = alert::Scope::cgroup,
                         .measure = alert::Measure::share,
                         .threshold = 0.5,
                         .resolve = 0.1,
                         .at_least = 20,
                         .window = 1min,
                         .hold_for = 30s,
                         .cool_down = 1h}));
  EXPECT_EQ(settings.rules[1], (alert::Rule{.name = "any"}));
  ASSERT_EQ(settings.alertmanagers.size(), 1);
  EXPECT_EQ(settings.alertmanagers[0], (alert::HttpSettings{.url = "http://127.0.0.1:9093"}));
  ASSERT_EQ(settings.webhooks.size(), 1);
  EXPECT_EQ(settings.webhooks[0],
            (alert::HttpSettings{.url = "https://hooks.example.com/a", .attempts = 2}));
  ASSERT_EQ(settings.programs.size(), 1);
  EXPECT_EQ(settings.programs[0],
            (alert::ProgramSettings{.path = "/bin/true", .arguments = {"a", "b"}}));
}

struct Wrong {
  const char* name;
  const char* document;
  std::uint32_t line;
  std::uint32_t column;
  const char* what;
};

class WrongConfig : public ::testing::TestWithParam<Wrong> {};

TEST_P(WrongConfig, IsRefusedWhereItIsWrong) {
  const auto complaints = refused(GetParam().document);
  ASSERT_EQ(complaints.size(), 1) << complaints[1].what;
  EXPECT_EQ(complaints[0].line, GetParam().line);
  EXPECT_EQ(complaints[0].column, GetParam().column);
  EXPECT_EQ(complaints[0].what, GetParam().what);
}

INSTANTIATE_TEST_SUITE_P(
    All, WrongConfig,
    ::testing::Values(
        Wrong{"section", "[observ]\n", 1, 2, "observ: no such key; is observe meant?"},
        Wrong{"hooks", "[observe]\nhooks = 'kprobe'", 2, 9,
              "observe.hooks: one of auto, full, base is expected, not \"kprobe\""},
        Wrong{"ring", "[observe]\nring_size = '5MiB'", 2, 13,
              "observe.ring_size: a power of two is expected, for example 4MiB"},
        Wrong{"port", "[observe]\nlocal_port = [80, 70000]", 2, 19,
              "observe.local_port: a whole number from 1 to 65535 is expected, not 70000"},
        Wrong{"many",
              "[observe]\npeer_port = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17]",
              2, 13, "observe.peer_port: at most 16 values are expected, not 17"},
        Wrong{"user", "[observe]\nuser = [\"no such user\\u001b\"]", 2, 8,
              "observe.user: no such user: 'no such user\\x1b'"},
        Wrong{"netns", "[observe]\nnetns = 'inode:x'", 2, 9,
              "observe.netns: 'inode:x' holds no inode number"},
        Wrong{"class", "[observe]\nclass = ['abortiv']", 2, 10,
              "observe.class: \"abortiv\" is not known; is abortive meant?"},
        Wrong{"reason", "[observe]\nreason = ['unread']", 2, 11,
              "observe.reason: one of local_first, peer_first, simultaneous, linger_completed, "
              "linger_expired, retransmission, fin_unacked, zero_window, keepalive, user_timeout, "
              "unread_data, linger_zero, data_after_close, reset_by_peer, disconnected, destroyed, "
              "listener_closed, orphan_limit, linger2, fin_wait2_timeout, repair, refused, "
              "connect_timeout, connect_error, closed_in_syn_sent, unknown is expected, not "
              "\"unread\""},
        Wrong{"contradiction", "[observe]\nclass = ['graceful']\nreason = ['unread_data']", 3, 10,
              "observe.reason: no closure is both of the classes asked for and 'unread_data', "
              "which is abortive"},
        Wrong{
            "listen", "[metrics]\nlisten = ['0.0.0.0:9000']", 2, 10,
            "metrics.listen: 0.0.0.0:9000 is not loopback; set beyond_loopback = true and a token "
            "if that is meant"},
        Wrong{"max_size", "[history]\nmax_size = '2GB'", 2, 12,
              "history.max_size: a size such as \"512MiB\" from 1MiB to 1TiB is expected, not "
              "\"2GB\""},
        Wrong{"keep_rollups", "[history]\nkeep_closures = '30d'\nkeep_rollups = '1d'", 3, 16,
              "history.keep_rollups: at least keep_closures, at most 100 years is expected"},
        Wrong{"no_token", "[metrics]\nlisten = ['0.0.0.0:9000']\nbeyond_loopback = true", 1, 1,
              "metrics.token_file: 0.0.0.0:9000 is not loopback and there is no token; set a token "
              "of at least 16 characters"},
        Wrong{"token_file", "[metrics]\ntoken_file = '/nowhere'", 2, 14,
              "metrics.token_file: cannot read /nowhere: No such file or directory"},
        Wrong{"mode", "[metrics]\nsocket_mode = '0999'", 2, 15,
              "metrics.socket_mode: a file mode such as \"0660\" is expected, not \"0999\""},
        Wrong{
            "rule_name", "[[alerts.rule]]\nthreshold = 5", 1, 1,
            "alerts.rule.name: a lower-case letter, then at most 63 of a-z, 0-9 and _ is expected"},
        Wrong{"rule_twice", "[[alerts.rule]]\nname = 'a'\n[[alerts.rule]]\nname = 'a'", 4, 8,
              "alerts.rule.name: a name that no other rule has is expected"},
        Wrong{"rule_share", "[[alerts.rule]]\nname = 'a'\nmeasure = 'share'\nthreshold = 2", 4, 13,
              "alerts.rule.threshold: above 0, at most 1 is expected"},
        Wrong{
            "rule_window", "[[alerts.rule]]\nname = 'a'\nwindow = '0s'", 3, 10,
            "alerts.rule.window: a duration such as \"90s\" or \"24h\" from 1s to 1d is expected, "
            "not \"0s\""},
        Wrong{"without", "[alerts]\nwithout = ['abortive']", 2, 11,
              "alerts.without: names of built-in rules is expected"},
        Wrong{"url", "[[alerts.webhook]]\nurl = 'ftp://a'", 2, 7,
              "alerts.webhook.url: http:// or https:// and a host, without a user is expected"},
        Wrong{"ca_file", "[[alerts.webhook]]\nurl = 'https://a'\nca_file = '/nowhere'", 3, 11,
              "alerts.webhook.ca_file: cannot read /nowhere: No such file or directory"},
        Wrong{"ca_file_device", "[[alerts.webhook]]\nurl = 'https://a'\nca_file = '/dev/null'", 3,
              11, "alerts.webhook.ca_file: /dev/null is no regular file"},
        Wrong{"ca_file_relative", "[[alerts.webhook]]\nurl = 'https://a'\nca_file = 'ca.pem'", 3,
              11, "alerts.webhook.ca_file: an absolute path is expected"},
        Wrong{"program", "[[alerts.program]]\npath = 'page-me'", 2, 8,
              "alerts.program.path: an absolute path is expected"},
        Wrong{"level", "[log]\nlevel = 'warn'", 2, 9,
              "log.level: one of error, warning, notice, info, debug is expected, not \"warn\""}),
    [](const auto& test) { return test.param.name; });

class ConfigFile : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "config-XXXXXX";
    const int file = ::mkstemp(pattern.data());
    ASSERT_GE(file, 0);
    ::close(file);
    path_ = pattern;
  }
  void TearDown() override { ::unlink(path_.c_str()); }
  void write(const std::string& text) const { std::ofstream(path_) << text; }

  std::string path_;
};

TEST_F(ConfigFile, IsRead) {
  write("[log]\nlevel = 'debug'\n");
  const auto config = load_config(path_);
  ASSERT_TRUE(config.ok()) << config.error().what;
  EXPECT_EQ(config->log.level, LogLevel::debug);
}

TEST_F(ConfigFile, IsRefusedWithEachPlace) {
  write("[log]\nlevel = 5\nlevl = 'debug'\n");
  const auto config = load_config(path_);
  ASSERT_FALSE(config.ok());
  EXPECT_EQ(config.error().code, ExitCode::usage);
  EXPECT_EQ(config.error().what,
            path_ +
                ":2:9: log.level: one of error, warning, notice, info, debug is expected, not 5\n"
                "       " +
                path_ + ":3:1: log.levl: no such key; is level meant?");
}

// Group and owner may have it: 0440 is how systemd hands over a credential.
TEST_F(ConfigFile, MayNameASecretThatIsNotOpenToEverybody) {
  const std::string secret = path_ + ".token";
  std::ofstream(secret) << "0123456789abcdef\n";
  write("[metrics]\ntoken_file = '" + secret + "'\n");
  for (const mode_t closed : {0600U, 0640U, 0440U, 0400U}) {
    ASSERT_EQ(::chmod(secret.c_str(), closed), 0);
    const auto config = load_config(path_);
    ASSERT_TRUE(config.ok()) << config.error().what;
    EXPECT_EQ(config->metrics.server.token, "0123456789abcdef");
  }
  for (const mode_t open : {0644U, 0604U, 0602U, 0601U}) {
    ASSERT_EQ(::chmod(secret.c_str(), open), 0);
    const auto config = load_config(path_);
    ASSERT_FALSE(config.ok());
    EXPECT_EQ(config.error().code, ExitCode::usage);
    EXPECT_EQ(config.error().what,
              path_ + ":2:14: metrics.token_file: " + secret +
                  " is open to everybody: a secret is expected to be its owner's and group's "
                  "alone; chmod o= " +
                  secret);
  }
  ::unlink(secret.c_str());
}

TEST_F(ConfigFile, ThatIsTooLargeIsRefused) {
  write(std::string(kLargestConfig + 1, '#'));
  const auto config = load_config(path_);
  ASSERT_FALSE(config.ok());
  EXPECT_EQ(config.error().code, ExitCode::usage);
  EXPECT_THAT(config.error().what, HasSubstr("larger than 1 MiB"));
}

TEST_F(ConfigFile, ThatIsNotThereIsRefused) {
  const auto config = load_config(path_ + ".not-there");
  ASSERT_FALSE(config.ok());
  EXPECT_EQ(config.error().code, ExitCode::usage);
  EXPECT_THAT(config.error().what, HasSubstr("No such file"));
}

// None of them is waited for.
TEST_F(ConfigFile, ThatIsAPipeOrADeviceIsRefused) {
  const std::string pipe = path_ + ".pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  for (const std::string& path : {pipe, std::string("/dev/zero")}) {
    const auto config = load_config(path);
    ASSERT_FALSE(config.ok());
    EXPECT_EQ(config.error().code, ExitCode::usage);
    EXPECT_THAT(config.error().what, HasSubstr("no regular file"));
  }
  ::unlink(pipe.c_str());
}

// Who has nothing else to do waits for what is written to it.
TEST_F(ConfigFile, ThatIsAPipeIsReadByWhoCanWait) {
  const std::string pipe = path_ + ".pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  for (const std::string& level : {std::string("'debug'"), std::string("5")}) {
    std::thread writer([&] { std::ofstream(pipe) << "[log]\nlevel = " << level << "\n"; });
    const auto config = load_config_once(pipe);
    writer.join();
    if (level == "5") {
      ASSERT_FALSE(config.ok());
      EXPECT_THAT(config.error().what, HasSubstr(pipe + ":2:9: log.level: "));
    } else {
      ASSERT_TRUE(config.ok()) << config.error().what;
      EXPECT_EQ(config->log.level, LogLevel::debug);
    }
  }
  ::unlink(pipe.c_str());
  const auto endless = load_config_once("/dev/zero");
  ASSERT_FALSE(endless.ok());
  EXPECT_THAT(endless.error().what, HasSubstr("larger than 1 MiB"));
}

TEST_F(ConfigFile, ThatIsAFolderIsRefused) {
  for (const auto& config : {load_config("/"), load_config_once("/")}) {
    ASSERT_FALSE(config.ok());
    EXPECT_EQ(config.error().code, ExitCode::usage);
  }
}

// The file that is shipped has each key, with its default, behind a "#": with these gone it says
// what nothing says.
constexpr const char* kShipped = CLOSEWATCH_SOURCE_DIR "/tools/packaging/closewatch.toml";

bool is_repeated(std::string_view key) {
  return key.starts_with("alerts.rule.") || key.starts_with("alerts.alertmanager.") ||
         key.starts_with("alerts.webhook.") || key.starts_with("alerts.program.");
}

std::vector<ListedKey> all_keys() {
  Config config;
  const HostNames host = names_of_this_host();
  return list_keys([&](Fields& fields) { describe(fields, config, host); });
}

TEST(ShippedConfig, IsTheDefaultAsItIs) { EXPECT_EQ(parsed(content(kShipped)), Config{}); }

TEST(ShippedConfig, IsTheDefaultWithEveryKeySaid) {
  std::istringstream lines(content(kShipped));
  std::string said;
  for (std::string line; std::getline(lines, line);) {
    const bool key =
        line.size() > 1 && line[0] == '#' && line[1] != ' ' && line[1] != '[' && line[1] != '#';
    said += (key ? line.substr(1) : line) + "\n";
  }
  EXPECT_EQ(parsed(said), Config{});
}

TEST(ShippedConfig, HasEveryKeyWithItsDefault) {
  std::istringstream lines(content(kShipped));
  std::string section;
  std::vector<std::string> said;
  for (std::string line; std::getline(lines, line);) {
    const bool header = line.starts_with('[') || line.starts_with("##[");
    if (header) {
      const std::size_t begin = line.find_last_of('[') + 1;
      section = line.substr(begin, line.find(']') - begin);
    } else if (line.size() > 1 && line[0] == '#' && line[1] != ' ') {
      said.push_back(section + "." + line.substr(line.find_first_not_of('#')));
    }
  }
  for (const ListedKey& key : all_keys()) {
    // Sections that may be there several times are examples, with values of their own.
    EXPECT_THAT(said,
                testing::Contains(is_repeated(key.name)
                                      ? testing::StartsWith(key.name + " = ")
                                      : testing::StartsWith(key.name + " = " + key.otherwise)));
  }
}

TEST(ShippedConfig, HasExamplesThatAreAllowed) {
  std::istringstream lines(content(kShipped));
  std::string said;
  for (std::string line; std::getline(lines, line);) {
    const bool secret = line.find("token_file = \"/") != std::string::npos;  // not there here
    said += secret ? "\n" : line.substr(line.starts_with("##") ? 2 : 0) + "\n";
  }
  const Config config = parsed(said);
  ASSERT_EQ(config.alerts.settings.rules.size(), 1);
  EXPECT_EQ(config.alerts.settings.rules[0].name, "checkout_resets");
  EXPECT_EQ(config.alerts.settings.alertmanagers.size(), 1);
  EXPECT_EQ(config.alerts.settings.webhooks.size(), 1);
  EXPECT_EQ(config.alerts.settings.programs.size(), 1);
}

// closewatch.toml(5) has a .TP entry ".B key" or ".BR key" below the .SS of its section.
TEST(ConfigManual, HasEveryKeyAndItsDefault) {
  std::istringstream lines(content(CLOSEWATCH_SOURCE_DIR "/tools/packaging/closewatch.toml.5"));
  std::string section;
  std::vector<std::string> said;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(".SS ")) {
      const std::size_t begin = line.find_last_of('[') + 1;
      section = line.substr(begin, line.find(']') - begin);
    } else if (line.starts_with(".BI ")) {
      said.push_back(section + "." + line.substr(4));
    }
  }
  for (const ListedKey& key : all_keys()) {
    std::string value = key.otherwise;
    for (std::size_t at = 0; (at = value.find('"', at)) != std::string::npos; at += 4) {
      value.replace(at, 1, "\\(dq");
    }
    EXPECT_THAT(said, testing::Contains(key.name + " \" = " + value + "\""));
  }
}

}  // namespace
}  // namespace closewatch
