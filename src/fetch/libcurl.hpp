#pragma once
// Where libcurl comes from. Private to src/fetch.

#include "spawner/result.hpp"

namespace spawner::fetch {

/// Loads and initialises libcurl, once a process; before any call of it. Internal where it is not installed. Thread: any.
Result<void> loadLibcurl();

}  // namespace spawner::fetch
