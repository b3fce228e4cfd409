// SPDX-License-Identifier: Apache-2.0
// A host made of files in a temporary directory, for what is read through HostFiles.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>

#include "userspace/enrich/host_files.h"

namespace closewatch {

class FakeHost {
 public:
  FakeHost() {
    std::string pattern = std::filesystem::temp_directory_path() / "closewatch_host_XXXXXX";
    root_ = ::mkdtemp(pattern.data());
    link("/proc/self/ns/pid", "pid:[4026531836]");
    link("/proc/self/ns/user", "user:[4026531837]");
  }
  FakeHost(const FakeHost&) = delete;
  FakeHost& operator=(const FakeHost&) = delete;
  ~FakeHost() { std::filesystem::remove_all(root_); }

  [[nodiscard]] HostFiles files() const { return HostFiles(root_); }
  [[nodiscard]] std::string at(const std::string& path) const { return root_ + path; }

  void write(const std::string& path, const std::string& text) const {
    std::filesystem::create_directories(std::filesystem::path(at(path)).parent_path());
    std::ofstream(at(path), std::ios::binary) << text;
  }
  void link(const std::string& path, const std::string& target) const {
    std::filesystem::create_directories(std::filesystem::path(at(path)).parent_path());
    std::filesystem::remove(at(path));
    std::filesystem::create_symlink(target, at(path));
  }
  void remove(const std::string& path) const { std::filesystem::remove_all(at(path)); }

  // Makes a directory; returns its inode number, which for a cgroup is its id.
  [[nodiscard]] std::uint64_t directory(const std::string& path) const {
    std::filesystem::create_directories(at(path));
    struct stat found;
    EXPECT_EQ(::stat(at(path).c_str(), &found), 0);
    return found.st_ino;
  }

  // A cgroup2 file system on `path`, which is made.
  void mount_cgroup2(const std::string& path) const {
    std::filesystem::create_directories(at(path));
    write("/proc/self/mountinfo",
          "24 1 0:22 / /proc rw,nosuid shared:13 - proc proc rw\n"
          "41 31 0:38 / " +
              path + " rw,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate\n");
  }

  // A process as /proc shows it, with one thread of its own number.
  void process(std::uint32_t pid, const std::string& comm, std::uint64_t start_ticks,
               const std::string& exe) const {
    const std::string directory = "/proc/" + std::to_string(pid);
    remove(directory);
    write(directory + "/stat",
          std::to_string(pid) + " (" + comm + ") S 1 7 7 0 -1 4194304 117 0 0 0 3 4 0 0 20 0 1 0 " +
              std::to_string(start_ticks) + " 3133440 394 18446744073709551615\n");
    write(directory + "/task/" + std::to_string(pid) + "/comm", comm + "\n");
    if (!exe.empty()) {
      link(directory + "/exe", exe);
    }
  }

 private:
  std::string root_;
};

}  // namespace closewatch
