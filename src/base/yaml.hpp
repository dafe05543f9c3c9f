#pragma once
// The door to libyaml: YAML in, JSON text out, and the other way for what print-crd and the like write.

#include <string>
#include <string_view>
#include <vector>

#include "spawner/result.hpp"

namespace spawner {

/// One JSON text a YAML document (core schema scalars; anchors and merges expanded; nesting and size bounded). InvalidArgument tells line
/// and column.
Result<std::vector<std::string>> yamlToJson(std::string_view yaml);
/// JSON text as block-style YAML, keys in the order of the text, strings quoted where YAML would read something else.
Result<std::string> jsonToYaml(std::string_view json);

}  // namespace spawner
