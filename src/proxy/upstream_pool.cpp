#include "proxy/upstream_pool.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace spawner::proxy {
namespace {

/// An idle connection has nothing to read. A byte, an end or an error means that it is of no use any more.
bool stillQuiet(int fd) {
  char byte = 0;
  const ssize_t got = ::recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

}  // namespace

bool UpstreamPool::ByBytes::operator()(const SocketAddress& a, const SocketAddress& b) const {
  return a.length != b.length ? a.length < b.length : std::memcmp(&a.storage, &b.storage, a.length) < 0;
}

std::unique_ptr<UpstreamConnection> UpstreamPool::take(const SocketAddress& address, Duration maxIdle, Duration lookAfter) {
  const auto found = byAddress_.find(address);
  if (found == byAddress_.end()) return nullptr;
  while (!found->second.empty()) {
    const auto entry = found->second.back();
    const Duration idle = loop_.now() - entry->since;
    if (idle > maxIdle) return nullptr;  // the others are older still
    auto connection = std::move(entry->connection);
    connection->setListener(nullptr);
    drop(entry);
    if ((idle < lookAfter && !connection->mayHoldMore()) || stillQuiet(connection->fd())) return connection;
  }
  return nullptr;
}

void UpstreamPool::put(const SocketAddress& address, std::unique_ptr<UpstreamConnection> connection, Duration limit) {
  const Duration keep = std::min(options_.idleTimeout, limit);
  if (options_.maxIdlePerAddress == 0 || options_.maxIdle == 0 || keep <= Duration::zero()) return;
  const TimePoint now = loop_.now();
  if (spare_.empty()) spare_.emplace_back();
  const auto entry = spare_.begin();
  entries_.splice(entries_.end(), spare_, entry);
  entry->pool = this;
  entry->same = &byAddress_[address];
  entry->since = now;
  entry->until = now + keep;
  entry->self = entry;
  entry->connection = std::move(connection);
  entry->connection->setListener(&*entry);
  entry->connection->want({.readable = true});
  entry->same->push_back(entry);
  if (entry->same->size() > options_.maxIdlePerAddress) drop(entry->same->front());
  if (entries_.size() > options_.maxIdle) drop(entries_.begin());
  if (!timer_.active()) arm();
}

void UpstreamPool::clear() {
  byAddress_.clear();
  entries_.clear();
  spare_.clear();
  timer_.cancel();
}

void UpstreamPool::drop(Entries::iterator entry) {
  Idle& same = *entry->same;
  // Mostly the newest, which was taken, or the oldest, whose time is over.
  const auto place = same.back() == entry ? std::prev(same.end()) : std::find(same.begin(), same.end(), entry);
  same.erase(place);
  entry->connection.reset();
  spare_.splice(spare_.end(), entries_, entry);
}

void UpstreamPool::expire() {
  const TimePoint now = loop_.now();
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    const auto present = entry++;
    if (present->until <= now) drop(present);
  }
  std::erase_if(byAddress_, [](const auto& item) { return item.second.empty(); });
  if (!entries_.empty()) return arm();
  spare_.clear();
}

void UpstreamPool::arm() {
  // One timer for all: a connection stays at most a quarter longer than its time, and a put costs no timer call.
  const Duration period = std::max<Duration>(options_.idleTimeout / 4, std::chrono::milliseconds(5));
  timer_ = loop_.after(period, [this] { expire(); });
}

}  // namespace spawner::proxy
