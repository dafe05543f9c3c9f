#pragma once
// Strategies: what is special about each type when it is written: defaults, what a write may touch, validation. Pure. Thread: any.

#include <string>
#include <vector>

#include "cluster/failure.hpp"
#include "cluster/json.hpp"
#include "cluster/resource.hpp"
#include "cluster/schema.hpp"

namespace spawner::cluster {

class Strategies {
 public:
  explicit Strategies(Schema slabs) : slabs_(std::move(slabs)) {}

  /// Removes what the type does not know (slabs only: built-in types have no schema here) and sets defaults. `unknown` gets the paths.
  /// `current`: the stored version, whose defaults are set already; null for a creation.
  void decode(const ResourceType& type, Json& object, const Json* current, std::vector<std::string>& unknown) const;
  /// Resets the status, sets generation and the defaults that only a new object gets.
  void prepareCreate(const ResourceType& type, Json& object) const;
  /// Keeps what this door may not touch: the status on the main one, all but the status on the other; counts generation.
  void prepareUpdate(const ResourceType& type, Json& object, const Json& old, bool status) const;
  /// old null: a creation.
  void validate(const ResourceType& type, const Json& object, const Json* old, bool status, FieldErrors& errors) const;

 private:
  Schema slabs_;
};

namespace podStrategy {
void setDefaults(Json& pod);
/// Why a typed decoder would not take it (a quantity that is none); null: nothing.
std::optional<std::string> undecodable(const Json& pod);
void prepareCreate(Json& pod);
void validate(const Json& pod, FieldErrors& errors);
/// Only images, activeDeadlineSeconds and tolerations of a pod's spec may change.
void validateUpdate(const Json& pod, const Json& old, FieldErrors& errors);
/// Seconds of grace for a DELETE that asks for `wanted` (negative: nothing): 0 without a node or after the pod's end.
std::int64_t gracePeriod(const Json& pod, std::optional<std::int64_t> wanted);
}  // namespace podStrategy

namespace serviceStrategy {
void setDefaults(Json& service);
void validate(const Json& service, const Json* old, FieldErrors& errors);
}  // namespace serviceStrategy

namespace eventStrategy {
void validate(const Json& event, FieldErrors& errors);
}  // namespace eventStrategy

}  // namespace spawner::cluster
