// SPDX-License-Identifier: Apache-2.0
#include "userspace/enrich/cgroup_paths.h"

#include <dirent.h>
#include <sys/stat.h>

#include <algorithm>
#include <memory>
#include <string_view>
#include <vector>

namespace closewatch {
namespace {

struct DirectoryCloser {
  void operator()(DIR* directory) const { ::closedir(directory); }
};
using DirectoryPtr = std::unique_ptr<DIR, DirectoryCloser>;

}  // namespace

CgroupPaths::CgroupPaths(HostFiles files, Clock now, std::size_t most)
    : files_(std::move(files)),
      now_(now),
      most_(most),
      mount_(find_cgroup_mount(files_)),
      paths_(most) {}

CgroupPaths::Answer CgroupPaths::find(std::uint64_t id, std::uint32_t pid) {
  if (!mount_ || id == 0) {
    return {};
  }
  if (const auto* known = paths_.find(id)) {
    return {.path = *known};
  }
  if (auto path = path_of_process(id, pid)) {
    return {.path = paths_.put(id, std::move(path))};
  }
  const std::uint64_t start = now_();
  if (start < next_walk_ns_) {
    return {.again_ns = next_walk_ns_};
  }
  const bool complete = walk();
  const std::uint64_t end = now_();
  next_walk_ns_ = end + std::max(kWalkIntervalNs, 20 * (end - start));
  if (const auto* found = paths_.find(id)) {
    return {.path = *found};
  }
  if (!complete) {
    return {.again_ns = next_walk_ns_};
  }
  return {.path = paths_.put(id, std::nullopt)};  // removed since
}

// The process may have moved, or be another one by now: the inode number decides.
std::optional<std::string> CgroupPaths::path_of_process(std::uint64_t id, std::uint32_t pid) const {
  const auto memberships =
      pid == 0 ? std::nullopt : files_.read("/proc/" + std::to_string(pid) + "/cgroup");
  if (!memberships) {
    return std::nullopt;
  }
  // Of v2 it is "0::<path>", alone or as the last line.
  const std::size_t line = memberships->starts_with("0::") ? 0 : memberships->find("\n0::");
  if (line == std::string::npos) {
    return std::nullopt;
  }
  const std::size_t begin = memberships->find("::", line) + 2;
  std::string path = memberships->substr(begin, memberships->find('\n', begin) - begin);
  if (files_.directory_inode(mount_->path + path) != id) {
    return std::nullopt;
  }
  return path;
}

// Learns the path of every cgroup that exists. False when there are too many to see them all.
bool CgroupPaths::walk() {
  std::vector<std::string> pending{"/"};
  for (std::size_t visited = 0; !pending.empty(); ++visited) {
    if (visited == most_) {
      return false;
    }
    std::string path = std::move(pending.back());
    pending.pop_back();
    const DirectoryPtr directory(::opendir(files_.at(mount_->path + path).c_str()));
    struct stat found;
    if (!directory || ::fstat(::dirfd(directory.get()), &found) != 0) {
      continue;  // removed while we walked
    }
    while (const dirent* entry = ::readdir(directory.get())) {
      const std::string_view name = entry->d_name;
      if (entry->d_type == DT_DIR && name != "." && name != "..") {
        pending.push_back((path == "/" ? path : path + "/") + entry->d_name);
      }
    }
    paths_.put(found.st_ino, std::move(path));
  }
  return true;
}

}  // namespace closewatch
