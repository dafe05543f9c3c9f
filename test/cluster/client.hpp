#pragma once
// What a test's client of a Transport got back.

#include <optional>
#include <string>
#include <vector>

#include "fixture.hpp"
#include "spawner/transport.hpp"

namespace spawner::cluster::test {

inline TransportRequest requestFor(std::string method, std::string_view target, std::string body = {},
                                   std::string_view type = "application/json") {
  TransportRequest request;
  request.method = std::move(method);
  request.target = target;
  request.body = std::move(body);
  if (!request.body.empty()) request.headers.emplace_back("Content-Type", type);
  return request;
}

/// One call under way.
struct Caller {
  std::optional<Result<TransportResponse>> result;
  Pending pending;
  void call(Transport& transport, TransportRequest request) {
    result.reset();
    pending = transport.call(std::move(request), [this](Result<TransportResponse> got) {
      REQUIRE_FALSE(result);  // once
      result.emplace(std::move(got));
    });
  }
  [[nodiscard]] int status() const { return result && result->ok() ? result->value().status : 0; }
  [[nodiscard]] ErrorKind error() const {
    REQUIRE(result);
    REQUIRE_FALSE(result->ok());
    return result->error().kind;
  }
};

/// One stream under way: its lines, and its end.
struct Follower {
  std::optional<int> status;
  std::vector<std::string> lines;
  std::string partial;
  std::optional<Result<void>> end;
  Pending pending;
  void open(Transport& transport, TransportRequest request) {
    status.reset();
    end.reset();
    pending = transport.stream(std::move(request), {[this](const TransportResponse& head) {
                                                      REQUIRE_FALSE(status);
                                                      status = head.status;
                                                    },
                                                    [this](std::string_view data) {
                                                      REQUIRE(status);
                                                      REQUIRE_FALSE(end);
                                                      partial += data;
                                                      for (std::size_t at = 0; (at = partial.find('\n')) != std::string::npos;) {
                                                        lines.push_back(partial.substr(0, at));
                                                        partial.erase(0, at + 1);
                                                      }
                                                    },
                                                    [this](Result<void> ended) {
                                                      REQUIRE_FALSE(end);
                                                      end.emplace(std::move(ended));
                                                    }});
  }
  [[nodiscard]] std::vector<std::string> words() const {
    std::vector<std::string> out;
    for (const std::string& line : lines) {
      const Json event = parse(line);
      out.push_back(std::string(event.textAt({"type"})) + " " + std::string(event.textAt({"object", "metadata", "name"})));
    }
    return out;
  }
};

}  // namespace spawner::cluster::test
