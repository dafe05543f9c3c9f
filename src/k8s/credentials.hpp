#pragma once
// CredentialSource: who we are for the API server, now: a fixed token, a token file that the kubelet rotates, or a credential plugin.

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/log.hpp"
#include "k8s/config.hpp"
#include "loop/process.hpp"
#include "spawner/loop.hpp"
#include "spawner/result.hpp"

namespace spawner::k8s {

/// Secrets: never logged.
struct Credential {
  std::string bearer;
  std::string certPem, keyPem;
  bool operator==(const Credential&) const = default;
};

/// Owner: AuthTransport. Thread: the loop's.
class CredentialSource {
 public:
  virtual ~CredentialSource() = default;
  /// The credential to use now; null when refresh() has to get one first.
  virtual const Credential* current() = 0;
  /// Gets a new one. `done` runs in a later turn, never after this object's end. REQUIRES: no refresh is under way.
  virtual void refresh(UniqueFunction<void(Result<void>)> done) = 0;
  /// False where asking again can only give the same.
  [[nodiscard]] virtual bool refreshable() const = 0;
};

class FixedToken final : public CredentialSource {
 public:
  explicit FixedToken(std::string token) : credential_{std::move(token), {}, {}} {}
  const Credential* current() override { return &credential_; }
  void refresh(UniqueFunction<void(Result<void>)>) override {}
  [[nodiscard]] bool refreshable() const override { return false; }

 private:
  Credential credential_;
};

/// Reads the file again when what it has is a minute old: the kubelet replaces a token after 80 % of its life, which is ten minutes at
/// least. A file that cannot be read for a while leaves the old token in use.
class TokenFile final : public CredentialSource {
 public:
  static constexpr Duration maxAge = std::chrono::minutes(1);
  TokenFile(Loop& loop, std::string path, Logger log);
  const Credential* current() override;
  void refresh(UniqueFunction<void(Result<void>)> done) override;
  [[nodiscard]] bool refreshable() const override { return true; }

 private:
  Result<void> read();
  Loop& loop_;
  std::string path_;
  Logger log_;
  std::optional<Credential> credential_;
  TimePoint readAt_{};
  Timer later_;
};

/// What a plugin printed.
struct ExecCredential {
  Credential credential;
  std::optional<WallTime> expiry;
};
/// Parses an ExecCredential. Pure. Protocol: not one, of another version, or without token and certificate.
Result<ExecCredential> parseExecCredential(std::string_view text, std::string_view apiVersion);
/// How long a credential is used: until a tenth of its life, but no more than a minute, is left; at least `least`. Pure. The only place
/// where another machine's clock counts: a plugin promises in wall time.
Duration usableFor(WallTime now, WallTime expiry, Duration least);
/// The value of KUBERNETES_EXEC_INFO. Pure.
std::string execInfo(const ClusterConfig& config);

/// Runs the plugin, keeps what it printed until shortly before it expires. One process at a time; ended at its time limit.
class ExecCredentials final : public CredentialSource {
 public:
  /// REQUIRES: config.exec.
  ExecCredentials(Loop& loop, const ClusterConfig& config, Logger log);
  const Credential* current() override;
  void refresh(UniqueFunction<void(Result<void>)> done) override;
  [[nodiscard]] bool refreshable() const override { return true; }

 private:
  void readOutput();
  void finish(Result<void> result);
  Result<void> takeOutput(const ExitStatus& status);
  Loop& loop_;
  ExecPlugin plugin_;
  std::string info_;
  Logger log_;
  std::optional<Credential> credential_;
  std::optional<TimePoint> refreshAt_;
  std::string output_;
  UniqueFunction<void(Result<void>)> done_;
  Timer timer_;
  Fd pipe_;
  FdWatch pipeWatch_;
  std::unique_ptr<ChildProcess> process_;
};

}  // namespace spawner::k8s
