#pragma once
// TrackedCall: a Call that counts itself: answers by class of status, how long they took, and how many requests are open.

#include <memory>

#include "base/metrics.hpp"
#include "http/call.hpp"
#include "spawner/loop.hpp"

namespace spawner::api {

/// The API's metrics of requests. Owner: Api; outlives its calls.
struct CallMetrics {
  explicit CallMetrics(Metrics& metrics);
  /// An answer of this status after this time.
  void answered(int status, Duration took);

  Counter byClass[6];  // "2xx" at 2
  Counter abandoned;   // the client went away, or nobody answered
  Histogram seconds;
  Gauge open;
};

std::unique_ptr<http::Call> track(std::unique_ptr<http::Call> call, Loop& loop, CallMetrics& metrics);

}  // namespace spawner::api
