// YAML to JSON.
#include "base/yaml.hpp"

#include <algorithm>
#include <unordered_set>

#include "base/text.hpp"
#include "base/yaml_scalar.hpp"
#include "base/yaml_tree.hpp"

namespace spawner {
namespace {

using yaml::errorAt;
using yaml::Node;
using yaml::ScalarKind;

constexpr std::size_t maxInput = 4u << 20;
/// Aliases can make a small document very large: the bound of what is written.
constexpr std::size_t maxOutput = 16u << 20;
/// The same against merges of merges, which need not write anything.
constexpr std::size_t maxMergedMembers = 100000;
constexpr std::size_t maxNodes = 500000;
constexpr std::size_t maxDepth = 64;

/// Writes one document as JSON. Stops at the first error.
class Writer {
 public:
  explicit Writer(const yaml::Tree& tree) : tree_(tree) {}
  Result<std::string> write() {
    if (Result<void> written = node(tree_.at(0), 0); !written) return written.error();
    return std::move(out_);
  }

 private:
  using Members = std::vector<std::pair<std::string, const Node*>>;

  Result<void> node(const Node& value, std::size_t depth) {
    if (depth > maxDepth) return errorAt(value.place, "nested deeper than " + std::to_string(maxDepth));
    if (out_.size() > maxOutput) return errorAt(value.place, "larger than 16 MiB with its aliases expanded");
    switch (value.kind) {
      case Node::Kind::Scalar: return scalar(value);
      case Node::Kind::Sequence: return sequence(value, depth);
      case Node::Kind::Map: return map(value, depth);
    }
    return {};
  }

  Result<void> scalar(const Node& value) {
    static constexpr std::string_view core = "tag:yaml.org,2002:";
    const std::string& text = value.text;
    std::string_view tag = value.tag;
    if (tag == "!" || tag == "tag:yaml.org,2002:str" || (tag.empty() && !value.plain)) {
      string(text);
      return {};
    }
    const ScalarKind kind = yaml::kindOf(text);
    if (tag.starts_with(core)) {
      tag.remove_prefix(core.size());
      const bool fits = (tag == "null" && kind == ScalarKind::Null) || (tag == "bool" && kind == ScalarKind::Bool) ||
                        ((tag == "int" || tag == "float") && kind == ScalarKind::Number);
      if (!fits) return errorAt(value.place, "\"" + text + "\" is not what its tag says, or the tag is not supported");
    } else if (!tag.empty()) {
      return errorAt(value.place, "the tag " + std::string(tag) + " is not supported");
    }
    switch (kind) {
      case ScalarKind::Null: out_ += "null"; break;
      case ScalarKind::Bool: out_ += toLower(text); break;
      case ScalarKind::String: string(text); break;
      case ScalarKind::NotFinite: return errorAt(value.place, text + " cannot be written as JSON");
      case ScalarKind::Number: {
        const std::optional<std::string> number = yaml::jsonNumber(text);
        if (!number) return errorAt(value.place, text + " does not fit into 64 bits");
        out_ += *number;
      }
    }
    return {};
  }

  Result<void> sequence(const Node& value, std::size_t depth) {
    out_ += '[';
    bool first = true;
    for (const std::size_t item : value.children) {
      if (!std::exchange(first, false)) out_ += ',';
      if (Result<void> written = node(tree_[item], depth + 1); !written) return written;
    }
    out_ += ']';
    return {};
  }

  Result<void> map(const Node& value, std::size_t depth) {
    Members members;
    if (Result<void> collected = collect(value, members, depth); !collected) return collected;
    out_ += '{';
    bool first = true;
    for (const auto& [key, member] : members) {
      if (!std::exchange(first, false)) out_ += ',';
      string(key);
      out_ += ':';
      if (Result<void> written = node(*member, depth + 1); !written) return written;
    }
    out_ += '}';
    return {};
  }

  /// The map's own members, then those that "<<" merges in and that are not there yet; of several merged maps the first one wins
  /// (https://yaml.org/type/merge.html).
  Result<void> collect(const Node& value, Members& members, std::size_t depth) {
    if (depth > maxDepth) return errorAt(value.place, "merged deeper than " + std::to_string(maxDepth));
    std::unordered_set<std::string> known;
    for (const auto& [key, member] : members) known.insert(key);
    const std::unordered_set<std::string> before = known;
    std::vector<const Node*> merged;
    for (std::size_t i = 0; i + 1 < value.children.size(); i += 2) {
      const Node& key = tree_[value.children[i]];
      const Node& member = tree_[value.children[i + 1]];
      if (key.kind != Node::Kind::Scalar) return errorAt(key.place, "a key that is not a string");
      if (key.text == "<<" && key.plain && key.tag.empty()) {
        merged.push_back(&member);
        continue;
      }
      if (before.count(key.text) > 0) continue;
      if (!known.insert(key.text).second) return errorAt(key.place, "the key \"" + key.text + "\" is there twice");
      members.emplace_back(key.text, &member);
    }
    for (const Node* source : merged) {
      std::vector<const Node*> maps;
      if (source->kind != Node::Kind::Sequence)
        maps.push_back(source);
      else
        for (const std::size_t item : source->children) maps.push_back(&tree_[item]);
      for (const Node* map : maps) {
        if (map->kind != Node::Kind::Map) return errorAt(map->place, "\"<<\" merges maps only");
        mergedMembers_ += 1 + members.size() + map->children.size() / 2;
        if (mergedMembers_ > maxMergedMembers) return errorAt(map->place, "too many merges");
        if (Result<void> collected = collect(*map, members, depth + 1); !collected) return collected;
      }
    }
    return {};
  }

  void string(std::string_view text) { out_.append("\"").append(jsonEscape(text)).append("\""); }

  const yaml::Tree& tree_;
  std::string out_;
  std::size_t mergedMembers_ = 0;
};

}  // namespace

Result<std::vector<std::string>> yamlToJson(std::string_view text) {
  if (text.size() > maxInput) return Error{ErrorKind::InvalidArgument, "YAML: larger than 4 MiB", std::nullopt};
  const Result<std::vector<yaml::Tree>> trees = yaml::readTrees(text, maxDepth, maxNodes);
  if (!trees) return trees.error();
  std::vector<std::string> documents;
  for (const yaml::Tree& tree : *trees) {
    Result<std::string> json = Writer(tree).write();
    if (!json) return json.error();
    documents.push_back(std::move(json).value());
  }
  return documents;
}

}  // namespace spawner
