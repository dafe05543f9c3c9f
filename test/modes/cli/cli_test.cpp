#include <CLI/CLI.hpp>
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "base/yaml.hpp"
#include "loop/sim_loop.hpp"
#include "modes/cli/command.hpp"
#include "modes/cli/slab_command.hpp"
#include "support/scripted_transport.hpp"

using namespace spawner;
using namespace spawner::cli;
using nlohmann::json;

namespace {

json fromYaml(const std::string& yaml) {
  const auto documents = yamlToJson(yaml);
  REQUIRE(documents.ok());
  REQUIRE(documents->size() == 1);
  return json::parse(documents->front());
}

/// Parses a command line as main() does; null: it was refused.
std::function<int()> parse(const std::string& line) {
  CLI::App app("spawner");
  std::function<int()> run;
  addCommand(app, run);
  app.require_subcommand(1);
  try {
    app.parse(line);
  } catch (const CLI::ParseError&) { return nullptr; }
  return run;
}

}  // namespace

TEST_CASE("print-slab writes the original's object as YAML") {
  SlabFlags flags;
  flags.image = "demo:1";
  CHECK(fromYaml(printSlab(flags).value()) == json::parse(R"({"apiVersion":"spawner.dev/v1","kind":"SessionLivedBackend",
      "metadata":{"generateName":"spawner-","namespace":"spawner"},
      "spec":{"template":{"containers":[{"name":"app","image":"demo:1"}]}}})"));
  flags.name = "spawner-x";
  flags.ns = "other";
  flags.imagePullPolicy = "Never";
  flags.imagePullSecret = "secret";
  flags.gracePeriodSeconds = 0;
  flags.port = std::uint16_t{81};
  const json full = fromYaml(printSlab(flags).value());
  CHECK(full["metadata"] == json{{"name", "spawner-x"}, {"namespace", "other"}});
  CHECK(full["spec"]["gracePeriodSeconds"] == 0);
  CHECK(full["spec"]["httpPort"] == 81);
  CHECK(full["spec"]["template"]["imagePullSecrets"] == json::parse(R"([{"name":"secret"}])"));
  CHECK(full["spec"]["template"]["containers"][0]["imagePullPolicy"] == "Never");
}

TEST_CASE("flags that make no object are refused by their name") {
  SlabFlags flags;
  CHECK_THAT(printSlab(flags).error().message, Catch::StartsWith("--image"));
  flags.image = "i";
  flags.prefix.clear();
  CHECK_THAT(printSlab(flags).error().message, Catch::StartsWith("--prefix"));
  flags.name = "A.B";
  CHECK_THAT(printSlab(flags).error().message, Catch::StartsWith("--name"));
}

TEST_CASE("the original's command lines are taken") {
  CHECK(parse("print-crd"));
  CHECK(parse("print-options"));
  CHECK(parse(
      "print-slab --image i --image-pull-policy Never --image-pull-secret s --prefix p- --namespace n --grace-period-seconds 5 --port 80"));
  CHECK(parse("create-slab --image i --name x --kubeconfig k --context c"));
  CHECK_FALSE(parse("print-slab"));
  CHECK_FALSE(parse("print-slab --image i --image-pull-policy never"));
  CHECK_FALSE(parse("print-slab --image i --port 70000"));
  CHECK_FALSE(parse("print-slab --image i --name a --prefix b"));
  CHECK_FALSE(parse("print-slab --image i --grace-period-seconds -1"));
}

TEST_CASE("create-slab posts the object and prints what the server made of it") {
  SimLoop loop(1);
  test::ScriptedTransport kube(loop);
  k8s::Client client(kube);
  SlabFlags flags;
  flags.image = "demo:1";
  std::optional<Result<std::string>> result;
  Pending pending = createSlab(client, flags, [&](Result<std::string> answer) { result = std::move(answer); });
  const auto ask = kube.next();
  CHECK(ask->request.method == "POST");
  CHECK(ask->request.target == "/apis/spawner.dev/v1/namespaces/spawner/sessionlivedbackends");
  CHECK(json::parse(ask->request.body)["metadata"]["generateName"] == "spawner-");
  SECTION("made") {
    ask->respond(201, R"({"metadata":{"name":"spawner-abc","uid":"u"}})");
    REQUIRE(loop.runUntil([&] { return result.has_value(); }, std::chrono::seconds(1)));
    CHECK(fromYaml(result->value())["metadata"]["name"] == "spawner-abc");
  }
  SECTION("refused") {
    ask->respond(403, R"({"kind":"Status","message":"you may not"})");
    REQUIRE(loop.runUntil([&] { return result.has_value(); }, std::chrono::seconds(1)));
    CHECK(result->error().kind == ErrorKind::Forbidden);
    CHECK_THAT(result->error().message, Catch::Contains("you may not"));
  }
}

TEST_CASE("create-slab without a cluster says where it looked", "[integration]") {
  SlabFlags flags;
  flags.image = "i";
  ClusterFlags cluster;
  cluster.kubeconfig = "/nowhere/kubeconfig";
  const auto result = createSlabNow(flags, cluster);
  REQUIRE_FALSE(result.ok());
  CHECK_THAT(result.error().message, Catch::Contains("/nowhere/kubeconfig"));
}

TEST_CASE("print-options names every option with its variable and default") {
  CLI::App app("spawner");
  std::string text = "a|b";
  CLI::App* command = app.add_subcommand("serve", "Serves things");
  command->add_option("--text,-t", text, "Text, x|y")->envname("SPAWNER_TEXT")->capture_default_str();
  command->add_option("--must", text, "Needed")->required();
  std::function<int()> run;
  addCommand(app, run);
  const std::string page = optionsMarkdown(app);
  CHECK_THAT(page, Catch::Contains("## spawner serve"));
  CHECK_THAT(page, Catch::Contains("`SPAWNER_TEXT` | `a\\|b` | Text, x\\|y |"));
  CHECK_THAT(page, Catch::Contains("--text"));
  CHECK_THAT(page, Catch::Contains("Needed (required)"));
  CHECK_THAT(page, Catch::Contains("## spawner create-slab"));
  CHECK_THAT(page, !Catch::Contains("--help"));
}
