#include "loop/reactor.hpp"

#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <exception>
#include <vector>

#include "base/die.hpp"
#include "loop/busy_poll.hpp"
#include "loop/socket.hpp"
#include "loop/timer_heap.hpp"
#include "loop/watch_table.hpp"
#include "spawner/result.hpp"

namespace spawner {
namespace {

/// Bounds of one turn, so that descriptors, tasks and timers each get their share however many of the others are due.
constexpr int maxEventsPerTurn = 256;
constexpr int maxTimersPerTurn = 1024;
/// In a turn of so few events, what each one posted runs before the next one (docs/decisions/0067).
constexpr int fewEvents = 8;
constexpr std::uint64_t wakeId = UINT64_MAX;
constexpr std::uint64_t timerId = wakeId - 1;

TimePoint readClock() {
  timespec time{};
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return TimePoint(std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec));
}

Fd checked(int fd, std::string_view what) {
  if (fd < 0) die(systemError(what, errno).message);
  return Fd(fd);
}

/// epoll's time-out: whole milliseconds, rounded up, so that no limit is passed early.
int toTimeout(Duration wait) {
  if (wait <= Duration::zero()) return 0;
  if (wait == Duration::max()) return -1;
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(std::min<Duration>(wait, std::chrono::hours(1)));
  return static_cast<int>(ms.count());
}

}  // namespace

struct Reactor::Impl {
  Fd epollFd = checked(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
  Fd wakeFd = checked(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), "eventfd");
  /// Armed for the next timer, or an earlier one that was cancelled: a time-out of each wait would be set and taken back in the kernel each
  /// time, a timer that stays is not.
  Fd timerFd = checked(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC), "timerfd_create");
  TimePoint armed = TimePoint::max();
  WatchTable watches{epollFd.get()};
  TimerHeap timers;
  std::uint64_t nextTimer = 0;  // the heap's tie: equal times run in the order of asking
  std::vector<Task> posted;
  std::vector<Task> batch;  // the tasks under way; kept for its memory
  std::array<epoll_event, maxEventsPerTurn> events{};
  TimePoint now = readClock();
  BusyPoll busyPoll;
  int lastCount = 0;  // events of the present turn, or the one before
  int untold = 0;     // so many of the present turn's, the last ones, nobody was told of yet
  bool inTurn = false;
  bool stopping = false;

  void turn(Duration longest);
  int wait(int milliseconds);
  int lookFor(Duration limit);
  void runEvents(int count);
  void runPosted();
  void runTimers(std::uint64_t firstOfThisTurn);
  void listenTo(const Fd& fd, std::uint64_t id, std::uint32_t events);
  void armTimer();
};

/// Whole milliseconds, rounded up: never early, and timers that are close together are one.
void Reactor::Impl::armTimer() {
  if (timers.empty() || timers.nextDue() >= armed || timers.nextDue() == TimePoint::max()) return;
  const auto at = std::chrono::ceil<std::chrono::milliseconds>(timers.nextDue().time_since_epoch());
  const auto seconds = std::chrono::floor<std::chrono::seconds>(at);
  itimerspec time{};
  time.it_value.tv_sec = static_cast<time_t>(seconds.count());
  time.it_value.tv_nsec = static_cast<long>(std::chrono::nanoseconds(at - seconds).count());
  if (::timerfd_settime(timerFd.get(), TFD_TIMER_ABSTIME, &time, nullptr) != 0) die(systemError("timerfd_settime", errno).message);
  armed = TimePoint(at);
}

void Reactor::Impl::listenTo(const Fd& fd, std::uint64_t id, std::uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = id;
  if (::epoll_ctl(epollFd.get(), EPOLL_CTL_ADD, fd.get(), &event) != 0) die(systemError("epoll_ctl", errno).message);
}

void Reactor::Impl::turn(Duration longest) {
  if (inTurn) die("Reactor: a call-back ran the loop that runs it");
  const bool workLeft = !posted.empty() || (!timers.empty() && timers.nextDue() <= now);
  if (!workLeft) armTimer();
  const Duration look = busyPoll.take(lastCount);
  int count = workLeft ? wait(0) : lookFor(std::min(look, longest));
  if (!workLeft && count == 0) count = wait(toTimeout(longest));
  lastCount = count;
  now = readClock();
  inTurn = true;
  const std::uint64_t firstOfThisTurn = nextTimer;
  try {
    // Bytes before timers: after a stall, data that came in time is seen before the deadline that waited for it.
    runEvents(count);
    runPosted();
    runTimers(firstOfThisTurn);
  } catch (const std::exception& error) { die(std::string("an exception escaped a call-back of the loop: ") + error.what()); } catch (...) {
    die("an exception of unknown type escaped a call-back of the loop");
  }
  inTurn = false;
}

int Reactor::Impl::wait(int milliseconds) {
  const int count = ::epoll_wait(epollFd.get(), events.data(), maxEventsPerTurn, milliseconds);
  if (count >= 0) return count;
  if (errno != EINTR) die(systemError("epoll_wait", errno).message);
  return 0;
}

/// The other process may need this core for what is expected of it: each round lets it.
int Reactor::Impl::lookFor(Duration limit) {
  if (limit <= Duration::zero()) return 0;
  const TimePoint end = readClock() + limit;
  int count = 0;
  do {
    ::sched_yield();
    count = wait(0);
  } while (count == 0 && readClock() < end);
  busyPoll.looked(count > 0);
  return count;
}

void Reactor::Impl::runEvents(int count) {
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<std::size_t>(i)];
    untold = count - i - 1;
    if (event.data.u64 < timerId) {
      watches.dispatch(event.data.u64, event.events);
      if (count <= fewEvents && i + 1 < count) runPosted();  // of the last one: turn()
      continue;
    }
    if (event.data.u64 == timerId) {
      armed = TimePoint::max();
      continue;
    }
    std::uint64_t value = 0;
    [[maybe_unused]] const ssize_t n = ::read(wakeFd.get(), &value, sizeof value);  // to be woken was all it was for
  }
}

/// Those that are there; what they post themselves is for the next time.
void Reactor::Impl::runPosted() {
  batch.swap(posted);
  for (Task& slot : batch) {
    Task task = std::move(slot);
    task();
  }
  batch.clear();
}

void Reactor::Impl::runTimers(std::uint64_t firstOfThisTurn) {
  for (int i = 0; i < maxTimersPerTurn && !timers.empty(); ++i) {
    if (timers.nextDue() > now || timers.nextTie() >= firstOfThisTurn) break;
    Task task = timers.pop();
    task();
  }
}

Reactor::Reactor() : impl_(std::make_unique<Impl>()) {
  impl_->listenTo(impl_->wakeFd, wakeId, EPOLLIN);
  impl_->listenTo(impl_->timerFd, timerId, EPOLLIN | EPOLLET);  // never read: to be told once is all it is for
}

Reactor::~Reactor() {
  // What the call-backs own goes while the loop is still whole: destructors may cancel timers and watches, or even ask for new ones.
  while (!impl_->timers.empty() || !impl_->posted.empty()) {
    while (!impl_->timers.empty()) (void)impl_->timers.pop();
    const std::vector<Task> released = std::exchange(impl_->posted, {});
  }
  impl_->watches.clear();
}

void Reactor::run() {
  while (!impl_->stopping) impl_->turn(Duration::max());
  impl_->stopping = false;
}

bool Reactor::runUntil(const std::function<bool()>& predicate, Duration limit) {
  const TimePoint start = readClock();
  while (!predicate()) {
    const Duration left = limit - (readClock() - start);
    if (left <= Duration::zero()) return false;
    impl_->turn(left);
  }
  return true;
}

void Reactor::wake() {
  // Async-signal-safe: one write(2), and errno as it was. The counter cannot be full in practice; if it is, the loop wakes anyway.
  const int saved = errno;
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t n = ::write(impl_->wakeFd.get(), &one, sizeof one);
  errno = saved;
}

TimePoint Reactor::now() const {
  // Outside a turn nothing reads the clock for us.
  return impl_->inTurn ? impl_->now : readClock();
}

WallTime Reactor::wallNow() const { return std::chrono::floor<WallTime::duration>(std::chrono::system_clock::now()); }

Timer Reactor::after(Duration delay, Task task) {
  const TimePoint from = now();
  const TimePoint due = delay <= Duration::zero() ? from : delay >= TimePoint::max() - from ? TimePoint::max() : from + delay;
  return Timer(*this, impl_->timers.add(due, impl_->nextTimer++, std::move(task)));
}

void Reactor::post(Task task) { impl_->posted.push_back(std::move(task)); }

FdWatch Reactor::watch(int fd, Interest interest, FdCallback callback) {
  return FdWatch(*this, impl_->watches.add(fd, interest, std::move(callback)));
}

void Reactor::stop() { impl_->stopping = true; }

void Reactor::expectSoon(Duration limit) { impl_->busyPoll.ask(limit); }

Reactor::BusyPolls Reactor::busyPolls() const { return {.found = impl_->busyPoll.found(), .inVain = impl_->busyPoll.inVain()}; }

void Reactor::cancelTimer(std::uint64_t id) { const Task released = impl_->timers.remove(id); }
bool Reactor::timerActive(std::uint64_t id) const { return impl_->timers.contains(id); }
void Reactor::cancelWatch(std::uint64_t id) { impl_->watches.cancel(id); }
void Reactor::setWatch(std::uint64_t id, Interest interest) { impl_->watches.set(id, interest); }
bool Reactor::watchDue(std::uint64_t id) const {
  const epoll_event* const end = impl_->events.data() + impl_->lastCount;
  return std::any_of(end - impl_->untold, end, [id](const epoll_event& event) { return event.data.u64 == id; });
}

}  // namespace spawner
