#include "target.hpp"

#include <cstdio>
#include <cstdlib>

#include "backend/crd.hpp"
#include "base/crypto.hpp"
#include "cluster/controllers.hpp"
#include "cluster/server.hpp"
#include "k8s/config.hpp"
#include "support/loop_wait.hpp"

namespace spawner::contract {

namespace {

constexpr std::string_view crdPath = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

Json parse(const std::string& text) {
  Result<Json> json = Json::parse(text);
  INFO(text);
  REQUIRE(json.ok());
  return *json;
}

const char* realKubeconfig() {
  const char* path = std::getenv("SPAWNER_CONTRACT_KUBECONFIG");
  return path != nullptr && *path != '\0' ? path : nullptr;
}

}  // namespace

/// The whole embedded cluster but its node agent.
struct Target::Embedded {
  explicit Embedded(Reactor& loop)
      : random(systemRandom()),
        api(cluster::ApiServerOptions{}, *random, {loop.now(), loop.wallNow()}),
        controllers(loop, api),
        server(loop, api) {
    REQUIRE(server.listen(SocketAddress::parse("127.0.0.1:0").value()));
  }
  std::unique_ptr<Random> random;
  cluster::ApiServer api;
  cluster::Controllers controllers;
  cluster::Server server;
};

Target::Target() : loop_(std::make_unique<Reactor>()) {
  static const bool told = [] {
    std::fprintf(stderr, "contract suite: the target is %s\n", realKubeconfig() != nullptr ? realKubeconfig() : "the embedded API server");
    return true;
  }();
  (void)told;
  k8s::ClusterConfig config;
  if (const char* path = realKubeconfig()) {
    Result<k8s::ClusterConfig> loaded = k8s::loadKubeconfig(path, "");
    INFO((loaded ? std::string() : loaded.error().message));
    REQUIRE(loaded.ok());
    config = *loaded;
  } else {
    embedded_ = std::make_unique<Embedded>(*loop_);
    config.server = "http://127.0.0.1:" + std::to_string(embedded_->server.port());
  }
  Result<std::unique_ptr<Transport>> made = k8s::makeTransport(*loop_, config);
  INFO((made ? std::string() : made.error().message));
  REQUIRE(made.ok());
  transport_ = std::move(*made);
  prepare();
}

Target::~Target() {
  if (!embedded_) (void)ask("DELETE", "/api/v1/namespaces/" + ns_);
}

void Target::prepare() {
  if (get(std::string(crdPath) + "/" + std::string(names::crdName)).status == 404)
    REQUIRE(post(std::string(crdPath), backend::crdJson()).status == 201);
  const auto random = systemRandom();
  ns_ = "contract-" + std::to_string(random->below(1'000'000'000));
  REQUIRE(post("/api/v1/namespaces", R"({"apiVersion":"v1","kind":"Namespace","metadata":{"name":")" + ns_ + "\"}}").status == 201);
  waitStatus(slabs(), 200);  // a new CRD is served a moment later
  // Pods need their service account. Where no controller makes it (an API server alone), the suite does.
  if (!becomes(core("serviceaccounts", "default"), 200, std::chrono::seconds(5)))
    made(core("serviceaccounts"), R"({"apiVersion":"v1","kind":"ServiceAccount","metadata":{"name":"default"}})");
}

Answer Target::ask(const std::string& method, const std::string& path, const std::string& body, std::string_view type,
                   std::string_view accept) {
  TransportRequest request;
  request.method = method;
  request.target = path;
  request.body = body;
  request.headers = {{"Accept", std::string(accept)}};
  if (!body.empty()) request.headers.emplace_back("Content-Type", type);
  request.timeout = std::chrono::seconds(20);
  std::optional<Result<TransportResponse>> result;
  const Pending pending =
      transport().call(std::move(request), [&result](Result<TransportResponse> got) { result.emplace(std::move(got)); });
  test::waitFor(
      *loop_, "the answer to " + method + " " + path, [&result] { return result.has_value(); }, std::chrono::seconds(30));
  INFO((result->ok() ? std::string() : result->error().message));
  REQUIRE(result->ok());
  Answer answer;
  answer.raw = std::move(result->value());
  answer.status = answer.raw.status;
  answer.body = answer.raw.body;
  if (answer.raw.header("content-type").starts_with("application/json")) answer.json = parse(answer.body);
  return answer;
}

Answer Target::made(const std::string& path, const std::string& body) {
  Answer answer = post(path, body);
  INFO(answer.body);
  REQUIRE(answer.status == 201);
  return answer;
}

void Target::waitStatus(const std::string& path, int status, Duration limit) {
  if (!becomes(path, status, limit)) FAIL("waited for " << path << " to answer " << status << "; it answers " << get(path).status);
}

bool Target::becomes(const std::string& path, int status, Duration limit) {
  const TimePoint end = loop_->now() + limit;
  while (get(path).status != status) {
    if (loop_->now() >= end) return false;
    bool passed = false;
    const Timer pause = loop_->after(std::chrono::milliseconds(50), [&passed] { passed = true; });
    test::waitFor(*loop_, "a pause", [&passed] { return passed; });
  }
  return true;
}

ErrorKind Target::errorOf(const std::function<Pending(k8s::Client&, k8s::Client::Done)>& call) {
  k8s::Client client(transport());
  std::optional<Result<std::string>> result;
  const Pending pending = call(client, [&result](Result<std::string> got) { result.emplace(std::move(got)); });
  test::waitFor(
      *loop_, "the answer to the client", [&result] { return result.has_value(); }, std::chrono::seconds(30));
  REQUIRE_FALSE(result->ok());
  return result->error().kind;
}

std::string Target::slabs(std::string_view name) const {
  return "/apis/spawner.dev/v1/namespaces/" + ns_ + "/sessionlivedbackends" + (name.empty() ? "" : "/" + std::string(name));
}

std::string Target::core(std::string_view plural, std::string_view name) const {
  return "/api/v1/namespaces/" + ns_ + "/" + std::string(plural) + (name.empty() ? "" : "/" + std::string(name));
}

Watch::Watch(Reactor& loop, Transport& transport, const std::string& path) : loop_(loop) {
  TransportRequest request;
  request.target = path;
  request.timeout = std::chrono::seconds(20);
  pending_ =
      transport.stream(std::move(request), {[this](const TransportResponse& head) { status = head.status; },
                                            [this](std::string_view bytes) { read(bytes); }, [this](Result<void>) { ended_ = true; }});
  test::waitFor(
      loop_, "the head of the watch " + path, [this] { return status != 0 || ended_; }, std::chrono::seconds(30));
}

void Watch::read(std::string_view bytes) {
  if (status != 200) return;
  partial_ += bytes;
  for (std::size_t at = 0; (at = partial_.find('\n')) != std::string::npos; partial_.erase(0, at + 1)) {
    Json event = parse(partial_.substr(0, at));
    const bool timed =
        event.textAt({"type"}) == "BOOKMARK" && event.find({"object", "metadata", "annotations", "k8s.io/initial-events-end"}) == nullptr;
    if (!timed) events_.push_back(std::move(event));
  }
}

const std::vector<Json>& Watch::waitFor(std::size_t count, const std::string& what) {
  test::waitFor(
      loop_, what, [&] { return events_.size() >= count; }, std::chrono::seconds(30));
  return events_;
}

void Watch::waitEnd() {
  test::waitFor(
      loop_, "the end of the watch", [this] { return ended_; }, std::chrono::seconds(30));
}

std::vector<std::string> Watch::words() const {
  std::vector<std::string> out;
  for (const Json& event : events_)
    out.push_back(std::string(event.textAt({"type"})) + " " + std::string(event.textAt({"object", "metadata", "name"})));
  return out;
}

}  // namespace spawner::contract
