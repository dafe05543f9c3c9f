// libFuzzer's entry for the one target that SPAWNER_FUZZ_TARGET names.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "fuzz/targets.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto* const target = [] {
    for (const auto& one : spawner::fuzz::targets())
      if (one.name == SPAWNER_FUZZ_TARGET) return &one;
    std::abort();
  }();
  target->run({reinterpret_cast<const char*>(data), size});
  return 0;
}
