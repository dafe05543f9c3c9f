#pragma once
// Http2Fixture: a loop, an Http2Proxy, an upstream of HTTP/2 that misbehaves on demand, and clients that are nothing but their Exchange.

#include <catch2/catch.hpp>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "http2/session_fixture.hpp"
#include "proxy/http2_proxy.hpp"
#include "support/driven_loop.hpp"
#include "support/loop_wait.hpp"
#include "support/raw_peer.hpp"

namespace spawner::test {

/// What a client sends, and what it has got. Outlives its exchange.
struct Http2Client {
  http::RequestHead request;
  std::string body;  // to be given while the proxy takes it
  bool complete = true;
  std::size_t unsent = 0;  // what the client has not taken

  int status = 0;
  std::string got;
  bool finished = false, aborted = false;
  std::optional<std::uint32_t> resetBy;
  bool mayReset = false;  // it speaks HTTP/2

  bool started = false, paused = false, endTold = false;
  UniqueFunction<void(std::string_view)> onData;
  UniqueFunction<void()> onEnd, onDrained, onGone;

  [[nodiscard]] bool over() const { return finished || aborted || resetBy; }
  void flow() {
    if (!started || paused || over()) return;
    if (!body.empty()) return onData(std::exchange(body, {}));
    if (complete && !std::exchange(endTold, true)) onEnd();
  }
  void take() {
    unsent = 0;
    if (onDrained) onDrained();
  }
};

class Http2ClientExchange final : public http::Exchange {
 public:
  explicit Http2ClientExchange(std::shared_ptr<Http2Client> client) : client_(std::move(client)) {}
  [[nodiscard]] const http::RequestHead& head() const override { return client_->request; }
  [[nodiscard]] std::string_view peer() const override { return "192.0.2.1:1"; }
  void readBody(UniqueFunction<void(std::string_view)> onData, UniqueFunction<void()> onEnd) override {
    client_->started = true;
    client_->onData = std::move(onData);
    client_->onEnd = std::move(onEnd);
  }
  void pauseBody() override { client_->paused = true; }
  void resumeBody() override { client_->paused = false; }
  void sendInterim(const http::ResponseHead&) override {}
  void sendHead(const http::ResponseHead& head) override { client_->status = head.status; }
  void sendBody(std::string_view bytes) override { client_->got += bytes; }
  [[nodiscard]] std::size_t unsent() const override { return client_->unsent; }
  void onDrained(UniqueFunction<void()> callback) override { client_->onDrained = std::move(callback); }
  void finish() override { client_->finished = true; }
  void abort() override { client_->aborted = true; }
  bool reset(std::uint32_t code) override {
    if (client_->mayReset) client_->resetBy = code;
    return client_->mayReset;
  }
  void onGone(UniqueFunction<void()> callback) override { client_->onGone = std::move(callback); }
  http::Upgraded upgrade(const http::ResponseHead&) override { return {}; }

 private:
  const std::shared_ptr<Http2Client> client_;
};

/// One connection that the proxy has made.
struct Http2Application {
  Http2Application(Reactor& loop, RawPeer& peer, http2::SessionLimits limits)
      : raw(peer), session(http2::Session::Side::Server, http2::testing::loaded(limits), seen), loop_(loop) {}
  void carry() {
    const std::string got = std::exchange(raw.received, {});
    if (!got.empty()) (void)session.receive(got, loop_.now());
    for (std::string_view piece = session.output(); !piece.empty(); piece = session.output()) raw.send(piece);
  }
  void answer(http2::StreamId id, int status = 200, bool end = true) {
    session.answer(id, {{":status", std::to_string(status)}}, end);
    carry();
  }
  /// GOAWAY: of the requests so far none was acted upon.
  void refuseAll() { raw.send(std::string("\0\0\x08\x07\0\0\0\0\0\0\0\0\0\0\0\0\0", 17)); }

  RawPeer& raw;
  http2::testing::Recorder seen;
  http2::Session session;
  bool mute = false;  // it is not carried by the fixture

 private:
  Reactor& loop_;
};

struct Http2Fixture {
  Reactor loop;
  DrivenLoop driven{loop};
  Loop* under = &loop;  // &driven, set before start(), where the test drives the time
  RawServer upstream{loop};
  proxy::ProxyOptions options;
  proxy::Http2ProxyOptions http2;
  http2::SessionLimits applicationLimits;
  std::unique_ptr<proxy::Http2Proxy> proxy;
  std::vector<std::unique_ptr<Http2Application>> applications;  // every connection, in order of coming
  std::size_t muteFrom = SIZE_MAX;                              // applications from this number on say nothing until they are told to
  std::vector<std::shared_ptr<Http2Client>> clients;

  Http2Fixture() {
    upstream.onConnection = [this](RawPeer& peer) {
      applications.push_back(std::make_unique<Http2Application>(loop, peer, applicationLimits));
      applications.back()->mute = applications.size() > muteFrom;
    };
  }
  void start() {
    REQUIRE(http2::loadNghttp2());
    proxy = std::make_unique<proxy::Http2Proxy>(*under, options, http2);
  }
  std::shared_ptr<Http2Client> run(const std::string& method = "GET", bool complete = true, const std::string& field = {}) {
    auto client = std::make_shared<Http2Client>();
    client->request.method = method;
    client->request.target = "/x";
    client->request.headers.add("Host", "a.example");
    if (!field.empty()) client->request.headers.add("X", field);
    client->request.framing = complete ? http::Framing::None : http::Framing::Chunked;
    client->complete = complete;
    clients.push_back(client);
    proxy->run(std::make_unique<Http2ClientExchange>(client),
               {.address = upstream.address(), .edit = {}, .intercept = {}, .editAnswer = {}, .onFailure = {}});
    return client;
  }
  void carry() {
    for (const auto& one : applications)
      if (!one->mute) one->carry();
    for (const auto& client : clients) client->flow();
  }
  void wait(const std::string& what, const std::function<bool()>& predicate) {
    waitFor(loop, what, [&] {
      carry();
      return predicate();
    });
  }
  void settle() {
    for (int i = 0; i < 20; ++i) {
      carry();
      turns(loop);
    }
  }
  /// The application's connection NUMBER, once it has got the head of stream `id`.
  Http2Application& asked(std::size_t number = 0, http2::StreamId id = 1) {
    wait("request " + std::to_string(id) + " on connection " + std::to_string(number),
         [&] { return applications.size() > number && !applications[number]->seen.streams[id].heads.empty(); });
    return *applications[number];
  }
  [[nodiscard]] const proxy::ProxyCounters& counters() const { return proxy->counters(); }
  [[nodiscard]] std::uint64_t failures(proxy::FailureKind kind) const { return counters().failures[static_cast<std::size_t>(kind)]; }
};

}  // namespace spawner::test
