#include "cluster/server.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>

#include "base/text.hpp"
#include "cluster/failure.hpp"
#include "http/call.hpp"

namespace spawner::cluster {

namespace {

constexpr std::size_t maxBuffered = 256 * 1024;  // of one stream: beyond it the log of the store is the buffer
constexpr int chunksATurn = 64;

http::Response httpResponse(Response&& from) {
  http::Response out;
  out.status = from.status;
  out.headers.add("Content-Type", from.contentType);
  out.headers.add("Cache-Control", "no-cache, private");
  for (auto& [name, value] : from.headers) out.headers.add(std::move(name), std::move(value));
  out.body = std::move(from.body);
  return out;
}

/// Compares in a time that does not depend on where they differ.
bool sameSecret(std::string_view a, std::string_view b) {
  unsigned difference = a.size() == b.size() ? 0 : 1;
  for (std::size_t i = 0; i < a.size(); ++i)
    difference |= static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b.empty() ? 0 : b[i % b.size()]);
  return difference == 0;
}

/// "[::1]:8080" → "::1"; "localhost:8080" → "localhost".
std::string_view hostName(std::string_view host) {
  if (host.starts_with('[')) return host.substr(1, host.find(']') - 1);
  return host.substr(0, host.find(':'));
}

/// The token of "Bearer TOKEN" (RFC 6750 §2.1), the password of "Basic …" (RFC 7617 §2); empty when it is neither.
std::string secretOf(std::string_view authorization) {
  constexpr std::string_view bearer = "Bearer ", basic = "Basic ";
  if (authorization.starts_with(bearer)) return std::string(authorization.substr(bearer.size()));
  if (!authorization.starts_with(basic)) return {};
  const std::optional<std::string> pair = base64Decode(authorization.substr(basic.size()));
  const std::size_t colon = pair ? pair->find(':') : std::string::npos;
  return colon == std::string::npos ? std::string() : pair->substr(colon + 1);
}

}  // namespace

struct Server::Impl {
  /// A streamed answer on its way: pulls from the core as the socket takes.
  class Streaming;

  Impl(Loop& givenLoop, ApiServer& givenApi, ServerOptions givenOptions)
      : loop(givenLoop),
        api(givenApi),
        options(std::move(givenOptions)),
        front(loop, http::callHandler([this](std::unique_ptr<http::Call> call) { handle(std::move(call)); }, api.options().maxBodyBytes),
              http::FrontOptions{options.limits, {}}) {}

  [[nodiscard]] Now now() const { return {loop.now(), loop.wallNow()}; }
  void handle(std::unique_ptr<http::Call> call);
  [[nodiscard]] std::optional<Failure> refuse(const http::RequestHead& head) const;

  Loop& loop;
  ApiServer& api;
  ServerOptions options;
  std::unordered_set<std::shared_ptr<Streaming>> streams;
  bool draining = false;
  http::Front front;  // last: its exchanges go before the streams that write to them
};

class Server::Impl::Streaming : public std::enable_shared_from_this<Streaming> {
 public:
  Streaming(Impl& server, std::unique_ptr<Stream> stream, std::unique_ptr<http::StreamWriter> writer)
      : server_(server), stream_(std::move(stream)), writer_(std::move(writer)) {}

  void start() {
    server_.streams.insert(shared_from_this());
    const auto later = [weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->schedule();
    };
    stream_->onWake(later);
    writer_->onDrained(later);
    writer_->onGone([weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->close(false);
    });
    schedule();
  }
  /// `cleanly`: with the last chunk, so that the client sees an end and not a break.
  void close(bool cleanly) {
    const auto self = shared_from_this();
    if (!writer_) return;
    if (cleanly) writer_->end();
    writer_.reset();
    stream_.reset();
    timer_.cancel();
    server_.streams.erase(self);
  }

 private:
  void schedule() {
    if (std::exchange(scheduled_, true)) return;
    server_.loop.post([weak = weak_from_this()] {
      if (const auto self = weak.lock(); self && self->writer_) self->pump();
    });
  }
  void pump() {
    scheduled_ = false;
    for (int i = 0; i < chunksATurn; ++i) {
      if (writer_->unsent() > maxBuffered) return;  // onDrained goes on
      const auto chunk = stream_->next(server_.now());
      if (!chunk) return settle();
      if (!writer_->write(*chunk)) return close(false);
      if (!writer_) return;
    }
    schedule();
  }
  void settle() {
    if (stream_->ended()) return close(true);
    const std::optional<TimePoint> wake = stream_->wakeAt();
    if (!wake || (timer_.active() && timerFor_ <= *wake)) return;
    timerFor_ = *wake;
    timer_ = server_.loop.after(*wake - server_.loop.now(), [weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->schedule();
    });
  }

  Impl& server_;
  std::unique_ptr<Stream> stream_;
  std::unique_ptr<http::StreamWriter> writer_;
  Timer timer_;
  TimePoint timerFor_{};
  bool scheduled_ = false;
};

std::optional<Failure> Server::Impl::refuse(const http::RequestHead& head) const {
  const std::string_view host = hostName(head.host());
  const bool hostKnown = std::any_of(options.allowedHosts.begin(), options.allowedHosts.end(), [host](const std::string& allowed) {
    return http::equalsIgnoreCase(host, allowed.starts_with('[') ? hostName(allowed) : allowed);
  });
  if (!options.allowedHosts.empty() && !hostKnown)
    return Failure{403, "Forbidden", fmt::format("host \"{}\" is not served here", host), Json::object(), {}};
  const std::string_view path = head.path();
  if (options.bearerToken.empty() || path == "/healthz" || path == "/livez" || path == "/readyz") return std::nullopt;
  if (sameSecret(secretOf(head.headers.get("Authorization")), options.bearerToken)) return std::nullopt;
  return Failure{401, "Unauthorized", "Unauthorized", {}, {}};
}

void Server::Impl::handle(std::unique_ptr<http::Call> call) {
  if (auto failure = refuse(call->head())) return call->respond(httpResponse(failure->response()));
  Request request;
  request.method = call->head().method;
  request.target = call->head().target;
  for (const auto& [name, value] : call->head().headers.fields()) request.headers.emplace_back(name, value);
  request.body = call->body();
  Response response = api.handle(request, now());
  if (!response.stream) return call->respond(httpResponse(std::move(response)));
  http::Headers headers;
  headers.add("Content-Type", response.contentType);
  headers.add("Cache-Control", "no-cache, private");
  auto streaming = std::make_shared<Streaming>(*this, std::move(response.stream), call->stream(response.status, std::move(headers)));
  streaming->start();
  if (draining) streaming->close(true);
}

Server::Server(Loop& loop, ApiServer& api, ServerOptions options) : impl_(std::make_unique<Impl>(loop, api, std::move(options))) {}

Server::~Server() {
  for (const auto& stream : std::vector(impl_->streams.begin(), impl_->streams.end())) stream->close(false);
}

Result<void> Server::listen(const SocketAddress& address) { return impl_->front.listen(address); }
std::uint16_t Server::port() const { return impl_->front.port(); }

void Server::drain(Task done) {
  impl_->draining = true;
  for (const auto& stream : std::vector(impl_->streams.begin(), impl_->streams.end())) stream->close(true);
  impl_->front.drain(std::move(done));
}

}  // namespace spawner::cluster
