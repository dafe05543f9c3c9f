#pragma once
// Client: typed verbs over a Transport: paths, content types, typed errors. Objects are JSON texts; their meaning is src/backend's.

#include <optional>
#include <string>
#include <string_view>

#include "k8s/resources.hpp"
#include "spawner/loop.hpp"
#include "spawner/transport.hpp"

namespace spawner::k8s {

struct DeleteOptions {
  std::string uid;              // precondition; empty: none
  std::string resourceVersion;  // precondition; empty: none
  std::optional<int> gracePeriodSeconds;
};

/// The Error for an answer that is not 2xx, from its Status body (kind, reason, message, Retry-After). NotFound, AlreadyExists, Conflict, …
Error errorOf(const TransportResponse& response, std::string_view what);

/// Owner: the role; the transport must outlive it. Thread: the loop's. Results are the object's JSON text as the server answered.
class Client {
 public:
  using Done = UniqueFunction<void(Result<std::string>)>;
  explicit Client(Transport& transport, Duration timeout = std::chrono::seconds(10)) : transport_(transport), timeout_(timeout) {}

  Pending get(const Resource& resource, std::string_view ns, std::string_view name, Done done);
  Pending create(const Resource& resource, std::string_view ns, std::string json, Done done);
  /// PUT: the json carries metadata.resourceVersion.
  Pending replace(const Resource& resource, std::string_view ns, std::string_view name, std::string json, Done done);
  /// application/merge-patch+json; subresource "status" or empty.
  Pending mergePatch(const Resource& resource, std::string_view ns, std::string_view name, std::string_view subresource, std::string json,
                     Done done);
  /// application/json-patch+json (RFC 6902). A failed "test" operation is Invalid.
  Pending jsonPatch(const Resource& resource, std::string_view ns, std::string_view name, std::string_view subresource, std::string json,
                    Done done);
  Pending remove(const Resource& resource, std::string_view ns, std::string_view name, const DeleteOptions& options, Done done);
  /// GET of any path (version, lists).
  Pending raw(std::string target, Done done);

  [[nodiscard]] Transport& transport() { return transport_; }
  [[nodiscard]] Duration timeout() const { return timeout_; }

 private:
  Pending send(TransportRequest request, std::string what, Done done);
  Transport& transport_;
  Duration timeout_;
};

}  // namespace spawner::k8s
