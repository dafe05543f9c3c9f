#pragma once
// Console: one line for each thing that happens to a session, for the person who runs `spawner dev`.

#include <cstdio>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "cluster/store.hpp"
#include "spawner/loop.hpp"

namespace spawner::dev {

/// Owner: dev. Loop and store outlive it. Thread: the loop's.
class Console {
 public:
  Console(const Loop& loop, cluster::Store& store, std::FILE* out);

 private:
  void seen(const cluster::Commit& commit);
  void say(const std::string& name, const std::string& what);

  const Loop& loop_;
  std::FILE* out_;
  std::map<std::string, TimePoint> spawned_;  // by key
  std::shared_ptr<void> hook_;
};

}  // namespace spawner::dev
