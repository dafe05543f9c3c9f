#pragma once
// AdminKeys: the private keys that sign what the sweeper says to sidecars: from a file, or from the Secret through Kubernetes. Read again
// from time to time: a rotation needs no restart.

#include <string>
#include <vector>

#include "base/backoff.hpp"
#include "base/crypto.hpp"
#include "base/log.hpp"
#include "k8s/client.hpp"
#include "spawner/loop.hpp"
#include "spawner/random.hpp"

namespace spawner::sweeper {

/// Owner: the role. Thread: the loop's. It never logs a key, nor an object that holds one.
class AdminKeys {
 public:
  struct Source {
    std::string file;  // empty: the Secret
    std::string systemNamespace;
    Duration reload = std::chrono::seconds(60);
  };
  AdminKeys(Loop& loop, Random& random, k8s::Client& client, Source source, Logger log);

  /// Reads until there is a key (backoff, for ever), then calls `first` once, then reads again every `reload`.
  void start(Task first);
  /// A sidecar refused our signature: reads again soon, at most every 5 s.
  void refused();
  /// The newest first; empty before the first was read.
  [[nodiscard]] const std::vector<Ed25519Key>& keys() const { return keys_; }

 private:
  void read();
  void readFile();
  void readSecret();
  void takeSecret(Result<std::string> secret);
  void take(Result<std::string> text);

  Loop& loop_;
  Random& random_;
  k8s::Client& client_;
  Source source_;
  Logger log_;
  Backoff backoff_;
  std::vector<Ed25519Key> keys_;
  Task first_;
  Timer timer_;
  Pending request_;
  TimePoint lastRead_{};
};

}  // namespace spawner::sweeper
