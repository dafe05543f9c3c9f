#pragma once
// Samples: a slab, a pod and a service as the tests of src/backend start from, and the slab's JSON written by other code than that under
// test.

#include <nlohmann/json.hpp>
#include <string>

#include "base/text.hpp"
#include "spawner/backend.hpp"
#include "spawner/names.hpp"

namespace spawner::test {

inline WallTime wall(std::int64_t seconds, std::int64_t micros = 0) {
  return WallTime(std::chrono::microseconds(1'767'000'000'000'000 + seconds * 1'000'000 + micros));
}
inline TimePoint at(Duration since) { return TimePoint(std::chrono::hours(1) + since); }

inline Slab sampleSlab() {
  Slab slab;
  slab.meta.ns = "spawner";
  slab.meta.name = "spawner-abc";
  slab.meta.uid = "slab-uid";
  slab.meta.resourceVersion = "7";
  slab.meta.generation = 1;
  slab.meta.creationTime = wall(0);
  slab.spec.templateJson = R"({"containers":[{"name":"my-app","image":"demo:1"}]})";
  return slab;
}

inline ObjectMeta owned(const Slab& slab, std::string uid) {
  ObjectMeta meta;
  meta.ns = slab.meta.ns;
  meta.name = slab.meta.name;
  meta.uid = std::move(uid);
  meta.resourceVersion = "9";
  meta.ownerUid = slab.meta.uid;
  meta.ownerName = slab.meta.name;
  meta.labels = {{std::string(names::managedByLabel), std::string(names::managedByValue)}, {std::string(names::runLabel), slab.meta.name}};
  return meta;
}

inline PodView samplePod(const Slab& slab) {
  PodView pod;
  pod.meta = owned(slab, "pod-uid");
  pod.meta.annotations = {{std::string(names::graceAnnotation), std::to_string(slab.spec.gracePeriodSeconds)},
                          {std::string(names::startupTimeoutAnnotation), std::to_string(slab.spec.startupTimeoutSeconds)}};
  pod.phase = "Pending";
  pod.containerNames = {"my-app"};
  pod.initContainerNames = {std::string(names::sidecarContainer)};
  return pod;
}

inline PodView runningPod(const Slab& slab) {
  PodView pod = samplePod(slab);
  pod.phase = "Running";
  pod.nodeName = "node-1";
  pod.podIp = "10.1.2.3";
  ContainerView app;
  app.name = "my-app";
  app.running = true;
  pod.containers = {app};
  ContainerView sidecar;
  sidecar.name = names::sidecarContainer;
  sidecar.running = true;
  pod.initContainers = {sidecar};
  return pod;
}

inline ServiceView sampleService(const Slab& slab) {
  ServiceView service;
  service.meta = owned(slab, "service-uid");
  service.clusterIp = "10.96.0.7";
  return service;
}

/// A recorded life up to the state.
inline void setReached(Slab& slab, State state) {
  for (const State s : allStates) {
    if (s > state || (isTerminal(s) && s != state)) continue;
    slab.status.reached[static_cast<std::size_t>(s)] = true;
    slab.status.stateTimes[static_cast<std::size_t>(s)] = wall(static_cast<int>(s));
  }
  if (state >= State::Constructed) {
    slab.status.podUid = "pod-uid";
    slab.status.podName = slab.meta.name;
    slab.status.port = std::uint16_t{9090};
    slab.status.ip = "10.96.0.7";
    slab.status.url = "http://spawner-abc.spawner:9090/";
  }
  if (state >= State::Scheduled) slab.status.nodeName = "node-1";
}

inline nlohmann::json slabToJson(const Slab& slab) {
  using Json = nlohmann::json;
  Json status = Json::object();
  status["stateTimes"] = Json::object();  // as the CRD's defaults have it
  for (const State state : allStates) {
    const auto i = static_cast<std::size_t>(state);
    if (slab.status.reached[i]) status[std::string(fieldName(state))] = true;
    if (slab.status.stateTimes[i]) status["stateTimes"][std::string(fieldName(state))] = toRfc3339Micro(*slab.status.stateTimes[i]);
  }
  const auto text = [&](const char* name, const std::string& value) {
    if (!value.empty()) status[name] = value;
  };
  text("nodeName", slab.status.nodeName);
  text("ip", slab.status.ip);
  text("url", slab.status.url);
  text("podName", slab.status.podName);
  text("podUID", slab.status.podUid);
  text("podIP", slab.status.podIp);
  text("phase", slab.status.phase);
  text("reason", slab.status.reason);
  text("message", slab.status.message);
  if (slab.status.port) status["port"] = *slab.status.port;
  if (slab.status.observedGeneration) status["observedGeneration"] = slab.status.observedGeneration;
  if (slab.status.end) {
    const EndInfo& end = *slab.status.end;
    status["end"] = {{"reason", end.reason}, {"message", end.message}, {"time", toRfc3339Micro(end.time)}};
    if (end.exitCode) status["end"]["exitCode"] = *end.exitCode;
    if (end.signal) status["end"]["signal"] = *end.signal;
    if (!end.log.empty()) status["end"]["log"] = end.log;
  }
  if (slab.status.contactLost)
    status["contactLost"] = {{"since", toRfc3339Micro(slab.status.contactLost->since)}, {"message", slab.status.contactLost->message}};
  for (const Condition& c : slab.status.conditions) {
    Json item = {{"type", c.type}, {"status", c.status}, {"reason", c.reason}, {"message", c.message}};
    item["lastTransitionTime"] = toRfc3339(c.lastTransitionTime);
    if (c.observedGeneration) item["observedGeneration"] = c.observedGeneration;
    status["conditions"].push_back(std::move(item));
  }
  Json spec = {{"template", Json::parse(slab.spec.templateJson)},
               {"gracePeriodSeconds", slab.spec.gracePeriodSeconds},
               {"httpPort", slab.spec.httpPort},
               {"startupTimeoutSeconds", slab.spec.startupTimeoutSeconds}};
  if (slab.spec.maxLifetimeSeconds) spec["maxLifetimeSeconds"] = *slab.spec.maxLifetimeSeconds;
  if (slab.spec.ttlSecondsAfterFinished) spec["ttlSecondsAfterFinished"] = *slab.spec.ttlSecondsAfterFinished;
  return {{"apiVersion", names::apiVersion},
          {"kind", names::kind},
          {"metadata",
           {{"name", slab.meta.name},
            {"namespace", slab.meta.ns},
            {"uid", slab.meta.uid},
            {"resourceVersion", slab.meta.resourceVersion},
            {"generation", slab.meta.generation},
            {"creationTimestamp", toRfc3339(slab.meta.creationTime)}}},
          {"spec", std::move(spec)},
          {"status", std::move(status)}};
}

}  // namespace spawner::test
