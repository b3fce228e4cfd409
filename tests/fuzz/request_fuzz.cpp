// SPDX-License-Identifier: Apache-2.0
// Whatever a client sends and a configuration says: only who may gets the page, and only an address
// in numbers is one.
#include <sys/socket.h>

#include <string>
#include <string_view>

#include "tests/fuzz/require.h"
#include "userspace/metrics/request.h"
#include "userspace/metrics/tcp_address.h"

namespace closewatch::fuzz {
namespace {

constexpr std::string_view kToken = "0123456789abcdef";

// Up to the next line end, which is taken too.
std::string_view next_line(std::string_view& text) {
  const std::string_view line = text.substr(0, text.find('\n'));
  text.remove_prefix(line.size() < text.size() ? line.size() + 1 : line.size());
  return line;
}

void check_request(std::string_view method, std::string_view path, std::string_view header) {
  const Request request{
      .method = method, .path = path, .target_length = path.size(), .authorization = header};
  const Answer open = answer_to(request, "");
  const Answer guarded = answer_to(request, kToken);
  const bool reads = method == "GET" || method == "HEAD";
  require((open == Answer::page) == (reads && path == "/metrics"), "readers of /metrics get it");
  require((open == Answer::health) == (reads && path == "/healthz"), "readers of /healthz too");
  const bool has_token =
      header.size() == 7 + kToken.size() && header.ends_with(kToken) && header[6] == ' ';
  if (guarded == Answer::page) {
    require(has_token && open == Answer::page, "a guarded page needs the token");
  } else {
    require(guarded == open || (guarded == Answer::unauthorized && open == Answer::page),
            "the token guards the page alone");
  }
  require(!name_of(guarded).empty(), "an answer has a name");
}

void check_address(std::string_view text) {
  const auto address = tcp_address_of(text);
  if (address) {
    require(text.find_first_not_of("0123456789abcdefABCDEF.:[]") == std::string_view::npos,
            "an address is written in numbers");
    require(host_of(address->get()).has_value(), "and is of an internet family");
    require(!is_loopback(address->get()) || text.find_first_of("17") != std::string_view::npos,
            "loopback has a 1 in it");
  }
}

}  // namespace
}  // namespace closewatch::fuzz

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace closewatch::fuzz;
  std::string_view text{reinterpret_cast<const char*>(data), size};
  const std::string_view method = next_line(text);
  const std::string_view path = next_line(text);
  check_request(method, path, text);
  check_address(text);
  return 0;
}
