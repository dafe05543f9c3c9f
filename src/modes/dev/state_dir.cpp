#include "modes/dev/state_dir.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>

#include "cluster/process_tree.hpp"

namespace spawner::dev {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t maxLogBytes = 10 * 1024 * 1024;

class RotatingSink final : public LogSink {
 public:
  explicit RotatingSink(fs::path path) : path_(std::move(path)) { reopen(); }
  void write(std::string_view line) override {
    if (size_ + line.size() > maxLogBytes) {
      std::error_code ignored;  // then the file goes on growing past its bound by the lines until the next try
      fs::rename(path_, path_.string() + ".1", ignored);
      reopen();
    }
    file_ << line << '\n';
    file_.flush();
    size_ += line.size() + 1;
  }

 private:
  void reopen() {
    file_.close();
    file_.clear();
    file_.open(path_, std::ios::app);
    std::error_code failure;
    size_ = fs::file_size(path_, failure);
    if (failure) size_ = 0;
  }
  fs::path path_;
  std::ofstream file_;
  std::uint64_t size_ = 0;
};

std::string firstLine(const fs::path& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

Result<void> makePrivate(const fs::path& path) {
  std::error_code failure;
  fs::create_directories(path.parent_path(), failure);
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return systemError("cannot make the state folder " + path.string(), errno);
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0 || !S_ISDIR(info.st_mode)) return systemError(path.string() + " is not a folder", ENOTDIR);
  if (info.st_uid != ::geteuid())
    return Error{ErrorKind::Forbidden, "the state folder " + path.string() + " belongs to another user; give one with --state-dir", {}};
  return {};
}

}  // namespace

fs::path StateDir::defaultPath(std::uint16_t port) {
  std::error_code failure;
  fs::path base = fs::temp_directory_path(failure);
  if (failure) base = "/tmp";
  return base / ("spawner-dev-" + std::to_string(::geteuid()) + "-" + std::to_string(port));
}

Result<StateDir> StateDir::open(const fs::path& path, const std::string& instance) {
  StateDir state;
  state.path_ = fs::absolute(path);
  if (auto made = makePrivate(state.path_); !made) return made.error();
  const fs::path lock = state.path_ / "lock";
  state.lock_ = Fd(::open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!state.lock_) return systemError("cannot open " + lock.string(), errno);
  if (::flock(state.lock_.get(), LOCK_EX | LOCK_NB) != 0)
    return Error{ErrorKind::Limit,
                 "another spawner dev (pid " + firstLine(lock) + ") uses the state folder " + state.path_.string() +
                     "; end it, or give this one another port (--listen) or folder (--state-dir)",
                 {}};
  // The lock was free, so what an earlier run's mark finds is left over from a kill.
  if (const std::string former = firstLine(state.path_ / "instance"); !former.empty())
    cluster::killMarked(cluster::containerMark, {former + "/"}, 20);
  std::error_code failure;
  fs::remove_all(state.path_ / "pods", failure);
  if (failure) return systemError("cannot clear " + (state.path_ / "pods").string(), failure.value());
  fs::create_directories(state.logs(), failure);
  if (failure) return systemError("cannot make " + state.logs().string(), failure.value());
  std::ofstream(state.path_ / "instance", std::ios::trunc) << instance << '\n';
  if (::ftruncate(state.lock_.get(), 0) != 0) return systemError("cannot write " + lock.string(), errno);
  const std::string pid = std::to_string(::getpid()) + "\n";
  if (::pwrite(state.lock_.get(), pid.data(), pid.size(), 0) < 0) return systemError("cannot write " + lock.string(), errno);
  return state;
}

std::shared_ptr<LogSink> StateDir::logSink(const std::string& role) const {
  return std::make_shared<RotatingSink>(logs() / (role + ".log"));
}

}  // namespace spawner::dev
