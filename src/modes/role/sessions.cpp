#include "modes/role/sessions.hpp"

#include <utility>

#include "backend/builders.hpp"
#include "backend/derive.hpp"
#include "base/text.hpp"

namespace spawner::role {

namespace {

k8s::ReflectorOptions reflectorOptions(const SessionsOptions& options) {
  k8s::ReflectorOptions reflector;
  reflector.resource = k8s::slabs;
  reflector.ns = options.ns;
  return reflector;
}

/// The slab as it is remembered after its object has gone: with an end, and of its template nothing but the image.
SlabPtr asEnded(const Slab& slab, WallTime now) {
  auto ended = std::make_shared<Slab>(slab);
  const std::string image = backend::applicationImage(slab);
  ended->spec.templateJson = image.empty() ? "" : "{\"containers\":[{\"image\":\"" + jsonEscape(image) + "\"}]}";
  if (!isTerminal(ended->state())) {
    const auto swept = static_cast<std::size_t>(State::Swept);
    ended->status.reached[swept] = true;
    ended->status.stateTimes[swept] = now;
    ended->status.end = EndInfo{"Deleted", "The session was ended on request.", std::nullopt, std::nullopt, now};
    backend::apply(ended->status, backend::derive(*ended));
  }
  return ended;
}

}  // namespace

EndInfo endOf(const Slab& slab) {
  const State state = slab.state();
  EndInfo end = slab.status.end.value_or(EndInfo{});
  const bool swept = state == State::Swept;
  if (end.reason.empty()) end.reason = !slab.status.reason.empty() ? slab.status.reason : swept ? "Idle" : "Error";
  if (end.message.empty()) end.message = slab.status.message;
  if (end.message.empty()) end.message = swept ? "The session was not used for its grace period." : "The session failed.";
  if (end.time == WallTime{}) end.time = slab.status.stateTimes[static_cast<std::size_t>(state)].value_or(slab.meta.creationTime);
  return end;
}

Sessions::Sessions(Context& context, k8s::Client& client, SessionsOptions options, Decode decode)
    : context_(context),
      client_(client),
      options_(std::move(options)),
      decode_(decode),
      budget_(options_.lookupsPerSecond, 2 * options_.lookupsPerSecond),
      informer_(context.loop, client, context.random, reflectorOptions(options_), std::move(decode), context.log) {
  informer_.onChange([this](const std::string&, const SlabPtr& before, const SlabPtr& after) { changed(before, after); });
}

Sessions::~Sessions() = default;

std::optional<std::string> Sessions::nameOf(const ObjectMeta& meta) const {
  if (meta.name.size() <= options_.prefix.size() || !meta.name.starts_with(options_.prefix)) return std::nullopt;
  return meta.name.substr(options_.prefix.size());
}

SlabPtr Sessions::find(const std::string& name) const {
  if (SlabPtr slab = informer_.find(options_.ns + "/" + objectName(name))) return slab;
  const auto end = ends_.find(name);
  return end != ends_.end() && context_.loop.now() < end->second.until ? end->second.slab : nullptr;
}

void Sessions::changed(const SlabPtr& before, const SlabPtr& after) {
  const std::optional<std::string> name = nameOf((after ? after : before)->meta);
  if (!name) return;
  const std::weak_ptr<bool> alive = alive_;
  if (before && (!after || after->meta.uid != before->meta.uid)) {
    SlabPtr ended = asEnded(*before, context_.loop.wallNow());
    remember(*name, ended);
    tell(*name, ended);
  }
  if (!after || alive.expired()) return;
  misses_.erase(*name);
  tell(*name, after);
}

void Sessions::tell(const std::string& name, const SlabPtr& slab) {
  const std::weak_ptr<bool> alive = alive_;
  for (std::size_t i = 0; !alive.expired() && i < callbacks_.size(); ++i) callbacks_[i](name, slab);
}

void Sessions::remember(const std::string& name, SlabPtr slab) {
  if (options_.rememberEndsMax == 0) return;
  if (const auto old = ends_.find(name); old != ends_.end()) {
    endOrder_.erase(old->second.order);
    ends_.erase(old);
  }
  expire();
  endOrder_.push_back(name);
  ends_[name] = End{std::move(slab), context_.loop.now() + options_.rememberEnds, std::prev(endOrder_.end())};
  expireInTime();
}

/// Forgets what is too old, and the oldest where there is no room for one more.
void Sessions::expire() {
  const TimePoint now = context_.loop.now();
  while (!endOrder_.empty()) {
    const auto oldest = ends_.find(endOrder_.front());
    if (oldest->second.until > now && ends_.size() < options_.rememberEndsMax) return;
    ends_.erase(oldest);
    const std::string name = std::move(endOrder_.front());
    endOrder_.pop_front();
    if (forget_) forget_(name);
  }
}

void Sessions::expireInTime() {
  if (!forget_ || endOrder_.empty() || expiry_.active()) return;
  expiry_ = context_.loop.after(ends_.find(endOrder_.front())->second.until - context_.loop.now(), [this] {
    expire();
    expireInTime();
  });
}

Pending Sessions::lookup(const std::string& name, Found found) {
  const std::uint64_t id = nextWaiter_++;
  Waiter& waiter = waiters_[id];
  waiter.found = std::move(found);
  const auto answerSoon = [&](Error error) {
    waiter.now = context_.loop.after(Duration::zero(), [this, id, error = std::move(error)] { answer(id, error); });
  };
  const auto miss = misses_.find(name);
  if (!isDns1035Label(objectName(name))) {
    answerSoon(Error{ErrorKind::NotFound, "there is no session of this name", std::nullopt});
  } else if (miss != misses_.end() && context_.loop.now() < miss->second) {
    ++counts_.missesCached;
    answerSoon(Error{ErrorKind::NotFound, "there is no session of this name", std::nullopt});
  } else if (const auto running = lookups_.find(name); running != lookups_.end()) {
    running->second.waiters.push_back(id);
  } else if (lookups_.size() >= options_.maxLookups || budget_.take(context_.loop.now()) > Duration::zero()) {
    ++counts_.lookupsRefused;
    answerSoon(Error{ErrorKind::Limit, "too many look-ups of unknown names", std::chrono::seconds(1)});
  } else {
    get(name, id);
  }
  return Pending([this, id, alive = std::weak_ptr<bool>(alive_)] {
    if (!alive.expired()) waiters_.erase(id);
  });
}

void Sessions::get(const std::string& name, std::uint64_t waiter) {
  ++counts_.lookups;
  Lookup& lookup = lookups_[name];
  lookup.waiters.push_back(waiter);
  lookup.get =
      client_.get(k8s::slabs, options_.ns, objectName(name), [this, name](const Result<std::string>& answer) { got(name, answer); });
}

void Sessions::got(const std::string& name, const Result<std::string>& answerText) {
  const std::weak_ptr<bool> alive = alive_;
  const auto lookup = lookups_.extract(name);
  const Result<SlabPtr> result = read(name, answerText);
  for (const std::uint64_t waiter : lookup.mapped().waiters)
    if (!alive.expired()) answer(waiter, result);
}

Result<SlabPtr> Sessions::read(const std::string& name, const Result<std::string>& answerText) {
  if (!answerText) {
    if (answerText.error().kind == ErrorKind::NotFound) rememberMiss(name);
    return answerText.error();
  }
  Result<Slab> slab = decode_(*answerText);
  if (!slab) return slab.error().in("object " + objectName(name));
  informer_.learn(std::move(*slab));
  // The informer may know better: that it was deleted meanwhile.
  if (SlabPtr known = find(name)) return known;
  return Error{ErrorKind::NotFound, "the session has ended", std::nullopt};
}

void Sessions::answer(std::uint64_t waiter, Result<SlabPtr> result) {
  auto node = waiters_.extract(waiter);
  if (!node.empty()) node.mapped().found(std::move(result));
}

void Sessions::rememberMiss(const std::string& name) {
  const TimePoint now = context_.loop.now();
  if (misses_.size() >= options_.maxMisses) std::erase_if(misses_, [now](const auto& miss) { return miss.second <= now; });
  if (misses_.size() >= options_.maxMisses) misses_.clear();
  misses_[name] = now + options_.missTtl;
}

}  // namespace spawner::role
