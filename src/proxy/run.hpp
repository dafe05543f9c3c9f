#pragma once
// Run: one exchange on its way through a Proxy: connect, send, read the answer, in one state machine. Internal to src/proxy.
// Owner: the Proxy's list; a call-back under way keeps it alive beyond its end. Thread: the loop's.

#include <list>
#include <memory>
#include <string>
#include <string_view>

#include "http/body.hpp"
#include "http/head_parser.hpp"
#include "proxy/proxy.hpp"
#include "proxy/upstream_connection.hpp"

namespace spawner::proxy {

class Run final : public std::enable_shared_from_this<Run>, private UpstreamConnection::Listener {
 public:
  Run(Proxy& owner, std::unique_ptr<http::Exchange> exchange, Target&& target);

  void start();
  /// The client sees an error; nothing is called back.
  void abort();
  /// What Proxy::flushSoon() was asked for.
  void flushNow();
  /// Ends what has passed its deadline.
  void checkDeadline(TimePoint now);
  [[nodiscard]] const Target& target() const { return target_; }

  Proxy::Runs::iterator place;  // in the owner's list

 private:
  enum class Phase { Connecting, Sending, AwaitingHead, Body, Ended };

  // run.cpp: to the upstream
  [[nodiscard]] Result<std::string> headBytes() const;
  void refuse(int status, std::string_view reason, std::string_view detail);
  void connect(bool allowPooled);
  void connected();
  void use(std::unique_ptr<UpstreamConnection> connection);
  void onReady(Interest ready) override;
  void sendBody(std::string_view bytes);
  void flushBody();
  void endBody();
  void flush();
  void breakUpload(int errnoValue);
  [[nodiscard]] bool retry();
  void updateInterest();
  void setDeadline(Duration limit);

  // answer.cpp: from the upstream
  void readAnswer();
  void consume(std::string_view bytes);
  void takeHead(std::string_view rest);
  void startAnswer(http::ResponseHead head);
  void becomeTunnel(http::ResponseHead head, std::string_view rest);
  void takeBody(std::string_view& bytes);
  [[nodiscard]] bool passBody();
  void pauseReading(std::size_t mayWait);
  void noteTaken();
  void upstreamEnded(bool clean);
  void complete(std::size_t extraBytes);

  // ends
  void fail(FailureKind kind, std::string detail);
  void breakOff();
  void end();

  Proxy& owner_;
  std::unique_ptr<http::Exchange> exchange_;
  Target target_;
  Phase phase_ = Phase::Connecting;
  TimePoint deadline_ = TimePoint::max();

  std::unique_ptr<UpstreamConnection> connection_;
  std::string out_;          // for the upstream, not yet taken by its socket
  std::size_t written_ = 0;  // bytes of the head and body that a socket took
  bool fromPool_ = false;
  bool bodyStarted_ = false;  // the exchange's body flows to us
  bool bodyTaken_ = false;    // a byte of it has come: it cannot be sent again
  bool bodyEnded_ = false;
  bool bodyPaused_ = false;
  bool uploadBroken_ = false;  // the upstream takes no more; its answer may still come
  bool reset_ = false;         // a write has heard that the connection is broken: its end is no clean one

  http::ResponseHeadParser parser_;
  http::BodyDecoder decoder_;
  Duration keepFor_ = Duration::zero();  // how long the connection may be pooled afterwards; 0: not
  bool heardAnything_ = false;           // a byte of an answer has come on this connection
  std::size_t interim_ = 0;              // answers of 1xx so far
  bool readPaused_ = false;
  bool drainHooked_ = false;
  std::size_t untaken_ = 0;  // of the answer, when last looked at: unsent()
};

}  // namespace spawner::proxy
