#pragma once
// Spawns: the web applications that ask for sessions: through the API (with repeats, as a careful client does) or with an object of their
// own, as kubectl does. Some follow the status stream and check what it says.

#include <functional>
#include <list>
#include <string>

#include "cluster/api_server.hpp"
#include "modes/api/api.hpp"
#include "sim/truth.hpp"
#include "spawner/loop.hpp"
#include "spawner/random.hpp"
#include "support/memory_call.hpp"

namespace spawner::sim {

class Spawns {
 public:
  /// `api` gives the API's present incarnation, or null while it is down.
  Spawns(Loop& loop, Random& random, cluster::ApiServer& server, Truth& truth, std::function<api::Api*()> api)
      : loop_(loop), random_(random), server_(server), truth_(truth), api_(std::move(api)) {}

  void spawn();
  /// Requests that are not answered yet.
  [[nodiscard]] std::size_t waiting() const { return asked_.size(); }
  [[nodiscard]] int refused() const { return refused_; }
  [[nodiscard]] int streamsChecked() const { return streamsChecked_; }
  /// Looks at answers and streams: call it every second or so. Throws Broken.
  void look();

 private:
  struct Asked {
    std::string body, key;
    test::AnswerPtr answer;
    TimePoint askedAt{};
    int tries = 0;
    Timer again;
  };
  struct Followed {
    std::string name;
    test::AnswerPtr answer;
  };
  [[nodiscard]] std::string specFields(bool forApi);
  void ask(Asked& asked);
  void create();
  void follow(const std::string& name);
  static void checkStream(const Followed& followed);

  Loop& loop_;
  Random& random_;
  cluster::ApiServer& server_;
  Truth& truth_;
  std::function<api::Api*()> api_;
  std::list<Asked> asked_;
  std::list<Followed> followed_;
  int refused_ = 0;
  int streamsChecked_ = 0;
};

}  // namespace spawner::sim
