// SPDX-License-Identifier: Apache-2.0
#include "userspace/config/config.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "userspace/base/unique_fd.h"
#include "userspace/config/describe.h"
#include "userspace/config/reader.h"
#include "userspace/render/escape.h"

namespace closewatch {
namespace {

// A reload is done by the thread that reads the ring: it waits for nobody who might write a pipe.
enum class Patience : std::uint8_t { none, for_a_writer };

std::string_view shown(const std::string& path) {
  return path == "-" ? std::string_view("standard input") : path;
}

Result<std::string> read_file(const std::string& path, Patience patience) {
  const auto failed = [&](std::string_view why) {
    return Error{.what = fmt::format("cannot read the configuration {}: {}", shown(path), why),
                 .hint = "give an existing file, or none for the defaults",
                 .code = ExitCode::usage};
  };
  const bool waits = patience == Patience::for_a_writer;
  const UniqueFd file(waits && path == "-"
                          ? ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0)
                          : ::open(path.c_str(), O_RDONLY | O_CLOEXEC | (waits ? 0 : O_NONBLOCK)));
  struct stat status {};
  if (!file.valid() || ::fstat(file.get(), &status) != 0) {
    return failed(std::strerror(errno));
  }
  if (!waits && !S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode)) {
    return failed("it is no regular file");
  }
  std::string text;
  for (;;) {
    const std::size_t had = text.size();
    text.resize(had + 65536);
    const ssize_t got = ::read(file.get(), text.data() + had, text.size() - had);
    if (got < 0 && errno != EINTR) {
      return failed(std::strerror(errno));
    }
    text.resize(had + static_cast<std::size_t>(got < 0 ? 0 : got));
    if (text.size() > kLargestConfig) {
      return failed("it is larger than 1 MiB");
    }
    if (got == 0) {
      return text;
    }
  }
}

Result<Config> load(const std::string& path, Patience patience) {
  auto document = read_file(path, patience);
  if (!document.ok()) {
    return std::move(document).error();
  }
  auto parsed = parse_config(*document);
  if (auto* config = std::get_if<Config>(&parsed)) {
    return std::move(*config);
  }
  Error error{.what = {}, .hint = "closewatch.toml(5) has every key", .code = ExitCode::usage};
  for (const Complaint& complaint : std::get<std::vector<Complaint>>(parsed)) {
    error.what += fmt::format("{}{}:{}:{}: {}", error.what.empty() ? "" : "\n       ", shown(path),
                              complaint.line, complaint.column, complaint.what);
  }
  return error;
}

}  // namespace

std::variant<Config, std::vector<Complaint>> parse_config(std::string_view document) {
  Config config;
  const HostNames host = names_of_this_host();
  auto complaints = read_toml(document, [&](Fields& fields) { describe(fields, config, host); });
  if (!complaints.empty()) {
    return complaints;
  }
  return config;
}

Result<Config> load_config(const std::string& path) { return load(path, Patience::none); }

Result<Config> load_config_once(const std::string& path) {
  return load(path, Patience::for_a_writer);
}

}  // namespace closewatch
