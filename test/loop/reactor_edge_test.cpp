// Interests with edge, and watches that end while their call-back runs.

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include <sys/socket.h>

#include "loop/reactor.hpp"
#include "loop/socket_pair.hpp"
#include "support/loop_wait.hpp"

using namespace spawner;
using namespace spawner::test;

namespace {

constexpr Interest reading{.readable = true, .writable = false, .hangup = false};
constexpr Interest nothing{};
constexpr Interest edge{.readable = true, .writable = false, .hangup = false, .edge = true};

}  // namespace

TEST_CASE("watch: with edge, told once of what came; without it again, of what was left", "[integration]") {
  Reactor loop;
  Pair pair;
  int calls = 0;
  std::vector<std::string> got;
  bool reads = true;
  FdWatch watch = loop.watch(pair.a.get(), edge, [&](Interest ready) {
    CHECK(ready.readable);
    ++calls;
    if (reads) got.push_back(drain(pair.a.get()));
  });
  for (const std::string_view word : {"one", "two"}) {
    CHECK(writeSome(pair.b.get(), word).bytes == 3);
    waitFor(loop, "the word", [&] { return got.size() == (word == "one" ? 1U : 2U); });
    turns(loop);
  }
  CHECK(got == std::vector<std::string>{"one", "two"});
  CHECK(calls == 2);

  reads = false;
  CHECK(writeSome(pair.b.get(), "left").bytes == 4);
  waitFor(loop, "the edge", [&] { return calls == 3; });
  turns(loop);
  CHECK(calls == 3);
  reads = true;
  SECTION("level again") { watch.set(reading); }
  SECTION("paused, and again with edge") {
    watch.set(nothing);
    turns(loop);
    CHECK(calls == 3);
    watch.set(edge);
  }
  SECTION("while it waits to write, it is level too") {
    watch.set(Interest{.readable = true, .writable = true, .hangup = false, .edge = true});
  }
  waitFor(loop, "what was left", [&] { return got.size() >= 3; });
  CHECK(got[2] == "left");
}

TEST_CASE("watch: with edge, an end that comes after what was read is told", "[integration]") {
  Reactor loop;
  Pair pair;
  std::vector<Interest> seen;
  FdWatch watch =
      loop.watch(pair.a.get(), Interest{.readable = true, .writable = false, .hangup = true, .edge = true}, [&](Interest ready) {
        seen.push_back(ready);
        if (seen.size() == 1) {
          char byte = 0;
          CHECK(readSome(pair.a.get(), {&byte, 1}).bytes == 1);
        }
      });
  CHECK(writeSome(pair.b.get(), "x").bytes == 1);
  waitFor(loop, "the byte", [&] { return seen.size() == 1; });
  CHECK_FALSE(seen[0].hangup);
  SECTION("half-close") { ::shutdown(pair.b.get(), SHUT_WR); }
  SECTION("close") { pair.b.reset(); }
  waitFor(loop, "the end", [&] { return seen.size() == 2; });
  CHECK(seen[1].hangup);
  CHECK(seen[1].readable);
}

TEST_CASE("watch: with edge, a hangup alone is told once, behind unread bytes, and so is a failure behind it", "[integration]") {
  Reactor loop;
  const auto listener = listenOn(*SocketAddress::parse("127.0.0.1:0"));
  REQUIRE(listener);
  Fd peer = std::move(*connectTo(*localAddress(listener->get())));
  Fd own;
  waitFor(loop, "the connection", [&] {
    auto accepted = acceptFrom(listener->get());
    if (accepted && *accepted) own = std::move(*accepted);
    return static_cast<bool>(own);
  });
  int told = 0;
  FdWatch watch = loop.watch(own.get(), Interest{.hangup = true, .edge = true}, [&](Interest ready) {
    CHECK(ready.hangup);
    CHECK_FALSE(ready.readable);
    ++told;
  });
  CHECK(writeSome(peer.get(), "unread").bytes == 6);
  turns(loop);
  CHECK(told == 0);
  ::shutdown(peer.get(), SHUT_WR);
  waitFor(loop, "the end", [&] { return told > 0; });
  turns(loop);
  CHECK(told == 1);
  CHECK(takeSocketError(own.get()) == 0);
  const linger hard{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(peer.get(), SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
  peer.reset();
  waitFor(loop, "the failure", [&] { return told > 1; });
  turns(loop);
  CHECK(told == 2);
  CHECK(takeSocketError(own.get()) == EPIPE);
  CHECK(takeSocketError(own.get()) == 0);
  std::array<char, 10> buffer;
  CHECK(readSome(own.get(), buffer).bytes == 6);
}

TEST_CASE("watch: a call-back that cancels its own watch keeps what it holds until it is over", "[integration]") {
  Reactor loop;
  Pair pair;
  Pair other;
  const auto held = std::make_shared<int>(0);
  FdWatch watch;
  FdWatch next;
  int calls = 0;
  watch = loop.watch(pair.a.get(), reading, [&, held] {
    return [&, held](Interest) {
      watch.cancel();
      // The slot is not free yet: a new watch has its own.
      next = loop.watch(other.a.get(), reading, [&](Interest) { calls += 10; });
      CHECK(held.use_count() >= 2);
      ++calls;
    };
  }());
  CHECK(writeSome(pair.b.get(), "x").bytes == 1);
  waitFor(loop, "the call", [&] { return calls == 1; });
  turns(loop);
  CHECK(calls == 1);
  CHECK(held.use_count() == 1);
}
