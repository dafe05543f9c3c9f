#include "modes/sidecar/session_mapping.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

#include "base/die.hpp"

namespace spawner::sidecar {
namespace {

constexpr mode_t ownerOnly = 0600;

/// Why the file cannot be trusted; empty for a sound one. An application that shares /dev/shm can put anything there but a file of our
/// user.
std::string flaw(int fd) {
  struct stat info {};
  if (::fstat(fd, &info) != 0) return "it cannot be examined";
  if (!S_ISREG(info.st_mode)) return "it is not a plain file";
  if (info.st_uid != ::geteuid()) return "it belongs to another user";
  if ((info.st_mode & 07777) != ownerOnly) return "its mode is not 0600";
  if (info.st_nlink != 1) return "it has more than one name";
  if (info.st_size != 0 && info.st_size != static_cast<off_t>(session::sessionFileSize)) return "its size is wrong";
  return {};
}

/// Opens the file, or makes it. An empty Fd: what stood there was of no use and is removed; try again.
Result<Fd> openOnce(const std::string& path) {
  Fd file(::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, ownerOnly));
  std::string why = file ? flaw(file.get()) : errno == ELOOP ? "it is a symbolic link" : "";
  if (!file && why.empty()) return systemError("cannot open the session file " + path, errno);
  if (why.empty()) return file;
  if (::unlink(path.c_str()) != 0)
    return Error{ErrorKind::Forbidden, "the session file " + path + " is not used: " + why + ", and it cannot be removed", {}};
  return Fd();
}

}  // namespace

Result<SessionMapping> SessionMapping::open(const std::string& path) {
  Fd file;
  for (int attempt = 0; attempt < 3 && !file; ++attempt) {
    auto opened = openOnce(path);
    if (!opened) return opened.error();
    file = std::move(*opened);
  }
  if (!file) return Error{ErrorKind::Forbidden, "the session file " + path + " is replaced again and again", {}};
  if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return Error{ErrorKind::Conflict, "another sidecar holds the session file " + path, {}};
    return systemError("cannot lock the session file " + path, errno);
  }
  // Reserved now, so that a full /dev/shm is an error here and not a SIGBUS later.
  if (const int error = ::posix_fallocate(file.get(), 0, static_cast<off_t>(session::sessionFileSize)); error != 0)
    return systemError("cannot reserve the session file " + path, error);
  void* memory = ::mmap(nullptr, session::sessionFileSize, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
  if (memory == MAP_FAILED) return systemError("cannot map the session file " + path, errno);
  return SessionMapping(static_cast<std::byte*>(memory), std::move(file));
}

SessionMapping SessionMapping::anonymous() {
  void* memory = ::mmap(nullptr, session::sessionFileSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) die(systemError("no memory for the session's record", errno).message);
  return SessionMapping(static_cast<std::byte*>(memory), Fd());
}

SessionMapping::SessionMapping(SessionMapping&& other) noexcept
    : bytes_(std::exchange(other.bytes_, nullptr)), lock_(std::move(other.lock_)) {}

SessionMapping::~SessionMapping() {
  if (bytes_ != nullptr) ::munmap(bytes_, session::sessionFileSize);
}

std::string bootId() {
  const Fd file(::open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC));
  std::array<char, 64> text{};
  const ssize_t got = file ? ::read(file.get(), text.data(), text.size()) : -1;
  if (got <= 0) return {};
  std::string_view id(text.data(), static_cast<std::size_t>(got));
  while (!id.empty() && (id.back() == '\n' || id.back() == ' ')) id.remove_suffix(1);
  return std::string(id);
}

}  // namespace spawner::sidecar
