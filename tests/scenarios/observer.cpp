// SPDX-License-Identifier: Apache-2.0
#include "tests/scenarios/observer.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <regex>
#include <utility>

namespace closewatch::scenarios {
namespace {

constexpr const char* kWatching = "closewatch: watching";
constexpr std::chrono::seconds kStartPatience{120};  // loading under emulation takes its time

struct Pipe {
  UniqueFd read;
  UniqueFd write;
};

Result<Pipe> open_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    return Error{.what = std::string{"pipe: "} + std::strerror(errno), .hint = ""};
  }
  return Pipe{UniqueFd{ends[0]}, UniqueFd{ends[1]}};
}

// Appends what one read gives; false at the end.
bool read_into(int fd, std::string& text) {
  std::array<char, 65536> buffer{};
  const ssize_t length = ::read(fd, buffer.data(), buffer.size());
  if (length > 0) {
    text.append(buffer.data(), static_cast<std::size_t>(length));
  }
  return length > 0;
}

[[noreturn]] void become(const std::string& path, const std::string& hooks, int output,
                         int errors) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::dup2(output, STDOUT_FILENO);
  ::dup2(errors, STDERR_FILENO);
  ::execl(path.c_str(), path.c_str(), "trace", "-o", "json", "--unestablished", "--hooks",
          hooks.c_str(), static_cast<char*>(nullptr));
  ::perror(path.c_str());
  ::_exit(127);
}

}  // namespace

Observer::Observer(Observer&& other) noexcept
    : pid_{std::exchange(other.pid_, -1)},
      output_{std::move(other.output_)},
      errors_{std::move(other.errors_)},
      partial_{std::move(other.partial_)},
      diagnostics_{std::move(other.diagnostics_)},
      records_(std::move(other.records_)),  // with braces: one record, an array of all

      by_id_{std::move(other.by_id_)},
      complaints_{std::move(other.complaints_)} {}

Observer::~Observer() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
}

Result<Observer> Observer::start(const std::string& path, const std::string& hooks) {
  auto output = open_pipe();
  auto errors = open_pipe();
  if (!output || !errors) {
    return Error{.what = "no pipe to closewatch", .hint = ""};
  }
  Observer observer;
  observer.pid_ = ::fork();
  if (observer.pid_ == 0) {
    become(path, hooks, output->write.get(), errors->write.get());
  }
  observer.output_ = std::move(output->read);
  observer.errors_ = std::move(errors->read);
  errors->write.reset();
  output->write.reset();

  const auto end = std::chrono::steady_clock::now() + kStartPatience;
  while (observer.diagnostics_.find(kWatching) == std::string::npos) {
    pollfd ready{.fd = observer.errors_.get(), .events = POLLIN, .revents = 0};
    ::poll(&ready, 1, 1000);
    if ((ready.revents != 0 && !read_into(observer.errors_.get(), observer.diagnostics_)) ||
        std::chrono::steady_clock::now() > end) {
      return Error{.what = "closewatch does not watch:\n" + observer.diagnostics_, .hint = ""};
    }
  }
  ::fcntl(observer.errors_.get(), F_SETFL, O_NONBLOCK);
  return observer;
}

bool Observer::take_in() {
  while (read_into(errors_.get(), diagnostics_)) {
  }
  const bool more = read_into(output_.get(), partial_);
  std::size_t begin = 0;
  for (std::size_t end = partial_.find('\n'); end != std::string::npos;
       end = partial_.find('\n', begin)) {
    take_line(partial_.substr(begin, end - begin));
    begin = end + 1;
  }
  partial_.erase(0, begin);
  if (!more && !partial_.empty()) {
    complaints_.push_back("unfinished line: " + std::exchange(partial_, ""));
  }
  return more;
}

void Observer::take_line(const std::string& line) {
  Json object = Json::parse(line, nullptr, false);
  if (object.is_discarded() || !object.is_object() || object.value("v", 0) != 1) {
    complaints_.push_back("not a line of the contract: " + line);
    return;
  }
  if (object.contains("amends")) {
    const auto found = by_id_.find(object["amends"].get<std::string>());
    if (found == by_id_.end()) {
      complaints_.push_back("amends no record: " + line);
      return;
    }
    object.erase("amends");
    Json& record = records_[found->second];
    // Flags are those that become true; all else replaces.
    if (object.contains("flags")) {
      for (const Json& flag : record["flags"]) {
        object["flags"].push_back(flag);
      }
    }
    record.merge_patch(object);
    record["amended"] = true;
    return;
  }
  if (object.contains("lost_records")) {
    complaints_.push_back("records were lost: " + line);
    return;
  }
  if (!object.contains("id") || !object["id"].is_string()) {
    complaints_.push_back("neither record nor amendment: " + line);
    return;
  }
  const auto [place, fresh] = by_id_.emplace(object["id"].get<std::string>(), records_.size());
  if (!fresh) {
    complaints_.push_back("id given twice: " + line);
  }
  records_.push_back(std::move(object));
}

int Observer::stop() {
  ::kill(pid_, SIGINT);
  while (take_in()) {
  }
  int status = 0;
  ::waitpid(std::exchange(pid_, -1), &status, 0);
  while (read_into(errors_.get(), diagnostics_)) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

std::size_t Observer::unseen() const {
  static const std::regex kLine{"closewatch: ([0-9]+) connections ended unseen"};
  std::smatch found;
  return std::regex_search(diagnostics_, found, kLine) ? std::stoul(found[1]) : 0;
}

std::vector<Json> Observer::closures(std::uint32_t netns, const std::string& since) const {
  std::vector<Json> result;
  for (const Json& record : records_) {
    if (record.value("netns", Json{}) == netns && record.value("time", "") >= since) {
      result.push_back(record);
    }
  }
  return result;
}

}  // namespace closewatch::scenarios
