// Tokens on requests: added, renewed, tried once more after a 401, waited for no longer than the request's own limit.
#include "k8s/auth_transport.hpp"

#include <catch2/catch.hpp>

#include "loop/sim_loop.hpp"
#include "support/scripted_transport.hpp"

using namespace spawner;
using namespace spawner::test;
using namespace std::chrono_literals;

namespace {

/// A source that the test steers.
class ScriptedSource final : public k8s::CredentialSource {
 public:
  const k8s::Credential* current() override { return credential ? &*credential : nullptr; }
  void refresh(UniqueFunction<void(Result<void>)> done) override {
    CHECK_FALSE(done_);  // one at a time
    ++refreshes;
    done_ = std::move(done);
  }
  [[nodiscard]] bool refreshable() const override { return canRefresh; }
  void finish(Result<void> result) { std::exchange(done_, nullptr)(std::move(result)); }
  [[nodiscard]] bool asked() const { return static_cast<bool>(done_); }

  std::optional<k8s::Credential> credential;
  bool canRefresh = true;
  int refreshes = 0;

 private:
  UniqueFunction<void(Result<void>)> done_;
};

struct AuthFixture {
  AuthFixture() {
    auto innerOwned = std::make_unique<ScriptedTransport>(loop);
    auto sourceOwned = std::make_unique<ScriptedSource>();
    inner = innerOwned.get();
    source = sourceOwned.get();
    source->credential = k8s::Credential{"t1", {}, {}};
    auth = std::make_unique<k8s::AuthTransport>(loop, std::move(innerOwned), std::move(sourceOwned),
                                                [this](const k8s::Credential& credential) { told.push_back(credential.bearer); });
  }
  void call(Duration timeout = 10s) {
    TransportRequest request;
    request.target = "/x?token=query";
    request.timeout = timeout;
    pendings.push_back(auth->call(std::move(request), [this](Result<TransportResponse> answer) { answers.push_back(std::move(answer)); }));
  }
  void stream() {
    TransportRequest request;
    request.target = "/w";
    pendings.push_back(auth->stream(
        std::move(request), StreamHandlers{[this](const TransportResponse& head) { story += "head" + std::to_string(head.status) + " "; },
                                           [this](std::string_view bytes) { story += std::string(bytes) + " "; },
                                           [this](Result<void> end) { story += end.ok() ? "end" : "broken"; }}));
  }
  void run(Duration d = 1ms) { loop.runFor(d); }

  SimLoop loop{1};
  ScriptedTransport* inner = nullptr;
  ScriptedSource* source = nullptr;
  std::unique_ptr<k8s::AuthTransport> auth;
  std::vector<Pending> pendings;
  std::vector<Result<TransportResponse>> answers;
  std::vector<std::string> told;
  std::string story;
};

std::string authorization(const Ask& ask) {
  std::string value;
  for (const auto& [name, text] : ask.request.headers)
    if (name == "Authorization") value += text;
  return value;
}

}  // namespace

TEST_CASE("a token is added to each request, and only to those for the API server") {
  AuthFixture f;
  f.call();
  const auto own = f.inner->next();
  CHECK(authorization(*own) == "Bearer t1");
  CHECK(own->request.timeout == Duration(10s));
  TransportRequest other;
  other.target = "/y";
  other.authority = "10.0.0.9:80";
  f.pendings.push_back(f.auth->call(std::move(other), [](Result<TransportResponse>) {}));
  CHECK(authorization(*f.inner->next()).empty());
  own->respond(200, "body");
  f.run();
  REQUIRE(f.answers.size() == 1);
  CHECK(f.answers[0]->body == "body");
  CHECK(f.told == std::vector<std::string>{"t1"});
}

TEST_CASE("after a 401 the token is renewed and the request tried once more, not twice") {
  AuthFixture f;
  f.call();
  f.inner->next()->respond(401, "old");
  f.run();
  CHECK(f.answers.empty());
  CHECK(f.source->refreshes == 1);
  f.source->credential->bearer = "t2";
  f.source->finish({});
  const auto again = f.inner->next();
  CHECK(authorization(*again) == "Bearer t2");
  CHECK(again->request.target == "/x?token=query");
  again->respond(401, "still");
  f.run(1min);
  REQUIRE(f.answers.size() == 1);
  CHECK(f.answers[0]->status == 401);
  CHECK(f.answers[0]->body == "still");
  CHECK(f.source->refreshes == 1);
  CHECK(f.told == std::vector<std::string>{"t1", "t2"});
}

TEST_CASE("a 401 stays a 401 where nothing better is to be had") {
  AuthFixture f;
  SECTION("the source has but one") {
    f.source->canRefresh = false;
    f.call();
    f.inner->next()->respond(401, "no");
  }
  SECTION("the renewed one is the same") {
    f.call();
    f.inner->next()->respond(401, "no");
    f.run();
    f.source->finish({});
  }
  SECTION("renewing failed") {
    f.call();
    f.inner->next()->respond(401, "no");
    f.run();
    f.source->finish(Error{ErrorKind::Timeout, "x", {}});
  }
  f.run();
  REQUIRE(f.answers.size() == 1);
  CHECK(f.answers[0]->body == "no");
  CHECK(f.inner->waiting() == 0);
}

TEST_CASE("a request refused with a token that has been renewed meanwhile just goes again") {
  AuthFixture f;
  f.call();
  const auto first = f.inner->next();
  f.source->credential->bearer = "t2";
  first->respond(401);
  f.run();
  CHECK(f.source->refreshes == 0);
  CHECK(authorization(*f.inner->next()) == "Bearer t2");
}

TEST_CASE("many requests without a token wait for one renewal") {
  AuthFixture f;
  f.source->credential.reset();
  for (int i = 0; i < 20; ++i) f.call();
  f.stream();
  CHECK(f.inner->requests() == 0);
  CHECK(f.source->refreshes == 1);
  f.run(3s);
  f.source->credential = k8s::Credential{"t9", {}, {}};
  f.source->finish({});
  CHECK(f.inner->requests() == 21);
  const auto first = f.inner->next();
  CHECK(authorization(*first) == "Bearer t9");
  CHECK(first->request.timeout == Duration(7s));  // the time it waited counts
}

TEST_CASE("a request waits for a token no longer than its own limit; the next renewal is another") {
  AuthFixture f;
  f.source->credential.reset();
  f.call(5s);
  f.run(6s);
  REQUIRE(f.answers.size() == 1);
  CHECK(f.answers[0].error().kind == ErrorKind::Timeout);
  CHECK(f.answers[0].error().message.find("query") == std::string::npos);
  f.source->finish(Error{ErrorKind::Unauthorized, "plugin failed", {}});
  CHECK(f.answers.size() == 1);
  f.call();
  CHECK(f.source->refreshes == 2);
  f.source->finish(Error{ErrorKind::Unauthorized, "plugin failed", {}});
  REQUIRE(f.answers.size() == 2);
  CHECK(f.answers[1].error().kind == ErrorKind::Unauthorized);
}

TEST_CASE("a storm of refusals does not renew without end") {
  AuthFixture f;
  f.inner->serve([](const std::shared_ptr<Ask>& ask) { ask->respond(401); });
  for (int i = 0; i < 100; ++i) {
    f.call();
    f.run(10ms);
    if (f.source->asked()) f.source->finish({});
  }
  CHECK(f.answers.size() == 100);
  CHECK(f.source->refreshes == 1);
}

TEST_CASE("a stream refused with 401 is opened again before its reader hears of it") {
  AuthFixture f;
  f.stream();
  f.inner->next()->respond(401, "no");
  f.run();
  CHECK(f.story.empty());
  SECTION("with a better token") {
    f.source->credential->bearer = "t2";
    f.source->finish({});
    const auto again = f.inner->next();
    again->head();
    again->data("bytes");
    again->end();
    f.run();
    CHECK(f.story == "head200 bytes end");
  }
  SECTION("without one it hears the refusal") {
    f.source->finish({});
    CHECK(f.story == "head401 end");
    f.run(1min);
    CHECK(f.story == "head401 end");
  }
}

TEST_CASE("cancelled requests are silent at every stage") {
  AuthFixture f;
  SECTION("under way") {
    f.call();
    f.pendings.clear();
    CHECK(f.inner->next()->cancelled());
  }
  SECTION("waiting for a token") {
    f.source->credential.reset();
    f.call();
    f.stream();
    f.pendings.clear();
    f.source->credential = k8s::Credential{"t2", {}, {}};
    f.source->finish({});
    CHECK(f.inner->requests() == 0);
  }
  SECTION("everything gone") {
    f.call();
    f.stream();
    f.auth.reset();
  }
  f.run(1min);
  CHECK(f.answers.empty());
  CHECK(f.story.empty());
}

TEST_CASE("a call-back may destroy the transport") {
  AuthFixture f;
  TransportRequest request;
  request.target = "/x";
  SECTION("with an answer") {
    f.pendings.push_back(f.auth->call(request, [&](Result<TransportResponse>) { f.auth.reset(); }));
    f.inner->next()->respond(200);
  }
  SECTION("with a renewal that failed") {
    f.source->credential.reset();
    f.pendings.push_back(f.auth->call(request, [&](Result<TransportResponse>) { f.auth.reset(); }));
    f.call();
    f.source->finish(Error{ErrorKind::Timeout, "x", {}});
  }
  SECTION("with the head of a stream") {
    f.pendings.push_back(
        f.auth->stream(request, StreamHandlers{[&](const TransportResponse&) { f.auth.reset(); }, [](std::string_view) { FAIL("data"); },
                                               [](Result<void>) { FAIL("end"); }}));
    f.inner->next()->respond(200, "body");
  }
  f.run(1min);
  CHECK_FALSE(f.auth);
  CHECK(f.answers.empty());
}
