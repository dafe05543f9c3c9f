#pragma once
// DirectTransport: a Transport straight into the embedded API server, without sockets: for `spawner dev` and simulations. Answers come in
// a later turn of the loop; watch events are whole lines whose text is made once and shared by all watchers.

#include <memory>

#include "cluster/api_server.hpp"
#include "spawner/loop.hpp"
#include "spawner/transport.hpp"

namespace spawner::cluster {

/// Owner: who wires. Loop and server must outlive it. Destroying it ends what is under way without a call-back. Thread: the loop's.
/// The request acts on the server in a later turn than the call, and its answer comes in a turn after that.
class DirectTransport final : public Transport {
 public:
  DirectTransport(Loop& loop, ApiServer& server);
  ~DirectTransport() override;
  DirectTransport(const DirectTransport&) = delete;
  Pending call(TransportRequest request, UniqueFunction<void(Result<TransportResponse>)> done) override;
  Pending stream(TransportRequest request, StreamHandlers handlers) override;

 private:
  class Call;
  class Streaming;
  struct Shared;
  std::shared_ptr<Shared> shared_;
};

}  // namespace spawner::cluster
