// Subcommands → options → run(options).
#include <cstdio>

int main() {
  std::puts("spawner " SPAWNER_VERSION);
  return 0;
}
