#pragma once
// loadNghttp2: makes HTTP/2 possible in this process, once and for its life. Thread: any.

#include "spawner/result.hpp"

namespace spawner::http2 {

/// REQUIRED before any other thing of src/http2 is made. Internal where the library is not installed.
Result<void> loadNghttp2();

}  // namespace spawner::http2
