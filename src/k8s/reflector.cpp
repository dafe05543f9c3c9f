// The reflector's effects: requests, the known keys, and what is told to the owner. What to do next is ReflectorMachine's.
#include "k8s/reflector.hpp"

#include <algorithm>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "k8s/documents.hpp"
#include "k8s/line_splitter.hpp"
#include "k8s/query.hpp"
#include "k8s/reflector_machine.hpp"
#include "k8s/status_error.hpp"

namespace spawner::k8s {
namespace {

bool isNumber(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

/// Numbers of any length, without leading zeros.
bool greater(std::string_view a, std::string_view b) { return a.size() != b.size() ? a.size() > b.size() : a > b; }

/// Newer for certain: both are numbers. Where a doubt must not keep an object alive.
bool provablyNewer(std::string_view a, std::string_view b) { return isNumber(a) && isNumber(b) && greater(a, b); }

constexpr std::size_t maxErrorBytes = 64 * 1024;

}  // namespace

bool newerThan(std::string_view a, std::string_view b) {
  if (a == b) return false;
  return !isNumber(a) || !isNumber(b) || greater(a, b);
}

struct Reflector::Impl {
  using Step = ReflectorMachine::Step;
  using Ask = ReflectorMachine::Ask;

  /// What is known of an object that exists.
  struct Known {
    std::string resourceVersion;
    std::uint64_t list = 0;  // the last list that had it
    bool learned = false;    // only a write of ours told of this version so far
  };

  Impl(Loop& loopIn, Client& clientIn, Random& randomIn, ReflectorOptions optionsIn, ReflectorHandlers handlersIn, Logger logIn)
      : loop(loopIn),
        client(clientIn),
        random(randomIn),
        options(std::move(optionsIn)),
        handlers(std::move(handlersIn)),
        log(logIn.with("resource", options.resource.plural)),
        machine(randomIn, BackoffOptions{options.firstBackoff, options.maxBackoff}),
        pageSize(options.pageSize),
        lines(options.maxEventBytes) {}

  // --- asking
  void perform(Step step) {
    timer = loop.after(step.delay, [this, ask = step.ask] {
      if (ask == Ask::Watch) return watch();
      list(ask == Ask::FirstPage);
    });
  }
  void fail(const Error& error) {
    ++counts.errors;
    if (error.kind == ErrorKind::Gone) ++counts.relists410;
    pending.reset();
    // A page larger than the transport takes will not get smaller by asking again.
    if (error.kind == ErrorKind::Limit && machine.state() != ReflectorMachine::State::Watching) pageSize = std::max(1, pageSize / 2);
    const Step step = machine.failed(error, loop.now());
    log.log(error.kind == ErrorKind::Gone ? LogLevel::Info : LogLevel::Warn,
            step.ask == Ask::Watch ? "watch broke off, will be resumed" : "list or watch failed, will list",
            {{"error", error},
             {"delayMs", std::chrono::duration_cast<std::chrono::milliseconds>(step.delay).count()},
             {"failures", machine.failures()}});
    perform(step);
  }
  [[nodiscard]] std::string target() const {
    std::string target = options.resource.path(options.ns);
    addParameter(target, "labelSelector", options.labelSelector);
    addParameter(target, "fieldSelector", options.fieldSelector);
    return target;
  }
  void contact() { lastContact = loop.now(); }

  // --- listing
  void list(bool first) {
    if (first) {
      ++counts.lists;
      ++listNumber;
      listVersion.clear();
    }
    std::string page = target();
    addParameter(page, "limit", std::to_string(pageSize));
    if (!first) addParameter(page, "continue", machine.continueToken());
    pending = client.raw(std::move(page), [this](Result<std::string> body) {
      if (!body) return fail(body.error());
      takePage(std::move(*body));
    });
  }
  void takePage(std::string body) {
    contact();
    Result<ListPage> page = readListPage(body);
    if (!page) return fail(page.error());
    const std::weak_ptr<bool> alive = life;
    if (listVersion.empty()) {
      listVersion = page->resourceVersion;
      // A list is never older than what was told before, unless the server's history was replaced (a restored backup): its versions mean
      // nothing to us, so nothing of ours may outlive it.
      if (provablyNewer(version, listVersion)) {
        log.warn("the server's versions went back; everything is taken anew", {{"had", version}, {"has", listVersion}});
        eraseIf([](const Known&) { return true; });
        if (alive.expired()) return;
        version.clear();
      }
    }
    for (const ObjectText& item : page->items) {
      Known& entry = known[item.key];
      entry.list = listNumber;
      if (!offer(entry, item, alive)) return;
    }
    const Step step = machine.pageRead(std::move(page->continueToken));
    if (step.ask == Ask::Watch && !completeList(alive)) return;
    perform(step);
  }
  /// False: this object is gone.
  bool completeList(const std::weak_ptr<bool>& alive) {
    version = listVersion;
    // What is not in the list is gone, but for what a write of ours made after the list's moment: the watch will tell of that.
    eraseIf([this](const Known& entry) {
      return entry.list != listNumber && !(entry.learned && provablyNewer(entry.resourceVersion, listVersion));
    });
    if (alive.expired()) return false;
    if (!std::exchange(isSynced, true)) {
      handlers.synced();
      if (alive.expired()) return false;
    }
    return true;
  }
  /// The caller looks whether this object is still there.
  template <class Predicate>
  void eraseIf(Predicate predicate) {
    std::vector<std::string> gone;
    for (const auto& [key, entry] : known)
      if (predicate(entry)) gone.push_back(key);
    const std::weak_ptr<bool> alive = life;
    for (const std::string& key : gone) known.erase(key);
    for (const std::string& key : gone) {
      handlers.erase(key);
      if (alive.expired()) return;
    }
  }
  /// Tells of the object unless this version is known or older. False: this object is gone.
  bool offer(Known& entry, const ObjectText& object, const std::weak_ptr<bool>& alive) {
    if (!entry.resourceVersion.empty() && !newerThan(object.resourceVersion, entry.resourceVersion)) {
      if (object.resourceVersion == entry.resourceVersion) entry.learned = false;
      return true;
    }
    entry.resourceVersion = object.resourceVersion;
    entry.learned = false;
    handlers.upsert(object.key, object.json);
    return !alive.expired();
  }

  // --- watching
  void watch() {
    ++counts.watches;
    lines.clear();
    refusal.reset();
    TransportRequest request;
    request.target = target();
    addParameter(request.target, "watch", "1");
    addParameter(request.target, "allowWatchBookmarks", "true");
    addParameter(request.target, "resourceVersion", version);
    // Spread out, so that a thousand watches begun together do not end together.
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(options.watchTimeout).count();
    const auto spread = seconds > 0 ? static_cast<long>(random.below(static_cast<std::uint64_t>(seconds))) : 0;
    addParameter(request.target, "timeoutSeconds", std::to_string(std::max(1L, seconds + spread)));
    request.headers.emplace_back("Accept", "application/json");
    request.timeout = client.timeout();
    request.idleTimeout = options.idleTimeout;
    pending = client.transport().stream(std::move(request), StreamHandlers{
                                                                [this](const TransportResponse& head) { takeHead(head); },
                                                                [this](std::string_view bytes) { takeBytes(bytes); },
                                                                [this](Result<void> end) { takeEnd(std::move(end)); },
                                                            });
  }
  void takeHead(const TransportResponse& head) {
    if (head.status < 200 || head.status > 299) {
      refusal = head;
      refusal->body.clear();
      return;
    }
    contact();
    machine.watchOpened(loop.now());
  }
  void takeBytes(std::string_view bytes) {
    if (refusal) {
      refusal->body.append(bytes.substr(0, maxErrorBytes - std::min(maxErrorBytes, refusal->body.size())));
      return;
    }
    contact();
    lines.feed(bytes);
    for (;;) {
      const Result<std::optional<std::string_view>> line = lines.next();
      if (!line) return fail(line.error().in("watch"));
      if (!*line) return;
      if (!takeLine(**line)) return;
    }
  }
  /// False: no further line of this watch counts, or this object is gone.
  bool takeLine(std::string_view line) {
    const Result<WatchEvent> event = readWatchEvent(line);
    if (!event) {
      fail(event.error());
      return false;
    }
    const ObjectText& object = event->object;
    ++counts.events;
    switch (event->type) {
      case EventType::Error: fail(statusError(statusCode(object.json), object.json, std::nullopt, "watch")); return false;
      case EventType::Bookmark:
        if (provablyNewer(version, object.resourceVersion)) {
          fail(Error{ErrorKind::Gone, "watch: the server's versions went back from " + version + " to " + object.resourceVersion, {}});
          return false;
        }
        advance(object.resourceVersion);
        return true;
      case EventType::Added:
      case EventType::Modified: return changed(object);
      case EventType::Deleted: return deleted(object);
    }
    return true;
  }
  void advance(const std::string& to) {
    if (!newerThan(to, version)) return;
    version = to;
    machine.progressed();
  }
  bool changed(const ObjectText& object) {
    const auto it = known.find(object.key);
    // An old event told again must not raise what was deleted since.
    if (it == known.end() && !newerThan(object.resourceVersion, version)) return true;
    advance(object.resourceVersion);
    return offer(it != known.end() ? it->second : known[object.key], object, life);
  }
  bool deleted(const ObjectText& object) {
    advance(object.resourceVersion);
    const auto it = known.find(object.key);
    if (it == known.end()) return true;
    // The end of an earlier object of the same name: ours is of later.
    if (provablyNewer(it->second.resourceVersion, object.resourceVersion)) return true;
    known.erase(it);
    const std::weak_ptr<bool> alive = life;
    handlers.erase(object.key);
    return !alive.expired();
  }
  void takeEnd(Result<void> end) {
    if (refusal) return fail(errorOf(*refusal, "watch " + std::string(options.resource.plural)));
    if (!end) return fail(end.error());
    if (lines.partial()) return fail(Error{ErrorKind::Disconnected, "watch: ended within an event", {}});
    pending.reset();
    perform(machine.watchEnded(loop.now()));
  }

  Loop& loop;
  Client& client;
  Random& random;
  const ReflectorOptions options;
  ReflectorHandlers handlers;
  Logger log;
  ReflectorMachine machine;
  std::unordered_map<std::string, Known> known;
  std::string version;      // everything up to here has been told
  std::string listVersion;  // of the list under way
  std::uint64_t listNumber = 0;
  int pageSize;
  LineSplitter lines;
  std::optional<TransportResponse> refusal;  // a watch's answer other than 2xx, as it comes
  bool isSynced = false;
  std::optional<TimePoint> lastContact;
  Counts counts;
  std::shared_ptr<bool> life = std::make_shared<bool>();  // expired: destroyed by a call-back
  Timer timer;
  Pending pending;  // last: ends first
};

Reflector::Reflector(Loop& loop, Client& client, Random& random, ReflectorOptions options, ReflectorHandlers handlers, Logger log)
    : impl_(std::make_unique<Impl>(loop, client, random, std::move(options), std::move(handlers), std::move(log))) {}
Reflector::~Reflector() = default;

void Reflector::start() { impl_->perform(impl_->machine.start()); }
bool Reflector::synced() const { return impl_->isSynced; }

void Reflector::learned(const std::string& key, const std::string& resourceVersion) {
  Impl::Known& entry = impl_->known[key];
  if (!newerThan(resourceVersion, entry.resourceVersion)) return;
  entry.resourceVersion = resourceVersion;
  entry.learned = true;
}

bool Reflector::deletedAfter(const std::string& key, std::string_view resourceVersion) const {
  return !impl_->known.contains(key) && !newerThan(resourceVersion, impl_->version);
}

Duration Reflector::sinceContact() const { return impl_->lastContact ? impl_->loop.now() - *impl_->lastContact : Duration::zero(); }
Reflector::Counts Reflector::counts() const { return impl_->counts; }

}  // namespace spawner::k8s
