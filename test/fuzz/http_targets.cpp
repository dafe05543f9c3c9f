// The readers of HTTP: one verdict and one meaning, however the bytes are cut; what is written again means the same.
#include <optional>
#include <string>
#include <vector>

#include "fuzz/targets.hpp"
#include "http/body.hpp"
#include "http/head_parser.hpp"
#include "http/head_writer.hpp"
#include "http/sse.hpp"
#include "http/websocket.hpp"

namespace spawner::fuzz {
namespace {

using namespace http;

/// The end of a feed over the bytes in pieces of `step`: the last verdict, and how many bytes belong to the head.
template <class Feed>
HeadFeed feedInPieces(std::string_view bytes, std::size_t step, Feed feed) {
  HeadFeed last;
  std::size_t taken = 0;
  while (taken < bytes.size()) {
    last = feed(bytes.substr(taken, step));
    taken += last.consumed;
    if (last.status != HeadFeed::Status::NeedMore) break;
  }
  last.consumed = taken;
  return last;
}

void same(const HeadFeed& a, const HeadFeed& b) {
  expect(a.status == b.status, "the verdict on a head does not depend on how it is cut");
  if (a.status == HeadFeed::Status::Done) expect(a.consumed == b.consumed, "a head ends where it ends, however it is cut");
  if (a.status == HeadFeed::Status::Refused)
    expect(a.refusal.status == b.refusal.status && a.refusal.reason == b.refusal.reason, "a refusal does not depend on how a head is cut");
}

struct Decoded {
  std::string data;
  std::size_t consumed = 0;
  BodyStep::Status status = BodyStep::Status::More;
};

Decoded decode(std::string_view bytes, std::size_t step) {
  BodyDecoder decoder(Framing::Chunked, 0);
  Decoded all;
  while (all.consumed < bytes.size() && all.status == BodyStep::Status::More) {
    std::string_view piece = bytes.substr(all.consumed, step);
    while (!piece.empty() && all.status == BodyStep::Status::More) {
      const BodyStep one = decoder.next(piece);
      expect(one.consumed > 0 || one.status != BodyStep::Status::More, "a step takes something or ends");
      all.data += one.data;
      all.consumed += one.consumed;
      piece.remove_prefix(one.consumed);
      all.status = one.status;
    }
  }
  return all;
}

}  // namespace

void requestHead(std::string_view bytes) {
  RequestHeadParser whole, cut;
  const HeadFeed at_once = whole.feed(bytes);
  same(at_once, feedInPieces(bytes, 1, [&](std::string_view piece) { return cut.feed(piece); }));
  if (at_once.status != HeadFeed::Status::Done) return;
  const RequestHead head = whole.takeHead();
  expect(head.headers.fields().size() <= HeadLimits{}.maxFields, "the bound on fields holds");
  expect(!(head.headers.has("Transfer-Encoding") && head.headers.has("Content-Length")), "no head has two framings");
  expect(head.minorVersion == 0 || isHostAndPort(head.headers.get("Host")), "an HTTP/1.1 request has a sound Host");
  const Result<std::string> again = writeHead(head);
  expect(again.ok(), "a head that was read can be written");
  std::string block, single;
  HeadWriter copied(block), written(single);
  copied.requestLine("GET", "/");
  copied.endToEndFields(head.headers);
  written.requestLine("GET", "/");
  const HopByHop hopByHop(head.headers);
  for (const auto& [name, value] : head.headers.fields())
    if (!hopByHop.has(name) && !equalsIgnoreCase(name, "Content-Length")) written.field(name, value);
  expect(copied.finish().ok() && written.finish().ok() && block == single, "lines that are copied are what would be written");
  RequestHeadParser second;
  expect(second.feed(*again).status == HeadFeed::Status::Done, "a head that was written can be read");
  const RequestHead reread = second.takeHead();
  expect(reread.method == head.method && reread.target == head.target && reread.framing == head.framing &&
             reread.contentLength == head.contentLength && reread.keepAlive == head.keepAlive && reread.upgrade == head.upgrade &&
             reread.headers.fields() == head.headers.fields(),
         "a head that is written again is the same head");
}

void responseHead(std::string_view bytes) {
  for (const std::string_view method : {"GET", "HEAD"}) {
    ResponseHeadParser whole, cut;
    const HeadFeed at_once = whole.feed(bytes, method);
    same(at_once, feedInPieces(bytes, 1, [&](std::string_view piece) { return cut.feed(piece, method); }));
    if (at_once.status != HeadFeed::Status::Done) continue;
    const ResponseHead head = whole.takeHead();
    expect(head.status >= 100 && head.status <= 999, "a status has three digits");
    if (method == "HEAD" || head.status < 200 || head.status == 204 || head.status == 304)
      expect(head.framing == Framing::None, "such an answer has no body");
    if (head.framing == Framing::UntilClose) expect(!head.keepAlive, "an answer that ends with its connection does not keep it");
    expect(!(head.headers.has("Transfer-Encoding") && head.headers.has("Content-Length")), "no head has two framings");
  }
}

void chunkedBody(std::string_view bytes) {
  const Decoded whole = decode(bytes, bytes.size() + 1);
  for (const std::size_t step : {1, 3}) {
    const Decoded cut = decode(bytes, step);
    expect(cut.status == whole.status, "the verdict on a body does not depend on how it is cut");
    if (whole.status == BodyStep::Status::Malformed) continue;
    expect(cut.data == whole.data && cut.consumed == whole.consumed, "a body is the same however it is cut");
  }
  if (whole.status != BodyStep::Status::Done || whole.data.empty()) return;
  std::string again;
  appendChunkHead(again, whole.data.size());
  again += whole.data + "\r\n0\r\n\r\n";
  const Decoded reread = decode(again, again.size());
  expect(reread.status == BodyStep::Status::Done && reread.data == whole.data && reread.consumed == again.size(),
         "a body that is written again is the same body");
}

void serverSentEvents(std::string_view bytes) {
  const auto read = [&](std::size_t step, std::vector<SseEvent>& events) {
    SseParser parser({256, 512});
    for (std::size_t at = 0; at < bytes.size(); at += step)
      if (!parser.feed(bytes.substr(at, step), [&](SseEvent event) { events.push_back(std::move(event)); })) return false;
    return true;
  };
  std::vector<SseEvent> whole, cut;
  const bool sound = read(bytes.size() + 1, whole);
  expect(read(1, cut) == sound, "the bound on events does not depend on how they are cut");
  expect(whole == cut, "events are the same however they are cut");
  for (const SseEvent& event : whole) {
    SseParser parser;
    std::vector<SseEvent> reread;
    const Result<void> fed = parser.feed(encodeSse(event), [&](SseEvent one) { reread.push_back(std::move(one)); });
    expect(fed.ok() && reread.size() == 1 && reread[0].data == event.data, "an event that is written again has the same data");
  }
}

void webSocketFrames(std::string_view bytes) {
  FrameTracker whole, cut;
  whole.feed(bytes);
  for (const char& c : bytes) cut.feed({&c, 1});
  expect(whole.malformed() == cut.malformed() && whole.betweenFrames() == cut.betweenFrames() && whole.closed() == cut.closed(),
         "frame boundaries do not depend on how the stream is cut");
  FrameTracker stepping;
  std::size_t taken = 0;
  while (taken < bytes.size() && !stepping.malformed()) {
    stepping.feed(bytes.substr(taken, 1));
    ++taken;
    const std::size_t rest = stepping.feedToBoundary(bytes.substr(taken));
    expect(rest <= bytes.size() - taken, "a boundary lies within the bytes, or behind them");
    taken += rest;
    if (!stepping.malformed() && taken < bytes.size()) expect(stepping.betweenFrames(), "feedToBoundary stops between two frames");
  }
  WsHeadParser parser;
  const WsHeadParser::Feed fed = parser.feed(bytes);
  if (fed.status == WsHeadParser::Status::Done)
    expect(encodeWsHead(parser.head()) == bytes.substr(0, fed.consumed), "a frame head has one form only");
}

}  // namespace spawner::fuzz
