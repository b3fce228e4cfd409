// SPDX-License-Identifier: Apache-2.0
#include "userspace/enrich/host_files.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <system_error>

namespace closewatch {
namespace {

std::optional<std::string> read_whole(int directory, const char* path) {
  const UniqueFd file(::openat(directory, path, O_RDONLY | O_CLOEXEC));
  if (!file.valid()) {
    return std::nullopt;
  }
  std::string text;
  std::array<char, 16384> piece;
  for (;;) {
    const ssize_t got = ::read(file.get(), piece.data(), piece.size());
    if (got == 0) {
      return text;
    }
    if (got < 0) {
      if (errno == EINTR) {
        continue;
      }
      return std::nullopt;
    }
    if (text.size() + static_cast<std::size_t>(got) > HostFiles::kMostBytes) {
      return std::nullopt;
    }
    text.append(piece.data(), static_cast<std::size_t>(got));
  }
}

std::optional<std::string> target_of(int directory, const char* path) {
  std::array<char, PATH_MAX> target;
  const ssize_t length = ::readlinkat(directory, path, target.data(), target.size());
  if (length < 0 || static_cast<std::size_t>(length) == target.size()) {
    return std::nullopt;
  }
  return std::string(target.data(), static_cast<std::size_t>(length));
}

}  // namespace

HostFiles::HostFiles(std::string root) : root_(std::move(root)) {
  while (root_.ends_with('/')) {
    root_.pop_back();
  }
}

std::string HostFiles::at(std::string_view path) const { return root_ + std::string(path); }

std::optional<std::string> HostFiles::read(std::string_view path) const {
  return read_whole(AT_FDCWD, at(path).c_str());
}

std::optional<std::string> HostFiles::link(std::string_view path) const {
  return target_of(AT_FDCWD, at(path).c_str());
}

std::optional<std::uint64_t> HostFiles::directory_inode(std::string_view path) const {
  struct stat found;
  if (::stat(at(path).c_str(), &found) != 0 || !S_ISDIR(found.st_mode)) {
    return std::nullopt;
  }
  return found.st_ino;
}

bool HostFiles::exists(std::string_view path) const {
  return ::faccessat(AT_FDCWD, at(path).c_str(), F_OK, AT_EACCESS) == 0;
}

std::vector<std::string> HostFiles::entries(std::string_view path) const {
  std::vector<std::string> names;
  std::error_code failed;
  for (std::filesystem::directory_iterator entry(at(path), failed), end; !failed && entry != end;
       entry.increment(failed)) {
    names.push_back(entry->path().filename());
  }
  return names;
}

UniqueFd HostFiles::open_directory(std::string_view path) const {
  return UniqueFd(::open(at(path).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
}

std::optional<std::string> read_file(const UniqueFd& directory, const std::string& name) {
  return read_whole(directory.get(), name.c_str());
}

std::optional<std::string> read_link(const UniqueFd& directory, const std::string& name) {
  return target_of(directory.get(), name.c_str());
}

}  // namespace closewatch
