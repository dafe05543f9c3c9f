#include <catch2/catch.hpp>

#include "backend/builders.hpp"
#include "backend/decode.hpp"
#include "samples.hpp"

using namespace spawner;
using namespace spawner::test;
using namespace spawner::backend;
using nlohmann::json;

namespace {

PodOptions options() {
  PodOptions o;
  o.sidecarImage = "registry/spawner:1";
  o.adminKeys = {"a1b2c3d4:cHVibGlj"};
  o.prefix = "spawner-";
  return o;
}

json pod(const Slab& slab, const PodOptions& o) {
  const auto text = podJson(slab, o);
  REQUIRE(text.ok());
  return json::parse(*text);
}

json envOf(const json& container, const std::string& name) {
  json found;
  int count = 0;
  for (const json& item : container["env"])
    if (item["name"] == name) {
      found = item;
      ++count;
    }
  CHECK(count <= 1);
  return found;
}

bool hasArg(const json& container, const std::string& arg) {
  const json& args = container["args"];
  return std::find(args.begin(), args.end(), arg) != args.end();
}

}  // namespace

TEST_CASE("the pod is the original's, and safe by default") {
  Slab slab = sampleSlab();
  slab.meta.labels = {{"team", "x"}, {"run", "mine"}, {std::string(names::managedByLabel), "helm"}};
  slab.spec.maxLifetimeSeconds = 3600;
  const json p = pod(slab, options());
  CHECK(p["kind"] == "Pod");
  CHECK(p["metadata"]["name"] == "spawner-abc");
  CHECK(p["metadata"]["namespace"] == "spawner");
  CHECK(p["metadata"]["labels"] == json{{"team", "x"}, {"run", "spawner-abc"}, {"app.kubernetes.io/managed-by", "spawner"}});
  const json owner = p["metadata"]["ownerReferences"];
  REQUIRE(owner.size() == 1);
  CHECK(owner[0] == json{{"apiVersion", "spawner.dev/v1"},
                         {"kind", "SessionLivedBackend"},
                         {"name", "spawner-abc"},
                         {"uid", "slab-uid"},
                         {"controller", true}});
  const json& a = p["metadata"]["annotations"];
  CHECK(a["spawner.dev/slab-uid"] == "slab-uid");
  CHECK(a["spawner.dev/grace-period-seconds"] == "300");
  CHECK(a["spawner.dev/startup-timeout-seconds"] == "300");
  CHECK(a["spawner.dev/max-lifetime-seconds"] == "3600");
  CHECK(a["spawner.dev/admin-port"] == "9091");
  CHECK(a["spawner.dev/cluster-ip"] == "true");
  CHECK(p["spec"]["restartPolicy"] == "Never");
  CHECK(p["spec"]["automountServiceAccountToken"] == false);
  CHECK(p["spec"]["enableServiceLinks"] == false);
  CHECK_FALSE(p["spec"].contains("volumes"));
}

TEST_CASE("the application is told its port and name, and keeps what is its own") {
  Slab slab = sampleSlab();
  slab.spec.httpPort = 3000;
  slab.spec.templateJson =
      R"j({"containers":[{"name":"web","image":"i","env":[{"name":"A","value":"$(PORT)"},{"name":"PORT","value":"1"}],)j"
      R"j("resources":{"limits":{"cpu":"2"}},"odd":{"k":[1]}},{"name":"second","image":"j"}],)j"
      R"j("terminationGracePeriodSeconds":5,"odd":true})j";
  PodOptions o = options();
  o.urlTemplate = "https://{}.example.org/{}";
  const json p = pod(slab, o);
  const json& app = p["spec"]["containers"][0];
  CHECK(envOf(app, "PORT")["value"] == "3000");
  CHECK(envOf(app, "SPAWNER_NAME")["value"] == "abc");
  CHECK(envOf(app, "SPAWNER_LOCAL_URL")["value"] == "http://127.0.0.1:9092");
  CHECK(envOf(app, "SPAWNER_URL")["value"] == "https://abc.example.org/abc");
  CHECK(app["env"][0]["name"] == "PORT");  // before what refers to it
  CHECK(envOf(app, "A")["value"] == "$(PORT)");
  CHECK(app["resources"] == json{{"limits", {{"cpu", "2"}}}});
  CHECK(app["odd"] == json{{"k", {1}}});
  CHECK(p["spec"]["odd"] == true);
  CHECK(p["spec"]["terminationGracePeriodSeconds"] == 5);
  CHECK(app["lifecycle"]["preStop"]["httpGet"] == json{{"path", "/_hold"}, {"port", 9091}, {"scheme", "HTTP"}});
  CHECK_FALSE(p["spec"]["containers"][1].contains("env"));
  CHECK_FALSE(p["spec"]["containers"][1].contains("lifecycle"));
  CHECK(app["terminationMessagePolicy"] == "FallbackToLogsOnError");
  CHECK_FALSE(p["spec"]["containers"][1].contains("terminationMessagePolicy"));
}

TEST_CASE("a preStop hook and tokens that the template asks for stay") {
  Slab slab = sampleSlab();
  slab.spec.templateJson =
      R"({"containers":[{"name":"web","image":"i","terminationMessagePolicy":"File","lifecycle":{"preStop":{"exec":{"command":["x"]}},)"
      R"("postStart":{"exec":{"command":["y"]}}}}],)"
      R"("automountServiceAccountToken":true,"enableServiceLinks":true})";
  const json p = pod(slab, options());
  CHECK(p["spec"]["containers"][0]["lifecycle"]["preStop"] == json{{"exec", {{"command", {"x"}}}}});
  CHECK(p["spec"]["containers"][0]["lifecycle"].contains("postStart"));
  CHECK(p["spec"]["containers"][0]["terminationMessagePolicy"] == "File");
  CHECK(p["spec"]["automountServiceAccountToken"] == true);
  CHECK(p["spec"]["enableServiceLinks"] == true);
}

TEST_CASE("the sidecar, native and as a container") {
  Slab slab = sampleSlab();
  slab.spec.templateJson = R"({"containers":[{"name":"web","image":"i"}],"initContainers":[{"name":"prepare","image":"k"}]})";
  PodOptions o = options();
  o.sidecarEnv = {{"LOG_LEVEL", "debug"}};
  o.sidecarPullPolicy = "Never";
  const json native = pod(slab, o);
  REQUIRE(native["spec"]["initContainers"].size() == 2);
  const json& sidecar = native["spec"]["initContainers"][0];
  CHECK(sidecar["name"] == "spawner-sidecar");
  CHECK(sidecar["restartPolicy"] == "Always");
  CHECK(sidecar["image"] == "registry/spawner:1");
  CHECK(sidecar["imagePullPolicy"] == "Never");
  CHECK(sidecar["command"] == json{"spawner", "sidecar"});
  for (const char* arg :
       {"--serve-port=9090", "--upstream-port=8080", "--admin-port=9091", "--local-port=9092", "--admin-key=a1b2c3d4:cHVibGlj"})
    CHECK(hasArg(sidecar, arg));
  CHECK_FALSE(hasArg(sidecar, "--upstream-protocol=h2c"));
  Slab speaks = slab;
  speaks.meta.annotations["spawner.dev/upstream-protocol"] = "h2c";
  CHECK(hasArg(pod(speaks, o)["spec"]["initContainers"][0], "--upstream-protocol=h2c"));
  CHECK(envOf(sidecar, "LOG_LEVEL")["value"] == "debug");
  CHECK(envOf(sidecar, "SPAWNER_POD_UID")["valueFrom"]["fieldRef"]["fieldPath"] == "metadata.uid");
  const json& security = sidecar["securityContext"];
  CHECK(security["runAsNonRoot"] == true);
  CHECK(security["runAsUser"] != 0);
  CHECK(security["readOnlyRootFilesystem"] == true);
  CHECK(security["allowPrivilegeEscalation"] == false);
  CHECK(security["capabilities"] == json{{"drop", {"ALL"}}});
  CHECK(sidecar["resources"].contains("requests"));
  CHECK_FALSE(sidecar["resources"].contains("limits"));
  CHECK_FALSE(sidecar.contains("volumeMounts"));

  o.sidecarMode = SidecarMode::Container;
  const json container = pod(slab, o);
  REQUIRE(container["spec"]["containers"].size() == 2);
  CHECK(container["spec"]["containers"][0]["name"] == "web");
  CHECK(container["spec"]["containers"][1]["name"] == "spawner-sidecar");
  CHECK_FALSE(container["spec"]["containers"][1].contains("restartPolicy"));
  CHECK(container["spec"]["initContainers"].size() == 1);
}

TEST_CASE("no secret and no credential is in a pod") {
  PodOptions o = options();
  const std::string text = podJson(sampleSlab(), o).value();
  CHECK(text.find("serviceAccount") == std::string::npos);
  CHECK(text.find("secret") == std::string::npos);
  CHECK(text.find("hostPath") == std::string::npos);
}

TEST_CASE("admin and local ports move out of the application's way") {
  SlabSpec spec = sampleSlab().spec;
  const auto ports = [&] {
    const SidecarPorts p = sidecarPorts(spec);
    return std::vector<int>{p.serve, p.admin, p.local};
  };
  CHECK(ports() == std::vector<int>{9090, 9091, 9092});
  spec.httpPort = 9091;
  CHECK(ports() == std::vector<int>{9090, 9092, 9093});
  spec.httpPort = 9092;
  CHECK(ports() == std::vector<int>{9090, 9091, 9093});
  spec.httpPort = 8080;
  spec.templateJson = R"({"containers":[{"name":"a","image":"b","ports":[{"containerPort":9091},{"containerPort":9093}]}]})";
  CHECK(ports() == std::vector<int>{9090, 9092, 9094});
  Slab slab = sampleSlab();
  slab.spec.httpPort = 9091;
  const json p = pod(slab, options());
  CHECK(p["metadata"]["annotations"]["spawner.dev/admin-port"] == "9092");
  CHECK(p["spec"]["containers"][0]["lifecycle"]["preStop"]["httpGet"]["port"] == 9092);
  CHECK(hasArg(p["spec"]["initContainers"][0], "--admin-port=9092"));
}

TEST_CASE("pull secrets are appended, once, to null, nothing or a list") {
  const auto [secrets, wanted] = GENERATE(table<std::string, std::string>({
      {"", R"([{"name":"ours"}])"},
      {R"(,"imagePullSecrets":null)", R"([{"name":"ours"}])"},
      {R"(,"imagePullSecrets":[{"name":"theirs"}])", R"([{"name":"theirs"},{"name":"ours"}])"},
      {R"(,"imagePullSecrets":[{"name":"ours"}])", R"([{"name":"ours"}])"},
  }));
  Slab slab = sampleSlab();
  slab.spec.templateJson = R"({"containers":[{"name":"a","image":"b"}],"volumes":null)" + secrets + "}";
  PodOptions o = options();
  o.imagePullSecret = "ours";
  const json p = pod(slab, o);
  CHECK(p["spec"]["imagePullSecrets"] == json::parse(wanted));
  CHECK_FALSE(p["spec"].contains("volumes"));
}

TEST_CASE("a template that is no pod is an error, not a crash") {
  Slab slab = sampleSlab();
  for (const char* text : {"", "[]", "{}", R"({"containers":[]})", R"({"containers":[1]})", R"({"containers":{"a":1}})", "{bad"}) {
    slab.spec.templateJson = text;
    CAPTURE(text);
    CHECK_FALSE(podJson(slab, options()).ok());
    CHECK_FALSE(templateHash(slab.spec).empty());
  }
}

TEST_CASE("the service is the original's") {
  const json s = json::parse(serviceJson(sampleSlab(), ServiceMode::ClusterIp));
  CHECK(s["metadata"]["name"] == "spawner-abc");
  CHECK(s["metadata"]["ownerReferences"][0]["uid"] == "slab-uid");
  CHECK(s["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "spawner");
  CHECK(s["spec"]["selector"] == json{{"run", "spawner-abc"}});
  CHECK(s["spec"]["ports"] == json::parse(R"([{"name":"spawner-app","port":9090,"targetPort":9090,"protocol":"TCP"}])"));
  CHECK(s["spec"]["publishNotReadyAddresses"] == true);
  CHECK_FALSE(s["spec"].contains("clusterIP"));
  CHECK(json::parse(serviceJson(sampleSlab(), ServiceMode::Headless))["spec"]["clusterIP"] == "None");
}

TEST_CASE("the pod asks for the check of its Service only where that has a cluster IP") {
  PodOptions o = options();
  o.serviceMode = GENERATE(ServiceMode::Headless, ServiceMode::None);
  CHECK_FALSE(pod(sampleSlab(), o)["metadata"]["annotations"].contains("spawner.dev/cluster-ip"));
}

TEST_CASE("URLs") {
  CHECK(inClusterUrl(sampleSlab().meta) == "http://spawner-abc.spawner:9090/");
  CHECK(outsideUrl(sampleSlab().meta, "", "spawner-").empty());
  CHECK(outsideUrl(sampleSlab().meta, "https://x/p/{}/", "other-").empty());
  CHECK(outsideUrl(sampleSlab().meta, "https://x/p/{}/", "") == "https://x/p/spawner-abc/");
}

TEST_CASE("edits after creation are found by the pod's own annotation, whatever the order of keys") {
  Slab slab = sampleSlab();
  slab.spec.templateJson = R"({"containers":[{"name":"a","image":"b"}],"x":1})";
  const auto made = decodePod(podJson(slab, options()).value());
  REQUIRE(made.ok());
  CHECK(ignoredFields(slab, *made).empty());
  CHECK(annotationPatch(slab, *made).empty());
  slab.spec.templateJson = R"({"x":1, "containers":[{"image":"b","name":"a"}]})";
  CHECK(ignoredFields(slab, *made).empty());
  slab.spec.httpPort = 81;
  CHECK(ignoredFields(slab, *made) == "httpPort");
  slab.spec.templateJson = R"({"containers":[{"name":"a","image":"c"}],"x":1})";
  CHECK(ignoredFields(slab, *made) == "template, httpPort");
  PodView stranger = *made;
  stranger.meta.annotations.clear();
  CHECK(ignoredFields(slab, stranger).empty());
}

TEST_CASE("the sweeper's annotations follow the spec") {
  Slab slab = sampleSlab();
  slab.spec.maxLifetimeSeconds = 60;
  const auto made = decodePod(podJson(slab, options()).value());
  REQUIRE(made.ok());
  slab.spec.gracePeriodSeconds = 900;
  slab.spec.maxLifetimeSeconds.reset();
  const json patch = json::parse(annotationPatch(slab, *made));
  CHECK(patch["metadata"]["annotations"] ==
        json{{"spawner.dev/grace-period-seconds", "900"}, {"spawner.dev/max-lifetime-seconds", nullptr}});
}
