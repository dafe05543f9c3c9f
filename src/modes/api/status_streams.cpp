#include "modes/api/status_streams.hpp"

#include <utility>
#include <vector>

#include "http/sse.hpp"
#include "modes/api/timeline.hpp"

namespace spawner::api {

StatusStreams::StatusStreams(Loop& loop, StatusStreamsOptions options, Metrics& metrics)
    : loop_(loop),
      options_(options),
      open_(metrics.gauge("spawner_api_streams", "Open status streams")),
      slow_(metrics.counter("spawner_api_streams_dropped_total", "Status streams closed because their reader was too slow")),
      messages_(metrics.counter("spawner_api_stream_messages_total", "State changes sent on status streams")) {}

void StatusStreams::open(std::unique_ptr<http::Call> call, const std::string& name, const role::SlabPtr& slab, std::optional<State> last) {
  http::Headers headers;
  headers.add("Content-Type", "text/event-stream");
  headers.add("Cache-Control", "no-store");
  headers.add("X-Accel-Buffering", "no");  // nginx: pass each event on at once
  const std::uint64_t id = nextId_++;
  Stream& stream = streams_[id];
  stream.name = name;
  stream.lastRank = last ? static_cast<int>(*last) : -1;
  stream.writer = call->stream(200, std::move(headers));
  stream.writer->onGone([this, id] { drop(id); });
  byName_[name].insert(id);
  open_.set(static_cast<double>(streams_.size()));
  armHeartbeat(id);
  send(id, *slab);
}

void StatusStreams::changed(const std::string& name, const role::SlabPtr& slab) {
  const auto readers = byName_.find(name);
  if (readers == byName_.end()) return;
  // A copy: sending can close a stream.
  const std::vector<std::uint64_t> ids(readers->second.begin(), readers->second.end());
  for (const std::uint64_t id : ids) send(id, *slab);
}

void StatusStreams::send(std::uint64_t id, const Slab& slab) {
  const auto it = streams_.find(id);
  if (it == streams_.end()) return;
  std::string text;
  bool ended = false;
  for (const StateChange& change : timeline(slab)) {
    const int rank = static_cast<int>(change.state);
    ended = isTerminal(change.state);
    if (rank <= it->second.lastRank) continue;
    it->second.lastRank = rank;
    http::SseEvent event;
    event.data = changeJson(change);
    event.id = std::string(toString(change.state));
    text += http::encodeSse(event);
    messages_.add();
  }
  if (!text.empty() && !it->second.writer->write(text)) {
    slow_.add();
    return close(id, false);
  }
  if (ended) return close(id, true);
  if (!text.empty()) armHeartbeat(id);
}

void StatusStreams::armHeartbeat(std::uint64_t id) {
  streams_.at(id).heartbeat = loop_.after(options_.heartbeat, [this, id] { beat(id); });
}

void StatusStreams::beat(std::uint64_t id) {
  if (!streams_.at(id).writer->write(http::encodeSseComment("alive"))) {
    slow_.add();
    return close(id, false);
  }
  armHeartbeat(id);
}

/// clean: the reader sees the end of the stream, else that it broke off.
void StatusStreams::close(std::uint64_t id, bool clean) {
  if (clean) streams_.at(id).writer->end();
  drop(id);
}

void StatusStreams::drop(std::uint64_t id) {
  auto stream = streams_.extract(id);
  if (stream.empty()) return;
  const auto readers = byName_.find(stream.mapped().name);
  readers->second.erase(id);
  if (readers->second.empty()) byName_.erase(readers);
  open_.set(static_cast<double>(streams_.size()));
}

void StatusStreams::drain() {
  draining_ = true;
  while (!streams_.empty()) close(streams_.begin()->first, true);
}

}  // namespace spawner::api
