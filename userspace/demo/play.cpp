// SPDX-License-Identifier: Apache-2.0
#include "userspace/demo/play.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <new>
#include <string>

#include "userspace/demo/failure.h"
#include "userspace/demo/network.h"
#include "userspace/demo/stage.h"

namespace closewatch::demo {
namespace {

constexpr const char* kOwnNamespace = "/proc/thread-self/ns/net";

// Of the process that runs the script; give_up() and skip() write there.
Truth* script_truth = nullptr;

[[noreturn]] void leave(Outcome outcome, std::string_view why) {
  script_truth->why = why;
  script_truth->outcome = outcome;
  ::_exit(0);
}

Error system_error(std::string_view doing) {
  const int cause = errno;
  return {.what = std::string{doing} + ": " + std::strerror(cause),
          .hint = "making network namespaces needs root",
          .code = cause == EPERM ? ExitCode::unsupported : ExitCode::failure};
}

// Moves the calling thread to where plays are born. A namespace shares its table of connections
// with the whole machine, and to look into a large one, as scripts do time and again, takes
// milliseconds. From 6.1 on the one in which it is made can ask for a table of its own.
bool enter_birthplace() {
  static UniqueFd place;  // made when first entered
  if (place.valid()) {
    return ::setns(place.get(), CLONE_NEWNET) == 0;
  }
  if (::unshare(CLONE_NEWNET) != 0) {
    return false;
  }
  static_cast<void>(set_sysctl("tcp_child_ehash_entries", "64"));
  place.reset(::open(kOwnNamespace, O_RDONLY | O_CLOEXEC));
  return place.valid();
}

[[noreturn]] void perform(const Situation& situation, Family family, Truth& truth,
                          HostLimit& host_limit) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::prctl(PR_SET_NAME, "cw-peer");
  script_truth = &truth;
  if (auto up = bring_up_network(); !up) {
    give_up(up.error().what);
  }
  for (const Sysctl& sysctl : situation.sysctls) {
    if (auto set = set_sysctl(sysctl.name, sysctl.value); !set) {
      skip(set.error().what);
    }
  }
  Stage stage{family, truth, host_limit};
  situation.run(stage);
  stage.finish(situation.variant(truth.variant));
  ::_exit(0);
}

}  // namespace

void give_up(std::string_view why) { leave(Outcome::failed, why); }
void skip(std::string_view why) { leave(Outcome::skipped, why); }

void Play::Unmap::operator()(Truth* truth) const { ::munmap(truth, sizeof *truth); }

Result<Play> Play::start(const Situation& situation, Family family) {
  Play play;
  play.situation_ = &situation;
  play.family_ = family;
  void* memory =
      ::mmap(nullptr, sizeof(Truth), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    return system_error("shared memory");
  }
  play.truth_.reset(new (memory) Truth);
  play.host_limit_ = HostLimit{situation.host_limit};

  const UniqueFd home{::open(kOwnNamespace, O_RDONLY | O_CLOEXEC)};
  if (!home.valid() || !enter_birthplace() || ::unshare(CLONE_NEWNET) != 0) {
    return system_error("a new network namespace");
  }
  play.namespace_.reset(::open(kOwnNamespace, O_RDONLY | O_CLOEXEC));
  play.pid_ = play.namespace_.valid() ? ::fork() : -1;
  if (play.pid_ == 0) {
    perform(situation, family, *play.truth_, play.host_limit_);
  }
  const int fork_error = errno;
  if (::setns(home.get(), CLONE_NEWNET) != 0) {
    return system_error("returning to the own network namespace");
  }
  struct stat status {};
  errno = fork_error;
  if (play.pid_ < 0 || ::fstat(play.namespace_.get(), &status) != 0) {
    return system_error("starting a play");
  }
  play.netns_ = static_cast<std::uint32_t>(status.st_ino);
  if (situation.leaves_orphan) {
    play.namespace_.reset();
  }
  play.process_.reset(static_cast<int>(::syscall(SYS_pidfd_open, play.pid_, 0)));
  if (!play.process_.valid()) {
    return system_error("watching a play");
  }
  return play;
}

const Truth& Play::finish() {
  if (!reaped_) {
    reaped_ = true;
    siginfo_t info{};
    ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT);
    // Actors that a failed script left behind are of its process group.
    ::kill(-pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    process_.reset();
    if (!situation_->host_limit.empty() && !host_limit_.restore()) {
      truth_->outcome = Outcome::failed;
      truth_->why = "the machine's limit could not be put back";
    }
    if (truth_->outcome == Outcome::unfinished) {
      truth_->outcome = Outcome::failed;
      truth_->why = "the script died";
    }
  }
  return *truth_;
}

void Play::stop() {
  if (!reaped_) {
    ::kill(-pid_, SIGKILL);
    ::kill(pid_, SIGKILL);
  }
}

Play::~Play() {
  if (process_.valid()) {  // neither finished nor moved from
    stop();
    finish();
  }
}

}  // namespace closewatch::demo
