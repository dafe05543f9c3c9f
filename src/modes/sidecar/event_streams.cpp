#include "modes/sidecar/event_streams.hpp"

#include "http/router.hpp"
#include "http/sse.hpp"

namespace spawner::sidecar {

void EventStreams::serve(std::unique_ptr<http::Call> call) {
  const auto stream = std::make_shared<Stream>();
  const std::weak_ptr<Stream> weak = stream;
  auto subscription = publisher_.subscribe([weak](std::string_view json) {
    const auto self = weak.lock();
    return self && self->writer && send(self, json);
  });
  if (!subscription) {
    ++refused_;
    return call->respond(http::problem(503, "TooManyReaders", subscription.error().message));
  }
  stream->subscription = std::move(*subscription);
  http::Headers headers;
  headers.set("Content-Type", "text/event-stream");
  headers.set("Cache-Control", "no-cache");
  stream->writer = call->stream(200, std::move(headers));
  stream->place = streams_.insert(streams_.end(), stream);
  stream->writer->onGone([this, weak] { remove(weak); });
  stream->writer->onDrained([weak] {
    if (const auto self = weak.lock()) self->subscription.drained();
  });
}

/// False: the reader has not taken all of it yet; it gets the newest state when it has.
bool EventStreams::send(const std::shared_ptr<Stream>& stream, std::string_view json) {
  http::SseEvent event;
  event.data = json;
  return stream->writer->write(http::encodeSse(event)) && stream->writer->unsent() == 0;
}

void EventStreams::remove(const std::weak_ptr<Stream>& weak) {
  const auto stream = weak.lock();
  if (!stream || stream->over) return;
  stream->over = true;
  stream->subscription.reset();
  streams_.erase(stream->place);
}

}  // namespace spawner::sidecar
