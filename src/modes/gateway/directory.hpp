#pragma once
// Directory: what a lane knows of the sessions: role::Sessions itself, where both are on one loop; else a Replica of it.

#include <string>

#include "modes/role/sessions.hpp"
#include "spawner/pending.hpp"

namespace spawner::gateway {

/// Thread: its lane's.
class Directory {
 public:
  virtual ~Directory() = default;
  /// What is known at once; null: not known.
  [[nodiscard]] virtual role::SlabPtr find(const std::string& name) const = 0;
  /// The same after asking Kubernetes, where that is needed: as Sessions::lookup().
  [[nodiscard]] virtual Pending lookup(const std::string& name, role::Sessions::Found found) = 0;
};

/// REQUIRES: the sessions outlive it, on its own loop.
class SessionsDirectory final : public Directory {
 public:
  explicit SessionsDirectory(role::Sessions& sessions) : sessions_(sessions) {}
  [[nodiscard]] role::SlabPtr find(const std::string& name) const override { return sessions_.find(name); }
  [[nodiscard]] Pending lookup(const std::string& name, role::Sessions::Found found) override {
    return sessions_.lookup(name, std::move(found));
  }

 private:
  role::Sessions& sessions_;
};

}  // namespace spawner::gateway
