#include "backend/decode.hpp"

#include <simdjson.h>

#include <cstring>
#include <limits>
#include <string>
#include <utility>

#include "base/text.hpp"
#include "spawner/names.hpp"

namespace spawner::backend {
namespace {

using simdjson::ondemand::json_type;
using simdjson::ondemand::value;

/// A field of another type or range than its own. Thrown and caught in this file only.
struct Bad {
  std::string_view path;
  std::string_view expected;
};

/// f(key, value) for each field, in one pass (on-demand values can be read once, in order). Null and {} give none.
template <class F>
void fields(value v, std::string_view path, F f) {
  const json_type type = v.type();
  if (type == json_type::null) return;
  if (type != json_type::object) throw Bad{path, "an object"};
  for (auto field : v.get_object()) {
    const std::string_view key = field.unescaped_key();
    f(key, field.value().value());
  }
}

template <class F>
void elements(value v, std::string_view path, F f) {
  const json_type type = v.type();
  if (type == json_type::null) return;
  if (type != json_type::array) throw Bad{path, "a list"};
  for (auto element : v.get_array()) f(element.value());
}

void read(value v, std::string_view path, std::string& out) {
  const json_type type = v.type();
  if (type == json_type::null) return;
  if (type != json_type::string) throw Bad{path, "a string"};
  out.assign(std::string_view(v.get_string()));
}

void read(value v, std::string_view path, bool& out) {
  const json_type type = v.type();
  if (type == json_type::null) return;
  if (type != json_type::boolean) throw Bad{path, "true or false"};
  out = v.get_bool();
}

template <class N>
requires std::is_integral_v<N>
void read(value v, std::string_view path, N& out) {
  const json_type type = v.type();
  if (type == json_type::null) return;
  std::int64_t number = 0;
  if (type != json_type::number || v.get_int64().get(number) != simdjson::SUCCESS) throw Bad{path, "a whole number"};
  if (!std::in_range<N>(number)) throw Bad{path, "a number within its range"};
  out = static_cast<N>(number);
}

template <class N>
requires std::is_integral_v<N>
void read(value v, std::string_view path, std::optional<N>& out) {
  if (v.is_null()) return;
  N number{};
  read(v, path, number);
  out = number;
}

using Texts = std::initializer_list<std::pair<std::string_view, std::string*>>;

/// Reads the field if it is one of these texts; false if it is none of them.
bool readText(std::string_view key, value v, Texts texts) {
  for (const auto& [name, out] : texts) {
    if (key != name) continue;
    read(v, name, *out);
    return true;
  }
  return false;
}

/// Times are for people: a text that is no time is as no time.
std::optional<WallTime> readTime(value v, std::string_view path) {
  std::string text;
  read(v, path, text);
  return parseRfc3339(text);
}

void readMap(value v, std::string_view path, std::map<std::string, std::string>& out) {
  fields(v, path, [&](std::string_view key, value item) { read(item, path, out[std::string(key)]); });
}

void readOwners(value v, ObjectMeta& meta) {
  elements(v, "metadata.ownerReferences", [&](value owner) {
    std::string uid, name;
    bool controller = false;
    fields(owner, "metadata.ownerReferences[]", [&](std::string_view key, value item) {
      if (key == "controller")
        read(item, "metadata.ownerReferences[].controller", controller);
      else
        readText(key, item, {{"uid", &uid}, {"name", &name}});
    });
    if (!controller) return;
    meta.ownerUid = std::move(uid);
    meta.ownerName = std::move(name);
  });
}

void readMeta(value v, ObjectMeta& meta) {
  fields(v, "metadata", [&](std::string_view key, value item) {
    if (readText(key, item,
                 {{"name", &meta.name}, {"namespace", &meta.ns}, {"uid", &meta.uid}, {"resourceVersion", &meta.resourceVersion}}))
      return;
    if (key == "generation") {
      read(item, "metadata.generation", meta.generation);
    } else if (key == "creationTimestamp") {
      meta.creationTime = readTime(item, "metadata.creationTimestamp").value_or(WallTime{});
    } else if (key == "deletionTimestamp") {
      meta.deleting = !item.is_null();
    } else if (key == "labels") {
      readMap(item, "metadata.labels", meta.labels);
    } else if (key == "annotations") {
      readMap(item, "metadata.annotations", meta.annotations);
    } else if (key == "ownerReferences") {
      readOwners(item, meta);
    }
  });
}

void readSpec(value v, SlabSpec& spec) {
  fields(v, "spec", [&](std::string_view key, value item) {
    if (key == "template") {
      if (item.is_null()) return;
      if (item.type() != json_type::object) throw Bad{"spec.template", "an object"};
      simdjson::ondemand::object object = item.get_object();
      spec.templateJson = std::string(trim(std::string_view(object.raw_json())));
    } else if (key == "gracePeriodSeconds") {
      read(item, "spec.gracePeriodSeconds", spec.gracePeriodSeconds);
    } else if (key == "httpPort") {
      read(item, "spec.httpPort", spec.httpPort);
    } else if (key == "startupTimeoutSeconds") {
      read(item, "spec.startupTimeoutSeconds", spec.startupTimeoutSeconds);
    } else if (key == "maxLifetimeSeconds") {
      read(item, "spec.maxLifetimeSeconds", spec.maxLifetimeSeconds);
    } else if (key == "ttlSecondsAfterFinished") {
      read(item, "spec.ttlSecondsAfterFinished", spec.ttlSecondsAfterFinished);
    }
  });
}

void readEnd(value v, SlabStatus& status) {
  if (v.is_null()) return;
  EndInfo end;
  fields(v, "status.end", [&](std::string_view key, value item) {
    if (readText(key, item, {{"reason", &end.reason}, {"message", &end.message}, {"log", &end.log}})) return;
    if (key == "exitCode")
      read(item, "status.end.exitCode", end.exitCode);
    else if (key == "signal")
      read(item, "status.end.signal", end.signal);
    else if (key == "time")
      end.time = readTime(item, "status.end.time").value_or(WallTime{});
  });
  status.end = std::move(end);
}

void readContactLost(value v, SlabStatus& status) {
  if (v.is_null()) return;
  ContactLostInfo info;
  fields(v, "status.contactLost", [&](std::string_view key, value item) {
    if (key == "since")
      info.since = readTime(item, "status.contactLost.since").value_or(WallTime{});
    else if (key == "message")
      read(item, "status.contactLost.message", info.message);
  });
  status.contactLost = std::move(info);
}

Condition readCondition(value v) {
  Condition condition;
  fields(v, "status.conditions[]", [&](std::string_view key, value item) {
    if (readText(
            key, item,
            {{"type", &condition.type}, {"status", &condition.status}, {"reason", &condition.reason}, {"message", &condition.message}}))
      return;
    if (key == "observedGeneration")
      read(item, "status.conditions[].observedGeneration", condition.observedGeneration);
    else if (key == "lastTransitionTime")
      condition.lastTransitionTime = readTime(item, "status.conditions[].lastTransitionTime").value_or(WallTime{});
  });
  return condition;
}

void readStatus(value v, SlabStatus& status) {
  fields(v, "status", [&](std::string_view key, value item) {
    for (const State state : allStates) {
      if (key == fieldName(state)) return read(item, fieldName(state), status.reached[static_cast<std::size_t>(state)]);
    }
    if (readText(key, item,
                 {{"nodeName", &status.nodeName},
                  {"ip", &status.ip},
                  {"url", &status.url},
                  {"podName", &status.podName},
                  {"podUID", &status.podUid},
                  {"podIP", &status.podIp},
                  {"phase", &status.phase},
                  {"reason", &status.reason},
                  {"message", &status.message}}))
      return;
    if (key == "port") {
      read(item, "status.port", status.port);
    } else if (key == "observedGeneration") {
      read(item, "status.observedGeneration", status.observedGeneration);
    } else if (key == "stateTimes") {
      fields(item, "status.stateTimes", [&](std::string_view name, value time) {
        for (const State state : allStates)
          if (name == fieldName(state)) status.stateTimes[static_cast<std::size_t>(state)] = readTime(time, "status.stateTimes");
      });
    } else if (key == "end") {
      readEnd(item, status);
    } else if (key == "contactLost") {
      readContactLost(item, status);
    } else if (key == "conditions") {
      elements(item, "status.conditions", [&](value condition) { status.conditions.push_back(readCondition(condition)); });
    }
  });
}

void readTermination(value v, ContainerView& container) {
  fields(v, "state.terminated", [&](std::string_view key, value item) {
    if (key == "exitCode")
      read(item, "state.terminated.exitCode", container.exitCode);
    else if (key == "signal")
      read(item, "state.terminated.signal", container.signal);
    else
      readText(key, item, {{"reason", &container.reason}, {"message", &container.message}});
  });
}

void readContainerState(value v, ContainerView& container) {
  fields(v, "state", [&](std::string_view key, value item) {
    if (item.is_null()) return;
    if (key == "running") {
      container.running = true;
    } else if (key == "terminated") {
      container.terminated = true;
      readTermination(item, container);
    } else if (key == "waiting") {
      container.waiting = true;
      fields(item, "state.waiting", [&](std::string_view name, value text) {
        readText(name, text, {{"reason", &container.reason}, {"message", &container.message}});
      });
    }
  });
}

ContainerView readContainer(value v) {
  ContainerView container;
  fields(v, "containerStatuses[]", [&](std::string_view key, value item) {
    if (key == "name") {
      read(item, "containerStatuses[].name", container.name);
    } else if (key == "restartCount") {
      read(item, "containerStatuses[].restartCount", container.restartCount);
    } else if (key == "state") {
      readContainerState(item, container);
    } else if (key == "lastState") {
      fields(item, "lastState", [&](std::string_view name, value last) {
        if (name != "terminated") return;
        ContainerView former;
        readTermination(last, former);
        container.lastTerminatedReason = std::move(former.reason);
      });
    }
  });
  return container;
}

void readNames(value v, std::string_view path, std::vector<std::string>& out) {
  elements(v, path, [&](value container) {
    std::string name;
    fields(container, path, [&](std::string_view key, value item) {
      if (key == "name") read(item, path, name);
    });
    out.push_back(std::move(name));
  });
}

void readPodCondition(value v, PodView& pod) {
  std::string type, status, reason, message;
  fields(v, "status.conditions[]", [&](std::string_view key, value item) {
    readText(key, item, {{"type", &type}, {"status", &status}, {"reason", &reason}, {"message", &message}});
  });
  if (type == "PodScheduled" && status == "False" && reason == "Unschedulable")
    pod.unschedulableMessage = message.empty() ? reason : message;
  if (type == "DisruptionTarget" && status == "True") pod.disruptionReason = reason;
  if (type == names::listensOnPortCondition && status == "False") pod.portMessage = message;
}

void readPodStatus(value v, PodView& pod) {
  fields(v, "status", [&](std::string_view key, value item) {
    if (readText(key, item, {{"phase", &pod.phase}, {"reason", &pod.reason}, {"message", &pod.message}, {"podIP", &pod.podIp}})) return;
    if (key == "containerStatuses") {
      elements(item, "status.containerStatuses", [&](value container) { pod.containers.push_back(readContainer(container)); });
    } else if (key == "initContainerStatuses") {
      elements(item, "status.initContainerStatuses", [&](value container) { pod.initContainers.push_back(readContainer(container)); });
    } else if (key == "conditions") {
      elements(item, "status.conditions", [&](value condition) { readPodCondition(condition, pod); });
    }
  });
}

/// Parses one object and gives its top-level fields to `f`. simdjson wants padding behind the text: it is copied into a buffer of the
/// thread.
template <class T, class F>
Result<T> decode(std::string_view what, std::string_view json, F f) {
  thread_local simdjson::ondemand::parser parser;
  thread_local std::string buffer;
  buffer.reserve(json.size() + simdjson::SIMDJSON_PADDING);
  buffer.assign(json);
  const auto fail = [&](std::string why) { return Error{ErrorKind::InvalidArgument, std::string(what) + ": " + std::move(why), {}}; };
  T result;
  try {
    simdjson::ondemand::document document = parser.iterate(simdjson::padded_string_view(buffer.data(), buffer.size(), buffer.capacity()));
    simdjson::ondemand::object top;
    if (document.get_object().get(top) != simdjson::SUCCESS) return fail("not a JSON object");
    for (auto field : top) {
      const std::string_view key = field.unescaped_key();
      f(key, field.value().value(), result);
    }
    if (document.current_location().error() != simdjson::OUT_OF_BOUNDS) return fail("text behind the object");
  } catch (const Bad& bad) {
    return fail(std::string(bad.path) + " is not " + std::string(bad.expected));
  } catch (const simdjson::simdjson_error& error) { return fail(error.what()); }
  if (result.meta.name.empty()) return fail("metadata.name is missing");
  return result;
}

/// creationTimestamp has whole seconds; the API noted the moment (submittedAnnotation). It is believed within that second.
void sharpenCreation(ObjectMeta& meta) {
  const auto noted = meta.annotations.find(std::string(names::submittedAnnotation));
  if (noted == meta.annotations.end()) return;
  const std::optional<WallTime> time = parseRfc3339(noted->second);
  if (time && *time >= meta.creationTime && *time < meta.creationTime + std::chrono::seconds(1)) meta.creationTime = *time;
}

}  // namespace

Result<Slab> decodeSlab(std::string_view json) {
  Result<Slab> decoded = decode<Slab>(names::kind, json, [](std::string_view key, value v, Slab& slab) {
    if (key == "metadata")
      readMeta(v, slab.meta);
    else if (key == "spec")
      readSpec(v, slab.spec);
    else if (key == "status")
      readStatus(v, slab.status);
  });
  if (decoded) sharpenCreation(decoded->meta);
  return decoded;
}

Result<PodView> decodePod(std::string_view json) {
  return decode<PodView>("Pod", json, [](std::string_view key, value v, PodView& pod) {
    if (key == "metadata") {
      readMeta(v, pod.meta);
    } else if (key == "spec") {
      fields(v, "spec", [&](std::string_view name, value item) {
        if (name == "nodeName")
          read(item, "spec.nodeName", pod.nodeName);
        else if (name == "containers")
          readNames(item, "spec.containers", pod.containerNames);
        else if (name == "initContainers")
          readNames(item, "spec.initContainers", pod.initContainerNames);
      });
    } else if (key == "status") {
      readPodStatus(v, pod);
    }
  });
}

Result<ServiceView> decodeService(std::string_view json) {
  return decode<ServiceView>("Service", json, [](std::string_view key, value v, ServiceView& service) {
    if (key == "metadata") {
      readMeta(v, service.meta);
    } else if (key == "spec") {
      fields(v, "spec", [&](std::string_view name, value item) {
        if (name == "clusterIP") read(item, "spec.clusterIP", service.clusterIp);
      });
    }
  });
}

}  // namespace spawner::backend
