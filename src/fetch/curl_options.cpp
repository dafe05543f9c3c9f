// From a request to libcurl's options.
#include <algorithm>

#include "base/text.hpp"
#include "fetch/transfer.hpp"

namespace spawner::fetch {
namespace {

long milliseconds(Duration duration) {
  return static_cast<long>(std::max<Duration::rep>(1, std::chrono::duration_cast<std::chrono::milliseconds>(duration).count()));
}

bool isToken(std::string_view text) {  // RFC 9110 §5.6.2
  constexpr std::string_view marks = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::ranges::all_of(text, [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || marks.find(c) != std::string_view::npos;
  });
}

bool isPrintable(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f; });
}

/// What would end the line, and with it smuggle in another field.
bool isFieldValue(std::string_view text) {
  return std::ranges::none_of(text, [](char c) { return c == '\r' || c == '\n' || c == '\0'; });
}

Result<void> check(const TransportRequest& request, const HttpTransportOptions& options) {
  const auto refuse = [](std::string message) { return Error{ErrorKind::InvalidArgument, std::move(message), {}}; };
  if (!isToken(request.method)) return refuse("the method is not a token");
  if (!request.target.starts_with('/') || !isPrintable(request.target) || request.target.find('#') != std::string::npos)
    return refuse("the target is not a path in printable ASCII");
  if (request.authority.empty() && options.baseUrl.empty()) return refuse("the request names no server and the transport has none");
  if (!isPrintable(request.authority) || request.authority.find_first_of("/@?#\\") != std::string::npos)
    return refuse("the authority is not host:port");
  for (const auto& [name, value] : request.headers)
    if (!isToken(name) || !isFieldValue(value)) return refuse("a header field is malformed");
  if (request.timeout <= Duration::zero()) return refuse("the timeout is not positive");
  return {};
}

/// Adds the line; true on success.
bool append(curl_slist*& list, const std::string& line) {
  curl_slist* longer = curl_slist_append(list, line.c_str());
  if (longer == nullptr) return false;
  list = longer;
  return true;
}

size_t onHeader(char* bytes, size_t size, size_t count, void* user) {
  return static_cast<Transfer*>(user)->takeHeaderLine({bytes, size * count}) ? size * count : 0;
}

size_t onBody(char* bytes, size_t size, size_t count, void* user) {
  return static_cast<Transfer*>(user)->takeBody({bytes, size * count}) ? size * count : CURL_WRITEFUNC_ERROR;
}

/// Sets a PEM text. Libcurl copies it: setClientCertificate() may change ours meanwhile.
void setBlob(CURL* handle, CURLoption option, const std::string& pem) {
  curl_blob blob{const_cast<char*>(pem.data()), pem.size(), CURL_BLOB_COPY};
  curl_easy_setopt(handle, option, &blob);
}

/// The port of "host:port" or "[v6]:port"; empty without one.
std::string_view portOf(std::string_view authority) {
  const std::size_t bracket = authority.rfind(']');
  const std::size_t colon = authority.rfind(':');
  if (colon == std::string_view::npos || (bracket != std::string_view::npos && colon < bracket)) return {};
  return authority.substr(colon + 1);
}

struct UrlParts {
  std::string_view scheme, authority, prefix;  // prefix: "" or "/x", no slash at the end
};
UrlParts partsOf(std::string_view url) {
  UrlParts parts;
  const std::size_t schemeEnd = url.find("://");
  parts.scheme = url.substr(0, schemeEnd);
  url.remove_prefix(schemeEnd + 3);
  const std::size_t slash = std::min(url.find('/'), url.size());
  parts.authority = url.substr(0, slash);
  parts.prefix = url.substr(slash);
  while (parts.prefix.ends_with('/')) parts.prefix.remove_suffix(1);
  return parts;
}

}  // namespace

Result<void> checkBaseUrl(std::string_view url) {
  const auto refuse = [&](std::string_view why) {
    return Error{ErrorKind::InvalidArgument, "server URL: " + std::string(why) + " (expected http(s)://host[:port][/prefix])", {}};
  };
  if (!url.starts_with("http://") && !url.starts_with("https://")) return refuse("the scheme is neither http nor https");
  const UrlParts parts = partsOf(url);
  if (parts.authority.empty() || parts.authority.starts_with(':')) return refuse("there is no host");
  if (url.find('@') != std::string_view::npos) return refuse("a user is not allowed");
  if (url.find_first_of("?#\\") != std::string_view::npos) return refuse("query and fragment are not allowed");
  if (!isPrintable(url)) return refuse("there are characters other than printable ASCII");
  const std::string_view port = portOf(parts.authority);
  if (!port.empty() && !parseUnsigned(port, 65535)) return refuse("the port is not a number up to 65535");
  return {};
}

std::string Transfer::base() const {
  if (!request.authority.empty()) return "http://" + request.authority;
  if (options.baseUrl.empty()) return {};  // refused, but it is to be named
  const UrlParts parts = partsOf(options.baseUrl);
  return std::string(parts.scheme) + "://" + std::string(parts.authority) + std::string(parts.prefix);
}

std::string Transfer::what() const { return request.method + " " + base() + request.target.substr(0, request.target.find('?')); }

Result<void> Transfer::configure(CURL* handle) {
  if (Result<void> checked = check(request, options); !checked) return checked.error();
  std::string url = base() + request.target;
  std::string host;
  const bool ownServer = request.authority.empty();
  if (ownServer && !options.tls.serverName.empty()) {
    // The certificate is asked for under another name: the URL carries that name, the connection goes to the real address
    // (CURLOPT_CONNECT_TO), and the Host field stays the server's own.
    const UrlParts parts = partsOf(options.baseUrl);
    const std::string port = portOf(parts.authority).empty() ? "443" : std::string(portOf(parts.authority));
    const std::string_view address =
        parts.authority.substr(0, parts.authority.size() - (portOf(parts.authority).empty() ? 0 : port.size() + 1));
    url = "https://" + options.tls.serverName + ":" + port + std::string(parts.prefix) + request.target;
    host = parts.authority;
    if (!append(connectTo, "::" + std::string(address) + ":" + port)) return Error{ErrorKind::Limit, "out of memory", {}};
    curl_easy_setopt(handle, CURLOPT_CONNECT_TO, connectTo);
  }
  bool listed = host.empty() || append(headerList, "Host: " + host);
  bool hasType = false;
  for (const auto& [name, value] : request.headers) {
    hasType = hasType || toLower(name) == "content-type";
    listed = listed && append(headerList, value.empty() ? name + ";" : name + ": " + value);
  }
  // Fields that libcurl would add by itself.
  listed = listed && append(headerList, "Expect:") && (hasType || append(headerList, "Content-Type:"));
  if (!listed) return Error{ErrorKind::Limit, "out of memory", {}};

  curl_easy_setopt(handle, CURLOPT_URL, url.c_str());
  curl_easy_setopt(handle, CURLOPT_PATH_AS_IS, 1L);
  curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, ownServer ? "http,https" : "http");
  curl_easy_setopt(handle, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  curl_easy_setopt(handle, CURLOPT_PROXY, "");
  curl_easy_setopt(handle, CURLOPT_NOPROXY, "*");
  curl_easy_setopt(handle, CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
  curl_easy_setopt(handle, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
  // Ending a transfer must not wait for a name look-up in libcurl's thread.
  curl_easy_setopt(handle, CURLOPT_QUICK_EXIT, 1L);
  curl_easy_setopt(handle, CURLOPT_USERAGENT, options.userAgent.c_str());
  curl_easy_setopt(handle, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt(handle, CURLOPT_TCP_KEEPIDLE, 30L);
  curl_easy_setopt(handle, CURLOPT_TCP_KEEPINTVL, 10L);
  curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS, milliseconds(std::min(options.connectTimeout, request.timeout)));
  curl_easy_setopt(handle, CURLOPT_MAXAGE_CONN, std::max(1L, milliseconds(options.maxConnectionIdle) / 1000));

  if (!request.body.empty() || request.method == "POST" || request.method == "PUT" || request.method == "PATCH") {
    curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    curl_easy_setopt(handle, CURLOPT_POSTFIELDS, request.body.c_str());  // not copied: the transfer outlives the handle's use
  }
  if (request.method == "HEAD") {
    curl_easy_setopt(handle, CURLOPT_NOBODY, 1L);
  } else {
    curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  }
  curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headerList);
  curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, errorText);
  curl_easy_setopt(handle, CURLOPT_PRIVATE, this);
  curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, onHeader);
  curl_easy_setopt(handle, CURLOPT_HEADERDATA, this);
  curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, onBody);
  curl_easy_setopt(handle, CURLOPT_WRITEDATA, this);
  if (ownServer) setTls(handle);
  return {};
}

void Transfer::setTls(CURL* handle) const {
  const TlsOptions& tls = options.tls;
  curl_easy_setopt(handle, CURLOPT_SSL_VERIFYPEER, 1L);
  curl_easy_setopt(handle, CURLOPT_SSL_VERIFYHOST, 2L);
  curl_easy_setopt(handle, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  if (!tls.caPem.empty() || !tls.caFile.empty()) {
    // The given authority is the only one: libcurl's built-in file and folder would be trusted besides.
    curl_easy_setopt(handle, CURLOPT_CAPATH, nullptr);
    curl_easy_setopt(handle, CURLOPT_CAINFO, tls.caPem.empty() ? tls.caFile.c_str() : nullptr);
    if (!tls.caPem.empty()) setBlob(handle, CURLOPT_CAINFO_BLOB, tls.caPem);
#if LIBCURL_VERSION_NUM >= 0x075700
    // libcurl would keep what it read for a day, and not believe an authority that took the former one's place in the file.
    curl_easy_setopt(handle, CURLOPT_CA_CACHE_TIMEOUT, milliseconds(options.maxCaFileAge) / 1000);
#endif
  }
  if (!tls.clientCertPem.empty()) {
    setBlob(handle, CURLOPT_SSLCERT_BLOB, tls.clientCertPem);
  } else if (!tls.clientCertFile.empty()) {
    curl_easy_setopt(handle, CURLOPT_SSLCERT, tls.clientCertFile.c_str());
  }
  if (!tls.clientKeyPem.empty()) {
    setBlob(handle, CURLOPT_SSLKEY_BLOB, tls.clientKeyPem);
  } else if (!tls.clientKeyFile.empty()) {
    curl_easy_setopt(handle, CURLOPT_SSLKEY, tls.clientKeyFile.c_str());
  }
}

}  // namespace spawner::fetch
