#include "cluster/faulty_transport.hpp"

#include "client.hpp"
#include "cluster/direct_transport.hpp"
#include "sim_fixture.hpp"

using namespace spawner;
using namespace spawner::cluster;
using namespace spawner::cluster::test;

namespace {

struct FaultyFixture : SimFixture {
  explicit FaultyFixture(const Faults& faults = {}, std::uint64_t seed = 1)
      : SimFixture({}, seed), chance(seededRandom(seed)), direct(loop, server), faulty(loop, direct, *chance, faults) {}
  /// Calls and gives the outcome after plenty of time.
  Caller done(TransportRequest request) {
    Caller caller;
    std::optional<Result<TransportResponse>> got;
    caller.pending = faulty.call(std::move(request), [&got](Result<TransportResponse> result) { got.emplace(std::move(result)); });
    settle(std::chrono::minutes(1));
    caller.result = std::move(got);
    caller.pending.reset();
    return caller;
  }
  std::unique_ptr<Random> chance;
  DirectTransport direct;
  FaultyTransport faulty;
};

Faults only(double Faults::*which, double probability = 1) {
  Faults faults;
  faults.*which = probability;
  return faults;
}

const std::string watchTarget = std::string(slabsPath) + "?watch=true&timeoutSeconds=600";

}  // namespace

TEST_CASE("Without faults it is its inner transport", "[cluster]") {
  FaultyFixture f;
  CHECK(f.done(requestFor("POST", slabsPath, slabJson("a"))).status() == 201);
  Follower watch;
  watch.open(f.faulty, requestFor("GET", watchTarget));
  f.settle();
  CHECK(watch.words() == std::vector<std::string>{"ADDED a"});
  CHECK(f.faulty.counts().requests == 2);
}

TEST_CASE("A request that is lost does nothing; an answer that is lost has done it: both errors come", "[cluster]") {
  for (const bool acts : {false, true}) {
    bool timeout = false, broken = false;
    for (std::uint64_t seed = 1; seed < 12; ++seed) {
      FaultyFixture f(acts ? only(&Faults::dropAfter) : only(&Faults::dropBefore), seed);
      const Caller caller = f.done(requestFor("POST", slabsPath, slabJson("a")));
      (caller.error() == ErrorKind::Timeout ? timeout : broken) = true;
      CHECK((caller.error() == ErrorKind::Timeout || caller.error() == ErrorKind::Disconnected));
      CHECK(f.exists(types::slabs, "spawner/a") == acts);
    }
    CHECK(timeout);
    CHECK(broken);
  }
}

TEST_CASE("A duplicate acts twice and answers with the second", "[cluster]") {
  FaultyFixture f(only(&Faults::duplicate));
  CHECK(f.done(requestFor("POST", slabsPath, slabJson("a"))).status() == 409);
  CHECK(f.exists(types::slabs, "spawner/a"));
  CHECK(f.faulty.counts().duplicate == 1);
}

TEST_CASE("Refusals: by the right requests, with Status bodies, without acting", "[cluster]") {
  FaultyFixture f;
  f.make(slabsPath, slabJson("a"));
  const std::uint64_t before = f.server.store().revision();
  f.faulty.setFaults(only(&Faults::conflict));
  const Caller conflict = f.done(requestFor("PATCH", under(slabsPath, "a"), R"({"spec":{"gracePeriodSeconds":1}})", mergeType));
  CHECK(conflict.status() == 409);
  CHECK(parse(conflict.result->value().body).textAt({"reason"}) == "Conflict");
  CHECK(f.done(requestFor("GET", under(slabsPath, "a"))).status() == 200);
  f.faulty.setFaults(only(&Faults::gone));
  CHECK(f.done(requestFor("GET", std::string(slabsPath) + "?limit=1&continue=x")).status() == 410);
  CHECK(f.done(requestFor("GET", slabsPath)).status() == 200);  // a fresh list is never too old
  f.faulty.setFaults(only(&Faults::tooMany));
  const Caller many = f.done(requestFor("POST", slabsPath, slabJson("b")));
  CHECK(many.status() == 429);
  CHECK(many.result->value().header("retry-after") == "1");
  f.faulty.setFaults(only(&Faults::serverError));
  CHECK(f.done(requestFor("DELETE", under(slabsPath, "a"))).status() == 500);
  CHECK(f.server.store().revision() == before);
}

TEST_CASE("A watch: gone is told in the stream, a cut ends it, a refusal is its head", "[cluster]") {
  FaultyFixture f(only(&Faults::gone));
  Follower gone;
  gone.open(f.faulty, requestFor("GET", watchTarget + "&resourceVersion=5"));
  f.settle();
  CHECK(gone.status == 200);
  REQUIRE(gone.lines.size() == 1);
  CHECK(parse(gone.lines[0]).integerAt({"object", "code"}) == 410);
  CHECK(gone.end);
  f.faulty.setFaults(only(&Faults::cutWatch));
  bool clean = false, broken = false;
  for (int i = 0; i < 12; ++i) {
    Follower cut;
    cut.open(f.faulty, requestFor("GET", watchTarget));
    f.settle(std::chrono::seconds(21));
    REQUIRE(cut.end);
    (cut.end->ok() ? clean : broken) = true;
  }
  CHECK(clean);
  CHECK(broken);
  CHECK(f.server.watches() == 0);
  f.faulty.setFaults(only(&Faults::tooMany));
  Follower refused;
  refused.open(f.faulty, requestFor("GET", watchTarget));
  f.settle();
  CHECK(refused.status == 429);
}

TEST_CASE("Delays keep the order of a stream and lose nothing", "[cluster]") {
  FaultyFixture f(only(&Faults::delay, 0.5));
  Follower watch;
  watch.open(f.faulty, requestFor("GET", watchTarget));
  std::vector<std::string> wanted;
  for (int i = 0; i < 100; ++i) {
    f.make(slabsPath, slabJson("s" + std::to_string(i)));
    wanted.push_back("ADDED s" + std::to_string(i));
    f.settle(std::chrono::milliseconds(20));
  }
  CHECK(watch.words().size() < 100);
  f.settle(std::chrono::minutes(1));
  std::vector<std::string> got = watch.words();
  std::sort(wanted.begin(), wanted.end());
  std::vector<std::string> sorted = got;
  std::sort(sorted.begin(), sorted.end());
  CHECK(sorted == wanted);
  std::uint64_t last = 0;
  for (const std::string& line : watch.lines) {
    const std::uint64_t version = std::stoull(std::string(parse(line).textAt({"object", "metadata", "resourceVersion"})));
    CHECK(version > last);
    last = version;
  }
  CHECK(f.faulty.counts().delayed > 20);
}

TEST_CASE("A partition: calls time out, streams fall silent, and one that lost data breaks off instead of going on", "[cluster]") {
  FaultyFixture f;
  Follower hit, idle;
  TransportRequest watching = requestFor("GET", watchTarget);
  hit.open(f.faulty, watching);
  idle.open(f.faulty, requestFor("GET", "/api/v1/namespaces/spawner/secrets?watch=true&timeoutSeconds=600"));
  f.settle();
  Faults cut;
  cut.partitioned = true;
  f.faulty.setFaults(cut);
  f.make(slabsPath, slabJson("a"));
  CHECK(f.done(requestFor("GET", slabsPath)).error() == ErrorKind::Timeout);
  CHECK(hit.lines.empty());
  CHECK_FALSE(hit.end);
  f.faulty.setFaults({});
  f.make(slabsPath, slabJson("b"));
  f.make("/api/v1/namespaces/spawner/secrets", R"({"metadata":{"name":"s"}})");
  f.settle();
  CHECK(hit.lines.empty());  // "b" without "a" would hide a loss
  REQUIRE(hit.end);
  CHECK(hit.end->error().kind == ErrorKind::Disconnected);
  CHECK(idle.words() == std::vector<std::string>{"ADDED s"});
  CHECK(f.done(requestFor("GET", slabsPath)).status() == 200);
}

TEST_CASE("A partition that swallows the end of a stream does not leave it silent for ever", "[cluster]") {
  FaultyFixture f;
  Follower watch;
  watch.open(f.faulty, requestFor("GET", std::string(slabsPath) + "?watch=true&timeoutSeconds=5"));
  f.settle();
  Faults cut;
  cut.partitioned = true;
  f.faulty.setFaults(cut);
  f.settle(std::chrono::seconds(30));  // the server ended the watch meanwhile
  CHECK_FALSE(watch.end);
  f.faulty.setFaults({});
  f.settle();
  REQUIRE(watch.end);
  CHECK(watch.end->error().kind == ErrorKind::Disconnected);
}

TEST_CASE("Nothing calls back after its Pending or the transport is gone", "[cluster]") {
  Faults faults;
  faults.delay = 0.7;
  faults.dropAfter = faults.dropBefore = faults.duplicate = faults.cutWatch = 0.2;
  for (std::uint64_t seed = 1; seed < 30; ++seed) {
    SimFixture f({}, seed);
    const auto chance = seededRandom(seed);
    DirectTransport direct(f.loop, f.server);
    std::optional<FaultyTransport> faulty(std::in_place, f.loop, direct, *chance, faults);
    bool over = false;
    std::vector<Pending> pendings;
    for (int i = 0; i < 20; ++i) {
      pendings.push_back(faulty->call(requestFor("POST", slabsPath, slabJson("s" + std::to_string(i))),
                                      [&over](Result<TransportResponse>) { CHECK_FALSE(over); }));
      pendings.push_back(faulty->stream(requestFor("GET", watchTarget),
                                        {[&over](const TransportResponse&) { CHECK_FALSE(over); },
                                         [&over](std::string_view) { CHECK_FALSE(over); }, [&over](Result<void>) { CHECK_FALSE(over); }}));
      if (i % 2 == 0) pendings.back().release();
    }
    f.settle(std::chrono::milliseconds(chance->below(1500)));
    over = true;
    if (seed % 2 == 0) pendings.clear();
    faulty.reset();
    f.settle(std::chrono::minutes(1));
    CHECK(f.server.watches() == 0);
  }
}
