// Loads the library: the pointers of nghttp2.hpp.
#include "http2/nghttp2.hpp"

#include <string>

#include <dlfcn.h>

#include "http2/load.hpp"

namespace spawner::http2 {

#define SPAWNER_NGHTTP2_DEFINE(name) decltype(&::name) name = nullptr;
SPAWNER_NGHTTP2_FUNCTIONS(SPAWNER_NGHTTP2_DEFINE)
#undef SPAWNER_NGHTTP2_DEFINE

namespace {

/// Empty, or what went wrong.
std::string load() {
  void* const library = dlopen("libnghttp2.so.14", RTLD_NOW | RTLD_LOCAL);  // for the life of the process
  if (library == nullptr) return dlerror();
  const char* missing = nullptr;
#define SPAWNER_NGHTTP2_FIND(name)                                  \
  name = reinterpret_cast<decltype(name)>(::dlsym(library, #name)); \
  if (name == nullptr) missing = #name;
  SPAWNER_NGHTTP2_FUNCTIONS(SPAWNER_NGHTTP2_FIND)
#undef SPAWNER_NGHTTP2_FIND
  return missing == nullptr ? std::string() : std::string("it has no ") + missing;
}

}  // namespace

Result<void> loadNghttp2() {
  static const std::string problem = load();
  if (problem.empty()) return {};
  return Error{ErrorKind::Internal, "libnghttp2 cannot be loaded (" + problem + "); install it: Debian's package is libnghttp2-14", {}};
}

}  // namespace spawner::http2
