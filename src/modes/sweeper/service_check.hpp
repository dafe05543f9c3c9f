#pragma once
// ServiceCheck: tries a Service's address until a connection is made, so that Ready means that the session's URL works.

#include <functional>
#include <optional>
#include <string>

#include "base/log.hpp"
#include "modes/sweeper/service_probe.hpp"
#include "spawner/loop.hpp"
#include "spawner/random.hpp"

namespace spawner::sweeper {

/// Owner: Follower. Thread: the loop's.
class ServiceCheck {
 public:
  /// probe: null means that every Service works. `works` is called once, in a later turn than start().
  ServiceCheck(Loop& loop, Random& random, ServiceProbe* probe, Logger log, std::function<void()> works);

  /// Begins to try, or goes on with another address; empty: it is not known yet. No effect once it works.
  void start(const std::string& ip);
  void stop();
  [[nodiscard]] bool works() const { return works_ || probe_ == nullptr; }

 private:
  void connect();
  void onAnswer(const Result<void>& made);

  Loop& loop_;
  Random& random_;
  ServiceProbe* probe_;
  Logger log_;
  std::function<void()> done_;
  std::optional<std::string> ip_;  // null: not begun
  bool works_ = false;
  TimePoint since_{}, nextWarning_{};
  Pending attempt_;
  Timer retry_;
};

}  // namespace spawner::sweeper
