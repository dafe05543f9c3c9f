#pragma once
// SidecarCore: one session as its sidecar knows it: activity, session file, sweep decisions, Ready, shutdown request, restart. The real
// sidecar (src/modes/sidecar) and the simulation's are this core with different sockets. Owner: the sidecar. Thread: the loop's.

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "session/activity.hpp"
#include "session/commands.hpp"
#include "session/session_file.hpp"
#include "spawner/report.hpp"
#include "spawner/result.hpp"

namespace spawner::session {

struct SidecarIdentity {
  std::string podUid;  // downward API; at most 63 bytes
  std::string bootId;  // /proc/sys/kernel/random/boot_id; at most 63 bytes
};

class SidecarCore {
 public:
  using Guard = Activity::Guard;
  static constexpr std::chrono::hours maxLease{1};

  /// Goes on from the memory when it holds this pod's record, else begins a new session in it. The memory outlives the core; a destroyed
  /// core has crashed: what the memory says then is what the next one goes on from.
  ///  - same boot: all times stay; in use at the crash counts as used until now; a lease goes on.
  ///  - another boot: its times mean nothing; used until now, Ready to be found again.
  ///  - swept and shutdown marks stay in any case.
  SidecarCore(Loop& loop, SessionMemory memory, SidecarIdentity identity);
  SidecarCore(const SidecarCore&) = delete;
  SidecarCore& operator=(const SidecarCore&) = delete;

  /// A new request, at the first byte of its head: nothing once swept (the caller answers 503 and says the reason).
  [[nodiscard]] std::optional<Guard> admit();
  /// The application listens. A fact, set once, kept over restarts.
  void setReady() { activity_.setReady(); }
  [[nodiscard]] bool ready() const { return activity_.ready(); }
  [[nodiscard]] const std::optional<std::string>& swept() const { return swept_; }

  [[nodiscard]] SidecarReport report() const;
  [[nodiscard]] const Activity& activity() const { return activity_; }

  /// Decides. `hasUnreadInput` makes one pass over the accept queue and every readable connection (Front::hasUnreadInput); asked only where
  /// an idle condition holds, and one new byte means 409. A 200's mark is in the session file before this returns.
  SweepAnswer sweep(const SweepCommand& command, const std::function<bool()>& hasUnreadInput);

  /// PUT /busy?seconds=N: InvalidArgument unless 1 <= N <= 3600; Gone once swept. Gives the time left of the lease.
  Result<std::chrono::seconds> setBusy(std::uint64_t seconds);
  void clearBusy() { activity_.endBusy(); }
  [[nodiscard]] std::optional<Duration> busyLeft() const;
  /// POST /shutdown: stays, over restarts too.
  void requestShutdown();
  [[nodiscard]] bool shutdownRequested() const { return stored_.shutdownRequested; }

  /// Called inside whatever changed report() other than by time alone. It must not call back into changing members: note it, and post.
  void onChange(std::function<void()> callback) { listeners_.push_back(std::move(callback)); }

 private:
  void changed();
  void persist();

  Loop& loop_;
  SessionFile file_;
  SessionRecord stored_;  // what the file says
  std::optional<std::string> swept_;
  std::vector<std::function<void()>> listeners_;
  Activity activity_;
};

}  // namespace spawner::session
