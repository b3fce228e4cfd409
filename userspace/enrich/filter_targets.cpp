// SPDX-License-Identifier: Apache-2.0
#include "userspace/enrich/filter_targets.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/nsfs.h>
#include <pwd.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/vfs.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <limits>
#include <optional>
#include <vector>

#include "userspace/enrich/cgroup_mount.h"
#include "userspace/enrich/mounts.h"
#include "userspace/enrich/namespaces.h"

namespace closewatch {
namespace {

std::string quoted(std::string_view text) { return std::string(1, '\'').append(text) += '\''; }

Error usage(std::string what, std::string hint) {
  return {.what = std::move(what), .hint = std::move(hint), .code = ExitCode::usage};
}

std::optional<std::uint32_t> number(std::string_view text) {
  std::uint32_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size()) {
    return std::nullopt;
  }
  return value;
}

// The path below the mount: "/a/b", or "" for the top.
std::optional<std::string> below_mount(std::string_view path, std::string_view mount) {
  if (path == mount || (path.starts_with(mount) && path[mount.size()] == '/')) {
    path.remove_prefix(mount.size());
  }
  std::string out;
  while (!path.empty()) {
    const std::string_view name = path.substr(0, path.find('/'));
    path.remove_prefix(name.size() + (name.size() < path.size() ? 1 : 0));
    if (name == "..") {
      return std::nullopt;
    }
    if (!name.empty() && name != ".") {
      out.append("/").append(name);
    }
  }
  return out;
}

// Of a network namespace that was opened as O_PATH. Where one is mounted (ip netns), the link of
// its descriptor names the mount point, so the namespace itself is asked.
std::optional<std::uint32_t> netns_inode(const UniqueFd& file) {
  struct statfs system;
  struct stat facts;
  if (::fstatfs(file.get(), &system) != 0 || system.f_type != NSFS_MAGIC ||
      ::fstat(file.get(), &facts) != 0) {
    return std::nullopt;
  }
  const std::string path = "/proc/self/fd/" + std::to_string(file.get());
  const UniqueFd opened(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!opened.valid() || ::ioctl(opened.get(), NS_GET_NSTYPE) != CLONE_NEWNET) {
    return std::nullopt;
  }
  return static_cast<std::uint32_t>(facts.st_ino);
}

// The host's is NET_NS_INIT_INO (linux/nsfs.h, since 6.18), all others are dynamic numbers of proc
// (proc_alloc_inum(), 5.10 to 7.2).
bool may_be_netns(std::uint32_t inode) {
  constexpr std::uint32_t kHosts = 0xEFFFFFF9;
  constexpr std::uint32_t kFirst = 0xF0000000;
  return inode == kHosts || inode >= kFirst;
}

}  // namespace

Result<CgroupTarget> resolve_cgroup(std::string_view path, const HostFiles& files) {
  const std::string name = quoted(path);
  const auto mount = find_cgroup_mount(files);
  if (!mount) {
    return usage("cannot filter by cgroup " + name + ": cgroup v2 is not mounted",
                 "mount -t cgroup2 none /sys/fs/cgroup/unified");
  }
  if (!mount->whole) {
    return usage("cannot filter by cgroup " + name + ": " + mount->path +
                     " shows a part of the cgroup tree only",
                 "run closewatch in the host's cgroup namespace (containers: --cgroupns=host)");
  }
  const auto below = path.empty() ? std::nullopt : below_mount(path, mount->path);
  const auto inode = below ? files.directory_inode(mount->path + *below) : std::nullopt;
  if (!inode) {
    return usage("no such cgroup: " + name,
                 "give the path of a directory below " + mount->path +
                     ", where cgroup v2 is mounted; systemd-cgls shows them");
  }
  std::uint32_t level = 0;
  for (const char c : *below) {
    level += c == '/' ? 1 : 0;
  }
  return CgroupTarget{.id = *inode, .level = level};
}

Result<std::uint32_t> resolve_netns(const std::string& netns) {
  static constexpr std::string_view kInode = "inode:";
  static constexpr const char* kForms =
      "give /proc/<pid>/ns/net, /run/netns/<name> (ip netns) or inode:N (lsns -t net)";
  if (netns.starts_with(kInode)) {
    const auto inode = number(std::string_view(netns).substr(kInode.size()));
    if (!inode || *inode == 0) {
      return usage(quoted(netns) + " holds no inode number",
                   "lsns -t net lists them: inode:4026531840, for example");
    }
    if (!may_be_netns(*inode)) {
      return usage("no network namespace has the inode number " + std::to_string(*inode),
                   "lsns -t net lists them");
    }
    return *inode;
  }
  // O_PATH: whatever it is, looking at it does nothing to it.
  const UniqueFd file(::open(netns.c_str(), O_PATH | O_CLOEXEC));
  if (!file.valid()) {
    const int cause = errno;
    return usage("no network namespace at " + quoted(netns) + ": " + std::strerror(cause),
                 cause == EACCES ? "give it as inode:N (lsns -t net), or run as root" : kForms);
  }
  const auto inode = netns_inode(file);
  if (!inode) {
    return usage(quoted(netns) + " is no network namespace", kForms);
  }
  return *inode;
}

std::optional<std::string> find_netns(std::uint32_t inode, const HostFiles& files) {
  const std::string name = "net:[" + std::to_string(inode) + "]";
  for (const std::string& process : files.entries("/proc")) {
    if (!number(process)) {
      continue;
    }
    const std::string threads = "/proc/" + process + "/task";
    for (const std::string& thread : files.entries(threads)) {
      std::string path = threads;
      path.append("/").append(thread).append("/ns/net");
      if (files.link(path) == name) {
        return path;
      }
    }
  }
  const std::vector<Mount> mounts = read_mounts(files);
  const auto found = std::find_if(mounts.begin(), mounts.end(),
                                  [&name](const Mount& mount) { return mount.root == name; });
  return found != mounts.end() ? std::optional(found->path) : std::nullopt;
}

Result<> check_pid(std::uint32_t pid, const HostFiles& files) {
  const std::string text = std::to_string(pid);
  if (!in_initial_namespace(files, Namespace::pid).value_or(true)) {
    return usage("cannot filter by pid " + text + ": this is not the host's pid namespace",
                 "run closewatch in it (containers: --pid=host, Kubernetes: hostPID: true)");
  }
  const auto status = files.read("/proc/" + text + "/status");
  if (!status) {
    return usage("no process has the pid " + text,
                 "pgrep lists pids; -c selects by name, also processes that start later");
  }
  static constexpr std::string_view kField = "\nTgid:\t";
  const std::size_t at = status->find(kField);
  if (at != std::string::npos) {
    const std::size_t begin = at + kField.size();
    const std::string process = status->substr(begin, status->find('\n', begin) - begin);
    if (process != text) {
      return usage(text + " is a thread of process " + process, "use -p " + process);
    }
  }
  return {};
}

Result<std::uint32_t> resolve_uid(const std::string& user) {
  const auto uid = number(user);
  if (uid && *uid != std::numeric_limits<std::uint32_t>::max()) {  // (uid_t)-1 is no user
    return *uid;
  }
  const passwd* const entry = uid ? nullptr : ::getpwnam(user.c_str());
  if (entry == nullptr) {
    return usage("no such user: " + quoted(user), "give a name that getent passwd knows, or a uid");
  }
  return entry->pw_uid;
}

}  // namespace closewatch
