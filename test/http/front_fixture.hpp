#pragma once
// What the integration tests of the front share: a loop, a front on a port of its own, and clients driven by the same loop.

#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <sys/socket.h>

#include "http/front.hpp"
#include "loop/reactor.hpp"
#include "loop/socket.hpp"
#include "support/driven_loop.hpp"
#include "support/loop_wait.hpp"

namespace spawner::http::testing {

using namespace std::chrono_literals;

/// A raw client. The loop reads for it into `received`, unless it is told not to read.
class Client {
 public:
  Client(Reactor& loop, std::uint16_t port, int receiveBuffer = 0) : loop_(loop) {
    const auto address = SocketAddress::fromIp("127.0.0.1", port);
    REQUIRE(address);
    socket_ = Fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    REQUIRE(socket_);
    if (receiveBuffer > 0) ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVBUF, &receiveBuffer, sizeof receiveBuffer);
    // The kernel completes the connection with the listener's backlog: this does not wait for the front.
    REQUIRE(::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address->storage), address->length) == 0);
    setReading(true);
  }
  /// Sends all of it (the tests' messages fit into the socket's buffer) or as much as fits.
  std::size_t send(std::string_view bytes) {
    const ssize_t sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    return sent > 0 ? static_cast<std::size_t>(sent) : 0;
  }
  void setReading(bool on) {
    watch_.cancel();
    if (on && !closed) watch_ = loop_.watch(socket_.get(), Interest{true, false, false}, [this](Interest) { read(); });
  }
  void halfClose() { ::shutdown(socket_.get(), SHUT_WR); }
  void reset() {
    const linger hard{1, 0};
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    close();
  }
  void close() {
    watch_.cancel();
    socket_.reset();
  }
  [[nodiscard]] bool has(std::string_view text) const { return received.find(text) != std::string::npos; }
  [[nodiscard]] std::size_t count(std::string_view text) const {
    std::size_t n = 0;
    for (std::size_t at = received.find(text); at != std::string::npos; at = received.find(text, at + text.size())) ++n;
    return n;
  }
  void waitFor(std::string_view text) {
    test::waitFor(loop_, "answer containing '" + std::string(text) + "'", [&] { return has(text); });
  }
  void waitClosed() {
    test::waitFor(loop_, "the end of the connection", [&] { return closed; });
  }

  std::string received;
  bool closed = false;     // End or error
  bool resetSeen = false;  // it was an error

 private:
  void read() {
    std::array<char, 65536> buffer;
    const ssize_t got = ::recv(socket_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (got > 0) {
      received.append(buffer.data(), static_cast<std::size_t>(got));
    } else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
      closed = true;
      resetSeen = got < 0;
      watch_.cancel();
    }
  }
  Reactor& loop_;
  Fd socket_;
  FdWatch watch_;
};

/// Tokens alive, and how often that number fell to zero.
struct TokenCount {
  int alive = 0, made = 0, zeros = 0;
};
struct CountedToken final : ExchangeToken {
  explicit CountedToken(TokenCount& theCount) : count(theCount) {
    ++count.alive;
    ++count.made;
  }
  ~CountedToken() override {
    if (--count.alive == 0) ++count.zeros;
  }
  TokenCount& count;
};

/// A loop and a front whose handler is given by the test, or keeps the exchanges in `exchanges`.
struct FrontFixture {
  Reactor loop;
  test::DrivenLoop driven{loop};
  /// What the front runs on: `&driven`, set before start(), where the test drives its time.
  Loop* under = &loop;
  TokenCount tokens;
  std::vector<std::unique_ptr<Exchange>> exchanges;
  std::unique_ptr<Front> front;

  void start(FrontLimits limits = {}, Front::Handler handler = nullptr) {
    if (!handler) handler = [this](std::unique_ptr<Exchange> exchange) { exchanges.push_back(std::move(exchange)); };
    FrontOptions options;
    options.limits = limits;
    options.makeToken = [this] { return std::make_unique<CountedToken>(tokens); };
    front = std::make_unique<Front>(*under, std::move(handler), std::move(options));
    REQUIRE(front->listen(SocketAddress::parse("127.0.0.1:0").value()));
  }
  Client client(int receiveBuffer = 0) { return Client(loop, front->port(), receiveBuffer); }
  void waitFor(const std::string& what, const std::function<bool()>& predicate) { test::waitFor(loop, what, predicate); }
  void waitForExchanges(std::size_t count) {
    waitFor(std::to_string(count) + " exchanges", [&] { return exchanges.size() >= count; });
  }
  /// Lets everything happen that is due: several turns without waiting.
  void settle() { test::turns(loop, 5); }
  /// How often the front has refused for this reason.
  [[nodiscard]] std::uint64_t counted(std::string_view reason) const {
    const auto at = std::find(refusalReasons.begin(), refusalReasons.end(), reason);
    REQUIRE(at != refusalReasons.end());
    return front->stats().byReason[static_cast<std::size_t>(at - refusalReasons.begin())];
  }
};

/// Answers with a body of that text.
inline void answerText(Exchange& exchange, std::string_view text, int status = 200) {
  ResponseHead head;
  head.status = status;
  head.framing = Framing::Length;
  head.contentLength = text.size();
  exchange.sendHead(head);
  exchange.sendBody(text);
  exchange.finish();
}

/// Without the Date that every final answer has.
inline std::string dateless(std::string text) {
  for (std::size_t at; (at = text.find("\r\nDate: ")) != std::string::npos;) text.erase(at, text.find("\r\n", at + 2) - at);
  return text;
}

inline Front::Handler echoPath() {
  return [](std::unique_ptr<Exchange> exchange) { answerText(*exchange, "path=" + std::string(exchange->head().path())); };
}

}  // namespace spawner::http::testing
