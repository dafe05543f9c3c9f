// The API's writes: spawn and delete.
#include <algorithm>
#include <utility>

#include "base/text.hpp"
#include "modes/api/answers.hpp"
#include "modes/api/api_impl.hpp"
#include "modes/api/spawn.hpp"
#include "modes/api/spawn_request.hpp"
#include "modes/role/session_answers.hpp"

namespace spawner::api {

namespace {

constexpr std::size_t maxWarnings = 10;

bool isJson(const http::RequestHead& head) {
  const std::string_view type = head.headers.get("Content-Type");
  return http::equalsIgnoreCase(trim(type.substr(0, type.find(';'))), "application/json");
}

bool isIdempotencyKey(std::string_view key) {
  return !key.empty() && key.size() <= 255 && std::ranges::all_of(key, [](char c) { return c >= ' ' && c < '\x7f'; });
}

/// The refusal of a request's head, before its body is looked at.
std::optional<http::Response> headRefusal(const http::RequestHead& head) {
  // A form or a script of another origin cannot send this type without asking first (Fetch, CORS), and is not answered.
  if (!isJson(head)) return http::problem(415, "UnsupportedMediaType", "the body must be sent with Content-Type: application/json");
  if (head.headers.has("Idempotency-Key") && !isIdempotencyKey(head.headers.get("Idempotency-Key")))
    return http::problem(400, "InvalidArgument", "Idempotency-Key must be 1 to 255 characters of printable ASCII");
  const std::string validation = http::queryParameter(head.query(), "fieldValidation").value_or("Warn");
  if (validation != "Strict" && validation != "Warn" && validation != "Ignore")
    return http::problem(400, "InvalidArgument", "fieldValidation must be Strict, Warn or Ignore");
  return std::nullopt;
}

http::Response spawnProblem(const Error& error, bool mayBeMade) {
  const std::string what = "the session could not be made";
  if (error.kind == ErrorKind::NotFound)
    return http::problem(500, "NotInstalled", what + ": Kubernetes does not know the namespace or the SessionLivedBackend resource");
  if (mayBeMade)
    return kubeProblem(error,
                       "it is not known whether the session was made (a repeat with the same Idempotency-Key never makes a second one)");
  return kubeProblem(error, what);
}

}  // namespace

void ApiImpl::spawn(CallPtr call, const Parameters&) {
  const http::RequestHead& head = call->head();
  if (auto refused = headRefusal(head)) return call->respond(std::move(*refused));
  Result<SpawnRequest> request = parseSpawnRequest(call->body(), options.defaultGraceSeconds);
  if (!request) {
    const bool syntax = request.error().kind == ErrorKind::InvalidArgument;
    return call->respond(http::problem(syntax ? 400 : 422, syntax ? "InvalidArgument" : "Invalid", request.error().message));
  }
  const std::string validation = http::queryParameter(head.query(), "fieldValidation").value_or("Warn");
  if (validation == "Strict" && !request->unknownFields.empty())
    return call->respond(http::problem(400, "UnknownField", "unknown field \"" + request->unknownFields.front() + "\""));
  if (waiting.full()) return call->respond(busy("Busy", "too many requests wait for Kubernetes"));

  SpawnPlan plan;
  plan.parameters = std::move(request->parameters);
  plan.parameters.ns = options.ns;
  plan.prefix = options.servicePrefix;
  plan.bodyHash = request->bodyHash;
  plan.idempotencyKey = head.headers.get("Idempotency-Key");
  plan.timeout = std::chrono::seconds(options.spawnTimeoutSeconds);
  if (validation == "Ignore") request->unknownFields.clear();

  const TimePoint begun = context.loop.now();
  const std::uint64_t id = waiting.add(std::move(call));
  auto done = [this, id, begun, unknown = std::move(request->unknownFields)](Result<Slab> slab, bool mayBeMade) {
    spawnSeconds.observe(std::chrono::duration<double>(context.loop.now() - begun).count());
    (slab ? spawned : spawnFailed).add();
    const std::string name = slab ? sessions.nameOf(slab->meta).value_or(slab->meta.name) : "";
    CallPtr waited = waiting.take(id);
    if (!slab) {
      context.log.warn("spawn failed", {{"error", slab.error()}});
      if (waited) waited->respond(spawnProblem(slab.error(), mayBeMade));
      return;
    }
    if (waited) {
      http::Response answer = http::Response::json(200, spawnJson(options, name));
      for (std::size_t i = 0; i < std::min(unknown.size(), maxWarnings); ++i)
        answer.headers.add("Warning", unknownFieldWarning(unknown[i]));
      answer.headers.set("Cache-Control", "no-store");
      waited->respond(std::move(answer));
    }
    sessions.learn(std::move(*slab));
  };
  waiting.attach(id, spawnSlab(context.loop, client, context.random, std::move(plan), std::move(done)));
}

void ApiImpl::remove(CallPtr call, const Parameters& parameters) {
  const std::string name = parameters.find("name")->second;
  const role::SlabPtr known = sessions.find(name);
  const bool living = known && sessions.informer().find(known->meta.key());
  if (known && !living) {
    const EndInfo end = role::endOf(*known);
    return call->respond(http::problem(410, end.reason, end.message));
  }
  if (!isDns1035Label(sessions.objectName(name))) return call->respond(role::noSuchSession(call->head(), name));
  if (waiting.full()) return call->respond(busy("Busy", "too many requests wait for Kubernetes"));
  k8s::DeleteOptions which;
  if (known) which.uid = known->meta.uid;  // this incarnation, not one made meanwhile under the same name
  const std::uint64_t id = waiting.add(std::move(call));
  waiting.attach(
      id, client.remove(k8s::slabs, options.ns, sessions.objectName(name), which, [this, id, name](const Result<std::string>& answer) {
        if (const CallPtr waited = waiting.take(id)) removed(name, *waited, answer);
      }));
}

void ApiImpl::removed(const std::string& name, http::Call& call, const Result<std::string>& answer) {
  if (!answer && answer.error().kind == ErrorKind::NotFound) return call.respond(role::noSuchSession(call.head(), name));
  if (!answer) return call.respond(kubeProblem(answer.error(), "the session could not be deleted"));
  context.log.info("session deleted on request", {{"name", name}, {"peer", call.peer()}});
  // 202: its pod ends within its termination grace period.
  call.respond(http::Response::json(202, "{\"name\":\"" + jsonEscape(name) + "\",\"deleted\":true}"));
}

}  // namespace spawner::api
