#include "spawner/result.hpp"

#include <catch2/catch.hpp>
#include <cerrno>
#include <memory>
#include <set>

using namespace spawner;
using namespace std::chrono_literals;

TEST_CASE("result: a value or an error") {
  Result<std::unique_ptr<int>> good(std::make_unique<int>(5));
  REQUIRE(good.ok());
  CHECK(**good == 5);
  const std::unique_ptr<int> taken = std::move(good).value();
  CHECK(*taken == 5);
  const Result<int> bad(Error{ErrorKind::Gone, "too old", 3s});
  CHECK_FALSE(bad);
  CHECK(bad.error().kind == ErrorKind::Gone);
  const Error wrapped = bad.error().in("list pods");
  CHECK(wrapped.message == "list pods: too old");
  CHECK(wrapped.kind == ErrorKind::Gone);
  CHECK(wrapped.retryAfter == Duration(3s));
  CHECK(Result<void>().ok());
}

TEST_CASE("result: every kind has a name of its own") {
  std::set<std::string_view> names;
  for (int kind = 0; kind <= static_cast<int>(ErrorKind::Internal); ++kind) names.insert(toString(static_cast<ErrorKind>(kind)));
  CHECK(names.size() == static_cast<std::size_t>(ErrorKind::Internal) + 1);
  CHECK(toString(ErrorKind::TooManyRequests) == "TooManyRequests");
}

TEST_CASE("result: only what may pass by itself is retriable") {
  const std::set<ErrorKind> retriable = {ErrorKind::TooManyRequests, ErrorKind::Server, ErrorKind::Timeout, ErrorKind::Disconnected};
  for (int i = 0; i <= static_cast<int>(ErrorKind::Internal); ++i) {
    const auto kind = static_cast<ErrorKind>(i);
    CHECK(Error{kind, "", {}}.retriable() == (retriable.count(kind) > 0));
  }
}

TEST_CASE("result: errno in words") {
  const Error error = systemError("cannot open x", ENOENT, ErrorKind::NotFound);
  CHECK(error.message == "cannot open x: no such file or directory");
  CHECK(error.kind == ErrorKind::NotFound);
  CHECK(systemError("read", EIO).message == "read: input/output error");
  CHECK(systemError("read", EIO).kind == ErrorKind::System);
  CHECK(systemError("x", 99999).message.find("99999") != std::string::npos);
}
