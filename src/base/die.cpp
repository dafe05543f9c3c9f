#include "base/die.hpp"

#include <cstdio>
#include <cstdlib>

namespace spawner {

void die(std::string_view message) {
  std::fprintf(stderr, "spawner: %.*s\n", static_cast<int>(message.size()), message.data());
  std::abort();
}

}  // namespace spawner
