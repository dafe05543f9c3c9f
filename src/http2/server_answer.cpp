// ServerConnection: what exchanges ask of it: bodies, answers, resets. Nothing happens once their stream is over.
#include "http/router.hpp"
#include "http2/convert.hpp"
#include "http2/server_connection.hpp"

namespace spawner::http2 {

void ServerConnection::startBody(const StreamPtr& stream) {
  stream->bodyStarted = true;
  makeDue(stream);
}

void ServerConnection::resumeBody(const StreamPtr& stream) {
  stream->bodyPaused = false;
  makeDue(stream);
}

/// An answer of our own.
void ServerConnection::answer(const StreamPtr& stream, const http::Refusal& refusal) {
  ++core_->stats.refused;
  core_->stats.limits.count(refusal.reason);
  http::Response problem = http::problem(refusal.status, refusal.reason, refusal.detail);
  http::ResponseHead head;
  head.status = problem.status;
  head.headers = std::move(problem.headers);
  head.framing = http::Framing::Length;
  head.contentLength = problem.body.size();
  sendHead(stream, head);
  sendBody(stream, problem.body);
  finish(stream, std::nullopt);
}

void ServerConnection::sendInterim(const StreamPtr& stream, const http::ResponseHead& head) {
  if (stream->closed || stream->finished || stream->headSent) return;
  const auto fields = answerFields(head);
  if (!fields || !core_) return;
  // No window holds heads back, and a handler may send many of these. Bodies and a last head are bounded for each stream.
  for (const auto& [name, value] : *fields) interimUnsent_ += name.size() + value.size() + 32;
  if (interimUnsent_ > core_->options.maxUnsentBytes) {
    core_->stats.limits.count("SlowReader");
    return reset(stream, cancel);
  }
  session_.interim(stream->id, *fields);
  schedule();
}

void ServerConnection::sendHead(const StreamPtr& stream, const http::ResponseHead& head) {
  if (stream->closed || stream->finished || stream->headSent) return;
  stream->headSent = true;
  auto fields = answerFields(head, stream->headRequest);
  if (!fields) {
    stream->bodyless = true;
    session_.answer(stream->id, {{":status", "500"}}, true);
    stream->goneDue = true;
    return makeDue(stream);
  }
  if (core_ && head.status >= 200 && !head.headers.has(http::DateField::name))
    if (const std::string_view date = core_->date.value(loop_); !date.empty()) fields->emplace_back("date", date);
  stream->bodyless = head.framing == http::Framing::None || stream->headRequest || head.status == 204 || head.status == 304;
  stream->answerHasLength = head.framing == http::Framing::Length && !stream->bodyless;
  stream->answerLeft = stream->answerHasLength ? head.contentLength : 0;
  if (stream->answerHasLength && stream->answerLeft == 0) {
    stream->emptyHead = std::move(*fields);
    return;
  }
  session_.answer(stream->id, *fields, stream->bodyless);
  schedule();
}

void ServerConnection::sendBody(const StreamPtr& stream, std::string_view bytes) {
  if (stream->closed || stream->finished || bytes.empty()) return;
  if (!stream->headSent || (stream->answerHasLength && bytes.size() > stream->answerLeft))
    return reset(stream, internalError);  // the handler's mistake (or an upstream's): never a wrong body
  if (stream->bodyless) return;
  if (core_ && session_.unsent(stream->id) > core_->options.maxUnsentBytes) {
    core_->stats.limits.count("SlowReader");
    return reset(stream, cancel);
  }
  if (stream->answerHasLength) stream->answerLeft -= bytes.size();
  session_.send(stream->id, bytes);
  schedule();
}

void ServerConnection::finish(const StreamPtr& stream, std::optional<Fields> trailers) {
  if (stream->closed || stream->finished) return;
  if (!stream->headSent) {
    stream->headSent = stream->finished = true;
    session_.answer(stream->id, {{":status", "500"}}, true);
    return schedule();
  }
  if (stream->answerLeft > 0) return reset(stream, internalError);
  stream->finished = true;
  if (stream->emptyHead) {  // without trailers it needs no DATA frame, which would wait for the window of the connection
    stream->bodyless = !trailers || trailers->empty();
    session_.answer(stream->id, *stream->emptyHead, stream->bodyless);
  }
  if (!stream->bodyless) session_.end(stream->id, std::move(trailers));
  schedule();
}

void ServerConnection::reset(const StreamPtr& stream, std::uint32_t errorCode) {
  if (stream->closed || stream->finished) return;
  stream->finished = true;
  session_.reset(stream->id, errorCode);
  schedule();
}

}  // namespace spawner::http2
