#include "modes/sweeper/sidecar_link.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "session/protocol.hpp"
#include "session/signature.hpp"

namespace spawner::sweeper {
namespace {

using std::chrono::milliseconds;

http::SseLimits limitsOf(const Options& options) { return {options.maxEventBytes, options.maxEventBytes}; }

}  // namespace

SidecarLink::SidecarLink(const Environment& environment, std::string podUid, Logger log, Handlers handlers)
    : environment_(environment),
      podUid_(std::move(podUid)),
      log_(std::move(log)),
      handlers_(std::move(handlers)),
      parser_(limitsOf(environment.options)) {}

SidecarLink::~SidecarLink() { setHeard(false); }

void SidecarLink::open(const std::string& authority) {
  if (authority == authority_) return;
  close();
  authority_ = authority;
  waitingSince_ = environment_.loop.now();
  connect();
}

void SidecarLink::poke() {
  if (authority_.empty() || heard_) return;
  waitingSince_ = environment_.loop.now();
  // A try that is under way goes on: with a sidecar that is not there, it fails in a moment.
  if (!stream_) connect();
}

void SidecarLink::close() {
  authority_.clear();
  stream_.reset();
  retry_.cancel();
  setHeard(false);
}

void SidecarLink::connect() {
  retry_.cancel();
  parser_ = http::SseParser(limitsOf(environment_.options));
  TransportRequest get = request("GET", session::eventsPath, {});
  get.headers.emplace_back("accept", "text/event-stream");
  // While nobody listens yet, a lost packet must not cost a second of a cold start.
  const Duration waited = environment_.loop.now() - waitingSince_;
  get.timeout = std::max<Duration>(milliseconds(environment_.options.firstTimeoutMs),
                                   std::min<Duration>(waited / 4, std::chrono::seconds(environment_.options.commandTimeoutSeconds)));
  get.idleTimeout = std::chrono::seconds(environment_.options.freshSeconds);
  stream_ = environment_.sidecars.stream(
      std::move(get), {[this](const TransportResponse& head) { onHead(head); }, [this](std::string_view bytes) { onData(bytes); },
                       [this](Result<void> end) { onEnd(end); }});
}

void SidecarLink::onHead(const TransportResponse& head) {
  if (head.status == 200) {
    environment_.metrics.connects.add();
    return;
  }
  const bool otherKey = head.status == 401 && refused();
  fail(Error{ErrorKind::Protocol, fmt::format("GET {} at {}: status {}", session::eventsPath, authority_, head.status), {}}, !otherKey);
}

void SidecarLink::onData(std::string_view bytes) {
  std::vector<std::string> events;
  const auto fed = parser_.feed(bytes, [&events](http::SseEvent event) { events.push_back(std::move(event.data)); });
  for (const std::string& data : events) {
    take(data);
    if (!stream_) return;  // dropped or closed meanwhile: what else it said does not count
  }
  if (!fed) {
    environment_.metrics.badReports.add();
    fail(fed.error(), true);
  }
}

void SidecarLink::take(const std::string& data) {
  const auto report = session::decodeReport(data);
  if (!report) {
    environment_.metrics.badReports.add();
    return fail(report.error(), true);
  }
  if (report->podUid != podUid_) {
    environment_.metrics.wrongPod.add();
    return fail(Error{ErrorKind::Protocol,
                      report->podUid.empty() ? "the sidecar names no pod (the original's?)"
                                             : fmt::format("another pod answers at {}: {}", authority_, report->podUid),
                      {}},
                true);
  }
  environment_.metrics.reports.add();
  setHeard(true);
  handlers_.report(*report);
}

void SidecarLink::onEnd(const Result<void>& end) {
  fail(end ? Error{ErrorKind::Disconnected, "the sidecar ended its event stream", {}} : end.error(), false);
}

/// wrongParty: whoever is there, it is not the sidecar we mean, and asking often will not change that.
void SidecarLink::fail(const Error& error, bool wrongParty) {
  environment_.metrics.connectFailures.add();
  stream_.reset();
  if (heard_) waitingSince_ = environment_.loop.now();
  setHeard(false);
  const milliseconds first(environment_.options.retryFirstMs), last(environment_.options.retryMaxMs);
  // An eighth of the time waited so far: a sidecar that comes up is heard at most that much later than it could be.
  const Duration waited = environment_.loop.now() - waitingSince_;
  Duration delay = wrongParty ? Duration(last) : std::clamp<Duration>(waited / 8, first, std::max(first, last));
  delay += Duration(static_cast<Duration::rep>(environment_.random.below(static_cast<std::uint64_t>(delay.count()) / 8 + 1)));
  retry_ = environment_.loop.after(delay, [this] { connect(); });
  handlers_.failed(error);
}

void SidecarLink::setHeard(bool heard) {
  if (heard == heard_) return;
  heard_ = heard;
  environment_.metrics.streamsOpen.add(heard ? 1 : -1);
}

TransportRequest SidecarLink::request(std::string method, std::string_view path, std::string body) {
  TransportRequest made;
  const auto& keys = environment_.keys.keys();
  if (!keys.empty())
    made.headers.emplace_back("authorization", session::authorize(keys[keyIndex_ % keys.size()], podUid_, method, path, body));
  made.method = std::move(method);
  made.target = std::string(path);
  made.authority = authority_;
  if (!body.empty()) made.headers.emplace_back("content-type", "application/json");
  made.body = std::move(body);
  made.timeout = std::chrono::seconds(environment_.options.commandTimeoutSeconds);
  return made;
}

/// Goes on to the next key. True when it was not tried yet in this round.
bool SidecarLink::refused() {
  log_.warn("the sidecar does not accept our signature", {{"address", authority_}});
  environment_.keys.refused();
  ++keyIndex_;
  const std::size_t count = environment_.keys.keys().size();
  return count > 0 && keyIndex_ % count != 0;
}

Result<session::SweepAnswer> SidecarLink::answerOf(const TransportResponse& response) {
  if (response.status == 401) refused();
  if (response.status != 200 && response.status != 409)
    return Error{ErrorKind::Protocol, fmt::format("POST {}: status {}", session::sweepPath, response.status), {}};
  auto state = session::decodeReport(response.body);
  if (!state) return state.error();
  if (state->podUid != podUid_) return Error{ErrorKind::Protocol, "POST /_sweep: another pod answers", {}};
  if ((response.status == 200) != state->sweptReason.has_value())
    return Error{ErrorKind::Protocol, "POST /_sweep: the status does not go with the state", {}};
  return session::SweepAnswer{response.status, *std::move(state)};
}

void SidecarLink::sweep(const session::SweepCommand& command, std::function<void(Result<session::SweepAnswer>)> done) {
  sweepDone_ = std::move(done);
  sweep_ = environment_.sidecars.call(request("POST", session::sweepPath, session::encodeSweep(command)),
                                      [this](Result<TransportResponse> response) { onSweepAnswer(response); });
}

void SidecarLink::onSweepAnswer(const Result<TransportResponse>& response) {
  const auto done = std::exchange(sweepDone_, nullptr);
  done(response ? answerOf(*response) : Result<session::SweepAnswer>(response.error()));
}

void SidecarLink::drain(std::function<void(Result<void>)> done) {
  drainDone_ = std::move(done);
  drain_ = environment_.sidecars.call(request("POST", session::drainPath, {}),
                                      [this](Result<TransportResponse> response) { onDrainAnswer(response); });
}

void SidecarLink::onDrainAnswer(const Result<TransportResponse>& response) {
  const auto done = std::exchange(drainDone_, nullptr);
  if (!response) return done(response.error());
  if (response->status == 401) refused();
  if (response->status / 100 == 2) return done({});
  done(Error{ErrorKind::Protocol, fmt::format("POST {}: status {}", session::drainPath, response->status), {}});
}

}  // namespace spawner::sweeper
