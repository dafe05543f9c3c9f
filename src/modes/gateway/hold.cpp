// What waits: for the look-up of a name that is not known yet, and for Ready.
#include <utility>

#include "modes/gateway/answers.hpp"
#include "modes/gateway/lane.hpp"

namespace spawner::gateway {

void Lane::lookUp(ExchangePtr exchange, Route route) {
  if (stopping_ || held_.full()) {
    ++counts_.tooManyWaiting;
    auto response = busy(exchange->head(), "Busy", "Too many requests wait for their session.");
    return refuse(std::move(exchange), std::move(response));
  }
  const std::string name = route.name;
  const std::uint64_t id = held_.add(std::move(exchange), std::move(route));
  held_.find(id)->lookup = directory_.lookup(name, [this, id](const Result<role::SlabPtr>& slab) { lookedUp(id, slab); });
}

void Lane::lookedUp(std::uint64_t id, const Result<role::SlabPtr>& slab) {
  Held held = held_.take(id);
  if (!held.exchange) return;
  if (slab) return found(std::move(held.exchange), std::move(held.route), *slab);
  const http::RequestHead& head = held.exchange->head();
  auto response = slab.error().kind == ErrorKind::NotFound ? unknown(head, held.route, startUrl(setup_.options, held.route))
                  : slab.error().kind == ErrorKind::Limit
                      ? busy(head, "Busy", "Too many unknown names are asked for.")
                      : busy(head, "KubernetesUnavailable", "It is not known whether this session exists: " + slab.error().message);
  refuse(std::move(held.exchange), std::move(response));
}

void Lane::hold(ExchangePtr exchange, Route route) {
  const std::uint32_t seconds = setup_.options.waitSeconds;
  if (seconds == 0 || stopping_ || held_.full()) {
    ++counts_.tooManyWaiting;
    const role::SlabPtr slab = directory_.find(route.name);
    auto response = starting(exchange->head(), route, slab.get(), false, {});
    return refuse(std::move(exchange), std::move(response));
  }
  ++counts_.held;
  const std::uint64_t id = held_.add(std::move(exchange), std::move(route));
  held_.find(id)->timeout = loop_.after(std::chrono::seconds(seconds), [this, id] { timedOut(id); });
}

void Lane::timedOut(std::uint64_t id) {
  Held held = held_.take(id);
  if (!held.exchange) return;
  ++counts_.waitedTooLong;
  const role::SlabPtr slab = directory_.find(held.route.name);
  auto response = starting(held.exchange->head(), held.route, slab.get(), false, {});
  refuse(std::move(held.exchange), std::move(response));
}

void Lane::changed(const std::string& name, const role::SlabPtr& slab) {
  const State state = slab->state();
  if (state != State::Ready && !isTerminal(state)) return;
  for (const std::uint64_t id : held_.idsOf(name)) {
    Held held = held_.take(id);
    if (held.exchange) found(std::move(held.exchange), std::move(held.route), slab);
  }
}

}  // namespace spawner::gateway
