#include "modes/sweeper/metrics.hpp"

namespace spawner::sweeper {

SweeperMetrics::SweeperMetrics(Metrics& metrics) {
  followed = metrics.gauge("spawner_sweeper_followed_pods", "Pods of this node that are followed");
  unfollowed = metrics.gauge("spawner_sweeper_unfollowed_pods", "Pods beyond --max-followed, which nobody sweeps");
  streamsOpen = metrics.gauge("spawner_sweeper_streams_open", "Sidecars that are heard at present");
  contactLost = metrics.gauge("spawner_sweeper_contact_lost_pods", "Running pods whose sidecar is not heard at present");
  reports = metrics.counter("spawner_sweeper_reports_total", "Reports taken from sidecars");
  connects = metrics.counter("spawner_sweeper_connects_total", "Event streams opened");
  connectFailures = metrics.counter("spawner_sweeper_connect_failures_total", "Event streams that could not be opened or broke");
  wrongPod = metrics.counter("spawner_sweeper_wrong_pod_total", "Event streams dropped because another pod answered (a reused address)");
  badReports = metrics.counter("spawner_sweeper_bad_reports_total", "Events that were no valid report");
  const auto decided = [&metrics](const char* reason) {
    return metrics.counter("spawner_sweeper_sweeps_decided_total", "Sweeps that a sidecar decided when asked", {{"reason", reason}});
  };
  decidedIdle = decided("Idle");
  decidedMaxLifetime = decided("MaxLifetime");
  decidedShutdown = decided("Shutdown");
  refused = metrics.counter("spawner_sweeper_sweeps_refused_total", "Sweeps that a sidecar refused: it was in use again");
  commandErrors = metrics.counter("spawner_sweeper_command_errors_total", "Commands to sidecars without an answer that can be used");
  startTimeouts = metrics.counter("spawner_sweeper_start_timeouts_total", "Applications that did not listen within the start limit");
  contactLosses = metrics.counter("spawner_sweeper_contact_losses_total", "Times that contact to a sidecar was lost");
  statusWrites = metrics.counter("spawner_sweeper_status_writes_total", "Status patches that were accepted");
  statusWriteErrors = metrics.counter("spawner_sweeper_status_write_errors_total", "Status patches that failed and are tried again");
  objectsGone = metrics.counter("spawner_sweeper_objects_gone_total", "Objects found deleted or re-created when they were to be patched");
}

}  // namespace spawner::sweeper
