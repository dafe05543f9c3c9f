#include "proxy/upstream_pool.hpp"

#include <algorithm>
#include <cerrno>

namespace spawner::proxy {
namespace {

/// The address as bytes: a key that costs no formatting.
std::string keyOf(const SocketAddress& address) { return {reinterpret_cast<const char*>(&address.storage), address.length}; }

/// An idle connection has nothing to read. A byte, an end or an error means that it is of no use any more.
bool stillQuiet(int fd) {
  char byte = 0;
  const ssize_t got = ::recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

}  // namespace

std::unique_ptr<UpstreamConnection> UpstreamPool::take(const SocketAddress& address, Duration maxIdle, Duration lookAfter) {
  const auto found = byAddress_.find(keyOf(address));
  if (found == byAddress_.end()) return nullptr;
  for (std::size_t left = found->second.size(); left > 0; --left) {
    const auto entry = found->second.back();
    const Duration idle = loop_.now() - entry->since;
    if (idle > maxIdle) return nullptr;  // the others are older still
    auto connection = std::move(entry->connection);
    connection->setListener(nullptr);
    drop(entry);  // the last one takes `found` with it
    if (idle < lookAfter || stillQuiet(connection->fd())) return connection;
  }
  return nullptr;
}

void UpstreamPool::put(const SocketAddress& address, std::unique_ptr<UpstreamConnection> connection, Duration limit) {
  const Duration keep = std::min(options_.idleTimeout, limit);
  if (options_.maxIdlePerAddress == 0 || options_.maxIdle == 0 || keep <= Duration::zero()) return;
  const TimePoint now = loop_.now();
  const auto entry = entries_.emplace(entries_.end());
  entry->pool = this;
  entry->key = keyOf(address);
  entry->since = now;
  entry->until = now + keep;
  entry->self = entry;
  entry->connection = std::move(connection);
  entry->connection->setListener(&*entry);
  entry->connection->want({.readable = true});
  auto& same = byAddress_[entry->key];
  same.push_back(entry);
  if (same.size() > options_.maxIdlePerAddress) drop(same.front());
  if (entries_.size() > options_.maxIdle) drop(entries_.begin());
  if (!timer_.active()) arm();
}

void UpstreamPool::clear() {
  byAddress_.clear();
  entries_.clear();
  timer_.cancel();
}

void UpstreamPool::drop(Entries::iterator entry) {
  const auto found = byAddress_.find(entry->key);
  found->second.remove(entry);
  if (found->second.empty()) byAddress_.erase(found);
  entries_.erase(entry);
}

void UpstreamPool::expire() {
  const TimePoint now = loop_.now();
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    const auto present = entry++;
    if (present->until <= now) drop(present);
  }
  if (!entries_.empty()) arm();
}

void UpstreamPool::arm() {
  // One timer for all: a connection stays at most a quarter longer than its time, and a put costs no timer call.
  const Duration period = std::max<Duration>(options_.idleTimeout / 4, std::chrono::milliseconds(5));
  timer_ = loop_.after(period, [this] { expire(); });
}

}  // namespace spawner::proxy
