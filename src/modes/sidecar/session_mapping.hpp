#pragma once
// SessionMapping: the 4 KiB of memory in which the session outlives this process: a file of ours in the pod's shared /dev/shm, mapped; or,
// where there is none to be had, memory of this process alone. Owner: the sidecar. Thread: the loop's.

#include <string>

#include "loop/socket.hpp"
#include "session/session_file.hpp"
#include "spawner/result.hpp"

namespace spawner::sidecar {

class SessionMapping {
 public:
  /// Opens or makes the file: 0600, ours, a plain file with one name, never through a symbolic link, its memory reserved. A file that is
  /// not like that is removed and made anew where we may. Conflict: another living process holds it (then we must not run). Any other
  /// error: no file can be had there; what to do is the caller's choice.
  static Result<SessionMapping> open(const std::string& path);
  /// Memory of this process: a restart forgets.
  static SessionMapping anonymous();

  SessionMapping(SessionMapping&& other) noexcept;
  SessionMapping& operator=(SessionMapping&&) = delete;
  ~SessionMapping();

  [[nodiscard]] session::SessionMemory memory() const { return session::SessionMemory(bytes_, session::sessionFileSize); }

 private:
  SessionMapping(std::byte* bytes, Fd lock) : bytes_(bytes), lock_(std::move(lock)) {}
  std::byte* bytes_;
  Fd lock_;  // holds flock(2) while we live
};

/// /proc/sys/kernel/random/boot_id without its line end; empty where it cannot be read (a sandbox
/// without it has its own /dev/shm too, which does not outlive a boot).
std::string bootId();

}  // namespace spawner::sidecar
