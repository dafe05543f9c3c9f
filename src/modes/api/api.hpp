#pragma once
// The API role: JSON over HTTP: spawn, status, streams. Api is the whole of it without sockets (a simulation gives it Calls); start() puts
// it behind a listening front. Stateless: what it knows is its informer's copy and the ends of the last minutes.

#include <memory>

#include "http/call.hpp"
#include "modes/api/options.hpp"
#include "modes/role/role.hpp"

namespace spawner::api {

struct ApiImpl;

/// Owner: the role. Thread: the loop's. Destroying it ends every stream and every wait for Kubernetes.
class Api {
 public:
  Api(role::Context context, Options options);
  ~Api();
  /// Starts the informer. Once.
  void start();
  /// Any request of the API. Never throws; the answer comes in this turn or later.
  void handle(std::unique_ptr<http::Call> call);
  /// The informer is synced.
  [[nodiscard]] bool ready() const;
  /// Ends the status streams (their readers reconnect elsewhere) and refuses new ones; other requests go on.
  void drain();
  [[nodiscard]] std::size_t streams() const;

 private:
  std::unique_ptr<ApiImpl> impl_;
};

/// The role with a listener. Bad options and a taken address are errors that name the flag.
Result<std::unique_ptr<role::Role>> start(role::Context context, Options options);

}  // namespace spawner::api
