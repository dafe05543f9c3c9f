#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loop/reactor.hpp"
#include "loop/sim_loop.hpp"
#include "loop/socket_pair.hpp"
#include "support/last_words.hpp"
#include "support/loop_wait.hpp"

using namespace spawner;
using namespace spawner::test;
using namespace std::chrono_literals;

namespace {

constexpr Interest reading{.readable = true, .writable = false, .hangup = false};
constexpr Interest writing{.readable = false, .writable = true, .hangup = false};
constexpr Interest nothing{};

}  // namespace

TEST_CASE("watch: level-triggered, reported until it is read", "[integration]") {
  Reactor loop;
  Pair pair;
  int calls = 0;
  std::string got;
  FdWatch watch = loop.watch(pair.a.get(), reading, [&](Interest ready) {
    CHECK(ready.readable);
    CHECK_FALSE(ready.writable);
    CHECK_FALSE(ready.hangup);
    if (++calls == 3) got = drain(pair.a.get());
  });
  CHECK(calls == 0);
  CHECK(writeSome(pair.b.get(), "hello").bytes == 5);
  waitFor(loop, "bytes", [&] { return !got.empty(); });
  CHECK(got == "hello");
  turns(loop);
  CHECK(calls == 3);
}

TEST_CASE("watch: only what is asked for is reported", "[integration]") {
  Reactor loop;
  Pair pair;
  std::string log;
  FdWatch watch = loop.watch(pair.a.get(), nothing, [&](Interest ready) { log += ready.writable ? 'w' : 'r'; });
  CHECK(writeSome(pair.b.get(), "x").bytes == 1);
  turns(loop);
  CHECK(log.empty());
  watch.set(writing);
  turns(loop, 1);
  CHECK(log.find('w') != std::string::npos);
  CHECK(log.find('r') == std::string::npos);
  watch.set(nothing);
  log.clear();
  turns(loop);
  CHECK(log.empty());
  watch.set(reading);
  turns(loop, 1);
  CHECK(log.find('r') != std::string::npos);
}

TEST_CASE("watch: a peer that closed is a hangup that the reader can see by reading", "[integration]") {
  Reactor loop;
  Pair pair;
  Interest seen;
  FdWatch watch = loop.watch(pair.a.get(), reading, [&](Interest ready) { seen = ready; });
  pair.b.reset();
  waitFor(loop, "the hangup", [&] { return seen.hangup; });
  CHECK(seen.readable);
  CHECK_FALSE(seen.writable);
  char byte;
  CHECK(readSome(pair.a.get(), std::span(&byte, 1)).kind == IoResult::Kind::End);
}

TEST_CASE("watch: a half-close is a hangup for a reader and nothing for a writer", "[integration]") {
  Reactor loop;
  Pair pair;
  Interest seen;
  FdWatch watch = loop.watch(pair.a.get(), reading, [&](Interest ready) { seen = ready; });
  ::shutdown(pair.b.get(), SHUT_WR);
  waitFor(loop, "the hangup", [&] { return seen.hangup; });
  watch.set(writing);
  seen = {};
  waitFor(loop, "writable", [&] { return seen.writable; });
  CHECK_FALSE(seen.hangup);
  CHECK_FALSE(seen.readable);
}

TEST_CASE("watch: a broken connection is writable for a writer, who sees the error by writing", "[integration]") {
  Reactor loop;
  Pair pair;
  while (writeSome(pair.a.get(), std::string(65536, 'x')).kind == IoResult::Kind::Bytes) {}
  Interest seen;
  FdWatch watch = loop.watch(pair.a.get(), writing, [&](Interest ready) { seen = ready; });
  turns(loop);
  CHECK_FALSE(seen.writable);
  pair.b.reset();
  waitFor(loop, "the hangup", [&] { return seen.hangup; });
  CHECK(seen.writable);
  const IoResult outcome = writeSome(pair.a.get(), "x");
  CHECK(outcome.kind == IoResult::Kind::Failed);
  CHECK(outcome.errnoValue == EPIPE);
}

TEST_CASE("watch: a hangup that is asked for comes without reading, behind unread bytes", "[integration]") {
  Reactor loop;
  Pair pair;
  std::vector<Interest> seen;
  FdWatch watch;
  watch = loop.watch(pair.a.get(), Interest{.readable = false, .writable = false, .hangup = true}, [&](Interest ready) {
    seen.push_back(ready);
    watch.set(nothing);
  });
  CHECK(writeSome(pair.b.get(), "unread").bytes == 6);
  turns(loop);
  CHECK(seen.empty());
  SECTION("half-close") { ::shutdown(pair.b.get(), SHUT_WR); }
  SECTION("close") { pair.b.reset(); }
  waitFor(loop, "the hangup", [&] { return !seen.empty(); });
  turns(loop);
  REQUIRE(seen.size() == 1);
  CHECK(seen[0].hangup);
  CHECK_FALSE(seen[0].readable);
  CHECK_FALSE(seen[0].writable);
  CHECK(drain(pair.a.get()) == "unread");
}

TEST_CASE("watch: a paused watch of a broken connection does not spin", "[integration]") {
  Reactor loop;
  Pair pair;
  int calls = 0;
  FdWatch watch = loop.watch(pair.a.get(), nothing, [&](Interest) { ++calls; });
  pair.b.reset();
  int turnsTaken = 0;
  loop.runUntil(
      [&] {
        ++turnsTaken;
        return false;
      },
      20ms);
  CHECK(calls == 0);
  CHECK(turnsTaken < 10);
}

TEST_CASE("watch: cancelled by another in the same turn, its event is not delivered", "[integration]") {
  Reactor loop;
  std::vector<Pair> pairs(10);
  std::vector<FdWatch> watches(10);
  int calls = 0;
  for (std::size_t i = 0; i < 10; ++i)
    watches[i] = loop.watch(pairs[i].a.get(), reading, [&](Interest) {
      ++calls;
      for (FdWatch& watch : watches) watch.cancel();
    });
  for (Pair& pair : pairs) CHECK(writeSome(pair.b.get(), "x").bytes == 1);
  turns(loop);
  CHECK(calls == 1);
}

TEST_CASE("watch: slot and descriptor used again in the same turn do not inherit the old event", "[integration]") {
  Reactor loop;
  Pair first;
  auto second = std::make_unique<Pair>();
  Pair quiet;
  FdWatch one, two, replacement;
  int stale = 0;
  int calls = 0;
  const auto replace = [&](FdWatch& victim, int fdOfVictim) {
    ++calls;
    one.set(nothing);
    // The other has an event in this very turn. Its slot and its number now belong to a connection that has none.
    victim.cancel();
    REQUIRE(::dup2(quiet.a.get(), fdOfVictim) == fdOfVictim);
    replacement = loop.watch(fdOfVictim, reading, [&](Interest) { ++stale; });
  };
  bool done = false;
  one = loop.watch(first.a.get(), reading, [&](Interest) {
    if (!std::exchange(done, true)) replace(two, second->a.get());
  });
  two = loop.watch(second->a.get(), reading, [&](Interest) {
    if (!std::exchange(done, true)) {
      two.set(nothing);
      replace(one, first.a.get());
    }
  });
  CHECK(writeSome(first.b.get(), "x").bytes == 1);
  CHECK(writeSome(second->b.get(), "x").bytes == 1);
  turns(loop);
  CHECK(calls == 1);
  CHECK(stale == 0);
  CHECK(writeSome(quiet.b.get(), "now").bytes == 3);
  waitFor(loop, "the new watch's own event", [&] { return stale > 0; });
}

TEST_CASE("watch: an interest changed in the same turn withholds the event that is no longer asked for", "[integration]") {
  Reactor loop;
  Pair x, y;
  FdWatch wx, wy;
  int calls = 0;
  wx = loop.watch(x.a.get(), reading, [&](Interest) {
    ++calls;
    wy.set(nothing);
    wx.set(nothing);
  });
  wy = loop.watch(y.a.get(), reading, [&](Interest) {
    ++calls;
    wx.set(nothing);
    wy.set(nothing);
  });
  CHECK(writeSome(x.b.get(), "x").bytes == 1);
  CHECK(writeSome(y.b.get(), "x").bytes == 1);
  turns(loop);
  CHECK(calls == 1);
}

TEST_CASE("watch: a call-back may cancel, replace and destroy its own watch", "[integration]") {
  Reactor loop;
  Pair pair;
  int calls = 0;
  auto watch = std::make_unique<FdWatch>();
  *watch = loop.watch(pair.a.get(), reading, [&, text = std::string(100, 'x')](Interest) {
    ++calls;
    watch->cancel();
    *watch = loop.watch(pair.a.get(), reading, [&](Interest) {
      ++calls;
      watch.reset();
    });
    CHECK(text == std::string(100, 'x'));  // the closure outlives its run
  });
  CHECK(writeSome(pair.b.get(), "x").bytes == 1);
  waitFor(loop, "both watches", [&] { return calls == 2; });
  turns(loop);
  CHECK(calls == 2);
}

TEST_CASE("watch: a call-back that makes many watches (the table grows) goes on working", "[integration]") {
  Reactor loop;
  Pair pair;
  std::vector<Pair> more;
  std::vector<FdWatch> watches;
  int calls = 0;
  FdWatch watch = loop.watch(pair.a.get(), reading, [&, text = std::string(100, 'x')](Interest) {
    if (++calls > 1) return;
    more.resize(200);
    for (Pair& p : more) watches.push_back(loop.watch(p.a.get(), reading, [&](Interest) {}));
    CHECK(text == std::string(100, 'x'));
  });
  CHECK(writeSome(pair.b.get(), "x").bytes == 1);
  waitFor(loop, "a second call", [&] { return calls >= 2; });
}

TEST_CASE("watch: cancelled after its descriptor was closed and the number used again, it leaves the new watch alone", "[integration]") {
  Reactor loop;
  auto old = std::make_unique<Pair>();
  FdWatch oldWatch = loop.watch(old->a.get(), reading, [](Interest) { FAIL("the closed one's call-back ran"); });
  const int number = old->a.get();
  old->a.reset();
  Pair fresh;
  Fd same(::fcntl(fresh.a.get(), F_DUPFD_CLOEXEC, number));
  REQUIRE(same.get() >= number);
  REQUIRE((same.get() == number || fresh.a.get() == number || fresh.b.get() == number));
  const int watched = fresh.b.get() == number ? fresh.b.get() : number;
  const int peer = watched == fresh.b.get() ? fresh.a.get() : fresh.b.get();
  bool called = false;
  FdWatch newWatch = loop.watch(watched, reading, [&](Interest) { called = true; });
  oldWatch.set(writing);
  oldWatch.cancel();
  CHECK(writeSome(peer, "x").bytes == 1);
  waitFor(loop, "the new watch's event", [&] { return called; });
}

TEST_CASE("watch: descriptors that are always ready starve neither timers nor tasks", "[integration]") {
  Reactor loop;
  std::vector<Pair> pairs(300);
  std::vector<FdWatch> watches;
  std::vector<int> calls(300);
  for (std::size_t i = 0; i < pairs.size(); ++i)
    watches.push_back(loop.watch(pairs[i].a.get(), writing, [&calls, i](Interest) { ++calls[i]; }));
  bool timer = false;
  Timer t = loop.after(5ms, [&] { timer = true; });
  waitFor(loop, "the timer and each descriptor", [&] { return timer && std::find(calls.begin(), calls.end(), 0) == calls.end(); });
}

namespace {

/// What `descriptors` that are ready at once, each posting a task that posts another, do in two turns: e, t, n.
std::string twoTurns(std::size_t descriptors) {
  Reactor loop;
  std::vector<Pair> pairs(descriptors);
  std::vector<FdWatch> watches;
  std::string log;
  for (const Pair& pair : pairs)
    watches.push_back(loop.watch(pair.a.get(), writing, [&](Interest) {
      log += 'e';
      loop.post([&] {
        log += 't';
        loop.post([&] { log += 'n'; });
      });
    }));
  int turns = 0;
  (void)loop.runUntil([&] { return turns++ == 2; }, 1s);
  return log;
}

std::string times(std::size_t count, char c) { return std::string(count, c); }

}  // namespace

TEST_CASE("watch: of few events, what each one posted runs before the next; what a task posts, behind that", "[integration]") {
  CHECK(twoTurns(1) == "etent");
  CHECK(twoTurns(3) == "etententententent");
}

TEST_CASE("watch: of many events, what they posted runs in the same turn, behind all of them", "[integration]") {
  const std::size_t many = 20;
  const std::string turn = times(many, 'e') + times(many, 't');
  CHECK(twoTurns(many) == turn + times(many, 'e') + times(many, 'n') + times(many, 't'));
}

TEST_CASE("watch: broken invariants end the process with a message", "[integration]") {
  CHECK(lastWords([] {
          Reactor loop;
          loop.post([] { throw std::runtime_error("lost my way"); });
          loop.runUntil([] { return false; }, 5s);
        }) == "spawner: an exception escaped a call-back of the loop: lost my way\n");
  CHECK(lastWords([] {
          Reactor loop;
          loop.post([&] { loop.runUntil([] { return true; }, 0s), loop.run(); });
          loop.runUntil([] { return false; }, 5s);
        }) == "spawner: Reactor: a call-back ran the loop that runs it\n");
  CHECK(lastWords([] {
          Reactor loop;
          const FdWatch watch = loop.watch(::open("/proc/self/exe", O_RDONLY), reading, [](Interest) {});
        }).find("cannot watch descriptor") != std::string::npos);
  CHECK(lastWords([] {
          SimLoop loop(1);
          const FdWatch watch = loop.watch(0, reading, [](Interest) {});
        }) == "spawner: SimLoop has no descriptors, but was asked to watch descriptor 0\n");
}

TEST_CASE("watch: what the present turn has still to tell of is due, in a turn of few events and of many", "[integration]") {
  Reactor loop;
  std::vector<Pair> pairs(GENERATE(2, 40));
  std::vector<FdWatch> watches;
  std::size_t told = 0;
  for (Pair& pair : pairs) {
    watches.push_back(loop.watch(pair.a.get(), reading, [&](Interest) {
      ++told;
      std::size_t due = 0;
      for (const FdWatch& watch : watches) due += watch.due() ? 1U : 0U;
      CHECK(due == pairs.size() - told);
      CHECK_FALSE(watches[static_cast<std::size_t>(&pair - pairs.data())].due());
      drain(pair.a.get());
      if (told == pairs.size()) loop.post([&] { CHECK_FALSE(watches[0].due()); });
    }));
  }
  for (Pair& pair : pairs) CHECK(writeSome(pair.b.get(), "x").bytes == 1);
  CHECK_FALSE(watches[0].due());
  waitFor(loop, "all", [&] { return told == pairs.size(); });
  turns(loop);
  CHECK_FALSE(watches[0].due());
  CHECK_FALSE(FdWatch().due());
}
