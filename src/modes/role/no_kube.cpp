#include "modes/role/process.hpp"

namespace spawner::role {
namespace {

Error unsupported() { return Error{ErrorKind::Unsupported, "this role has no access to Kubernetes", {}}; }

/// A Pending that owns the timer of a later call.
Pending later(Loop& loop, Task task) {
  auto timer = std::make_shared<Timer>();
  *timer = loop.after(Duration::zero(), std::move(task));
  return Pending([timer] { timer->cancel(); });
}

}  // namespace

Pending NoKube::call(TransportRequest, UniqueFunction<void(Result<TransportResponse>)> done) {
  return later(loop_, [done = std::move(done)]() mutable { done(unsupported()); });
}

Pending NoKube::stream(TransportRequest, StreamHandlers handlers) {
  return later(loop_, [handlers = std::move(handlers)]() mutable { handlers.onEnd(unsupported()); });
}

}  // namespace spawner::role
