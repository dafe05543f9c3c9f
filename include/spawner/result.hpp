#pragma once
// Result<T>: a value or an Error (g++ 12 has no std::expected). Every call that can fail because of the outside world returns one;
// no exception crosses a module.

#include <cassert>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "spawner/time.hpp"

namespace spawner {

/// What kind of thing went wrong: callers decide on this, never on the message.
enum class ErrorKind {
  InvalidArgument,  // the caller's input does not make sense (bad option, bad document)
  Unauthorized,     // HTTP 401
  Forbidden,        // HTTP 403
  NotFound,         // HTTP 404
  AlreadyExists,    // HTTP 409, Status reason AlreadyExists
  Conflict,         // HTTP 409, any other reason: resourceVersion or uid precondition
  Gone,             // HTTP 410: the resourceVersion or the continue token is too old
  Invalid,          // HTTP 422: refused by validation, or a uid in a patch that is not the object's
  TooManyRequests,  // HTTP 429
  Server,           // HTTP 5xx
  Timeout,          // a deadline of ours passed; the other side may or may not have acted
  Disconnected,     // no connection, or it broke; the other side may or may not have acted
  Protocol,         // the other side sent what its protocol does not allow
  Limit,            // a bound of ours was reached
  Unsupported,      // known and deliberately not offered
  System,           // a system call failed
  Internal,         // a broken invariant of ours
};

/// The kind's name as written above. Never fails.
std::string_view toString(ErrorKind kind);

/// One failure: what happened, to what, why (message: one line, no final dot, no secret), and what to do (retryAfter, kind).
struct Error {
  ErrorKind kind = ErrorKind::Internal;
  std::string message;
  /// How long the other side asked us to wait (Retry-After), if it did.
  std::optional<Duration> retryAfter;

  /// The same failure with more context in front: "context: message".
  [[nodiscard]] Error in(std::string_view context) const { return Error{kind, std::string(context) + ": " + message, retryAfter}; }
  /// True where the same call may succeed later without anybody changing the request.
  [[nodiscard]] bool retriable() const {
    switch (kind) {
      case ErrorKind::TooManyRequests:
      case ErrorKind::Server:
      case ErrorKind::Timeout:
      case ErrorKind::Disconnected: return true;
      default: return false;
    }
  }
};

/// Makes the Error for errno: "what: strerror". kind is System unless said.
Error systemError(std::string_view what, int errnoValue, ErrorKind kind = ErrorKind::System);

template <class T>
class [[nodiscard]] Result {
 public:
  using Value = T;
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  [[nodiscard]] bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  /// REQUIRES: ok().
  T& value() & {
    assert(ok());
    return std::get<0>(state_);
  }
  const T& value() const& {
    assert(ok());
    return std::get<0>(state_);
  }
  T&& value() && {
    assert(ok());
    return std::get<0>(std::move(state_));
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  /// REQUIRES: !ok().
  [[nodiscard]] const Error& error() const {
    assert(!ok());
    return std::get<1>(state_);
  }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}
  [[nodiscard]] bool ok() const { return !error_; }
  explicit operator bool() const { return ok(); }
  [[nodiscard]] const Error& error() const {
    assert(!ok());
    return *error_;
  }

 private:
  std::optional<Error> error_;
};

}  // namespace spawner
