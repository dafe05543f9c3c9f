#pragma once
// die: the end of a process whose own invariant is broken. For what the outside world can break there is Result.

#include <string_view>

namespace spawner {

/// Writes "spawner: <message>" to standard error and aborts. Thread: any.
[[noreturn]] void die(std::string_view message);

}  // namespace spawner
