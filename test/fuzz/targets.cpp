// The table of targets.
#include "fuzz/targets.hpp"

#include <array>
#include <cstdio>
#include <cstdlib>

namespace spawner::fuzz {

std::span<const Target> targets() {
  static constexpr auto table = std::to_array<Target>({
      {"request_head", requestHead},
      {"response_head", responseHead},
      {"chunked_body", chunkedBody},
      {"two_readings", twoReadings},
      {"sse", serverSentEvents},
      {"websocket", webSocketFrames},
      {"session_file", sessionFile},
      {"signed_command", signedCommand},
      {"sidecar_report", sidecarReport},
      {"kubeconfig", kubeconfig},
      {"kubernetes_objects", kubernetesObjects},
      {"kubernetes_streams", kubernetesStreams},
      {"spawn_request", spawnRequest},
  });
  return table;
}

void expect(bool holds, const char* sentence) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", sentence);
  std::abort();
}

}  // namespace spawner::fuzz
