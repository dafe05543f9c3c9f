#pragma once
// Failure: a refusal as the API server words it: an HTTP status and a Status body. Outcome<T>: a value or a Failure. Pure. Thread: any.

#include <cassert>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "cluster/json.hpp"
#include "cluster/request.hpp"
#include "cluster/resource.hpp"

namespace spawner::cluster {

struct Failure {
  int code = 500;
  std::string reason;  // metav1.StatusReason; empty: the server knows no word for it
  std::string message;
  Json details;  // null: left out
  std::optional<int> retryAfterSeconds;
  /// The Status object (kind, apiVersion, metadata, status, message, reason, details, code).
  [[nodiscard]] Json status() const;
  [[nodiscard]] Response response() const;
};

/// One thing that is wrong with one field.
struct FieldError {
  enum class Kind { Required, Invalid, TypeInvalid, NotSupported, Forbidden, TooLong, TooMany, Duplicate } kind = Kind::Invalid;
  std::string field;  // "spec.httpPort"
  std::string value;  // as it is printed: "70000", "\"x\""; unused by Required and Forbidden
  std::string detail;
  /// "Invalid value: 70000: must be …".
  [[nodiscard]] std::string body() const;

  static FieldError required(std::string field, std::string detail = {});
  static FieldError invalid(std::string field, const Json& value, std::string detail);
  static FieldError forbidden(std::string field, std::string detail);
  static FieldError notSupported(std::string field, const Json& value, const std::vector<std::string>& supported);
};
using FieldErrors = std::vector<FieldError>;

namespace failures {

Failure notFound(const ResourceType& type, std::string_view name);
/// The path belongs to no resource.
Failure noSuchPath();
Failure alreadyExists(const ResourceType& type, std::string_view name);
/// "Operation cannot be fulfilled on pods "x": <why>".
Failure conflict(const ResourceType& type, std::string_view name, std::string_view why);
/// The resourceVersion of a write is not the object's.
Failure modified(const ResourceType& type, std::string_view name);
Failure expired(std::string message);
Failure invalid(const ResourceType& type, std::string_view name, const FieldErrors& errors);
/// Invalid for what is no object of a resource ("ListOptions" in meta.k8s.io).
Failure invalidKind(std::string_view group, std::string_view kind, std::string_view name, const FieldErrors& errors);
Failure badRequest(std::string message);
Failure forbidden(const ResourceType& type, std::string_view name, std::string_view why);
Failure methodNotAllowed();
Failure notAcceptable(std::string_view accepted);
Failure unsupportedMedia(std::string_view accepted);
Failure tooLarge(std::string message);
Failure tooMany(std::string message, int retryAfterSeconds);
/// A resourceVersion from the future: 504 Timeout, as a server that waits for its cache in vain.
Failure tooLargeRevision(std::uint64_t wanted, std::uint64_t current);
Failure internal(std::string message);

}  // namespace failures

template <class T>
class [[nodiscard]] Outcome {
 public:
  Outcome(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Outcome(Failure failure) : state_(std::in_place_index<1>, std::move(failure)) {}
  [[nodiscard]] bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }
  T& operator*() {
    assert(ok());
    return std::get<0>(state_);
  }
  T* operator->() { return &**this; }
  [[nodiscard]] const Failure& failure() const {
    assert(!ok());
    return std::get<1>(state_);
  }

 private:
  std::variant<T, Failure> state_;
};

}  // namespace spawner::cluster
