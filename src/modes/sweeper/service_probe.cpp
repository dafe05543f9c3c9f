#include "modes/sweeper/service_probe.hpp"

#include <memory>
#include <utility>

#include "loop/socket.hpp"

namespace spawner::sweeper {
namespace {

class SocketServiceProbe final : public ServiceProbe {
 public:
  explicit SocketServiceProbe(Loop& loop) : loop_(loop) {}

  Pending connect(const std::string& ip, std::uint16_t port, Duration timeout, UniqueFunction<void(Result<void>)> done) override {
    auto attempt = std::make_shared<Attempt>();
    attempt->done = std::move(done);
    // The Pending owns the attempt; its call-backs hold it weakly, so that nothing runs once it is dropped.
    const std::weak_ptr<Attempt> weak = attempt;
    const auto finish = [weak](Result<void> result) {
      const auto kept = weak.lock();
      if (!kept || !kept->done) return;
      kept->watch.cancel();
      kept->timer.cancel();
      kept->socket.reset();
      std::exchange(kept->done, nullptr)(std::move(result));
    };
    const auto address = SocketAddress::fromIp(ip, port);
    Result<Fd> socket = address ? connectTo(*address) : Result<Fd>(address.error());
    if (!socket) {
      attempt->timer = loop_.after(Duration::zero(), [finish, error = socket.error()] { finish(error); });
    } else {
      attempt->socket = std::move(*socket);
      const int fd = attempt->socket.get();
      attempt->watch = loop_.watch(fd, Interest{false, true, false}, [finish, fd](Interest) { finish(connectResult(fd)); });
      attempt->timer = loop_.after(timeout, [finish] { finish(Error{ErrorKind::Timeout, "connection not made in time", std::nullopt}); });
    }
    return Pending([attempt] { attempt->done = nullptr; });
  }

 private:
  struct Attempt {
    Fd socket;
    UniqueFunction<void(Result<void>)> done;
    FdWatch watch;  // after the socket: ended before it is closed
    Timer timer;
  };
  Loop& loop_;
};

}  // namespace

std::unique_ptr<ServiceProbe> socketServiceProbe(Loop& loop) { return std::make_unique<SocketServiceProbe>(loop); }

}  // namespace spawner::sweeper
