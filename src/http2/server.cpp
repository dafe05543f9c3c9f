#include "http2/server.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "http2/server_connection.hpp"

namespace spawner::http2 {
namespace {

constexpr std::size_t maxSettingsBytes = 6 * 32;  // of HTTP2-Settings: what libnghttp2 takes in one frame

/// The payload of HTTP2-Settings (base64url without padding, RFC 7540 §3.2.1); nullopt where it is none.
std::optional<std::string> settingsOf(std::string_view text) {
  std::string bytes;
  std::uint32_t bits = 0;
  int have = 0;
  for (const char c : text) {
    static constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const auto at = alphabet.find(c);
    if (at == std::string_view::npos) return std::nullopt;
    bits = bits << 6 | static_cast<std::uint32_t>(at);
    have += 6;
    if (have < 8) continue;
    have -= 8;
    bytes += static_cast<char>(bits >> have & 0xff);
  }
  if (bytes.size() % 6 != 0 || bytes.size() > maxSettingsBytes) return std::nullopt;
  return bytes;
}

Duration tickInterval(const ServerOptions& options) {
  Duration shortest = std::min({options.headTimeout, options.keepAliveTimeout, options.writeTimeout});
  if (options.lingerTimeout > Duration::zero()) shortest = std::min(shortest, options.lingerTimeout);
  return std::clamp<Duration>(shortest / 4, std::chrono::milliseconds(5), std::chrono::seconds(1));
}

}  // namespace

void ServerCore::checkDrained() {
  if (drained && connections.empty()) loop.post(std::exchange(drained, nullptr));
}

Server::Server(Loop& loop, Handler handler, ServerOptions options)
    : core_(std::make_shared<ServerCore>(loop, std::move(handler), std::move(options))) {}

Server::~Server() {
  core_->drained = nullptr;
  closeAll();
}

void Server::adopt(http::Upgraded connection) { add(std::move(connection), nullptr); }

bool Server::wantsUpgrade(const http::RequestHead& head) {
  if (!head.upgrade || !head.headers.hasToken("Upgrade", "h2c") || !head.headers.hasToken("Connection", "HTTP2-Settings")) return false;
  const auto fields = head.headers.fields();
  const auto isSettings = [](const auto& field) { return http::equalsIgnoreCase(field.first, "HTTP2-Settings"); };
  return std::count_if(fields.begin(), fields.end(), isSettings) == 1 && settingsOf(head.headers.get("HTTP2-Settings"));
}

void Server::upgrade(std::unique_ptr<http::Exchange> exchange) {
  First first{exchange->head(), settingsOf(exchange->head().headers.get("HTTP2-Settings")).value_or("")};
  first.head.upgrade = false;
  http::ResponseHead head;
  head.status = 101;
  head.headers.add("Upgrade", "h2c");
  http::Upgraded connection = exchange->upgrade(head);
  if (connection.socket) add(std::move(connection), &first);  // else the client is gone
}

void Server::add(http::Upgraded connection, First* first) {
  ServerCore& core = *core_;
  ++core.stats.accepted;
  const bool refused = core.connections.size() - core.lingering >= core.options.maxConnections;
  const std::string received = refused ? std::string() : std::move(connection.received);
  auto token = std::move(connection.token);
  const auto made = std::make_shared<ServerConnection>(core_, std::move(connection));
  if (refused) {
    made->refuse();
  } else if (first != nullptr) {
    made->begin(std::move(first->head), first->settings, std::move(token));
  }
  made->start(core.connections.insert(core.connections.end(), made), received);
  if (core.draining) made->drain();
  if (!ticker_.active()) ticker_ = core.loop.after(tickInterval(core.options), [this] { tick(); });
}

void Server::tick() {
  const auto core = core_;
  if (!core->connections.empty()) ticker_ = core->loop.after(tickInterval(core->options), [this] { tick(); });
  const auto all = core->connections;
  for (const auto& connection : all) connection->checkDeadlines(core->loop.now());
}

bool Server::hasUnreadInput() const {
  const auto& all = core_->connections;
  return std::any_of(all.begin(), all.end(), [](const auto& connection) { return connection->hasUnreadInput(); });
}

void Server::drain(Task done) {
  core_->draining = true;
  core_->drained = std::move(done);
  const auto all = core_->connections;
  for (const auto& connection : all) connection->drain();
  core_->checkDrained();
}

void Server::closeAll() {
  const auto all = core_->connections;
  for (const auto& connection : all) connection->closeNow();
}

ServerStats Server::stats() const {
  ServerStats stats = core_->stats;
  stats.connections = core_->connections.size();
  stats.openStreams = 0;
  for (const auto& connection : core_->connections) stats.openStreams += connection->openStreams();
  return stats;
}

}  // namespace spawner::http2
