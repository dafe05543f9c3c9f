// JSON to YAML, in kubectl's style: block maps and lists, a list at the indentation of its key.
#include <nlohmann/json.hpp>

#include <algorithm>

#include "base/yaml.hpp"
#include "base/yaml_scalar.hpp"

namespace spawner {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t maxDepth = 64;
constexpr std::size_t maxKey = 1024;  // YAML 1.2.2 §7.4.2: a key on one line has no more characters

/// True if a literal block ("|") shows the text readably and exactly.
bool fitsBlock(const std::string& text) {
  const bool severalLines = text.find('\n') != std::string::npos && text.find_first_not_of('\n') != std::string::npos;
  // A first line that begins with a space would set the indentation.
  return severalLines && text.front() != ' ' && text.front() != '\n' && text.front() != '\t' && !yaml::hasControls(text, "\n\t");
}

class Writer {
 public:
  void document(const Json& value) {
    if (isBlock(value))
      block(value, 0);
    else
      inlineValue(value, 0);
  }
  std::string take() { return std::move(out_); }

 private:
  static bool isBlock(const Json& value) { return value.is_structured() && !value.empty(); }

  /// Lines of a map or list that is not empty; the cursor stands at the indentation already.
  void block(const Json& value, std::size_t indent) {
    bool first = true;
    const auto startLine = [&] {
      if (!std::exchange(first, false)) out_.append(indent, ' ');
    };
    if (value.is_array()) {
      for (const Json& item : value) {
        startLine();
        out_ += "- ";
        if (isBlock(item))
          block(item, indent + 2);
        else
          inlineValue(item, indent);
      }
      return;
    }
    for (const auto& [key, member] : value.items()) {
      startLine();
      out_ += yaml::safePlain(key) ? key : yaml::doubleQuoted(key);
      out_ += ':';
      if (isBlock(member)) {
        const std::size_t inner = member.is_array() ? indent : indent + 2;
        out_ += '\n';
        out_.append(inner, ' ');
        block(member, inner);
      } else {
        out_ += ' ';
        inlineValue(member, indent);
      }
    }
  }

  /// The rest of a line, and of a block of text the lines after it.
  void inlineValue(const Json& value, std::size_t indent) {
    if (value.is_string()) {
      string(value.get_ref<const std::string&>(), indent);
    } else {
      out_ += value.dump();  // numbers, true, false, null, {} and []
      out_ += '\n';
    }
  }

  void string(const std::string& text, std::size_t indent) {
    if (!fitsBlock(text)) {
      out_ += yaml::safePlain(text) ? text : yaml::doubleQuoted(text);
      out_ += '\n';
      return;
    }
    const std::size_t newlines = text.size() - 1 - text.find_last_not_of('\n');
    out_ += newlines == 0 ? "|-\n" : newlines == 1 ? "|\n" : "|+\n";
    std::string_view rest = text;
    if (newlines > 0) rest.remove_suffix(1);
    for (;;) {
      const std::size_t end = rest.find('\n');
      const std::string_view line = rest.substr(0, end);
      if (!line.empty()) out_.append(indent + 2, ' ').append(line);
      out_ += '\n';
      if (end == std::string_view::npos) break;
      rest.remove_prefix(end + 1);
    }
  }

  std::string out_;
};

/// Why the value cannot be written; empty if it can.
std::string refuse(const Json& value, std::size_t depth) {
  if (depth > maxDepth) return "nested deeper than " + std::to_string(maxDepth);
  if (!value.is_structured()) return {};
  for (const auto& [key, member] : value.items()) {
    if (value.is_object() && key.size() > maxKey) return "a key longer than " + std::to_string(maxKey) + " bytes";
    if (std::string why = refuse(member, depth + 1); !why.empty()) return why;
  }
  return {};
}

}  // namespace

Result<std::string> jsonToYaml(std::string_view text) {
  try {
    const Json value = Json::parse(text);
    if (const std::string why = refuse(value, 0); !why.empty()) return Error{ErrorKind::InvalidArgument, "YAML: " + why, std::nullopt};
    Writer writer;
    writer.document(value);
    return writer.take();
  } catch (const nlohmann::json::exception& error) { return Error{ErrorKind::InvalidArgument, error.what(), std::nullopt}; }
}

}  // namespace spawner
