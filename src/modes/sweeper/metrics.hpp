#pragma once
// The sweeper's metrics, all of them at zero from the start.

#include "base/metrics.hpp"

namespace spawner::sweeper {

struct SweeperMetrics {
  explicit SweeperMetrics(Metrics& metrics);

  Gauge followed, unfollowed, streamsOpen, contactLost;
  Counter reports, connects, connectFailures, wrongPod, badReports;
  Counter decidedIdle, decidedMaxLifetime, decidedShutdown, refused, commandErrors;
  Counter startTimeouts, contactLosses, statusWrites, statusWriteErrors, objectsGone;
};

}  // namespace spawner::sweeper
