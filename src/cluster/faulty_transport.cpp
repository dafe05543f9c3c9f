#include "cluster/faulty_transport.hpp"

#include <deque>
#include <unordered_set>
#include <vector>

namespace spawner::cluster {

namespace {

Error disconnected() { return Error{ErrorKind::Disconnected, "the connection broke (injected)", {}}; }
Error timedOut() { return Error{ErrorKind::Timeout, "no answer in time (injected)", {}}; }

TransportResponse refusal(int code, std::string_view reason, std::string_view message) {
  TransportResponse response;
  response.status = code;
  response.headers = {{"content-type", "application/json"}};
  if (code == 429) response.headers.emplace_back("retry-after", "1");
  response.body = std::string(R"({"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":")")
                      .append(message)
                      .append(R"(","reason":")")
                      .append(reason)
                      .append(R"(","code":)")
                      .append(std::to_string(code))
                      .append("}");
  return response;
}

bool resumes(const TransportRequest& request) {
  return request.target.find("continue=") != std::string::npos ||
         (request.target.find("resourceVersion=") != std::string::npos && request.target.find("resourceVersion=0") == std::string::npos);
}

}  // namespace

struct FaultyTransport::Shared {
  Loop& loop;
  Transport& inner;
  Random& random;
  Faults faults;
  Counts counts;
  std::unordered_set<std::shared_ptr<Call>> calls;  // owners of what is under way
  std::unordered_set<std::shared_ptr<Streaming>> streams;

  bool hits(double probability, std::uint64_t& count) {
    if (probability <= 0 || static_cast<double>(random.next() >> 11) * 0x1.0p-53 >= probability) return false;
    ++count;
    return true;
  }
  bool coin() { return (random.next() & 1) != 0; }
  Duration upTo(Duration most) { return Duration(static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(most.count()) + 1))); }
  Duration delay() { return hits(faults.delay, counts.delayed) ? upTo(faults.maxDelay) : Duration::zero(); }

  /// What answers instead of the server; nullopt: nothing does.
  std::optional<TransportResponse> refuse(const TransportRequest& request) {
    const bool conflicts = request.method == "PUT" || request.method == "PATCH" || request.method == "DELETE";
    if (conflicts && hits(faults.conflict, counts.conflict))
      return refusal(409, "Conflict", "Operation cannot be fulfilled: the object has been modified (injected)");
    if (resumes(request) && hits(faults.gone, counts.gone)) return refusal(410, "Expired", "too old resource version (injected)");
    if (hits(faults.tooMany, counts.tooMany)) return refusal(429, "TooManyRequests", "too many requests (injected)");
    if (hits(faults.serverError, counts.serverError)) return refusal(500, "InternalError", "Internal error occurred (injected)");
    return std::nullopt;
  }
};

class FaultyTransport::Call : public std::enable_shared_from_this<Call> {
 public:
  Call(std::shared_ptr<Shared> shared, TransportRequest request, UniqueFunction<void(Result<TransportResponse>)> done)
      : shared_(std::move(shared)),
        request_(std::move(request)),
        done_(std::move(done)),
        deadline_(shared_->loop.now() + request_.timeout) {}

  void start() {
    shared_->calls.insert(shared_from_this());
    ++shared_->counts.requests;
    if (shared_->faults.partitioned) return lose();
    if (shared_->hits(shared_->faults.dropBefore, shared_->counts.dropBefore)) return loseSomehow();
    dropAnswer_ = shared_->hits(shared_->faults.dropAfter, shared_->counts.dropAfter);
    if (!dropAnswer_) {
      refused_ = shared_->refuse(request_);
      again_ = !refused_ && shared_->hits(shared_->faults.duplicate, shared_->counts.duplicate);
    }
    later(shared_->delay(), [](Call& call) { call.send(); });
  }
  void cancel() {
    const auto self = shared_from_this();
    done_ = nullptr;
    inner_.reset();
    timer_.cancel();
    shared_->calls.erase(self);
  }

 private:
  void later(Duration delay, void (*what)(Call&)) {
    timer_ = shared_->loop.after(delay, [weak = weak_from_this(), what] {
      if (const auto self = weak.lock()) what(*self);
    });
  }
  void send() {
    if (refused_) return finish(std::move(*refused_));
    const bool first = std::exchange(again_, false);
    inner_ = shared_->inner.call(request_, [weak = weak_from_this(), first](Result<TransportResponse> answer) {
      const auto self = weak.lock();
      if (!self) return;
      if (first) return self->later(Duration::zero(), [](Call& call) { call.send(); });  // the duplicate: its answer is the one that comes
      if (self->shared_->faults.partitioned) return self->lose();
      if (self->dropAnswer_) return self->loseSomehow();
      self->answer_.emplace(std::move(answer));
      self->later(self->shared_->delay(), [](Call& call) { call.finish(std::move(*call.answer_)); });
    });
  }
  void lose() {
    later(std::max(Duration::zero(), deadline_ - shared_->loop.now()), [](Call& call) { call.finish(timedOut()); });
  }
  void loseSomehow() {
    if (shared_->coin()) return lose();
    later(shared_->upTo(std::min(request_.timeout, shared_->faults.maxDelay)), [](Call& call) { call.finish(disconnected()); });
  }
  void finish(Result<TransportResponse> result) {
    auto done = std::exchange(done_, nullptr);
    cancel();
    if (done) done(std::move(result));
  }

  std::shared_ptr<Shared> shared_;
  TransportRequest request_;
  UniqueFunction<void(Result<TransportResponse>)> done_;
  TimePoint deadline_;
  std::optional<TransportResponse> refused_;
  std::optional<Result<TransportResponse>> answer_;
  bool dropAnswer_ = false;
  bool again_ = false;
  Pending inner_;
  Timer timer_;
};

/// Head, data and end go through one queue, so that a delay never changes their order.
class FaultyTransport::Streaming : public std::enable_shared_from_this<Streaming> {
 public:
  Streaming(std::shared_ptr<Shared> shared, TransportRequest request, StreamHandlers handlers)
      : shared_(std::move(shared)), request_(std::move(request)), handlers_(std::move(handlers)), lastData_(shared_->loop.now()) {}

  void start() {
    shared_->streams.insert(shared_from_this());
    ++shared_->counts.requests;
    if (shared_->faults.partitioned || shared_->hits(shared_->faults.dropBefore, shared_->counts.dropBefore))
      return endLater(request_.timeout, timedOut());
    if (auto refused = shared_->refuse(request_)) {
      const std::string body = refused->status == 410 ? "{\"type\":\"ERROR\",\"object\":" + refused->body + "}\n" : refused->body;
      if (refused->status == 410) refused->status = 200;  // a watch is told in the stream
      enqueue({Item::Kind::Head, std::move(*refused), {}, {}});
      enqueue({Item::Kind::Data, {}, body, {}});
      return enqueue({Item::Kind::End, {}, {}, {}});
    }
    if (shared_->hits(shared_->faults.cutWatch, shared_->counts.cut))
      cut_ = shared_->loop.after(shared_->upTo(shared_->faults.maxWatchLife), [weak = weak_from_this()] {
        if (const auto self = weak.lock()) self->finish(self->shared_->coin() ? Result<void>() : Result<void>(disconnected()));
      });
    open();
  }
  /// The partition is over. TCP would send again what was lost, the end of the stream too; here a stream that lost something breaks off.
  void healed() {
    if (lost_) endLater(Duration::zero(), disconnected());
  }
  void cancel() {
    const auto self = shared_from_this();
    live_ = false;
    inner_.reset();
    timer_.cancel();
    cut_.cancel();
    idle_.cancel();
    shared_->streams.erase(self);
  }

 private:
  struct Item {
    enum class Kind { Head, Data, End } kind;
    TransportResponse head;
    std::string data;
    Result<void> end;
  };

  void open() {
    const auto weak = weak_from_this();
    inner_ = shared_->inner.stream(request_, {[weak](const TransportResponse& head) {
                                                if (const auto self = weak.lock()) self->enqueue({Item::Kind::Head, head, {}, {}});
                                              },
                                              [weak](std::string_view data) {
                                                if (const auto self = weak.lock())
                                                  self->enqueue({Item::Kind::Data, {}, std::string(data), {}});
                                              },
                                              [weak](Result<void> end) {
                                                if (const auto self = weak.lock()) self->enqueue({Item::Kind::End, {}, {}, std::move(end)});
                                              }});
  }

  void enqueue(Item item) {
    if (shared_->faults.partitioned || lost_) {
      // A byte is lost for good: what comes later must not be seen as if nothing were missing.
      if (!std::exchange(lost_, true)) watchSilence();
      return;
    }
    queue_.push_back(std::move(item));
    if (!timer_.active()) deliverAfter(shared_->delay());
  }
  void deliverAfter(Duration delay) {
    timer_ = shared_->loop.after(delay, [weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->deliver();
    });
  }
  void deliver() {
    while (live_ && !queue_.empty()) {
      Item item = std::move(queue_.front());
      queue_.pop_front();
      lastData_ = shared_->loop.now();
      if (item.kind == Item::Kind::End) return finish(std::move(item.end));
      if (item.kind == Item::Kind::Head && handlers_.onHead) handlers_.onHead(item.head);
      if (item.kind == Item::Kind::Data && handlers_.onData) handlers_.onData(item.data);
      if (!live_ || queue_.empty()) return;
      if (const Duration delay = shared_->delay(); delay > Duration::zero()) return deliverAfter(delay);
    }
  }
  void watchSilence() {
    if (request_.idleTimeout <= Duration::zero()) return;
    const Duration left = lastData_ + request_.idleTimeout - shared_->loop.now();
    idle_ = shared_->loop.after(std::max(Duration::zero(), left), [weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->finish(timedOut());
    });
  }
  void endLater(Duration delay, Error error) {
    idle_ = shared_->loop.after(delay, [weak = weak_from_this(), error] {
      if (const auto self = weak.lock()) self->finish(error);
    });
  }
  void finish(Result<void> result) {
    if (!live_) return;
    auto onEnd = std::move(handlers_.onEnd);
    cancel();
    if (onEnd) onEnd(std::move(result));
  }

  std::shared_ptr<Shared> shared_;
  TransportRequest request_;
  StreamHandlers handlers_;
  TimePoint lastData_;
  std::deque<Item> queue_;
  bool lost_ = false;
  bool live_ = true;
  Pending inner_;
  Timer timer_, cut_, idle_;
};

FaultyTransport::FaultyTransport(Loop& loop, Transport& inner, Random& random, Faults faults)
    : shared_(std::make_shared<Shared>(Shared{loop, inner, random, faults, {}, {}, {}})) {}

FaultyTransport::~FaultyTransport() {
  for (const auto& call : std::vector(shared_->calls.begin(), shared_->calls.end())) call->cancel();
  for (const auto& stream : std::vector(shared_->streams.begin(), shared_->streams.end())) stream->cancel();
}

Pending FaultyTransport::call(TransportRequest request, UniqueFunction<void(Result<TransportResponse>)> done) {
  auto call = std::make_shared<Call>(shared_, std::move(request), std::move(done));
  call->start();
  return Pending([weak = std::weak_ptr(call)] {
    if (const auto live = weak.lock()) live->cancel();
  });
}

Pending FaultyTransport::stream(TransportRequest request, StreamHandlers handlers) {
  auto streaming = std::make_shared<Streaming>(shared_, std::move(request), std::move(handlers));
  streaming->start();
  return Pending([weak = std::weak_ptr(streaming)] {
    if (const auto live = weak.lock()) live->cancel();
  });
}

void FaultyTransport::setFaults(const Faults& faults) {
  const bool healed = shared_->faults.partitioned && !faults.partitioned;
  shared_->faults = faults;
  if (!healed) return;
  for (const auto& stream : std::vector(shared_->streams.begin(), shared_->streams.end())) stream->healed();
}
const Faults& FaultyTransport::faults() const { return shared_->faults; }
const FaultyTransport::Counts& FaultyTransport::counts() const { return shared_->counts; }

}  // namespace spawner::cluster
