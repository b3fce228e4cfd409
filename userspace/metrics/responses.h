// SPDX-License-Identifier: Apache-2.0
// The answers that the endpoint gives, as libmicrohttpd takes them: fixed ones, and the page,
// which scrapes that come close together share. May be used by several threads.
#pragma once

#include <microhttpd.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "userspace/metrics/request.h"

namespace closewatch {

struct ResponseDeleter {
  void operator()(MHD_Response* response) const { MHD_destroy_response(response); }
};
// A share: libmicrohttpd takes another for as long as it sends.
using ResponsePtr = std::shared_ptr<MHD_Response>;

struct StatusResponse {
  unsigned status = 0;
  ResponsePtr response;
};

class Responses {
 public:
  // A page is made by `make_page` at most once within `page_age_ns`.
  Responses(std::function<std::string()> make_page, std::uint64_t page_age_ns);

  // May throw what `make_page` throws.
  StatusResponse to(Answer answer, bool healthy, std::uint64_t now_ns);

 private:
  ResponsePtr page(std::uint64_t now_ns);

  std::function<std::string()> make_page_;
  std::uint64_t page_age_ns_;
  ResponsePtr ok_;
  ResponsePtr not_healthy_;
  ResponsePtr unauthorized_;
  ResponsePtr not_found_;
  ResponsePtr method_not_allowed_;
  ResponsePtr target_too_long_;
  std::mutex mutex_;  // guards what follows
  ResponsePtr page_;
  std::uint64_t page_made_ns_ = 0;
};

}  // namespace closewatch
