#include "cluster/failure.hpp"

#include <fmt/format.h>

namespace spawner::cluster {

namespace {

std::string_view causeReason(FieldError::Kind kind) {
  switch (kind) {
    case FieldError::Kind::Required: return "FieldValueRequired";
    case FieldError::Kind::Invalid: return "FieldValueInvalid";
    case FieldError::Kind::TypeInvalid: return "FieldValueTypeInvalid";
    case FieldError::Kind::NotSupported: return "FieldValueNotSupported";
    case FieldError::Kind::Forbidden: return "FieldValueForbidden";
    case FieldError::Kind::TooLong: return "FieldValueTooLong";
    case FieldError::Kind::TooMany: return "FieldValueTooMany";
    case FieldError::Kind::Duplicate: return "FieldValueDuplicate";
  }
  return "FieldValueInvalid";
}

Json detailsOf(const ResourceType& type, std::string_view name) {
  Json details = Json::object();
  if (!name.empty()) details.set("name", name);
  if (!type.group.empty()) details.set("group", type.group);
  details.set("kind", type.plural);
  return details;
}

}  // namespace

Json Failure::status() const {
  Json status =
      Json::object({{"kind", "Status"}, {"apiVersion", "v1"}, {"metadata", Json::object()}, {"status", "Failure"}, {"message", message}});
  if (!reason.empty()) status.set("reason", reason);
  if (!details.isNull()) status.set("details", details);
  status.set("code", code);
  return status;
}

Response Failure::response() const {
  Response out;
  out.status = code;
  if (retryAfterSeconds) out.headers.emplace_back("Retry-After", std::to_string(*retryAfterSeconds));
  out.body = status().dump();
  return out;
}

std::string FieldError::body() const {
  const auto with = [this](std::string_view head) {
    std::string out = value.empty() ? std::string(head) : fmt::format("{}: {}", head, value);
    if (!detail.empty()) out += ": " + detail;
    return out;
  };
  switch (kind) {
    case Kind::Required: return detail.empty() ? "Required value" : "Required value: " + detail;
    case Kind::Forbidden: return detail.empty() ? "Forbidden" : "Forbidden: " + detail;
    case Kind::Invalid:
    case Kind::TypeInvalid: return with("Invalid value");
    case Kind::NotSupported: return with("Unsupported value");
    case Kind::TooLong: return detail.empty() ? "Too long" : "Too long: " + detail;
    case Kind::TooMany: return with("Too many");
    case Kind::Duplicate: return with("Duplicate value");
  }
  return detail;
}

FieldError FieldError::required(std::string field, std::string detail) { return {Kind::Required, std::move(field), {}, std::move(detail)}; }
FieldError FieldError::invalid(std::string field, const Json& value, std::string detail) {
  return {Kind::Invalid, std::move(field), value.dump(), std::move(detail)};
}
FieldError FieldError::forbidden(std::string field, std::string detail) {
  return {Kind::Forbidden, std::move(field), {}, std::move(detail)};
}
FieldError FieldError::notSupported(std::string field, const Json& value, const std::vector<std::string>& supported) {
  std::string list;
  for (const std::string& one : supported) list += (list.empty() ? "\"" : ", \"") + one + "\"";
  return {Kind::NotSupported, std::move(field), value.dump(), "supported values: " + list};
}

namespace failures {

Failure notFound(const ResourceType& type, std::string_view name) {
  return {404, "NotFound", fmt::format("{} \"{}\" not found", type.qualified(), name), detailsOf(type, name), {}};
}

Failure noSuchPath() { return {404, "NotFound", "the server could not find the requested resource", Json::object(), {}}; }

Failure alreadyExists(const ResourceType& type, std::string_view name) {
  return {409, "AlreadyExists", fmt::format("{} \"{}\" already exists", type.qualified(), name), detailsOf(type, name), {}};
}

Failure conflict(const ResourceType& type, std::string_view name, std::string_view why) {
  return {409,
          "Conflict",
          fmt::format("Operation cannot be fulfilled on {} \"{}\": {}", type.qualified(), name, why),
          detailsOf(type, name),
          {}};
}

Failure modified(const ResourceType& type, std::string_view name) {
  return conflict(type, name, "the object has been modified; please apply your changes to the latest version and try again");
}

Failure expired(std::string message) { return {410, "Expired", std::move(message), {}, {}}; }

Failure invalid(const ResourceType& type, std::string_view name, const FieldErrors& errors) {
  return invalidKind(type.group, type.kind, name, errors);
}

Failure invalidKind(std::string_view group, std::string_view kind, std::string_view name, const FieldErrors& errors) {
  Json causes = Json::array();
  std::string list;
  for (const FieldError& error : errors) {
    const std::string body = error.body();
    causes.editItems().push_back(Json::object({{"reason", causeReason(error.kind)}, {"message", body}, {"field", error.field}}));
    list += (list.empty() ? "" : ", ") + error.field + ": " + body;
  }
  if (errors.size() > 1) list = "[" + list + "]";
  Json details = Json::object({{"kind", kind}, {"causes", causes}});
  if (!name.empty()) details.set("name", name);
  if (!group.empty()) details.set("group", group);
  const std::string qualified = group.empty() ? std::string(kind) : fmt::format("{}.{}", kind, group);
  return {422, "Invalid", fmt::format("{} \"{}\" is invalid: {}", qualified, name, list), details, {}};
}

Failure badRequest(std::string message) { return {400, "BadRequest", std::move(message), {}, {}}; }

Failure forbidden(const ResourceType& type, std::string_view name, std::string_view why) {
  return {403, "Forbidden", fmt::format("{} \"{}\" is forbidden: {}", type.qualified(), name, why), detailsOf(type, name), {}};
}

Failure methodNotAllowed() {
  return {405, "MethodNotAllowed", "the server does not allow this method on the requested resource", Json::object(), {}};
}

Failure notAcceptable(std::string_view accepted) {
  return {406, "NotAcceptable", fmt::format("only the following media types are accepted: {}", accepted), {}, {}};
}

Failure unsupportedMedia(std::string_view accepted) {
  return {415,
          "UnsupportedMediaType",
          fmt::format("the body of the request was in an unknown format - accepted media types include: {}", accepted),
          {},
          {}};
}

Failure tooLarge(std::string message) { return {413, "RequestEntityTooLarge", std::move(message), {}, {}}; }

Failure tooMany(std::string message, int retryAfterSeconds) {
  return {429, "TooManyRequests", std::move(message), Json::object({{"retryAfterSeconds", retryAfterSeconds}}), retryAfterSeconds};
}

Failure tooLargeRevision(std::uint64_t wanted, std::uint64_t current) {
  Json cause = Json::object({{"reason", "ResourceVersionTooLarge"}, {"message", "Too large resource version"}});
  return {504, "Timeout", fmt::format("Timeout: Too large resource version: {}, current: {}", wanted, current),
          Json::object({{"causes", Json::array({cause})}, {"retryAfterSeconds", 1}}), 1};
}

Failure internal(std::string message) {
  Json causes = Json::array({Json::object({{"message", message}})});
  return {500, "InternalError", "Internal error occurred: " + message, Json::object({{"causes", causes}}), {}};
}

}  // namespace failures

}  // namespace spawner::cluster
