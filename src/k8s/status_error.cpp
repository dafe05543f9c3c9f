#include "k8s/status_error.hpp"

#include <nlohmann/json.hpp>

#include "base/text.hpp"

namespace spawner::k8s {
namespace {

using nlohmann::json;

constexpr std::size_t maxParsedBytes = 1024 * 1024;
constexpr std::size_t maxQuotedBytes = 1024;
constexpr std::uint64_t maxRetrySeconds = 24 * 3600;

/// The part of a Status that tells what to do.
struct Status {
  std::string reason;
  std::string message;
  std::optional<Duration> retryAfter;
  bool versionTooLarge = false;
};

std::string text(const json& object, const char* name) {
  const auto it = object.find(name);
  return it != object.end() && it->is_string() ? it->get<std::string>() : std::string();
}

Status parse(std::string_view body) {
  Status status;
  if (body.size() > maxParsedBytes) return status;
  const json document = json::parse(body, nullptr, false);
  if (!document.is_object() || text(document, "kind") != "Status") {
    // A proxy's page, or plain text: a word of it helps whoever reads the log.
    status.message = std::string(body);
    return status;
  }
  status.reason = text(document, "reason");
  status.message = text(document, "message");
  const auto details = document.find("details");
  if (details == document.end() || !details->is_object()) return status;
  if (const auto it = details->find("retryAfterSeconds"); it != details->end() && it->is_number_unsigned())
    if (const auto seconds = it->get<std::uint64_t>(); seconds > 0 && seconds <= maxRetrySeconds)
      status.retryAfter = std::chrono::seconds(seconds);
  if (const auto causes = details->find("causes"); causes != details->end() && causes->is_array())
    for (const json& cause : *causes)
      if (cause.is_object() && text(cause, "reason") == "ResourceVersionTooLarge") status.versionTooLarge = true;
  return status;
}

/// One line of bounded length.
std::string oneLine(std::string message) {
  if (message.size() > maxQuotedBytes) {
    std::size_t end = maxQuotedBytes;
    while (end > 0 && (static_cast<unsigned char>(message[end]) & 0xC0) == 0x80) --end;  // not inside a UTF-8 character
    message.resize(end);
    message += "…";
  }
  for (char& c : message)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  return message;
}

ErrorKind kindOf(int code, const Status& status) {
  // The version asked for is of another history (a restored etcd) or of a server ahead of this one: list again.
  if (status.versionTooLarge) return ErrorKind::Gone;
  switch (code) {
    case 400: return ErrorKind::InvalidArgument;
    case 401: return ErrorKind::Unauthorized;
    case 403: return ErrorKind::Forbidden;
    case 404: return ErrorKind::NotFound;
    case 405:
    case 406:
    case 415: return ErrorKind::Unsupported;
    case 408: return ErrorKind::Timeout;
    case 409: return status.reason == "AlreadyExists" ? ErrorKind::AlreadyExists : ErrorKind::Conflict;
    case 410: return ErrorKind::Gone;
    case 413: return ErrorKind::InvalidArgument;
    case 422: return ErrorKind::Invalid;
    case 429: return ErrorKind::TooManyRequests;
    default: return code >= 500 && code <= 599 ? ErrorKind::Server : ErrorKind::Protocol;
  }
}

}  // namespace

std::optional<Duration> parseRetryAfter(std::string_view value) {
  const auto seconds = parseUnsigned(trim(value), maxRetrySeconds);
  if (!seconds) return std::nullopt;
  return std::chrono::seconds(*seconds);
}

Error statusError(int code, std::string_view body, std::optional<Duration> retryAfter, std::string_view what) {
  const Status status = parse(body);
  std::string message(what);
  message += ": " + std::to_string(code);
  if (!status.reason.empty()) message += " " + status.reason;
  if (!status.message.empty()) message += ": " + status.message;
  return Error{kindOf(code, status), oneLine(std::move(message)), retryAfter ? retryAfter : status.retryAfter};
}

}  // namespace spawner::k8s
