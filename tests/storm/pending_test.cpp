// SPDX-License-Identifier: Apache-2.0
// Closes that go on in the background: `closewatch pending` tells what is left of them, and who
// closed and when if a closewatch that runs has seen it.
#include <linux/capability.h>
#include <linux/sockios.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <functional>
#include <sstream>
#include <string>
#include <vector>

#include "tests/storm/child.h"
#include "tests/storm/connection.h"
#include "tests/storm/must.h"
#include "tests/storm/network.h"
#include "tests/storm/shared.h"
#include "tests/storm/story.h"
#include "tests/storm/suite.h"
#include "userspace/base/clock.h"

namespace closewatch::storm {
namespace {

// More than the window that a SYN-ACK can announce, which is never scaled (RFC 7323).
constexpr int kGiven = 100'000;
constexpr uid_t kGiver = 65534;
constexpr const char* kGiverName = "pending-giver";
constexpr const char* kNobodySaw =
    "closewatch: no other closewatch is running (or its ledger may not be read): who closed, and "
    "when, is unknown\n";
constexpr const char* kPendingColumns =
    "pid,comm,uid,state,age_us,unacked,never_sent,local_address,local_port,peer_address,peer_port,"
    "netns";

// What the kernel said of the client just before it closed, and between which moments it did.
struct Given {
  Sign unheard;
  std::uint16_t port = 0;
  int never_sent = 0;
  int unacked = 0;
  std::uint64_t before_ns = 0;
  std::uint64_t after_ns = 0;
};

void give_and_close(const Listener& listener, int bytes, Given& given) {
  ::prctl(PR_SET_NAME, kGiverName);
  must(::setuid(kGiver), "setuid");
  UniqueFd fd = open_socket();
  listener.reach(fd.get(), kLoopback);
  given.unheard.await();
  give(fd.get(), static_cast<std::size_t>(bytes));
  given.port = local_port(fd.get());
  given.never_sent = queued(fd.get(), SIOCOUTQNSD);
  given.unacked = queued(fd.get(), SIOCOUTQ) - given.never_sent;
  given.before_ns = boot_now_ns();
  fd.reset();
  given.after_ns = boot_now_ns();
}

// A close by a process of its own, which goes on until the peer, who hears nothing, resets.
struct Background {
  Shared<Given> given = make_shared_value<Given>();
  pid_t pid = 0;
  UniqueFd peer;
  std::uint16_t peer_port;

  explicit Background(const Listener& listener, int bytes = kGiven) : peer_port(listener.port()) {
    Child giver([&] { give_and_close(listener, bytes, *given); });
    pid = giver.pid();
    peer = listener.accept();
    drop_arriving(peer.get());
    given->unheard.give();
    EXPECT_EQ(giver.wait(), 0);
    EXPECT_EQ(given->unacked + given->never_sent, bytes);
  }

  [[nodiscard]] Json process() const {
    return {{"pid", pid}, {"comm", kGiverName}, {"uid", kGiver}};
  }
  [[nodiscard]] Json row(const Json& process, const Json& age_us, std::uint32_t network) const {
    return {{"v", 1},
            {"process", process},
            {"state", "FIN_WAIT1"},
            {"age_us", age_us},
            {"bytes", {{"unacked", given->unacked}, {"never_sent", given->never_sent}}},
            {"local", {{"address", "127.0.0.1"}, {"port", given->port}}},
            {"peer", {{"address", "127.0.0.1"}, {"port", peer_port}}},
            {"netns", network}};
  }
  void reset() {
    set_linger_zero(peer.get());
    peer.reset();
  }
};

struct Answer {
  std::string output;
  std::string errors;
  std::uint64_t asked_ns;
  std::uint64_t told_ns;

  [[nodiscard]] std::vector<Json> rows() const {
    std::vector<Json> rows;
    for (const std::string& line : lines_of(output)) {
      rows.push_back(Json::parse(line));
    }
    return rows;
  }
};

Answer answer_to(std::vector<std::string> words, const std::function<void()>& before) {
  const std::uint64_t asked_ns = boot_now_ns();
  Closewatch closewatch(
      {.program = {.path = program().path}, .arguments = std::move(words), .before_exec = before});
  EXPECT_EQ(closewatch.wait(), 0) << closewatch.errors();
  return {closewatch.output(), closewatch.errors(), asked_ns, boot_now_ns()};
}

std::vector<std::string> words_of(const std::string& line) {
  std::istringstream stream(line);
  std::vector<std::string> words;
  for (std::string word; stream >> word;) {
    words.push_back(word);
  }
  return words;
}

class pending : public Suite {
 protected:
  // Of the test's namespace, by somebody in another one.
  [[nodiscard]] Answer ask(const std::vector<std::string>& options) const {
    std::vector<std::string> words{"pending", "-N", "inode:" + std::to_string(network_)};
    words.insert(words.end(), options.begin(), options.end());
    return answer_to(std::move(words), enter_new_network);
  }

  void expect_nothing() const {
    EXPECT_EQ(ask({"-j"}).output, "");
    EXPECT_EQ(ask({"-o", "csv"}).output, std::string(kPendingColumns) + "\n");
    EXPECT_EQ(ask({}).output, "no close is running in the background\n");
  }
};

TEST_F(pending, tells_who_closed_and_what_is_left) {
  const Listener listener;
  const Closewatch closewatch = watch();
  Background background(listener);
  EXPECT_GT(background.given->unacked, 0);
  EXPECT_GT(background.given->never_sent, 0);

  const Answer told = ask({"-j"});
  EXPECT_EQ(told.errors, "");
  const std::vector<Json> rows = told.rows();
  ASSERT_EQ(rows.size(), 1U) << told.output;
  const Json& age_us = rows[0]["age_us"];
  EXPECT_EQ(rows[0], background.row(background.process(), age_us, network_));
  EXPECT_GE(age_us, (told.asked_ns - background.given->after_ns) / 1000);
  EXPECT_LE(age_us, (told.told_ns - background.given->before_ns) / 1000);

  background.reset();
  await_closed(1);
  expect_nothing();
}

TEST_F(pending, is_one_row_in_text_and_in_csv) {
  const Listener listener;
  const Closewatch closewatch = watch();
  const Background background(listener);
  const std::string pid = std::to_string(background.pid);
  const std::string port = std::to_string(background.given->port);
  const std::string peer_port = std::to_string(listener.port());
  const std::string unacked = std::to_string(background.given->unacked);
  const std::string never_sent = std::to_string(background.given->never_sent);

  const std::vector<std::string> text = lines_of(ask({}).output);
  ASSERT_EQ(text.size(), 2U);
  EXPECT_EQ(words_of(text[0]),
            (std::vector<std::string>{"PID", "COMM", "STATE", "AGE", "UNACKED", "UNSENT", "PEER"}));
  std::vector<std::string> cells = words_of(text[1]);
  ASSERT_EQ(cells.size(), 7U) << text[1];
  EXPECT_NE(cells[3], "-");
  cells[3] = "";  // no two have the same age
  EXPECT_EQ(cells, (std::vector<std::string>{pid, kGiverName, "FIN_WAIT1", "", unacked, never_sent,
                                             "127.0.0.1:" + peer_port}));

  const Answer told = ask({"-o", "csv"});
  const std::vector<std::string> csv = lines_of(told.output);
  ASSERT_EQ(csv.size(), 2U);
  EXPECT_EQ(csv[0], kPendingColumns);
  const std::string head = pid + "," + kGiverName + "," + std::to_string(kGiver) + ",FIN_WAIT1,";
  ASSERT_EQ(csv[1].find(head), 0U) << csv[1];
  std::size_t digits = 0;
  const std::uint64_t age_us = std::stoull(csv[1].substr(head.size()), &digits);
  EXPECT_GE(age_us, (told.asked_ns - background.given->after_ns) / 1000);
  EXPECT_LE(age_us, (told.told_ns - background.given->before_ns) / 1000);
  EXPECT_EQ(csv[1].substr(head.size() + digits), "," + unacked + "," + never_sent + ",127.0.0.1," +
                                                     port + ",127.0.0.1," + peer_port + "," +
                                                     std::to_string(network_));
}

TEST_F(pending, is_filtered_as_closures_are) {
  const Listener listener;
  const Closewatch closewatch = watch();
  const Background one(listener);
  const Background other(listener);
  const std::string port = std::to_string(one.given->port);
  struct Asked {
    std::vector<std::string> options;
    std::vector<pid_t> told;
  };
  for (const auto& [options, told] : {
           Asked{{"-p", std::to_string(one.pid)}, {one.pid}},
           Asked{{"-L", port}, {one.pid}},
           Asked{{"-D", port}, {}},
           Asked{{"-D", std::to_string(listener.port()), "-4"}, {one.pid, other.pid}},
           Asked{{"-6"}, {}},
           Asked{{"-c", "pending-*", "-u", std::to_string(kGiver)}, {one.pid, other.pid}},
           Asked{{"-u", "root"}, {}},
           Asked{{"--cgroup", "/"}, {one.pid, other.pid}},
           Asked{{"--cgroup", "/nowhere"}, {}},
       }) {
    std::vector<std::string> words = options;
    words.emplace_back("-j");
    std::vector<pid_t> pids;
    for (const Json& row : ask(words).rows()) {
      pids.push_back(row["process"]["pid"]);
    }
    EXPECT_EQ(pids, told) << options.front();
  }
}

// They fit into the window, and so does the FIN, which is no byte of theirs.
TEST_F(pending, begins_with_the_oldest) {
  const Listener listener;
  const Closewatch closewatch = watch();
  std::vector<Background> backgrounds;
  for (const int bytes : {3, 0, 1000, 1, 20'000, 2}) {
    backgrounds.emplace_back(listener, bytes);
    EXPECT_EQ(backgrounds.back().given->unacked, bytes);
  }
  const std::vector<Json> rows = ask({"-j"}).rows();
  ASSERT_EQ(rows.size(), backgrounds.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const Background& background = backgrounds[i];
    EXPECT_EQ(rows[i], background.row(background.process(), rows[i]["age_us"], network_));
  }
}

// The second knows nobody of what was closed before it started.
TEST_F(pending, asks_every_closewatch_that_runs) {
  const Listener listener;
  const Closewatch first = watch();
  const Background before(listener);
  const Closewatch second = watch();
  const Background after(listener);
  const std::vector<Json> rows = ask({"-j"}).rows();
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0], before.row(before.process(), rows[0]["age_us"], network_));
  EXPECT_EQ(rows[1], after.row(after.process(), rows[1]["age_us"], network_));
}

// As where no closewatch runs, whatever else does on this host: to find its ledger takes
// CAP_SYS_ADMIN, as it does to enter another namespace.
TEST_F(pending, tells_the_rest_where_no_ledger_is_found) {
  const Listener listener;
  const Closewatch closewatch = watch();
  const Background background(listener);
  const auto ask_without = [](std::vector<std::string> words) {
    return answer_to(std::move(words),
                     [] { must(::prctl(PR_CAPBSET_DROP, CAP_SYS_ADMIN), "PR_CAPBSET_DROP"); });
  };
  const Answer told = ask_without({"pending", "-j"});
  EXPECT_EQ(told.errors, kNobodySaw);
  EXPECT_EQ(told.rows(), (std::vector<Json>{background.row(nullptr, nullptr, network_)}));

  const std::string unacked = std::to_string(background.given->unacked);
  const std::string never_sent = std::to_string(background.given->never_sent);
  const std::string peer_port = std::to_string(listener.port());
  const std::vector<std::string> text = lines_of(ask_without({"pending"}).output);
  ASSERT_EQ(text.size(), 2U);
  EXPECT_EQ(words_of(text[1]), (std::vector<std::string>{"-", "-", "FIN_WAIT1", "-", unacked,
                                                         never_sent, "127.0.0.1:" + peer_port}));
  const std::vector<std::string> csv = lines_of(ask_without({"pending", "-o", "csv"}).output);
  ASSERT_EQ(csv.size(), 2U);
  EXPECT_EQ(csv[1], ",,,FIN_WAIT1,," + unacked + "," + never_sent + ",127.0.0.1," +
                        std::to_string(background.given->port) + ",127.0.0.1," + peer_port + "," +
                        std::to_string(network_));
}

// A peer that takes everything in ends it as well.
TEST_F(pending, ends_when_the_peer_has_read_and_closed) {
  const Listener listener;
  const Closewatch closewatch = watch();
  Background background(listener);
  ASSERT_EQ(ask({"-j"}).rows().size(), 1U);
  const int unused = 0;
  must(::setsockopt(background.peer.get(), SOL_SOCKET, SO_DETACH_FILTER, &unused, sizeof unused),
       "SO_DETACH_FILTER");
  take(background.peer.get(), kGiven);
  take_all(background.peer.get());
  background.peer.reset();
  await_closed(1);
  expect_nothing();
}

}  // namespace
}  // namespace closewatch::storm
