#include "k8s/credentials.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "k8s/files.hpp"

namespace spawner::k8s {
namespace {

using nlohmann::json;
using namespace std::chrono_literals;

constexpr std::size_t maxTokenBytes = 64 * 1024;

std::string text(const json& object, const char* name) {
  const auto it = object.find(name);
  return it != object.end() && it->is_string() ? it->get<std::string>() : std::string();
}

}  // namespace

// --- token file

TokenFile::TokenFile(Loop& loop, std::string path, Logger log) : loop_(loop), path_(std::move(path)), log_(std::move(log)) {}

Result<void> TokenFile::read() {
  Result<std::string> content = readFile(path_, maxTokenBytes);
  if (!content) return content.error();
  std::string_view token = *content;
  while (!token.empty() && static_cast<unsigned char>(token.back()) <= ' ') token.remove_suffix(1);
  token = trim(token);
  if (token.empty()) return Error{ErrorKind::InvalidArgument, "token file " + path_ + " is empty", {}};
  credential_ = Credential{std::string(token), {}, {}};
  return {};
}

const Credential* TokenFile::current() {
  if (!credential_ || loop_.now() - readAt_ >= maxAge) {
    readAt_ = loop_.now();
    if (Result<void> done = read(); !done && credential_)
      log_.warn("token cannot be read again, the old one stays in use", {{"error", done.error()}});
  }
  return credential_ ? &*credential_ : nullptr;
}

void TokenFile::refresh(UniqueFunction<void(Result<void>)> done) {
  later_ = loop_.after(Duration::zero(), [this, done = std::move(done)]() mutable {
    readAt_ = loop_.now();
    done(read());
  });
}

// --- plugin

Result<ExecCredential> parseExecCredential(std::string_view output, std::string_view apiVersion) {
  const auto refuse = [](const std::string& why) { return Error{ErrorKind::Protocol, "the credential plugin's output " + why, {}}; };
  const json document = json::parse(output, nullptr, false);
  if (!document.is_object() || text(document, "kind") != "ExecCredential") return refuse("is not an ExecCredential");
  if (text(document, "apiVersion") != apiVersion)
    return refuse("has apiVersion " + text(document, "apiVersion") + ", not " + std::string(apiVersion));
  const auto status = document.find("status");
  if (status == document.end() || !status->is_object()) return refuse("has no status");
  ExecCredential result;
  result.credential = {text(*status, "token"), text(*status, "clientCertificateData"), text(*status, "clientKeyData")};
  if (result.credential.certPem.empty() != result.credential.keyPem.empty())
    return refuse("has a certificate without key, or a key without certificate");
  if (result.credential.bearer.empty() && result.credential.certPem.empty()) return refuse("has neither token nor certificate");
  if (const std::string expiry = text(*status, "expirationTimestamp"); !expiry.empty()) {
    result.expiry = parseRfc3339(expiry);
    if (!result.expiry) return refuse("has a malformed expirationTimestamp");
  }
  return result;
}

Duration usableFor(WallTime now, WallTime expiry, Duration least) {
  const Duration life = expiry - now;
  return std::max(least, life - std::min<Duration>(1min, life / 10));
}

std::string execInfo(const ClusterConfig& config) {
  json info{{"apiVersion", config.exec ? config.exec->apiVersion : ""}, {"kind", "ExecCredential"}, {"spec", {{"interactive", false}}}};
  if (config.exec && config.exec->provideClusterInfo) {
    json& cluster = info["spec"]["cluster"];
    cluster["server"] = config.server;
    std::string ca = config.tls.caPem;
    if (ca.empty() && !config.tls.caFile.empty())
      if (Result<std::string> file = readFile(config.tls.caFile); file.ok()) ca = std::move(*file);
    if (!ca.empty()) cluster["certificate-authority-data"] = base64Encode(ca);
    if (!config.tls.serverName.empty()) cluster["tls-server-name"] = config.tls.serverName;
  }
  return info.dump(-1, ' ', false, json::error_handler_t::replace);
}

ExecCredentials::ExecCredentials(Loop& loop, const ClusterConfig& config, Logger log)
    : loop_(loop), plugin_(*config.exec), info_(execInfo(config)), log_(std::move(log)) {}

const Credential* ExecCredentials::current() {
  if (!credential_ || (refreshAt_ && loop_.now() >= *refreshAt_)) return nullptr;
  return &*credential_;
}

void ExecCredentials::refresh(UniqueFunction<void(Result<void>)> done) {
  done_ = std::move(done);
  output_.clear();
  const auto failLater = [this](Error error) {
    timer_ = loop_.after(Duration::zero(), [this, error = std::move(error)] { finish(error); });
  };
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return failLater(systemError("credential plugin: pipe", errno));
  pipe_ = Fd(ends[0]);
  const Fd childEnd(ends[1]);
  ::fcntl(ends[0], F_SETFL, O_NONBLOCK);

  ProcessOptions options;
  options.argv = plugin_.argv;
  auto variables = environment();
  for (const auto& [name, value] : plugin_.env) variables[name] = value;
  variables["KUBERNETES_EXEC_INFO"] = info_;
  options.env.assign(variables.begin(), variables.end());
  options.stdoutFd = childEnd.get();
  options.stderrFd = STDERR_FILENO;  // what it has to say is for the operator
  auto process = ChildProcess::start(loop_, options, [this](ExitStatus status) {
    readOutput();
    if (process_) finish(takeOutput(status));
  });
  if (!process) {
    Error error = process.error().in("credential plugin " + plugin_.argv.front());
    if (error.kind == ErrorKind::NotFound && !plugin_.installHint.empty()) error.message += "; " + plugin_.installHint;
    return failLater(std::move(error));
  }
  process_ = std::move(*process);
  pipeWatch_ = loop_.watch(pipe_.get(), Interest{.readable = true, .writable = false, .hangup = false}, [this](Interest) { readOutput(); });
  timer_ = loop_.after(plugin_.timeout, [this] {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(plugin_.timeout).count();
    finish(Error{
        ErrorKind::Timeout, "credential plugin " + plugin_.argv.front() + " did not end within " + std::to_string(seconds) + " s", {}});
  });
}

void ExecCredentials::readOutput() {
  char buffer[16 * 1024];
  for (;;) {
    const ssize_t got = ::read(pipe_.get(), buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) {
      if (got == 0 || errno != EAGAIN) pipeWatch_.cancel();
      return;
    }
    output_.append(buffer, static_cast<std::size_t>(got));
    if (output_.size() > plugin_.maxOutputBytes)
      return finish(
          Error{ErrorKind::Limit,
                "credential plugin " + plugin_.argv.front() + " printed more than " + std::to_string(plugin_.maxOutputBytes) + " bytes",
                {}});
  }
}

Result<void> ExecCredentials::takeOutput(const ExitStatus& status) {
  const std::string what = "credential plugin " + plugin_.argv.front();
  if (status.signal) return Error{ErrorKind::Unauthorized, what + " was ended by signal " + std::to_string(*status.signal), {}};
  if (status.code.value_or(0) != 0) return Error{ErrorKind::Unauthorized, what + " ended with code " + std::to_string(*status.code), {}};
  Result<ExecCredential> parsed = parseExecCredential(output_, plugin_.apiVersion);
  if (!parsed) return parsed.error().in(plugin_.argv.front());
  credential_ = std::move(parsed->credential);
  refreshAt_.reset();
  if (parsed->expiry) refreshAt_ = loop_.now() + usableFor(loop_.wallNow(), *parsed->expiry, plugin_.minLifetime);
  return {};
}

void ExecCredentials::finish(Result<void> result) {
  timer_.cancel();
  pipeWatch_.cancel();
  process_.reset();
  pipe_.reset();
  output_.clear();
  if (!result) log_.warn("no credentials", {{"error", result.error()}});
  auto done = std::exchange(done_, nullptr);
  done(std::move(result));  // last: it may destroy this object
}

}  // namespace spawner::k8s
