// The answer as it comes, and libcurl's failures in our words.
#include "fetch/transfer.hpp"

#include "base/text.hpp"

namespace spawner::fetch {

ErrorKind kindOf(CURLcode code) {
  switch (code) {
    case CURLE_OPERATION_TIMEDOUT: return ErrorKind::Timeout;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_SEND_FAIL_REWIND:
    case CURLE_RECV_ERROR:
    case CURLE_PARTIAL_FILE: return ErrorKind::Disconnected;
    case CURLE_OUT_OF_MEMORY: return ErrorKind::Limit;  // also libcurl's own bound on one header line
    case CURLE_URL_MALFORMAT:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_ISSUER_ERROR: return ErrorKind::InvalidArgument;
    default: return ErrorKind::Protocol;
  }
}

bool Transfer::takeHeaderLine(std::string_view line) {
  lastByte = loop.now();
  headBytes += line.size();
  if (headBytes > options.maxHeadBytes) {
    failure = Error{ErrorKind::Limit, "the head of the answer is larger than " + std::to_string(options.maxHeadBytes) + " bytes", {}};
    return false;
  }
  if (headComplete) return true;  // a trailer
  while (line.ends_with('\n') || line.ends_with('\r')) line.remove_suffix(1);
  if (line.starts_with("HTTP/")) {
    const std::size_t space = line.find(' ');
    const auto status = space == std::string_view::npos ? std::nullopt : parseUnsigned(line.substr(space + 1, 3), 999);
    if (!status || *status < 100) {
      failure = Error{ErrorKind::Protocol, "the answer's status line is malformed", {}};
      return false;
    }
    answer.status = static_cast<int>(*status);
    answer.headers.clear();
  } else if (line.empty()) {
    if (answer.status == 101) {
      failure = Error{ErrorKind::Protocol, "the server switched protocols unasked", {}};
      return false;
    }
    headComplete = answer.status >= 200;
    if (headComplete && streaming) touch();
  } else if (const std::size_t colon = line.find(':'); colon != std::string_view::npos) {
    answer.headers.emplace_back(toLower(line.substr(0, colon)), std::string(trim(line.substr(colon + 1))));
  }
  return true;
}

bool Transfer::takeBody(std::string_view bytes) {
  lastByte = loop.now();
  if (!streaming) {
    if (bytes.size() > options.maxResponseBytes - answer.body.size()) {
      failure = Error{ErrorKind::Limit, "the answer is larger than " + std::to_string(options.maxResponseBytes) + " bytes", {}};
      return false;
    }
    answer.body.append(bytes);
    return true;
  }
  if (!success()) {
    errorBodyBytes += bytes.size();
    if (errorBodyBytes > options.maxErrorBodyBytes) {
      failure = Error{ErrorKind::Limit, "the error's body is larger than " + std::to_string(options.maxErrorBodyBytes) + " bytes", {}};
      return false;
    }
  }
  undelivered.append(bytes);
  touch();
  return true;
}

void Transfer::finish(CURLcode code) {
  ended = true;
  touch();
  if (failure || code == CURLE_OK) {
    if (!failure && !headComplete) failure = Error{ErrorKind::Disconnected, "the connection ended within the answer's head", {}};
    return;
  }
  const std::string_view text = errorText[0] != '\0' ? std::string_view(errorText) : curl_easy_strerror(code);
  failure = Error{kindOf(code), std::string(trim(text)), {}};
}

}  // namespace spawner::fetch
