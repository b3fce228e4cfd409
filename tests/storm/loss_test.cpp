// SPDX-License-Identifier: Apache-2.0
// A ring buffer that cannot carry it all: closewatch is made to sleep through a storm, so most
// records find no room. The loss is told exactly, and what is counted in the kernel stays exact.
// A ledger and a table of totals without a free place.
#include <linux/bpf.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <regex>
#include <string>
#include <vector>

#include "bpf/abi.h"
#include "tests/storm/await.h"
#include "tests/storm/connection.h"
#include "tests/storm/load.h"
#include "tests/storm/must.h"
#include "tests/storm/network.h"
#include "tests/storm/story.h"
#include "tests/storm/suite.h"

namespace closewatch::storm {
namespace {

constexpr LoadOptions kLossyStorm{.drivers = 2, .connections = 500, .mix{3, 1, 1}};
// Upper bound of what 4096 bytes hold, by the smallest record that there is.
constexpr std::uint64_t kMostCarried = 4096 / 104;

class loss : public Suite {
 protected:
  LoadResult storm_unseen(const Closewatch& closewatch) {
    closewatch.signal(SIGSTOP);
    LoadResult made = run_load(kLossyStorm);
    await_closed(0);
    closewatch.signal(SIGCONT);
    return made;
  }
};

TEST_F(loss, is_told) {
  Closewatch closewatch = watch({"trace", "-j", "--ring-size", "4k"});
  const DriverResult made = storm_unseen(closewatch).all();
  ASSERT_EQ(closewatch.interrupt(), 0) << closewatch.errors();

  const std::uint64_t ends = 2 * made.connections();
  const Story story(closewatch.output());
  const auto account = Account::of(closewatch.errors());
  ASSERT_TRUE(account) << closewatch.errors();
  expect_identities(*account);
  EXPECT_EQ(account->recorded + account->lost, ends);
  EXPECT_GT(account->recorded, 0U);
  EXPECT_LT(account->recorded, kMostCarried);
  EXPECT_EQ(account->lost_ring, account->lost);
  EXPECT_EQ(story.closures.size(), account->recorded);
  EXPECT_EQ(story.lost_records(), account->lost + account->lost_amendments);
  for (const Json& gap : story.gaps) {
    EXPECT_TRUE(gap["since"].is_string()) << gap;
  }
}

TEST_F(loss, is_told_in_text) {
  Closewatch closewatch = watch({"trace", "--ring-size", "4k"});
  const DriverResult made = storm_unseen(closewatch).all();
  ASSERT_EQ(closewatch.interrupt(), 0) << closewatch.errors();

  const auto account = Account::of(closewatch.errors());
  ASSERT_TRUE(account) << closewatch.errors();
  EXPECT_EQ(account->recorded + account->lost, 2 * made.connections());
  const std::string number = std::to_string(account->lost);
  EXPECT_NE(closewatch.output().find(number), std::string::npos) << number << " is nowhere in:\n"
                                                                 << closewatch.output();
}

void expect_exact(const std::string& output, const LoadResult& made) {
  const std::vector<std::string> lines = lines_of(output);
  ASSERT_EQ(lines.size(), 1U);
  const Json report = Json::parse(lines[0]);
  EXPECT_GT(report["losses"]["records"], kMostCarried);
  for (const DriverResult& driver : made.drivers) {
    Json found;
    for (const Json& process : report["processes"]) {
      if (process["pid"] == driver.pid) {
        found = process;
      }
    }
    ASSERT_TRUE(found.is_object()) << "no process " << driver.pid << " in " << report;
    EXPECT_EQ(found["closures"], 2 * driver.connections());
    EXPECT_EQ(found["bytes"]["unread"], kUnread * driver.of(Ending::unread_data));
    EXPECT_EQ(found["bytes"]["discarded"], 0);
    std::uint64_t classified = 0;
    for (const auto& [name, closures] : found["classes"].items()) {
      classified += closures.get<std::uint64_t>();
    }
    EXPECT_EQ(found["not_classified"], 2 * driver.connections() - classified);
    EXPECT_EQ(found["lost_records"], found["not_classified"]);
  }
}

TEST_F(loss, leaves_the_totals_of_each_process_exact) {
  Closewatch closewatch({.program = program(), .arguments = {"report", "-j", "--ring-size", "4k"}});
  ASSERT_TRUE(closewatch.watches()) << closewatch.errors();
  const LoadResult made = storm_unseen(closewatch);
  ASSERT_EQ(closewatch.interrupt(), 0) << closewatch.errors();
  expect_exact(closewatch.output(), made);
}

// Nothing else ends in the network of the test: the sum over all processes is theirs.
TEST_F(loss, leaves_the_totals_of_what_a_filter_wants_exact) {
  Closewatch closewatch = watch({"report", "-j", "--ring-size", "4k"});
  const LoadResult made = storm_unseen(closewatch);
  ASSERT_EQ(closewatch.interrupt(), 0) << closewatch.errors();
  expect_exact(closewatch.output(), made);
  EXPECT_EQ(Json::parse(closewatch.output())["total"]["closures"], 2 * made.all().connections());
}

TEST_F(loss, leaves_the_totals_of_a_filtered_recording_exact) {
  const UniqueFd memory(must(::memfd_create("capture", 0), "memfd_create"));
  const std::string capture =
      "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(memory.get());
  Closewatch recording = watch({"record", "-", "--ring-size", "4k"}, memory.get());
  const LoadResult made = storm_unseen(recording);
  ASSERT_EQ(recording.interrupt(), 0) << recording.errors();
  Closewatch report({.program = {.path = program().path}, .arguments = {"report", "-j", capture}});
  EXPECT_EQ(report.wait(), 0) << report.errors();
  expect_exact(report.output(), made);
  EXPECT_EQ(Json::parse(report.output())["total"]["closures"], 2 * made.all().connections());
}

long ask_bpf(int command, bpf_attr& attributes) {
  return ::syscall(SYS_bpf, command, &attributes, sizeof attributes);
}

// A map of a running closewatch.
struct HeldMap {
  UniqueFd fd;
  bpf_map_info info{};
};

HeldMap map_of(const Closewatch& closewatch, const std::string& name) {
  const std::string process = "/proc/" + std::to_string(closewatch.pid());
  for (const auto& entry : std::filesystem::directory_iterator(process + "/fdinfo")) {
    std::ifstream lines(entry.path());
    for (std::string line; std::getline(lines, line);) {
      if (!line.starts_with("map_id:")) {
        continue;
      }
      bpf_attr by_id{};
      by_id.map_id = static_cast<std::uint32_t>(std::stoul(line.substr(line.find('\t'))));
      HeldMap map{
          .fd = UniqueFd(must(static_cast<int>(ask_bpf(BPF_MAP_GET_FD_BY_ID, by_id)), "a map"))};
      bpf_attr asked{};
      asked.info.bpf_fd = static_cast<std::uint32_t>(map.fd.get());
      asked.info.info_len = sizeof map.info;
      asked.info.info = reinterpret_cast<std::uint64_t>(&map.info);
      must(ask_bpf(BPF_OBJ_GET_INFO_BY_FD, asked), "ask a map");
      if (map.info.name == name) {
        return map;
      }
    }
  }
  errno = ENOENT;
  give_up(name.c_str());
}

// The ring buffer of a running closewatch: its first page has the place up to which it was read,
// its second the one up to which it was written (kernel/bpf/ringbuf.c).
class RingOf {
 public:
  explicit RingOf(const Closewatch& closewatch) : map_(map_of(closewatch, "records")) {
    const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    for (std::size_t i = 0; i < places_.size(); ++i) {
      void* const mapped =
          ::mmap(nullptr, page, PROT_READ, MAP_SHARED, map_.fd.get(), static_cast<off_t>(i * page));
      must(mapped == MAP_FAILED ? -1 : 0, "map the ring buffer");
      places_[i] = static_cast<const volatile std::uint64_t*>(mapped);
    }
  }
  void await_empty() const {
    await("waiting for the ring buffer to be read", [this] { return *places_[0] == *places_[1]; });
  }

 private:
  HeldMap map_;
  std::array<const volatile std::uint64_t*, 2> places_{};
};

// Processes that each make a connection and end both of its ends: more than a table of totals has
// places for. How many closures there are of each pid.
constexpr std::uint64_t kProcesses = CW_TOTALS_PLACES + 100;
// The table is taken out once half of it is full: the other half has room for four times as many.
constexpr std::uint64_t kProcessesUnread = CW_TOTALS_PLACES / 8;

// Each has the memory of this one, which rests until it has ended: copying that is most of what a
// process costs. `catch_up` is called before there are more than kProcessesUnread since.
std::map<std::uint64_t, std::uint64_t> run_processes(const std::function<void()>& catch_up) {
  std::map<std::uint64_t, std::uint64_t> closures;
  Listener listener;
  const auto run = [](void* at) {
    Connection connection = static_cast<const Listener*>(at)->connect();
    connection.client.reset();
    connection.server.reset();
    return 0;
  };
  std::vector<std::byte> stack(256 << 10);
  for (std::uint64_t i = 0; i < kProcesses; ++i) {
    if (i % kProcessesUnread == 0) {
      catch_up();
    }
    const pid_t pid =
        must(::clone(run, stack.data() + stack.size(), CLONE_VM | CLONE_VFORK | SIGCHLD, &listener),
             "clone");
    closures[static_cast<std::uint64_t>(pid)] += 2;
    int status = 0;
    must(::waitpid(pid, &status, 0), "waitpid");
    EXPECT_EQ(status, 0);
  }
  await_closed(1);
  return closures;
}

// They are taken out in time: the reader, who may be kept from its CPU, is waited for.
TEST_F(loss, of_no_place_in_the_totals_however_many_processes) {
  Closewatch closewatch({.program = program(), .arguments = {"report", "-j"}});
  ASSERT_TRUE(closewatch.watches()) << closewatch.errors();
  const RingOf ring(closewatch);
  const auto made = run_processes([&] { ring.await_empty(); });
  ASSERT_EQ(closewatch.interrupt(), 0) << closewatch.errors();

  const auto account = Account::of(closewatch.errors());
  ASSERT_TRUE(account) << closewatch.errors();
  EXPECT_EQ(closewatch.errors().find("without their process"), std::string::npos)
      << closewatch.errors();
  const Json report = Json::parse(closewatch.output());
  EXPECT_EQ(report["total"]["closures"], account->ended);
  // A report names so many of them and sums up the rest (report/per_process.h).
  std::uint64_t named = 0;
  std::uint64_t told = report["other"]["closures"].get<std::uint64_t>();
  for (const Json& process : report["processes"]) {
    told += process["closures"].get<std::uint64_t>();
    const auto pid = process["pid"].is_null() ? 0 : process["pid"].get<std::uint64_t>();
    if (const auto child = made.find(pid); child != made.end() && child->second == 2) {
      EXPECT_EQ(process["closures"], 2) << process;
      ++named;
    }
  }
  EXPECT_GT(named, 0U);
  EXPECT_EQ(told, account->ended);
}

// They are not while the reader sleeps.
TEST_F(loss, of_a_place_in_the_totals_is_told_and_the_sum_stays_exact) {
  Closewatch closewatch(
      {.program = program(), .arguments = {"report", "-j", "--ring-size", "16M"}});
  ASSERT_TRUE(closewatch.watches()) << closewatch.errors();
  closewatch.signal(SIGSTOP);
  run_processes([] {});
  closewatch.signal(SIGCONT);
  ASSERT_EQ(closewatch.interrupt(), 0) << closewatch.errors();

  const std::string errors = closewatch.errors();
  const auto account = Account::of(errors);
  ASSERT_TRUE(account) << errors;
  expect_identities(*account);
  EXPECT_GE(account->ended, 2 * kProcesses);  // and whatever else ends on this host
  std::smatch folded;
  ASSERT_TRUE(std::regex_search(
      errors, folded,
      std::regex("closewatch: ([0-9]+) closures counted without their process: too many")))
      << errors;
  EXPECT_GE(std::stoull(folded[1]), 2 * (kProcesses - CW_TOTALS_PLACES));
  const Json report = Json::parse(closewatch.output());
  EXPECT_EQ(report["total"]["closures"], account->ended);
  std::uint64_t told = report["other"]["closures"].get<std::uint64_t>();
  for (const Json& process : report["processes"]) {
    told += process["closures"].get<std::uint64_t>();
  }
  EXPECT_EQ(told, account->ended);
}

// The ledger of a running closewatch, filled up from outside with sockets that there are not.
class Ledger {
 public:
  explicit Ledger(const Closewatch& closewatch)
      : map_(map_of(closewatch, "ledger")), places_(map_of(closewatch, "ledger_places")) {}

  void fill() {
    std::vector<std::byte> nothing(map_.info.value_size);
    while (change(BPF_MAP_UPDATE_ELEM, sockets_ + 1, nothing.data())) {
      ++sockets_;
    }
    // Its last member counts the claims.
    std::vector<std::byte> taken(places_.info.value_size);
    taken[taken.size() - sizeof(std::uint64_t)] = std::byte{1};
    for (std::uint32_t place = 0; place < places_.info.max_entries; ++place) {
      must(change(places_, BPF_MAP_UPDATE_ELEM, &place, taken.data()) ? 0 : -1, "take a place");
    }
  }
  void make_room(std::uint64_t places) {
    for (; places > 0 && sockets_ > 0; --places, --sockets_) {
      change(BPF_MAP_DELETE_ELEM, sockets_, nullptr);
    }
  }

 private:
  // `socket` is below every address in the kernel.
  bool change(int command, std::uint64_t socket, const void* value) const {
    return change(map_, command, &socket, value);
  }
  static bool change(const HeldMap& map, int command, const void* key, const void* value) {
    bpf_attr attributes{};
    attributes.map_fd = static_cast<std::uint32_t>(map.fd.get());
    attributes.key = reinterpret_cast<std::uint64_t>(key);
    attributes.value = reinterpret_cast<std::uint64_t>(value);
    return ask_bpf(command, attributes) == 0;
  }

  HeldMap map_;
  HeldMap places_;
  std::uint64_t sockets_ = 0;
};

TEST_F(loss, of_a_place_in_the_ledger_is_told) {
  Closewatch closewatch = watch({"trace", "-j"});
  Ledger ledger(closewatch);
  const Listener listener;
  constexpr std::uint64_t kConnections = 10;
  ledger.fill();
  for (std::uint64_t i = 0; i < kConnections; ++i) {
    Connection connection = listener.connect();
    connection.client.reset();
    connection.server.reset();
  }
  await_closed(1);
  ledger.make_room(1000);
  for (std::uint64_t i = 0; i < kConnections; ++i) {
    Connection connection = listener.connect();
    set_linger_zero(connection.client.get());
    connection.client.reset();
    connection.server.reset();
  }
  await_closed(1);
  ASSERT_EQ(closewatch.interrupt(), 0) << closewatch.errors();

  const Story story(closewatch.output());
  const auto account = Account::of(closewatch.errors());
  ASSERT_TRUE(account) << closewatch.errors();
  expect_identities(*account);
  EXPECT_GT(account->lost_ledger, 0U);
  // What else ends on this host gives places free, and loses its own.
  EXPECT_GE(count(story.closures, "local_first") + count(story.closures, "peer_first") +
                account->lost_ledger,
            2 * kConnections);
  EXPECT_EQ(story.lost_records(), account->lost + account->lost_amendments);
  EXPECT_EQ(count(story.closures, "linger_zero"), kConnections);
  EXPECT_EQ(count(story.closures, "reset_by_peer"), kConnections);
}

}  // namespace
}  // namespace closewatch::storm
