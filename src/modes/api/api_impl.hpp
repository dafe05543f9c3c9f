#pragma once
// The inside of Api: the routes and what they share. Handlers: api_reads.cpp (what is known), api_writes.cpp (spawn and delete), api.cpp
// (wiring, routes, health).

#include <functional>
#include <memory>
#include <string>

#include "http/router.hpp"
#include "k8s/client.hpp"
#include "modes/api/api.hpp"
#include "modes/api/status_streams.hpp"
#include "modes/api/tracked_call.hpp"
#include "modes/api/waiting_calls.hpp"
#include "modes/role/host_check.hpp"
#include "modes/role/sessions.hpp"

namespace spawner::api {

struct ApiImpl {
  using CallPtr = std::unique_ptr<http::Call>;
  using Parameters = http::PathParameters;

  ApiImpl(role::Context context, Options options);
  void addRoutes();
  void handle(CallPtr call);

  // api_writes.cpp
  void spawn(CallPtr call, const Parameters&);
  void remove(CallPtr call, const Parameters& parameters);
  void removed(const std::string& name, http::Call& call, const Result<std::string>& answer);

  // api_reads.cpp
  void list(CallPtr call, const Parameters&);
  void detail(CallPtr call, const Parameters& parameters);
  void status(CallPtr call, const Parameters& parameters);
  void stream(CallPtr call, const Parameters& parameters);
  void readiness(CallPtr call, const Parameters& parameters);  // of a session
  /// Gives the call back with the session: at once where it is known, after a live GET where it is not. Answers by itself what has none.
  void withSession(CallPtr call, const Parameters& parameters,
                   std::function<void(CallPtr, const std::string& name, const role::SlabPtr&)> then);

  // api.cpp
  void health(CallPtr call, const Parameters&);
  void ready(CallPtr call, const Parameters&);  // of this process
  void metricsText(CallPtr call, const Parameters&);

  role::Context context;
  const Options options;
  role::HostCheck hosts;
  k8s::Client client;
  role::Sessions sessions;
  StatusStreams streams;
  WaitingCalls waiting;
  CallMetrics callMetrics;
  Counter spawned, spawnFailed;
  Histogram spawnSeconds;
  http::Router router;
};

}  // namespace spawner::api
