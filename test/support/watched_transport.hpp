#pragma once
// WatchedTransport: a decorator over any Transport that keeps a list of what was asked, and lets the test decide the fate of each call.

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "spawner/loop.hpp"
#include "spawner/transport.hpp"

namespace spawner::test {

enum class Fate {
  Pass,
  DropBefore,  // the server never sees it: Disconnected
  DropAfter,   // it acts, but the answer is lost: Disconnected
};

/// Owner: a test. `inner` and `loop` must outlive it. Thread: the loop's.
class WatchedTransport final : public Transport {
 public:
  struct Asked {
    std::string method, target, body;
  };
  WatchedTransport(Loop& loop, Transport& inner) : loop_(loop), inner_(inner) {}

  /// Every call, in order; streams and lists are not in it.
  std::vector<Asked> asked;
  /// Called for each call before it goes on. Empty: everything passes.
  std::function<Fate(const Asked&)> fate;
  /// Instead of the server: an answer of the test's. Empty or null: the server's.
  std::function<std::unique_ptr<TransportResponse>(const Asked&)> answer;
  /// True for the target of a watch that is dead: open, and nothing comes. Empty: none is.
  std::function<bool(const std::string& target)> deadWatch;

  [[nodiscard]] std::size_t count(std::string_view method, std::string_view part) const {
    std::size_t n = 0;
    for (const Asked& a : asked) n += a.method == method && a.target.find(part) != std::string::npos ? 1 : 0;
    return n;
  }

  Pending call(TransportRequest request, UniqueFunction<void(Result<TransportResponse>)> done) override {
    Asked now{request.method, request.target, request.body};
    const bool list = request.target.find("limit=") != std::string::npos;
    if (!list) asked.push_back(now);
    const Fate what = fate && !list ? fate(now) : Fate::Pass;
    if (what == Fate::DropAfter) {
      held_.push_back(inner_.call(std::move(request), [](Result<TransportResponse>) {}));
      return later(std::move(done), Error{ErrorKind::Disconnected, "the answer was lost", {}});
    }
    if (what == Fate::DropBefore) return later(std::move(done), Error{ErrorKind::Disconnected, "the request was lost", {}});
    if (answer && !list)
      if (auto scripted = answer(now)) return later(std::move(done), std::move(*scripted));
    return inner_.call(std::move(request), std::move(done));
  }
  Pending stream(TransportRequest request, StreamHandlers handlers) override {
    auto onData = [this, target = request.target, inner = std::move(handlers.onData)](std::string_view bytes) mutable {
      if (inner && !(deadWatch && deadWatch(target))) inner(bytes);
    };
    handlers.onData = std::move(onData);
    return inner_.stream(std::move(request), std::move(handlers));
  }

 private:
  Pending later(UniqueFunction<void(Result<TransportResponse>)> done, Result<TransportResponse> result) {
    auto timer = std::make_shared<Timer>();
    *timer = loop_.after(std::chrono::milliseconds(5),
                         [done = std::move(done), result = std::move(result)]() mutable { done(std::move(result)); });
    return Pending([timer] { timer->cancel(); });
  }
  Loop& loop_;
  Transport& inner_;
  std::vector<Pending> held_;
};

}  // namespace spawner::test
