// What one request costs before and behind the system calls: its head, the answer's head, the head for the upstream, bodies in chunks.

#include <benchmark/benchmark.h>

#include <stdexcept>
#include <string>

#include "http/body.hpp"
#include "http/head_parser.hpp"
#include "http/head_writer.hpp"
#include "proxy/forward.hpp"

namespace {

using namespace spawner;

const std::string smallRequest = "GET / HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n";
/// As a browser sends it.
const std::string largeRequest =
    "GET /lab/api/contents/notebooks?content=1&hash=0 HTTP/1.1\r\nHost: session-3f2a.example.org\r\nConnection: keep-alive\r\n"
    "sec-ch-ua: \"Chromium\";v=\"120\", \"Not?A_Brand\";v=\"8\"\r\nsec-ch-ua-mobile: ?0\r\nsec-ch-ua-platform: \"Linux\"\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36\r\n"
    "Accept: application/json, text/plain, */*\r\nX-Requested-With: XMLHttpRequest\r\nSec-Fetch-Site: same-origin\r\n"
    "Sec-Fetch-Mode: cors\r\nSec-Fetch-Dest: empty\r\nReferer: https://session-3f2a.example.org/lab\r\n"
    "Accept-Encoding: gzip, deflate, br\r\nAccept-Language: en-GB,en;q=0.9,de;q=0.8\r\n"
    "Cookie: _xsrf=2|9a7c1d0e|d2b9f3a4c5e60718293a4b5c6d7e8f90|1700000000; username=\"2|1:0|10:1700000000|23:username|44:abcdef\"\r\n\r\n";
const std::string answer =
    "HTTP/1.1 200 OK\r\nServer: TornadoServer/6.4\r\nContent-Type: application/json\r\nDate: Sat, 28 Nov 2026 10:00:00 GMT\r\n"
    "X-Content-Type-Options: nosniff\r\nContent-Security-Policy: frame-ancestors 'self'; report-uri /api/security/csp-report\r\n"
    "Etag: \"6f1ed002ab5595859014ebf0951522d9\"\r\nLast-Modified: Sat, 28 Nov 2026 09:00:00 GMT\r\nContent-Length: 1234\r\n\r\n";

http::RequestHead parsed(http::RequestHeadParser& parser, std::string_view bytes) {
  if (parser.feed(bytes).status != http::HeadFeed::Status::Done) throw std::runtime_error("the head is not sound");
  return parser.takeHead();
}

void count(benchmark::State& state, std::size_t bytes) {
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) * static_cast<std::int64_t>(bytes));
}

void requestHead(benchmark::State& state, const std::string& bytes) {
  http::RequestHeadParser parser;
  for (auto _ : state) benchmark::DoNotOptimize(parsed(parser, bytes));
  count(state, bytes.size());
}
BENCHMARK_CAPTURE(requestHead, small, smallRequest);
BENCHMARK_CAPTURE(requestHead, browser, largeRequest);

void responseHead(benchmark::State& state) {
  http::ResponseHeadParser parser;
  for (auto _ : state) {
    if (parser.feed(answer, "GET").status != http::HeadFeed::Status::Done) throw std::runtime_error("the head is not sound");
    benchmark::DoNotOptimize(parser.takeHead());
  }
  count(state, answer.size());
}
BENCHMARK(responseHead);

void headForUpstream(benchmark::State& state, const std::string& bytes) {
  http::RequestHeadParser parser;
  const http::RequestHead head = parsed(parser, bytes);
  for (auto _ : state) {
    auto text = proxy::upstreamHead(head, "127.0.0.1:40000", "127.0.0.1:8080", {});
    if (!text) throw std::runtime_error(text.error().message);
    benchmark::DoNotOptimize(*text);
  }
}
BENCHMARK_CAPTURE(headForUpstream, small, smallRequest);
BENCHMARK_CAPTURE(headForUpstream, browser, largeRequest);

void answerHead(benchmark::State& state) {
  http::ResponseHeadParser parser;
  if (parser.feed(answer, "GET").status != http::HeadFeed::Status::Done) throw std::runtime_error("the head is not sound");
  const http::ResponseHead head = parser.takeHead();
  for (auto _ : state) {
    std::string out;
    http::HeadWriter writer(out);
    writer.statusLine(head.status, head.reason);
    writer.endToEndFields(head.headers);
    writer.field("Content-Length", "1234");
    if (!writer.finish()) throw std::runtime_error("the head cannot be written");
    benchmark::DoNotOptimize(out);
  }
}
BENCHMARK(answerHead);

/// A body of 64 KiB in chunks of so many bytes.
void chunks(benchmark::State& state) {
  const auto size = static_cast<std::size_t>(state.range(0));
  std::string body;
  for (std::size_t at = 0; at < 64 * 1024; at += size) {
    http::appendChunkHead(body, size);
    body.append(size, 'x').append(http::chunkTail);
  }
  body.append(http::lastChunk);
  for (auto _ : state) {
    http::BodyDecoder decoder(http::Framing::Chunked, 0);
    std::string_view rest = body;
    while (!decoder.done()) {
      const http::BodyStep step = decoder.next(rest);
      if (step.status == http::BodyStep::Status::Malformed) throw std::runtime_error("the body is not sound");
      benchmark::DoNotOptimize(step.data);
      rest.remove_prefix(step.consumed);
    }
  }
  count(state, body.size());
}
BENCHMARK(chunks)->Arg(16)->Arg(1024)->Arg(16 * 1024);

}  // namespace
