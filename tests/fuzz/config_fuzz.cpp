// SPDX-License-Identifier: Apache-2.0
// Any document is either a configuration or refused with complaints that name a place in it and can
// be shown on a terminal.
#include <algorithm>
#include <string_view>

#include "tests/fuzz/require.h"
#include "userspace/config/describe.h"
#include "userspace/config/reader.h"

namespace closewatch::fuzz {
namespace {

// Users and namespaces of the host are not what is tested.
HostNames any_name() {
  const auto known = [](const std::string&) { return Result<>(); };
  return {.user = known,
          .cgroup = known,
          .netns = known,
          .file = known,
          .secret = [](const std::string& path) { return Result<std::string>(path); }};
}

std::vector<Complaint> read(std::string_view document, Config& config) {
  static const HostNames kHost = any_name();
  return read_toml(document, [&](Fields& fields) { describe(fields, config, kHost); });
}

void check(std::string_view document) {
  const auto lines = 1 + std::count(document.begin(), document.end(), '\n');
  Config config;
  const auto complaints = read(document, config);
  std::uint32_t line = 0;
  for (const Complaint& complaint : complaints) {
    require(complaint.line >= std::max(line, 1U) && complaint.line <= lines,
            "complaints have lines of the document, in order");
    require(complaint.column >= 1, "columns begin with 1");
    require(!complaint.what.empty(), "a complaint says what it is");
    for (const char c : complaint.what) {
      require(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f, "no control reaches a terminal");
    }
    line = complaint.line;
  }
  Config again;
  require(read(document, again) == complaints, "the same document has the same complaints");
  require(again == config, "and gives the same configuration");
  require(config.kernel.ring_bytes >= 4096, "limits hold whatever is said");
}

}  // namespace
}  // namespace closewatch::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  closewatch::fuzz::check({reinterpret_cast<const char*>(data), size});
  return 0;
}
