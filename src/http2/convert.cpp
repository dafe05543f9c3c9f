#include "http2/convert.hpp"

#include "base/text.hpp"
#include "http/head_writer.hpp"

namespace spawner::http2 {
namespace {

using http::equalsIgnoreCase;
using http::Framing;

std::string lower(std::string_view name) { return toLower(name); }

Framing framingOf(const Head& head, std::uint64_t& length) {
  if (head.end) return Framing::None;
  // libnghttp2 has checked that it is one number, and checks that the body has that length.
  const auto announced = head.headers.has("content-length") ? parseUnsigned(head.headers.get("content-length")) : std::nullopt;
  if (!announced) return Framing::Chunked;
  length = *announced;
  return Framing::Length;
}

/// RFC 9110 §8.6: without a body a length is told where the client told it, or where the method expects a body: some servers of HTTP/1.1
/// answer 411 without.
bool tellsLength(const Head& head) {
  return head.headers.has("content-length") || head.method == "POST" || head.method == "PUT" || head.method == "PATCH";
}

Result<void> append(Fields& fields, std::string_view name, std::string_view value) {
  if (!http::isToken(name) || !http::isFieldValue(value))
    return Error{ErrorKind::InvalidArgument, "the field " + std::string(name.substr(0, 64)) + " cannot be sent", {}};
  fields.emplace_back(lower(name), value);
  return {};
}

}  // namespace

http::RequestHead requestHead(Head head) {
  http::RequestHead request;
  request.framing = framingOf(head, request.contentLength);
  if (request.framing == Framing::None && tellsLength(head)) request.framing = Framing::Length;  // 0: libnghttp2 has checked it
  request.method = std::move(head.method);
  request.target = std::move(head.path);
  if (!head.authority.empty()) request.headers.add("Host", head.authority);
  for (const auto& [name, value] : head.headers.fields())
    if (head.authority.empty() || name != "host") request.headers.add(name, value);
  return request;
}

std::optional<http::Refusal> refusalOf(const Head& head, const http::RequestHead& request) {
  if (head.tooLarge) return http::Refusal{431, "HeadTooLarge", "The head of the request is too large."};
  http::HeadFacts facts;
  facts.method = request.method;
  facts.setTarget(request.target);
  for (const auto& [name, value] : request.headers.fields()) facts.note(name, value);
  // RFC 9113 §8.3.1: a Host beside :authority has to say the same.
  for (const auto& [name, value] : head.headers.fields())
    if (name == "host" && !head.authority.empty() && !equalsIgnoreCase(value, head.authority))
      return http::Refusal{400, "RepeatedHost", "The fields :authority and Host differ."};
  return http::firstBroken(facts);
}

http::ResponseHead responseHead(Head head) {
  http::ResponseHead answer;
  answer.status = head.status;
  answer.framing = head.status < 200 ? Framing::None : framingOf(head, answer.contentLength);
  answer.headers = std::move(head.headers);
  return answer;
}

Result<Fields> answerFields(const http::ResponseHead& head, bool headRequest) {
  Fields fields = {{":status", std::to_string(head.status)}};
  fields.reserve(head.headers.fields().size() + 2);
  const http::HopByHop hopByHop(head.headers);
  for (const auto& [name, value] : head.headers.fields()) {
    if (hopByHop.has(name) || equalsIgnoreCase(name, "Content-Length")) continue;
    if (auto good = append(fields, name, value); !good) return good.error();
  }
  const bool noBody = head.status < 200 || head.status == 204;
  if (head.framing == Framing::Length && !noBody) {
    fields.emplace_back("content-length", std::to_string(head.contentLength));
  } else if (head.framing == Framing::None && !noBody && (headRequest || head.status == 304) && head.headers.has("Content-Length")) {
    // What a GET would have had; RFC 9110 §8.6.
    if (auto good = append(fields, "content-length", head.headers.get("Content-Length")); !good) return good.error();
  }
  return fields;
}

Fields trailerFields(const http::Headers& trailers) {
  Fields fields;
  const http::HopByHop hopByHop(trailers);
  for (const auto& [name, value] : trailers.fields()) {
    if (hopByHop.has(name) || equalsIgnoreCase(name, "Content-Length") || equalsIgnoreCase(name, "Host")) continue;
    if (http::isToken(name) && http::isFieldValue(value)) fields.emplace_back(lower(name), value);
  }
  return fields;
}

Result<Fields> requestFields(const std::string& method, const std::string& target,
                             const std::vector<std::pair<std::string, std::string>>& fields) {
  Fields all = {{":method", method}, {":scheme", "http"}, {":authority", ""}, {":path", target}};
  all.reserve(fields.size() + 4);
  for (const auto& [name, value] : fields) {
    if (equalsIgnoreCase(name, "Host")) {
      all[2].second = value;
    } else if (auto good = append(all, name, value); !good) {
      return good.error();
    }
  }
  return all;
}

}  // namespace spawner::http2
