#pragma once
// A transport against a TinyServer, and recorded streams.

#include <catch2/catch.hpp>
#include <optional>

#include "fetch/fetcher.hpp"
#include "loop/reactor.hpp"
#include "support/loop_wait.hpp"
#include "support/tiny_server.hpp"

namespace spawner::test {

using Connection = std::shared_ptr<TinyServer::Connection>;

/// What a stream told.
struct StreamStory {
  std::optional<TransportResponse> head;
  std::string bytes;
  std::optional<Result<void>> end;
  int heads = 0;

  StreamHandlers handlers() {
    return {[this](const TransportResponse& told) {
              ++heads;
              head = told;
            },
            [this](std::string_view told) {
              CHECK(heads == 1);
              CHECK_FALSE(end.has_value());
              bytes += told;
            },
            [this](Result<void> told) {
              CHECK_FALSE(end.has_value());
              end = std::move(told);
            }};
  }
};

struct FetchFixture {
  using Answer = std::optional<Result<TransportResponse>>;

  explicit FetchFixture(TinyServer::Handler handler, fetch::HttpTransportOptions options = {}) : server(loop, std::move(handler)) {
    if (options.baseUrl.empty()) options.baseUrl = server.url();
    auto made = fetch::HttpTransport::make(loop, std::move(options));
    REQUIRE(made.ok());
    transport = std::move(*made);
  }
  static TransportRequest get(std::string target, Duration timeout = std::chrono::seconds(10)) {
    TransportRequest request;
    request.target = std::move(target);
    request.timeout = timeout;
    return request;
  }
  UniqueFunction<void(Result<TransportResponse>)> into(Answer& answer) {
    return [&answer](Result<TransportResponse> told) {
      CHECK_FALSE(answer.has_value());
      answer = std::move(told);
    };
  }
  Result<TransportResponse> call(TransportRequest request) {
    Answer answer;
    const Pending pending = transport->call(std::move(request), into(answer));
    CHECK_FALSE(answer.has_value());  // never inside the call
    waitFor(loop, "an answer", [&] { return answer.has_value(); });
    return *answer;
  }

  Reactor loop;
  TinyServer server;
  std::unique_ptr<fetch::HttpTransport> transport;
};

}  // namespace spawner::test
