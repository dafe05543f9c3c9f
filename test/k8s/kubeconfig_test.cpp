// Kubeconfig files: contexts, merging, credentials, and clear refusals.
#include <catch2/catch.hpp>

#include "base/text.hpp"
#include "k8s/config.hpp"
#include "support/temp_dir.hpp"

using namespace spawner;
using namespace spawner::k8s;

namespace {

const std::string plain = R"(
apiVersion: v1
kind: Config
current-context: one
clusters:
- name: c1
  cluster: {server: "https://10.0.0.1:6443", certificate-authority: pki/ca.crt, tls-server-name: kube}
- name: c2
  cluster: {server: "http://127.0.0.1:8001", insecure-skip-tls-verify: true}
users:
- name: u1
  user: {client-certificate: /abs/u.crt, client-key: u.key}
- name: u2
  user: {token: "s3cret"}
- name: u3
  user: {tokenFile: tok}
contexts:
- name: one
  context: {cluster: c1, user: u1, namespace: team}
- name: two
  context: {cluster: c2, user: u2}
- name: three
  context: {cluster: c2, user: u3}
- name: nobody
  context: {cluster: c2}
)";

std::string withUser(const std::string& user, const std::string& cluster = R"({server: "https://h"})") {
  return "current-context: x\nclusters: [{name: c, cluster: " + cluster +
         "}]\ncontexts: [{name: x, context: {cluster: c, user: u}}]\nusers: [{name: u, user: " + user + "}]\n";
}

Result<ClusterConfig> from(const std::string& text, std::string_view context = {}) {
  return kubeconfigFrom({{"/home/me/.kube/config", text}}, context);
}

}  // namespace

TEST_CASE("the current context gives server, namespace and credentials; paths are relative to the file") {
  const auto config = from(plain);
  REQUIRE(config.ok());
  CHECK(config->server == "https://10.0.0.1:6443");
  CHECK(config->ns == "team");
  CHECK(config->tls.caFile == "/home/me/.kube/pki/ca.crt");
  CHECK(config->tls.serverName == "kube");
  CHECK(config->tls.clientCertFile == "/abs/u.crt");
  CHECK(config->tls.clientKeyFile == "/home/me/.kube/u.key");
  CHECK(config->token.empty());
  CHECK(config->origin == "kubeconfig /home/me/.kube/config, context one");
}

TEST_CASE("another context can be named; insecure is moot for plain http; a user may be missing") {
  const auto two = from(plain, "two");
  REQUIRE(two.ok());
  CHECK(two->server == "http://127.0.0.1:8001");
  CHECK(two->token == "s3cret");
  CHECK(two->ns.empty());
  const auto three = from(plain, "three");
  REQUIRE(three.ok());
  CHECK(three->tokenFile == "/home/me/.kube/tok");
  const auto nobody = from(plain, "nobody");
  REQUIRE(nobody.ok());
  CHECK(nobody->token.empty());
}

TEST_CASE("data wins over files, and is decoded") {
  const auto config = from(withUser(
      "{client-certificate: x, client-certificate-data: " + base64Encode("CERT") + ", client-key-data: " + base64Encode("KEY") + "}",
      "{server: 'https://h', certificate-authority: ca, certificate-authority-data: " + base64Encode("CA") + "}"));
  REQUIRE(config.ok());
  CHECK(config->tls.caPem == "CA");
  CHECK(config->tls.caFile.empty());
  CHECK(config->tls.clientCertPem == "CERT");
  CHECK(config->tls.clientCertFile.empty());
  CHECK(config->tls.clientKeyPem == "KEY");
}

TEST_CASE("several files: the first to name a thing wins, and paths belong to their own file") {
  const KubeconfigFile first{
      "/a/config",
      "contexts: [{name: one, context: {cluster: c1, user: mine, namespace: first}}]\nusers: [{name: mine, user: {tokenFile: t}}]\n"};
  const KubeconfigFile second{"/b/config", plain};
  const KubeconfigFile empty{"/c/config", ""};
  const auto config = kubeconfigFrom({empty, first, second}, "");
  REQUIRE(config.ok());
  CHECK(config->ns == "first");
  CHECK(config->server == "https://10.0.0.1:6443");
  CHECK(config->tls.caFile == "/b/pki/ca.crt");
  CHECK(config->tokenFile == "/a/t");
}

TEST_CASE("a plugin: command, arguments, environment") {
  const std::string exec =
      R"({exec: {apiVersion: client.authentication.k8s.io/v1, command: ./bin/login, args: [--role, 7], interactiveMode: IfAvailable,
    env: [{name: A, value: b}], provideClusterInfo: true, installHint: "get it"}})";
  const auto config = from(withUser(exec));
  REQUIRE(config.ok());
  REQUIRE(config->exec);
  CHECK(config->exec->argv == std::vector<std::string>{"/home/me/.kube/./bin/login", "--role", "7"});
  CHECK(config->exec->env == std::vector<std::pair<std::string, std::string>>{{"A", "b"}});
  CHECK(config->exec->provideClusterInfo);
  CHECK(config->exec->installHint == "get it");
  const auto bare = from(withUser("{exec: {apiVersion: client.authentication.k8s.io/v1beta1, command: aws}}"));
  REQUIRE(bare.ok());
  CHECK(bare->exec->argv.front() == "aws");  // looked up in PATH
}

TEST_CASE("refusals name the file and what is wrong, and no secret") {
  struct Case {
    std::string text;
    std::string context;
    ErrorKind kind;
    std::string says;
  };
  const std::string v1 = "client.authentication.k8s.io/v1";
  for (const Case& c : std::vector<Case>{
           {"a: [", "", ErrorKind::InvalidArgument, "config"},
           {"- 1", "", ErrorKind::InvalidArgument, "mapping"},
           {"", "", ErrorKind::InvalidArgument, "no current-context"},
           {plain, "nine", ErrorKind::InvalidArgument, "no context nine"},
           {"current-context: x\ncontexts: [{name: x, context: {cluster: gone}}]", "", ErrorKind::InvalidArgument, "no cluster gone"},
           {"current-context: x\ncontexts: [{name: x, context: {cluster: c, user: gone}}]\nclusters: [{name: c, cluster: {server: "
            "'https://h'}}]",
            "", ErrorKind::InvalidArgument, "no user gone"},
           {"current-context: x\ncontexts: [{name: x}]", "", ErrorKind::InvalidArgument, "no content"},
           {withUser("{}", "{}"), "", ErrorKind::InvalidArgument, "has no server"},
           {withUser("{token: s3cret}", "{server: 'https://h', insecure-skip-tls-verify: true}"), "", ErrorKind::InvalidArgument,
            "insecure-skip-tls-verify"},
           {withUser("{}", "{server: 'https://h', proxy-url: 'http://p'}"), "", ErrorKind::Unsupported, "proxy-url"},
           {withUser("{username: a, password: s3cret}"), "", ErrorKind::Unsupported, "username"},
           {withUser("{auth-provider: {name: gcp}}"), "", ErrorKind::Unsupported, "auth-provider"},
           {withUser("{token: s3cret, as: root}"), "", ErrorKind::Unsupported, "as is not supported"},
           {withUser("{client-certificate: a}"), "", ErrorKind::InvalidArgument, "come together"},
           {withUser("{client-key-data: '%%%s3cret'}"), "", ErrorKind::InvalidArgument, "client-key-data is not base64"},
           {withUser("{exec: {apiVersion: " + v1 + "}}"), "", ErrorKind::InvalidArgument, "no command"},
           {withUser("{exec: {command: x, apiVersion: " + v1 + "alpha1}}"), "", ErrorKind::Unsupported, "v1alpha1 is not supported"},
           {withUser("{exec: {command: x, interactiveMode: Always, apiVersion: " + v1 + "}}"), "", ErrorKind::Unsupported, "terminal"},
       }) {
    const auto config = from(c.text, c.context);
    INFO(c.text);
    REQUIRE_FALSE(config.ok());
    CHECK(config.error().kind == c.kind);
    CHECK(config.error().message.find(c.says) != std::string::npos);
    CHECK(config.error().message.find("s3cret") == std::string::npos);
    CHECK(config.error().message.find('\n') == std::string::npos);
  }
}

TEST_CASE("files are found: missing ones of several are passed over, a single one is an error", "[integration]") {
  const test::TempDir dir;
  const std::string a = dir.write("a", plain);
  const auto one = loadKubeconfig(a, "two");
  REQUIRE(one.ok());
  CHECK(one->token == "s3cret");
  CHECK(loadKubeconfig(dir / "none", "").error().kind == ErrorKind::NotFound);
  CHECK(loadKubeconfig((dir / "none") + ":" + (dir / "nor"), "").error().kind == ErrorKind::NotFound);
  CHECK(loadKubeconfig((dir / "none") + ":" + a, "two").ok());
  CHECK(loadKubeconfig(dir.path().string(), "").error().message.find(dir.path().string()) != std::string::npos);
}

TEST_CASE("the order of places: flag, $KUBECONFIG, the pod, the home folder", "[integration]") {
  const test::TempDir dir;
  const std::string a = dir.write("a", plain);
  const std::string b = dir.write("b", withUser("{token: other}"));
  std::filesystem::create_directory(dir.path() / ".kube");
  dir.write(".kube/config", withUser("{token: home}"));
  std::map<std::string, std::string> env{{"HOME", dir.path().string()}};
  CHECK(findConfig("", "", env)->token == "home");
  env["KUBECONFIG"] = b;
  CHECK(findConfig("", "", env)->token == "other");
  CHECK(findConfig(a, "two", env)->token == "s3cret");
  env.erase("KUBECONFIG");
  env["KUBERNETES_SERVICE_HOST"] = "10.0.0.1";
  env["KUBERNETES_SERVICE_PORT"] = "443";
  if (!std::filesystem::exists("/var/run/secrets/kubernetes.io/serviceaccount/token")) {
    const auto pod = findConfig("", "", env);
    REQUIRE_FALSE(pod.ok());  // in a pod, but without its account: said, not passed over
    CHECK(pod.error().message.find("/var/run/secrets") != std::string::npos);
  }
  CHECK(findConfig("", "", {}).error().message.find("--kubeconfig") != std::string::npos);
}

TEST_CASE("in a cluster: server, token file, authority and namespace of the service account", "[integration]") {
  const test::TempDir dir;
  dir.write("token", "t");
  dir.write("ca.crt", "c");
  dir.write("namespace", "mine");
  const auto v4 = inClusterConfig({{"KUBERNETES_SERVICE_HOST", "10.0.0.1"}, {"KUBERNETES_SERVICE_PORT", "443"}}, dir.path().string());
  REQUIRE(v4.ok());
  CHECK(v4->server == "https://10.0.0.1:443");
  CHECK(v4->tokenFile == dir / "token");
  CHECK(v4->tls.caFile == dir / "ca.crt");
  CHECK(v4->ns == "mine");
  const auto v6 = inClusterConfig({{"KUBERNETES_SERVICE_HOST", "fd00::1"}, {"KUBERNETES_SERVICE_PORT", "443"}}, dir.path().string());
  REQUIRE(v6.ok());
  CHECK(v6->server == "https://[fd00::1]:443");
  CHECK(inClusterConfig({}, dir.path().string()).error().kind == ErrorKind::NotFound);
}

TEST_CASE("user information of a server's URL is a credential, and no part of the server") {
  const auto server = [](const std::string& url) {
    const auto config = from(withUser(R"({token: t})", R"({server: ")" + url + R"("})"));
    REQUIRE(config.ok());
    CHECK(config->token == "t");
    return config->server;
  };
  CHECK(server("http://spawner:s3cret@127.0.0.1:8001") == "http://127.0.0.1:8001");
  CHECK(server("http://spawner:s3@ret@127.0.0.1:8001/base") == "http://127.0.0.1:8001/base");
  CHECK(server("https://h/a@b") == "https://h/a@b");
  CHECK(server("https://h:1") == "https://h:1");
  // It would be dropped in silence where nothing stands in its place.
  const auto alone = from(withUser("{}", R"({server: "http://spawner:s3cret@h"})"));
  REQUIRE_FALSE(alone.ok());
  CHECK(alone.error().message.find("user information") != std::string::npos);
  CHECK(alone.error().message.find("s3cret") == std::string::npos);
}
