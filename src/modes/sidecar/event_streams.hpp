#pragma once
// EventStreams: the readers of GET /_events, each a Server-Sent Event stream fed by the EventPublisher. Owner: the sidecar.
// Thread: the loop's.

#include <cstdint>
#include <list>
#include <memory>

#include "http/call.hpp"
#include "session/event_publisher.hpp"
#include "spawner/loop.hpp"

namespace spawner::sidecar {

class EventStreams {
 public:
  EventStreams(Loop& loop, session::EventPublisher& publisher) : loop_(loop), publisher_(publisher) {}

  /// Answers with a stream: the state now, then every change. 503 when there are too many readers.
  void serve(std::unique_ptr<http::Call> call);
  /// Readers beyond the limit, so far.
  [[nodiscard]] std::uint64_t refused() const { return refused_; }
  [[nodiscard]] std::size_t open() const { return streams_.size(); }

 private:
  struct Stream {
    std::unique_ptr<http::StreamWriter> writer;
    session::EventPublisher::Subscription subscription;
    std::list<std::shared_ptr<Stream>>::iterator place;
    bool over = false;
  };
  static bool send(const std::shared_ptr<Stream>& stream, std::string_view json);
  void remove(const std::weak_ptr<Stream>& stream);

  Loop& loop_;
  session::EventPublisher& publisher_;
  std::list<std::shared_ptr<Stream>> streams_;
  std::uint64_t refused_ = 0;
};

}  // namespace spawner::sidecar
