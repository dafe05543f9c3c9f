// TLS: what is verified, and what is refused. The other side is `openssl s_server`, with certificates made for the test.
#include "fetch_fixture.hpp"
#include "loop/process.hpp"
#include "support/temp_dir.hpp"

#include <fcntl.h>
#include <unistd.h>

using namespace spawner;
using namespace spawner::test;
using namespace std::chrono_literals;

namespace {

/// The end of a pipe that a process writes into, read on the loop.
struct Output {
  Fd reading, writing;
  std::string text;
  FdWatch watch;
  explicit Output(Loop& loop) {
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0);
    reading = Fd(ends[0]);
    writing = Fd(ends[1]);
    ::fcntl(ends[1], F_SETFL, 0);
    watch = loop.watch(reading.get(), Interest{true, false, false}, [this](Interest) {
      char buffer[4096];
      const IoResult got = readSome(reading.get(), buffer);
      if (got.kind == IoResult::Kind::Bytes) text.append(buffer, got.bytes);
      if (got.kind == IoResult::Kind::End || got.kind == IoResult::Kind::Failed) watch.cancel();
    });
  }
};

struct TlsFixture {
  Reactor loop;
  TempDir dir;
  std::unique_ptr<ChildProcess> process;
  std::unique_ptr<Output> output;
  std::string port;

  std::unique_ptr<ChildProcess> start(std::vector<std::string> argv, int out, UniqueFunction<void(ExitStatus)> onExit) {
    ProcessOptions options;
    argv.insert(argv.begin(), "openssl");
    options.argv = std::move(argv);
    options.env = {{"PATH", "/usr/local/bin:/usr/bin:/bin"}, {"RANDFILE", dir / "rnd"}};
    options.directory = dir.path().string();
    options.stdoutFd = out;
    auto started = ChildProcess::start(loop, options, std::move(onExit));
    if (!started) FAIL(started.error().message);
    return std::move(*started);
  }
  void openssl(std::vector<std::string> argv) {
    std::optional<ExitStatus> status;
    const std::string what = "openssl " + argv.front();
    const auto child = start(std::move(argv), -1, [&](ExitStatus ended) { status = ended; });
    waitFor(loop, what, [&] { return status.has_value(); });
    REQUIRE(status->code == 0);
  }
  /// name.crt and name.key, signed by `authority` (or by itself).
  void certificate(const std::string& name, const std::string& authority, const std::string& extension) {
    std::vector<std::string> argv = {"req",         "-x509", "-newkey",     "ec",      "-pkeyopt",    "ec_paramgen_curve:prime256v1",
                                     "-nodes",      "-days", "2",           "-subj",   "/CN=" + name, "-keyout",
                                     name + ".key", "-out",  name + ".crt", "-addext", extension};
    if (!authority.empty()) argv.insert(argv.end(), {"-CA", authority + ".crt", "-CAkey", authority + ".key"});
    openssl(std::move(argv));
  }
  TlsFixture() {
    certificate("ca", "", "basicConstraints=critical,CA:TRUE");
    certificate("other", "", "basicConstraints=critical,CA:TRUE");
  }
  /// A server that answers every GET with a page. It may ask for a client certificate of our authority.
  void serve(const std::string& certificateName, bool mutual = false, const std::string& wantedPort = "0") {
    output = std::make_unique<Output>(loop);
    std::vector<std::string> argv = {
        "s_server", "-accept", "127.0.0.1:" + wantedPort, "-cert", certificateName + ".crt", "-key", certificateName + ".key", "-www"};
    if (mutual) argv.insert(argv.end(), {"-Verify", "2", "-verify_return_error", "-CAfile", "ca.crt"});
    process = start(std::move(argv), output->writing.get(), {});
    // It tells the port only when that one was its own choice.
    const std::string word = wantedPort == "0" ? "ACCEPT 127.0.0.1:" : "ACCEPT";
    waitFor(loop, "the server to listen",
            [&] { return output->text.find(word) != std::string::npos && output->text.find('\n') != std::string::npos; });
    if (wantedPort != "0") return;
    const std::size_t at = output->text.find(word) + word.size();
    port = output->text.substr(at, output->text.find('\n', at) - at);
  }
  Result<TransportResponse> get(const fetch::TlsOptions& tls, const std::string& host = "127.0.0.1") {
    fetch::HttpTransportOptions options;
    options.baseUrl = "https://" + host + ":" + port;
    options.tls = tls;
    auto transport = fetch::HttpTransport::make(loop, std::move(options));
    REQUIRE(transport.ok());
    return get(**transport);
  }
  Result<TransportResponse> get(fetch::HttpTransport& transport) {
    std::optional<Result<TransportResponse>> answer;
    const Pending pending = transport.call(FetchFixture::get("/"), [&](Result<TransportResponse> told) { answer = std::move(told); });
    waitFor(loop, "an answer over TLS", [&] { return answer.has_value(); });
    return *answer;
  }
};

}  // namespace

TEST_CASE("a server is believed with a certificate of the given authority, for its own name only", "[integration]") {
  TlsFixture f;
  f.certificate("server", "ca", "subjectAltName=IP:127.0.0.1,DNS:kube.example");
  f.serve("server");
  fetch::TlsOptions file, text, none, other, missing;
  file.caFile = f.dir / "ca.crt";
  text.caPem = f.dir.read("ca.crt");
  other.caFile = f.dir / "other.crt";
  missing.caFile = f.dir / "nothing.crt";
  const auto good = f.get(file);
  REQUIRE(good.ok());
  CHECK(good->status == 200);
  CHECK(f.get(text).ok());
  SECTION("the system's authorities do not know it") {
    const auto refused = f.get(none);
    REQUIRE_FALSE(refused.ok());
    CHECK(refused.error().kind == ErrorKind::Protocol);
    CHECK_FALSE(refused.error().retriable());
    CHECK(refused.error().message.find("certificate") != std::string::npos);
  }
  SECTION("another authority does not, and the text wins over the file") {
    CHECK(f.get(other).error().kind == ErrorKind::Protocol);
    other.caPem = text.caPem;
    CHECK(f.get(other).ok());
  }
  SECTION("a file that is not there is our mistake, and is named") {
    const auto refused = f.get(missing);
    REQUIRE_FALSE(refused.ok());
    CHECK(refused.error().kind == ErrorKind::InvalidArgument);
    CHECK(refused.error().message.find("nothing.crt") != std::string::npos);
  }
  SECTION("another name of the same address is another server") {
    CHECK(f.get(file, "localhost").error().kind == ErrorKind::Protocol);
    file.serverName = "kube.example";
    CHECK(f.get(file, "localhost").ok());
    CHECK(f.get(file).ok());
    file.serverName = "other.example";
    CHECK(f.get(file).error().kind == ErrorKind::Protocol);
  }
}

TEST_CASE("client certificates: by file, by text, and changed on the way", "[integration]") {
  TlsFixture f;
  f.certificate("server", "ca", "subjectAltName=IP:127.0.0.1");
  f.certificate("client", "ca", "extendedKeyUsage=clientAuth");
  f.certificate("stranger", "other", "extendedKeyUsage=clientAuth");
  f.serve("server", true);
  fetch::TlsOptions anonymous, file, text;
  anonymous.caFile = file.caFile = text.caFile = f.dir / "ca.crt";
  CHECK_FALSE(f.get(anonymous).ok());
  file.clientCertFile = f.dir / "client.crt";
  file.clientKeyFile = f.dir / "client.key";
  CHECK(f.get(file).ok());
  text.clientCertPem = f.dir.read("client.crt");
  text.clientKeyPem = f.dir.read("client.key");
  CHECK(f.get(text).ok());
  text.clientKeyPem = f.dir.read("stranger.key");  // not this certificate's
  CHECK(f.get(text).error().kind == ErrorKind::InvalidArgument);

  fetch::HttpTransportOptions options;
  options.baseUrl = "https://127.0.0.1:" + f.port;
  options.tls = anonymous;
  const auto transport = fetch::HttpTransport::make(f.loop, std::move(options));
  REQUIRE(transport.ok());
  (*transport)->setClientCertificate(f.dir.read("stranger.crt"), f.dir.read("stranger.key"));
  CHECK_FALSE(f.get(**transport).ok());
  (*transport)->setClientCertificate(f.dir.read("client.crt"), f.dir.read("client.key"));
  CHECK(f.get(**transport).ok());
}

TEST_CASE("an authority's file that changed is read again, and what was in it is believed no more", "[integration]") {
  TlsFixture f;
  f.certificate("server", "ca", "subjectAltName=IP:127.0.0.1");
  f.certificate("renewed", "other", "subjectAltName=IP:127.0.0.1");
  f.dir.write("current.crt", f.dir.read("ca.crt"));
  f.serve("server");
  fetch::HttpTransportOptions options;
  options.baseUrl = "https://127.0.0.1:" + f.port;
  options.tls.caFile = f.dir / "current.crt";
  options.maxCaFileAge = Duration::zero();  // as if its time had passed: libcurl's clock is not ours
  const auto transport = fetch::HttpTransport::make(f.loop, std::move(options));
  REQUIRE(transport.ok());
  CHECK(f.get(**transport).ok());
  f.dir.write("current.crt", f.dir.read("other.crt"));
  f.process.reset();  // another server each time: a resumed TLS session is not verified again
  f.serve("renewed", false, f.port);
  CHECK(f.get(**transport).ok());
  f.process.reset();
  f.serve("server", false, f.port);
  const auto refused = f.get(**transport);
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().kind == ErrorKind::Protocol);
}

TEST_CASE("plain http at a TLS port, and TLS at a plain one, fail in words and at once", "[integration]") {
  TlsFixture f;
  f.certificate("server", "ca", "subjectAltName=IP:127.0.0.1");
  f.serve("server");
  auto plain = fetch::HttpTransport::make(f.loop);
  REQUIRE(plain.ok());
  std::optional<Result<TransportResponse>> answer;
  TransportRequest request = FetchFixture::get("/");
  request.authority = "127.0.0.1:" + f.port;
  const Pending pending = (*plain)->call(std::move(request), [&](Result<TransportResponse> told) { answer = std::move(told); });
  waitFor(f.loop, "the failure", [&] { return answer.has_value(); });
  CHECK_FALSE(answer->ok());
  TinyServer server(f.loop, [](const Connection&) {});
  f.port = server.authority().substr(10);
  fetch::TlsOptions tls;
  tls.caFile = f.dir / "ca.crt";
  fetch::HttpTransportOptions options;
  options.baseUrl = "https://" + server.authority();
  options.tls = tls;
  options.connectTimeout = 200ms;  // a handshake that is not answered
  auto secure = fetch::HttpTransport::make(f.loop, std::move(options));
  REQUIRE(secure.ok());
  CHECK(f.get(**secure).error().kind == ErrorKind::Timeout);
}
