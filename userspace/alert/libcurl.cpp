// SPDX-License-Identifier: Apache-2.0
#include "userspace/alert/libcurl.h"

#include <dlfcn.h>

#include <string>

namespace closewatch::alert {
namespace {

Error unusable(const std::string& why) {
  return {.what = "libcurl cannot be used: " + why,
          .hint = "install it (Debian: libcurl4), 7.87 or later"};
}

Result<Libcurl> open() {
  void* const library = ::dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    return unusable(::dlerror());
  }
  Libcurl curl{};
  std::string missing;
  const auto find = [&](auto& function, const char* name) {
    function =
        reinterpret_cast<std::remove_reference_t<decltype(function)>>(::dlsym(library, name));
    if (function == nullptr) {
      missing = name;
    }
  };
  find(curl.global_init, "curl_global_init");
  find(curl.easy_init, "curl_easy_init");
  find(curl.easy_cleanup, "curl_easy_cleanup");
  find(curl.easy_setopt, "curl_easy_setopt");
  find(curl.easy_getinfo, "curl_easy_getinfo");
  find(curl.easy_strerror, "curl_easy_strerror");
  find(curl.multi_init, "curl_multi_init");
  find(curl.multi_cleanup, "curl_multi_cleanup");
  find(curl.multi_add_handle, "curl_multi_add_handle");
  find(curl.multi_remove_handle, "curl_multi_remove_handle");
  find(curl.multi_perform, "curl_multi_perform");
  find(curl.multi_info_read, "curl_multi_info_read");
  find(curl.multi_poll, "curl_multi_poll");
  find(curl.multi_strerror, "curl_multi_strerror");
  find(curl.slist_append, "curl_slist_append");
  find(curl.slist_free_all, "curl_slist_free_all");
  if (!missing.empty()) {
    return unusable("it has no " + missing);
  }
  if (const CURLcode code = curl.global_init(CURL_GLOBAL_DEFAULT); code != CURLE_OK) {
    return unusable(curl.easy_strerror(code));
  }
  return curl;
}

}  // namespace

Result<const Libcurl*> Libcurl::load() {
  static const Result<Libcurl> kLoaded = open();
  if (!kLoaded.ok()) {
    return kLoaded.error();
  }
  return &*kLoaded;
}

}  // namespace closewatch::alert
