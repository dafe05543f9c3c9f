#pragma once
// ApiServer: the embedded Kubernetes API server without socket, thread, clock or global randomness: a request and the time go in, a
// response comes out, watches are streams that are pulled. A verified fake: test/contract holds for it and for a real server. Decisions:
// docs/decisions/0020 ff.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "cluster/log_source.hpp"
#include "cluster/request.hpp"
#include "cluster/store.hpp"
#include "spawner/random.hpp"

namespace spawner::cluster {

struct ApiServerOptions {
  StoreLimits store;
  std::size_t maxBodyBytes = 3 * 1024 * 1024;  // 413 beyond
  std::size_t maxWatches = 10'000;             // 429 beyond
  std::size_t maxEvents = 20'000;              // the oldest Event goes when there are more
  Duration eventTtl = std::chrono::hours(1);
  Duration bookmarkInterval = std::chrono::minutes(1);
  Duration maxWatch = std::chrono::minutes(60);  // a watch without timeoutSeconds ends between half of it and all of it
  std::string serviceRange = "127.96.0.0/16";    // cluster IPs; loopback, so that they work without root
  std::vector<std::string> namespaces = {"default", "kube-system", "kube-public", "kube-node-lease", "spawner", "spawner-system"};
  std::string gitVersion = "v1.34.0-spawner";
};

/// Owner: `spawner dev` or a simulation. Must outlive the streams it gave. Thread: one.
class ApiServer {
 public:
  /// `now` dates the first objects (namespaces, the CRD).
  ApiServer(ApiServerOptions options, Random& random, Now now);
  ~ApiServer();
  ApiServer(const ApiServer&) = delete;

  Response handle(const Request& request, Now now);
  /// Shorthand for calls from inside the process: JSON body; for PATCH a merge patch.
  Response call(std::string method, std::string target, std::string body, Now now);

  /// The objects and the commit hook. Writing into it goes past validation: only for the cluster's own controllers.
  [[nodiscard]] Store& store();
  [[nodiscard]] const ApiServerOptions& options() const;
  /// Borrowed; null: logs are answered with 400. The source must outlive its use.
  void setLogSource(LogSource* source);
  [[nodiscard]] std::size_t watches() const;
  /// Writes an Event of the cluster's own about an object ("Scheduled").
  void recordEvent(const Object& about, std::string_view type, std::string_view reason, std::string_view message,
                   std::string_view component, Now now);
  /// Deletes Events that are past their time. handle() does so too; this is for quiet hours.
  void expireEvents(Now now);
  /// Ends every watch now (in-stream, clean end): what a restart of a real server does.
  void cutWatches();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace spawner::cluster
