// The only place that includes Boost: Beast's basic_parser does the grammar of start line and fields, the guard does the rest.

#include "http/head_parser.hpp"

#include <algorithm>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/field.hpp>
#include <utility>

#include "base/text.hpp"

namespace spawner::http {

namespace {

namespace beast = boost::beast::http;
using BeastError = boost::system::error_code;

std::string_view view(boost::core::string_view text) { return {text.data(), text.size()}; }

HeadFeed refused(std::size_t consumed, Refusal refusal) { return {HeadFeed::Status::Refused, consumed, refusal}; }

void noteField(HeadFacts& facts, std::string_view name, std::string_view value) {
  const auto is = [&](std::string_view known) { return equalsIgnoreCase(name, known); };
  const auto count = [&](int& lines, std::string_view& last) {
    ++lines;
    last = value;
  };
  if (is("Host")) count(facts.hosts, facts.host);
  if (is("Content-Length")) count(facts.contentLengths, facts.contentLength);
  if (is("Transfer-Encoding")) count(facts.transferEncodings, facts.transferEncoding);
  if (is("Upgrade")) facts.hasUpgrade = true;
}

/// Beast's parser for one head that is there whole; fills a Head and the facts for the guard.
template <bool isRequest, class Head>
class HeadReader final : public beast::basic_parser<isRequest> {
 public:
  HeadReader(Head& head, HeadFacts& facts) : head_(head), facts_(facts) {}

  BeastError read(std::string_view bytes, std::size_t fields) {
    this->header_limit(static_cast<std::uint32_t>(bytes.size()));
    this->body_limit(boost::none);
    BeastError error;
    head_.headers.fields().reserve(fields);
    this->put(boost::asio::const_buffer(bytes.data(), bytes.size()), error);
    if (!error && !this->is_header_done()) error = beast::error::partial_message;
    for (const auto& [name, value] : head_.headers.fields()) noteField(facts_, name, value);
    return error;
  }

 private:
  using text = boost::core::string_view;

  void start(int version) {
    head_.minorVersion = version % 10;
    facts_.minorVersion = head_.minorVersion;
  }

  void on_request_impl(beast::verb, text method, text target, int version, BeastError&) override {
    if constexpr (isRequest) {
      head_.method = view(method);
      head_.target = view(target);
      start(version);
    }
  }
  void on_response_impl(int code, text reason, int version, BeastError&) override {
    if constexpr (!isRequest) {
      head_.status = code;
      head_.reason = view(reason);
      start(version);
    }
  }
  void on_field_impl(beast::field, text name, text value, BeastError&) override {
    head_.headers.add(std::string(view(name)), std::string(view(value)));
  }
  void on_header_impl(BeastError&) override {}
  void on_body_init_impl(boost::optional<std::uint64_t> const&, BeastError&) override {}
  std::size_t on_body_impl(text, BeastError&) override { return 0; }
  void on_chunk_header_impl(std::uint64_t, text, BeastError&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, text, BeastError&) override { return 0; }
  void on_finish_impl(BeastError&) override {}

  Head& head_;
  HeadFacts& facts_;
};

/// True when the start line names an HTTP version that is none of ours.
bool namesOtherVersion(std::string_view raw) {
  const std::string_view line = raw.substr(0, raw.find("\r\n"));
  const std::size_t at = line.starts_with("HTTP/") ? 0 : line.rfind("HTTP/");
  if (at == std::string_view::npos || (at > 0 && line.size() - at != 8)) return false;
  const std::string_view number = line.substr(at + 5, 3);
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  return number.size() == 3 && digit(number[0]) && number[1] == '.' && digit(number[2]) && number != "1.0" && number != "1.1";
}

Refusal grammarRefusal(const BeastError& error, std::string_view raw) {
  if (error == beast::error::bad_version && namesOtherVersion(raw))
    return {505, "UnsupportedVersion", "Only HTTP/1.0 and HTTP/1.1 are spoken here."};
  if (error == beast::error::bad_method) return {400, "BadMethod", "The method is not a token."};
  if (error == beast::error::bad_target) return {400, "BadTarget", "The request target has bytes that are not printable ASCII."};
  if (error == beast::error::bad_field) return {400, "BadFieldName", "A header line does not begin with a name and a colon."};
  if (error == beast::error::bad_value) return {400, "BadFieldValue", "A header's value has control characters."};
  return {400, "BadSyntax", "The head is not HTTP/1.1 (RFC 9112)."};
}

/// What is wrong with a head that Beast does not take. At framing fields it stops at the first line it dislikes, and the guard's word for
/// all of them together says more: so its rules are asked first, with facts from the bare lines.
Refusal refusalFor(const BeastError& error, std::string_view raw, HeadFacts facts, std::span<const HeadRule> rules) {
  const bool framing = error == beast::error::bad_content_length || error == beast::error::multiple_content_length ||
                       error == beast::error::bad_transfer_encoding;
  if (!framing) return grammarRefusal(error, raw);
  facts.hosts = facts.contentLengths = facts.transferEncodings = 0;
  for (std::string_view rest = raw.substr(raw.find('\n') + 1); !rest.empty();) {
    const std::string_view line = rest.substr(0, rest.find("\r\n"));
    rest.remove_prefix(std::min(rest.size(), line.size() + 2));
    const std::size_t colon = line.find(':');
    if (colon != std::string_view::npos) noteField(facts, line.substr(0, colon), trim(line.substr(colon + 1)));
  }
  if (const auto refusal = firstBroken(rules, facts)) return *refusal;
  return {400, "BadContentLength", "The fields that say where the message ends are malformed."};
}

bool keepsAlive(int minorVersion, const Headers& headers) {
  if (headers.hasToken("Connection", "close")) return false;
  return minorVersion >= 1 || headers.hasToken("Connection", "keep-alive");
}

std::optional<Refusal> readRequest(std::string_view raw, std::size_t fields, RequestHead& head) {
  HeadFacts facts;
  facts.raw = raw;
  const BeastError error = HeadReader<true, RequestHead>(head, facts).read(raw, fields);
  facts.method = head.method;
  facts.target = head.target;
  if (error) return refusalFor(error, raw, facts, requestRules());
  facts.connectionUpgrade = facts.hasUpgrade && head.minorVersion >= 1 && head.headers.hasToken("Connection", "upgrade");
  if (const auto refusal = firstBroken(requestRules(), facts)) return refusal;

  head.upgrade = facts.connectionUpgrade;
  head.keepAlive = keepsAlive(head.minorVersion, head.headers);
  if (facts.transferEncodings > 0) {
    head.framing = Framing::Chunked;
  } else if (facts.contentLengths > 0) {
    head.contentLength = parseUnsigned(facts.contentLength).value_or(0);
    head.framing = Framing::Length;  // of 0 too: the field then goes on to the upstream
  }
  return std::nullopt;
}

std::optional<Refusal> readResponse(std::string_view raw, std::size_t fields, std::string_view requestMethod, ResponseHead& head) {
  HeadFacts facts;
  facts.request = false;
  facts.raw = raw;
  const BeastError error = HeadReader<false, ResponseHead>(head, facts).read(raw, fields);
  facts.method = requestMethod;
  facts.status = head.status;
  if (error) return refusalFor(error, raw, facts, responseRules());
  if (const auto refusal = firstBroken(responseRules(), facts)) return refusal;

  head.keepAlive = keepsAlive(head.minorVersion, head.headers);
  if (facts.contentLengths > 0) head.contentLength = parseUnsigned(facts.contentLength).value_or(0);
  // RFC 9112 §6.3, in its order.
  if (requestMethod == "HEAD" || head.status < 200 || head.status == 204 || head.status == 304) {
    head.framing = Framing::None;
  } else if (requestMethod == "CONNECT" && head.status < 300) {
    head.framing = Framing::None;
  } else if (facts.transferEncodings > 0) {
    head.framing = Framing::Chunked;
  } else if (facts.contentLengths > 0) {
    head.framing = Framing::Length;
  } else {
    head.framing = Framing::UntilClose;
    head.keepAlive = false;
  }
  return std::nullopt;
}

}  // namespace

void HeadCollector::clear() {
  std::string().swap(pending_);  // gives the memory back: an idle connection holds none
  head_ = {};
  lines_ = lineStart_ = 0;
  front_ = Front::Start;
}

HeadFeed HeadCollector::feed(std::string_view bytes) {
  HeadFeed front = takeEmptyLine(bytes);
  if (front.status == HeadFeed::Status::Refused || front.consumed == bytes.size()) return front;
  HeadFeed lines = takeLines(bytes.substr(front.consumed));
  lines.consumed += front.consumed;
  return lines;
}

/// RFC 9112 §2.2: one empty line in front of a request is passed over. It is no byte of a head: no deadline and no token starts with it.
HeadFeed HeadCollector::takeEmptyLine(std::string_view bytes) {
  std::size_t taken = 0;
  while (front_ != Front::Passed && taken < bytes.size()) {
    const char c = bytes[taken];
    if (front_ == Front::Start && c == '\r') {
      front_ = Front::AfterCr;
      ++taken;
    } else if (front_ == Front::AfterCr && c != '\n') {
      return refused(bytes.size(), {400, "BadLineEnding", "A line does not end with CR LF."});
    } else {
      if (front_ == Front::AfterCr) ++taken;
      front_ = Front::Passed;
    }
  }
  return {HeadFeed::Status::NeedMore, taken, {}};
}

HeadFeed HeadCollector::takeLines(std::string_view bytes) {
  if (pending_.empty() && !isToken(bytes.substr(0, 1)))
    return refused(bytes.size(), {400, "NotHttp", "The first byte is none of HTTP/1.1 (TLS on a plain port?)."});
  const std::size_t before = pending_.size();
  for (std::size_t at = bytes.find('\n'); at != std::string_view::npos; at = bytes.find('\n', at + 1)) {
    if (before + at + 1 > limits_.maxBytes) break;
    if ((at > 0 ? bytes[at - 1] : pending_.empty() ? '\0' : pending_.back()) != '\r')
      return refused(bytes.size(), {400, "BadLineEnding", "A line does not end with CR LF."});
    const std::size_t end = before + at + 1;
    if (end - lineStart_ == 2) {
      if (before > 0) pending_.append(bytes.substr(0, at + 1));
      head_ = before > 0 ? std::string_view(pending_) : bytes.substr(0, at + 1);
      return {HeadFeed::Status::Done, at + 1, {}};
    }
    lineStart_ = end;
    if (++lines_ > limits_.maxFields + 1) return refused(bytes.size(), {431, "TooManyFields", "The head has too many fields."});
  }
  if (before + bytes.size() > limits_.maxBytes) return refused(bytes.size(), {431, "HeadTooLarge", "The head is too large."});
  pending_.append(bytes);
  return {HeadFeed::Status::NeedMore, bytes.size(), {}};
}

HeadFeed RequestHeadParser::feed(std::string_view bytes) {
  HeadFeed result = collector_.feed(bytes);
  if (result.status != HeadFeed::Status::Done) return result;
  head_ = RequestHead();
  if (const auto refusal = readRequest(collector_.head(), collector_.fields(), head_)) return refused(result.consumed, *refusal);
  return result;
}

RequestHead RequestHeadParser::takeHead() {
  collector_.clear();
  return std::move(head_);
}

HeadFeed ResponseHeadParser::feed(std::string_view bytes, std::string_view requestMethod) {
  HeadFeed result = collector_.feed(bytes);
  std::optional<Refusal> refusal;
  if (result.status == HeadFeed::Status::Refused) refusal = result.refusal;
  if (result.status == HeadFeed::Status::Done) {
    head_ = ResponseHead();
    refusal = readResponse(collector_.head(), collector_.fields(), requestMethod, head_);
  }
  if (!refusal) return result;
  refusal->status = 502;  // whatever is wrong with an upstream's answer, that is what the client is told
  return refused(result.consumed, *refusal);
}

ResponseHead ResponseHeadParser::takeHead() {
  collector_.clear();
  return std::move(head_);
}

}  // namespace spawner::http
