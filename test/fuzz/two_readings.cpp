// Our reading of requests beside two others (readings.hpp). Whatever ours takes is sound, and the naive reading sees the same requests in
// the same bytes. What then goes upstream has one meaning, for a strict server and for a sloppy one: the one that the client's bytes had.
// (What ours refuses may be anything.)
#include <array>
#include <string>
#include <vector>

#include "fuzz/readings.hpp"
#include "fuzz/targets.hpp"
#include "http/body.hpp"
#include "http/head_parser.hpp"
#include "proxy/forward.hpp"

namespace spawner::fuzz {
namespace {

constexpr char clientIp[] = "192.0.2.7";
constexpr char upstream[] = "upstream:80";

/// One connection to an upstream: what was written there, and what it should mean.
struct Upstream {
  bool trusted;  // of the client's X-Forwarded-*
  std::string written = {};
  std::vector<Request> meant = {};
};
using Upstreams = std::array<Upstream, 2>;

void same(const Request& a, const Request& b, const char* where) {
  const char* const what = difference(a, b);
  expect(what == nullptr, what == nullptr ? "" : (std::string(where) + what).c_str());
}

Request meaning(const http::RequestHead& head) {
  Request request;
  request.method = head.method;
  request.target = head.target;
  request.minorVersion = head.minorVersion;
  for (const auto& [name, value] : head.headers.fields()) {
    std::string small(name);
    for (char& c : small)
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
    request.fields.emplace_back(small, value);
  }
  expect(head.framing != http::Framing::UntilClose, "no request ends with its connection");
  if (head.framing == http::Framing::Length) request.framing = Request::Framing::Length;
  if (head.framing == http::Framing::Chunked) request.framing = Request::Framing::Chunked;
  request.length = head.contentLength;
  request.persists = head.keepAlive;
  request.upgrades = head.upgrade;
  return request;
}

/// Ours; nullopt when it refuses, or when the bytes end before the request does. Writes to the upstreams as proxy::Run does.
std::optional<Request> ours(std::string_view& bytes, Upstreams& upstreams) {
  http::RequestHeadParser parser;
  const http::HeadFeed fed = parser.feed(bytes);
  if (fed.status != http::HeadFeed::Status::Done) return std::nullopt;
  bytes.remove_prefix(fed.consumed);
  const http::RequestHead head = parser.takeHead();
  Request request = meaning(head);
  std::string body;  // as it is written again
  http::BodyDecoder decoder(head.framing, head.contentLength);
  while (!decoder.done()) {
    if (bytes.empty()) return std::nullopt;
    const http::BodyStep step = decoder.next(bytes);
    if (step.status == http::BodyStep::Status::Malformed) return std::nullopt;
    bytes.remove_prefix(step.consumed);
    request.body += step.data;
    if (step.data.empty()) continue;
    if (head.framing == http::Framing::Chunked) http::appendChunkHead(body, step.data.size());
    body += step.data;
    if (head.framing == http::Framing::Chunked) body += http::chunkTail;
  }
  if (head.framing == http::Framing::Chunked) body += http::lastChunk;
  for (Upstream& one : upstreams) {
    const auto written = proxy::upstreamHead(head, std::string(clientIp) + ":1", upstream, {.trustForwarded = one.trusted});
    expect(written.ok(), "a head that was read can go on");
    one.written += *written + body;
  }
  return request;
}

void readAgain(const Upstream& one, std::optional<Request> (*read)(std::string_view&), const char* where) {
  std::string_view rest = one.written;
  for (const Request& meant : one.meant) {
    const auto seen = read(rest);
    expect(seen.has_value(), "an upstream sees as many requests as came");
    same(*seen, meant, where);
  }
  expect(rest.empty(), "an upstream sees no more requests than came");
}

}  // namespace

void twoReadings(std::string_view bytes) {
  std::string_view rest = bytes;
  Upstreams upstreams = {{{.trusted = false}, {.trusted = true}}};
  for (int i = 0; i < 16; ++i) {
    const auto request = ours(bytes, upstreams);
    if (!request) break;
    const char* const rule = unsound(*request);
    expect(rule == nullptr, rule);
    const auto naive = readStrictly(rest);
    expect(naive.has_value(), "what ours takes, the naive reading takes");
    same(*request, *naive, "both readings see ");
    expect(rest == bytes, "both readings end at the same byte");
    for (Upstream& one : upstreams) one.meant.push_back(passedOn(*naive, clientIp, upstream, one.trusted));
  }
  for (const Upstream& one : upstreams) {
    readAgain(one, readStrictly, "a strict upstream sees ");
    readAgain(one, readLeniently, "a lenient upstream sees ");
  }
}

}  // namespace spawner::fuzz
