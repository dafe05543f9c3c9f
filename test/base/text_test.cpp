#include "base/text.hpp"

#include <catch2/catch.hpp>
#include <random>

using namespace spawner;

TEST_CASE("text: split keeps empty parts") {
  using Parts = std::vector<std::string_view>;
  CHECK(split("a,b", ',') == Parts{"a", "b"});
  CHECK(split("", ',') == Parts{""});
  CHECK(split(",a,,", ',') == Parts{"", "a", "", ""});
}

TEST_CASE("text: trim takes spaces and tabs only") {
  CHECK(trim(" \t a b\t ") == "a b");
  CHECK(trim("  \t").empty());
  CHECK(trim("").empty());
  CHECK(trim("\na\r") == "\na\r");
}

TEST_CASE("text: lower case is ASCII's only") { CHECK(toLower("AbZ[@\xC3\x84") == "abz[@\xC3\x84"); }

TEST_CASE("text: unsigned numbers, the whole text and nothing else") {
  CHECK(parseUnsigned("0") == 0u);
  CHECK(parseUnsigned("007") == 7u);
  CHECK(parseUnsigned("18446744073709551615") == UINT64_MAX);
  CHECK(parseUnsigned("65535", 65535) == 65535u);
  for (const char* bad : {"", "18446744073709551616", "18446744073709551620", "99999999999999999999", "-1", "+1", " 1", "1 ", "0x1", "1.0",
                          "1e3", "\xD9\xA1"})
    CHECK_FALSE(parseUnsigned(bad));
  CHECK_FALSE(parseUnsigned("65536", 65535));
}

TEST_CASE("text: base64 vectors of RFC 4648 §10, both ways") {
  const std::pair<std::string, std::string> vectors[] = {
      {"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}, {"fooba", "Zm9vYmE="}, {"foobar", "Zm9vYmFy"}};
  for (const auto& [bytes, text] : vectors) {
    CHECK(base64Encode(bytes) == text);
    CHECK(base64Decode(text) == bytes);
  }
  CHECK(base64Encode("\xFB\xFF") == "+/8=");
  CHECK(base64UrlEncode("\xFB\xFF") == "-_8");
  CHECK(base64UrlDecode("-_8") == "\xFB\xFF");
}

TEST_CASE("text: base64 decoding is strict") {
  for (const char* bad : {"Zg", "Zg=", "Zg===", "Z===", "=", "==", "====", "Zm9v=", "Zh==", "Zm9=", "Zm8=Zm8=", "Zm 9", "Zm9v\n", " Zm9v",
                          "-_8=", "Zm9v====", "Z=g="})
    CHECK_FALSE(base64Decode(bad));
  for (const char* bad : {"Z", "Zg==", "Zm8=", "Zh", "Zm9", "+/8", "Zm9vZ", "Zg\n"}) CHECK_FALSE(base64UrlDecode(bad));
}

TEST_CASE("text: base64 of any bytes comes back") {
  std::mt19937 random(5);
  for (std::size_t size = 0; size < 100; ++size) {
    std::string bytes(size, '\0');
    for (char& c : bytes) c = static_cast<char>(random());
    REQUIRE(base64Decode(base64Encode(bytes)) == bytes);
    REQUIRE(base64UrlDecode(base64UrlEncode(bytes)) == bytes);
  }
}

TEST_CASE("text: DNS-1035 labels") {
  for (const char* good : {"a", "a1", "a-b", "spawner-0a9", "a--b"}) CHECK(isDns1035Label(good));
  CHECK(isDns1035Label(std::string(63, 'a')));
  CHECK_FALSE(isDns1035Label(std::string(64, 'a')));
  for (const char* bad : {"", "1a", "-a", "a-", "A", "a.b", "a_b", "a b", "\xC3\xA4"}) CHECK_FALSE(isDns1035Label(bad));
}

TEST_CASE("text: JSON escapes") {
  CHECK(jsonEscape("a\"b\\c/d") == "a\\\"b\\\\c/d");
  CHECK(jsonEscape("\n\r\t\b\x01\x7F") == "\\n\\r\\t\\u0008\\u0001\\u007f");
  CHECK(jsonEscape(std::string_view("\0", 1)) == "\\u0000");
  CHECK(jsonEscape("\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80") == "\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80");
}

TEST_CASE("text: JSON escaping replaces what is not UTF-8") {
  const std::string bad = "\xEF\xBF\xBD";
  CHECK(jsonEscape("\x80") == bad);  // a continuation alone
  CHECK(jsonEscape("\xC3") == bad);  // cut off
  CHECK(jsonEscape("\xC3(") == bad + "(");
  CHECK(jsonEscape("\xC0\x80") == bad + bad);                   // overlong NUL
  CHECK(jsonEscape("\xE0\x80\x80") == bad + bad + bad);         // overlong
  CHECK(jsonEscape("\xED\xA0\x80") == bad + bad + bad);         // a surrogate
  CHECK(jsonEscape("\xED\x9F\xBF") == "\xED\x9F\xBF");          // the last before them
  CHECK(jsonEscape("\xF4\x8F\xBF\xBF") == "\xF4\x8F\xBF\xBF");  // U+10FFFF
  CHECK(jsonEscape("\xF4\x90\x80\x80") == bad + bad + bad + bad);
  CHECK(jsonEscape("\xF5\xFF") == bad + bad);
}

TEST_CASE("text: HTML escapes") {
  CHECK(htmlEscape("<a href=\"x\" id='y'>&amp;") == "&lt;a href=&quot;x&quot; id=&#39;y&#39;&gt;&amp;amp;");
}
