#pragma once
// What a plain (unquoted) YAML scalar means: the core schema (YAML 1.2.2 §10.3.2). Used by both directions of base/yaml.hpp. Pure.

#include <optional>
#include <string>
#include <string_view>

namespace spawner::yaml {

enum class ScalarKind { String, Null, Bool, Number, NotFinite };

ScalarKind kindOf(std::string_view plain);
/// A Number as JSON writes it: "+5" → 5, "007" → 7, ".5" → 0.5, "0x1F" → 31. nullopt: hexadecimal or octal beyond 64 bits.
std::optional<std::string> jsonNumber(std::string_view number);
/// True if the text, written plain, is read back as this very string, by readers of YAML 1.1 (yes, 1_000, 1:30, dates) too.
bool safePlain(std::string_view text);
/// True if the text holds a control character or an unusual line break, other than the allowed ones.
bool hasControls(std::string_view text, std::string_view allowed = {});
/// The text in double quotes: for YAML, and the same is JSON.
std::string doubleQuoted(std::string_view text);

}  // namespace spawner::yaml
