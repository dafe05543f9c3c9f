// A second, naive reading of requests beside ours: by lines and splits, with no state machine and nothing shared. Whatever ours takes, the
// naive one must take, and see the same requests in the same bytes. (What ours refuses may be anything.)
#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <vector>

#include "fuzz/targets.hpp"
#include "http/body.hpp"
#include "http/head_parser.hpp"

namespace spawner::fuzz {
namespace {

struct Request {
  std::string method, target, body;
  std::size_t fields = 0;
  bool operator==(const Request&) const = default;
};

std::string lower(std::string text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return text;
}

std::optional<std::size_t> number(const std::string& text, int base) {
  std::size_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// Everything up to CR LF; the rest stays in `bytes`.
std::optional<std::string> line(std::string& bytes) {
  const std::size_t end = bytes.find("\r\n");
  if (end == std::string::npos) return std::nullopt;
  std::string found = bytes.substr(0, end);
  bytes.erase(0, end + 2);
  return found;
}

std::optional<std::string> take(std::string& bytes, std::size_t count) {
  if (bytes.size() < count) return std::nullopt;
  std::string found = bytes.substr(0, count);
  bytes.erase(0, count);
  return found;
}

std::optional<std::string> chunks(std::string& bytes) {
  std::string body;
  for (;;) {
    const auto size = line(bytes);
    if (!size) return std::nullopt;
    const auto count = number(size->substr(0, size->find(';')), 16);
    if (!count) return std::nullopt;
    if (*count == 0) break;
    const auto data = take(bytes, *count);
    if (!data || take(bytes, 2) != "\r\n") return std::nullopt;
    body += *data;
  }
  for (;;) {
    const auto trailer = line(bytes);
    if (!trailer) return std::nullopt;
    if (trailer->empty()) return body;
  }
}

std::optional<Request> naive(std::string& bytes) {
  if (bytes.starts_with("\r\n")) bytes.erase(0, 2);
  Request request;
  const auto start = line(bytes);
  if (!start) return std::nullopt;
  const std::size_t first = start->find(' '), last = start->rfind(' ');
  if (first == std::string::npos || first == last) return std::nullopt;
  request.method = start->substr(0, first);
  request.target = start->substr(first + 1, last - first - 1);
  std::optional<std::size_t> length;
  bool chunked = false;
  for (;;) {
    const auto field = line(bytes);
    if (!field) return std::nullopt;
    if (field->empty()) break;
    ++request.fields;
    const std::size_t colon = field->find(':');
    if (colon == std::string::npos) return std::nullopt;
    const std::string name = lower(field->substr(0, colon));
    std::string value = field->substr(colon + 1);
    value.erase(0, std::min(value.find_first_not_of(" \t"), value.size()));
    value.erase(value.find_last_not_of(" \t") + 1);
    if (name == "content-length") length = number(value, 10);
    if (name == "transfer-encoding") chunked = true;
  }
  const auto body = chunked ? chunks(bytes) : length ? take(bytes, *length) : std::optional<std::string>("");
  if (!body) return std::nullopt;
  request.body = *body;
  return request;
}

/// Ours; nullopt when it refuses, or when the bytes end before the request does.
std::optional<Request> strict(std::string_view& bytes) {
  http::RequestHeadParser parser;
  const http::HeadFeed fed = parser.feed(bytes);
  if (fed.status != http::HeadFeed::Status::Done) return std::nullopt;
  bytes.remove_prefix(fed.consumed);
  const http::RequestHead head = parser.takeHead();
  Request request{head.method, head.target, "", head.headers.fields().size()};
  http::BodyDecoder decoder(head.framing, head.contentLength);
  while (!decoder.done()) {
    if (bytes.empty()) return std::nullopt;
    const http::BodyStep step = decoder.next(bytes);
    if (step.status == http::BodyStep::Status::Malformed) return std::nullopt;
    request.body += step.data;
    bytes.remove_prefix(step.consumed);
  }
  return request;
}

}  // namespace

void twoReadings(std::string_view bytes) {
  std::string rest(bytes);
  for (int i = 0; i < 16; ++i) {
    const auto ours = strict(bytes);
    if (!ours) return;
    const auto theirs = naive(rest);
    expect(theirs.has_value(), "what the strict reading takes, the naive one takes");
    expect(*theirs == *ours, "both readings see the same request");
    expect(rest == bytes, "both readings end at the same byte");
  }
}

}  // namespace spawner::fuzz
