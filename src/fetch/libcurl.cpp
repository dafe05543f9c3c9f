// Loads the library: the pointers of libcurl.hpp.
#include "fetch/libcurl.hpp"

#include <string>

#include <dlfcn.h>

namespace spawner::fetch {

#define SPAWNER_LIBCURL_DEFINE(name) decltype(&::name) name = nullptr;
SPAWNER_LIBCURL_FUNCTIONS(SPAWNER_LIBCURL_DEFINE)
#undef SPAWNER_LIBCURL_DEFINE

namespace {

/// Empty, or what went wrong.
std::string load() {
  void* const library = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);  // for the life of the process
  if (library == nullptr) return dlerror();
  const char* missing = nullptr;
#define SPAWNER_LIBCURL_FIND(name)                                  \
  name = reinterpret_cast<decltype(name)>(::dlsym(library, #name)); \
  if (name == nullptr) missing = #name;
  SPAWNER_LIBCURL_FUNCTIONS(SPAWNER_LIBCURL_FIND)
#undef SPAWNER_LIBCURL_FIND
  if (missing != nullptr) return std::string("it has no ") + missing;
  const CURLcode code = curl_global_init(CURL_GLOBAL_DEFAULT);
  return code == CURLE_OK ? std::string() : curl_easy_strerror(code);
}

}  // namespace

Result<void> loadLibcurl() {
  static const std::string problem = load();
  if (problem.empty()) return {};
  return Error{ErrorKind::Internal, "libcurl cannot be loaded (" + problem + "); install it: Debian's package is libcurl4", {}};
}

}  // namespace spawner::fetch
