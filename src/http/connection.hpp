#pragma once
// Connection: one accepted connection: heads, bodies and answers in turn, one exchange at a time. Internal to the front.

#include <initializer_list>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "http/body.hpp"
#include "http/exchange.hpp"
#include "http/front_core.hpp"
#include "http/head_parser.hpp"
#include "loop/socket.hpp"

namespace spawner::http {

class ExchangeImpl;

/// Owner: its FrontCore's list, and the exchange under way. Once closed it does nothing, so an exchange may outlive connection and front.
/// Call-backs of the exchange run in run() only, which every event and every posted turn ends in. Thread: the loop's.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(std::shared_ptr<FrontCore> core, Fd socket);

  // --- for the front
  /// Starts to read. `place`: its own place in the core's list.
  void start(std::list<std::shared_ptr<Connection>>::iterator place);
  /// Answers without an exchange, and closes.
  void refuse(const Refusal& refusal);
  /// Ends what has passed its deadline.
  void checkDeadlines(TimePoint now);
  /// True when a byte is there that no handler has seen, and no exchange is under way.
  [[nodiscard]] bool hasUnreadInput() const;
  /// Drain: closes when idle; otherwise the present answer is the last.
  void closeWhenIdle();
  /// What schedule() asked for.
  void scheduledRun() {
    scheduled_ = false;
    run({});
  }
  /// Closes now; an exchange under way is told (onGone, in a later turn).
  void shutdown() { peerGone(); }

  // --- for its exchange: nothing happens once that is over
  [[nodiscard]] bool open() const { return phase_ == Phase::Exchange && !finished_ && !goneDue_; }
  [[nodiscard]] std::string_view peer();
  [[nodiscard]] ExchangeToken* token() const { return token_.get(); }
  void startBody();
  void pauseBody() { bodyPaused_ = true; }
  void resumeBody();
  void limitBodyIdle(Duration limit);
  void sendInterim(const ResponseHead& head);
  void sendHead(const ResponseHead& head);
  void sendBody(std::string_view bytes);
  std::optional<IoResult> sendBodyFrom(int fd, std::size_t limit);
  [[nodiscard]] std::size_t unsent() const { return inMemory() + (pipe_ ? pipe_->held() : 0); }
  void finish();
  void abort();
  /// The exchange is destroyed without finish().
  void abandon();
  Upgraded upgrade(const ResponseHead& head);
  /// onGone was set: tell it if that has happened.
  void goneWanted();

 private:
  enum class Phase : std::uint8_t { Idle, Head, Exchange, Linger, Closed };

  // input (connection.cpp)
  void onReady(Interest ready);
  void readInput(bool hangup);
  void run(std::string_view fresh);
  bool deliver();
  bool take();
  bool takeHead();
  bool takePreface();
  void takeBody();
  void beginExchange(RequestHead&& head);
  void badBody(const Refusal& refusal);
  void schedule();
  void updateInterest();
  void peerGone();
  void linger();
  void close();
  [[nodiscard]] bool bodyFlowing() const { return exchange_ != nullptr && bodyStarted_ && !bodyPaused_; }

  // answers (connection_answer.cpp)
  void answerRefusal(const Refusal& refusal);
  void push(std::initializer_list<std::string_view> pieces);
  void flush() { push({}); }
  void flushSoon();
  void answerDone();
  void breakOff();
  bool tooSlow();
  void drainPipe();
  void noteWritten(std::size_t taken, bool refused);
  [[nodiscard]] std::size_t inMemory() const { return out_.size() - outAt_; }

  std::shared_ptr<FrontCore> core_;  // null once closed
  Loop& loop_;
  std::list<std::shared_ptr<Connection>>::iterator place_;
  Fd socket_;
  FdWatch watch_;
  std::string peer_;
  RequestHeadParser parser_;
  std::string leftover_;   // received and not yet taken, while run() is not running
  std::string_view rest_;  // the same, while it is
  std::string out_;        // answers the kernel has not taken, from outAt_ on
  std::size_t outAt_ = 0;
  std::unique_ptr<SplicePipe> pipe_;  // bytes of an answer that go before those of out_; null when there are none
  TimePoint since_;                   // begin of the phase
  /// While bytes wait that the socket refused: when it refused the first of them, or took the last byte since.
  std::optional<TimePoint> refusedSince_;
  Phase phase_ = Phase::Idle;
  bool running_ = false;    // in run()
  bool scheduled_ = false;  // run() is posted
  bool blocked_ = false;    // the socket takes no more: wait until it is writable
  bool mayBeHttp2_;         // nothing but the beginning of HTTP/2's preface has come yet
  bool readOff_ = false;    // input came that nobody wants now: it stays in the kernel
  bool flushDue_ = false;
  bool readsAll_ = true;  // nothing is left in the kernel: an edge is enough to tell of more
  bool watchedOff_ = false, watchedBlocked_ = false, watchedEdge_ = true;  // what the watch was made with, or set to

  // the exchange under way
  ExchangeImpl* exchange_ = nullptr;
  std::unique_ptr<ExchangeToken> token_;
  std::unique_ptr<ExchangeToken> formerToken_;  // of the exchange before, until the next head in hand has its own
  BodyDecoder body_;
  TimePoint bodySince_;  // last byte of the body, or when it was asked for
  Duration bodyIdleLimit_{0};
  std::uint64_t answerLeft_ = 0;  // bytes still to come of an answer with a length
  std::size_t lingered_ = 0;
  Framing answerFraming_ = Framing::None;
  int minorVersion_ = 1;
  bool headRequest_ = false;
  bool keepAlive_ = true;
  bool bodyStarted_ = false, bodyPaused_ = false, bodyEndTold_ = false;
  bool headSent_ = false, finished_ = false, closeAfter_ = false, unreadInput_ = false, counted_ = false;
  bool goneDue_ = false, drainedDue_ = false;
};

}  // namespace spawner::http
