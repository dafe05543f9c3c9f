// StreamExchange: what a handler does with a request of HTTP/2.
#include "http2/convert.hpp"
#include "http2/server_connection.hpp"

namespace spawner::http2 {

StreamExchange::~StreamExchange() {
  if (stream_->exchange == nullptr) return;  // finished, aborted, or told that the client is gone
  letGo();
  if (stream_->headSent) {
    connection_->reset(stream_, internalError);
    return;
  }
  http::ResponseHead head;
  head.status = 500;
  connection_->sendHead(stream_, head);
  connection_->finish(stream_, std::nullopt);
}

/// The stream may outlive this object, which hears of nothing any more.
void StreamExchange::letGo() { stream_->exchange = nullptr; }

void StreamExchange::readBody(UniqueFunction<void(std::string_view)> onData, UniqueFunction<void()> onEnd) {
  onData_ = std::move(onData);
  onEnd_ = std::move(onEnd);
  connection_->startBody(stream_);
}

void StreamExchange::sendTrailers(const http::Headers& trailers) { trailers_ = trailerFields(trailers); }

void StreamExchange::finish() {
  letGo();
  connection_->finish(stream_, std::move(trailers_));
}

bool StreamExchange::reset(std::uint32_t errorCode) {
  letGo();
  connection_->reset(stream_, errorCode);
  return true;
}

void StreamExchange::onGone(UniqueFunction<void()> callback) {
  onGone_ = std::move(callback);
  if (stream_->goneDue) connection_->makeDue(stream_);
}

}  // namespace spawner::http2
