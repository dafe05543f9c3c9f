#pragma once
// ScriptedTransport: a Transport whose other side is the test: it sees each request and says, piece by piece, what comes back, when, or
// that the answer is lost. It keeps the contract (nothing inside the call, time limits, silence after cancel), so it can hurt.

#include <catch2/catch.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "spawner/loop.hpp"
#include "spawner/transport.hpp"

namespace spawner::test {

/// One request and the door to its answer. Held by the test as long as it likes.
class Ask : public std::enable_shared_from_this<Ask> {
 public:
  Ask(Loop& loop, TransportRequest requestIn, bool streamIn) : request(std::move(requestIn)), stream(streamIn), loop_(loop) {}

  const TransportRequest request;
  const bool stream;
  /// Every piece comes this much after the one before it (0: in the next turn).
  Duration delay = Duration::zero();
  /// Pieces of data are cut into chunks of this size; 0: as given.
  std::size_t chunkBytes = 0;

  /// True until the caller cancelled or was told the end.
  [[nodiscard]] bool open() const { return !over_; }
  [[nodiscard]] bool cancelled() const { return cancelled_; }

  // --- a whole answer: of a call, or of a stream as head, data, end
  void respond(int status, std::string body = {}, std::vector<std::pair<std::string, std::string>> headers = {}) {
    if (!stream)
      return push([this, answer = TransportResponse{status, std::move(headers), std::move(body)}]() mutable { finish(std::move(answer)); });
    head(status, std::move(headers));
    data(std::move(body));
    end();
  }
  /// The caller gets an error; whether the request had an effect is the test's story (a lost answer).
  void fail(ErrorKind kind, std::string message = "scripted failure") {
    push([this, error = Error{kind, std::move(message), {}}] { finish(error); });
  }
  // --- a stream, piece by piece
  void head(int status = 200, std::vector<std::pair<std::string, std::string>> headers = {}) {
    push([this, answer = TransportResponse{status, std::move(headers), {}}] {
      limit_.cancel();
      idle();
      handlers_.onHead(answer);
    });
  }
  void data(std::string bytes) {
    const std::size_t step = chunkBytes == 0 ? std::max<std::size_t>(1, bytes.size()) : chunkBytes;
    for (std::size_t at = 0; at < bytes.size(); at += step)
      push([this, piece = bytes.substr(at, step)] {
        idle();
        handlers_.onData(piece);
      });
  }
  void line(const std::string& text) { data(text + "\n"); }
  void end() {
    push([this] { finishStream({}); });
  }

 private:
  friend class ScriptedTransport;
  /// Pieces keep their order, whatever the loop does with tasks of equal time.
  void push(Task piece) {
    pieces_.push_back(std::move(piece));
    pump();
  }
  void pump() {
    if (over_ || pumping_.active() || pieces_.empty()) return;
    pumping_ = loop_.after(delay, [this] {
      const std::shared_ptr<Ask> alive = shared_from_this();
      Task piece = std::move(pieces_.front());
      pieces_.pop_front();
      if (!over_) piece();
      pump();
    });
  }
  void startLimit() {
    limit_ = loop_.after(request.timeout, [this] { finish(Error{ErrorKind::Timeout, "no answer in time", {}}); });
  }
  void idle() {
    if (request.idleTimeout > Duration::zero())
      limit_ = loop_.after(request.idleTimeout, [this] { finish(Error{ErrorKind::Timeout, "no byte in time", {}}); });
  }
  void finish(Result<TransportResponse> answer) {
    if (stream) return finishStream(answer.error());
    close();
    auto done = std::exchange(done_, nullptr);
    done(std::move(answer));
  }
  void finishStream(Result<void> end) {
    close();
    const std::shared_ptr<Ask> alive = shared_from_this();
    handlers_.onEnd(std::move(end));
  }
  void close() {
    over_ = true;
    limit_.cancel();
    pumping_.cancel();
  }
  void cancel() {
    if (over_) return;
    cancelled_ = true;
    close();
  }

  Loop& loop_;
  UniqueFunction<void(Result<TransportResponse>)> done_;
  StreamHandlers handlers_;
  std::deque<Task> pieces_;
  Timer pumping_;
  Timer limit_;
  bool over_ = false;
  bool cancelled_ = false;
};

class ScriptedTransport final : public Transport {
 public:
  using Server = std::function<void(const std::shared_ptr<Ask>&)>;
  explicit ScriptedTransport(Loop& loop) : loop_(loop) {}

  /// From now on every request is given to this, in a later turn, instead of waiting for next().
  void serve(Server server) { server_ = std::move(server); }
  /// The oldest request that next() has not given yet; the test fails when there is none.
  std::shared_ptr<Ask> next() {
    if (waiting_.empty()) FAIL("a request was expected, but there is none");
    auto ask = waiting_.front();
    waiting_.pop_front();
    return ask;
  }
  [[nodiscard]] std::size_t waiting() const { return waiting_.size(); }
  [[nodiscard]] std::size_t requests() const { return requests_; }

  Pending call(TransportRequest request, UniqueFunction<void(Result<TransportResponse>)> done) override {
    auto ask = std::make_shared<Ask>(loop_, std::move(request), false);
    ask->done_ = std::move(done);
    return take(std::move(ask));
  }
  Pending stream(TransportRequest request, StreamHandlers handlers) override {
    auto ask = std::make_shared<Ask>(loop_, std::move(request), true);
    ask->handlers_ = std::move(handlers);
    return take(std::move(ask));
  }

 private:
  Pending take(std::shared_ptr<Ask> ask) {
    ++requests_;
    ask->startLimit();
    if (server_) {
      loop_.post([this, ask] {
        if (ask->open()) server_(ask);
      });
    } else {
      waiting_.push_back(ask);
    }
    return Pending([ask] { ask->cancel(); });
  }

  Loop& loop_;
  Server server_;
  std::deque<std::shared_ptr<Ask>> waiting_;
  std::size_t requests_ = 0;
};

}  // namespace spawner::test
