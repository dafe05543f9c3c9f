// POST /_sweep: the decision, fault 16, and who may ask.

#include <random>

#include "modes/sidecar/sidecar_fixture.hpp"

using namespace spawner;
using namespace spawner::test;
using namespace std::chrono_literals;

TEST_CASE("a sweep is refused with the state while its condition does not hold, and decided for good when it does", "[integration]") {
  SidecarFixture f;
  f.startReady();
  sayHello(*f.app);
  const auto refused = f.sweepIdle(1h);
  CHECK(refused.status == 409);
  CHECK(refused.json()["ready"] == true);
  CHECK(refused.json()["pod_uid"] == "pod-1");
  CHECK_FALSE(refused.json().contains("swept"));
  CHECK(f.call(f.ports().serve, "GET", "/").status == 200);

  const auto swept = f.sweepIdle(0ms);
  CHECK(swept.status == 200);
  CHECK(swept.json()["swept"]["reason"] == "Idle");
  CHECK(f.logged("swept"));
  const auto after = f.call(f.ports().serve, "GET", "/");
  CHECK(after.status == 503);
  CHECK(after.json()["reason"] == "Idle");
  CHECK(contains(after.head, "Spawner-Reason: Idle"));
  CHECK(f.sweepIdle(1h).status == 200);  // by any command: it is swept
  CHECK(f.state()["swept"]["reason"] == "Idle");
}

TEST_CASE("an old session is ended in use, with the reason that was sent; what is in flight goes on", "[integration]") {
  SidecarFixture f;
  f.startReady();
  auto client = f.client();
  client->send(getRequest);
  f.wait("the request", [&] { return !f.app->peers.empty() && contains(f.app->last().received, "\r\n\r\n"); });
  CHECK(f.sweep(session::SweepCommand::age(1h, "MaxLifetime")).status == 409);
  CHECK(f.sweep(session::SweepCommand::age(0ms, "MaxLifetime")).status == 200);
  CHECK(f.call(f.ports().serve, "GET", "/").json()["reason"] == "MaxLifetime");
  f.app->last().send(helloAnswer);
  f.waitText(*client, "hello");
}

TEST_CASE("requests that wait for Ready are told of the sweep", "[integration]") {
  SidecarFixture f;
  f.options.readyWaitSeconds = 1;
  f.start();
  auto client = f.client();
  client->send(getRequest);
  f.wait("one to wait", [&] { return f.live() == 1; });
  CHECK(f.sweep(session::SweepCommand::age(0ms, "StartTimeout")).status == 200);
  f.waitText(*client, "\"reason\":\"StartTimeout\"");
}

TEST_CASE("fault 16: a connection in the accept queue at the decision means 409", "[integration]") {
  SidecarFixture f;
  f.startReady();
  sayHello(*f.app);
  // Everything below happens in the kernel, before the loop turns: the command lies in one accept queue, the user's request in another.
  const std::string body = session::encodeSweep(session::SweepCommand::idle(0ms, false));
  auto admin = RawPeer::connect(f.loop, f.ports().admin);
  admin->send("POST /_sweep HTTP/1.1\r\nHost: h\r\n" + f.authorization("POST", "/_sweep", body) +
              "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
  auto user = f.client();
  user->send(getRequest);
  f.waitText(*admin, "\r\n\r\n");
  CHECK(admin->received.starts_with("HTTP/1.1 409 "));
  f.waitText(*user, "hello");
}

TEST_CASE("fault 16: bytes on an idle connection at the decision mean 409", "[integration]") {
  SidecarFixture f;
  f.startReady();
  sayHello(*f.app);
  auto user = f.client();
  user->send(getRequest);
  f.waitText(*user, "hello");
  user->received.clear();
  f.wait("the end of the use", [&] { return f.state().contains("idle_ms"); });
  const std::string body = session::encodeSweep(session::SweepCommand::idle(0ms, false));
  auto admin = RawPeer::connect(f.loop, f.ports().admin);
  admin->send("POST /_sweep HTTP/1.1\r\nHost: h\r\n" + f.authorization("POST", "/_sweep", body) +
              "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
  user->send("G");
  f.waitText(*admin, "\r\n\r\n");
  CHECK(admin->received.starts_with("HTTP/1.1 409 "));
  user->send(getRequest.substr(1));
  f.waitText(*user, "hello");
}

TEST_CASE("fault 16: in any race either the user is served or the session is swept, never both", "[integration]") {
  std::minstd_rand chance(GENERATE(range(1, 26)));
  SidecarFixture f;
  f.startReady();
  sayHello(*f.app);
  const std::string body = session::encodeSweep(session::SweepCommand::idle(0ms, false));
  const std::string command = "POST /_sweep HTTP/1.1\r\nHost: h\r\n" + f.authorization("POST", "/_sweep", body) +
                              "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  auto admin = RawPeer::connect(f.loop, f.ports().admin);
  auto user = f.client();
  if (chance() % 2) turns(f.loop, static_cast<int>(chance() % 4) + 1);
  std::size_t sentAdmin = 0, sentUser = 0;
  while (sentAdmin < command.size() || sentUser < getRequest.size()) {
    const bool toAdmin = sentUser == getRequest.size() || (sentAdmin < command.size() && chance() % 4 != 0);
    std::size_t& at = toAdmin ? sentAdmin : sentUser;
    const std::string& text = toAdmin ? command : getRequest;
    const std::size_t size = std::min<std::size_t>(text.size() - at, 1 + chance() % 200);
    (toAdmin ? *admin : *user).send(text.substr(at, size));
    at += size;
    if (chance() % 3 == 0) turns(f.loop, 1);
  }
  f.waitText(*admin, "\r\n\r\n");
  f.waitText(*user, "\r\n\r\n");
  const bool swept = admin->received.starts_with("HTTP/1.1 200 ");
  CHECK((swept || admin->received.starts_with("HTTP/1.1 409 ")));
  if (swept)
    CHECK((user->received.starts_with("HTTP/1.1 503 ") || user->received.starts_with("HTTP/1.1 200 ")));
  else
    f.waitText(*user, "hello");
  // A user who was served had begun and ended before the decision: then nothing was in use at it.
  if (swept && user->received.starts_with("HTTP/1.1 200 ")) f.waitText(*user, "hello");
}

TEST_CASE("only the key's owner may command, and only this pod, this call, this body", "[integration]") {
  SidecarFixture f;
  f.startReady();
  sayHello(*f.app);
  const std::string body = session::encodeSweep(session::SweepCommand::idle(0ms, false));
  const Ed25519Key other = Ed25519Key::generate(*f.random);
  const auto sign = [&](const Ed25519Key& key, const std::string& uid, const std::string& method, const std::string& target,
                        const std::string& of) { return "Authorization: " + session::authorize(key, uid, method, target, of) + "\r\n"; };
  const std::vector<std::string> bad = {
      "",
      "Authorization: Bearer abc\r\n",
      sign(other, "pod-1", "POST", "/_sweep", body),                                                     // wrong key
      sign(f.key, "pod-2", "POST", "/_sweep", body),                                                     // replayed from another pod
      sign(f.key, "pod-1", "POST", "/_drain", body),                                                     // another call
      sign(f.key, "pod-1", "GET", "/_sweep", body),                                                      // another method
      sign(f.key, "pod-1", "POST", "/_sweep?x", body),                                                   // another target
      sign(f.key, "pod-1", "POST", "/_sweep", session::encodeSweep(session::SweepCommand::shutdown())),  // another body
      sign(f.key, "pod-1", "POST", "/_sweep", ""),
  };
  for (const std::string& fields : bad) {
    const auto answer = f.call(f.ports().admin, "POST", "/_sweep", fields, body);
    CHECK(answer.status == 401);
    CHECK(contains(answer.head, "WWW-Authenticate: Spawner1"));
  }
  CHECK(f.call(f.ports().admin, "GET", "/_events").status == 401);
  CHECK(f.call(f.ports().admin, "POST", "/_drain").status == 401);
  CHECK(f.call(f.ports().serve, "GET", "/").status == 200);
  CHECK(f.logged("an admin call was refused"));
  for (const std::string& line : f.log->lines) CHECK_FALSE(contains(line, "Bearer abc"));
}

TEST_CASE("without a key commands are refused, and events too unless --insecure-admin", "[integration]") {
  SidecarFixture f;
  f.options.adminKeys.clear();
  f.options.insecureAdmin = GENERATE(false, true);
  f.startReady();
  const std::string body = session::encodeSweep(session::SweepCommand::idle(0ms, false));
  CHECK(f.call(f.ports().admin, "POST", "/_sweep", "", body).status == 401);
  CHECK(f.call(f.ports().admin, "POST", "/_sweep", f.authorization("POST", "/_sweep", body), body).status == 401);
  CHECK(f.call(f.ports().admin, "POST", "/_drain").status == 401);
  if (!f.options.insecureAdmin) {
    CHECK(f.call(f.ports().admin, "GET", "/_events").status == 401);
    return;
  }
  auto reader = RawPeer::connect(f.loop, f.ports().admin);
  reader->send("GET /_events HTTP/1.1\r\nHost: h\r\n\r\n");
  f.waitText(*reader, "data: {");
}

TEST_CASE("two keys: each may command; a command that makes no sense is a 400", "[integration]") {
  SidecarFixture f;
  const Ed25519Key second = Ed25519Key::generate(*f.random);
  f.options.adminKeys.push_back(session::adminKeyArgument(second.publicKey()));
  f.startReady();
  CHECK(f.admin("POST", "/_sweep", "{}").status == 400);
  CHECK(f.admin("POST", "/_sweep", "{\"idle_at_least_ms\":0,\"surprise\":1}").status == 400);
  const std::string body = session::encodeSweep(session::SweepCommand::idle(0ms, false));
  const std::string fields = "Authorization: " + session::authorize(second, "pod-1", "POST", "/_sweep", body) + "\r\n";
  CHECK(f.call(f.ports().admin, "POST", "/_sweep", fields, body).status == 200);
}
