// SPDX-License-Identifier: Apache-2.0
// A capture of everything, asked with a filter, gives what a trace with that filter gave.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <sstream>

#include "tests/storm/child.h"
#include "tests/storm/connection.h"
#include "tests/storm/must.h"
#include "tests/storm/network.h"
#include "tests/storm/shared.h"
#include "tests/storm/story.h"
#include "tests/storm/suite.h"

namespace closewatch::storm {
namespace {

constexpr std::uint16_t kHere = 4001;
constexpr std::uint16_t kUnheard = 4002;
constexpr std::uint16_t kThere = 4003;
constexpr std::uint16_t kFourth = 4004;
constexpr std::uint16_t kSixth = 4006;
constexpr uid_t kUser = 65534;

struct KeptScene {
  Sign ready, go;
  std::uint32_t there = 0;  // the other network
};

std::string cgroup_mount() {
  std::ifstream mounts("/proc/self/mounts");
  for (std::string line; std::getline(mounts, line);) {
    std::istringstream fields(line);
    std::string device;
    std::string place;
    std::string type;
    if (fields >> device >> place >> type && type == "cgroup2") {
      return place;
    }
  }
  return {};
}

// Two cgroups, one in the other.
class Cgroups {
 public:
  Cgroups() : mount_(cgroup_mount()), name_("/closewatch_kept_" + std::to_string(::getpid())) {
    must(::mkdir((mount_ + name_).c_str(), 0755), "a cgroup (v2)");
    must(::mkdir((mount_ + below()).c_str(), 0755), "a cgroup in it");
  }
  ~Cgroups() {
    ::rmdir((mount_ + below()).c_str());
    ::rmdir((mount_ + name_).c_str());
  }
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] std::string below() const { return name_ + "/below"; }
  void enter_below() const {
    std::ofstream procs(mount_ + below() + "/cgroup.procs");
    procs << ::getpid() << std::flush;
    must(procs ? 0 : -1, "entering a cgroup");
  }

 private:
  std::string mount_, name_;
};

void close_both(Connection connection) {
  connection.client.reset();
  connection.server.reset();
}

// Both ends here: twice as many closures.
void connect_and_close(const Listener& listener, int connections, bool abort) {
  for (int i = 0; i < connections; ++i) {
    Connection connection = listener.connect();
    if (abort) {
      set_linger_zero(connection.client.get());
    }
    close_both(std::move(connection));
  }
}

sockaddr_in6 sixth(const in6_addr& address, std::uint16_t port) {
  sockaddr_in6 to{};
  to.sin6_family = AF_INET6;
  to.sin6_addr = address;
  to.sin6_port = htons(port);
  return to;
}

int connect_sixth(int fd, const sockaddr_in6& to) {
  return ::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to);
}

UniqueFd open_sixth() {
  return UniqueFd(must(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
}

// One connection over IPv6, one over IPv4 by a socket for both, which is v4-mapped, and one attempt
// at a port that nobody listens on.
void be_sixth() {
  const sockaddr_in6 to = sixth(in6addr_loopback, kSixth);
  const UniqueFd listener = open_sixth();
  must(::bind(listener.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to), "bind");
  must(::listen(listener.get(), 1), "listen");
  Connection connection{.client = open_sixth(), .server = {}};
  must(connect_sixth(connection.client.get(), to), "connect");
  connection.server =
      UniqueFd(must(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC), "accept"));
  close_both(std::move(connection));

  in6_addr mapped{};
  must(::inet_pton(AF_INET6, "::ffff:127.0.0.1", &mapped) == 1 ? 0 : -1, "inet_pton");
  const Listener fourth(kFourth);
  connection.client = open_sixth();
  must(connect_sixth(connection.client.get(), sixth(mapped, fourth.port())), "connect");
  connection.server = fourth.accept();
  close_both(std::move(connection));

  const UniqueFd refused = open_sixth();
  must(connect_sixth(refused.get(), sixth(in6addr_loopback, kUnheard)) == -1 ? 0 : -1,
       "being refused");
}

// What tells a closure to somebody who does not know its time: two observers see it a little apart.
std::vector<std::string> names(const std::string& output, const std::array<std::uint32_t, 2>& of) {
  const Story story(output);
  std::vector<std::string> names;
  for (const std::uint32_t network : of) {
    for (const Json& closure : story.of_network(network)) {
      std::ostringstream name;
      for (const char* key : {"netns", "local", "peer", "class", "reason", "bytes", "flags"}) {
        name << closure[key] << ' ';
      }
      if (closure["process"].is_object()) {
        for (const char* key : {"pid", "uid", "comm", "cgroup"}) {
          name << closure["process"][key] << ' ';
        }
      }
      names.push_back(name.str());
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

// Which set runs here: doctor is about the system, not about what the test asks.
bool hooks_are_full() {
  Closewatch doctor({.program = {.path = program().path}, .arguments = {"doctor", "-j"}});
  EXPECT_EQ(doctor.wait(), 0) << doctor.errors();
  return Json::parse(doctor.output())["hooks"] == "full" &&
         program().options != std::vector<std::string>{"--hooks", "base"};
}

class kept : public Suite {};

TEST_F(kept, in_a_capture_is_filtered_as_by_the_kernel) {
  const Cgroups cgroups;
  const Shared<KeptScene> scene = make_shared_value<KeptScene>();
  const auto await_go = [&scene] {
    scene->ready.give();
    scene->go.await();
  };
  std::array<Child, 4> children{Child([&] {
                                  const Listener listener(kHere);
                                  await_go();
                                  connect_and_close(listener, 3, false);
                                }),
                                Child([&] {
                                  cgroups.enter_below();
                                  must(::setuid(kUser), "setuid");
                                  const Listener listener;
                                  await_go();
                                  connect_and_close(listener, 2, true);
                                }),
                                Child([&] {
                                  enter_new_network();
                                  scene->there = network_inode();
                                  const Listener listener(kThere);
                                  await_go();
                                  connect_and_close(listener, 1, false);
                                  await_closed(1);
                                }),
                                Child([&] {
                                  await_go();
                                  be_sixth();
                                })};
  for (std::size_t i = 0; i < children.size(); ++i) {
    scene->ready.await();
  }
  const std::array<std::uint32_t, 2> networks{network_, scene->there};
  const std::string first = std::to_string(children[0].pid());

  // The second end of what the user aborted: accepted and never read, so base hooks know no owner.
  const std::size_t aborted = hooks_are_full() ? 4 : 2;
  struct Question {
    std::vector<std::string> filter;
    std::size_t closures;  // 3 + 2 + 1 + 2 connections have two ends each, one attempt has one
    bool of_the_kernel = false;  // asked too
  };
  const std::vector<Question> questions{
      {{}, 16},
      {{"-p", first}, 6},
      {{"-u", std::to_string(kUser)}, aborted, true},
      {{"-u", "root"}, 12},
      {{"-L", std::to_string(kHere) + "," + std::to_string(kThere)}, 4},
      {{"-D", std::to_string(kHere)}, 3, true},
      {{"-4"}, 14, true},
      {{"-6"}, 2},
      {{"-N", "inode:" + std::to_string(networks[1])}, 2},
      {{"--cgroup", cgroups.name()}, aborted, true},
      {{"--cgroup", cgroups.below()}, aborted},
      {{"--cgroup", cgroups.name() + "/bel"}, 0},
      {{"--unestablished"}, 17},
      {{"--unestablished", "--class", "unestablished"}, 1},
      {{"-p", first, "-L", std::to_string(kHere)}, 3, true},
      {{"--unestablished", "-6", "-N", "inode:" + std::to_string(network_)}, 3, true},
      {{"--unestablished", "-6", "-D", std::to_string(kUnheard)}, 1},
      {{"-u", std::to_string(kUser), "--reason", "linger_zero"}, 2},
  };
  const UniqueFd memory(must(::memfd_create("capture", 0), "memfd_create"));
  const std::string capture =
      "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(memory.get());
  const auto run = [](std::vector<std::string> arguments, const Question& question,
                      bool observing) {
    arguments.insert(arguments.end(), question.filter.begin(), question.filter.end());
    Program used = program();
    if (!observing) {
      used.options.clear();
    }
    return Closewatch({.program = used, .arguments = std::move(arguments)});
  };
  std::vector<Closewatch> traces;
  for (const Question& question : questions) {
    if (question.of_the_kernel) {
      traces.push_back(run({"trace", "-j"}, question, true));
    }
  }
  Closewatch recording({.program = program(),
                        .arguments = {"record", "-", "--unestablished"},
                        .output = memory.get()});
  for (Closewatch& trace : traces) {
    ASSERT_TRUE(trace.watches()) << trace.errors();
  }
  ASSERT_TRUE(recording.watches()) << recording.errors();

  scene->go.give(children.size());
  for (Child& child : children) {
    ASSERT_EQ(child.wait(), 0);
  }
  await_closed(0);
  ASSERT_EQ(recording.interrupt(), 0) << recording.errors();

  auto trace = traces.begin();
  for (const Question& question : questions) {
    SCOPED_TRACE(::testing::PrintToString(question.filter));
    Closewatch replay = run({"replay", "-j", capture}, question, false);
    ASSERT_EQ(replay.wait(), 0) << replay.errors();
    const std::vector<std::string> replayed = names(replay.output(), networks);
    EXPECT_EQ(replayed.size(), question.closures);
    const auto account = Account::of(replay.errors());
    ASSERT_TRUE(account) << replay.errors();
    EXPECT_EQ(account->read,
              account->shown + account->deselected + account->amendments + account->rejected);
    if (question.of_the_kernel) {
      ASSERT_EQ(trace->interrupt(), 0) << trace->errors();
      EXPECT_EQ(names(trace->output(), networks), replayed);
      ++trace;
    }
  }

  // Counts of the same, where nothing but the scene can be.
  Closewatch report = run({"report", "-j", capture}, questions[1], false);
  ASSERT_EQ(report.wait(), 0) << report.errors();
  EXPECT_EQ(Json::parse(report.output())["total"]["closures"], 6) << report.output();

  const UniqueFd config(must(::memfd_create("config", 0), "memfd_create"));
  const std::string text = "[observe]\nlocal_port = [" + std::to_string(kHere) +
                           "]\nnetns = \"inode:" + std::to_string(network_) +
                           "\"\n[alerts]\nbuilt_in = false\n";
  must(::write(config.get(), text.data(), text.size()), "write");
  Closewatch dry_run(
      {.program = {.path = program().path},
       .arguments = {"serve", "--config",
                     "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(config.get()),
                     "--dry-run-alerts", capture}});
  ASSERT_EQ(dry_run.wait(), 0) << dry_run.errors();
  EXPECT_EQ(dry_run.output().rfind("3 closures: ", 0), 0U) << dry_run.output();
}

}  // namespace
}  // namespace closewatch::storm
