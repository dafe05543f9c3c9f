#include "cluster/container_log.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

namespace spawner::cluster {
namespace {

Result<Fd> openFile(const std::filesystem::path& path) {
  Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  if (!file) return systemError("cannot open the log file " + path.string(), errno);
  return file;
}

}  // namespace

Result<std::unique_ptr<ContainerLog>> ContainerLog::open(Loop& loop, std::filesystem::path file, std::uint64_t maxBytes,
                                                         std::size_t tailBytes) {
  std::unique_ptr<ContainerLog> log(new ContainerLog);
  std::error_code failure;
  std::filesystem::create_directories(file.parent_path(), failure);
  if (failure) return systemError("cannot make the folder " + file.parent_path().string(), failure.value());
  Result<Fd> opened = openFile(file);
  if (!opened) return opened.error();
  log->file_ = std::move(*opened);
  log->path_ = std::move(file);
  log->maxBytes_ = maxBytes;
  log->tailBytes_ = tailBytes;
  struct stat info {};
  if (::fstat(log->file_.get(), &info) == 0) log->size_ = static_cast<std::uint64_t>(info.st_size);
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return systemError("cannot make a pipe for the log", errno);
  log->readEnd_ = Fd(ends[0]);
  log->writeEnd_ = Fd(ends[1]);
  // Only our end is non-blocking: a program may rely on its standard output blocking.
  ::fcntl(ends[0], F_SETFL, O_NONBLOCK);
  ContainerLog* const self = log.get();
  log->watch_ = loop.watch(ends[0], Interest{true, false, false}, [self](Interest) {
    if (!self->readOnce()) self->watch_.cancel();
  });
  return log;
}

ContainerLog::~ContainerLog() { finish(); }

/// What the program wrote last is still in the pipe; it holds 64 KiB at most unless somebody enlarged it, so this ends.
void ContainerLog::finish() {
  watch_.cancel();
  writeEnd_.reset();
  for (int rounds = 0; rounds < 64 && readOnce(); ++rounds) {}
}

const std::string& ContainerLog::tail() {
  finish();
  return tail_;
}

/// One read. False at the end, or when there is nothing to read.
bool ContainerLog::readOnce() {
  std::array<char, 16 * 1024> buffer{};
  const IoResult got = readSome(readEnd_.get(), buffer);
  if (got.kind == IoResult::Kind::WouldBlock) return writeEnd_.get() >= 0 || static_cast<bool>(watch_);
  if (got.kind != IoResult::Kind::Bytes) return false;
  keep({buffer.data(), got.bytes});
  return true;
}

void ContainerLog::keep(std::string_view bytes) {
  tail_ += bytes.substr(bytes.size() - std::min(bytes.size(), tailBytes_));
  if (tail_.size() > tailBytes_) tail_.erase(0, tail_.size() - tailBytes_);
  if (size_ + bytes.size() > maxBytes_) {
    std::error_code ignored;  // a log that cannot be turned over is cut short instead
    std::filesystem::rename(path_, path_.string() + ".1", ignored);
    if (Result<Fd> fresh = openFile(path_)) {
      file_ = std::move(*fresh);
      size_ = 0;
    } else if (::ftruncate(file_.get(), 0) == 0) {
      size_ = 0;
    }
  }
  while (!bytes.empty()) {
    const ssize_t written = ::write(file_.get(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;  // a full disk loses log lines, never a session
    size_ += static_cast<std::uint64_t>(written);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace spawner::cluster
