// SPDX-License-Identifier: Apache-2.0
// The functions of libcurl, which is loaded when the first notifier needs it: what watches without
// one maps neither libcurl nor the TLS, Kerberos and LDAP libraries that come with it (3 MiB
// resident).
#pragma once

#include <curl/curl.h>

#include "userspace/base/result.h"

namespace closewatch::alert {

struct Libcurl {
  decltype(&::curl_global_init) global_init;
  decltype(&::curl_easy_init) easy_init;
  decltype(&::curl_easy_cleanup) easy_cleanup;
  decltype(&::curl_easy_setopt) easy_setopt;
  decltype(&::curl_easy_getinfo) easy_getinfo;
  decltype(&::curl_easy_strerror) easy_strerror;
  decltype(&::curl_multi_init) multi_init;
  decltype(&::curl_multi_cleanup) multi_cleanup;
  decltype(&::curl_multi_add_handle) multi_add_handle;
  decltype(&::curl_multi_remove_handle) multi_remove_handle;
  decltype(&::curl_multi_perform) multi_perform;
  decltype(&::curl_multi_info_read) multi_info_read;
  decltype(&::curl_multi_poll) multi_poll;
  decltype(&::curl_multi_strerror) multi_strerror;
  decltype(&::curl_slist_append) slist_append;
  decltype(&::curl_slist_free_all) slist_free_all;

  // Loaded and made ready by the first call, from any thread; never unloaded. Fails where it is not
  // installed, or cannot be made ready.
  static Result<const Libcurl*> load();
};

}  // namespace closewatch::alert
