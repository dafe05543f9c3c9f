#include "cluster/scheduler.hpp"

#include "sim_fixture.hpp"

using namespace spawner;
using namespace spawner::cluster;
using namespace spawner::cluster::test;

namespace {

std::string unschedulableMessage(SimFixture& f, std::string_view pod) {
  const ObjectPtr found = f.server.store().find(types::pods, "spawner/" + std::string(pod));
  const Json* conditions = found ? found->json().find({"status", "conditions"}) : nullptr;
  for (const Json& one : conditions != nullptr ? conditions->items() : Json::Array())
    if (one.textAt({"type"}) == "PodScheduled" && one.textAt({"reason"}) == "Unschedulable") return std::string(one.textAt({"message"}));
  return {};
}

std::vector<std::string> eventReasons(SimFixture& f) {
  std::vector<std::string> out;
  for (const auto& [key, event] : f.server.store().objects(types::events)) out.emplace_back(event->json().textAt({"reason"}));
  return out;
}

}  // namespace

TEST_CASE("Pods go to the Ready nodes in turn, with a condition and an Event", "[cluster]") {
  SimFixture f;
  for (const std::string name : {"one", "two", "three"}) registerNode(f.server, name, "127.0.0.1", 10, f.now());
  f.call("PATCH", "/api/v1/nodes/two", R"({"spec":{"unschedulable":true}})");
  std::map<std::string, int> seats;
  for (int i = 0; i < 6; ++i) {
    const std::string name = "p" + std::to_string(i);
    f.make(podsPath, podJson(name));
    f.settle();
    ++seats[f.nodeOf(name)];
  }
  CHECK(seats == std::map<std::string, int>{{"one", 3}, {"three", 3}});
  CHECK(f.controllers->counts().bound == 6);
  const Json pod = f.server.store().find(types::pods, "spawner/p0")->json();
  CHECK(pod.find({"status", "conditions"})->items()[0].textAt({"status"}) == "True");
  CHECK(eventReasons(f) == std::vector<std::string>(6, "Scheduled"));
}

TEST_CASE("A pod that fits nowhere is told why, once, and is placed when that changes", "[cluster]") {
  SimFixture f;
  f.make(podsPath, podJson("p"));
  f.settle();
  CHECK(unschedulableMessage(f, "p") == "0/0 nodes are available");
  const std::uint64_t revision = f.server.store().revision();
  f.settle(std::chrono::minutes(1));  // many tries later
  CHECK(f.server.store().revision() == revision);
  registerNode(f.server, "one", "127.0.0.1", 1, f.now());
  f.settle();
  CHECK(f.nodeOf("p") == "one");
  f.make(podsPath, podJson("q"));
  f.settle();
  CHECK(unschedulableMessage(f, "q") == "0/1 nodes are available: 1 Too many pods");
  f.call("PATCH", under(podsPath, "p/status"), R"({"status":{"phase":"Succeeded"}})");
  f.settle();
  CHECK(f.nodeOf("q") == "one");  // a pod that has ended takes no room
  f.make(podsPath, podJson("r", "", R"(,"nodeSelector":{"disk":"fast"})"));
  f.settle();
  CHECK(unschedulableMessage(f, "r").find("didn't match") != std::string::npos);
  f.call("DELETE", under(podsPath, "q"), R"({"gracePeriodSeconds":0})");
  f.call("PATCH", "/api/v1/nodes/one", R"({"metadata":{"labels":{"disk":"fast"}}})");
  f.settle();
  CHECK(f.nodeOf("r") == "one");
}

TEST_CASE("The simulation can say no, later, and how long it takes", "[cluster]") {
  bool full = true;
  ControllersOptions options;
  options.schedulerDelay = std::chrono::seconds(2);
  options.retryUnschedulable = std::chrono::seconds(3);
  options.schedulerEvents = false;
  options.unschedulable = [&full](const Json&) {
    return full ? std::string("0/1 nodes are available: 1 Insufficient cpu") : std::string();
  };
  SimFixture f(options);
  registerNode(f.server, "one", "127.0.0.1", 10, f.now());
  f.make(podsPath, podJson("p"));
  f.settle(std::chrono::milliseconds(1900));
  CHECK(unschedulableMessage(f, "p").empty());
  f.settle(std::chrono::milliseconds(200));
  CHECK(unschedulableMessage(f, "p") == "0/1 nodes are available: 1 Insufficient cpu");
  full = false;
  f.settle(std::chrono::seconds(4));
  CHECK(f.nodeOf("p") == "one");
  CHECK(eventReasons(f).empty());
  CHECK(f.controllers->counts().unschedulable == 1);
}

TEST_CASE("A pod that names its node or another scheduler, or is being deleted, is not scheduled", "[cluster]") {
  SimFixture f;
  registerNode(f.server, "one", "127.0.0.1", 10, f.now());
  f.make(podsPath, podJson("named", "", R"(,"nodeName":"elsewhere")"));
  f.make(podsPath, podJson("held", R"(,"finalizers":["x/y"])"));
  f.make(podsPath, podJson("foreign", "", R"(,"schedulerName":"mine")"));
  f.call("DELETE", under(podsPath, "held"));
  f.settle();
  CHECK(f.nodeOf("named") == "elsewhere");
  CHECK(f.nodeOf("held").empty());
  CHECK(f.nodeOf("foreign").empty());
  CHECK(f.controllers->counts().bound == 0);
}

TEST_CASE("Registering a node again mends its status and keeps it one", "[cluster]") {
  SimFixture f;
  registerNode(f.server, "one", "127.0.0.1", 10, f.now());
  f.call("PATCH", "/api/v1/nodes/one/status", R"({"status":{"conditions":[{"type":"Ready","status":"False"}]}})");
  f.make(podsPath, podJson("p"));
  f.settle();
  CHECK(f.nodeOf("p").empty());
  registerNode(f.server, "one", "127.0.0.9", 20, f.now());
  f.settle();
  CHECK(f.nodeOf("p") == "one");
  CHECK(f.server.store().objects(types::nodes).size() == 1);
  CHECK(f.server.store().find(types::nodes, "one")->json().textAt({"status", "allocatable", "pods"}) == "20");
}
