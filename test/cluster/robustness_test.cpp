// Requests as nobody would send them: whatever comes, the answer is an object or a Status, and what is stored is sound.

#include "fixture.hpp"

using namespace spawner;
using namespace spawner::cluster;
using namespace spawner::cluster::test;

namespace {

/// Changes something somewhere: a value of another type, a member less, an item twice.
Json mangled(const Json& json, Random& random, int depth = 0) {
  static const std::vector<Json> odd = {Json(),
                                        Json(true),
                                        Json(-1),
                                        Json(70'000),
                                        Json(1.5),
                                        Json(""),
                                        Json("x y\n"),
                                        Json(std::string(300, 'a')),
                                        Json::array(),
                                        Json::object(),
                                        Json::array({Json(1)}),
                                        Json::object({{"a", Json()}}),
                                        Json("None"),
                                        Json("spawner")};
  if (depth > 8 || random.below(5) == 0 || json.size() == 0) return odd[random.below(odd.size())];
  Json out = json;
  if (json.isArray()) {
    Json::Array& items = out.editItems();
    const std::size_t at = random.below(items.size());
    if (random.below(4) == 0)
      items.push_back(items[at]);
    else
      items[at] = mangled(items[at], random, depth + 1);
    return out;
  }
  const std::string key = json.members()[random.below(json.size())].first;
  switch (random.below(6)) {
    case 0: out.remove(key); break;
    case 1: out.set("unheardOf", odd[random.below(odd.size())]); break;
    default: out.set(key, mangled(*json.find(key), random, depth + 1)); break;
  }
  return out;
}

struct Sample {
  std::string path, body;
};

std::vector<Sample> samples() {
  const std::string core = "/api/v1/namespaces/spawner/";
  return {
      {std::string(slabsPath),
       slabJson(
           "a",
           R"("gracePeriodSeconds":5,"template":{"containers":[{"name":"a","image":"b","env":[{"name":"X","value":"y"}]}],"volumes":null})")},
      {core + "pods",
       podJson("a", R"(,"labels":{"x":"y"},"ownerReferences":[{"apiVersion":"v1","kind":"Pod","name":"b","uid":"c"}],"finalizers":["x/y"])",
               R"(,"nodeName":"one","initContainers":[{"name":"i","image":"j","ports":[{"containerPort":1}]}])")},
      {core + "services", R"({"metadata":{"name":"a"},"spec":{"ports":[{"port":80,"name":"x"}],"clusterIP":"","selector":{"a":"b"}}})"},
      {core + "events",
       R"({"metadata":{"name":"a"},"involvedObject":{"namespace":"spawner"},"eventTime":"2026-01-01T00:00:00Z","reportingComponent":"a","reportingInstance":"b","action":"c","reason":"d"})"},
      {core + "secrets", R"({"metadata":{"name":"a"},"stringData":{"a":"b"},"data":{"c":"ZA=="}})"},
      {"/api/v1/nodes",
       R"({"metadata":{"name":"a"},"spec":{},"status":{"conditions":[{"type":"Ready","status":"True"}],"allocatable":{"pods":"1"}}})"},
      {"/apis/coordination.k8s.io/v1/namespaces/spawner/leases",
       R"({"metadata":{"name":"a"},"spec":{"leaseDurationSeconds":1,"holderIdentity":"x"}})"}};
}

void checkAnswer(const Answer& answer) {
  INFO(answer.body);
  CHECK((answer.status / 100 == 2 || answer.status / 100 == 4 || answer.message().find("resourceVersion should not be set") == 0));
  CHECK(answer.json.isObject());
  if (answer.status / 100 != 2) CHECK(answer.json.integerAt({"code"}) == answer.status);
}

void checkStore(Fixture& f) {
  for (const ResourceType* type : allTypes())
    for (const auto& [key, object] : f.store().objects(*type)) {
      INFO(object->text());
      CHECK(object->key() == key);
      CHECK_FALSE(object->name().empty());
      CHECK(object->uid().size() == 36);
      CHECK(object->json().textAt({"metadata", "resourceVersion"}) == std::to_string(object->revision()));
      CHECK(parse(object->text()) == object->json());
      if (type == &types::slabs) CHECK(object->json().integerAt({"spec", "httpPort"}) > 0);
    }
}

}  // namespace

TEST_CASE("Mangled bodies and patches break nothing", "[cluster]") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    INFO("seed " << seed);
    Fixture f({}, seed);
    const auto random = seededRandom(seed);
    for (const Sample& sample : samples())
      for (int i = 0; i < 20; ++i) {
        Json body = parse(sample.body);
        for (std::uint64_t times = 1 + random->below(3); times > 0; --times) body = mangled(body, *random);
        INFO(sample.path << " " << body.dump());
        checkAnswer(f.post(sample.path, body.dump()));
        (void)f.post(sample.path, sample.body);
        const std::string one = sample.path + "/a" + (random->below(2) == 0 ? "" : "/status");
        checkAnswer(f.put(one, body.dump()));
        checkAnswer(f.merge(one, mangled(f.get(sample.path + "/a").json, *random).dump()));
        checkAnswer(f.ask("PATCH", one, mangled(parse(sample.body), *random).dump(), strategicType));
        checkAnswer(f.patch(
            one,
            mangled(
                parse(
                    R"([{"op":"add","path":"/status/x","value":1},{"op":"test","path":"/metadata/name","value":"a"},{"op":"move","from":"/spec","path":"/status"}])"),
                *random)
                .dump()));
        checkAnswer(f.get(sample.path + "?limit=1"));
        checkAnswer(f.ask("GET", sample.path, "", "", "application/json;as=Table;v=v1;g=meta.k8s.io"));
        if (random->below(3) == 0)
          checkAnswer(f.remove(
              sample.path + "/a",
              mangled(parse(R"({"gracePeriodSeconds":1,"preconditions":{"uid":"x"},"propagationPolicy":"Orphan"})"), *random).dump()));
      }
    checkStore(f);
  }
}

TEST_CASE("Mangled targets break nothing", "[cluster]") {
  Fixture f;
  f.slab("a");
  const auto random = seededRandom(7);
  const std::string parts =
      "/api/v1/namespaces/spawner/"
      "pods?watch=true&limit=2&continue=abc&resourceVersion=1&labelSelector=a%3Db,%20c&fieldSelector=metadata.name%3Da&%zz=%&+&&=";
  for (int i = 0; i < 3000; ++i) {
    std::string target = "/";
    for (std::uint64_t n = random->below(6); n > 0; --n) {
      const std::size_t from = random->below(parts.size());
      target += parts.substr(from, random->below(25));
    }
    const Response response = f.raw("GET", target);
    INFO(target);
    CHECK((response.status == 200 || response.status / 100 == 4 || response.status == 504));
  }
  CHECK(f.server().watches() == 0);
}
