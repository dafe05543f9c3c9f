#pragma once
// YAML documents as trees: libyaml's events, put together. Internal to base/yaml.cpp.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "spawner/result.hpp"

namespace spawner::yaml {

/// Where something is in the text, from 1.
struct Place {
  std::size_t line = 1, column = 1;
};
/// InvalidArgument: "YAML: line 3, column 1: what".
Error errorAt(Place place, std::string_view what);

struct Node {
  enum class Kind { Scalar, Sequence, Map };
  Kind kind = Kind::Scalar;
  Place place;
  std::string text;  // of a scalar
  std::string tag;   // as written, resolved; empty: none
  bool plain = false;
  /// Indices of its items; of a map: key, value, key, value, … An alias is the index of what it names, so a node may be in several places,
  /// and inside itself.
  std::vector<std::size_t> children;
};

/// One document. Node 0 is its root.
using Tree = std::vector<Node>;

/// Reads all documents. REQUIRES: `text` outlives the call. InvalidArgument with its place: what is no YAML, an alias that names nothing,
/// nesting deeper than `maxDepth`, more than `maxNodes` values in all.
Result<std::vector<Tree>> readTrees(std::string_view text, std::size_t maxDepth, std::size_t maxNodes);

}  // namespace spawner::yaml
