#pragma once
// LeaderElector: one of several processes leads, agreed on by a coordination.k8s.io Lease. The leader renews it; whoever sees it unchanged
// for its whole duration, by its own monotonic clock, takes it. A leader counts from the moment it *sent* its last successful renewal, for
// less than that duration, so it stops before another can start. No two machines' times are compared. docs/decisions/0051.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/log.hpp"
#include "k8s/client.hpp"
#include "k8s/lease.hpp"
#include "spawner/random.hpp"

namespace spawner::k8s {

struct ElectorOptions {
  std::string ns;
  std::string name;      // of the Lease
  std::string identity;  // unique: no two processes ever, also not before and after a restart
  std::chrono::seconds leaseDuration{15};
  Duration renewDeadline = std::chrono::seconds(10);  // < leaseDuration: what is left is for clocks of different speed
  Duration retryPeriod = std::chrono::seconds(2);     // the longest wait between tries; each is up to a quarter shorter, by chance
};

/// Owner: the role. Thread: the loop's.
class LeaderElector {
 public:
  /// No Lease is trusted to last longer than this, whatever somebody wrote into it.
  static constexpr std::chrono::seconds maxLeaseDuration{600};

  /// `changed`: leads(), observed() or transitions() may have changed; look. It must not destroy the elector.
  LeaderElector(Loop& loop, Transport& transport, Random& random, ElectorOptions options, Logger log, std::function<void()> changed);

  void start() { schedule(Duration::zero()); }
  /// Gives the Lease up, so that another takes it at its next look; then `done`, within the renew deadline, also where that failed. The
  /// caller has stopped to act. leads() is false from now on; `changed` is not called any more.
  void stop(Task done);

  /// True while nobody else can lead. Ask before each write: it ends by time, too, and `changed` may be told a moment later.
  [[nodiscard]] bool leads() const { return leading_ && loop_.now() < leadsUntil_; }
  /// The Lease was seen: this process can take part.
  [[nodiscard]] bool observed() const { return seen_.has_value(); }
  /// As the Lease says: how often the leader changed.
  [[nodiscard]] std::int64_t transitions() const { return seen_ ? seen_->transitions : 0; }

 private:
  using Answer = Result<std::string>;
  void schedule(Duration delay);
  void attempt();
  void read();
  void write();
  void gotLease(const Answer& answer);
  void written(TimePoint sentAt, bool release, const Answer& answer);
  void endAttempt(Duration pause);
  [[nodiscard]] Duration pause();
  void observe(Lease lease);
  [[nodiscard]] bool free() const;
  [[nodiscard]] bool isMine() const { return seen_ && seen_->holder == options_.identity; }
  void lead(TimePoint sentAt);
  void lose(std::string_view why);
  void loseIfLate();
  void finishStop();
  void failed(std::string_view what, const Error& error);

  Loop& loop_;
  Random& random_;
  const ElectorOptions options_;
  Logger log_;
  std::function<void()> changed_;
  Client client_;
  std::optional<Lease> seen_;  // as last seen; kept when it was deleted: its holder does not know yet
  bool exists_ = false;        // what seen_ tells is in the cluster
  TimePoint changedAt_{};      // when a change of it was seen last
  bool leading_ = false;
  TimePoint leadsUntil_{};
  bool trying_ = false;  // an attempt is under way
  int writes_ = 0;       // in this attempt
  std::string lastError_;
  bool refused_ = false;  // this attempt failed for want of rights: at the end no further one would do better
  Task stopped_;
  Timer next_, deadline_, stopDeadline_;
  Pending read_, write_;  // each starts the other: none replaces the call whose call-back it runs in
};

}  // namespace spawner::k8s
