#pragma once
// HttpTransport: libcurl on the loop (curl_multi_socket_action): HTTP/1.1 calls and streams, plain or TLS. The only door to libcurl.

#include <cstdint>
#include <memory>
#include <string>

#include "spawner/loop.hpp"
#include "spawner/transport.hpp"

namespace spawner::fetch {

/// TLS is always verified. Each thing is given as a file or as PEM text; the text wins. All empty: the system's authorities, no client
/// certificate.
struct TlsOptions {
  std::string caFile, caPem;
  std::string clientCertFile, clientCertPem;
  std::string clientKeyFile, clientKeyPem;
  /// The name that the server's certificate must carry, when it is not the URL's host.
  std::string serverName;
};

struct HttpTransportOptions {
  /// "http(s)://host[:port][/prefix]". Empty: every request names its authority.
  std::string baseUrl;
  TlsOptions tls;
  std::string userAgent = "spawner";
  std::size_t maxResponseBytes = 64 * 1024 * 1024;        // body of a call: Limit beyond
  std::size_t maxErrorBodyBytes = 64 * 1024;              // body of a stream whose head is not 2xx: Limit beyond
  std::size_t maxHeadBytes = 64 * 1024;                   // all header lines of one answer: Limit beyond
  Duration connectTimeout = std::chrono::seconds(10);     // name, TCP and TLS; a request's own timeout counts too
  Duration maxConnectionIdle = std::chrono::seconds(50);  // an idle connection older than this is not used again
  std::size_t maxIdleConnections = 256;                   // kept for reuse
  std::size_t maxIdleHandles = 64;                        // libcurl handles kept for reuse
  Duration maxCaFileAge = std::chrono::minutes(1);        // tls.caFile is read again for a connection after this time (whole seconds)
};

struct HttpTransportStats {
  std::uint64_t calls = 0, streams = 0, connects = 0, errors = 0;
  std::size_t active = 0;  // calls and streams under way
};

/// No proxy, no redirects, no cookies, no compression; nothing is taken from the environment. A request with an authority goes by plain
/// http and without the base's client certificate. A request on a reused connection that closes before one byte of an answer is sent again
/// once (libcurl's rule), also when it is not idempotent: writes must be safe to repeat. Errors name method and URL without its query;
/// never a header. Timeout, Disconnected, Protocol (also: certificate refused), Limit, InvalidArgument (TLS files that cannot be used, a
/// malformed URL). Owner: a role or makeTransport(). Thread: the loop's. It may be destroyed in one of its own call-backs; that cancels
/// everything.
class HttpTransport final : public Transport {
 public:
  /// InvalidArgument: the base URL is not http or https, or carries a user, query or fragment.
  static Result<std::unique_ptr<HttpTransport>> make(Loop& loop, HttpTransportOptions options = {});
  ~HttpTransport() override;
  Pending call(TransportRequest request, UniqueFunction<void(Result<TransportResponse>)> done) override;
  Pending stream(TransportRequest request, StreamHandlers handlers) override;

  /// From the next request on, another client certificate (short-lived ones of credential plugins).
  void setClientCertificate(std::string certPem, std::string keyPem);
  [[nodiscard]] HttpTransportStats stats() const;

 private:
  struct Impl;
  explicit HttpTransport(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace spawner::fetch
