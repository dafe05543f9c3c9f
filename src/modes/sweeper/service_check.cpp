#include "modes/sweeper/service_check.hpp"

#include <algorithm>
#include <utility>

#include "spawner/names.hpp"

namespace spawner::sweeper {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// The nodes learn of a Service's endpoint some time after its pod has an address: milliseconds on an idle node, a second where they collect
// changes. Before that a connection is refused, or its packets are lost, and the kernel would send the next only after a second.
constexpr Duration firstTimeout = milliseconds(50), lastTimeout = seconds(1);
constexpr Duration firstDelay = milliseconds(5), lastDelay = seconds(1);
constexpr Duration warningAfter = seconds(3), warningEvery = seconds(20);

}  // namespace

ServiceCheck::ServiceCheck(Loop& loop, Random& random, ServiceProbe* probe, Logger log, std::function<void()> works)
    : loop_(loop), random_(random), probe_(probe), log_(std::move(log)), done_(std::move(works)) {}

void ServiceCheck::start(const std::string& ip) {
  if (works() || ip == ip_) return;
  stop();
  ip_ = ip;
  since_ = loop_.now();
  nextWarning_ = since_ + warningAfter;
  connect();
}

void ServiceCheck::stop() {
  ip_.reset();
  attempt_.reset();
  retry_.cancel();
}

void ServiceCheck::connect() {
  if (ip_->empty()) return onAnswer(Error{ErrorKind::NotFound, "there is no Service of its name with a cluster IP", {}});
  const Duration timeout = std::clamp<Duration>((loop_.now() - since_) / 2, firstTimeout, lastTimeout);
  attempt_ = probe_->connect(*ip_, names::servePort, timeout, [this](Result<void> made) { onAnswer(made); });
}

void ServiceCheck::onAnswer(const Result<void>& made) {
  attempt_ = Pending();
  if (made) {
    works_ = true;
    return done_();
  }
  const TimePoint now = loop_.now();
  if (now >= nextWarning_) {
    nextWarning_ = now + warningEvery;
    log_.warn("the sidecar is heard, but its Service does not answer", {{"cluster_ip", *ip_}, {"error", made.error()}});
  }
  // An eighth of the time waited so far: Ready is told at most that much later than it could be.
  Duration delay = std::clamp<Duration>((now - since_) / 8, firstDelay, lastDelay);
  delay += Duration(static_cast<Duration::rep>(random_.below(static_cast<std::uint64_t>(delay.count()) / 8 + 1)));
  retry_ = loop_.after(delay, [this] { connect(); });
}

}  // namespace spawner::sweeper
