#pragma once
// What is fuzzed: functions that read bytes of a stranger. Each asserts on more than not crashing. The same functions run under libFuzzer
// (scripts/fuzz NAME) and over the committed corpora as tests (replay_test.cpp). TO ADD ONE: write it, and its row in targets.cpp.

#include <span>
#include <string_view>

namespace spawner::fuzz {

struct Target {
  std::string_view name;  // and of its corpus: test/fuzz/corpus/<name>/
  void (*run)(std::string_view bytes);
};

std::span<const Target> targets();

/// Ends the process with the sentence when it does not hold: libFuzzer keeps the input.
void expect(bool holds, const char* sentence);

// http_targets.cpp
void requestHead(std::string_view bytes);
void responseHead(std::string_view bytes);
void chunkedBody(std::string_view bytes);
void serverSentEvents(std::string_view bytes);
void webSocketFrames(std::string_view bytes);
// two_readings.cpp
void twoReadings(std::string_view bytes);
// session_targets.cpp
void sessionFile(std::string_view bytes);
void signedCommand(std::string_view bytes);
void sidecarReport(std::string_view bytes);
// k8s_targets.cpp
void kubeconfig(std::string_view bytes);
void kubernetesObjects(std::string_view bytes);
void kubernetesStreams(std::string_view bytes);
// api_targets.cpp
void spawnRequest(std::string_view bytes);

}  // namespace spawner::fuzz
