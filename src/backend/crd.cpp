#include "backend/crd.hpp"

#include <initializer_list>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/yaml.hpp"
#include "spawner/names.hpp"
#include "spawner/state.hpp"

namespace spawner::backend {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::int64_t maxSeconds = 4294967295;  // 2^32 - 1

Json text(std::string_view description) { return {{"type", "string"}, {"description", description}}; }
Json flag(std::string_view description) { return {{"type", "boolean"}, {"description", description}}; }
Json time(std::string_view description) { return {{"type", "string"}, {"format", "date-time"}, {"description", description}}; }

Json integer(std::string_view description, std::int64_t minimum, std::int64_t maximum) {
  return {{"type", "integer"}, {"format", "int64"}, {"minimum", minimum}, {"maximum", maximum}, {"description", description}};
}

/// With a default. An own function: null is not the same as missing, so the field is not nullable.
Json integerWithDefault(std::string_view description, std::int64_t minimum, std::int64_t maximum, std::int64_t value) {
  Json json = integer(description, minimum, maximum);
  json["default"] = value;
  return json;
}

Json objectOf(std::string_view description, Json properties) {
  return {{"type", "object"}, {"description", description}, {"properties", std::move(properties)}};
}

Json rule(std::string_view expression, std::string_view message) { return {{"rule", expression}, {"message", message}}; }

/// Parts of a pod spec. Kubernetes checks them when the pod is made; only what Spawner itself reads is typed here.
Json templateSchema() {
  const auto open = [](Json json) {
    json["x-kubernetes-preserve-unknown-fields"] = true;
    return json;
  };
  Json container = open(objectOf("As in a pod.", {{"name", text("Its name; not spawner-sidecar.")}, {"image", text("The image to run.")}}));
  container["required"] = {"name", "image"};
  Json containers = {{"type", "array"},
                     {"description", "The first is the application. It must listen on spec.httpPort (it is told in the variable PORT)."},
                     {"minItems", 1},
                     {"maxItems", 32},
                     {"items", std::move(container)}};
  Json secrets = {{"type", "array"},
                  {"nullable", true},
                  {"description", "Secrets to pull images with; the controller adds its own."},
                  {"items", open(objectOf("As in a pod.", {{"name", text("The Secret's name.")}}))}};
  Json volumes = {{"type", "array"},
                  {"nullable", true},
                  {"description", "As in a pod. Each costs a few hundred milliseconds of start."},
                  {"items", open(objectOf("As in a pod.", {{"name", text("The volume's name.")}}))}};
  Json schema =
      open(objectOf("A part of a pod spec. Edits after creation are ignored (condition SpecIgnored).",
                    {{"containers", std::move(containers)}, {"imagePullSecrets", std::move(secrets)}, {"volumes", std::move(volumes)}}));
  schema["required"] = {"containers"};
  return schema;
}

Json httpPortSchema() {
  Json port = integerWithDefault("The port on which the application listens. Immutable.", 1, 65535, names::defaultHttpPort);
  port["format"] = "int32";
  port["x-kubernetes-validations"] = Json::array(
      {rule("self == oldSelf", "httpPort cannot be changed: create a new object"),
       rule("self != " + std::to_string(names::servePort), "9090 is the sidecar's port: let the application listen on another one")});
  return port;
}

Json specSchema() {
  Json spec = objectOf(
      "What to run, and for how long.",
      {{"template", templateSchema()},
       {"gracePeriodSeconds",
        integerWithDefault("Seconds without a request or connection after which the session ends. 0: at the end of its last use. Mutable.",
                           0, maxSeconds, names::defaultGraceSeconds)},
       {"httpPort", httpPortSchema()},
       {"startupTimeoutSeconds",
        integerWithDefault("Seconds within which it must be running. Mutable.", 1, maxSeconds, names::defaultStartupTimeoutSeconds)},
       {"maxLifetimeSeconds", integer("Seconds after which the session ends even in use; without it: never. Mutable.", 1, maxSeconds)},
       {"ttlSecondsAfterFinished",
        integer(
            "Seconds to keep the object after its end. Without it: a swept one goes at once, a failed or completed one after 300. Mutable.",
            0, maxSeconds)}});
  spec["required"] = {"template"};
  return spec;
}

Json endSchema() {
  Json end = objectOf("How the session ended. Set once.",
                      {{"reason", text("One word: Idle, MaxLifetime, Completed, Error, OOMKilled, StartTimeout, …")},
                       {"message", text("Why, in a sentence. Users of the application read it.")},
                       {"exitCode", {{"type", "integer"}, {"format", "int32"}, {"description", "Of the container that ended it."}}},
                       {"signal", {{"type", "integer"}, {"format", "int32"}, {"description", "Of the container that ended it."}}},
                       {"time", time("When.")},
                       {"log", text("What the application said last, where it failed: at most 2 KiB. Users do not read it.")}});
  end["required"] = {"reason"};
  return end;
}

Json conditionsSchema() {
  Json condition =
      objectOf("One aspect of the object's state.",
               {{"type", text("Ready, Finished, ContactLost or SpecIgnored.")},
                {"status", {{"type", "string"}, {"enum", {"True", "False", "Unknown"}}, {"description", "Whether it holds."}}},
                {"reason", text("One word.")},
                {"message", text("One sentence.")},
                {"observedGeneration", {{"type", "integer"}, {"format", "int64"}, {"description", "Of the spec that was seen."}}},
                {"lastTransitionTime", time("When the status last changed.")}});
  condition["required"] = {"type", "status"};
  return {{"type", "array"},
          {"description", "Derived by the controller."},
          {"items", std::move(condition)},
          {"x-kubernetes-list-type", "map"},
          {"x-kubernetes-list-map-keys", {"type"}}};
}

std::string stateDescription(State state) {
  switch (state) {
    case State::Submitted: return "The object was seen.";
    case State::Constructed: return "Its Pod and Service exist.";
    case State::Scheduled: return "Its pod has a node.";
    case State::Running: return "Its containers run.";
    case State::Ready: return "The application listens.";
    case State::Swept: return "It ended: unused, over, or finished normally.";
    case State::Failed: return "It ended with an error.";
  }
  return {};
}

Json statusSchema() {
  Json properties = Json::object();
  Json times = Json::object();
  for (const State state : allStates) {
    const std::string name(fieldName(state));
    properties[name] = flag(stateDescription(state) + " Set once.");
    times[name] = time(std::string(toString(state)) + " since.");
  }
  properties["nodeName"] = text("The node of its pod.");
  properties["ip"] = text("The cluster IP of its Service.");
  properties["port"] = {{"type", "integer"}, {"format", "int32"}, {"description", "The port to connect to: the sidecar's."}};
  properties["url"] = text("Its URL inside the cluster.");
  properties["podName"] = text("Its pod.");
  properties["podUID"] = text("Its pod's uid: an object has one pod, ever.");
  // A pod that was made late, after its object's end, is followed by its node's sweeper like any other; it must not become the session's.
  properties["podUID"]["x-kubernetes-validations"] =
      Json::array({rule("self == oldSelf", "the session has its pod already: this one came late, and is not the session's")});
  properties["podIP"] = text("Its pod's address.");
  // Defaults of objects: a JSON patch can add a member only to what is there.
  properties["stateTimes"] = objectOf("When each state was reached, for people: written by different machines' clocks.", std::move(times));
  properties["stateTimes"]["default"] = Json::object();
  properties["end"] = endSchema();
  properties["contactLost"] =
      objectOf("Set while the sweeper cannot reach the sidecar.", {{"since", time("Since when.")}, {"message", text("Why.")}});
  properties["contactLost"]["nullable"] = true;
  properties["phase"] = text("The newest state. Derived.");
  properties["reason"] = text("One word: why it ended, or what is waited for. Derived.");
  properties["message"] = text("One sentence. Derived.");
  properties["observedGeneration"] = {
      {"type", "integer"}, {"format", "int64"}, {"description", "The generation that the controller has seen."}};
  properties["conditions"] = conditionsSchema();
  Json status = objectOf("Facts, each set once, and what the controller derives from them.", std::move(properties));
  status["default"] = Json::object();
  // Two writers can see an end at the same time; the first one's stays. And a sweeper's Running or Ready may be late.
  status["x-kubernetes-validations"] = Json::array(
      {rule("!has(oldSelf.end) || (has(self.end) && self.end.reason == oldSelf.end.reason)",
            "the session has ended already; its end does not change"),
       rule("!has(oldSelf.phase) || !(oldSelf.phase in ['Swept', 'Failed']) || (has(self.phase) && self.phase in ['Swept', 'Failed'])",
            "the session has ended already; what came late cannot make it run again")});
  return status;
}

Json schema() {
  Json root = objectOf("A server process for one session: it is ended when it has not been used for its grace period.",
                       {{"apiVersion", {{"type", "string"}}},
                        {"kind", {{"type", "string"}}},
                        {"metadata", {{"type", "object"}}},
                        {"spec", specSchema()},
                        {"status", statusSchema()}});
  root["required"] = {"spec"};
  root["x-kubernetes-validations"] = Json::array(
      {rule("self.metadata.name.size() <= 63 && self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
            "the name becomes a Service's: at most 63 lower-case letters, digits and hyphens, a letter first and no hyphen last")});
  return root;
}

Json column(std::string_view name, std::string_view type, std::string_view path, std::string_view description, int priority = 0) {
  Json json = {{"name", name}, {"type", type}, {"jsonPath", path}, {"description", description}};
  if (priority != 0) json["priority"] = priority;
  return json;
}

Json columns() {
  return Json::array({column("State", "string", ".status.phase", "The newest state"),
                      column("Reason", "string", ".status.reason", "Why it ended, or what is waited for"),
                      column("Node", "string", ".status.nodeName", "The node of its pod"),
                      column("Age", "date", ".metadata.creationTimestamp", "Since its creation"),
                      column("Image", "string", ".spec.template.containers[0].image", "The application's image", 1),
                      column("Grace", "integer", ".spec.gracePeriodSeconds", "Seconds without use until it ends", 1),
                      column("Pod-IP", "string", ".status.podIP", "Its pod's address", 1),
                      column("URL", "string", ".status.url", "Its URL inside the cluster", 1)});
}

Json crd() {
  Json version = {{"name", names::version},
                  {"served", true},
                  {"storage", true},
                  {"subresources", {{"status", Json::object()}}},
                  {"additionalPrinterColumns", columns()},
                  {"schema", {{"openAPIV3Schema", schema()}}}};
  return {{"apiVersion", "apiextensions.k8s.io/v1"},
          {"kind", "CustomResourceDefinition"},
          {"metadata", {{"name", names::crdName}}},
          {"spec",
           {{"group", names::group},
            {"scope", "Namespaced"},
            {"names",
             {{"kind", names::kind},
              {"listKind", names::listKind},
              {"plural", names::plural},
              {"singular", names::singular},
              {"shortNames", {names::shortName, names::pluralShortName}}}},
            {"versions", Json::array({std::move(version)})}}}};
}

}  // namespace

std::string crdJson() { return crd().dump(2); }

Result<std::string> crdYaml() { return jsonToYaml(crdJson()); }

}  // namespace spawner::backend
