// The parts that touch the outside: the probe's sockets, the key file, the command line.
#include <CLI/CLI.hpp>
#include <catch2/catch.hpp>

#include "loop/reactor.hpp"
#include "loop/socket.hpp"
#include "modes/sweeper/command.hpp"
#include "modes/sweeper/sweeper_fixture.hpp"
#include "support/loop_wait.hpp"
#include "support/temp_dir.hpp"

using namespace spawner;
using namespace spawner::test;

TEST_CASE("the service probe connects, or says why not, and is silent once dropped", "[sweeper][integration]") {
  Reactor loop;
  const auto probe = sweeper::socketServiceProbe(loop);
  auto listening = listenOn(*SocketAddress::parse("127.0.0.1:0"));
  REQUIRE(listening);
  const std::uint16_t port = localAddress(listening->get())->port();
  std::optional<Result<void>> made;
  const auto done = [&made](Result<void> result) { made = std::move(result); };

  Pending attempt = probe->connect("127.0.0.1", port, std::chrono::seconds(5), done);
  CHECK_FALSE(made);
  waitFor(loop, "a connection", [&] { return made.has_value(); });
  CHECK(made->ok());

  made.reset();
  attempt = probe->connect("127.0.0.1", port, std::chrono::seconds(5), done);
  attempt.reset();
  turns(loop, 5);
  CHECK_FALSE(made);

  listening->reset();
  attempt = probe->connect("127.0.0.1", port, std::chrono::seconds(5), done);
  waitFor(loop, "a refusal", [&] { return made.has_value(); });
  CHECK_FALSE(made->ok());

  made.reset();
  attempt = probe->connect("not an address", port, std::chrono::seconds(5), done);
  CHECK_FALSE(made);
  waitFor(loop, "an error", [&] { return made.has_value(); });
  CHECK(made->error().kind == ErrorKind::InvalidArgument);
}

TEST_CASE("the admin key may come from a file, later than the sweeper", "[sweeper][integration]") {
  TempDir folder;
  World world;
  world.kube.adminKey.clear();
  world.options.adminKeyFile = folder / "admin.key";
  auto role = world.sweeper();
  world.add("a");
  world.loop.runFor(20s);
  CHECK_FALSE(role->ready());
  folder.write("admin.key", "not a key");
  world.loop.runFor(20s);
  CHECK_FALSE(role->ready());
  folder.write("admin.key", session::encodePrivateKey(world.key) + "\n");
  world.waitFor("a", "ready", 10s);
}

TEST_CASE("the command line knows its options and refuses what is none", "[sweeper]") {
  const auto parse = [](std::vector<std::string> arguments) {
    CLI::App app;
    std::function<int()> run;
    sweeper::addCommand(app, run);
    std::reverse(arguments.begin(), arguments.end());
    app.parse(arguments);
    return static_cast<bool>(run);
  };
  CHECK(parse(
      {"sweeper", "--namespace", "n", "--node-name", "node-1", "--service-check", "off", "--events", "state", "--max-followed", "5"}));
  CHECK_THROWS_AS(parse({"sweeper", "--service-check", "maybe"}), CLI::ParseError);
  CHECK_THROWS_AS(parse({"sweeper", "--max-followed", "-1"}), CLI::ParseError);
  CHECK_THROWS_AS(parse({"sweeper", "--fresh-seconds", "4294967296"}), CLI::ParseError);
  CHECK_THROWS_AS(parse({"sweeper", "--fresh-seconds", "soon"}), CLI::ParseError);
  CHECK_THROWS_AS(parse({"sweeper", "--no-such-option"}), CLI::ParseError);
}
