#include "k8s/files.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "loop/socket.hpp"

namespace spawner::k8s {

Result<std::string> readFile(const std::string& path, std::size_t maxBytes) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return systemError("cannot open " + path, errno, errno == ENOENT ? ErrorKind::NotFound : ErrorKind::System);
  std::string text;
  char buffer[16 * 1024];
  for (;;) {
    const ssize_t got = ::read(file.get(), buffer, sizeof buffer);
    if (got == 0) return text;
    if (got < 0) {
      if (errno == EINTR) continue;
      return systemError("cannot read " + path, errno);
    }
    text.append(buffer, static_cast<std::size_t>(got));
    if (text.size() > maxBytes) return Error{ErrorKind::Limit, path + " is larger than " + std::to_string(maxBytes) + " bytes", {}};
  }
}

bool fileExists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

}  // namespace spawner::k8s
