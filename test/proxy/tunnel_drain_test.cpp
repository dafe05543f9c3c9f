// drain() amid what a WebSocket's client says: the close frame comes between frames, whatever is under way.

#include "http/websocket.hpp"
#include "proxy/tunnel_fixture.hpp"

using namespace spawner;
using namespace spawner::test;
using namespace std::chrono_literals;

namespace {

const std::string closeUp = http::encodeMaskedWsFrame(http::WsOpcode::Close, std::string("\x03\xe9"), {0x5a, 0xa5, 0x3c, 0xc3});
const std::string closeDown = http::encodeWsClose(1001);

struct DrainFixture : TunnelFixture {
  bool drained = false;

  DrainFixture() {
    under = &driven;  // no time passes: nothing here waits for a limit
    start();
    open();
  }
  [[nodiscard]] std::uint64_t taken() const { return proxy->counters().bytesToUpstream; }
  void drain() {
    proxy->drain([this] { drained = true; });
    waitText(*ws, closeDown);  // the application is between frames
    turns(loop, 5);
  }
  /// Both answer in kind: then it is over, before the limit.
  void sayGoodbye() {
    CHECK(tokens == 1);
    CHECK_FALSE(drained);
    ws->send(http::encodeMaskedWsFrame(http::WsOpcode::Close, std::string("\x03\xe9"), {1, 2, 3, 4}));
    up->send(closeDown);
    wait("the drain's end", [&] { return drained && tokens == 0 && ws->over() && up->over(); });
    CHECK(ws->ended);
    CHECK(up->ended);
    CHECK(ws->received == closeDown);
    CHECK(proxy->counters().tunnelsCutOff == 0);
  }
};

}  // namespace

TEST_CASE("drain waits for the end of a client's frame, wherever in it", "[integration]") {
  DrainFixture f;
  const std::string frame = http::encodeMaskedWsFrame(http::WsOpcode::Text, std::string(300, 'h'), {9, 8, 7, 6});
  // Of its head of eight bytes, all of it, in the payload, before the last byte.
  const auto split =
      GENERATE(std::size_t{1}, std::size_t{2}, std::size_t{3}, std::size_t{7}, std::size_t{8}, std::size_t{100}, std::size_t{307});
  CAPTURE(split);
  f.ws->send(frame.substr(0, split));
  f.waitText(*f.up, frame.substr(0, split));
  f.drain();
  CHECK(f.up->received == frame.substr(0, split));
  f.ws->send(frame.substr(split, 1));  // the rest in two reads; then another one, which is too late
  turns(f.loop, 5);
  f.ws->send(frame.substr(split + 1) + frame);
  f.waitText(*f.up, closeUp);
  f.sayGoodbye();
  CHECK(f.up->received == frame + closeUp);
}

TEST_CASE("drain waits for the rest of a fragmented head that comes with the frame's end", "[integration]") {
  DrainFixture f;
  const std::string empty = http::encodeMaskedWsFrame(http::WsOpcode::Ping, "", {9, 8, 7, 6});  // its head is all of it
  f.ws->send(empty + empty.substr(0, 4));
  f.waitText(*f.up, empty + empty.substr(0, 4));
  f.drain();
  CHECK(f.up->received == empty + empty.substr(0, 4));
  f.ws->send(empty.substr(4));
  f.waitText(*f.up, closeUp);
  f.sayGoodbye();
  CHECK(f.up->received == empty + empty + closeUp);
}

TEST_CASE("drain with bytes that wait for the application comes behind them", "[integration]") {
  DrainFixture f;
  f.up->pauseReading(true);
  const bool amidFrame = GENERATE(true, false);
  CAPTURE(amidFrame);
  // Either one frame that does not come to its end before drain, or many; the last of them whole and with the proxy.
  const std::string small = http::encodeMaskedWsFrame(http::WsOpcode::Binary, std::string(60'000, 's'), {1, 2, 3, 4});
  std::string said;
  if (amidFrame) said = http::encodeMaskedWsFrame(http::WsOpcode::Binary, std::string(16 * 1024 * 1024, 'b'), {4, 3, 2, 1});
  for (std::uint64_t taken = 0, quiet = 0; quiet < 5; quiet = taken == f.taken() ? quiet + 1 : 0) {
    taken = f.taken();
    if (amidFrame && taken == 0) f.ws->send(said);
    if (!amidFrame && quiet == 0) {
      said += small;
      f.ws->send(small);
    }
    (void)f.turnsIn(quiet == 0 ? 2ms : 20ms);
  }
  if (amidFrame) REQUIRE(f.taken() < said.size());
  f.drain();
  f.ws->send(small);  // too late
  f.up->pauseReading(false);
  f.waitText(*f.up, closeUp);
  f.sayGoodbye();
  REQUIRE(f.up->received.size() >= closeUp.size());
  const std::string got = f.up->received.substr(0, f.up->received.size() - closeUp.size());
  CHECK(f.up->received.ends_with(closeUp));
  if (amidFrame) {
    CHECK((got == said));
  } else {  // what the proxy had not read yet comes too late
    CHECK(got.size() % small.size() == 0);
    CHECK(said.starts_with(got));
  }
}
