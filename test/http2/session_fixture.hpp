#pragma once
// Two Sessions, one of each side, and what they tell. No sockets: the test carries the bytes.

#include <catch2/catch.hpp>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "http2/load.hpp"
#include "http2/session.hpp"

namespace spawner::http2::testing {

/// Writes down what it is told.
struct Recorder : Session::Events {
  struct Stream {
    std::vector<Head> heads;
    std::string data;
    std::map<std::string, std::string> trailers;
    bool began = false, ended = false;
    int drained = 0;
    std::optional<std::uint32_t> closed;
  };
  void onBegin(StreamId id) override { streams[id].began = true; }
  void onHead(StreamId id, Head head) override { streams[id].heads.push_back(std::move(head)); }
  void onData(StreamId id, std::string_view bytes) override { streams[id].data += bytes; }
  void onTrailers(StreamId id, http::Headers trailers) override {
    for (const auto& [name, value] : trailers.fields()) streams[id].trailers[std::string(name)] = value;
  }
  void onEnd(StreamId id) override { streams[id].ended = true; }
  void onDrained(StreamId id) override { ++streams[id].drained; }
  void onClosed(StreamId id, std::uint32_t errorCode) override { streams[id].closed = errorCode; }
  void onSettings() override { ++settings; }
  void onGoaway() override { ++goaways; }
  void onShutdownSeen() override { ++seen; }

  std::map<StreamId, Stream> streams;
  int settings = 0, goaways = 0, seen = 0;
};

inline SessionLimits loaded(SessionLimits limits) {
  REQUIRE(loadNghttp2());
  return limits;
}

struct Pair {
  explicit Pair(SessionLimits serverLimits = {}, SessionLimits clientLimits = {})
      : client(Session::Side::Client, loaded(clientLimits), atClient), server(Session::Side::Server, loaded(serverLimits), atServer) {}

  static std::string taken(Session& from) {
    std::string bytes;
    for (;;) {
      const std::string_view piece = from.output();
      if (piece.empty()) return bytes;
      bytes += piece;
    }
  }
  /// Carries bytes until neither side has any. Pieces of `step` bytes.
  void settle(std::size_t step = std::string::npos) {
    for (;;) {
      const std::string up = taken(client);
      const std::string down = taken(server);
      if (up.empty() && down.empty()) return;
      for (std::size_t at = 0; at < up.size(); at += std::min(step, up.size()))
        (void)server.receive(std::string_view(up).substr(at, step), now);
      for (std::size_t at = 0; at < down.size(); at += std::min(step, down.size()))
        (void)client.receive(std::string_view(down).substr(at, step), now);
    }
  }
  StreamId get(bool end = true, const std::string& path = "/") {
    return client.request({{":method", end ? "GET" : "POST"}, {":scheme", "http"}, {":authority", "a.example"}, {":path", path}}, end);
  }

  Recorder atClient, atServer;
  Session client, server;
  TimePoint now{std::chrono::hours(1)};
};

}  // namespace spawner::http2::testing
