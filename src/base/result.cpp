#include "spawner/result.hpp"

#include <cstring>

namespace spawner {

std::string_view toString(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::InvalidArgument: return "InvalidArgument";
    case ErrorKind::Unauthorized: return "Unauthorized";
    case ErrorKind::Forbidden: return "Forbidden";
    case ErrorKind::NotFound: return "NotFound";
    case ErrorKind::AlreadyExists: return "AlreadyExists";
    case ErrorKind::Conflict: return "Conflict";
    case ErrorKind::Gone: return "Gone";
    case ErrorKind::Invalid: return "Invalid";
    case ErrorKind::TooManyRequests: return "TooManyRequests";
    case ErrorKind::Server: return "Server";
    case ErrorKind::Timeout: return "Timeout";
    case ErrorKind::Disconnected: return "Disconnected";
    case ErrorKind::Protocol: return "Protocol";
    case ErrorKind::Limit: return "Limit";
    case ErrorKind::Unsupported: return "Unsupported";
    case ErrorKind::System: return "System";
    case ErrorKind::Internal: return "Internal";
  }
  return "Internal";
}

Error systemError(std::string_view what, int errnoValue, ErrorKind kind) {
  char buffer[128];
  // glibc's strerror_r returns the text, which need not be in the buffer.
  std::string reason = strerror_r(errnoValue, buffer, sizeof buffer);
  // "Address already in use" continues our sentence: "cannot listen on x: address already in use". "I/O error" stays as it is.
  if (reason.size() > 1 && reason[0] >= 'A' && reason[0] <= 'Z' && reason[1] >= 'a' && reason[1] <= 'z')
    reason[0] = static_cast<char>(reason[0] + 32);
  return Error{kind, std::string(what) + ": " + reason, std::nullopt};
}

}  // namespace spawner
