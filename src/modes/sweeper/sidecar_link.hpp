#pragma once
// SidecarLink: the line to one sidecar: its event stream, opened again for ever, and commands to it. It checks that whoever answers is the
// pod that is meant, and signs all it says. What follows from a report is Follower's.

#include <cstdint>
#include <functional>
#include <string>

#include "http/sse.hpp"
#include "modes/sweeper/environment.hpp"
#include "session/commands.hpp"
#include "spawner/report.hpp"

namespace spawner::sweeper {

/// Owner: Follower. Thread: the loop's. It may be closed, but not destroyed, inside its call-backs.
class SidecarLink {
 public:
  struct Handlers {
    /// A valid report of the right pod.
    std::function<void(const SidecarReport&)> report;
    /// The stream could not be opened, or broke; it is opened again by itself.
    std::function<void(const Error&)> failed;
  };
  SidecarLink(const Environment& environment, std::string podUid, Logger log, Handlers handlers);
  ~SidecarLink();

  /// Opens the stream to "ip:port", or moves it there; no effect when it is there already.
  void open(const std::string& authority);
  /// The sidecar may have come up just now: tries at once if it has not answered yet, and often again.
  void poke();
  void close();
  [[nodiscard]] bool heard() const { return heard_; }

  /// One at a time: a further one takes the former's place. A report in the answer is of the right pod.
  void sweep(const session::SweepCommand& command, std::function<void(Result<session::SweepAnswer>)> done);
  void drain(std::function<void(Result<void>)> done);

 private:
  void connect();
  void onHead(const TransportResponse& head);
  void onData(std::string_view bytes);
  void onEnd(const Result<void>& end);
  void take(const std::string& data);
  void fail(const Error& error, bool wrongParty);
  void setHeard(bool heard);
  [[nodiscard]] TransportRequest request(std::string method, std::string_view path, std::string body);
  void onSweepAnswer(const Result<TransportResponse>& response);
  void onDrainAnswer(const Result<TransportResponse>& response);
  Result<session::SweepAnswer> answerOf(const TransportResponse& response);
  bool refused();

  const Environment& environment_;
  std::string podUid_;
  Logger log_;
  Handlers handlers_;
  std::string authority_;
  std::size_t keyIndex_ = 0;
  bool heard_ = false;  // a report came on the present stream
  TimePoint waitingSince_{};
  http::SseParser parser_;
  Pending stream_, sweep_, drain_;
  std::function<void(Result<session::SweepAnswer>)> sweepDone_;
  std::function<void(Result<void>)> drainDone_;
  Timer retry_;
};

}  // namespace spawner::sweeper
