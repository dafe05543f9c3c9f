#include "http2/session.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/die.hpp"
#include "base/text.hpp"
#include "http2/nghttp2.hpp"

namespace spawner::http2 {
namespace {

std::string_view view(const std::uint8_t* bytes, std::size_t length) { return {reinterpret_cast<const char*>(bytes), length}; }
std::uint8_t* raw(std::string_view text) { return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data())); }

/// Borrowed views of the fields, as libnghttp2 wants them; it copies.
std::vector<nghttp2_nv> pairs(const Fields& fields) {
  std::vector<nghttp2_nv> all;
  all.reserve(fields.size());
  for (const auto& [name, value] : fields) all.push_back({raw(name), raw(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE});
  return all;
}

std::string said(std::string_view what, long code) { return std::string(what) + ": " + http2::nghttp2_strerror(static_cast<int>(code)); }

}  // namespace

/// What libnghttp2 calls. `user` is the Session.
struct Session::Glue {
  static Session& self(void* user) { return *static_cast<Session*>(user); }
  static bool opensRequest(const nghttp2_frame& frame) {
    return frame.hd.type == NGHTTP2_HEADERS && frame.headers.cat == NGHTTP2_HCAT_REQUEST;
  }

  static int onBeginHeaders(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    Session& session = self(user);
    session.building_ = Head{};
    session.headBytes_ = session.headFields_ = 0;
    session.cookie_.clear();
    if (opensRequest(*frame)) session.events_.onBegin(frame->hd.stream_id);
    return 0;
  }

  static int onHeader(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* nameBytes, std::size_t nameLength,
                      const std::uint8_t* valueBytes, std::size_t valueLength, std::uint8_t, void* user) {
    Session& session = self(user);
    if (frame->hd.type != NGHTTP2_HEADERS) return 0;
    const std::string_view name = view(nameBytes, nameLength);
    const std::string_view value = view(valueBytes, valueLength);
    Head& head = session.building_;
    session.headBytes_ += nameLength + valueLength + 32;  // RFC 9113 §6.5.2
    ++session.headFields_;
    if (session.headBytes_ > session.limits_.maxHeadBytes || session.headFields_ > session.limits_.maxHeadFields) {
      head.tooLarge = true;
      return 0;
    }
    if (name == ":method") {
      head.method = value;
    } else if (name == ":scheme") {
      head.scheme = value;
    } else if (name == ":authority") {
      head.authority = value;
    } else if (name == ":path") {
      head.path = value;
    } else if (name == ":status") {
      head.status = static_cast<int>(parseUnsigned(value, 999).value_or(0));
    } else if (name == "cookie") {  // RFC 9113 §8.2.3: its pieces are one field
      session.cookie_.append(session.cookie_.empty() ? "" : "; ").append(value);
    } else if (!name.starts_with(':')) {
      head.headers.add(name, value);
    }
    return 0;
  }

  /// A reset that crosses the end of its stream costs nothing: after an early answer the client is right to send it.
  static int onReset(nghttp2_session* session, Session& owner, StreamId id) {
    const bool live = nghttp2_session_get_stream_remote_close(session, id) >= 0;
    return !live || owner.mayReset(owner.now_) ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
  }

  static int onFrame(nghttp2_session* inner, const nghttp2_frame* frame, void* user) {
    Session& session = self(user);
    const StreamId id = frame->hd.stream_id;
    const bool end = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    switch (frame->hd.type) {
      case NGHTTP2_HEADERS: {
        Head head = std::move(session.building_);
        session.building_ = Head{};
        if (!session.cookie_.empty()) head.headers.add("cookie", std::exchange(session.cookie_, {}));
        head.end = end;
        if (opensRequest(*frame) || head.status != 0) {
          session.events_.onHead(id, std::move(head));
        } else if (!head.tooLarge) {
          session.events_.onTrailers(id, std::move(head.headers));
        }
        if (end) session.events_.onEnd(id);
        return 0;
      }
      case NGHTTP2_DATA:
        if (end) session.events_.onEnd(id);
        return 0;
      case NGHTTP2_RST_STREAM: return onReset(inner, session, id);
      case NGHTTP2_SETTINGS:
        if ((frame->hd.flags & NGHTTP2_FLAG_ACK) == 0 && !std::exchange(session.settingsSeen_, true)) session.events_.onSettings();
        return 0;
      case NGHTTP2_GOAWAY: session.events_.onGoaway(); return 0;
      case NGHTTP2_PING:
        if ((frame->hd.flags & NGHTTP2_FLAG_ACK) != 0) session.events_.onShutdownSeen();  // we send no other
        return 0;
      default: return 0;
    }
  }

  /// A frame that makes us reset its stream costs as much as a reset by the peer. At once: what waits for a peer that does not read is
  /// bounded.
  static int onInvalidFrame(nghttp2_session*, const nghttp2_frame* frame, int, void* user) {
    Session& session = self(user);
    session.paid_[frame->hd.stream_id] = std::nullopt;
    return session.mayReset(session.now_) ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
  }

  static int onData(nghttp2_session*, std::uint8_t, std::int32_t id, const std::uint8_t* bytes, std::size_t length, void* user) {
    self(user).events_.onData(id, view(bytes, length));
    return 0;
  }

  static int onClose(nghttp2_session*, std::int32_t id, std::uint32_t errorCode, void* user) {
    Session& session = self(user);
    session.outgoing_.erase(id);
    session.events_.onClosed(id, id == session.notSent_ ? refusedStream : errorCode);
    return 0;
  }

  /// Libnghttp2 resets streams of its own accord, without onInvalidFrame where a body has not the length that was announced: the peer made
  /// it do so (CVE-2025-8671). receive() says so when that is too often.
  static void onResetSent(Session& session, StreamId id, std::uint32_t errorCode) {
    const auto paid = session.paid_.find(id);
    const bool free = paid != session.paid_.end() && paid->second.value_or(errorCode) == errorCode;
    if (paid != session.paid_.end()) session.paid_.erase(paid);
    if (!free && errorCode != NGHTTP2_NO_ERROR) (void)session.mayReset(session.now_);
  }

  /// A server's answer is complete before its request: the rest is not wanted (RFC 9113 §8.1).
  static int onSent(nghttp2_session* session, const nghttp2_frame* frame, void* user) {
    if (frame->hd.type == NGHTTP2_GOAWAY && frame->goaway.error_code != NGHTTP2_NO_ERROR) self(user).faulty_ = true;
    if (self(user).side_ == Side::Client) return 0;
    if (frame->hd.type == NGHTTP2_RST_STREAM) onResetSent(self(user), frame->hd.stream_id, frame->rst_stream.error_code);
    const bool carries = frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS;
    if (!carries || (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0 || frame->hd.stream_id % 2 == 0) return 0;
    if (nghttp2_session_get_stream_remote_close(session, frame->hd.stream_id) == 0)
      nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_NO_ERROR);
    return 0;
  }

  /// A client's request that never went out (GOAWAY came before): nobody has acted upon it. onClose follows. A server's head or trailers
  /// that cannot be sent: the client would wait for ever.
  static int onNotSent(nghttp2_session*, const nghttp2_frame* frame, int code, void* user) {
    const bool over = code == NGHTTP2_ERR_STREAM_CLOSED || code == NGHTTP2_ERR_STREAM_CLOSING || code == NGHTTP2_ERR_SESSION_CLOSING;
    if (self(user).side_ == Side::Server && frame->hd.type == NGHTTP2_HEADERS && !over)
      self(user).reset(frame->hd.stream_id, internalError);
    if (opensRequest(*frame)) self(user).notSent_ = frame->hd.stream_id;
    if (frame->hd.type == NGHTTP2_RST_STREAM) self(user).paid_.erase(frame->hd.stream_id);
    return 0;
  }

  static ssize_t read(nghttp2_session* session, std::int32_t id, std::uint8_t* out, std::size_t space, std::uint32_t* flags,
                      nghttp2_data_source*, void* user) {
    Session& owner = self(user);
    const auto found = owner.outgoing_.find(id);
    if (found == owner.outgoing_.end()) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    Outgoing& outgoing = found->second;
    const std::size_t taken = std::min(space, outgoing.bytes.size() - outgoing.at);
    std::memcpy(out, outgoing.bytes.data() + outgoing.at, taken);
    outgoing.at += taken;
    outgoing.sent += taken;
    const bool empty = outgoing.at == outgoing.bytes.size();
    if (empty) {
      std::string().swap(outgoing.bytes);
      outgoing.at = 0;
    }
    if (empty && outgoing.ended) {
      *flags |= NGHTTP2_DATA_FLAG_EOF;
      if (outgoing.trailers) {
        *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
        const auto all = pairs(*outgoing.trailers);
        nghttp2_submit_trailer(session, id, all.data(), all.size());
      }
    }
    if (taken == 0 && !outgoing.ended) {
      outgoing.waiting = true;
      return NGHTTP2_ERR_DEFERRED;
    }
    if (empty && taken > 0) owner.events_.onDrained(id);
    return static_cast<ssize_t>(taken);
  }
};

Session::Session(Side side, SessionLimits limits, Events& events)
    : side_(side),
      limits_(limits),
      events_(events),
      prefaceLeft_(side == Side::Server ? NGHTTP2_CLIENT_MAGIC_LEN : 0),
      resetsLeft_(static_cast<double>(limits.maxResets)) {
  if (http2::nghttp2_session_callbacks_new == nullptr) die("an HTTP/2 session without libnghttp2");
  nghttp2_session_callbacks* callbacks = nullptr;
  nghttp2_option* option = nullptr;
  if (nghttp2_session_callbacks_new(&callbacks) != 0 || nghttp2_option_new(&option) != 0) die("no memory for an HTTP/2 session");
  nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, Glue::onBeginHeaders);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, Glue::onHeader);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, Glue::onFrame);
  nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks, Glue::onInvalidFrame);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, Glue::onData);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, Glue::onClose);
  nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, Glue::onSent);
  nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks, Glue::onNotSent);
  nghttp2_option_set_no_auto_window_update(option, 1);
  nghttp2_option_set_no_closed_streams(option, 1);
  nghttp2_option_set_max_outbound_ack(option, limits.maxOutboundAcks);
  nghttp2_option_set_max_send_header_block_length(option, std::min(limits.maxSendHeadBytes, maxSendHead));
  // The limit is ours (mayReset): its own would end a connection with another code, and uncounted.
  nghttp2_option_set_stream_reset_rate_limit(option, UINT64_MAX / 2, UINT64_MAX / 2);
  const int made = side == Side::Server ? nghttp2_session_server_new2(&session_, callbacks, this, option)
                                        : nghttp2_session_client_new2(&session_, callbacks, this, option);
  nghttp2_option_del(option);
  nghttp2_session_callbacks_del(callbacks);
  if (made != 0) die(said("no HTTP/2 session", made));

  std::vector<nghttp2_settings_entry> settings = {
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, limits.streamWindow},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, static_cast<std::uint32_t>(limits.maxHeadBytes)},
  };
  if (side == Side::Server) {
    settings.push_back({NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, limits.maxStreams});
  } else {
    settings.push_back({NGHTTP2_SETTINGS_ENABLE_PUSH, 0});
  }
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings.data(), settings.size());
  nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0, static_cast<std::int32_t>(limits.connectionWindow));
}

Session::~Session() { nghttp2_session_del(session_); }

Result<void> Session::upgraded(std::string_view settings, bool headRequest) {
  const int done = nghttp2_session_upgrade2(session_, raw(settings), settings.size(), headRequest ? 1 : 0, nullptr);
  if (done != 0) return Error{ErrorKind::Protocol, said("HTTP2-Settings", done), {}};
  return {};
}

Result<void> Session::receive(std::string_view bytes, TimePoint now) {
  now_ = now;
  follow(bytes);
  const ssize_t taken = flooded_ || bytes.empty() ? 0 : nghttp2_session_mem_recv(session_, raw(bytes), bytes.size());
  if (flooded_) {
    terminate(enhanceYourCalm);
    return Error{ErrorKind::Limit, "the peer resets streams faster than is allowed", {}};
  }
  if (taken == NGHTTP2_ERR_FLOODED) return Error{ErrorKind::Limit, "the peer asks for answers and does not read them", {}};
  if (taken < 0) {
    terminate(protocolError);
    return Error{ErrorKind::Protocol, said("the peer breaks HTTP/2", taken), {}};
  }
  return {};
}

/// Counts what libnghttp2 was given into preface, heads of frames and payloads (RFC 9113 §4.1).
void Session::follow(std::string_view bytes) {
  constexpr std::size_t headBytes = 9, lengthBytes = 3;
  if (!bytes.empty() && prefaceLeft_ > 0) skip_ = std::exchange(prefaceLeft_, 0);
  while (!bytes.empty()) {
    const std::size_t skipped = std::min(skip_, bytes.size());
    skip_ -= skipped;
    bytes.remove_prefix(skipped);
    for (; skip_ == 0 && !bytes.empty(); bytes.remove_prefix(1)) {
      if (headRead_ < lengthBytes) frameLength_ = frameLength_ << 8 | static_cast<unsigned char>(bytes.front());
      if (++headRead_ < headBytes) continue;
      headRead_ = 0;
      skip_ = std::exchange(frameLength_, 0);
    }
  }
}

std::string_view Session::output() {
  const std::uint8_t* bytes = nullptr;
  const ssize_t length = nghttp2_session_mem_send(session_, &bytes);
  return length > 0 ? view(bytes, static_cast<std::size_t>(length)) : std::string_view();
}

bool Session::over() const { return nghttp2_session_want_read(session_) == 0 && nghttp2_session_want_write(session_) == 0; }

StreamId Session::request(const Fields& fields, bool end) {
  const auto all = pairs(fields);
  const nghttp2_data_provider body{{}, Glue::read};
  const StreamId id = nghttp2_submit_request(session_, nullptr, all.data(), all.size(), end ? nullptr : &body, nullptr);
  if (id <= 0) return 0;
  if (!end) outgoing_[id];
  return id;
}

void Session::interim(StreamId id, const Fields& fields) {
  const auto all = pairs(fields);
  nghttp2_submit_headers(session_, NGHTTP2_FLAG_NONE, id, nullptr, all.data(), all.size(), nullptr);
}

void Session::answer(StreamId id, const Fields& fields, bool end) {
  const auto all = pairs(fields);
  const nghttp2_data_provider body{{}, Glue::read};
  if (!end) outgoing_[id];
  nghttp2_submit_response(session_, id, all.data(), all.size(), end ? nullptr : &body);
}

void Session::resume(StreamId id, Outgoing& outgoing) {
  if (std::exchange(outgoing.waiting, false)) nghttp2_session_resume_data(session_, id);
}

void Session::send(StreamId id, std::string_view bytes) {
  const auto found = outgoing_.find(id);
  if (found == outgoing_.end() || found->second.ended || bytes.empty()) return;
  Outgoing& outgoing = found->second;
  if (outgoing.at > outgoing.bytes.size() / 2) outgoing.bytes.erase(0, std::exchange(outgoing.at, 0));
  outgoing.bytes += bytes;
  resume(id, outgoing);
}

void Session::end(StreamId id, std::optional<Fields> trailers) {
  const auto found = outgoing_.find(id);
  if (found == outgoing_.end() || found->second.ended) return;
  found->second.ended = true;
  found->second.trailers = std::move(trailers);
  resume(id, found->second);
}

std::size_t Session::unsent(StreamId id) const {
  const auto found = outgoing_.find(id);
  return found == outgoing_.end() ? 0 : found->second.bytes.size() - found->second.at;
}

bool Session::waits(StreamId id) const {
  const auto found = outgoing_.find(id);
  return found != outgoing_.end() && (found->second.ended || found->second.at < found->second.bytes.size());
}

bool Session::sending(StreamId id) const { return nghttp2_session_get_stream_local_close(session_, id) == 0; }

std::uint64_t Session::sent(StreamId id) const {
  const auto found = outgoing_.find(id);
  return found == outgoing_.end() ? 0 : found->second.sent;
}

void Session::consumed(StreamId id, std::size_t bytes) { nghttp2_session_consume(session_, id, bytes); }

void Session::reset(StreamId id, std::uint32_t errorCode) {
  if (side_ == Side::Server) paid_.emplace(id, errorCode);
  nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, id, errorCode);
}

void Session::announceShutdown() {
  nghttp2_submit_shutdown_notice(session_);
  nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, nullptr);
}

void Session::shutdown() {
  nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(session_), NGHTTP2_NO_ERROR, nullptr, 0);
}

void Session::terminate(std::uint32_t errorCode) { nghttp2_session_terminate_session(session_, errorCode); }

std::uint32_t Session::peerMaxStreams() const {
  return nghttp2_session_get_remote_settings(session_, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
}

/// A server's streams are its client's to open and reset: a token bucket, maxResets at once, resetsPerSecond going on.
bool Session::mayReset(TimePoint now) {
  if (side_ == Side::Client) return true;
  ++resets_;
  const double seconds = std::chrono::duration<double>(now - refilled_).count();
  refilled_ = now;
  resetsLeft_ = std::min(static_cast<double>(limits_.maxResets), resetsLeft_ + seconds * limits_.resetsPerSecond);
  resetsLeft_ -= 1;
  flooded_ = flooded_ || resetsLeft_ < 0;
  return !flooded_;
}

}  // namespace spawner::http2
