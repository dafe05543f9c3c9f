#include "cluster/container_log_source.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace spawner::cluster {
namespace {

constexpr std::size_t chunkBytes = 32 * 1024;
constexpr Duration followInterval = std::chrono::milliseconds(100);

/// The offset at which the last n lines of the file begin.
std::uint64_t lastLines(int fd, std::uint64_t size, std::uint64_t lines) {
  if (lines == 0) return size;
  std::array<char, 4096> block{};
  std::uint64_t end = size;
  std::uint64_t seen = 0;
  while (end > 0) {
    const std::uint64_t begin = end > block.size() ? end - block.size() : 0;
    const ssize_t got = ::pread(fd, block.data(), static_cast<std::size_t>(end - begin), static_cast<off_t>(begin));
    if (got <= 0) return begin;
    for (ssize_t i = got - 1; i >= 0; --i) {
      const std::uint64_t at = begin + static_cast<std::uint64_t>(i);
      if (block[static_cast<std::size_t>(i)] != '\n' || at + 1 == size) continue;  // the newline at the very end closes the last line
      if (++seen == lines) return at + 1;
    }
    end = begin;
  }
  return 0;
}

class FileStream final : public Stream {
 public:
  FileStream(Fd file, std::uint64_t offset, std::optional<std::uint64_t> limit, std::function<bool()> following)
      : file_(std::move(file)), offset_(offset), left_(limit.value_or(UINT64_MAX)), following_(std::move(following)) {}

  std::shared_ptr<const std::string> next(Now now) override {
    // Whether it still runs is asked before the read: what was written before the end is then never missed.
    const bool more = following_ && following_();
    auto chunk = std::make_shared<std::string>(static_cast<std::size_t>(std::min<std::uint64_t>(chunkBytes, left_)), '\0');
    const ssize_t got = chunk->empty() ? 0 : ::pread(file_.get(), chunk->data(), chunk->size(), static_cast<off_t>(offset_));
    if (got > 0) {
      chunk->resize(static_cast<std::size_t>(got));
      offset_ += static_cast<std::uint64_t>(got);
      left_ -= static_cast<std::uint64_t>(got);
      return chunk;
    }
    struct stat info {};
    if (::fstat(file_.get(), &info) == 0 && static_cast<std::uint64_t>(info.st_size) < offset_) offset_ = 0;  // it was begun anew
    ended_ = left_ == 0 || !more;
    wakeAt_ = now.mono + followInterval;
    return nullptr;
  }
  [[nodiscard]] bool ended() const override { return ended_; }
  [[nodiscard]] std::optional<TimePoint> wakeAt() const override { return ended_ ? std::nullopt : wakeAt_; }
  void onWake(std::function<void()>) override {}  // the file does not tell; wakeAt() does

 private:
  Fd file_;
  std::uint64_t offset_;
  std::uint64_t left_;
  std::function<bool()> following_;
  bool ended_ = false;
  std::optional<TimePoint> wakeAt_;
};

bool runs(const AgentPod& pod, const std::string& container) {
  for (const auto* group : {&pod.initSlots(), &pod.slots()})
    for (const AgentPod::Slot& slot : *group)
      if (slot.plan.name == container) return slot.running != nullptr || slot.restart.active();
  return false;
}

}  // namespace

Result<std::unique_ptr<Stream>> ContainerLogSource::open(const LogQuery& query) {
  const std::filesystem::path path = runtime_.logFile(query.podUid, query.container);
  Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) {
    if (errno != ENOENT) return systemError("cannot open the log of container " + query.container, errno);
    return Error{ErrorKind::InvalidArgument,
                 "container \"" + query.container + "\" in pod \"" + query.pod + "\" is waiting to start: it has not run yet",
                 {}};
  }
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) return systemError("cannot read the log's size", errno);
  const std::uint64_t offset = query.tailLines ? lastLines(file.get(), static_cast<std::uint64_t>(info.st_size), *query.tailLines) : 0;
  std::function<bool()> following;
  if (query.follow)
    following = [alive = std::weak_ptr<int>(alive_), this, uid = query.podUid, container = query.container] {
      if (!alive.lock()) return false;
      const AgentPod* pod = agent_.find(uid);
      return pod != nullptr && runs(*pod, container);
    };
  return std::unique_ptr<Stream>(std::make_unique<FileStream>(std::move(file), offset, query.limitBytes, std::move(following)));
}

}  // namespace spawner::cluster
