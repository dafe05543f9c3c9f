#include "cluster/selector.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.hpp"

namespace spawner::cluster {

namespace {

Failure unreadable(std::string_view what) { return failures::badRequest(fmt::format("unable to parse requirement: {}", what)); }

/// Splits at commas outside parentheses.
std::vector<std::string_view> requirements(std::string_view text) {
  std::vector<std::string_view> out;
  int depth = 0;
  std::size_t start = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '(') ++depth;
    if (text[i] == ')') --depth;
    if (text[i] != ',' || depth > 0) continue;
    out.push_back(trim(text.substr(start, i - start)));
    start = i + 1;
  }
  out.push_back(trim(text.substr(start)));
  return out;
}

/// A label key: an optional DNS prefix and a slash, then a name of [-_.A-Za-z0-9].
bool isKey(std::string_view key) {
  return !key.empty() && key.size() <= 317 && std::all_of(key.begin(), key.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_' || c == '.' || c == '/';
  });
}

/// "(a, b)" → {a, b}.
std::optional<std::vector<std::string>> valueSet(std::string_view text) {
  text = trim(text);
  if (text.size() < 2 || text.front() != '(' || text.back() != ')') return std::nullopt;
  std::vector<std::string> values;
  for (const std::string_view value : split(text.substr(1, text.size() - 2), ',')) values.emplace_back(trim(value));
  return values;
}

std::vector<std::string_view> selectableFields(const ResourceType& type) {
  std::vector<std::string_view> fields = {"metadata.name", "metadata.namespace"};
  if (&type == &types::pods)
    for (const std::string_view field : {"spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName",
                                         "spec.hostNetwork", "status.phase", "status.podIP", "status.nominatedNodeName"})
      fields.push_back(field);
  if (&type == &types::events)
    for (const std::string_view field :
         {"involvedObject.kind", "involvedObject.namespace", "involvedObject.name", "involvedObject.uid", "involvedObject.apiVersion",
          "involvedObject.resourceVersion", "involvedObject.fieldPath", "reason", "reportingComponent", "source", "type"})
      fields.push_back(field);
  if (&type == &types::nodes) fields.push_back("spec.unschedulable");
  if (&type == &types::namespaces) fields.push_back("status.phase");
  if (&type == &types::secrets) fields.push_back("type");
  if (&type == &types::services) {
    fields.push_back("spec.clusterIP");
    fields.push_back("spec.type");
  }
  return fields;
}

/// What a field selector compares with: text as it is, truth as "true", nothing as "".
std::string fieldText(const Json* value) {
  if (value == nullptr) return {};
  if (value->type() == Json::Type::Bool) return value->truth() ? "true" : "false";
  if (value->isInteger()) return std::to_string(value->integer());
  return std::string(value->text());
}

}  // namespace

Outcome<LabelSelector> LabelSelector::parse(std::string_view text) {
  LabelSelector selector;
  if (trim(text).empty()) return selector;
  for (const std::string_view requirement : requirements(text)) {
    Term term;
    const std::size_t word = requirement.find_first_of(" =!(");
    if (requirement.starts_with('!')) {
      term.op = Term::Op::Missing;
      term.key = trim(requirement.substr(1));
    } else if (word == std::string_view::npos) {
      term.key = requirement;
    } else {
      term.key = requirement.substr(0, word);
      const std::string_view rest = trim(requirement.substr(word));
      std::optional<std::vector<std::string>> values;
      if (rest.starts_with("notin")) {
        term.op = Term::Op::NotIn;
        values = valueSet(rest.substr(5));
      } else if (rest.starts_with("in")) {
        term.op = Term::Op::In;
        values = valueSet(rest.substr(2));
      } else if (rest.starts_with("!=")) {
        term.op = Term::Op::NotIn;
        values = std::vector<std::string>{std::string(trim(rest.substr(2)))};
      } else if (rest.starts_with('=')) {
        term.op = Term::Op::In;
        values = std::vector<std::string>{std::string(trim(rest.substr(rest.starts_with("==") ? 2 : 1)))};
      }
      if (!values) return unreadable(fmt::format("found '{}', expected: in, notin, =, ==, !=", requirement));
      term.values = std::move(*values);
    }
    if (!isKey(term.key))
      return unreadable(fmt::format("<nil>: Invalid value: \"{}\": name part must consist of alphanumeric characters", term.key));
    selector.terms_.push_back(std::move(term));
  }
  return selector;
}

bool LabelSelector::matches(const Json* labels) const {
  return std::all_of(terms_.begin(), terms_.end(), [labels](const Term& term) {
    const Json* value = labels != nullptr ? labels->find(term.key) : nullptr;
    const bool listed = value != nullptr && std::find(term.values.begin(), term.values.end(), value->text()) != term.values.end();
    switch (term.op) {
      case Term::Op::In: return listed;
      case Term::Op::NotIn: return !listed;
      case Term::Op::Exists: return value != nullptr;
      case Term::Op::Missing: return value == nullptr;
    }
    return false;
  });
}

Outcome<FieldSelector> FieldSelector::parse(const ResourceType& type, std::string_view text) {
  FieldSelector selector;
  if (trim(text).empty()) return selector;
  const std::vector<std::string_view> allowed = selectableFields(type);
  for (const std::string_view requirement : split(text, ',')) {
    const std::size_t equals = requirement.find('=');
    if (equals == std::string_view::npos || equals == 0)
      return failures::badRequest(fmt::format("invalid selector: '{}'; can't understand '{}'", text, requirement));
    Term term;
    term.negated = requirement[equals - 1] == '!';
    const std::string_view field = trim(requirement.substr(0, equals - (term.negated ? 1 : 0)));
    std::string_view value = requirement.substr(equals + 1);
    if (value.starts_with('=')) value.remove_prefix(1);
    if (std::find(allowed.begin(), allowed.end(), field) == allowed.end())
      return failures::badRequest(fmt::format("field label not supported: {}", field));
    if (field == "source")
      term.path = {"source", "component"};
    else
      for (const std::string_view part : split(field, '.')) term.path.emplace_back(part);
    term.value = trim(value);
    selector.terms_.push_back(std::move(term));
  }
  return selector;
}

bool FieldSelector::matches(const Json& object) const {
  return std::all_of(terms_.begin(), terms_.end(), [&object](const Term& term) {
    const Json* at = &object;
    for (const std::string& part : term.path)
      if (at != nullptr) at = at->find(part);
    // The common case, text, is compared without a copy.
    const bool equal = at != nullptr && at->isString() ? at->text() == term.value : fieldText(at) == term.value;
    return equal != term.negated;
  });
}

std::string_view FieldSelector::name() const {
  for (const Term& term : terms_)
    if (!term.negated && term.path.size() == 2 && term.path[0] == "metadata" && term.path[1] == "name") return term.value;
  return {};
}

}  // namespace spawner::cluster
