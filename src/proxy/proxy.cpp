#include "proxy/proxy.hpp"

#include <algorithm>

#include "proxy/respond.hpp"
#include "proxy/run.hpp"

namespace spawner::proxy {
namespace {

constexpr Duration warningSpacing = std::chrono::seconds(1);

/// How often deadlines are looked at: a quarter of the shortest, between 1 ms and 1 s.
Duration periodFor(const ProxyOptions& options) {
  Duration period = std::chrono::seconds(1);
  for (const Duration limit : {options.connectTimeout, options.headTimeout, options.stallTimeout})
    if (limit > Duration::zero()) period = std::min(period, limit / 4);
  return std::max<Duration>(period, std::chrono::milliseconds(1));
}

}  // namespace

std::string_view toString(FailureKind kind) {
  switch (kind) {
    case FailureKind::ConnectFailed: return "UpstreamUnreachable";
    case FailureKind::ConnectTimeout: return "UpstreamConnectTimeout";
    case FailureKind::NoDescriptors: return "NoDescriptors";
    case FailureKind::ClosedEarly: return "UpstreamClosed";
    case FailureKind::HeadTimeout: return "UpstreamTimeout";
    case FailureKind::Stalled: return "UpstreamStalled";
    case FailureKind::BadAnswer: return "UpstreamBadAnswer";
    case FailureKind::Intercepted: return "Intercepted";
  }
  return "Unknown";
}

http::Response failureResponse(const Failure& failure) {
  const bool timedOut =
      failure.kind == FailureKind::ConnectTimeout || failure.kind == FailureKind::HeadTimeout || failure.kind == FailureKind::Stalled;
  if (failure.kind != FailureKind::NoDescriptors) return ownAnswer(timedOut ? 504 : 502, toString(failure.kind), failure.detail);
  http::Response response = ownAnswer(503, toString(failure.kind), failure.detail);
  response.headers.set("Retry-After", "1");
  return response;
}

Proxy::Proxy(Loop& loop, ProxyOptions options, Logger log)
    : loop_(loop),
      options_(options),
      log_(std::move(log)),
      pool_(loop, options.pool),
      tunnels_(loop, options.tunnels, counters_, [this] { checkDrained(); }),
      scratch_(std::make_unique<char[]>(options.bufferBytes)),
      period_(periodFor(options)) {}

Proxy::~Proxy() {
  drained_ = nullptr;
  abortAll();
}

void Proxy::run(std::unique_ptr<http::Exchange> exchange, Target target) {
  ++counters_.requests;
  if (auto answer = endOfForwarding(exchange->head(), target.edit)) return respond(std::move(exchange), std::move(*answer));
  const auto run = std::allocate_shared<Run>(RecyclingAllocator<Run>(blocks_), *this, std::move(exchange), std::move(target));
  run->place = runs_.insert(runs_.end(), run);
  counters_.active = runs_.size();
  if (!ticker_.active()) ticker_ = loop_.after(period_, [this] { tick(); });
  run->start();
}

void Proxy::flushSoon(std::shared_ptr<Run> run) {
  due_->next.push_back(std::move(run));
  if (due_->next.size() > 1) return;
  // Runs that have ended do nothing, and all have when the proxy is gone.
  loop_.post([due = due_] {
    due->batch.swap(due->next);
    for (const auto& one : due->batch) one->flushNow();
    due->batch.clear();
  });
}

void Proxy::tick() {
  const TimePoint now = loop_.now();
  const auto all = runs_;  // one that fails leaves the list, and its handler may add another
  for (const auto& run : all) run->checkDeadline(now);
  if (!runs_.empty()) ticker_ = loop_.after(period_, [this] { tick(); });
}

void Proxy::drain(Task done) {
  drained_ = std::move(done);
  pool_.clear();
  tunnels_.drain();
  checkDrained();
}

void Proxy::checkDrained() {
  if (!drained_ || !runs_.empty() || tunnels_.count() > 0) return;
  pool_.clear();
  drainedTimer_ = loop_.after(Duration::zero(), std::exchange(drained_, nullptr));
}

void Proxy::abortAll() {
  const auto all = runs_;
  for (const auto& run : all) run->abort();
  tunnels_.closeAll();
}

void Proxy::ended(Run& run) {
  runs_.erase(run.place);
  counters_.active = runs_.size();
  checkDrained();
}

void Proxy::warn(const Run& run, const Failure& failure) {
  const TimePoint now = loop_.now();
  if (lastWarning_ != TimePoint{} && now - lastWarning_ < warningSpacing) {
    ++unwarned_;
    return;
  }
  lastWarning_ = now;
  log_.warn("no answer from upstream", {{"upstream", run.target().address.toString()},
                                        {"reason", toString(failure.kind)},
                                        {"detail", failure.detail},
                                        {"more_since_last", std::exchange(unwarned_, 0)}});
}

}  // namespace spawner::proxy
