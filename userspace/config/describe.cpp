// SPDX-License-Identifier: Apache-2.0
#include "userspace/config/describe.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "userspace/base/unique_fd.h"
#include "userspace/classify/verdict.h"
#include "userspace/config/describe_sections.h"
#include "userspace/enrich/filter_targets.h"
#include "userspace/observe/filters.h"

namespace closewatch {
namespace {

constexpr std::size_t kFilterValues = 16;  // of a list that acts in the kernel (kernel/observer.h)
template <typename Value, std::size_t count>
Fields::Texts names_of_all() {
  Fields::Texts names;
  for (std::size_t i = 0; i < count; ++i) {
    names.emplace_back(name_of(static_cast<Value>(i)));
  }
  return names;
}

// The position in `names` that the configuration names; they are those of `Value`, in its order.
template <typename Value, std::size_t count>
Value choice(Fields& fields, std::string_view key, Value otherwise,
             const std::array<const char*, count>& names) {
  const Fields::Texts all(names.begin(), names.end());
  const std::string name = fields.choice(key, all[static_cast<std::size_t>(otherwise)], all);
  for (std::size_t i = 0; i < count; ++i) {
    if (all[i] == name) {
      return static_cast<Value>(i);
    }
  }
  return otherwise;
}

void refuse_more(Fields& fields, std::string_view key, std::size_t count, std::size_t most) {
  if (count > most) {
    fields.refuse(key, "at most " + std::to_string(most) + " values are expected, not " +
                           std::to_string(count));
  }
}

// What is said must mean something on the host.
void check(Fields& fields, std::string_view key, const Result<>& result) {
  if (!result.ok()) {
    fields.refuse(key, result.error().what);
  }
}

void describe_filter(Fields& fields, FilterOptions& filter, const HostNames& host) {
  filter.users = fields.texts("user", filter.users, kNotEmpty);
  for (const std::string& user : filter.users) {
    check(fields, "user", host.user(user));
  }
  refuse_more(fields, "user", filter.users.size(), kFilterValues);
  filter.local_ports = describe_ports(fields, "local_port", filter.local_ports);
  refuse_more(fields, "local_port", filter.local_ports.size(), kFilterValues);
  filter.peer_ports = describe_ports(fields, "peer_port", filter.peer_ports);
  refuse_more(fields, "peer_port", filter.peer_ports.size(), kFilterValues);
  enum class Family : std::uint8_t { any, ipv4, ipv6 };
  constexpr std::array kFamilies{"any", "ipv4", "ipv6"};
  const Family family = choice(fields, "family", Family::any, kFamilies);
  filter.ipv4 = family == Family::ipv4;
  filter.ipv6 = family == Family::ipv6;
  filter.netns = fields.text("netns", filter.netns, {});
  if (!filter.netns.empty()) {
    check(fields, "netns", host.netns(filter.netns));
  }
  filter.cgroup = fields.text("cgroup", filter.cgroup, {});
  if (!filter.cgroup.empty()) {
    check(fields, "cgroup", host.cgroup(filter.cgroup));
  }
  filter.unestablished = fields.flag("unestablished", filter.unestablished);
  filter.comms = fields.texts("process", filter.comms, kNotEmpty);
  filter.classes = fields.choices("class", filter.classes, class_names());
  filter.reasons = fields.choices("reason", filter.reasons, reason_names());
  filter.lost = fields.flag("lost", filter.lost);
  if (const auto wanted = selection(filter); !wanted.ok()) {
    fields.refuse(fields.says("reason") ? "reason" : "class", wanted.error().what);
  }
}

void describe_observe(Fields& fields, Config& config, const HostNames& host) {
  config.kernel.hooks = fields.choice("hooks", config.kernel.hooks, {"auto", "full", "base"});
  const std::uint64_t ring = fields.size("ring_size", config.kernel.ring_bytes, {4096, 1ULL << 30});
  if ((ring & (ring - 1)) != 0) {
    fields.refuse("ring_size", "a power of two is expected, for example 4MiB");
  }
  config.kernel.ring_bytes = static_cast<std::uint32_t>(ring);
  describe_filter(fields, config.filter, host);
}

void describe_log(Fields& fields, LogSettings& log) {
  constexpr std::array kLevels{"error", "warning", "notice", "info", "debug"};
  constexpr std::array kForms{"auto", "journal", "plain"};
  log.level = choice(fields, "level", log.level, kLevels);
  log.form = choice(fields, "form", log.form, kForms);
}

Result<> without_value(Result<std::uint32_t> result) {
  return result.ok() ? Result<>() : Result<>(std::move(result).error());
}

// What opens it later must not wait for who might write a pipe.
Result<> find_file(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat status {};
  if (!file.valid() || ::fstat(file.get(), &status) != 0) {
    return Error{.what = "cannot read " + path + ": " + std::strerror(errno)};
  }
  return S_ISREG(status.st_mode) ? Result<>()
                                 : Result<>(Error{.what = path + " is no regular file"});
}

Result<std::string> read_secret(const std::string& path) {
  constexpr std::size_t kLargest = 4096;
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  std::string text(kLargest + 1, '\0');
  const ssize_t got = file.valid() ? ::read(file.get(), text.data(), text.size()) : -1;
  if (got < 0) {
    return Error{.what = "cannot read " + path + ": " + std::strerror(errno)};
  }
  // The group may read it: so do the credentials of a service manager and files of a service's own
  // group come.
  struct stat status {};
  if (::fstat(file.get(), &status) != 0 || (status.st_mode & S_IRWXO) != 0) {
    return Error{.what = path +
                         " is open to everybody: a secret is expected to be its owner's and "
                         "group's alone; chmod o= " +
                         path};
  }
  text.resize(static_cast<std::size_t>(got));
  while (text.ends_with('\n')) {
    text.pop_back();
  }
  if (text.empty() || text.size() > kLargest) {
    return Error{.what = path + " holds no secret: one line of at most 4096 bytes is expected"};
  }
  return text;
}

}  // namespace

const Fields::Texts& class_names() {
  static const Fields::Texts kNames = names_of_all<Class, kClassCount>();
  return kNames;
}
const Fields::Texts& reason_names() {
  static const Fields::Texts kNames = names_of_all<Reason, kReasonCount>();
  return kNames;
}

std::vector<std::uint16_t> describe_ports(Fields& fields, std::string_view key,
                                          const std::vector<std::uint16_t>& otherwise) {
  std::vector<std::uint16_t> out;
  for (const std::uint64_t port :
       fields.numbers(key, {otherwise.begin(), otherwise.end()}, {1, 65535})) {
    out.push_back(static_cast<std::uint16_t>(port));
  }
  return out;
}

std::string describe_secret(Fields& fields, std::string_view key, const HostNames& host) {
  const std::string path = fields.text(key, "", {});
  if (path.empty()) {
    return "";
  }
  auto secret = host.secret(path);
  if (!secret.ok()) {
    fields.refuse(key, secret.error().what);
    return "";
  }
  return std::move(secret).take();
}

HostNames names_of_this_host() {
  return {.user = [](const std::string& name) { return without_value(resolve_uid(name)); },
          .cgroup = [](const std::string& path) -> Result<> {
            auto result = resolve_cgroup(path);
            return result.ok() ? Result<>() : Result<>(std::move(result).error());
          },
          .netns = [](const std::string& netns) { return without_value(resolve_netns(netns)); },
          .file = find_file,
          .secret = read_secret};
}

void describe(Fields& fields, Config& config, const HostNames& host) {
  fields.section("observe", [&](Fields& section) { describe_observe(section, config, host); });
  fields.section("history", [&](Fields& section) { describe_history(section, config.history); });
  fields.section("metrics",
                 [&](Fields& section) { describe_metrics(section, config.metrics, host); });
  fields.section("alerts", [&](Fields& section) { describe_alerts(section, config.alerts, host); });
  fields.section("log", [&](Fields& section) { describe_log(section, config.log); });
}

}  // namespace closewatch
