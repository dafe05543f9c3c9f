#pragma once
// FactWriter: writes the facts of one session into its object's status: each once, in order, repeated until the API server has it. What is
// written is decided by Follower.

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "backend/status_patch.hpp"
#include "base/backoff.hpp"
#include "modes/sweeper/environment.hpp"
#include "spawner/backend.hpp"

namespace spawner::sweeper {

/// Owner: Follower. Thread: the loop's. One request at a time; lost answers are repeated with the same content, so that they change
/// nothing.
class FactWriter {
 public:
  /// Called in later turns than what caused them; neither may destroy the writer.
  struct Handlers {
    /// Once, when the object is found deleted or re-created: nothing is written any more.
    std::function<void()> gone;
    /// The object was read: what toldReady() and over() say may have changed.
    std::function<void()> learned;
  };
  FactWriter(const Environment& environment, std::string ns, std::string slabName, backend::SweptPod pod, Logger log, Handlers handlers);

  /// The object may have facts already that are not ours to write again (an earlier sweeper's, the controller's): reads it before the next
  /// write.
  void learnFirst();
  void setPod(backend::SweptPod pod) { pod_ = std::move(pod); }

  // Wishes; each is written once. Repeating one changes nothing, and after an end no state is wished for any more.
  void running(WallTime at);
  void ready(WallTime running, WallTime at);
  void end(State state, EndInfo end);
  /// Written at most every --contact-every-seconds; the newest counts.
  void contact(bool lost, WallTime since, std::string message);

  [[nodiscard]] bool readyWanted() const { return ready_.has_value(); }
  /// When Ready was told by this sweeper: now, as long as nobody has told it, wanted or not, or the object is read for whether anybody did;
  /// nothing where another has told it.
  [[nodiscard]] std::optional<TimePoint> toldReady() const;
  [[nodiscard]] bool endWanted() const { return end_.has_value(); }
  /// A terminal state is in the object, ours or another's.
  [[nodiscard]] bool over() const { return endDone_; }

 private:
  struct End {
    State state;
    EndInfo info;
  };
  struct Lost {
    bool lost = false;
    WallTime since{};
    std::string message;
  };

  void next();
  void read();
  void writeStates();
  void writeEnd();
  void writeContact();
  void send(std::string patch, std::vector<State> states);
  void takeAnswer(Result<std::string> answer);
  void takeObject(Result<std::string> object);
  void learn(const Slab& slab);
  void refused(const Error& error);
  void retry(const Error& error);
  void recordEvents(const std::string& resourceVersion);
  void stop();
  [[nodiscard]] bool contactDue() const;

  const Environment& environment_;
  std::string ns_, slabName_;
  backend::SweptPod pod_;
  Logger log_;
  Handlers handlers_;

  std::optional<WallTime> running_, ready_;
  std::optional<End> end_;
  std::optional<Lost> contact_;
  bool runningDone_ = false, readyDone_ = false, endDone_ = false;
  bool contactWritten_ = false;  // what the object says: lost
  bool mustLearn_ = false;
  bool stopped_ = false;

  std::optional<TimePoint> toldReady_;
  std::vector<State> inFlight_;  // states that the request under way sets
  std::optional<Lost> contactInFlight_;
  std::optional<TimePoint> lastContactWrite_;
  Backoff backoff_;
  Pending request_;
  bool busy_ = false;
  Timer retry_, contactTimer_;
};

}  // namespace spawner::sweeper
