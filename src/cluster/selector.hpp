#pragma once
// Selectors: which objects a list, watch or deletecollection is about: by label (equality and set based) and by field. Pure. Thread: any.

#include <string>
#include <string_view>
#include <vector>

#include "cluster/failure.hpp"
#include "cluster/json.hpp"
#include "cluster/resource.hpp"
#include "cluster/store.hpp"

namespace spawner::cluster {

class LabelSelector {
 public:
  /// "a=b,c!=d,e in (f,g),h notin (i),j,!k". Empty text selects everything.
  static Outcome<LabelSelector> parse(std::string_view text);
  [[nodiscard]] bool matches(const Json* labels) const;
  [[nodiscard]] bool empty() const { return terms_.empty(); }

 private:
  struct Term {
    enum class Op { In, NotIn, Exists, Missing } op = Op::Exists;
    std::string key;
    std::vector<std::string> values;
  };
  std::vector<Term> terms_;
};

class FieldSelector {
 public:
  /// "a.b=c,d!=e". 400 for a field that the type cannot be selected by.
  static Outcome<FieldSelector> parse(const ResourceType& type, std::string_view text);
  [[nodiscard]] bool matches(const Json& object) const;
  [[nodiscard]] bool empty() const { return terms_.empty(); }
  /// The name, when the selector asks for exactly one.
  [[nodiscard]] std::string_view name() const;

 private:
  struct Term {
    std::vector<std::string> path;
    std::string value;
    bool negated = false;
  };
  std::vector<Term> terms_;
};

/// What a request selects in one type.
struct Selection {
  std::string ns;  // empty: all
  LabelSelector labels;
  FieldSelector fields;
  [[nodiscard]] bool matches(const Object& object) const {
    return (ns.empty() || object.ns() == ns) && (fields.empty() || fields.matches(object.json())) &&
           (labels.empty() || labels.matches(object.json().find({"metadata", "labels"})));
  }
};

}  // namespace spawner::cluster
