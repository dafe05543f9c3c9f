// The front over loopback sockets: what it refuses by itself, and its limits.

#include <sys/resource.h>

#include <dirent.h>
#include <fcntl.h>

#include <cstdlib>

#include "http/front_fixture.hpp"

using namespace spawner;
using namespace spawner::http;
using namespace spawner::http::testing;

namespace {

/// Lowers the limit of descriptors so that exactly `left` more can be opened; puts it back at the end.
class FewDescriptors {
 public:
  explicit FewDescriptors(int left) {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    rlimit low = before_;
    low.rlim_cur = static_cast<rlim_t>(highestOpen() + 1 + left);
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &low) == 0);
    fill(left);
  }
  ~FewDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  static int highestOpen() {
    int highest = 0;
    DIR* directory = ::opendir("/proc/self/fd");
    while (const dirent* entry = ::readdir(directory)) highest = std::max(highest, std::atoi(entry->d_name));
    ::closedir(directory);
    return highest;
  }
  /// Takes the holes below, so that only the new numbers are left.
  void fill(int left) {
    for (;;) {
      Fd fd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
      if (!fd) break;
      fillers_.push_back(std::move(fd));
    }
    for (int i = 0; i < left && !fillers_.empty(); ++i) fillers_.pop_back();
  }
  rlimit before_{};
  std::vector<Fd> fillers_;
};

}  // namespace

TEST_CASE_METHOD(FrontFixture, "What the guard refuses is answered with status and reason, and the connection closes", "[integration]") {
  start();
  struct Case {
    std::string request, status, reason;
  };
  const std::vector<Case> cases = {
      {"GET / HTTP/1.1\r\n\r\n", "400", "MissingHost"},
      {"GET / HTTP/1.1\nHost: a\n\n", "400", "BadLineEnding"},
      {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc", "400", "LengthAndTransferEncoding"},
      {"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", "501", "ConnectUnsupported"},
      {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505", "UnsupportedVersion"},
      {"\x16\x03\x01\x02", "400", "NotHttp"},
      {"GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(40'000, 'a') + "\r\n\r\n", "431", "HeadTooLarge"},
      {"GET /" + std::string(40'000, 'a'), "431", "HeadTooLarge"},
  };
  std::size_t refused = 0;
  for (const Case& c : cases) {
    CAPTURE(c.request.substr(0, 60));
    Client client = this->client();
    client.send(c.request);
    client.waitClosed();
    CHECK(client.received.starts_with("HTTP/1.1 " + c.status + " "));
    CHECK(client.has("\"reason\":\"" + c.reason));
    CHECK(client.has("Content-Type: application/problem+json\r\n"));
    CHECK(client.has("Connection: close\r\n"));
    CHECK_FALSE(client.resetSeen);
    CHECK(front->stats().refused == ++refused);
  }
  std::string many = "GET / HTTP/1.1\r\nHost: a\r\n";
  for (int i = 0; i < 100; ++i) many += "X: y\r\n";
  Client client = this->client();
  client.send(many);  // not even its end is waited for
  client.waitClosed();
  CHECK(client.received.starts_with("HTTP/1.1 431 "));
  CHECK(counted("HeadTooLarge") == 2);
  CHECK(counted("TooManyFields") == 1);
  CHECK(counted("Malformed") == cases.size() - 2);
  CHECK(exchanges.empty());
  CHECK(front->stats().requests == 0);
  CHECK(tokens.alive == 0);
}

TEST_CASE_METHOD(FrontFixture, "A head that does not come in time is answered 408; silence is just closed", "[integration]") {
  FrontLimits limits;
  limits.headTimeout = 8s;
  limits.keepAliveTimeout = 16s;
  under = &driven;
  start(limits, echoPath());
  Client slow = client();
  Client silent = client();
  slow.send("GET / HTTP/1.1\r\nHost:");
  waitFor("the token of the first byte", [&] { return tokens.alive == 1; });
  driven.advance(8s - 1ms);
  CHECK_FALSE(slow.closed);
  driven.advance(2s);
  slow.waitClosed();
  CHECK(slow.received.starts_with("HTTP/1.1 408 "));
  CHECK(slow.has("\"reason\":\"HeadTimeout\""));
  driven.advance(5s);
  CHECK_FALSE(silent.closed);
  driven.advance(3s);
  silent.waitClosed();
  CHECK(silent.received.empty());
  CHECK(tokens.made == 1);
  CHECK(tokens.alive == 0);

  Client kept = client();
  kept.send("GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
  kept.waitFor("path=/a");
  driven.advance(16s - 1ms);
  CHECK_FALSE(kept.closed);
  driven.advance(2s);
  kept.waitClosed();  // idle between requests
  CHECK(kept.count("HTTP/1.1") == 1);
  CHECK(counted("HeadTimeout") == 1);
  CHECK(counted("IdleTimeout") == 2);
}

TEST_CASE_METHOD(FrontFixture, "Bytes that trickle do not extend the time for a head", "[integration]") {
  FrontLimits limits;
  limits.headTimeout = 8s;
  under = &driven;
  start(limits);
  Client client = this->client();
  client.send("G");
  waitFor("the token of the first byte", [&] { return tokens.alive == 1; });
  const Duration took = driven.advanceUntil("an answer", 500ms, 20s, [&] {
    client.send("G");
    return client.has("HTTP/1.1 ");
  });
  CHECK(client.has("HTTP/1.1 408 "));
  CHECK(took >= 8s);
  CHECK(took <= 10s);
}

TEST_CASE_METHOD(FrontFixture, "One empty line before a request is passed over, and is no use of the session", "[integration]") {
  start({}, echoPath());
  Client client = this->client();
  client.send("\r\n");
  settle();
  CHECK(tokens.made == 0);
  client.send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
  client.waitFor("path=/x");
  client.send("\r\n\r\nGET /y HTTP/1.1\r\nHost: a\r\n\r\n");
  client.waitClosed();
  CHECK(client.has("HTTP/1.1 400 "));
}

TEST_CASE_METHOD(FrontFixture, "Beyond maxConnections clients are told 503, and there is room again when one leaves", "[integration]") {
  FrontLimits limits;
  limits.maxConnections = 3;
  start(limits, echoPath());
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 3; ++i) clients.push_back(std::make_unique<Client>(loop, front->port()));
  waitFor("three connections", [&] { return front->stats().connections == 3; });
  for (int i = 0; i < 5; ++i) {
    Client rejected = client();
    rejected.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    rejected.waitClosed();
    CHECK(rejected.received.starts_with("HTTP/1.1 503 "));
    CHECK(rejected.has("TooManyConnections"));
    CHECK_FALSE(rejected.resetSeen);
  }
  CHECK(front->stats().refused == 5);
  CHECK(counted("TooManyConnections") == 5);
  CHECK(tokens.alive == 0);
  clients.pop_back();
  waitFor("room", [&] { return front->stats().connections == 2; });
  Client welcome = client();
  welcome.send("GET /in HTTP/1.1\r\nHost: a\r\n\r\n");
  welcome.waitFor("path=/in");
}

TEST_CASE_METHOD(FrontFixture, "Without descriptors clients are told 503, the loop does not spin, and service comes back",
                 "[integration]") {
  start({}, echoPath());
  Client before = client();
  before.send("GET /before HTTP/1.1\r\nHost: a\r\n\r\n");
  before.waitFor("path=/before");
  auto victim = std::make_unique<Client>(loop, front->port());
  Client second = client();
  settle();
  waitFor("the connections", [&] { return front->stats().connections == 3; });
  {
    // Enough for the two clients' own sockets, none for the front's side of them.
    const FewDescriptors few(2);
    Client a = client();
    Client b = client();
    a.waitFor("HTTP/1.1 503 ");
    b.waitFor("HTTP/1.1 503 ");
    a.waitClosed();
    CHECK(counted("NoDescriptors") == 2);
    CHECK(a.has("Content-Length: 30\r\n"));
    CHECK(a.received.size() - a.received.find("\r\n\r\n") - 4 == 30);
    // Nothing more is to be done: no turn of the loop may be busy. A spinning listener would run thousands.
    int turns = 0;
    (void)loop.runUntil([&] { return ++turns > 1000; }, 150ms);
    CHECK(turns < 50);
    before.received.clear();
    before.send("GET /during HTTP/1.1\r\nHost: a\r\n\r\n");
    before.waitFor("path=/during");  // who is connected is served
  }
  Client after = client();
  after.send("GET /after HTTP/1.1\r\nHost: a\r\n\r\n");
  after.waitFor("path=/after");
}
