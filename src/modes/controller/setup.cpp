#include "modes/controller/setup.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/crypto.hpp"
#include "base/text.hpp"
#include "session/signature.hpp"

namespace spawner::controller {
namespace {

std::string secretJson(const std::string& ns, const Ed25519Key& key) {
  return nlohmann::json{
      {"apiVersion", "v1"},
      {"kind", "Secret"},
      {"metadata",
       {{"name", names::adminKeySecret}, {"namespace", ns}, {"labels", {{std::string(names::managedByLabel), names::managedByValue}}}}},
      {"type", "Opaque"},
      {"data", {{std::string(session::adminKeyField), base64Encode(session::encodePrivateKey(key))}}}}
      .dump();
}

/// The --admin-key values of the keys in a Secret. No error tells any of its contents.
Result<std::vector<std::string>> publicKeys(const std::string& secret) {
  const auto json = nlohmann::json::parse(secret, nullptr, /*allow_exceptions=*/false);
  const std::string what = "the Secret " + std::string(names::adminKeySecret);
  const auto bad = [&](const char* why) { return Error{ErrorKind::Protocol, what + " " + why + ": delete it to have a new one made", {}}; };
  const nlohmann::json::json_pointer path("/data/" + std::string(session::adminKeyField));
  if (!json.is_object() || !json.contains(path) || !json[path].is_string()) return bad("has no admin key");
  const auto text = base64Decode(json[path].get_ref<const std::string&>());
  if (!text) return bad("is not base64");
  const auto keys = session::decodePrivateKeys(*text);
  if (!keys || keys->empty()) return bad("does not hold admin keys");
  std::vector<std::string> result;
  for (const Ed25519Key& key : *keys) result.push_back(session::adminKeyArgument(key.publicKey()));
  return result;
}

}  // namespace

Setup::Setup(role::Context& context, k8s::Client& client, const Settings& settings, UniqueFunction<void(Found)> done)
    : context_(context), client_(client), settings_(settings), done_(std::move(done)) {}

void Setup::askVersion() {
  found_.sidecarMode = settings_.pod.sidecarMode;
  if (!settings_.askServerVersion) return makeKey();
  call_ = client_.raw("/version", [this](Result<std::string> answer) {
    if (!answer) return retry(answer.error(), "the API server's version", &Setup::askVersion);
    const auto mode = sidecarModeFor(*answer);
    if (!mode) return retry(mode.error(), "the API server's version", &Setup::askVersion);
    found_.sidecarMode = *mode;
    context_.log.info("sidecar mode chosen", {{"mode", *mode == backend::SidecarMode::Native ? "native" : "container"}});
    next(&Setup::makeKey);
  });
}

void Setup::makeKey() {
  const Ed25519Key key = Ed25519Key::generate(context_.random);
  call_ = client_.create(
      k8s::secrets, settings_.systemNamespace, secretJson(settings_.systemNamespace, key), [this](Result<std::string> answer) {
        if (answer) {
          context_.log.info("admin key made", {{"namespace", settings_.systemNamespace}, {"secret", names::adminKeySecret}});
          return gotKey(*answer);
        }
        if (answer.error().kind == ErrorKind::AlreadyExists) return next(&Setup::readKey);
        // NotFound: the namespace is missing. It comes with the manifests; making namespaces is more than this role may do.
        retry(answer.error(), "the Secret spawner-admin-key in --system-namespace", &Setup::makeKey);
      });
}

void Setup::readKey() {
  call_ = client_.get(k8s::secrets, settings_.systemNamespace, names::adminKeySecret, [this](Result<std::string> answer) {
    if (answer) return gotKey(*answer);
    const bool gone = answer.error().kind == ErrorKind::NotFound;
    retry(answer.error(), "the Secret spawner-admin-key in --system-namespace", gone ? &Setup::makeKey : &Setup::readKey);
  });
}

void Setup::gotKey(const std::string& secret) {
  auto keys = publicKeys(secret);
  if (!keys) return retry(keys.error(), "a valid admin key", &Setup::makeKey);
  found_.adminKeys = std::move(*keys);
  done_(std::move(found_));
}

/// A step replaces call_, so it must not run inside call_'s own call-back.
void Setup::next(void (Setup::*step)(), Duration delay) {
  timer_ = context_.loop.after(delay, [this, step] { (this->*step)(); });
}

void Setup::retry(const Error& error, std::string_view what, void (Setup::*step)()) {
  const Duration delay = backoff_.next(context_.random, error.retryAfter);
  context_.log.warn("start waits", {{"for", what}, {"error", error}, {"retry_ms", delay / std::chrono::milliseconds(1)}});
  next(step, delay);
}

}  // namespace spawner::controller
