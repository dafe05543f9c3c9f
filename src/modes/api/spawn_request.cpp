#include "modes/api/spawn_request.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "backend/quantity.hpp"
#include "base/crypto.hpp"
#include "base/text.hpp"
#include "modes/api/label_syntax.hpp"
#include "spawner/upstream_protocol.hpp"

namespace spawner::api {

namespace {

using Json = nlohmann::json;
using backend::SpawnParameters;

constexpr std::size_t maxDepth = 32;
constexpr std::size_t maxEntries = 256;  // of env and labels
constexpr std::size_t maxShown = 100;    // bytes of a name

/// A name that a stranger gave, fit for a message.
std::string shown(std::string_view name) {
  std::string text(name.substr(0, maxShown));
  for (char& c : text)
    if (c < ' ' || c >= '\x7f') c = '?';
  return text;
}

Error invalid(std::string message) { return Error{ErrorKind::Invalid, std::move(message), std::nullopt}; }

/// Nesting beyond this is nothing that we know, and writing it out again would cost a stack frame a level.
bool tooDeep(std::string_view text) {
  std::size_t depth = 0;
  bool inString = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (inString) {
      if (c == '\\') ++i;
      if (c == '"') inString = false;
    } else if (c == '"') {
      inString = true;
    } else if (c == '{' || c == '[') {
      if (++depth > maxDepth) return true;
    } else if ((c == '}' || c == ']') && depth > 0) {
      --depth;
    }
  }
  return false;
}

Result<std::uint32_t> number(const Json& value, std::string_view field, std::uint32_t min, std::uint32_t max) {
  const std::string range = fmt::format("{} must be a whole number from {} to {}", field, min, max);
  if (!value.is_number_unsigned()) return invalid(range);
  const auto given = value.get<std::uint64_t>();
  if (given < min || given > max) return invalid(fmt::format("{}, not {}", range, given));
  return static_cast<std::uint32_t>(given);
}

template <class Target>
Result<void> readNumber(const Json& value, std::string_view field, std::uint32_t min, std::uint32_t max, Target& target) {
  const Result<std::uint32_t> given = number(value, field, min, max);
  if (!given) return given.error();
  target = static_cast<typename Target::value_type>(*given);
  return {};
}

Result<void> readStrings(const Json& value, std::string_view field, std::map<std::string, std::string>& target) {
  if (!value.is_object()) return invalid(fmt::format("{} must be an object of strings", field));
  if (value.size() > maxEntries) return invalid(fmt::format("{} may have at most {} entries", field, maxEntries));
  for (const auto& [name, text] : value.items()) {
    if (!text.is_string()) return invalid(fmt::format("{}.{} must be a string", field, name));
    target[name] = text.get<std::string>();
  }
  return {};
}

Result<void> readImage(const Json& value, SpawnParameters& out) {
  if (!value.is_string() || value.get_ref<const std::string&>().empty()) return invalid("image must be a string that is not empty");
  out.image = value.get<std::string>();
  const auto visible = [](char c) { return c > ' ' && c < '\x7f'; };
  if (!std::ranges::all_of(out.image, visible)) return invalid("image must be the name of a container image, without spaces");
  return {};
}

Result<void> readPort(const Json& value, SpawnParameters& out) {
  if (auto read = readNumber(value, "port", 1, 65535, out.port); !read) return read;
  if (*out.port == names::servePort) return invalid("port must not be 9090: the sidecar listens there");
  return {};
}

Result<void> readProtocol(const Json& value, SpawnParameters& out) {
  if (value != names::http1Protocol && value != names::h2cProtocol) return invalid("upstreamProtocol must be \"http1\" or \"h2c\"");
  out.annotations[std::string(names::upstreamProtocolAnnotation)] = value.get<std::string>();
  return {};
}

Result<void> readEnv(const Json& value, SpawnParameters& out) {
  if (auto read = readStrings(value, "env", out.env); !read) return read;
  for (const auto& [name, text] : out.env) {
    const auto allowed = [](char c) { return c >= ' ' && c < '\x7f' && c != '='; };
    if (name.empty() || !std::ranges::all_of(name, allowed))
      return invalid("env has a name that is empty, has '=' or is not printable ASCII");
    if (name == names::portEnv || name.starts_with("SPAWNER_"))
      return invalid(fmt::format("env.{} is set by Spawner{}", name, name == names::portEnv ? ": ask for a port with the field port" : ""));
    if (text.find('\0') != std::string::npos) return invalid(fmt::format("env.{} must not have a NUL character", name));
  }
  return {};
}

Result<void> readGrace(const Json& value, SpawnParameters& out) {
  return readNumber(value, "gracePeriodSeconds", 0, UINT32_MAX, out.gracePeriodSeconds);
}
Result<void> readStartupTimeout(const Json& value, SpawnParameters& out) {
  return readNumber(value, "startupTimeoutSeconds", 1, UINT32_MAX, out.startupTimeoutSeconds);
}
Result<void> readMaxLifetime(const Json& value, SpawnParameters& out) {
  return readNumber(value, "maxLifetimeSeconds", 1, UINT32_MAX, out.maxLifetimeSeconds);
}

Result<void> readLabels(const Json& value, SpawnParameters& out) {
  if (auto read = readStrings(value, "labels", out.labels); !read) return read;
  for (const auto& [key, text] : out.labels) {
    if (!isLabelKey(key)) return invalid(fmt::format("labels has a key that Kubernetes does not allow: {}", key));
    if (isReservedLabel(key)) return invalid(fmt::format("labels.{} is Spawner's own and cannot be set", key));
    if (!isLabelValue(text)) return invalid(fmt::format("labels.{} must be at most 63 letters, digits, '-', '_' and '.'", key));
  }
  return {};
}

Result<void> readResources(const Json& value, SpawnParameters& out) {
  if (!value.is_object()) return invalid("resources must be an object with \"limits\" and \"requests\"");
  backend::Quantities limits, requests;
  for (const auto& [part, quantities] : value.items()) {
    if (part != "limits" && part != "requests")
      return invalid(fmt::format("resources.{} is not known: only limits and requests are", part));
    if (!quantities.is_object()) return invalid(fmt::format("resources.{} must be an object", part));
    for (const auto& [name, quantity] : quantities.items())
      (part == "limits" ? limits : requests).emplace_back(name, quantity.is_string() ? quantity.get<std::string>() : quantity.dump());
  }
  if (const auto problem = backend::resourceProblem(limits, requests))
    return invalid(fmt::format("resources.{}.{} {}, not {}", problem->part, problem->name, problem->detail, problem->value));
  out.resourcesJson = value.dump();
  return {};
}

struct Field {
  std::string_view name;
  Result<void> (*read)(const Json& value, SpawnParameters& out);
};
constexpr std::array<Field, 9> fields = {{
    {"image", readImage},               // (original) required
    {"port", readPort},                 // (original)
    {"env", readEnv},                   // (original)
    {"gracePeriodSeconds", readGrace},  // (original)
    {"startupTimeoutSeconds", readStartupTimeout},
    {"maxLifetimeSeconds", readMaxLifetime},
    {"upstreamProtocol", readProtocol},
    {"labels", readLabels},
    {"resources", readResources},
}};

Result<SpawnRequest> read(const Json& body, std::uint32_t defaultGraceSeconds) {
  SpawnRequest request;
  request.parameters.gracePeriodSeconds = defaultGraceSeconds;
  if (!body.contains("image") || body["image"].is_null()) {
    std::string message = "image is required: the name of a container image";
    for (const auto& [name, value] : body.items())  // misspelt, perhaps
      if (std::ranges::find(fields, std::string_view(name), &Field::name) == fields.end())
        return invalid(message + "; \"" + shown(name) + "\" is no field");
    return invalid(message);
  }
  for (const auto& [name, value] : body.items()) {
    const auto field = std::ranges::find(fields, std::string_view(name), &Field::name);
    if (field == fields.end()) {
      request.unknownFields.push_back(name);
    } else if (!value.is_null()) {
      if (auto done = field->read(value, request.parameters); !done) return done.error();
    }
  }
  request.bodyHash = sha256Hex(body.dump());
  return request;
}

}  // namespace

Result<SpawnRequest> parseSpawnRequest(std::string_view body, std::uint32_t defaultGraceSeconds) {
  if (tooDeep(body)) return Error{ErrorKind::InvalidArgument, "the body is nested too deeply", std::nullopt};
  try {
    const Json json = Json::parse(body);
    if (!json.is_object()) return Error{ErrorKind::InvalidArgument, "the body must be a JSON object", std::nullopt};
    return read(json, defaultGraceSeconds);
  } catch (const Json::parse_error& error) {
    return Error{ErrorKind::InvalidArgument, fmt::format("the body is not JSON: wrong at byte {}", error.byte), std::nullopt};
  } catch (const Json::out_of_range&) {  // sound JSON, but 1e999 or hundreds of digits
    return Error{ErrorKind::InvalidArgument, "a number in the body is too large: no double holds it", std::nullopt};
  }
}

std::string unknownFieldWarning(std::string_view field) {
  std::string escaped;
  for (const char c : shown(field)) {
    if (c == '"' || c == '\\') escaped += "\\\\\\";  // once for the name, once more for the quoted-string around it
    escaped += c;
  }
  return fmt::format("299 - \"unknown field \\\"{}\\\"\"", escaped);
}

}  // namespace spawner::api
