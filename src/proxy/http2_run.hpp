#pragma once
// Http2Run: one exchange on its way through an Http2Proxy. Internal to src/proxy. Owner: the proxy's list; its stream's connection holds it
// too. Thread: the loop's.

#include <list>
#include <memory>
#include <string>

#include "proxy/http2_proxy.hpp"

namespace spawner::proxy {

class Http2Run final : public std::enable_shared_from_this<Http2Run>, private Http2Upstream::Listener {
 public:
  Http2Run(Http2Proxy& owner, std::unique_ptr<http::Exchange> exchange, Target target);

  void start();
  /// Opens its stream. False: that connection takes none.
  [[nodiscard]] bool attach(Http2Upstream& connection);
  /// The client sees an error; nothing is called back.
  void abort();
  void fail(FailureKind kind, std::string detail);
  void checkDeadline(TimePoint now);
  [[nodiscard]] const SocketAddress& address() const { return target_.address; }
  [[nodiscard]] bool over() const { return ended_; }

  std::list<std::shared_ptr<Http2Run>>::iterator place;  // in the owner's list

 private:
  // Listener
  void onHead(http2::Head head) override;
  void onData(std::string_view bytes) override;
  void onTrailers(http::Headers trailers) override;
  void onEnd() override;
  void onDrained() override;
  void onClosed(std::uint32_t errorCode, bool lost, const std::string& why) override;

  void refuse(int status, std::string_view reason, std::string_view detail);
  void readBody();
  void sendBody(std::string_view bytes);
  void endBody();
  void startAnswer(http2::Head head);
  void holdBack(std::size_t bytes);
  void giveBack();
  void noteTaken();
  [[nodiscard]] bool retry(std::uint32_t errorCode, bool lost);
  void complete(bool upstreamOver);
  void count(FailureKind kind);
  void breakOff();
  void leaveStream(std::uint32_t errorCode);
  void setDeadline(Duration limit);
  void end();

  Http2Proxy& owner_;
  std::unique_ptr<http::Exchange> exchange_;
  Target target_;
  http2::Fields fields_;
  std::shared_ptr<Http2Upstream> connection_;  // while it has a stream
  http2::StreamId id_ = 0;
  TimePoint deadline_ = TimePoint::max();
  std::size_t owed_ = 0;     // bytes of the answer that wait for the client: the upstream may not send as many more yet
  std::size_t untaken_ = 0;  // of the answer by the client, and ...
  std::uint64_t sent_ = 0;   // ... of the body to the upstream, when last looked at
  std::size_t interim_ = 0;
  bool bodyStarted_ = false, bodyTaken_ = false, bodyEnded_ = false, bodyPaused_ = false;
  bool headSeen_ = false, drainHooked_ = false, retried_ = false, ended_ = false;
};

}  // namespace spawner::proxy
