#include <arpa/inet.h>
#include <catch2/catch.hpp>

#include "loop/sim_loop.hpp"
#include "modes/sidecar/listen_probe.hpp"
#include "modes/sidecar/listeners.hpp"

using namespace spawner;
using namespace spawner::sidecar;
using namespace std::chrono_literals;

namespace {

Listener at(const char* ip, std::optional<bool> v6only = {}) {
  Listener listener;
  listener.v6 = std::string_view(ip).find(':') != std::string_view::npos;
  REQUIRE(::inet_pton(listener.v6 ? AF_INET6 : AF_INET, ip, listener.address.data()) == 1);
  listener.v6only = v6only;
  return listener;
}
bool yes(std::uint16_t) { return true; }
bool no(std::uint16_t) { return false; }
std::string dial(const std::vector<Listener>& listeners, bool (*viaIpv4)(std::uint16_t) = yes) {
  const auto address = dialAddress(listeners, 81, viaIpv4);
  return address ? address->toString() : "nothing";
}

Fd listener(int family, const char* ip, bool v6only, std::uint16_t& port) {
  Fd socket(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int flag = v6only ? 1 : 0;
  if (family == AF_INET6) ::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &flag, sizeof flag);
  const SocketAddress address = *SocketAddress::fromIp(ip, 0);
  REQUIRE(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address.storage), address.length) == 0);
  REQUIRE(::listen(socket.get(), 8) == 0);
  port = localAddress(socket.get())->port();
  return socket;
}

}  // namespace

TEST_CASE("where to dial a listener") {
  CHECK(dial({}) == "nothing");
  CHECK(dial({at("0.0.0.0")}) == "127.0.0.1:81");
  CHECK(dial({at("127.0.0.1")}) == "127.0.0.1:81");
  CHECK(dial({at("127.3.2.1")}) == "127.3.2.1:81");
  CHECK(dial({at("10.1.2.3")}) == "10.1.2.3:81");
  CHECK(dial({at("::", false)}) == "127.0.0.1:81");
  CHECK(dial({at("::", true)}) == "[::1]:81");
  CHECK(dial({at("::")}, yes) == "127.0.0.1:81");
  CHECK(dial({at("::")}, no) == "[::1]:81");
  CHECK(dial({at("::1", false)}) == "[::1]:81");
  CHECK(dial({at("2001:db8::1", false)}) == "[2001:db8::1]:81");
  // Several: IPv4 loopback before other IPv4 before IPv6.
  CHECK(dial({at("::1"), at("127.0.0.1")}) == "127.0.0.1:81");
  CHECK(dial({at("::", true), at("10.1.2.3")}) == "10.1.2.3:81");
  CHECK(dial({at("10.1.2.3"), at("127.0.0.5")}) == "127.0.0.5:81");
}

TEST_CASE("/proc/net/tcp names listeners by port") {
  const std::string text =
      "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
      "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0\n"
      "   1: 00000000:1F91 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 2 1 0 100 0 0 10 0\n"
      "   2: 0500007F:1F91 0100007F:C000 01 00000000:00000000 00:00000000 00000000     0        0 3 1 0 100 0 0 10 0\n"
      "   3: garbage\n"
      "   4: 0100007F:1F9\n";
  CHECK(parseProcNet(text, 0x1f90, false) == std::vector<Listener>{at("127.0.0.1")});
  CHECK(parseProcNet(text, 0x1f91, false) == std::vector<Listener>{at("0.0.0.0")});
  CHECK(parseProcNet(text, 0x1f9, false).empty());
  CHECK(parseProcNet(text, 0x1f90, true).empty());
  for (std::size_t cut = 0; cut < text.size(); ++cut) (void)parseProcNet(text.substr(0, cut), 0x1f90, false);
}

TEST_CASE("/proc/net/tcp6, with IPv4 in IPv6") {
  const std::string text =
      "   0: 00000000000000000000000001000000:0051 00000000000000000000000000000000:0000 0A 0\n"
      "   1: 0000000000000000FFFF00000100007F:0051 00000000000000000000000000000000:0000 0A 0\n"
      "   2: 00000000000000000000000000000000:0051 00000000000000000000000000000000:0000 0A 0\n";
  CHECK(parseProcNet(text, 0x51, true) == std::vector<Listener>{at("::1"), at("127.0.0.1"), at("::")});
}

TEST_CASE("a sock_diag answer that is cut anywhere is read without harm") {
  std::string datagram(4096, '\x14');
  bool done = false, failed = false;
  for (std::size_t size = 0; size < 300; ++size) (void)parseSockDiag(datagram.substr(0, size), 81, done, failed);
  CHECK(parseSockDiag("", 81, done, failed).empty());
}

TEST_CASE("the probe looks every 2 ms, then less often, and tells once") {
  SimLoop loop(3);
  int looks = 0, told = 0;
  bool listening = false;
  ListenProbe probe(
      loop,
      [&]() -> std::optional<SocketAddress> {
        ++looks;
        if (!listening) return std::nullopt;
        return *SocketAddress::parse("127.0.0.1:81");
      },
      [&](const SocketAddress&) { ++told; });
  probe.start();
  CHECK(looks == 0);  // never inside the call
  loop.runFor(1s);
  CHECK(looks >= 490);
  CHECK(looks <= 501);
  loop.runFor(2s);
  looks = 0;
  loop.runFor(1s);
  CHECK(looks == Approx(200).margin(3));
  loop.runFor(6s);
  looks = 0;
  loop.runFor(10s);
  CHECK(looks == Approx(400).margin(3));
  loop.runFor(60s);
  looks = 0;
  loop.runFor(10s);
  CHECK(looks == Approx(40).margin(2));
  CHECK(told == 0);
  listening = true;
  loop.runFor(1s);
  CHECK(told == 1);
  CHECK_FALSE(probe.looking());
  loop.runFor(10s);
  CHECK(told == 1);
}

TEST_CASE("a real listener is found in each of the three ways", "[integration]") {
  using Way = ListenerFinder::Way;
  const Way way = GENERATE(Way::SockDiag, Way::ProcNet, Way::Connect);
  const auto find = [way](std::uint16_t port) {
    ListenerFinder finder(way);
    const auto address = finder.find(port);
    CHECK(finder.way() == way);
    return address ? address->toString().substr(0, address->toString().rfind(':')) : "nothing";
  };
  std::uint16_t port = 0;
  {
    const Fd one = listener(AF_INET, "127.0.0.1", false, port);
    CHECK(find(port) == "127.0.0.1");
  }
  CHECK(find(port) == "nothing");
  {
    const Fd one = listener(AF_INET, "0.0.0.0", false, port);
    CHECK(find(port) == "127.0.0.1");
  }
  if (way != Way::Connect) {
    const Fd one = listener(AF_INET, "127.7.7.7", false, port);
    CHECK(find(port) == "127.7.7.7");
  }
  {
    const Fd one = listener(AF_INET6, "::", false, port);
    CHECK(find(port) == "127.0.0.1");
  }
  {
    const Fd one = listener(AF_INET6, "::", true, port);
    CHECK(find(port) == "[::1]");
  }
  {
    const Fd one = listener(AF_INET6, "::1", true, port);
    CHECK(find(port) == "[::1]");
  }
}

TEST_CASE("a bound port without listen() is not found", "[integration]") {
  Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const SocketAddress any = *SocketAddress::parse("127.0.0.1:0");
  REQUIRE(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&any.storage), any.length) == 0);
  ListenerFinder finder;
  CHECK_FALSE(finder.find(localAddress(socket.get())->port()).has_value());
}
