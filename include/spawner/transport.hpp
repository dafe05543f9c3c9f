#pragma once
// Transport: HTTP as the roles see it: a request in, a response or a stream of bytes out. Real ones are libcurl on the loop
// (src/fetch); the simulation's goes straight into the embedded API server (src/cluster); a decorator can lose, delay and cut.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "spawner/function.hpp"
#include "spawner/pending.hpp"
#include "spawner/result.hpp"
#include "spawner/time.hpp"

namespace spawner {

struct TransportRequest {
  std::string method = "GET";
  /// Path and query, percent-encoded: "/api/v1/pods?limit=500".
  std::string target;
  /// "host:port". Empty: the transport's own base (a Kubernetes transport knows its server).
  std::string authority;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  /// From the call to the last byte of the answer (call), or to the head of the answer (stream). Must be > 0.
  Duration timeout = std::chrono::seconds(10);
  /// Streams only: this long without a byte ends the stream with Timeout. 0: no limit.
  Duration idleTimeout = Duration::zero();
};

struct TransportResponse {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
  std::string body;
  [[nodiscard]] std::string_view header(std::string_view lowerCaseName) const {
    for (const auto& [name, value] : headers)
      if (name == lowerCaseName) return value;
    return {};
  }
};

/// The call-backs of a stream. Every one runs on the loop; none runs after onEnd, nor after its Pending is destroyed.
struct StreamHandlers {
  /// The answer's head. With a status other than 2xx, onData gives the (bounded) error body and onEnd follows.
  UniqueFunction<void(const TransportResponse& head)> onHead;
  /// Bytes as they came: they may split or join messages anywhere.
  UniqueFunction<void(std::string_view bytes)> onData;
  /// Once: ok = the server ended the stream cleanly.
  UniqueFunction<void(Result<void>)> onEnd;
};

/// Thread: the loop's. The call-back never runs inside the call. Any HTTP status is a response, not an Error; errors are Timeout,
/// Disconnected, Protocol, Limit (answer larger than the bound).
class Transport {
 public:
  virtual ~Transport() = default;
  virtual Pending call(TransportRequest request, UniqueFunction<void(Result<TransportResponse>)> done) = 0;
  virtual Pending stream(TransportRequest request, StreamHandlers handlers) = 0;
};

}  // namespace spawner
