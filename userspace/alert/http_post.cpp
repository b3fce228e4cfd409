// SPDX-License-Identifier: Apache-2.0
#include "userspace/alert/http_post.h"

#include <fmt/format.h>

#include <array>
#include <initializer_list>

#include "userspace/alert/libcurl.h"

namespace closewatch::alert {
namespace {

bool is_success(long status) { return status >= 200 && status < 300; }

Attempt judge(long status) {
  if (status == 408 || status == 429 || status >= 500) {
    return Attempt::again(fmt::format("HTTP status {}", status));
  }
  if (status >= 300 && status < 400) {
    return Attempt::failed(fmt::format("HTTP status {}: redirects are not followed", status));
  }
  return Attempt::failed(fmt::format("HTTP status {}", status));
}

// Trying again makes no certificate better.
bool is_final(CURLcode code) {
  return code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE ||
         code == CURLE_URL_MALFORMAT;
}

}  // namespace

class HttpPost::Transfer {
 public:
  explicit Transfer(const Libcurl& curl)
      : curl_(curl),
        easy_(curl.easy_init(), curl.easy_cleanup),
        multi_(curl.multi_init(), curl.multi_cleanup),
        headers_(nullptr, curl.slist_free_all) {}

  CURLcode prepare(const HttpSettings& http, const std::string& url);
  Attempt run(std::string_view body, const Halt& halt);
  [[nodiscard]] bool valid() const { return easy_ && multi_; }

 private:
  static std::size_t on_header(char* bytes, std::size_t size, std::size_t count, void* self);
  static std::size_t on_body(char* bytes, std::size_t size, std::size_t count, void* self);
  std::size_t take(std::size_t bytes);
  Attempt wait(const Halt& halt);
  [[nodiscard]] Attempt ended(CURLcode code) const;

  template <typename Value>
  CURLcode set(CURLoption option, Value value) {
    return curl_.easy_setopt(easy_.get(), option, value);
  }

  const Libcurl& curl_;
  std::unique_ptr<CURL, decltype(Libcurl::easy_cleanup)> easy_;
  std::unique_ptr<CURLM, decltype(Libcurl::multi_cleanup)> multi_;
  std::unique_ptr<curl_slist, decltype(Libcurl::slist_free_all)> headers_;
  std::array<char, CURL_ERROR_SIZE> error_{};
  std::size_t received_ = 0;
  long status_ = 0;  // of an answer whose headers came whole
};

CURLcode HttpPost::Transfer::prepare(const HttpSettings& http, const std::string& url) {
  const auto add_header = [this](const std::string& line) {
    headers_.reset(curl_.slist_append(headers_.release(), line.c_str()));
  };
  add_header("Content-Type: application/json");
  add_header("Expect:");
  if (!http.token.empty()) {
    add_header("Authorization: Bearer " + http.token);
  }
  const long timeout_ms = http.timeout.count();
  for (const CURLcode code : {
           set(CURLOPT_URL, url.c_str()),
           set(CURLOPT_PROTOCOLS_STR, "http,https"),
           set(CURLOPT_POST, 1L),
           set(CURLOPT_HTTPHEADER, headers_.get()),
           set(CURLOPT_USERAGENT, "closewatch"),
           set(CURLOPT_SSL_VERIFYPEER, 1L),
           set(CURLOPT_SSL_VERIFYHOST, 2L),
           set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2)),
           http.ca_file.empty() ? CURLE_OK : set(CURLOPT_CAINFO, http.ca_file.c_str()),
           http.ca_file.empty() ? CURLE_OK : set(CURLOPT_CAPATH, static_cast<char*>(nullptr)),
           set(CURLOPT_FOLLOWLOCATION, 0L),
           set(CURLOPT_PROXY, ""),
           set(CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED)),
           set(CURLOPT_TIMEOUT_MS, timeout_ms),
           set(CURLOPT_CONNECTTIMEOUT_MS, timeout_ms),
           set(CURLOPT_NOSIGNAL, 1L),
           set(CURLOPT_QUICK_EXIT, 1L),
           set(CURLOPT_ERRORBUFFER, error_.data()),
           set(CURLOPT_HEADERFUNCTION, &Transfer::on_header),
           set(CURLOPT_HEADERDATA, static_cast<void*>(this)),
           set(CURLOPT_WRITEFUNCTION, &Transfer::on_body),
           set(CURLOPT_WRITEDATA, static_cast<void*>(this)),
       }) {
    if (code != CURLE_OK) {
      return code;
    }
  }
  // A file of certificates that was replaced is read by the next connection. Not every build of
  // libcurl keeps them, or knows of it.
  set(CURLOPT_CA_CACHE_TIMEOUT, 0L);
  return CURLE_OK;
}

// Returning less than was given ends the transfer.
std::size_t HttpPost::Transfer::take(std::size_t bytes) {
  received_ += bytes;
  return received_ <= kLongestAnswer ? bytes : 0;
}

std::size_t HttpPost::Transfer::on_header(char* bytes, std::size_t size, std::size_t count,
                                          void* self) {
  auto& transfer = *static_cast<Transfer*>(self);
  const std::string_view line(bytes, size * count);
  if (line == "\r\n" || line == "\n") {
    long status = 0;
    transfer.curl_.easy_getinfo(transfer.easy_.get(), CURLINFO_RESPONSE_CODE, &status);
    transfer.status_ = status >= 200 ? status : 0;
  }
  return transfer.take(line.size());
}

std::size_t HttpPost::Transfer::on_body(char* /*bytes*/, std::size_t size, std::size_t count,
                                        void* self) {
  return static_cast<Transfer*>(self)->take(size * count);
}

Attempt HttpPost::Transfer::run(std::string_view body, const Halt& halt) {
  received_ = 0;
  status_ = 0;
  error_[0] = '\0';
  set(CURLOPT_POSTFIELDS, body.data());
  set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
  curl_.multi_add_handle(multi_.get(), easy_.get());
  Attempt attempt = wait(halt);
  curl_.multi_remove_handle(multi_.get(), easy_.get());
  return attempt;
}

Attempt HttpPost::Transfer::wait(const Halt& halt) {
  while (true) {
    int running = 0;
    if (const CURLMcode code = curl_.multi_perform(multi_.get(), &running); code != CURLM_OK) {
      return Attempt::again(curl_.multi_strerror(code));
    }
    int left = 0;
    if (const CURLMsg* const message = curl_.multi_info_read(multi_.get(), &left)) {
      return ended(message->data.result);
    }
    if (halt.raised()) {
      return {Outcome::halted};
    }
    curl_waitfd halted{.fd = halt.fd(), .events = CURL_WAIT_POLLIN, .revents = 0};
    curl_.multi_poll(multi_.get(), &halted, 1, 1000, nullptr);
  }
}

Attempt HttpPost::Transfer::ended(CURLcode code) const {
  if (is_success(status_)) {
    return {};
  }
  if (status_ != 0) {
    return judge(status_);
  }
  std::string error = error_[0] != '\0' ? error_.data() : curl_.easy_strerror(code);
  if (code == CURLE_OK) {
    error = "the answer has no status";
  }
  return is_final(code) ? Attempt::failed(std::move(error)) : Attempt::again(std::move(error));
}

HttpPost::HttpPost(std::unique_ptr<Transfer> transfer) : transfer_(std::move(transfer)) {}
HttpPost::~HttpPost() = default;

Result<std::unique_ptr<HttpPost>> HttpPost::create(const HttpSettings& http,
                                                   const std::string& url) {
  const auto curl = Libcurl::load();
  if (!curl.ok()) {
    return curl.error();
  }
  auto transfer = std::make_unique<Transfer>(**curl);
  if (!transfer->valid()) {
    return Error{.what = "libcurl cannot be used: no memory"};
  }
  if (const CURLcode code = transfer->prepare(http, url); code != CURLE_OK) {
    return Error{.what = fmt::format("libcurl does not take the settings of {}: {}", origin_of(url),
                                     (*curl)->easy_strerror(code)),
                 .hint = "check the version of libcurl: 7.87 or later"};
  }
  return std::unique_ptr<HttpPost>(new HttpPost(std::move(transfer)));
}

Attempt HttpPost::post(std::string_view body, const Halt& halt) {
  return transfer_->run(body, halt);
}

std::string HttpPost::origin_of(std::string_view url) {
  const std::size_t scheme = url.find("://");
  const std::size_t host = scheme == url.npos ? 0 : scheme + 3;
  return std::string(url.substr(0, url.find_first_of("/?#", host)));
}

}  // namespace closewatch::alert
