// SPDX-License-Identifier: Apache-2.0
#include "tests/storm/hook_links.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>

#include "tests/storm/must.h"
#include "userspace/base/unique_fd.h"

namespace closewatch::storm {

std::vector<HookLink> hook_links(pid_t pid) {
  std::vector<HookLink> links;
  for (const auto& file :
       std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/fdinfo")) {
    HookLink link;
    link.fd = std::stoi(file.path().filename());
    bool hook = false;
    std::ifstream words(file.path());
    for (std::string word; words >> word;) {
      if (word == "link_type:" && words >> word) {
        hook = word == "raw_tracepoint" || word == "tracing";
      } else if (word == "link_id:") {
        words >> link.id;
      } else if (word == "tp_name:") {
        words >> link.tracepoint;
      }
    }
    if (hook) {
      links.push_back(link);
    }
  }
  std::ranges::sort(links, {}, &HookLink::id);
  return links;
}

void detach(const HookLink& link) {
  const UniqueFd nothing(must(::open("/dev/null", O_RDONLY | O_CLOEXEC), "/dev/null"));
  must(::dup3(nothing.get(), link.fd, O_CLOEXEC), "dup3");
}

}  // namespace closewatch::storm
