// One leads: in order, after a crash, cut off, with a Lease that somebody edited.
#include "election_fixture.hpp"

using namespace spawner;
using namespace spawner::test;

TEST_CASE("the first candidate leads at once, and a renewal is one request") {
  Election e;
  Election::Candidate& a = e.add();
  CHECK(e.until(
            "it leads", [&] { return a.acts; }, 1s) < 100ms);
  CHECK(e.lease()["spec"]["holderIdentity"] == a.identity);
  CHECK(e.lease()["spec"]["leaseDurationSeconds"] == 15);
  CHECK(e.lease()["spec"]["leaseTransitions"] == 0);
  const auto acquired = e.lease()["spec"]["acquireTime"];
  CHECK(a.late.methods == std::vector<std::string>{"GET", "POST"});
  a.late.methods.clear();
  e.run(60s);
  CHECK(a.terms == 1);
  CHECK(a.acts);
  CHECK(a.late.methods.size() >= 30);
  CHECK(a.late.methods.size() <= 40);
  for (const std::string& method : a.late.methods) CHECK(method == "PUT");
  CHECK(e.lease()["spec"]["acquireTime"] == acquired);
  CHECK(e.lease()["spec"]["renewTime"] > acquired);
}

TEST_CASE("a follower looks at the Lease once a retry period, and changes nothing") {
  Election e;
  Election::Candidate& a = e.add();
  e.until(
      "a leads", [&] { return a.acts; }, 1s);
  Election::Candidate& b = e.add();
  e.until(
      "b has seen it", [&] { return b.elector->observed(); }, 1s);
  e.run(60s);
  CHECK(a.acts);
  CHECK_FALSE(b.acts);
  for (const std::string& method : b.late.methods) CHECK(method == "GET");
  CHECK(b.late.methods.size() <= 42);
}

TEST_CASE("an orderly end gives the Lease up: another leads within a retry period") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Election e(seed);
    Election::Candidate& a = e.add();
    e.until(
        "a leads", [&] { return a.acts; }, 1s);
    Election::Candidate& b = e.add();
    e.run(std::chrono::milliseconds(5000 + 137 * seed));
    e.stop(a);
    CHECK(e.until(
              "b leads", [&] { return b.acts; }, 30s) < 2100ms);
    CHECK_FALSE(a.elector);
    CHECK(e.lease()["spec"]["leaseTransitions"] == 2 - 1);
    CHECK(b.elector->transitions() == 1);
  }
}

TEST_CASE("a crashed leader is replaced when its Lease has run out by the follower's clock, whatever the wall clock does") {
  const auto jump = GENERATE(0s, 7200s, -7200s);
  Election e;
  Election::Candidate& a = e.add();
  e.until(
      "a leads", [&] { return a.acts; }, 1s);
  Election::Candidate& b = e.add();
  e.run(20s);
  e.crash(a);
  e.run(3s);
  e.loop.jumpWall(jump);
  const Duration took = 3s + e.until(
                                 "b leads", [&] { return b.acts; }, 60s);
  CHECK(took > 13s);  // the last renewal was up to 2 s before the crash
  CHECK(took < 18s);
  e.start(a);
  e.run(60s);
  CHECK(b.acts);
  CHECK(b.terms == 1);
}

TEST_CASE("a leader that is cut off stops before another starts, and follows when it is back") {
  const double fast = GENERATE(1.0, 0.85, 1.15);
  Election e;
  Election::Candidate& a = e.add(fast);
  e.until(
      "a leads", [&] { return a.acts; }, 1s);
  Election::Candidate& b = e.add(2 - fast);
  e.run(20s);
  cluster::Faults cut;
  cut.partitioned = true;
  a.network.setFaults(cut);
  const TimePoint from = e.loop.now();
  e.until(
      "b leads", [&] { return b.acts; }, 60s);
  CHECK_FALSE(a.acts);
  CHECK(a.until - from < 12s);
  CHECK(b.since - a.until > 1s);
  CHECK(e.logged("leads no more") == 1);
  CHECK(e.logged("leader election cannot go on") == 1);  // one line, not one a try
  a.network.setFaults({});
  e.run(60s);
  CHECK(b.acts);
  CHECK(b.terms == 1);
  CHECK(a.terms == 1);
}

TEST_CASE("a leader alone that was cut off leads again as soon as it is back") {
  Election e;
  Election::Candidate& a = e.add();
  e.until(
      "a leads", [&] { return a.acts; }, 1s);
  cluster::Faults cut;
  cut.partitioned = true;
  a.network.setFaults(cut);
  e.run(60s);
  CHECK_FALSE(a.acts);
  a.network.setFaults({});
  e.until(
      "it leads again", [&] { return a.acts; }, 8s);  // a try that is under way, and a pause
  CHECK(a.terms == 2);
  CHECK(e.lease()["spec"]["leaseTransitions"] == 0);
}

TEST_CASE("slow answers cost leadership only where they are too slow") {
  Election e;
  Election::Candidate& a = e.add();
  e.until(
      "a leads", [&] { return a.acts; }, 1s);
  Election::Candidate& b = e.add();
  a.late.slow = 3s;
  e.run(120s);
  CHECK(a.terms == 1);
  CHECK(a.acts);
  a.late.slow = 11s;  // longer than the time-out of a call: it renews, and does not learn it
  e.run(120s);
  CHECK(b.terms == 0);
  CHECK_FALSE(a.acts);  // its Lease goes on, but it cannot know for how long
}

TEST_CASE("a Lease that was deleted by hand is made anew by its leader; a follower waits") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Election e(seed);
    Election::Candidate& a = e.add();
    e.until(
        "a leads", [&] { return a.acts; }, 1s);
    Election::Candidate& b = e.add();
    e.run(10s);
    e.ask("DELETE", e.path);
    const bool dies = seed % 2 == 0;
    if (dies) e.crash(a);
    e.run(60s);
    CHECK(a.acts == !dies);
    CHECK(b.acts == dies);
    CHECK(e.lease()["spec"]["holderIdentity"] == (dies ? b : a).identity);
  }
}

TEST_CASE("a Lease that was given to somebody by hand: its leader stops at once, and another leads after its time") {
  const std::string holder = GENERATE(R"("somebody")", "null", R"("")");
  Election e;
  Election::Candidate& a = e.add();
  e.until(
      "a leads", [&] { return a.acts; }, 1s);
  e.add();
  e.run(10s);
  e.edit(R"({"spec":{"holderIdentity":)" + holder + "}}");
  CHECK(e.until(
            "a stops", [&] { return !a.acts; }, 20s) < 2100ms);
  const Duration took = e.until(
      "one leads", [&] { return e.acting() == 1; }, 30s);
  CHECK(took > 12s);
  CHECK(took < 18s);
  CHECK(e.lease()["spec"]["leaseTransitions"] == 1);
}

TEST_CASE("garbage in the Lease ends nothing for good") {
  const std::string spec =
      GENERATE("{}", "null", R"({"holderIdentity":"dead"})", R"({"holderIdentity":"dead","leaseDurationSeconds":1})",
               R"({"holderIdentity":"dead","leaseDurationSeconds":2147483647,"leaseTransitions":2147483647})",
               R"({"holderIdentity":"dead","leaseDurationSeconds":15,"leaseTransitions":7,"renewTime":"9999-12-31T23:59:59.000000Z"})",
               R"({"holderIdentity":"dead","leaseDurationSeconds":15,"renewTime":"0001-01-01T00:00:00.000000Z","acquireTime":null})");
  Election e;
  REQUIRE_FALSE(
      e.ask("POST", e.path.substr(0, e.path.rfind('/')), R"({"metadata":{"name":"l","labels":{"kept":"yes"}},"spec":)" + spec + "}")
          .is_null());
  Election::Candidate& a = e.add();
  const Duration took = e.until(
      "it leads", [&] { return a.acts; }, 700s);
  CHECK(took > 14s);
  if (spec.find("2147483647") == std::string::npos) CHECK(took < 18s);
  const auto now = e.lease();
  CHECK(now["spec"]["leaseDurationSeconds"] == 15);
  CHECK(now["spec"]["holderIdentity"] == a.identity);
  CHECK(now["spec"]["leaseTransitions"].get<int>() <= 8);
  CHECK(now["metadata"]["labels"]["kept"] == "yes");
}

TEST_CASE("a Lease of a longer duration than ours is waited for") {
  Election e;
  e.ask("POST", e.path.substr(0, e.path.rfind('/')),
        R"({"metadata":{"name":"l"},"spec":{"holderIdentity":"old version","leaseDurationSeconds":60}})");
  Election::Candidate& a = e.add();
  const Duration took = e.until(
      "it leads", [&] { return a.acts; }, 100s);
  CHECK(took > 59s);
  CHECK(took < 63s);
}

TEST_CASE("who may not write the Lease never leads, and says so once") {
  Election e;
  Election::Candidate& a = e.add();
  e.until(
      "a leads", [&] { return a.acts; }, 1s);
  e.crash(a);
  Election::Candidate& b = e.add();
  cluster::Faults refused;
  refused.serverError = 1;
  b.network.setFaults(refused);
  e.run(60s);
  CHECK_FALSE(b.acts);
  CHECK_FALSE(b.elector->observed());
  CHECK(e.logged("leader election cannot go on") == 1);
}

TEST_CASE("a follower's end takes no time; one of a leader that reaches nobody ends by its deadline, and asks nothing more") {
  Election e;
  Election::Candidate& a = e.add();
  e.until(
      "a leads", [&] { return a.acts; }, 1s);
  Election::Candidate& b = e.add();
  e.run(10s);
  e.stop(b);
  CHECK(e.until(
            "b has ended", [&] { return !b.elector; }, 10s) < 100ms);
  CHECK(e.lease()["spec"]["holderIdentity"] == a.identity);
  cluster::Faults cut;
  cut.partitioned = true;
  a.network.setFaults(cut);
  bool ended = false;
  a.elector->stop([&ended] { ended = true; });
  CHECK_FALSE(ended);  // never inside the call
  CHECK(e.until(
            "a has ended", [&] { return ended; }, 30s) <= 10100ms);
  const std::uint64_t asked = a.late.requests + a.network.counts().requests;
  e.run(60s);
  CHECK(a.late.requests + a.network.counts().requests == asked);
}

TEST_CASE("a leader whose rights are gone ends at once: an uninstallation takes them away with the Lease") {
  Election e;
  Election::Candidate& a = e.add();
  e.until(
      "a leads", [&] { return a.acts; }, 1s);
  a.late.forbidden = true;
  bool ended = false;
  a.elector->stop([&ended] { ended = true; });
  CHECK(e.until(
            "a has ended", [&] { return ended; }, 30s) < 100ms);
}

TEST_CASE("an end in the middle of any request leaves the Lease to others") {
  for (int step = 0; step < 40; ++step) {
    Election e(static_cast<std::uint64_t>(step) + 1);
    Election::Candidate& a = e.add();
    for (int i = 0; i < step; ++i) e.loop.step();
    e.stop(a);
    e.until(
        "it has ended", [&] { return !a.elector; }, 20s);
    const auto left = e.lease();
    INFO("stopped at step " << step << ": " << left.dump());
    CHECK((left.is_null() || !left["spec"].contains("holderIdentity")));
    Election::Candidate& b = e.add();
    CHECK(e.until(
              "the next leads", [&] { return b.acts; }, 30s) < 100ms);
  }
}
