#include "modes/api/spawn.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <utility>

#include "backend/decode.hpp"
#include "base/crypto.hpp"
#include "base/text.hpp"
#include "spawner/names.hpp"

namespace spawner::api {

namespace {

constexpr std::string_view alphabet = "abcdefghijklmnopqrstuvwxyz0123456789";
constexpr std::size_t nameLength = 12;
constexpr int maxNames = 5;  // random names that turned out to be taken

/// A letter first where there is no prefix: DNS-1035.
std::size_t choices(std::size_t position, std::string_view prefix) { return position == 0 && prefix.empty() ? 26 : alphabet.size(); }

/// Whether a POST that ended so may have made its object: all but an answer that refuses it.
bool mayHaveWritten(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::Timeout:
    case ErrorKind::Disconnected:
    case ErrorKind::Server:
    case ErrorKind::Protocol:
    case ErrorKind::Limit: return true;
    default: return false;
  }
}

/// One spawn under way. Lives as long as its Pending, and during each of its call-backs.
class Spawn : public std::enable_shared_from_this<Spawn> {
 public:
  Spawn(Loop& loop, k8s::Client& client, Random& random, SpawnPlan plan, SpawnDone done)
      : loop_(loop),
        client_(client),
        random_(random),
        plan_(std::move(plan)),
        done_(std::move(done)),
        backoff_(plan_.backoff),
        deadline_(loop.now() + plan_.timeout) {}

  void begin() {
    const bool keyed = !plan_.idempotencyKey.empty();
    mayBeMade_ = keyed;
    plan_.parameters.name = keyed ? keyedName(plan_.prefix, plan_.idempotencyKey) : randomName(plan_.prefix, random_);
    spawnId_ = keyed ? "key-" + sha256Hex("spawner spawn-id\n" + plan_.idempotencyKey).substr(0, 32)
                     : randomName("", random_) + randomName("", random_);
    plan_.parameters.annotations[std::string(names::spawnIdAnnotation)] = spawnId_;
    plan_.parameters.annotations[std::string(names::spawnBodyAnnotation)] = plan_.bodyHash;
    plan_.parameters.annotations[std::string(names::submittedAnnotation)] = toRfc3339Micro(loop_.wallNow());
    post();
  }

 private:
  /// A call-back that holds this object while it runs and does nothing after its end.
  template <class Method>
  auto bound(Method method) {
    return [weak = weak_from_this(), method](auto&&... args) {
      if (const std::shared_ptr<Spawn> self = weak.lock()) ((*self).*method)(std::forward<decltype(args)>(args)...);
    };
  }

  void post() { call_ = client_.create(k8s::slabs, plan_.parameters.ns, backend::slabJson(plan_.parameters), bound(&Spawn::posted)); }

  void posted(Result<std::string> answer) {
    if (answer) return finish(backend::decodeSlab(*answer), true);
    refusal_ = answer.error();
    mayBeMade_ = mayBeMade_ || mayHaveWritten(refusal_.kind);
    if (refusal_.retriable()) return repeat(refusal_);
    // A quota refuses before the name is looked at: what an earlier POST made is hidden by any refusal.
    if (refusal_.kind != ErrorKind::AlreadyExists && !mayBeMade_) return finish(refusal_, false);
    call_ = client_.get(k8s::slabs, plan_.parameters.ns, plan_.parameters.name, bound(&Spawn::looked));
  }

  /// Who has the name: an earlier POST of ours, somebody else or nobody.
  void looked(Result<std::string> answer) {
    if (!answer) {
      const Error& error = answer.error();
      if (error.kind != ErrorKind::NotFound) return error.retriable() ? repeat(error) : finish(error, mayBeMade_);
      return refusal_.kind == ErrorKind::AlreadyExists ? repeat(refusal_) : finish(refusal_, false);
    }
    Result<Slab> slab = backend::decodeSlab(*answer);
    if (!slab) return finish(slab.error(), mayBeMade_);
    const auto annotation = [&](std::string_view key) {
      const auto it = slab->meta.annotations.find(std::string(key));
      return it == slab->meta.annotations.end() ? std::string() : it->second;
    };
    if (annotation(names::spawnIdAnnotation) == spawnId_) {
      if (annotation(names::spawnBodyAnnotation) == plan_.bodyHash) return finish(std::move(slab), true);
      return finish(Error{ErrorKind::Conflict, "this Idempotency-Key was used with another body", std::nullopt}, false);
    }
    if (!plan_.idempotencyKey.empty() || ++namesTried_ >= maxNames)
      return finish(Error{ErrorKind::Conflict, "the name " + plan_.parameters.name + " belongs to another object", std::nullopt}, false);
    mayBeMade_ = false;
    plan_.parameters.name = randomName(plan_.prefix, random_);
    post();
  }

  void repeat(const Error& error) {
    const Duration delay = backoff_.next(random_, error.retryAfter);
    if (loop_.now() + delay >= deadline_) return finish(error, mayBeMade_);
    again_ = loop_.after(delay, [weak = weak_from_this()] {
      if (const std::shared_ptr<Spawn> self = weak.lock()) self->post();
    });
  }

  void finish(Result<Slab> result, bool mayBeMade) {
    if (auto done = std::exchange(done_, nullptr)) done(std::move(result), mayBeMade);
  }

  Loop& loop_;
  k8s::Client& client_;
  Random& random_;
  SpawnPlan plan_;
  SpawnDone done_;
  Backoff backoff_;
  const TimePoint deadline_;
  std::string spawnId_;
  int namesTried_ = 0;
  bool mayBeMade_ = false;  // under the present name: by an earlier request with this key, or by a POST without a clear answer
  Error refusal_;           // of the last POST
  Pending call_;
  Timer again_;
};

}  // namespace

std::string randomName(std::string_view prefix, Random& random) {
  std::string name(prefix);
  for (std::size_t i = 0; i < nameLength; ++i) name += alphabet[random.below(choices(i, prefix))];
  return name;
}

std::string keyedName(std::string_view prefix, std::string_view key) {
  const std::array<std::uint8_t, 32> digest = sha256("spawner name\n" + std::string(key));
  std::string name(prefix);
  for (std::size_t i = 0; i < nameLength; ++i) {
    const unsigned word = digest[2 * i] * 256U + digest[2 * i + 1];
    name += alphabet[word % choices(i, prefix)];
  }
  return name;
}

Pending spawnSlab(Loop& loop, k8s::Client& client, Random& random, SpawnPlan plan, SpawnDone done) {
  auto spawn = std::make_shared<Spawn>(loop, client, random, std::move(plan), std::move(done));
  spawn->begin();
  return Pending([spawn]() mutable { spawn.reset(); });
}

}  // namespace spawner::api
