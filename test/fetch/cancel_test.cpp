// Cancelling and destroying at every moment, from inside call-backs too.
#include "fetch_fixture.hpp"

using namespace spawner;
using namespace spawner::test;
using namespace std::chrono_literals;

namespace {

/// Answers "/slow" never, everything else with a stream of three chunks.
void serve(const Connection& c) {
  if (c->request.starts_with("GET /slow")) return;
  c->head();
  for (int i = 0; i < 3; ++i) c->chunk("chunk\n");
  c->endChunks();
}

}  // namespace

TEST_CASE("a dropped call is silent and its connection ends", "[integration]") {
  FetchFixture f(serve);
  bool told = false;
  SECTION("before anything happened") {
    f.transport->call(FetchFixture::get("/slow"), [&](Result<TransportResponse>) { told = true; }).reset();
  }
  SECTION("while the server thinks") {
    Pending pending = f.transport->call(FetchFixture::get("/slow"), [&](Result<TransportResponse>) { told = true; });
    waitFor(f.loop, "the connection", [&] { return f.server.open() == 1; });
    pending.reset();
    waitFor(f.loop, "its end", [&] { return f.server.open() == 0; });
  }
  SECTION("refused, before it is told") {
    TransportRequest bad = FetchFixture::get("nonsense");
    f.transport->call(std::move(bad), [&](Result<TransportResponse>) { told = true; }).reset();
  }
  turns(f.loop);
  CHECK_FALSE(told);
  CHECK(f.transport->stats().active == 0);
}

TEST_CASE("a stream may be dropped in each of its own call-backs", "[integration]") {
  for (const std::string where : {"head", "data", "end"}) {
    FetchFixture f(serve);
    Pending pending;
    std::string story;
    const auto tell = [&](const std::string& what) {
      story += what + " ";
      if (what == where) pending.reset();
    };
    pending = f.transport->stream(FetchFixture::get("/"),
                                  StreamHandlers{[&](const TransportResponse&) { tell("head"); }, [&](std::string_view) { tell("data"); },
                                                 [&](Result<void>) { tell("end"); }});
    waitFor(f.loop, where, [&] { return story.find(where) != std::string::npos; });
    turns(f.loop);
    CHECK(story.ends_with(where + " "));
    CHECK(f.transport->stats().active == 0);
    CHECK(f.call(FetchFixture::get("/")).ok());
  }
}

TEST_CASE("the transport may be destroyed in any call-back, with others under way", "[integration]") {
  for (const std::string where : {"head", "data", "end", "answer", "timeout", "refusal"}) {
    FetchFixture f(serve);
    bool dead = false;
    const auto tell = [&](const std::string& what) {
      CHECK_FALSE(dead);
      if (what != where) return;
      f.transport.reset();
      dead = true;
    };
    std::vector<Pending> pendings;
    for (int i = 0; i < 5; ++i) {
      pendings.push_back(f.transport->stream(
          FetchFixture::get("/"), StreamHandlers{[&](const TransportResponse&) { tell("head"); }, [&](std::string_view) { tell("data"); },
                                                 [&](Result<void>) { tell("end"); }}));
      pendings.push_back(f.transport->call(FetchFixture::get("/"), [&](Result<TransportResponse>) { tell("answer"); }));
      pendings.push_back(f.transport->call(FetchFixture::get("/slow", 30ms), [&](Result<TransportResponse>) { tell("timeout"); }));
      pendings.push_back(f.transport->call(FetchFixture::get("refused"), [&](Result<TransportResponse>) { tell("refusal"); }));
    }
    waitFor(f.loop, where, [&] { return dead; });
    turns(f.loop);
    waitFor(f.loop, "the connections' end", [&] { return f.server.open() == 0; });
  }
}

TEST_CASE("call-backs may start and drop others", "[integration]") {
  FetchFixture f(serve);
  int answered = 0;
  std::vector<Pending> pendings;
  std::function<void()> more = [&] {
    if (++answered >= 50) return;
    pendings.clear();  // drops this one too, and whatever else is under way
    for (int i = 0; i < 3; ++i) pendings.push_back(f.transport->call(FetchFixture::get("/"), [&](Result<TransportResponse>) { more(); }));
  };
  more();
  waitFor(f.loop, "fifty answers", [&] { return answered >= 50; });
  pendings.clear();
  CHECK(f.transport->stats().active == 0);
}

TEST_CASE("a Pending may outlive its transport", "[integration]") {
  FetchFixture f(serve);
  bool told = false;
  Pending pending = f.transport->call(FetchFixture::get("/"), [&](Result<TransportResponse>) { told = true; });
  f.transport.reset();
  turns(f.loop);
  pending.reset();
  CHECK_FALSE(told);
}

TEST_CASE("what a call-back owns goes with it", "[integration]") {
  FetchFixture f(serve);
  const auto owned = std::make_shared<int>(1);
  Pending dropped = f.transport->call(FetchFixture::get("/slow"), [owned](Result<TransportResponse>) {});
  CHECK(owned.use_count() == 2);
  dropped.reset();
  CHECK(owned.use_count() == 1);
  bool done = false;
  const Pending pending = f.transport->call(FetchFixture::get("/"), [owned, &done](Result<TransportResponse>) { done = true; });
  waitFor(f.loop, "the answer", [&] { return done; });
  turns(f.loop);
  CHECK(owned.use_count() == 1);
}
