// SPDX-License-Identifier: Apache-2.0
#include "tests/storm/child.h"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>

#include "tests/storm/await.h"
#include "tests/storm/must.h"

namespace closewatch::storm {

Child::Child(const std::function<void()>& function) : pid_(must(::fork(), "fork")) {
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    function();
    ::_exit(0);
  }
}

Child::~Child() {
  if (pid_ > 0) {
    signal(SIGKILL);
    wait();
  }
}

void Child::signal(int number) const { must(::kill(pid_, number), "kill"); }

bool Child::ended() const {
  siginfo_t end{};
  must(::waitid(P_PID, static_cast<id_t>(pid_), &end, WEXITED | WNOHANG | WNOWAIT), "waitid");
  return end.si_pid != 0;
}

int Child::wait() {
  int status = 0;
  must(::waitpid(std::exchange(pid_, -1), &status, 0), "waitpid");
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

Sign::Sign() : fd_(must(::eventfd(0, EFD_SEMAPHORE | EFD_CLOEXEC), "eventfd")) {}

void Sign::give(std::uint64_t times) const {
  must(::write(fd_.get(), &times, sizeof times), "giving a sign");
}

void Sign::await() const {
  pollfd readable{.fd = fd_.get(), .events = POLLIN, .revents = 0};
  constexpr auto kMs = std::chrono::milliseconds(kPatience).count();
  if (must(::poll(&readable, 1, static_cast<int>(kMs)), "poll") == 0) {
    errno = ETIMEDOUT;
    give_up("awaiting a sign");
  }
  std::uint64_t one = 0;
  must(::read(fd_.get(), &one, sizeof one), "taking a sign");
}

}  // namespace closewatch::storm
