#pragma once
// FakeSidecars: the network between a sweeper and the sidecars of its node. Each sidecar is the real SidecarCore and EventPublisher behind
// a transport that can cut, split and lose.

#include <array>
#include <catch2/catch.hpp>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "http/sse.hpp"
#include "session/event_publisher.hpp"
#include "session/protocol.hpp"
#include "session/sidecar_core.hpp"
#include "session/signature.hpp"
#include "support/scripted_transport.hpp"

namespace spawner::test {

/// One pod's sidecar, which can crash and start again.
class FakeSidecar {
 public:
  FakeSidecar(Loop& loop, std::string podUid, std::vector<std::string> keys)
      : loop_(loop), podUid_(std::move(podUid)), verifier_(*session::Verifier::make(keys, podUid_)) {}

  bool unreadInput = false;
  int drains = 0;
  int sweeps = 0;
  std::size_t chunkBytes = 0;  // events are cut into chunks of this size
  bool silent = false;         // says nothing more on its streams, but does not end them
  bool loseSweepAnswers = false;
  bool refuseDrain = false;

  void start() {
    core = std::make_unique<session::SidecarCore>(loop_, memory_, session::SidecarIdentity{podUid_, "boot"});
    publisher_ = std::make_unique<session::EventPublisher>(loop_, [this] { return core->report(); });
    core->onChange([this] { publisher_->changed(); });
  }
  void crash() {
    for (auto& stream : streams_)
      if (stream->ask->open()) stream->ask->fail(ErrorKind::Disconnected);
    streams_.clear();
    publisher_.reset();
    core.reset();
  }
  [[nodiscard]] bool up() const { return core != nullptr; }

  void serve(const std::shared_ptr<Ask>& ask) {
    const TransportRequest& request = ask->request;
    std::string authorization;
    for (const auto& [name, value] : request.headers)
      if (name == "authorization") authorization = value;
    if (!verifier_.verify(authorization, request.method, request.target, request.body)) return ask->respond(401);
    if (request.target == session::eventsPath) return events(ask);
    if (request.target == session::drainPath) {
      ++drains;
      return ask->respond(refuseDrain ? 503 : 200);
    }
    REQUIRE(request.target == session::sweepPath);
    ++sweeps;
    const auto command = session::decodeSweep(request.body);
    REQUIRE(command);
    const session::SweepAnswer answer = core->sweep(*command, [this] { return unreadInput; });
    if (!loseSweepAnswers) ask->respond(answer.status, session::encodeReport(answer.state));
  }

  std::unique_ptr<session::SidecarCore> core;

 private:
  struct Stream {
    std::shared_ptr<Ask> ask;
    session::EventPublisher::Subscription subscription;
  };
  void events(const std::shared_ptr<Ask>& ask) {
    std::erase_if(streams_, [](const auto& stream) { return !stream->ask->open(); });
    ask->chunkBytes = chunkBytes;
    ask->head(200);
    auto stream = std::make_unique<Stream>();
    stream->ask = ask;
    auto subscription = publisher_->subscribe([this, ask](std::string_view report) {
      if (!silent && ask->open()) ask->data(http::encodeSse({"", std::string(report), "", {}}));
      return true;
    });
    REQUIRE(subscription);
    stream->subscription = std::move(*subscription);
    streams_.push_back(std::move(stream));
  }

  Loop& loop_;
  std::string podUid_;
  session::Verifier verifier_;
  std::array<std::byte, session::sessionFileSize> memory_{};
  std::unique_ptr<session::EventPublisher> publisher_;
  std::vector<std::unique_ptr<Stream>> streams_;
};

class FakeSidecars {
 public:
  ScriptedTransport transport;
  std::map<std::string, std::shared_ptr<FakeSidecar>> at;  // by "ip:port"
  bool partitioned = false;                                // every packet is lost
  std::size_t connects = 0;

  explicit FakeSidecars(Loop& loop) : transport(loop) {
    transport.serve([this](const std::shared_ptr<Ask>& ask) {
      connects += ask->stream ? 1 : 0;
      REQUIRE_FALSE(ask->request.authority.empty());  // a link that is closed asks nobody
      if (partitioned) return;
      const auto it = at.find(ask->request.authority);
      if (it == at.end() || !it->second->up()) return ask->fail(ErrorKind::Disconnected, "connection refused");
      it->second->serve(ask);
    });
  }
};

}  // namespace spawner::test
