// A lane's limits, beginning and end, and its counts.
#include "modes/gateway/lane.hpp"

#include <utility>

namespace spawner::gateway {

namespace {

proxy::ProxyOptions proxyOptions(const Options& options) {
  proxy::ProxyOptions proxy = role::proxyOptions(options);
  proxy.pool.maxIdlePerAddress = options.poolSizePerSession;
  return proxy;
}

}  // namespace

void LaneCounts::add(const LaneCounts& other) {
  for (std::uint64_t LaneCounts::*total :
       {&LaneCounts::toSession, &LaneCounts::toApi, &LaneCounts::pages, &LaneCounts::waitingPages, &LaneCounts::held, &LaneCounts::refused,
        &LaneCounts::failures, &LaneCounts::tooManyWaiting, &LaneCounts::waitedTooLong})
    this->*total += other.*total;
  waiting += other.waiting;
  front.add(other.front);
  proxy.add(other.proxy);
  http2.add(other.http2);
}

Lane::Lane(Loop& loop, const Setup& setup, std::size_t index, Directory& directory, const Logger& log)
    : loop_(loop),
      setup_(setup),
      directory_(directory),
      h2c_(setup.options.h2c ? std::make_unique<role::H2c>(loop, log, dividedLimits(setup.options, index),
                                                           proxyOptions(dividedLimits(setup.options, index)),
                                                           [this](ExchangePtr exchange) { dispatch(std::move(exchange)); })
                             : nullptr),
      front_(loop, [this](ExchangePtr exchange) { dispatch(std::move(exchange)); },
             {.limits = role::frontLimits(dividedLimits(setup.options, index)),
              .makeToken = {},
              .onHttp2 = h2c_ ? [this](http::Upgraded connection) { h2c_->server.adopt(std::move(connection)); }
                              : std::function<void(http::Upgraded)>()}),
      held_(dividedLimits(setup.options, index).maxWaiting),
      proxy_(loop, proxyOptions(dividedLimits(setup.options, index)), log) {}

Lane::~Lane() = default;

Result<void> Lane::begin(Fd listener) { return front_.adopt(std::move(listener)); }

LaneCounts Lane::counts() const {
  LaneCounts counts = counts_;
  counts.waiting = held_.count();
  counts.front = front_.stats();
  counts.proxy = proxy_.counters();
  if (h2c_) {
    counts.proxy.add(h2c_->proxy.counters());
    counts.http2 = h2c_->server.stats();
    counts.front.add(counts.http2.limits);
  }
  return counts;
}

void Lane::stop(Task done) {
  stopping_ = true;
  for (const std::uint64_t id : held_.all()) {
    Held held = held_.take(id);
    if (!held.exchange) continue;
    auto response = busy(held.exchange->head(), "Stopping", "This gateway is being restarted. Try again.");
    refuse(std::move(held.exchange), std::move(response));
  }
  // All must be over: answers under way in the front, tunnels in the proxy, and the same of HTTP/2.
  struct Both {
    Task done;
    int left;
  };
  auto both = std::make_shared<Both>(Both{std::move(done), h2c_ ? 4 : 2});
  const auto over = [both] {
    if (--both->left == 0) both->done();
  };
  front_.drain(over);
  proxy_.drain(over);
  if (!h2c_) return;
  h2c_->server.drain(over);
  h2c_->proxy.drain(over);
}

}  // namespace spawner::gateway
