#pragma once
// UniqueFunction: a move-only std::function, for call-backs that own what they capture (g++ 12 has no std::move_only_function).
// Owner: whoever holds it. Thread: no rule of its own.

#include <cstddef>
#include <new>
#include <type_traits>
#include <utility>

namespace spawner {

template <class Signature>
class UniqueFunction;

/// Holds one callable of the given signature, or nothing; a small one (two pointers) inside itself. Calling an empty one is a programming
/// error (it terminates). It must not be moved or destroyed while it is called, unless the callable does not touch its captures any more:
/// who calls something that may replace it moves it out first.
template <class R, class... Args>
class UniqueFunction<R(Args...)> {
 public:
  UniqueFunction() noexcept {}
  UniqueFunction(std::nullptr_t) noexcept {}
  template <class F>
  requires(!std::is_same_v<std::remove_cvref_t<F>, UniqueFunction> && std::is_invocable_r_v<R, F&, Args...>) UniqueFunction(F&& callable) {
    using Callable = std::decay_t<F>;
    if constexpr (fitsInside<Callable>) {
      ::new (static_cast<void*>(&inside_)) Callable(std::forward<F>(callable));
      kind_ = &inside<Callable>;
    } else {
      outside_ = new Callable(std::forward<F>(callable));
      kind_ = &outside<Callable>;
    }
  }

  UniqueFunction(UniqueFunction&& other) noexcept { take(other); }
  UniqueFunction& operator=(UniqueFunction&& other) noexcept {
    if (this == &other) return *this;
    UniqueFunction former(std::move(*this));  // destroyed last: its captures may look at this one
    take(other);
    return *this;
  }
  UniqueFunction(const UniqueFunction&) = delete;
  UniqueFunction& operator=(const UniqueFunction&) = delete;
  ~UniqueFunction() {
    if (const Kind* kind = std::exchange(kind_, nullptr)) kind->destroy(*this);
  }

  explicit operator bool() const noexcept { return kind_ != nullptr; }

  R operator()(Args... args) { return kind_->call(*this, std::forward<Args>(args)...); }

 private:
  template <class F>
  static constexpr bool fitsInside = sizeof(F) <= 2 * sizeof(void*) &&  // NOLINT(misc-redundant-expression): it is not
                                     alignof(F) <= alignof(void*) && std::is_nothrow_move_constructible_v<F>;

  /// What can be done with a callable of one type.
  struct Kind {
    R (*call)(UniqueFunction& self, Args&&... args);
    void (*move)(UniqueFunction& from, UniqueFunction& to) noexcept;  // leaves nothing behind
    void (*destroy)(UniqueFunction& self) noexcept;

    template <class F>
    static F& insideOf(UniqueFunction& self) {
      return *std::launder(reinterpret_cast<F*>(&self.inside_));
    }
    template <class F>
    static constexpr Kind makeInside() {
      return {[](UniqueFunction& self, Args&&... args) -> R { return static_cast<R>(insideOf<F>(self)(std::forward<Args>(args)...)); },
              [](UniqueFunction& from, UniqueFunction& to) noexcept {
                ::new (static_cast<void*>(&to.inside_)) F(std::move(insideOf<F>(from)));
                insideOf<F>(from).~F();
              },
              [](UniqueFunction& self) noexcept { insideOf<F>(self).~F(); }};
    }
    template <class F>
    static constexpr Kind makeOutside() {
      return {[](UniqueFunction& self, Args&&... args) -> R {
                return static_cast<R>((*static_cast<F*>(self.outside_))(std::forward<Args>(args)...));
              },
              [](UniqueFunction& from, UniqueFunction& to) noexcept { to.outside_ = from.outside_; },
              [](UniqueFunction& self) noexcept { delete static_cast<F*>(self.outside_); }};
    }
  };
  template <class F>
  static constexpr Kind inside = Kind::template makeInside<F>();
  template <class F>
  static constexpr Kind outside = Kind::template makeOutside<F>();

  void take(UniqueFunction& other) noexcept {
    kind_ = std::exchange(other.kind_, nullptr);
    if (kind_ != nullptr) kind_->move(other, *this);
  }

  const Kind* kind_ = nullptr;  // null: nothing is held
  union {
    void* outside_;
    alignas(void*) std::byte inside_[2 * sizeof(void*)];
  };
};

using Task = UniqueFunction<void()>;

}  // namespace spawner
