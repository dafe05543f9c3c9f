#include "http/headers.hpp"

#include <catch2/catch.hpp>

#include "http/bytes.hpp"
#include "http/head_parser.hpp"
#include "http/head_writer.hpp"

using namespace spawner;
using namespace spawner::http;

namespace {

std::vector<Headers::Field> listed(const Headers& headers) {
  const auto fields = headers.fields();
  return {fields.begin(), fields.end()};
}

RequestHead parsed(const std::string& fields) {
  RequestHeadParser parser;
  const std::string bytes = "GET / HTTP/1.1\r\n" + fields + "\r\n";
  REQUIRE(parser.feed(bytes).status == HeadFeed::Status::Done);
  return parser.takeHead();
}

std::string endToEnd(const Headers& headers) {
  std::string out;
  HeadWriter writer(out);
  writer.endToEndFields(headers);
  REQUIRE(writer.finish());
  return out;
}

}  // namespace

TEST_CASE("Fields compare without case and keep their order") {
  Headers headers;
  headers.add("Set-Cookie", "a");
  headers.add("X", "1");
  headers.add("set-cookie", "b");
  CHECK(headers.get("SET-COOKIE") == "a");
  CHECK(headers.has("x"));
  CHECK_FALSE(headers.has("y"));
  headers.set("Set-cookie", "c");
  CHECK(listed(headers) == std::vector<Headers::Field>{{"X", "1"}, {"Set-cookie", "c"}});
  headers.remove("x");
  CHECK(headers.fields().size() == 1);
}

TEST_CASE("Fields beyond those that need no memory of their own are kept, removed and replaced like the others") {
  Headers headers;
  for (int i = 0; i < 40; ++i) headers.add("X-" + std::to_string(i % 20), std::to_string(i));
  REQUIRE(headers.size() == 40);
  CHECK(headers.get("x-19") == "19");
  headers.remove("X-3");
  headers.set("X-5", "last");
  REQUIRE(headers.size() == 37);
  CHECK_FALSE(headers.has("X-3"));
  CHECK(headers.fields()[36] == Headers::Field{"X-5", "last"});
  CHECK(headers.fields()[0] == Headers::Field{"X-0", "0"});
  CHECK(headers.fields()[35] == Headers::Field{"X-19", "39"});
  const Headers copy = headers;
  const Headers moved = std::move(headers);
  CHECK(copy.fields() == moved.fields());
  CHECK(headers.size() == 0);  // NOLINT(bugprone-use-after-move)
  headers.add("A", "b");
  CHECK(listed(headers) == std::vector<Headers::Field>{{"A", "b"}});
}

TEST_CASE("A field may be made of what is in the headers, and one that grows holds no more than a few times its size") {
  Headers headers;
  headers.add("Cookie", "0");
  headers.add("Other", "x");
  headers.set("Other", headers.get("Cookie"));
  CHECK(headers.get("other") == "0");
  for (int i = 0; i < 500; ++i) headers.set("cookie", std::string(headers.get("Cookie")) + "; a=b");
  CHECK(headers.get("Cookie").size() == 1 + 500 * 5);
  CHECK(headers.bytes().size() < 4 * headers.get("Cookie").size() + 4096);
  CHECK(headers.size() == 2);
}

TEST_CASE("What is read is written as it came, but for the blanks around values and what ends here") {
  const auto written = [](const std::string& fields) { return endToEnd(parsed("Host: a\r\n" + fields).headers); };
  CHECK(written("A: 1\r\nB: 2\r\n") == "Host: a\r\nA: 1\r\nB: 2\r\n\r\n");
  CHECK(written("A:1\r\nB: 2 \r\nC:\t3\r\nD:  4\r\nE:\r\nF: \r\nG: 5\r\n") ==
        "Host: a\r\nA: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\nE: \r\nF: \r\nG: 5\r\n\r\n");
  CHECK(written("Connection: keep-alive\r\nA: 1\r\n") == "Host: a\r\nA: 1\r\n\r\n");
  CHECK(written("A: 1\r\nConnection: b, close\r\nB: 2\r\nC: 3\r\nTE: x\r\nContent-Length: 0\r\nD: 4\r\n") ==
        "Host: a\r\nA: 1\r\nC: 3\r\nD: 4\r\n\r\n");
  Headers changed = parsed("Host: a\r\nA: 1\r\nB: 2\r\nC: 3\r\n").headers;
  changed.set("A", "new");
  changed.remove("B");
  CHECK(endToEnd(changed) == "Host: a\r\nC: 3\r\nA: new\r\n\r\n");
}

TEST_CASE("What is added is looked at when it is written, what was read need not be") {
  Headers headers = parsed("Host: a\r\n").headers;
  headers.add("X", "a\r\nY: b");
  std::string out;
  HeadWriter writer(out);
  writer.endToEndFields(headers);
  CHECK_FALSE(writer.finish());
  CHECK(out.empty());
}

TEST_CASE("Each name that rules are about is known in any case, and nothing that looks like one") {
  for (const char* name : {"Connection",
                           "Keep-Alive",
                           "Proxy-Connection",
                           "TE",
                           "Trailer",
                           "Transfer-Encoding",
                           "Upgrade",
                           "Host",
                           "Content-Length",
                           "Expect",
                           "Forwarded",
                           "X-Forwarded-For",
                           "X-Forwarded-Host",
                           "X-Forwarded-Port",
                           "X-Forwarded-Prefix",
                           "X-Forwarded-Proto",
                           "X-Forwarded-Protocol",
                           "X-Forwarded-Scheme",
                           "X-Forwarded-Ssl",
                           "X-Real-IP",
                           "X-Scheme",
                           "Spawner-Pod"}) {
    CAPTURE(name);
    std::string text = name;
    const FieldName known = fieldName(text);
    CHECK(known != FieldName::Other);
    for (char& c : text) c = static_cast<char>(std::tolower(c));
    CHECK(fieldName(text) == known);
    Headers headers;
    headers.add(text, "value");
    CHECK(headers.get(known) == "value");
    text.back() = 'q';
    CHECK(fieldName(text) == FieldName::Other);
    CHECK(fieldName(std::string(name) + "s") == FieldName::Other);
  }
  CHECK(fieldName("") == FieldName::Other);
  CHECK(fieldName("X-Custom") == FieldName::Other);
}

TEST_CASE("A name of a client's way that is written with '_' is known as that, and as nothing else") {
  for (const std::string name : {"X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Port", "X-Forwarded-Prefix", "X-Forwarded-Proto",
                                 "X-Forwarded-Protocol", "X-Forwarded-Scheme", "X-Forwarded-Ssl", "X-Real-IP", "X-Scheme"}) {
    std::vector<std::size_t> dashes;
    for (std::size_t i = 0; i < name.size(); ++i)
      if (name[i] == '-') dashes.push_back(i);
    for (std::size_t which = 1; which < std::size_t{1} << dashes.size(); ++which) {
      std::string text = name;
      for (std::size_t i = 0; i < dashes.size(); ++i)
        if ((which >> i & 1) != 0) text[dashes[i]] = '_';
      CAPTURE(text);
      CHECK(fieldName(text) == FieldName::WithUnderscores);
      for (char& c : text) c = static_cast<char>(std::toupper(c));
      CHECK(fieldName(text) == FieldName::WithUnderscores);
      Headers headers;
      headers.add(text, "value");
      CHECK_FALSE(headers.has(name));
      CHECK_FALSE(headers.has(fieldName(name)));
      text.back() = 'q';
      CHECK(fieldName(text) == FieldName::Other);
    }
  }
  for (const char* name :
       {"Content_Length", "Host_", "_Host", "Transfer_Encoding", "Keep_Alive", "Proxy_Connection", "Spawner_Pod", "X_Custom",
        "X_Forwarded_", "X_Scheme_", "XXForwarded-For", "Forwarded_", "_", "________", "_________", "X______________"})
    CHECK(fieldName(name) == FieldName::Other);
}

TEST_CASE("The end of a value is found wherever it is, whatever surrounds it") {
  for (const int bad : {0x00, 0x0a, 0x0d, 0x1f, 0x7f}) {
    for (const char filler : {'x', '\t', ' ', '\x80', '\xff', '\x7e', '\x21'}) {
      for (std::size_t size = 0; size < 40; ++size) {
        const std::string text(size, filler);
        const char* const end = text.data() + size;
        CHECK(endOfValue(text.data(), end) == end);
        for (std::size_t at = 0; at < size; ++at) {
          std::string broken = text;
          broken[at] = static_cast<char>(bad);
          if (at + 1 < size) broken[at + 1] = ' ';  // what a borrow may look like
          if (endOfValue(broken.data(), broken.data() + size) != broken.data() + at) FAIL(bad << " at " << at << " of " << size);
        }
      }
    }
  }
}

TEST_CASE("A parser keeps nothing of one head for the next, also of one that it refused") {
  const std::string chunked = "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\nA: 1\r\n\r\n";
  const std::string refused = "GET / HTTP/1.1\r\nHost: a\r\nB: 2\r\nHost: b\r\n\r\n";
  const std::string upgrade = "GET /b HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n";
  const std::string plain = "GET / HTTP/1.1\r\nHost: c\r\n\r\n";
  for (const bool pieces : {false, true}) {
    RequestHeadParser parser;
    for (const std::string& before : {chunked, refused, upgrade}) {
      CAPTURE(pieces, before);
      const HeadFeed fed = parser.feed(before);
      if (fed.status == HeadFeed::Status::Done) parser.takeHead();
      if (fed.status == HeadFeed::Status::Refused) continue;
      HeadFeed::Status last = HeadFeed::Status::NeedMore;
      if (pieces)
        for (const char c : plain) last = parser.feed({&c, 1}).status;
      else
        last = parser.feed(plain).status;
      REQUIRE(last == HeadFeed::Status::Done);
      const RequestHead head = parser.takeHead();
      CHECK(listed(head.headers) == std::vector<Headers::Field>{{"Host", "c"}});
      CHECK(head.target == "/");
      CHECK(head.framing == Framing::None);
      CHECK(head.keepAlive);
      CHECK_FALSE(head.upgrade);
    }
  }
}

TEST_CASE("A head is written behind what is there, and a refused one leaves that as it was") {
  for (const std::size_t room : {0U, 1U, 15U, 500U, 600U}) {
    std::string out(100, 'x');
    out.reserve(100 + room);
    HeadWriter writer(out);
    writer.statusLine(200);
    writer.field("A", std::string(40'000, 'a'));
    writer.field("B", "");
    REQUIRE(writer.finish());
    CHECK(out == std::string(100, 'x') + "HTTP/1.1 200 OK\r\nA: " + std::string(40'000, 'a') + "\r\nB: \r\n\r\n");
    HeadWriter bad(out);
    bad.statusLine(200);
    bad.field("A", std::string(700, 'a'));
    bad.field("B", "\n");
    CHECK_FALSE(bad.finish());
    CHECK(out.size() == 100 + 17 + 40'005 + 5 + 2);
  }
}
