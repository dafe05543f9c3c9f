// Libcurl, loaded when it is first called. It brings thirty libraries along, and the sidecar, one in each session's pod, never calls it:
// linked, they would cost each session their loading and their memory. The names are libcurl's own, so that its header checks every call.
#include "fetch/libcurl.hpp"

#include <cstdarg>
#include <mutex>

#include <curl/curl.h>
#include <dlfcn.h>

#undef curl_easy_setopt
#undef curl_easy_getinfo
#undef curl_multi_setopt

namespace spawner::fetch {
namespace {

constexpr const char* fileName = "libcurl.so.4";

struct Library {
  void* handle = dlopen(fileName, RTLD_NOW | RTLD_LOCAL);  // for the life of the process
  std::string problem = handle == nullptr ? dlerror() : "";
};

const Library& library() {
  static const Library loaded;
  return loaded;
}

/// REQUIRES: loadLibcurl() succeeded.
template <class Function>
Function* find(const char* name) {
  return reinterpret_cast<Function*>(dlsym(library().handle, name));
}

// How an argument of any type of an option is passed on: all of them are one machine word.
static_assert(sizeof(long) == sizeof(void*) && sizeof(curl_off_t) == sizeof(void*));

}  // namespace

Result<void> loadLibcurl() {
  if (library().handle == nullptr)
    return Error{ErrorKind::Internal, "libcurl cannot be loaded (" + library().problem + "); install it: Debian's package is libcurl4", {}};
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
  return {};
}

}  // namespace spawner::fetch

#define FORWARD(result, name, parameters, arguments)                             \
  result name parameters {                                                       \
    static const auto function = spawner::fetch::find<result parameters>(#name); \
    return function arguments;                                                   \
  }
#define FORWARD_VARIADIC(result, name, object, option)                                     \
  result name(object first, option second, ...) {                                          \
    static const auto function = spawner::fetch::find<result(object, option, ...)>(#name); \
    va_list more;                                                                          \
    va_start(more, second);                                                                \
    void* const third = va_arg(more, void*);                                               \
    va_end(more);                                                                          \
    return function(first, second, third);                                                 \
  }

extern "C" {
FORWARD(CURLcode, curl_global_init, (long flags), (flags))
FORWARD(CURL*, curl_easy_init, (), ())
FORWARD(void, curl_easy_cleanup, (CURL * easy), (easy))
FORWARD(void, curl_easy_reset, (CURL * easy), (easy))
FORWARD(const char*, curl_easy_strerror, (CURLcode code), (code))
FORWARD(CURLM*, curl_multi_init, (), ())
FORWARD(CURLMcode, curl_multi_cleanup, (CURLM * multi), (multi))
FORWARD(CURLMcode, curl_multi_add_handle, (CURLM * multi, CURL* easy), (multi, easy))
FORWARD(CURLMcode, curl_multi_remove_handle, (CURLM * multi, CURL* easy), (multi, easy))
FORWARD(CURLMsg*, curl_multi_info_read, (CURLM * multi, int* left), (multi, left))
FORWARD(CURLMcode, curl_multi_socket_action, (CURLM * multi, curl_socket_t fd, int flags, int* running), (multi, fd, flags, running))
FORWARD(const char*, curl_multi_strerror, (CURLMcode code), (code))
FORWARD(curl_slist*, curl_slist_append, (curl_slist * list, const char* text), (list, text))
FORWARD(void, curl_slist_free_all, (curl_slist * list), (list))
FORWARD_VARIADIC(CURLcode, curl_easy_setopt, CURL*, CURLoption)
FORWARD_VARIADIC(CURLcode, curl_easy_getinfo, CURL*, CURLINFO)
FORWARD_VARIADIC(CURLMcode, curl_multi_setopt, CURLM*, CURLMoption)
}
