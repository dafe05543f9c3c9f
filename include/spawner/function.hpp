#pragma once
// UniqueFunction: a move-only std::function, for call-backs that own what they capture (g++ 12 has no std::move_only_function).
// Owner: whoever holds it. Thread: no rule of its own.

#include <cstddef>
#include <memory>
#include <type_traits>
#include <utility>

namespace spawner {

template <class Signature>
class UniqueFunction;

/// Holds one callable of the given signature, or nothing. Calling an empty one is a programming error (it terminates).
template <class R, class... Args>
class UniqueFunction<R(Args...)> {
 public:
  UniqueFunction() noexcept = default;
  UniqueFunction(std::nullptr_t) noexcept {}
  template <class F>
  requires(!std::is_same_v<std::remove_cvref_t<F>, UniqueFunction> && std::is_invocable_r_v<R, F&, Args...>) UniqueFunction(F&& callable)
      : target_(std::make_unique<Holder<std::decay_t<F>>>(std::forward<F>(callable))) {}

  UniqueFunction(UniqueFunction&&) noexcept = default;
  UniqueFunction& operator=(UniqueFunction&&) noexcept = default;
  UniqueFunction(const UniqueFunction&) = delete;
  UniqueFunction& operator=(const UniqueFunction&) = delete;

  explicit operator bool() const noexcept { return target_ != nullptr; }

  R operator()(Args... args) { return target_->call(std::forward<Args>(args)...); }

 private:
  struct Base {
    virtual ~Base() = default;
    virtual R call(Args&&... args) = 0;
  };
  template <class F>
  struct Holder final : Base {
    explicit Holder(F&& callable) : callable_(std::move(callable)) {}
    explicit Holder(const F& callable) : callable_(callable) {}
    R call(Args&&... args) override { return callable_(std::forward<Args>(args)...); }
    F callable_;
  };
  std::unique_ptr<Base> target_;
};

using Task = UniqueFunction<void()>;

}  // namespace spawner
