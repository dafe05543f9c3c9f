// YAML to JSON.
#include "base/yaml.hpp"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <unordered_set>

#include "base/text.hpp"
#include "base/yaml_scalar.hpp"

namespace spawner {
namespace {

using yaml::ScalarKind;

constexpr std::size_t maxInput = 4u << 20;
/// Aliases can make a small document very large: the bound of what is written.
constexpr std::size_t maxOutput = 16u << 20;
/// The same against merges of merges, which need not write anything.
constexpr std::size_t maxMergedMembers = 100000;
constexpr int maxDepth = 64;

Error errorAt(const YAML::Mark& mark, std::string_view what) {
  std::string message = "YAML: ";
  if (!mark.is_null()) message += "line " + std::to_string(mark.line + 1) + ", column " + std::to_string(mark.column + 1) + ": ";
  return Error{ErrorKind::InvalidArgument, message.append(what), std::nullopt};
}

/// Writes one document as JSON. Stops at the first error.
class Writer {
 public:
  Result<std::string> write(const YAML::Node& document) {
    if (Result<void> written = node(document, 0); !written) return written.error();
    return std::move(out_);
  }

 private:
  using Members = std::vector<std::pair<std::string, YAML::Node>>;

  Result<void> node(const YAML::Node& value, int depth) {
    if (depth > maxDepth) return errorAt(value.Mark(), "nested deeper than " + std::to_string(maxDepth));
    if (out_.size() > maxOutput) return errorAt(value.Mark(), "larger than 16 MiB with its aliases expanded");
    switch (value.Type()) {
      case YAML::NodeType::Scalar: return scalar(value);
      case YAML::NodeType::Sequence: return sequence(value, depth);
      case YAML::NodeType::Map: return map(value, depth);
      default: out_ += "null"; return {};
    }
  }

  Result<void> scalar(const YAML::Node& value) {
    static constexpr std::string_view core = "tag:yaml.org,2002:";
    const std::string& text = value.Scalar();
    std::string_view tag = value.Tag();  // "?" plain, "!" quoted, else as written
    if (tag == "!" || tag == "tag:yaml.org,2002:str") {
      string(text);
      return {};
    }
    const ScalarKind kind = yaml::kindOf(text);
    if (tag.starts_with(core)) {
      tag.remove_prefix(core.size());
      const bool fits = (tag == "null" && kind == ScalarKind::Null) || (tag == "bool" && kind == ScalarKind::Bool) ||
                        ((tag == "int" || tag == "float") && kind == ScalarKind::Number);
      if (!fits) return errorAt(value.Mark(), "\"" + text + "\" is not what its tag says, or the tag is not supported");
    } else if (!tag.empty() && tag != "?") {
      return errorAt(value.Mark(), "the tag " + std::string(tag) + " is not supported");
    }
    switch (kind) {
      case ScalarKind::Null: out_ += "null"; break;
      case ScalarKind::Bool: out_ += toLower(text); break;
      case ScalarKind::String: string(text); break;
      case ScalarKind::NotFinite: return errorAt(value.Mark(), text + " cannot be written as JSON");
      case ScalarKind::Number: {
        const std::optional<std::string> number = yaml::jsonNumber(text);
        if (!number) return errorAt(value.Mark(), text + " does not fit into 64 bits");
        out_ += *number;
      }
    }
    return {};
  }

  Result<void> sequence(const YAML::Node& value, int depth) {
    out_ += '[';
    bool first = true;
    for (const YAML::Node& item : value) {
      if (!std::exchange(first, false)) out_ += ',';
      if (Result<void> written = node(item, depth + 1); !written) return written;
    }
    out_ += ']';
    return {};
  }

  Result<void> map(const YAML::Node& value, int depth) {
    Members members;
    if (Result<void> collected = collect(value, members, depth); !collected) return collected;
    out_ += '{';
    bool first = true;
    for (const auto& [key, member] : members) {
      if (!std::exchange(first, false)) out_ += ',';
      string(key);
      out_ += ':';
      if (Result<void> written = node(member, depth + 1); !written) return written;
    }
    out_ += '}';
    return {};
  }

  /// The map's own members, then those that "<<" merges in and that are not there yet; of several merged maps the first one wins
  /// (https://yaml.org/type/merge.html).
  Result<void> collect(const YAML::Node& value, Members& members, int depth) {
    if (depth > maxDepth) return errorAt(value.Mark(), "merged deeper than " + std::to_string(maxDepth));
    std::unordered_set<std::string> known;
    for (const auto& [key, member] : members) known.insert(key);
    const std::unordered_set<std::string> before = known;
    std::vector<YAML::Node> merged;
    for (const auto& entry : value) {
      if (!entry.first.IsScalar()) return errorAt(entry.first.Mark(), "a key that is not a string");
      const std::string& key = entry.first.Scalar();
      if (key == "<<" && entry.first.Tag() == "?") {
        merged.push_back(entry.second);
        continue;
      }
      if (before.count(key) > 0) continue;
      if (!known.insert(key).second) return errorAt(entry.first.Mark(), "the key \"" + key + "\" is there twice");
      members.emplace_back(key, entry.second);
    }
    for (const YAML::Node& source : merged) {
      const std::vector<YAML::Node> maps =
          source.IsSequence() ? std::vector<YAML::Node>(source.begin(), source.end()) : std::vector{source};
      for (const YAML::Node& map : maps) {
        if (!map.IsMap()) return errorAt(map.Mark(), "\"<<\" merges maps only");
        mergedMembers_ += 1 + members.size() + map.size();
        if (mergedMembers_ > maxMergedMembers) return errorAt(map.Mark(), "too many merges");
        if (Result<void> collected = collect(map, members, depth + 1); !collected) return collected;
      }
    }
    return {};
  }

  void string(std::string_view text) { out_.append("\"").append(jsonEscape(text)).append("\""); }

  std::string out_;
  std::size_t mergedMembers_ = 0;
};

}  // namespace

Result<std::vector<std::string>> yamlToJson(std::string_view text) {
  if (text.size() > maxInput) return errorAt(YAML::Mark::null_mark(), "larger than 4 MiB");
  try {
    std::vector<std::string> documents;
    for (const YAML::Node& document : YAML::LoadAll(std::string(text))) {
      Result<std::string> json = Writer().write(document);
      if (!json) return json.error();
      documents.push_back(std::move(json).value());
    }
    return documents;
  } catch (const YAML::Exception& error) { return errorAt(error.mark, error.msg); } catch (const std::exception& error) {
    return errorAt(YAML::Mark::null_mark(), error.what());
  }
}

}  // namespace spawner
