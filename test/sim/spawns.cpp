#include "sim/spawns.hpp"

#include <nlohmann/json.hpp>

#include "spawner/state.hpp"

namespace spawner::sim {

using namespace std::chrono_literals;
using nlohmann::json;

namespace {

http::RequestHead head(std::string method, std::string target) {
  http::RequestHead result;
  result.method = std::move(method);
  result.target = std::move(target);
  result.headers.add("host", "api");
  return result;
}

/// The states that a stream's events name, in order.
std::vector<State> statesOf(const std::string& stream) {
  std::vector<State> states;
  for (std::size_t at = stream.find("data:"); at != std::string::npos; at = stream.find("data:", at + 1)) {
    const json event = json::parse(stream.substr(at + 5, stream.find('\n', at) - at - 5));
    const auto state = parseState(event.at("state").get<std::string>());
    if (!state) throw Broken("the status stream names an unknown state: " + event.dump());
    states.push_back(*state);
  }
  return states;
}

}  // namespace

/// Half of what is asked for is ordinary; the rest is what people get wrong or ask for rarely.
std::string Spawns::specFields(bool forApi) {
  const int graces[] = {0, 3, 5, 10, 20, 40};
  json spec = {{"gracePeriodSeconds", graces[random_.below(6)]}, {"startupTimeoutSeconds", 20}};
  // Grace 0 ends after the last use, never before the first: without visitors its lifetime is its only way out.
  if (random_.below(7) == 0 || spec["gracePeriodSeconds"] == 0) spec["maxLifetimeSeconds"] = 20 + random_.below(100);
  const std::uint64_t kind = random_.below(100);
  const std::string image = kind == 0 ? "nowhere" : kind == 1 ? "broken" : "application";
  if (forApi) {
    spec["image"] = image;
    return spec.dump();
  }
  spec["ttlSecondsAfterFinished"] = random_.below(10);
  spec["template"] = {{"containers", json::array({{{"name", random_.below(2) == 0 ? "app" : "main"}, {"image", image}}})}};
  return spec.dump();
}

void Spawns::spawn() {
  if (random_.below(2) == 0) return create();
  asked_.emplace_back();
  asked_.back().body = specFields(true);
  asked_.back().key = "key-" + std::to_string(random_.next());
  ask(asked_.back());
}

void Spawns::create() {
  const std::string object =
      R"({"apiVersion":"spawner.dev/v1","kind":"SessionLivedBackend","metadata":{"generateName":"spawner-"},"spec":)" + specFields(false) +
      "}";
  const auto answer = server_.call("POST", "/apis/spawner.dev/v1/namespaces/spawner/sessionlivedbackends", object,
                                   cluster::Now{loop_.now(), loop_.wallNow()});
  if (answer.status != 201) throw Broken("an object of kubectl's was refused: " + answer.body);
}

void Spawns::ask(Asked& asked) {
  asked.answer = std::make_shared<test::Answer>();
  asked.askedAt = loop_.now();
  ++asked.tries;
  api::Api* api = api_();
  if (api == nullptr) {
    asked.answer->dropped = true;
    return;
  }
  http::RequestHead request = head("POST", "/spawn");
  request.headers.add("content-type", "application/json");
  request.headers.add("idempotency-key", asked.key);
  api->handle(std::make_unique<test::MemoryCall>(std::move(request), asked.body, asked.answer));
}

void Spawns::follow(const std::string& name) {
  api::Api* api = api_();
  if (api == nullptr) return;
  followed_.push_back({name, std::make_shared<test::Answer>()});
  api->handle(
      std::make_unique<test::MemoryCall>(head("GET", "/backend/" + name + "/status/stream"), std::string(), followed_.back().answer));
}

void Spawns::look() {
  for (auto it = asked_.begin(); it != asked_.end();) {
    Asked& asked = *it;
    const int status = asked.answer->status();
    if (status == 200) {
      const json answer = json::parse(asked.answer->response->body);
      if (random_.below(10) == 0) follow(answer.at("name"));
      it = asked_.erase(it);
      continue;
    }
    if (status != 0 && status < 500 && status != 429)
      throw Broken("a spawn was refused: " + std::to_string(status) + " " + asked.answer->response->body);
    const bool over = status != 0 || asked.answer->dropped || loop_.now() - asked.askedAt > 40s;
    if (over && asked.tries >= 20) {
      ++refused_;
      it = asked_.erase(it);
      continue;
    }
    if (over && !asked.again.active()) {
      Asked* const again = &asked;
      asked.again = loop_.after(std::chrono::milliseconds(500 + random_.below(3000)), [this, again] { ask(*again); });
      asked.answer = std::make_shared<test::Answer>();  // until then nothing is expected
      asked.askedAt = loop_.now();
    }
    ++it;
  }
  for (auto it = followed_.begin(); it != followed_.end();) {
    const test::Answer& answer = *it->answer;
    const bool over = answer.streamEnded || answer.streamBroken || answer.dropped || (answer.response && answer.streamStatus == 0);
    if (!over) {
      ++it;
      continue;
    }
    if (answer.streamEnded) {
      checkStream(*it);
      ++streamsChecked_;
    }
    it = followed_.erase(it);
  }
}

/// A stream that ended by itself told every state once, in order, and the end.
void Spawns::checkStream(const Followed& followed) {
  const std::vector<State> states = statesOf(followed.answer->streamed);
  for (std::size_t i = 1; i < states.size(); ++i)
    if (states[i] <= states[i - 1])
      throw Broken("the status stream of " + followed.name + " is out of order: " + followed.answer->streamed);
  if (states.empty() || states[0] != State::Submitted)
    throw Broken("the status stream of " + followed.name + " did not begin at the beginning");
}

}  // namespace spawner::sim
