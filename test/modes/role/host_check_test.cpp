#include "modes/role/host_check.hpp"

#include <catch2/catch.hpp>

using namespace spawner;
using role::HostCheck;

TEST_CASE("host check: without entries every host is allowed") { CHECK(HostCheck().allows("anything:1")); }

TEST_CASE("host check: names without case and port; a wildcard is for names below, not for the name itself or its lookalikes") {
  const auto check = HostCheck::make({"Example.org", "*.example.org", "127.0.0.1", "[::1]"});
  REQUIRE(check.ok());
  for (const char* host :
       {"example.org", "EXAMPLE.ORG:8080", "example.org.", "a.example.org:1", "a.b.example.org", "127.0.0.1:80", "[::1]:80", "[::1]"})
    CHECK(check->allows(host));
  for (const char* host : {"", "evil.org", "notexample.org", "example.org.evil.org", ".example.org", "127.0.0.10", "[::2]:80", "::1"}) {
    INFO(host);
    CHECK_FALSE(check->allows(host));
  }
}

TEST_CASE("host check: an entry that is no host name is refused") {
  for (const char* entry : {"", "*", "*.", "http://example.org", "example.org:80", "a*b", "user@host"}) {
    INFO(entry);
    CHECK_FALSE(HostCheck::make({entry}).ok());
  }
}
