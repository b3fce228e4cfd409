// SPDX-License-Identifier: Apache-2.0
#include "userspace/metrics/responses.h"

#include <new>
#include <utility>

namespace closewatch {
namespace {

constexpr const char* kPlainText = "text/plain; charset=utf-8";
constexpr const char* kExposition = "text/plain; version=0.0.4; charset=utf-8";

ResponsePtr response_of(std::string_view body, const char* content_type) {
  // libmicrohttpd copies the body and only reads it.
  ResponsePtr response{MHD_create_response_from_buffer(body.size(), const_cast<char*>(body.data()),
                                                       MHD_RESPMEM_MUST_COPY),
                       ResponseDeleter{}};
  if (response == nullptr) {
    throw std::bad_alloc{};
  }
  MHD_add_response_header(response.get(), "Content-Type", content_type);
  MHD_add_response_header(response.get(), "X-Content-Type-Options", "nosniff");
  MHD_add_response_header(response.get(), "Connection", "close");
  return response;
}

ResponsePtr with_header(ResponsePtr response, const char* name, const char* value) {
  MHD_add_response_header(response.get(), name, value);
  return response;
}

}  // namespace

Responses::Responses(std::function<std::string()> make_page, std::uint64_t page_age_ns)
    : make_page_(std::move(make_page)),
      page_age_ns_(page_age_ns),
      ok_(response_of("ok\n", kPlainText)),
      not_healthy_(response_of("not healthy\n", kPlainText)),
      unauthorized_(with_header(response_of("a bearer token is needed\n", kPlainText),
                                "WWW-Authenticate", "Bearer")),
      not_found_(response_of("there is /metrics and /healthz\n", kPlainText)),
      method_not_allowed_(
          with_header(response_of("only GET and HEAD\n", kPlainText), "Allow", "GET, HEAD")),
      target_too_long_(response_of("too long\n", kPlainText)) {}

ResponsePtr Responses::page(std::uint64_t now_ns) {
  const std::lock_guard lock(mutex_);
  if (page_ == nullptr || now_ns - page_made_ns_ >= page_age_ns_) {
    page_ = response_of(make_page_(), kExposition);
    page_made_ns_ = now_ns;
  }
  return page_;
}

StatusResponse Responses::to(Answer answer, bool healthy, std::uint64_t now_ns) {
  switch (answer) {
    case Answer::page:
      return {MHD_HTTP_OK, page(now_ns)};
    case Answer::health:
      return healthy ? StatusResponse{MHD_HTTP_OK, ok_}
                     : StatusResponse{MHD_HTTP_SERVICE_UNAVAILABLE, not_healthy_};
    case Answer::unauthorized:
      return {MHD_HTTP_UNAUTHORIZED, unauthorized_};
    case Answer::method_not_allowed:
      return {MHD_HTTP_METHOD_NOT_ALLOWED, method_not_allowed_};
    case Answer::target_too_long:
      return {MHD_HTTP_URI_TOO_LONG, target_too_long_};
    case Answer::not_found:
      break;
  }
  return {MHD_HTTP_NOT_FOUND, not_found_};
}

}  // namespace closewatch
