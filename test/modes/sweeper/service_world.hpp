#pragma once
// ServiceWorld: a World whose sessions have a Service, and the probe that says whether it works.

#include <algorithm>
#include <memory>
#include <string>

#include "modes/sweeper/sweeper_fixture.hpp"

namespace spawner::test {

struct ScriptedProbe final : sweeper::ServiceProbe {
  explicit ScriptedProbe(Loop& loopIn) : loop(loopIn) {}
  Pending connect(const std::string& ip, std::uint16_t port, Duration timeout, UniqueFunction<void(Result<void>)> done) override {
    ++tries;
    CHECK(ip == expected);
    CHECK(port == 9090);
    auto timer = std::make_shared<Timer>();
    auto call = std::make_shared<UniqueFunction<void(Result<void>)>>(std::move(done));
    const bool lost = losesPackets && !works;
    *timer = loop.after(lost ? timeout : 1ms, [this, call, lost] {
      (*call)(works && !lost ? Result<void>() : Error{ErrorKind::Disconnected, "refused, or not answered in time", {}});
    });
    return Pending([timer] { timer->cancel(); });
  }
  Loop& loop;
  std::string expected = "10.96.0.7";
  bool works = false;
  bool losesPackets = false;  // while it does not work, it is silent instead of refusing
  int tries = 0;
};

/// A world whose sessions have a Service, which works or not as the probe says.
struct ServiceWorld : World {
  ServiceWorld() {
    probe = &service;
    session.clusterIp = "10.96.0.7";
  }
  ScriptedProbe service{loop};
  SessionOptions session;
};

}  // namespace spawner::test
