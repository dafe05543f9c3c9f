#include "cluster/direct_transport.hpp"

#include <algorithm>
#include <unordered_set>

#include "base/text.hpp"

namespace spawner::cluster {

namespace {

constexpr int chunksATurn = 64;  // of one stream: other work of the loop goes on between

Request requestOf(TransportRequest&& from) {
  Request request;
  request.method = std::move(from.method);
  request.target = std::move(from.target);
  request.headers = std::move(from.headers);
  request.body = std::move(from.body);
  return request;
}

TransportResponse headOf(const Response& from) {
  TransportResponse head;
  head.status = from.status;
  head.headers.emplace_back("content-type", from.contentType);
  for (const auto& [name, value] : from.headers) head.headers.emplace_back(toLower(name), value);
  return head;
}

}  // namespace

/// Ended as a whole when the transport goes.
struct DirectTransport::Shared {
  Loop& loop;
  ApiServer& server;
  bool open = true;
  std::unordered_set<std::shared_ptr<Streaming>> streams;  // owners of those whose Pending was released
  [[nodiscard]] Now now() const { return {loop.now(), loop.wallNow()}; }
};

class DirectTransport::Call : public std::enable_shared_from_this<Call> {
 public:
  Call(std::shared_ptr<Shared> shared, TransportRequest request, UniqueFunction<void(Result<TransportResponse>)> done)
      : shared_(std::move(shared)), request_(std::move(request)), done_(std::move(done)) {}

  void start() {
    shared_->loop.post([self = shared_from_this()] { self->act(); });
  }
  void cancel() { done_ = nullptr; }

 private:
  void act() {
    if (!done_ || !shared_->open) return;
    Response response = shared_->server.handle(requestOf(std::move(request_)), shared_->now());
    answer_ = headOf(response);
    answer_.body = std::move(response.body);
    if (response.stream) readAll(*response.stream);
    shared_->loop.post([self = shared_from_this()] {
      if (!self->done_ || !self->shared_->open) return;
      auto done = std::exchange(self->done_, nullptr);
      done(std::move(self->answer_));
    });
  }
  /// A stream asked for as a call: what there is now.
  void readAll(Stream& stream) {
    while (const auto chunk = stream.next(shared_->now())) answer_.body += *chunk;
  }

  std::shared_ptr<Shared> shared_;
  TransportRequest request_;
  TransportResponse answer_;
  UniqueFunction<void(Result<TransportResponse>)> done_;
};

class DirectTransport::Streaming : public std::enable_shared_from_this<Streaming> {
 public:
  Streaming(std::shared_ptr<Shared> shared, TransportRequest request, StreamHandlers handlers)
      : shared_(std::move(shared)), request_(std::move(request)), handlers_(std::move(handlers)) {}

  void start() {
    shared_->streams.insert(shared_from_this());
    shared_->loop.post([self = shared_from_this()] {
      if (self->live_) self->act();
    });
  }
  void cancel() {
    const auto self = shared_from_this();
    live_ = false;
    stream_.reset();
    timer_.cancel();
    shared_->streams.erase(self);
  }

 private:
  void act() {
    const Duration idle = request_.idleTimeout;
    auto response = std::make_shared<Response>(shared_->server.handle(requestOf(std::move(request_)), shared_->now()));
    idle_ = idle;
    stream_ = std::move(response->stream);
    shared_->loop.post([self = shared_from_this(), response] {
      if (self->live_) self->answer(*response);
    });
  }

  void answer(Response& response) {
    if (stream_) {
      stream_->onWake([weak = weak_from_this()] {
        if (const auto self = weak.lock()) self->schedule();
      });
      scheduled_ = true;  // pump() below is the first pull
    }
    if (handlers_.onHead) handlers_.onHead(headOf(response));
    if (!live_) return;
    if (stream_) {
      lastData_ = shared_->loop.now();
      return pump();
    }
    if (!response.body.empty() && handlers_.onData) handlers_.onData(response.body);
    if (live_) end({});
  }

  void schedule() {
    if (std::exchange(scheduled_, true)) return;
    shared_->loop.post([self = shared_from_this()] {
      if (self->live_) self->pump();
    });
  }

  void pump() {
    scheduled_ = false;
    for (int i = 0; i < chunksATurn; ++i) {
      const std::shared_ptr<const std::string> chunk = stream_->next(shared_->now());
      if (!chunk) return settle();
      lastData_ = shared_->loop.now();
      if (handlers_.onData) handlers_.onData(*chunk);
      if (!live_) return;
    }
    schedule();
  }

  /// Nothing more now: the end, or a timer for the next thing that time brings.
  void settle() {
    if (stream_->ended()) return end({});
    const TimePoint now = shared_->loop.now();
    if (idle_ > Duration::zero() && now - lastData_ >= idle_)
      return end(Error{ErrorKind::Timeout, "no byte came within the idle limit of the stream", {}});
    std::optional<TimePoint> wake = stream_->wakeAt();
    if (idle_ > Duration::zero()) wake = std::min(wake.value_or(TimePoint::max()), lastData_ + idle_);
    if (!wake || (timer_.active() && timerFor_ <= *wake)) return;  // an early timer only looks and arms again
    timerFor_ = *wake;
    timer_ = shared_->loop.after(*wake - now, [weak = weak_from_this()] {
      if (const auto self = weak.lock(); self && self->live_ && !self->scheduled_) self->pump();
    });
  }

  void end(Result<void> result) {
    auto onEnd = std::move(handlers_.onEnd);
    cancel();
    if (onEnd) onEnd(std::move(result));
  }

  std::shared_ptr<Shared> shared_;
  TransportRequest request_;
  StreamHandlers handlers_;
  std::unique_ptr<Stream> stream_;
  Timer timer_;
  TimePoint timerFor_{};
  TimePoint lastData_{};
  Duration idle_{};
  bool scheduled_ = false;
  bool live_ = true;
};

DirectTransport::DirectTransport(Loop& loop, ApiServer& server) : shared_(std::make_shared<Shared>(Shared{loop, server, true, {}})) {}

DirectTransport::~DirectTransport() {
  shared_->open = false;
  for (const auto& stream : std::vector(shared_->streams.begin(), shared_->streams.end())) stream->cancel();
}

Pending DirectTransport::call(TransportRequest request, UniqueFunction<void(Result<TransportResponse>)> done) {
  auto call = std::make_shared<Call>(shared_, std::move(request), std::move(done));
  call->start();
  return Pending([call] { call->cancel(); });
}

Pending DirectTransport::stream(TransportRequest request, StreamHandlers handlers) {
  auto streaming = std::make_shared<Streaming>(shared_, std::move(request), std::move(handlers));
  streaming->start();
  return Pending([weak = std::weak_ptr(streaming)] {
    if (const auto live = weak.lock()) live->cancel();
  });
}

}  // namespace spawner::cluster
