#pragma once
// Libcurl, loaded when it is first needed. It brings thirty libraries along, and the sidecar, one in each session's pod, never calls it:
// linked, they would cost each session their loading and their memory. Private to src/fetch.

#include <curl/curl.h>

#include "spawner/result.hpp"

namespace spawner::fetch {

// What we call of it. In this namespace the names are pointers; a function that is missing here is not found by the linker.
// clang-format off
#define SPAWNER_LIBCURL_FUNCTIONS(X) \
  X(curl_global_init) X(curl_slist_append) X(curl_slist_free_all) \
  X(curl_easy_init) X(curl_easy_cleanup) X(curl_easy_reset) X(curl_easy_setopt) X(curl_easy_getinfo) X(curl_easy_strerror) \
  X(curl_multi_init) X(curl_multi_cleanup) X(curl_multi_setopt) X(curl_multi_strerror) X(curl_multi_add_handle) \
  X(curl_multi_remove_handle) X(curl_multi_info_read) X(curl_multi_socket_action)
// clang-format on

#define SPAWNER_LIBCURL_DECLARE(name) extern decltype(&::name) name;
SPAWNER_LIBCURL_FUNCTIONS(SPAWNER_LIBCURL_DECLARE)
#undef SPAWNER_LIBCURL_DECLARE

/// Loads and initialises libcurl, once a process; before any call of it. Internal where it is not installed. Thread: any.
Result<void> loadLibcurl();

}  // namespace spawner::fetch
