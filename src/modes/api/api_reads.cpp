// The API's reads: all from the informer's copy.
#include <utility>

#include "base/text.hpp"
#include "modes/api/answers.hpp"
#include "modes/api/api_impl.hpp"
#include "modes/api/timeline.hpp"
#include "modes/role/pages.hpp"
#include "modes/role/session_answers.hpp"

namespace spawner::api {

void ApiImpl::withSession(CallPtr call, const Parameters& parameters,
                          std::function<void(CallPtr, const std::string&, const role::SlabPtr&)> then) {
  const std::string name = parameters.find("name")->second;
  if (const role::SlabPtr slab = sessions.find(name)) return then(std::move(call), name, slab);
  if (waiting.full()) return call->respond(busy("Busy", "too many requests wait for Kubernetes"));
  const std::uint64_t id = waiting.add(std::move(call));
  waiting.attach(id, sessions.lookup(name, [this, id, name, then = std::move(then)](const Result<role::SlabPtr>& slab) {
    CallPtr waited = waiting.take(id);
    if (!waited) return;
    if (slab) return then(std::move(waited), name, *slab);
    if (slab.error().kind != ErrorKind::NotFound) return waited->respond(kubeProblem(slab.error(), "the session could not be looked up"));
    http::Response answer = role::noSuchSession(waited->head(), name);
    waited->respond(std::move(answer));
  }));
}

void ApiImpl::status(CallPtr call, const Parameters& parameters) {
  withSession(std::move(call), parameters, [](CallPtr found, const std::string&, const role::SlabPtr& slab) {
    http::Response response = http::Response::json(200, changeJson(timeline(*slab).back()));
    response.headers.set("Cache-Control", "no-store");
    found->respond(std::move(response));
  });
}

void ApiImpl::stream(CallPtr call, const Parameters& parameters) {
  const std::optional<State> last = parseState(call->head().headers.get("Last-Event-ID"));
  // 204 tells an EventSource not to connect again (HTML §9.2.3); there is nothing to come after an end.
  if (last && isTerminal(*last)) return call->respond(http::Response{204, {}, {}});
  withSession(std::move(call), parameters, [this, last](CallPtr found, const std::string& name, const role::SlabPtr& slab) {
    if (found->head().method == "HEAD") {
      http::Response head{200, {}, {}};
      head.headers.set("Content-Type", "text/event-stream");
      return found->respond(std::move(head));
    }
    if (streams.full()) return found->respond(busy("TooManyStreams", "too many status streams are open", std::chrono::seconds(5)));
    streams.open(std::move(found), name, slab, last);
  });
}

void ApiImpl::readiness(CallPtr call, const Parameters& parameters) {
  withSession(std::move(call), parameters, [this](CallPtr found, const std::string& name, const role::SlabPtr& slab) {
    const State state = slab->state();
    if (isTerminal(state)) {
      http::Response answer = role::sessionEnded(found->head(), *slab);
      return found->respond(std::move(answer));
    }
    if (state != State::Ready) {
      if (role::isNavigation(found->head())) {
        return found->respond(role::waitingPage(409, role::WaitingPage{name, "status/stream", slab.get(), 3, {}}));
      }
      http::Response answer = http::problem(409, "NotReady", "the session is not ready yet: its state is " + std::string(toString(state)));
      answer.headers.set("Retry-After", "1");
      return found->respond(std::move(answer));
    }
    const std::string outside = sessionUrl(options, name);
    const std::string& url = outside.empty() ? slab->status.url : outside;
    if (url.empty()) return found->respond(http::problem(500, "NoUrl", "the session is ready, but no URL is known: set --url-template"));
    http::Response redirect{302, {}, {}};
    redirect.headers.set("Location", url);
    redirect.headers.set("Cache-Control", "no-store");
    found->respond(std::move(redirect));
  });
}

void ApiImpl::detail(CallPtr call, const Parameters& parameters) {
  withSession(std::move(call), parameters, [this](CallPtr found, const std::string& name, const role::SlabPtr& slab) {
    found->respond(http::Response::json(200, detailJson(options, name, *slab)));
  });
}

void ApiImpl::list(CallPtr call, const Parameters&) {
  if (!sessions.synced()) return call->respond(busy("Starting", "the first list of sessions has not come from Kubernetes yet"));
  std::size_t limit = options.maxListItems;
  if (const auto asked = http::queryParameter(call->head().query(), "limit")) {
    const auto number = parseUnsigned(*asked);
    if (!number || *number == 0) return call->respond(http::problem(400, "InvalidArgument", "limit must be a whole number above 0"));
    limit = std::min<std::size_t>(limit, *number);
  }
  const auto after = http::queryParameter(call->head().query(), "continue");
  const auto& objects = sessions.objects();
  auto it = after ? objects.upper_bound(options.ns + "/" + sessions.objectName(*after)) : objects.begin();
  std::string items, last;
  std::size_t count = 0;
  bool more = false;
  for (; it != objects.end() && !more; ++it) {
    const auto name = sessions.nameOf(it->second->meta);
    if (!name) continue;
    if (count == limit) {
      more = true;
    } else {
      items += (count++ == 0 ? "" : ",") + summaryJson(options, *name, *it->second);
      last = *name;
    }
  }
  const std::string next = more ? "\"" + jsonEscape(last) + "\"" : "null";
  call->respond(http::Response::json(200, "{\"items\":[" + items + "],\"continue\":" + next + "}"));
}

}  // namespace spawner::api
