#pragma once
// Schema: a structural OpenAPI schema as a CRD carries it: defaults, pruning of unknown fields, validation in the API server's words, and
// the CEL rules of our own CRD, implemented natively. Pure. Thread: any.

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cluster/failure.hpp"
#include "cluster/json.hpp"
#include "spawner/result.hpp"

namespace spawner::cluster {

class Schema {
 public:
  /// Unsupported names a keyword or CEL rule that is not implemented: nothing is skipped silently.
  static Result<Schema> compile(const Json& openApi);

  /// Sets what is absent and has a default; drops a null where the field is not nullable and has one.
  void applyDefaults(Json& value) const;
  /// Removes fields that the schema does not know; `unknown` gets their paths ("spec.foo"). At the root apiVersion, kind and metadata are
  /// known.
  void prune(Json& value, std::vector<std::string>& unknown) const;
  /// `old`: the version before, for rules about change (null: a creation).
  void validate(const Json& value, const Json* old, FieldErrors& errors) const;

 private:
  struct Node;
  explicit Schema(std::shared_ptr<const Node> root) : root_(std::move(root)) {}
  static bool readPlain(Node& node, std::string_view word, const Json& value);
  static Result<std::shared_ptr<Node>> compileNode(const Json& openApi, const std::string& path);
  static bool complete(const Node& node, const Json& value);
  static bool known(const Node& node, const Json& value, bool root);
  static void defaults(const Node& node, Json& value);
  static void prune(const Node& node, Json& value, const std::string& path, bool root, std::vector<std::string>& unknown);
  static void validate(const Node& node, const Json& value, const Json* old, const std::string& path, FieldErrors& errors);
  static void validateObject(const Node& node, const Json& value, const Json* old, const std::string& path, FieldErrors& errors);
  static void validateArray(const Node& node, const Json& value, const std::string& path, FieldErrors& errors);
  static void validateScalar(const Node& node, const Json& value, const std::string& path, FieldErrors& errors);
  std::shared_ptr<const Node> root_;
};

}  // namespace spawner::cluster
