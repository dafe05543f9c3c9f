#pragma once
// Server: the embedded API server over HTTP/1.1: what kubectl talks to. Watches and followed logs are streamed answers.

#include <memory>
#include <string>
#include <vector>

#include "cluster/api_server.hpp"
#include "http/front.hpp"
#include "spawner/loop.hpp"

namespace spawner::cluster {

struct ServerOptions {
  http::FrontLimits limits;
  /// Host fields that are answered (without port; an IPv6 address with or without brackets); any other gets 403: a web page cannot reach
  /// the server by a name of its own (DNS rebinding). Empty: every host.
  std::vector<std::string> allowedHosts;
  /// When set, every request but /healthz, /livez and /readyz must carry `Authorization: Bearer <token>`, or Basic with the token as
  /// password (401 otherwise). A secret: never logged.
  std::string bearerToken;
};

/// Owner: `spawner dev`. The ApiServer must outlive it. Thread: the loop's.
class Server {
 public:
  Server(Loop& loop, ApiServer& api, ServerOptions options = {});
  ~Server();
  Server(const Server&) = delete;
  /// Port 0 picks one.
  Result<void> listen(const SocketAddress& address);
  [[nodiscard]] std::uint16_t port() const;
  /// Ends streams cleanly, finishes what is in flight, then calls done.
  void drain(Task done);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace spawner::cluster
