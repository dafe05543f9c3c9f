#include "http/head_parser.hpp"

#include <utility>

#include "http/head_pass.hpp"

namespace spawner::http {

namespace {

HeadFeed refused(std::size_t consumed, Refusal refusal) { return {HeadFeed::Status::Refused, consumed, refusal}; }

/// What a head is besides its fields, which are in it already.
void fill(RequestHead& head, const HeadFacts& facts) {
  head.method = facts.method;
  head.target = facts.target;
  head.minorVersion = facts.minorVersion;
  head.upgrade = facts.upgrades();
  head.keepAlive = facts.keepsAlive();
  head.contentLength = facts.length.value_or(0);
  head.framing = facts.transferEncodings > 0 ? Framing::Chunked
                 : facts.contentLengths > 0  ? Framing::Length  // of 0 too: the field then goes on to the upstream
                                             : Framing::None;
}

void fill(ResponseHead& head, const HeadFacts& facts) {
  head.status = facts.status;
  head.reason = facts.reason;
  head.minorVersion = facts.minorVersion;
  head.keepAlive = facts.keepsAlive();
  head.contentLength = facts.length.value_or(0);
  // RFC 9112 §6.3, in its order.
  if (facts.method == "HEAD" || head.status < 200 || head.status == 204 || head.status == 304) {
    head.framing = Framing::None;
  } else if (facts.method == "CONNECT" && head.status < 300) {
    head.framing = Framing::None;
  } else if (facts.transferEncodings > 0) {
    head.framing = Framing::Chunked;
  } else if (facts.contentLengths > 0) {
    head.framing = Framing::Length;
  } else {
    head.framing = Framing::UntilClose;
    head.keepAlive = false;
  }
}

}  // namespace

void HeadCollector::clear() {
  std::string().swap(pending_);  // gives the memory back: an idle connection holds none
  head_ = {};
  lines_ = lineStart_ = 0;
  front_ = Front::Start;
}

/// A head that comes whole is read where it lies. Only when that fails its lines are looked for, as far as they came: they tell whether it
/// is too large, has bare line ends, or is not whole yet. So a verdict is the same in whatever pieces a head comes.
template <class Read>
HeadFeed HeadCollector::feed(std::string_view bytes, Read read) {
  HeadFeed fed = takeEmptyLine(bytes);
  if (fed.status == HeadFeed::Status::Refused || fed.consumed == bytes.size()) return fed;
  bytes.remove_prefix(fed.consumed);
  if (pending_.empty()) {
    if (const HeadRead whole = read(bytes.substr(0, limits_.maxBytes)); whole.refusal == nullptr) {
      head_ = bytes.substr(0, whole.length);
      return {HeadFeed::Status::Done, fed.consumed + whole.length, {}};
    }
  }
  const HeadFeed lines = takeLines(bytes);
  fed.consumed += lines.consumed;
  if (lines.status != HeadFeed::Status::Done) return {lines.status, fed.consumed, lines.refusal};
  if (const Refusal* const refusal = read(head_).refusal) return refused(fed.consumed, *refusal);
  return {HeadFeed::Status::Done, fed.consumed, {}};
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
  HeadFacts facts;
  const HeadFeed fed = collector_.feed(bytes, [&](std::string_view head) {
    facts = HeadFacts();
    return readHead(head, collector_.maxFields(), facts, head_.headers);
  });
  if (fed.status != HeadFeed::Status::Done) return fed;
  if (const auto refusal = firstBroken(facts)) {
    head_.headers = Headers();
    return refused(fed.consumed, *refusal);
  }
  fill(head_, facts);
  return fed;
}

RequestHead RequestHeadParser::takeHead() {
  collector_.clear();
  return std::move(head_);
}

HeadFeed ResponseHeadParser::feed(std::string_view bytes, std::string_view requestMethod) {
  HeadFacts facts;
  HeadFeed fed = collector_.feed(bytes, [&](std::string_view head) {
    facts = HeadFacts();
    facts.request = false;
    facts.method = requestMethod;
    return readHead(head, collector_.maxFields(), facts, head_.headers);
  });
  if (fed.status == HeadFeed::Status::Done) {
    if (const auto refusal = firstBroken(facts)) {
      head_.headers = Headers();
      fed = refused(fed.consumed, *refusal);
    }
  }
  if (fed.status == HeadFeed::Status::Refused)
    fed.refusal.status = 502;  // whatever is wrong with an upstream's answer, the client is told that
  if (fed.status == HeadFeed::Status::Done) fill(head_, facts);
  return fed;
}

ResponseHead ResponseHeadParser::takeHead() {
  collector_.clear();
  return std::move(head_);
}

}  // namespace spawner::http
