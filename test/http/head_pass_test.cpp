// One pass over a head: it ends at the empty line and nowhere else, and knows each byte where it stands.

#include "http/head_pass.hpp"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "http/bytes.hpp"

using namespace spawner::http;

namespace {

/// Reads from memory of exactly that size: what looks behind it is seen by the sanitizers.
HeadRead read(const std::string& bytes, HeadFacts& facts, Headers& headers, std::size_t maxFields = 100) {
  static std::vector<char> exact;  // outlives the facts, which borrow from it
  exact = std::vector<char>(bytes.begin(), bytes.end());
  return readHead({exact.data(), exact.size()}, maxFields, facts, headers);
}

std::string_view verdict(const std::string& bytes, bool request = true) {
  HeadFacts facts;
  facts.request = request;
  Headers headers;
  const HeadRead found = read(bytes, facts, headers);
  CHECK((found.length == 0) == (found.refusal != nullptr));
  return found.refusal == nullptr ? std::string_view() : found.refusal->reason;
}

const std::string head =
    "POST /a?b HTTP/1.1\r\nHost: a:80\r\nX: \t one\ttwo \t\r\nContent-Length: 7\r\nConnection: x, CLOSE\r\nconnection: upgrade\r\n\r\n";

}  // namespace

TEST_CASE("A pass gathers what the guard asks for") {
  HeadFacts facts;
  Headers headers;
  const HeadRead found = read(head + "1234567GET /next HTTP/1.1\r\n\r\n", facts, headers);
  REQUIRE(found.refusal == nullptr);
  CHECK(found.length == head.size());
  CHECK(facts.method == "POST");
  CHECK(facts.target == "/a?b");
  CHECK(facts.targetBytes == (classOf('/') | classOf('a') | classOf('?') | classOf('b')));
  CHECK(facts.minorVersion == 1);
  CHECK(facts.hosts == 1);
  CHECK(facts.host == "a:80");
  CHECK(facts.contentLengths == 1);
  CHECK(facts.length == 7U);
  CHECK(facts.connection.close);
  CHECK(facts.connection.upgrade);
  CHECK_FALSE(facts.connection.keepAlive);
  CHECK_FALSE(facts.connection.malformed);
  CHECK_FALSE(facts.upgrades());
  CHECK_FALSE(facts.keepsAlive());
  CHECK_FALSE(facts.folded);
  REQUIRE(headers.fields().size() == 5);
  CHECK(headers.fields()[1] == Headers::Field{"X", "one\ttwo"});
}

TEST_CASE("What ends before its empty line is no head") {
  for (std::size_t size = 0; size < head.size(); ++size) CHECK(verdict(head.substr(0, size)) != "");
  const std::string answer = "HTTP/1.1 200 OK\r\nDate: now\r\n\r\n";
  for (std::size_t size = 0; size < answer.size(); ++size) CHECK(verdict(answer.substr(0, size), false) != "");
  CHECK(verdict(answer, false) == "");
  CHECK(verdict(head + std::string(70, 'x')) == "");
  HeadFacts facts;
  Headers headers;
  CHECK(read(head, facts, headers, 5).refusal == nullptr);
  CHECK(read(head, facts, headers, 4).refusal != nullptr);
}

TEST_CASE("More fields than room is made for at first") {
  std::string many = "GET / HTTP/1.1\r\n";
  for (int i = 0; i < 90; ++i) many += "X-" + std::to_string(i) + ": " + std::string(static_cast<std::size_t>(i), 'v') + "\r\n";
  HeadFacts facts;
  Headers headers;
  REQUIRE(read(many + "\r\n", facts, headers).refusal == nullptr);
  REQUIRE(headers.fields().size() == 90);
  for (std::size_t i = 0; i < 90; ++i) CHECK(headers.fields()[i] == Headers::Field{"X-" + std::to_string(i), std::string(i, 'v')});
}

TEST_CASE("Each byte is taken or refused wherever it stands") {
  const auto alphanumeric = [](int c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); };
  for (int c = 0; c < 256; ++c) {
    const std::string byte(1, static_cast<char>(c));
    const bool token = alphanumeric(c) || (c != 0 && std::string("!#$%&'*+-.^_`|~").find(byte) != std::string::npos);
    const bool value = c == '\t' || (c >= 0x20 && c != 0x7f);
    CAPTURE(c);
    CHECK(isToken("x" + byte) == token);
    CHECK(isHostAndPort("x" + byte) == (alphanumeric(c) || c == '.' || c == '-' || c == '_'));
    CHECK((verdict("G" + byte + "T / HTTP/1.1\r\n\r\n") == "") == (token));
    CHECK((verdict("GET /" + byte + " HTTP/1.1\r\n\r\n") == "") == (c > 0x20 && c != 0x7f));
    CHECK((verdict("GET / HTTP/1.1\r\nX" + byte + "Y: 1\r\n\r\n") == "") == (token || c == ':'));
    for (std::size_t before = 0; before < 18; ++before) {
      const std::string text = std::string(before, 'a') + byte + std::string(17 - before, 'b');
      CHECK(isFieldValue(text) == value);
      CHECK((verdict("GET / HTTP/1.1\r\nX: " + text + "\r\n\r\n") == "") == value);
      CHECK((verdict("HTTP/1.1 200 " + text + "\r\n\r\n", false) == "") == value);
    }
  }
  CHECK_FALSE(isToken(""));
  CHECK(isFieldValue(""));
}
