#pragma once
// Candidates for one Lease on an embedded API server in virtual time: each with its own network, and a monotonic clock of its own speed.

#include <catch2/catch.hpp>
#include <list>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/crypto.hpp"
#include "cluster/api_server.hpp"
#include "cluster/direct_transport.hpp"
#include "cluster/faulty_transport.hpp"
#include "k8s/leader_elector.hpp"
#include "loop/sim_loop.hpp"

namespace spawner::test {

using namespace std::chrono_literals;

/// The same loop as seen by a machine whose clock is faster or slower.
class SkewedLoop final : public Loop {
 public:
  SkewedLoop(Loop& inner, double speed) : inner_(inner), speed_(speed) {}
  [[nodiscard]] TimePoint now() const override { return TimePoint(scaled(inner_.now().time_since_epoch(), speed_)); }
  [[nodiscard]] WallTime wallNow() const override { return inner_.wallNow(); }
  Timer after(Duration delay, Task task) override { return inner_.after(scaled(delay, 1 / speed_) + 1ns, std::move(task)); }
  void post(Task task) override { inner_.post(std::move(task)); }
  FdWatch watch(int fd, Interest interest, FdCallback callback) override { return inner_.watch(fd, interest, std::move(callback)); }
  void stop() override { inner_.stop(); }

 private:
  static Duration scaled(Duration d, double by) { return Duration(static_cast<std::int64_t>(static_cast<double>(d.count()) * by)); }
  // Timers are the inner loop's.
  void cancelTimer(std::uint64_t) override {}
  [[nodiscard]] bool timerActive(std::uint64_t) const override { return false; }
  void cancelWatch(std::uint64_t) override {}
  void setWatch(std::uint64_t, Interest) override {}
  Loop& inner_;
  double speed_;
};

/// A network that keeps some writes for long: their senders have given up when they arrive.
class LateTransport final : public Transport {
 public:
  LateTransport(Loop& loop, Transport& inner, Random& random) : loop_(loop), inner_(inner), random_(random) {}
  double late = 0;         // probability, for each write
  Duration latest = 40s;   // how late at most
  Duration slow = 0s;      // every answer comes so late
  bool forbidden = false;  // every request is refused: 403
  std::uint64_t requests = 0;
  std::vector<std::string> methods;

  Pending call(TransportRequest request, UniqueFunction<void(Result<TransportResponse>)> done) override {
    ++requests;
    methods.push_back(request.method);
    auto timer = std::make_shared<Timer>();
    if (forbidden) {
      *timer = loop_.after(1ms, [done = std::move(done)]() mutable {
        done(TransportResponse{403, {}, R"({"kind":"Status","reason":"Forbidden"})"});
      });
      return Pending([timer] { timer->cancel(); });
    }
    if (request.method != "GET" && static_cast<double>(random_.below(1000)) < late * 1000) {
      *timer = loop_.after(request.timeout, [done = std::move(done)]() mutable { done(Error{ErrorKind::Timeout, "no answer", {}}); });
      // A create is never so late that it outlives what the chaos test waits before it deletes the Lease.
      const Duration most = request.method == "POST" ? latest / 5 : latest;
      const Duration arrival = Duration(static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(most.count()))));
      auto& slot = onTheirWay_.emplace_back();
      slot.timer = loop_.after(arrival, [this, &slot, request = std::move(request)]() mutable {
        slot.call = inner_.call(std::move(request), [](Result<TransportResponse>) {});
      });
      return Pending([timer] { timer->cancel(); });
    }
    if (slow == 0s) return inner_.call(std::move(request), std::move(done));
    auto call = std::make_shared<Pending>();
    *call = inner_.call(std::move(request), [this, timer, done = std::move(done)](Result<TransportResponse> answer) mutable {
      *timer = loop_.after(slow, [done = std::move(done), answer = std::move(answer)]() mutable { done(std::move(answer)); });
    });
    return Pending([timer, call] {
      call->reset();
      timer->cancel();
    });
  }
  Pending stream(TransportRequest request, StreamHandlers handlers) override {
    return inner_.stream(std::move(request), std::move(handlers));
  }

 private:
  struct Slot {
    Timer timer;
    Pending call;
  };
  Loop& loop_;
  Transport& inner_;
  Random& random_;
  std::list<Slot> onTheirWay_;
};

class Election {
 public:
  using Json = nlohmann::json;
  struct Candidate {
    Candidate(Election& election, double speed)
        : loop(election.loop, speed),
          late(election.loop, election.direct, *election.random),
          network(election.loop, late, *election.random) {}
    SkewedLoop loop;
    LateTransport late;
    cluster::FaultyTransport network;
    std::string identity;
    std::optional<k8s::LeaderElector> elector;
    bool acts = false;  // as told by `changed`
    bool stopping = false;
    int terms = 0;               // how often it began to act
    TimePoint since{}, until{};  // of its last term, by the true clock
    [[nodiscard]] bool leads() const { return elector && elector->leads(); }
  };

  explicit Election(std::uint64_t seed = 1)
      : loop(seed), random(seededRandom(seed)), api(cluster::ApiServerOptions{}, *random, now()), direct(loop, api) {}

  SimLoop loop;
  std::unique_ptr<Random> random;
  cluster::ApiServer api;
  cluster::DirectTransport direct;
  std::shared_ptr<MemorySink> log = std::make_shared<MemorySink>();
  std::list<Candidate> candidates;  // before nothing that they use
  int started = 0;

  [[nodiscard]] cluster::Now now() const { return {loop.now(), loop.wallNow()}; }
  Candidate& add(double speed = 1) {
    candidates.emplace_back(*this, speed);
    start(candidates.back());
    return candidates.back();
  }
  void start(Candidate& c) {
    c.identity = "candidate-" + std::to_string(++started);
    c.stopping = false;
    k8s::ElectorOptions options;
    options.ns = "spawner-system";
    options.name = "l";
    options.identity = c.identity;
    c.elector.emplace(c.loop, c.network, *random, options, Logger({LogLevel::Debug, LogFormat::Json, log, {}}, "test"), [this, &c] {
      const bool leads = c.elector->leads();
      if (leads && !c.acts) ++c.terms, c.since = loop.now();
      if (!leads && c.acts) c.until = loop.now();
      c.acts = leads;
    });
    c.elector->start();
  }
  void crash(Candidate& c) {
    if (c.acts) c.until = loop.now();
    c.elector.reset();
    c.acts = false;
  }
  void stop(Candidate& c) {
    if (!c.elector || c.stopping) return;
    c.stopping = true;
    if (c.acts) c.until = loop.now();
    c.acts = false;
    c.elector->stop([&c] { c.elector.reset(); });
  }
  [[nodiscard]] int acting() const {
    int n = 0;
    for (const Candidate& c : candidates) n += c.acts || c.leads() ? 1 : 0;
    return n;
  }
  /// Runs on, looking at every event that no two act.
  void run(Duration d) {
    const TimePoint end = loop.now() + d;
    bool over = false;
    const Timer alarm = loop.after(d, [&over] { over = true; });
    while (!over && loop.step()) noTwo();
    REQUIRE(loop.now() <= end + 1ms);
  }
  void noTwo() {
    if (acting() <= 1) return;
    std::string who;
    for (const Candidate& c : candidates)
      if (c.acts || c.leads()) who += " " + c.identity;
    FAIL("step " << loop.steps() << ": more than one leads:" << who << "; the Lease: " << lease().dump());
  }
  /// How long until it holds; it must, within the limit.
  Duration until(const std::string& what, const std::function<bool()>& predicate, Duration limit) {
    INFO("waited for: " << what);
    const TimePoint began = loop.now();
    const bool came = loop.runUntil(
        [&] {
          noTwo();
          return predicate();
        },
        limit);
    REQUIRE(came);
    return loop.now() - began;
  }

  Json lease() { return ask("GET", path); }
  Json ask(const std::string& method, const std::string& target, const std::string& body = {}) {
    const auto response = api.call(method, target, body, now());
    Json json = Json::parse(response.body, nullptr, false);
    return response.status < 300 ? json : Json();
  }
  /// kubectl patch --type merge.
  void edit(const std::string& patch) { REQUIRE_FALSE(ask("PATCH", path, patch).is_null()); }
  [[nodiscard]] std::size_t logged(const std::string& text) const {
    std::size_t n = 0;
    for (const std::string& line : log->lines) n += line.find(text) != std::string::npos ? 1 : 0;
    return n;
  }
  const std::string path = "/apis/coordination.k8s.io/v1/namespaces/spawner-system/leases/l";
};

}  // namespace spawner::test
