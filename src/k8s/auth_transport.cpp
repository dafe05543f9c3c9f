#include "k8s/auth_transport.hpp"

#include <algorithm>
#include <unordered_map>
#include <utility>
#include <vector>

namespace spawner::k8s {
namespace {

constexpr int unauthorized = 401;
/// Refusals closer together than this do not ask for yet another credential (a plugin is a process).
constexpr Duration shortestBetween = std::chrono::seconds(2);

struct Exchange {
  TransportRequest request;
  bool streaming = false;
  UniqueFunction<void(Result<TransportResponse>)> done;
  StreamHandlers handlers;
  TimePoint deadline;
  Credential used;
  bool retried = false;
  TransportResponse refusal;  // the first 401, told if there is nothing better
  Timer patience;
  Pending inner;
};

}  // namespace

struct AuthTransport::Impl : std::enable_shared_from_this<AuthTransport::Impl> {
  Impl(Loop& loopIn, std::unique_ptr<Transport> innerIn, std::unique_ptr<CredentialSource> sourceIn, OnCredential onCredentialIn)
      : loop(loopIn), inner(std::move(innerIn)), source(std::move(sourceIn)), onCredential(std::move(onCredentialIn)) {}

  Pending start(Exchange exchange) {
    exchange.deadline = loop.now() + exchange.request.timeout;
    const std::uint64_t id = nextId++;
    const auto held = std::make_shared<Exchange>(std::move(exchange));
    exchanges.emplace(id, held);
    send(id, *held);
    return Pending([weak = weak_from_this(), id] {
      if (const auto self = weak.lock()) self->take(id);
    });
  }
  /// Takes the exchange out: what it still waits for is cancelled when the caller lets go of it.
  std::shared_ptr<Exchange> take(std::uint64_t id) {
    const auto it = exchanges.find(id);
    if (it == exchanges.end()) return nullptr;
    auto exchange = std::move(it->second);
    exchanges.erase(it);
    return exchange;
  }

  void send(std::uint64_t id, Exchange& exchange) {
    const Credential* credential = source->current();
    if (credential == nullptr) return await(id, exchange);
    if (!(told == *credential)) {
      told = *credential;
      if (onCredential) onCredential(*credential);
    }
    exchange.used = *credential;
    TransportRequest request = exchange.request;
    request.timeout = std::max<Duration>(std::chrono::milliseconds(1), exchange.deadline - loop.now());
    if (!credential->bearer.empty()) request.headers.emplace_back("Authorization", "Bearer " + credential->bearer);
    if (exchange.streaming) {
      exchange.inner = inner->stream(std::move(request), StreamHandlers{
                                                             [this, id](const TransportResponse& head) { takeHead(id, head); },
                                                             [this, id](std::string_view bytes) { takeBytes(id, bytes); },
                                                             [this, id](Result<void> end) { takeEnd(id, std::move(end)); },
                                                         });
    } else {
      exchange.inner = inner->call(std::move(request), [this, id](Result<TransportResponse> answer) { takeAnswer(id, std::move(answer)); });
    }
  }

  // --- answers
  void takeAnswer(std::uint64_t id, Result<TransportResponse> answer) {
    if (answer && answer->status == unauthorized && retry(id, *answer)) return;
    if (const auto exchange = take(id)) exchange->done(std::move(answer));
  }
  void takeHead(std::uint64_t id, const TransportResponse& head) {
    if (head.status == unauthorized && retry(id, head)) return;
    if (const auto exchange = held(id)) exchange->handlers.onHead(head);
  }
  void takeBytes(std::uint64_t id, std::string_view bytes) {
    if (const auto exchange = held(id)) exchange->handlers.onData(bytes);
  }
  void takeEnd(std::uint64_t id, Result<void> end) {
    if (const auto exchange = take(id)) exchange->handlers.onEnd(std::move(end));
  }
  std::shared_ptr<Exchange> held(std::uint64_t id) {
    const auto it = exchanges.find(id);
    return it == exchanges.end() ? nullptr : it->second;
  }
  /// True when the request will be sent once more.
  bool retry(std::uint64_t id, const TransportResponse& refusal) {
    const auto exchange = held(id);
    if (!exchange || std::exchange(exchange->retried, true) || !source->refreshable()) return false;
    const Credential* present = source->current();
    const bool changed = present != nullptr && !(*present == exchange->used);
    if (!changed && !refreshing && lastRefresh && loop.now() - *lastRefresh < shortestBetween) return false;
    exchange->refusal = refusal;
    exchange->inner.reset();
    if (changed) {
      send(id, *exchange);
    } else {
      await(id, *exchange);
    }
    return true;
  }

  // --- waiting for a credential
  void await(std::uint64_t id, Exchange& exchange) {
    exchange.patience = loop.after(exchange.deadline - loop.now(), [this, id] {
      std::erase(waiting, id);
      fail(id, Error{ErrorKind::Timeout, "no credentials in time", {}});
    });
    waiting.push_back(id);
    if (std::exchange(refreshing, true)) return;
    source->refresh([this](Result<void> result) { refreshed(std::move(result)); });
  }
  void refreshed(Result<void> result) {
    const std::shared_ptr<Impl> alive = shared_from_this();
    refreshing = false;
    lastRefresh = loop.now();
    for (const std::uint64_t id : std::exchange(waiting, {})) {
      const auto exchange = held(id);
      if (!exchange) continue;
      exchange->patience.cancel();
      const Credential* present = source->current();
      const bool better = result.ok() && present != nullptr && !(exchange->retried && *present == exchange->used);
      if (better) {
        send(id, *exchange);
      } else {
        fail(id, result.ok() ? Error{ErrorKind::Unauthorized, "there are no credentials", {}} : result.error());
      }
    }
  }
  /// Ends the exchange without another try: with the server's own refusal if there was one.
  void fail(std::uint64_t id, const Error& why) {
    const auto exchange = held(id);
    if (!exchange) return;
    const TransportRequest& request = exchange->request;
    const Error error = why.in(request.method + " " + request.target.substr(0, request.target.find('?')));
    const bool refused = exchange->refusal.status != 0;
    if (exchange->streaming && refused) {
      exchange->handlers.onHead(exchange->refusal);
      if (take(id)) exchange->handlers.onEnd({});
      return;
    }
    take(id);
    if (exchange->streaming) return exchange->handlers.onEnd(error);
    exchange->done(refused ? Result<TransportResponse>(std::move(exchange->refusal)) : error);
  }

  Loop& loop;
  std::unique_ptr<Transport> inner;
  std::unique_ptr<CredentialSource> source;
  OnCredential onCredential;
  Credential told;
  bool refreshing = false;
  std::optional<TimePoint> lastRefresh;
  std::vector<std::uint64_t> waiting;
  std::uint64_t nextId = 1;
  std::unordered_map<std::uint64_t, std::shared_ptr<Exchange>> exchanges;
};

AuthTransport::AuthTransport(Loop& loop, std::unique_ptr<Transport> inner, std::unique_ptr<CredentialSource> source,
                             OnCredential onCredential)
    : impl_(std::make_shared<Impl>(loop, std::move(inner), std::move(source), std::move(onCredential))) {}

AuthTransport::~AuthTransport() {
  // A call-back under way may hold the rest for a moment longer.
  impl_->waiting.clear();
  const auto dropped = std::exchange(impl_->exchanges, {});
}

Pending AuthTransport::call(TransportRequest request, UniqueFunction<void(Result<TransportResponse>)> done) {
  if (!request.authority.empty()) return impl_->inner->call(std::move(request), std::move(done));
  Exchange exchange;
  exchange.request = std::move(request);
  exchange.done = std::move(done);
  return impl_->start(std::move(exchange));
}

Pending AuthTransport::stream(TransportRequest request, StreamHandlers handlers) {
  if (!request.authority.empty()) return impl_->inner->stream(std::move(request), std::move(handlers));
  Exchange exchange;
  exchange.request = std::move(request);
  exchange.streaming = true;
  exchange.handlers = std::move(handlers);
  return impl_->start(std::move(exchange));
}

}  // namespace spawner::k8s
