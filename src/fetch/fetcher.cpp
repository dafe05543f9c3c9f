// Libcurl's sockets and timers on the loop. Rule: the user's call-backs never run inside libcurl. Its call-backs only note what came
// (Transfer); after each curl_multi_socket_action deliver() tells it. So a call-back may cancel, start, or destroy the transport.
#include "fetch/fetcher.hpp"

#include <unordered_map>
#include <utility>
#include <vector>

#include "fetch/transfer.hpp"

namespace spawner::fetch {

struct HttpTransport::Impl : std::enable_shared_from_this<HttpTransport::Impl> {
  Impl(Loop& loopIn, HttpTransportOptions optionsIn) : loop(loopIn), options(std::move(optionsIn)), multi(curl_multi_init()) {
    curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, &Impl::onSocket);
    curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, this);
    curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, &Impl::onTimer);
    curl_multi_setopt(multi, CURLMOPT_TIMERDATA, this);
    curl_multi_setopt(multi, CURLMOPT_PIPELINING, static_cast<long>(CURLPIPE_NOTHING));
  }
  ~Impl() {
    close();
    for (CURL* easy : idleHandles) curl_easy_cleanup(easy);
    curl_multi_cleanup(multi);
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  // --- libcurl asks
  static int onSocket(CURL*, curl_socket_t fd, int what, void* user, void*) {
    static_cast<Impl*>(user)->watchSocket(fd, what);
    return 0;
  }
  static int onTimer(CURLM*, long milliseconds, void* user) {
    static_cast<Impl*>(user)->setTimer(milliseconds);
    return 0;
  }
  void watchSocket(int fd, int what) {
    if (what == CURL_POLL_REMOVE || closed) {
      watches.erase(fd);
      return;
    }
    const Interest interest{(what & CURL_POLL_IN) != 0, (what & CURL_POLL_OUT) != 0, false};
    if (const auto it = watches.find(fd); it != watches.end()) {
      it->second.set(interest);
      return;
    }
    watches.emplace(fd, loop.watch(fd, interest, [this, fd](Interest ready) {
      const int flags =
          (ready.readable ? CURL_CSELECT_IN : 0) | (ready.writable ? CURL_CSELECT_OUT : 0) | (ready.hangup ? CURL_CSELECT_ERR : 0);
      act(fd, flags);
    }));
  }
  void setTimer(long milliseconds) {
    curlTimer.cancel();
    if (milliseconds < 0 || closed) return;
    curlTimer = loop.after(std::chrono::milliseconds(milliseconds), [this] { act(CURL_SOCKET_TIMEOUT, 0); });
  }

  // --- the loop tells
  void act(curl_socket_t fd, int flags) {
    const std::shared_ptr<Impl> alive = shared_from_this();
    int running = 0;
    curl_multi_socket_action(multi, fd, flags, &running);
    int left = 0;
    while (CURLMsg* message = curl_multi_info_read(multi, &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      Transfer* transfer = nullptr;
      curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
      const CURLcode code = message->data.result;  // the message dies with the handle's removal
      transfer->finish(code);
      detach(*transfer);
    }
    deliver();
  }

  void deliver() {
    while (!news.empty() && !closed) {
      for (const std::shared_ptr<Transfer>& transfer : std::exchange(news, {})) {
        transfer->touched = false;
        tell(*transfer);
      }
    }
  }

  /// Gives the user what there is. Each call-back may cancel this transfer (or all): look after each one.
  void tell(Transfer& transfer) {
    if (transfer.cancelled) return;
    if (transfer.streaming && transfer.headComplete && !transfer.headDelivered) {
      transfer.headDelivered = true;
      if (transfer.success()) watchIdle(transfer, transfer.request.idleTimeout);
      transfer.handlers.onHead(transfer.answer);
      if (transfer.cancelled) return;
    }
    if (!transfer.undelivered.empty()) {
      const std::string bytes = std::exchange(transfer.undelivered, {});
      transfer.handlers.onData(bytes);
      if (transfer.cancelled) return;
    }
    if (!transfer.ended) return;
    transfer.timer.cancel();
    if (transfer.failure) ++stats.errors;
    transfers.erase(transfer.id);  // deliver() still holds it
    if (transfer.streaming) {
      transfer.handlers.onEnd(transfer.failure ? Result<void>(transfer.failure->in(transfer.what())) : Result<void>());
    } else if (transfer.failure) {
      transfer.done(transfer.failure->in(transfer.what()));
    } else {
      transfer.done(std::move(transfer.answer));
    }
  }

  // --- time
  void expire(std::uint64_t id, std::string_view what, Duration limit) {
    const std::shared_ptr<Impl> alive = shared_from_this();
    const auto it = transfers.find(id);
    if (it == transfers.end()) return;
    Transfer& transfer = *it->second;
    curl_off_t connected = 0;  // libcurl's time of "ready to send"; 0 before
    if (transfer.easy != nullptr) curl_easy_getinfo(transfer.easy, CURLINFO_PRETRANSFER_TIME_T, &connected);
    const std::string seconds = std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(limit).count()) + " ms";
    transfer.failure = Error{ErrorKind::Timeout, (connected == 0 ? "no connection" : std::string(what)) + " within " + seconds, {}};
    transfer.ended = true;
    transfer.touch();
    detach(transfer);
    deliver();
  }
  void watchIdle(Transfer& transfer, Duration delay) {
    transfer.timer.cancel();
    if (transfer.request.idleTimeout <= Duration::zero()) return;
    transfer.timer = loop.after(delay, [this, id = transfer.id] {
      const auto it = transfers.find(id);
      if (it == transfers.end()) return;
      // One timer for many bytes: it looks at the last one when it fires, and waits for the rest.
      const Duration left = it->second->request.idleTimeout - (loop.now() - it->second->lastByte);
      if (left > Duration::zero()) return watchIdle(*it->second, left);
      expire(id, "no byte", it->second->request.idleTimeout);
    });
  }

  // --- the user asks
  Pending start(std::shared_ptr<Transfer> transfer) {
    transfers.emplace(transfer->id, transfer);
    transfer->lastByte = loop.now();
    CURL* easy = nullptr;
    if (idleHandles.empty()) {
      easy = curl_easy_init();
    } else {
      easy = idleHandles.back();
      idleHandles.pop_back();
    }
    transfer->easy = easy;
    Result<void> configured = easy != nullptr ? transfer->configure(easy) : Error{ErrorKind::Limit, "out of memory", {}};
    if (configured) {
      boundCache();
      const CURLMcode code = curl_multi_add_handle(multi, easy);
      if (code != CURLM_OK) configured = Error{ErrorKind::Internal, curl_multi_strerror(code), {}};
      transfer->added = code == CURLM_OK;
    }
    if (configured) {
      const std::string_view what = transfer->streaming ? "no head of an answer" : "no complete answer";
      transfer->timer = loop.after(transfer->request.timeout,
                                   [this, id = transfer->id, what, limit = transfer->request.timeout] { expire(id, what, limit); });
    } else {
      transfer->failure = configured.error();
      transfer->ended = true;
      detach(*transfer);
      transfer->timer = loop.after(Duration::zero(), [this, id = transfer->id] {
        const std::shared_ptr<Impl> alive = shared_from_this();
        if (const auto it = transfers.find(id); it != transfers.end()) it->second->touch();
        deliver();
      });
    }
    return Pending([weak = weak_from_this(), id = transfer->id] {
      if (const std::shared_ptr<Impl> self = weak.lock()) self->cancel(id);
    });
  }
  void cancel(std::uint64_t id) {
    const auto it = transfers.find(id);
    if (it == transfers.end()) return;
    const std::shared_ptr<Transfer> transfer = std::move(it->second);
    transfers.erase(it);
    transfer->cancelled = true;
    transfer->timer.cancel();
    detach(*transfer);
  }
  void close() {
    closed = true;
    while (!transfers.empty()) cancel(transfers.begin()->first);
    news.clear();
    curlTimer.cancel();
    watches.clear();
  }

  /// Takes the transfer out of libcurl and keeps its handle for another. REQUIRES: not inside a call-back of libcurl, which is so because
  /// only act() enters libcurl's work and no call-back of libcurl runs foreign code.
  void detach(Transfer& transfer) {
    CURL* easy = std::exchange(transfer.easy, nullptr);
    if (easy == nullptr) return;
    if (std::exchange(transfer.added, false)) {
      long connects = 0;
      curl_easy_getinfo(easy, CURLINFO_NUM_CONNECTS, &connects);
      stats.connects += static_cast<std::uint64_t>(connects);
      curl_multi_remove_handle(multi, easy);
    }
    curl_easy_reset(easy);
    if (closed || idleHandles.size() >= options.maxIdleHandles) {
      curl_easy_cleanup(easy);
    } else {
      idleHandles.push_back(easy);
    }
    boundCache();
  }
  /// Libcurl counts connections in use too: with many streams a fixed bound would leave none for reuse.
  void boundCache() { curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, static_cast<long>(transfers.size() + options.maxIdleConnections)); }

  Loop& loop;
  HttpTransportOptions options;
  CURLM* multi;
  Timer curlTimer;
  std::unordered_map<int, FdWatch> watches;
  std::unordered_map<std::uint64_t, std::shared_ptr<Transfer>> transfers;
  Transfer::List news;  // those with something to tell
  std::vector<CURL*> idleHandles;
  std::uint64_t nextId = 1;
  HttpTransportStats stats;
  bool closed = false;
};

Result<std::unique_ptr<HttpTransport>> HttpTransport::make(Loop& loop, HttpTransportOptions options) {
  if (!options.baseUrl.empty())
    if (Result<void> checked = checkBaseUrl(options.baseUrl); !checked) return checked.error();
  if (Result<void> loaded = loadLibcurl(); !loaded) return loaded.error();
  return std::unique_ptr<HttpTransport>(new HttpTransport(std::make_shared<Impl>(loop, std::move(options))));
}

HttpTransport::HttpTransport(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpTransport::~HttpTransport() { impl_->close(); }

Pending HttpTransport::call(TransportRequest request, UniqueFunction<void(Result<TransportResponse>)> done) {
  ++impl_->stats.calls;
  auto transfer = std::make_shared<Transfer>(impl_->loop, impl_->options, impl_->news, impl_->nextId++, std::move(request), false);
  transfer->done = std::move(done);
  return impl_->start(std::move(transfer));
}

Pending HttpTransport::stream(TransportRequest request, StreamHandlers handlers) {
  ++impl_->stats.streams;
  auto transfer = std::make_shared<Transfer>(impl_->loop, impl_->options, impl_->news, impl_->nextId++, std::move(request), true);
  transfer->handlers = std::move(handlers);
  return impl_->start(std::move(transfer));
}

void HttpTransport::setClientCertificate(std::string certPem, std::string keyPem) {
  impl_->options.tls.clientCertPem = std::move(certPem);
  impl_->options.tls.clientKeyPem = std::move(keyPem);
}

HttpTransportStats HttpTransport::stats() const {
  HttpTransportStats stats = impl_->stats;
  stats.active = impl_->transfers.size();
  return stats;
}

}  // namespace spawner::fetch
