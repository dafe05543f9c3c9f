#include "cluster/table.hpp"

#include "cluster/pod_cells.hpp"
#include "fixture.hpp"

using namespace spawner;
using namespace spawner::cluster;
using namespace spawner::cluster::test;

namespace {

constexpr std::string_view tableAccept =
    "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json";

std::string cells(const Json& row) {
  std::string out;
  for (const Json& cell : row.find("cells")->items())
    out += (out.empty() ? "" : "|") + (cell.isString() ? std::string(cell.text()) : cell.dump());
  return out;
}

}  // namespace

TEST_CASE("kubectl's ages", "[cluster]") {
  using std::chrono::seconds;
  const std::pair<int, std::string_view> cases[] = {
      {-5, "0s"},        {0, "0s"},       {119, "119s"},        {120, "2m"},        {200, "3m20s"},        {600, "10m"},
      {10'000, "166m"},  {10'800, "3h"},  {11'100, "3h5m"},     {28'800, "8h"},     {172'799, "47h"},      {172'800, "2d"},
      {180'000, "2d2h"}, {691'200, "8d"}, {63'071'999, "729d"}, {63'072'000, "2y"}, {70'000'000, "2y80d"}, {300'000'000, "9y"}};
  for (const auto& [age, text] : cases) CHECK(shortAge(seconds(age)) == text);
}

TEST_CASE("The STATUS of a pod, in kubectl's words", "[cluster]") {
  struct Case {
    std::string_view json, word, ready;
  };
  const Case cases[] = {
      {R"({"status":{"phase":"Pending"},"spec":{"containers":[{"name":"a"}]}})", "Pending", "0/1"},
      {R"({"status":{"phase":"Running","containerStatuses":[{"name":"a","ready":true,"state":{"running":{}}}]},"spec":{"containers":[{"name":"a"}]}})",
       "Running", "1/1"},
      {R"({"status":{"phase":"Pending","containerStatuses":[{"name":"a","state":{"waiting":{"reason":"ImagePullBackOff"}}}]},"spec":{"containers":[{"name":"a"}]}})",
       "ImagePullBackOff", "0/1"},
      {R"({"status":{"phase":"Failed","containerStatuses":[{"name":"a","state":{"terminated":{"reason":"OOMKilled","exitCode":137}}}]},"spec":{"containers":[{"name":"a"}]}})",
       "OOMKilled", "0/1"},
      {R"({"status":{"phase":"Failed","containerStatuses":[{"name":"a","state":{"terminated":{"exitCode":3}}}]},"spec":{"containers":[{"name":"a"}]}})",
       "ExitCode:3", "0/1"},
      {R"({"status":{"phase":"Failed","containerStatuses":[{"name":"a","state":{"terminated":{"signal":9,"exitCode":137}}}]},"spec":{"containers":[{"name":"a"}]}})",
       "Signal:9", "0/1"},
      {R"({"status":{"phase":"Failed","reason":"Evicted"},"spec":{"containers":[{"name":"a"}]}})", "Evicted", "0/1"},
      {R"({"metadata":{"deletionTimestamp":"x"},"status":{"phase":"Running"},"spec":{"containers":[{"name":"a"}]}})", "Terminating", "0/1"},
      {R"({"status":{"phase":"Running","containerStatuses":[{"name":"a","state":{"terminated":{"reason":"Completed","exitCode":0}}},{"name":"b","ready":true,"state":{"running":{}}}]},"spec":{"containers":[{"name":"a"},{"name":"b"}]}})",
       "Running", "1/2"},
      {R"({"status":{"phase":"Pending","initContainerStatuses":[{"name":"i","state":{"running":{}}}]},"spec":{"initContainers":[{"name":"i"}],"containers":[{"name":"a"}]}})",
       "Init:0/1", "0/1"},
      {R"({"status":{"phase":"Pending","initContainerStatuses":[{"name":"i","state":{"terminated":{"exitCode":1,"reason":"Error"}}}]},"spec":{"initContainers":[{"name":"i"}],"containers":[{"name":"a"}]}})",
       "Init:Error", "0/1"},
      {R"({"status":{"phase":"Running","initContainerStatuses":[{"name":"s","started":true,"ready":true,"state":{"running":{}}}],"containerStatuses":[{"name":"a","ready":true,"state":{"running":{}}}]},"spec":{"initContainers":[{"name":"s","restartPolicy":"Always"}],"containers":[{"name":"a"}]}})",
       "Running", "2/2"},
  };
  for (const Case& one : cases) {
    INFO(one.json);
    const Json pod = parse(one.json);
    CHECK(podStatusWord(pod) == one.word);
    CHECK(podCells(pod, "1s").items()[1].text() == one.ready);
  }
}

TEST_CASE("Tables: columns and one row an object, in list, get and watch", "[cluster]") {
  Fixture f;
  f.slab("a");
  f.merge(under(slabsPath, "a/status"), R"({"status":{"phase":"Ready","nodeName":"one","podIP":"127.0.0.5"}})");
  f.advance(std::chrono::seconds(90));
  const Answer list = f.ask("GET", slabsPath, "", "", tableAccept);
  REQUIRE(list.status == 200);
  CHECK(list.at({"kind"}) == "Table");
  CHECK(list.at({"apiVersion"}) == "meta.k8s.io/v1");
  std::string columns;
  for (const Json& column : list.json.find("columnDefinitions")->items())
    columns += (columns.empty() ? "" : " ") + std::string(column.textAt({"name"})) + (column.integerAt({"priority"}) > 0 ? "*" : "");
  CHECK(columns == "Name State Reason Node Age Image* Grace* Pod-IP* URL*");
  const Json& row = list.json.find("rows")->items()[0];
  CHECK(cells(row) == "a|Ready||one|90s|demo:1|300|127.0.0.5|");
  CHECK(row.textAt({"object", "kind"}) == "PartialObjectMetadata");
  CHECK(row.find({"object", "spec"}) == nullptr);
  const Answer whole = f.ask("GET", under(slabsPath, "a") + "?includeObject=Object", "", "", tableAccept);
  CHECK(whole.json.find("rows")->items()[0].find({"object", "spec"}) != nullptr);
  const auto watch = f.raw("GET", std::string(slabsPath) + "?watch=true", "", "", tableAccept).stream;
  f.slab("b");
  const std::vector<Json> events = f.drain(*watch);
  REQUIRE(events.size() == 2);
  CHECK(events[0].find({"object", "columnDefinitions"})->size() == 9);
  CHECK(events[1].find({"object", "columnDefinitions"})->isNull());
  CHECK(cells(events[1].find({"object", "rows"})->items()[0]).starts_with("b|"));
}

TEST_CASE("Every type has a table whose rows fit its columns", "[cluster]") {
  Fixture f;
  f.slab("a");
  f.pod("p");
  f.made("/api/v1/namespaces/spawner/services", R"({"metadata":{"name":"s"},"spec":{"ports":[{"port":80}],"selector":{"run":"a"}}})");
  f.made("/api/v1/namespaces/spawner/secrets", R"({"metadata":{"name":"s"},"data":{"a":"eA=="}})");
  f.made("/api/v1/namespaces/spawner/configmaps", R"({"metadata":{"name":"s"},"data":{"a":"b"}})");
  f.made("/apis/coordination.k8s.io/v1/namespaces/spawner/leases", R"({"metadata":{"name":"l"},"spec":{"holderIdentity":"me"}})");
  f.made("/api/v1/nodes", R"({"metadata":{"name":"n"},"status":{"conditions":[{"type":"Ready","status":"True"}]}})");
  f.made(
      "/api/v1/namespaces/spawner/events",
      R"({"metadata":{"name":"e"},"involvedObject":{"namespace":"spawner","kind":"Pod","name":"p"},"reason":"R","message":"M","type":"Normal"})");
  for (const ResourceType* type : allTypes()) {
    INFO(type->plural);
    const auto& objects = f.store().objects(*type);
    REQUIRE_FALSE(objects.empty());
    CHECK(cellsOf(*type, objects.begin()->second->json(), f.now()).size() == columnsOf(*type).size());
  }
  CHECK(cells(f.ask("GET", "/api/v1/namespaces/spawner/services/s", "", "", tableAccept).json.find("rows")->items()[0]) ==
        "s|ClusterIP|127.96.0.1|<none>|80/TCP|0s|run=a");
  CHECK(cells(f.ask("GET", "/api/v1/namespaces/spawner/events/e", "", "", tableAccept).json.find("rows")->items()[0])
            .starts_with("<unknown>|Normal|R|pod/p|"));
}

TEST_CASE("What kind of answer is acceptable", "[cluster]") {
  Fixture f;
  f.slab("a");
  const std::string target = under(slabsPath, "a");
  for (const std::string_view accept : {"application/vnd.kubernetes.protobuf,application/json", "application/json", "*/*", "",
                                        "application/vnd.kubernetes.protobuf;q=0.9, */*"})
    CHECK(f.ask("GET", target, "", "", accept).at({"kind"}) == "SessionLivedBackend");
  const Answer refused = f.ask("GET", target, "", "", "application/vnd.kubernetes.protobuf");
  CHECK(refused.status == 406);
  CHECK(refused.reason() == "NotAcceptable");
}

TEST_CASE("events.k8s.io/v1 is another view of the same Events", "[cluster]") {
  Fixture f;
  const std::string newer = "/apis/events.k8s.io/v1/namespaces/spawner/events", core = "/api/v1/namespaces/spawner/events";
  const auto watch = f.watch(newer + "?watch=true");
  const Answer made = f.made(
      newer,
      R"({"apiVersion":"events.k8s.io/v1","kind":"Event","metadata":{"name":"e"},"eventTime":"2026-01-01T00:00:00.000000Z","reportingController":"c",
    "reportingInstance":"i","action":"A","reason":"R","note":"the note","type":"Normal","regarding":{"kind":"Pod","name":"p","namespace":"spawner"}})");
  CHECK(made.at({"note"}) == "the note");
  CHECK(made.at({"apiVersion"}) == "events.k8s.io/v1");
  const Answer old = f.get(core + "/e");
  CHECK(old.at({"apiVersion"}) == "v1");
  CHECK(old.at({"message"}) == "the note");
  CHECK(old.at({"reportingComponent"}) == "c");
  CHECK(old.at({"involvedObject", "name"}) == "p");
  const Answer list = f.get(newer);
  CHECK(list.at({"apiVersion"}) == "events.k8s.io/v1");
  CHECK(list.json.find("items")->items()[0].textAt({"regarding", "name"}) == "p");
  const std::vector<Json> events = f.drain(*watch);
  REQUIRE(events.size() == 1);
  CHECK(events[0].textAt({"object", "note"}) == "the note");
}
