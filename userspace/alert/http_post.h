// SPDX-License-Identifier: Apache-2.0
// Posts JSON to one URL with libcurl. Certificates are verified, no redirect is followed, no proxy
// and no credentials are taken from the environment. An answer counts by its status; its body is
// read up to a limit and thrown away.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "userspace/alert/notifier.h"
#include "userspace/alert/settings.h"
#include "userspace/base/result.h"

namespace closewatch::alert {

class HttpPost {
 public:
  static constexpr std::size_t kLongestAnswer = 65'536;  // bytes, headers included

  // `url` is posted to; the other settings as in `http`. Fails where libcurl cannot be used, or
  // does not take a value.
  static Result<std::unique_ptr<HttpPost>> create(const HttpSettings& http, const std::string& url);
  HttpPost(const HttpPost&) = delete;
  HttpPost& operator=(const HttpPost&) = delete;
  ~HttpPost();

  // One attempt. delivered: the status was 2xx, whatever became of the rest of the answer. again:
  // no answer, not one of HTTP, or a status that may pass (408, 429, 5xx). failed: any other
  // status, a certificate that is not good.
  Attempt post(std::string_view body, const Halt& halt);

  // Scheme, host and port of a URL alone: its path may hold a secret.
  static std::string origin_of(std::string_view url);

 private:
  class Transfer;

  explicit HttpPost(std::unique_ptr<Transfer> transfer);

  std::unique_ptr<Transfer> transfer_;
};

}  // namespace closewatch::alert
