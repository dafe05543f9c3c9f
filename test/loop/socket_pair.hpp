#pragma once
// Two connected sockets, and all that can be read from one now: what the tests of watches work on.

#include <catch2/catch.hpp>
#include <string>

#include <sys/socket.h>

#include "loop/socket.hpp"

namespace spawner::test {

struct Pair {
  Fd a, b;
  Pair() {
    int ends[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
    a = Fd(ends[0]);
    b = Fd(ends[1]);
  }
};

inline std::string drain(int fd) {
  char buffer[256];
  std::string all;
  for (;;) {
    const IoResult got = readSome(fd, buffer);
    if (got.kind != IoResult::Kind::Bytes) return all;
    all.append(buffer, got.bytes);
  }
}

}  // namespace spawner::test
