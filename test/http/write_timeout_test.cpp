// The write time-out of a connection: it runs from the moment that the client's socket refuses a byte, however long nothing was to be sent
// before. Over a pair of sockets that the test itself fills up, with times of the test's choice.

#include <csignal>

#include "http/quiet_answer.hpp"

using namespace spawner;
using namespace spawner::http;
using namespace spawner::http::testing;

TEST_CASE("The write time-out runs from the first byte that is refused, not from the last one before a pause", "[integration]") {
  const std::string way = GENERATE("gathered", "at once", "inside the kernel");
  CAPTURE(way);
  const auto before = ::signal(SIGPIPE, SIG_IGN);  // splice(2) is for processes that ignore it
  QuietAnswer answer;
  answer.fillSocket();
  const TimePoint fillBegins = answer.loop.now();
  auto [upstream, application] = socketPair();
  if (way == "gathered") {
    answer.exchange->sendBody("a little");
  } else if (way == "at once") {
    answer.exchange->sendBody(std::string(20'000, 'x'));
  } else {
    REQUIRE(writeSome(application.get(), std::string(20'000, 'x')).bytes == 20'000);
    const auto passed = answer.exchange->sendBodyFrom(upstream.get(), 20'000);
    REQUIRE(passed);
    REQUIRE(passed->bytes == 20'000);
  }
  test::turns(answer.loop);
  REQUIRE(answer.connection->unsent() >= 8);
  answer.connection->checkDeadlines(fillBegins + QuietAnswer::limit - 1ns);
  CHECK_FALSE(answer.closed());

  // What is added while the socket refuses gives no time.
  const TimePoint refused = answer.loop.now();
  answer.exchange->sendBody("more");
  answer.exchange->sendBody(std::string(10'000, 'x'));
  test::turns(answer.loop);
  answer.connection->checkDeadlines(refused + QuietAnswer::limit);
  CHECK(answer.closed());
  ::signal(SIGPIPE, before);
}

TEST_CASE("Each byte that the client takes gives it the write time-out again", "[integration]") {
  QuietAnswer answer;
  answer.fillSocket();
  answer.exchange->sendBody(std::string(500'000, 'x'));
  const std::size_t waiting = answer.connection->unsent();
  REQUIRE(waiting > 400'000);
  const TimePoint beforeReading = answer.loop.now();
  std::vector<char> buffer(4096);
  while (readSome(answer.client.get(), buffer).kind == IoResult::Kind::Bytes) {}
  test::waitFor(answer.loop, "progress", [&] { return answer.connection->unsent() < waiting; });
  REQUIRE(answer.connection->unsent() > 0);
  answer.connection->checkDeadlines(beforeReading + QuietAnswer::limit - 1ns);
  CHECK_FALSE(answer.closed());
  answer.connection->checkDeadlines(answer.loop.now() + QuietAnswer::limit);
  CHECK(answer.closed());
}
