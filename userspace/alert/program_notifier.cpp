// SPDX-License-Identifier: Apache-2.0
#include "userspace/alert/program_notifier.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include "userspace/alert/notification_json.h"

namespace closewatch::alert {
namespace {

std::string problem(std::string_view what, int error_number) {
  return fmt::format("{}: {}", what, ::strerrordesc_np(error_number));
}

// A file in memory, which the program reads at its leisure: nobody has to write into a pipe.
UniqueFd input_of(std::string_view text) {
  UniqueFd fd(::memfd_create("alert", MFD_CLOEXEC));
  while (fd.valid() && !text.empty()) {
    const ssize_t taken = ::write(fd.get(), text.data(), text.size());
    if (taken > 0) {
      text.remove_prefix(static_cast<std::size_t>(taken));
    } else if (errno != EINTR) {
      fd.reset();
    }
  }
  if (fd.valid()) {
    ::lseek(fd.get(), 0, SEEK_SET);
  }
  return fd;
}

class SpawnOptions {
 public:
  explicit SpawnOptions(int input) {
    ::posix_spawn_file_actions_init(&actions_);
    ::posix_spawn_file_actions_adddup2(&actions_, input, STDIN_FILENO);
    ::posix_spawn_file_actions_addopen(&actions_, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    ::posix_spawn_file_actions_adddup2(&actions_, STDOUT_FILENO, STDERR_FILENO);
    ::posix_spawn_file_actions_addclosefrom_np(&actions_, STDERR_FILENO + 1);
    ::posix_spawn_file_actions_addchdir_np(&actions_, "/");
    sigset_t all;
    sigset_t none;
    ::sigfillset(&all);
    ::sigemptyset(&none);
    ::posix_spawnattr_init(&attributes_);
    ::posix_spawnattr_setpgroup(&attributes_, 0);
    ::posix_spawnattr_setsigdefault(&attributes_, &all);
    ::posix_spawnattr_setsigmask(&attributes_, &none);
    ::posix_spawnattr_setflags(
        &attributes_, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
  }
  SpawnOptions(const SpawnOptions&) = delete;
  SpawnOptions& operator=(const SpawnOptions&) = delete;
  ~SpawnOptions() {
    ::posix_spawnattr_destroy(&attributes_);
    ::posix_spawn_file_actions_destroy(&actions_);
  }

  // 0, or an errno value.
  int spawn(pid_t& pid, const std::string& path, char* const* arguments) const {
    char* const no_environment[] = {nullptr};
    return ::posix_spawn(&pid, path.c_str(), &actions_, &attributes_, arguments, no_environment);
  }

 private:
  posix_spawn_file_actions_t actions_;
  posix_spawnattr_t attributes_;
};

// What may be killed ends at once; what may not (a program of another user) is left behind.
constexpr int kKillTimeMs = 1000;

// The process ends within `timeout`, or is killed; either way what it leaves behind in its group is
// killed too, before its number can be used again.
Attempt wait_for(pid_t pid, std::chrono::milliseconds timeout, const Halt& halt) {
  const UniqueFd process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  const Halt::Woken woken =
      process.valid() ? halt.wait(process.get(), POLLIN, timeout) : Halt::Woken::late;
  ::kill(-pid, SIGKILL);
  pollfd ended{process.get(), POLLIN, 0};
  ::poll(&ended, 1, kKillTimeMs);
  int status = 0;
  const pid_t reaped = ::waitpid(pid, &status, WNOHANG);
  if (woken == Halt::Woken::halted) {
    return {Outcome::halted};
  }
  if (reaped != pid) {
    return Attempt::failed("took too long and could not be killed");
  }
  if (woken == Halt::Woken::late) {
    return Attempt::failed(process.valid() ? "took too long and was killed"
                                           : "was killed: no descriptor is left to wait with");
  }
  if (WIFSIGNALED(status)) {
    return Attempt::failed(fmt::format("was killed by signal {}", WTERMSIG(status)));
  }
  if (WEXITSTATUS(status) != 0) {
    return Attempt::failed(fmt::format("exited with {}", WEXITSTATUS(status)));
  }
  return {};
}

}  // namespace

Attempt ProgramNotifier::deliver(const Notification& notification, const Halt& halt) {
  TextBuffer json;
  append_notification_json(json, notification);
  json.push_back('\n');
  const UniqueFd input = input_of(view_of(json));
  if (!input.valid()) {
    return Attempt::failed(problem("cannot hand over the notification", errno));
  }
  std::vector<char*> arguments{settings_.path.data()};
  for (std::string& argument : settings_.arguments) {
    arguments.push_back(argument.data());
  }
  arguments.push_back(nullptr);
  pid_t pid = 0;
  if (const int error = SpawnOptions(input.get()).spawn(pid, settings_.path, arguments.data());
      error != 0) {
    return Attempt::failed(problem("cannot be run", error));
  }
  return wait_for(pid, settings_.timeout, halt);
}

}  // namespace closewatch::alert
