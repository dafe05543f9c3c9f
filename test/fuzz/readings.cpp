#include "fuzz/readings.hpp"

#include <algorithm>
#include <charconv>

namespace spawner::fuzz {
namespace {

using Framing = Request::Framing;

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  return first == std::string_view::npos ? std::string_view() : text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::vector<std::string> list(std::string_view text) {
  std::vector<std::string> items;
  for (std::size_t comma = 0; comma != std::string_view::npos; text.remove_prefix(comma + 1)) {
    comma = text.find(',');
    items.push_back(lower(trimmed(text.substr(0, comma))));
    if (comma == std::string_view::npos) break;
  }
  return items;
}

bool among(const std::vector<std::string>& items, std::string_view one) {
  return std::find(items.begin(), items.end(), one) != items.end();
}

std::vector<std::string> valuesOf(const Request& request, std::string_view name) {
  std::vector<std::string> values;
  for (const auto& [key, value] : request.fields)
    if (key == name) values.push_back(value);
  return values;
}

std::string joined(const Request& request, std::string_view name) {
  std::string all;
  for (const std::string& value : valuesOf(request, name)) all += (all.empty() ? "" : ", ") + value;
  return all;
}

std::vector<std::string> connectionOptions(const Request& request) {
  std::vector<std::string> options;
  for (const std::string& value : valuesOf(request, "connection"))
    for (std::string& option : list(value)) options.push_back(std::move(option));
  return options;
}

/// The digits that the text begins with; nullopt without any, or when they are no number of 64 bits.
std::optional<std::uint64_t> number(std::string_view text, int base, bool whole) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || (whole && end != text.data() + text.size())) return std::nullopt;
  return value;
}

/// Everything up to the line's end, which is dropped.
std::optional<std::string_view> line(std::string_view& bytes, bool lenient) {
  const std::size_t end = bytes.find(lenient ? "\n" : "\r\n");
  if (end == std::string_view::npos) return std::nullopt;
  std::string_view found = bytes.substr(0, end);
  bytes.remove_prefix(end + (lenient ? 1 : 2));
  if (lenient && found.ends_with('\r')) found.remove_suffix(1);
  return found;
}

std::optional<std::string> take(std::string_view& bytes, std::uint64_t count) {
  if (bytes.size() < count) return std::nullopt;
  std::string found(bytes.substr(0, count));
  bytes.remove_prefix(count);
  return found;
}

bool hasControls(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](unsigned char c) { return (c < 0x20 && c != '\t') || c == 0x7f; });
}

bool isToken(std::string_view text) {
  static constexpr std::string_view delimiters = "(),/:;<=>?@[\\]{}\"";
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f && delimiters.find(c) == std::string_view::npos; });
}

std::optional<std::string> chunks(std::string_view& bytes, bool lenient) {
  std::string body;
  for (;;) {
    const auto size = line(bytes, lenient);
    if (!size) return std::nullopt;
    const std::size_t extension = std::min(size->find(';'), size->size());
    if (!lenient && hasControls(size->substr(extension))) return std::nullopt;
    const auto count = number(lenient ? trimmed(*size) : size->substr(0, extension), 16, !lenient);
    if (!count) return std::nullopt;
    if (*count == 0) break;
    const auto data = take(bytes, *count);
    if (!data) return std::nullopt;
    const auto end = line(bytes, lenient);
    if (!end || !end->empty()) return std::nullopt;
    body += *data;
  }
  for (;;) {
    const auto trailer = line(bytes, lenient);
    if (!trailer) return std::nullopt;
    if (trailer->empty()) return body;
    if (!lenient && (!isToken(trailer->substr(0, trailer->find(':'))) || hasControls(*trailer))) return std::nullopt;
  }
}

bool startLine(Request& request, std::string_view text, bool lenient) {
  static constexpr std::string_view blanks = " \t\r\v\f";
  if (lenient) text.remove_prefix(std::min(text.find_first_not_of(blanks), text.size()));
  const std::size_t first = lenient ? text.find_first_of(blanks) : text.find(' ');
  const std::size_t last = lenient ? text.find_last_of(blanks) : text.rfind(' ');
  if (first == std::string_view::npos || first == last) return false;
  std::string_view target = text.substr(first + 1, last - first - 1);
  const std::string_view version = text.substr(last + 1);
  if (lenient) target = trimmed(target);
  request.method = text.substr(0, first);
  request.target = target;
  request.minorVersion = version.ends_with('0') ? 0 : 1;
  return lenient || version == "HTTP/1.0" || version == "HTTP/1.1";
}

bool fieldLines(Request& request, std::string_view& bytes, bool lenient) {
  for (;;) {
    const auto text = line(bytes, lenient);
    if (!text) return false;
    if (text->empty()) return true;
    if (lenient && !request.fields.empty() && trimmed(text->substr(0, 1)).empty()) {
      std::string& value = request.fields.back().second;
      value = trimmed(value + " " + std::string(trimmed(*text)));
      continue;
    }
    const std::size_t colon = text->find(':');
    if (colon == std::string_view::npos) return false;
    const std::string_view name = text->substr(0, colon), value = text->substr(colon + 1);
    request.fields.emplace_back(lower(lenient ? trimmed(name) : name), trimmed(lenient ? value.substr(0, value.find('\0')) : value));
  }
}

bool framing(Request& request, bool lenient) {
  const auto codings = valuesOf(request, "transfer-encoding"), lengths = valuesOf(request, "content-length");
  if (!codings.empty() && (!lenient || list(codings.back()).back() == "chunked")) {
    request.framing = Framing::Chunked;
  } else if (!lengths.empty()) {
    const auto length = number(lengths.front(), 10, !lenient);
    if (!length) return false;
    request.framing = Framing::Length;
    request.length = *length;
  }
  return true;
}

std::optional<Request> read(std::string_view& bytes, bool lenient) {
  while (bytes.starts_with("\r\n") || (lenient && bytes.starts_with('\n'))) {
    bytes.remove_prefix(bytes.find('\n') + 1);
    if (!lenient) break;
  }
  Request request;
  const auto start = line(bytes, lenient);
  if (!start || !startLine(request, *start, lenient) || !fieldLines(request, bytes, lenient) || !framing(request, lenient))
    return std::nullopt;
  const auto options = connectionOptions(request);
  request.persists = !among(options, "close") && (request.minorVersion == 1 || among(options, "keep-alive"));
  request.upgrades = request.minorVersion == 1 && among(options, "upgrade") && !valuesOf(request, "upgrade").empty();
  auto body = request.framing == Framing::Chunked  ? chunks(bytes, lenient)
              : request.framing == Framing::Length ? take(bytes, request.length)
                                                   : std::string();
  if (!body) return std::nullopt;
  request.body = std::move(*body);
  return request;
}

/// Where an absolute target's authority ends; 0 for other targets.
std::size_t authorityEnd(std::string_view target) {
  const std::size_t scheme = target.find("://");
  if (target.starts_with('/') || scheme == std::string_view::npos) return 0;
  return std::min(target.find_first_of("/?", scheme + 3), target.size());
}

std::string hostOf(const Request& request, const std::string& otherwise) {
  if (const std::size_t end = authorityEnd(request.target); end > 0) {
    const std::size_t begin = request.target.find("://") + 3;
    return request.target.substr(begin, end - begin);
  }
  const auto hosts = valuesOf(request, "host");
  return hosts.empty() ? otherwise : hosts.front();
}

std::string originForm(const Request& request) {
  const std::size_t end = authorityEnd(request.target);
  const std::string rest = request.target.substr(end);
  if (end == 0 || rest.starts_with('/')) return rest;
  if (rest.empty() && request.method == "OPTIONS") return "*";
  return "/" + rest;
}

}  // namespace

std::optional<Request> readStrictly(std::string_view& bytes) { return read(bytes, false); }
std::optional<Request> readLeniently(std::string_view& bytes) { return read(bytes, true); }

const char* unsound(const Request& request) {
  if (!isToken(request.method)) return "a method is a token";
  if (request.target.empty() || std::any_of(request.target.begin(), request.target.end(), [](char c) { return c <= 0x20 || c >= 0x7f; }))
    return "a target is printable ASCII without blanks";
  for (const auto& [name, value] : request.fields) {
    if (!isToken(name)) return "a field's name is a token";
    if (hasControls(value)) return "no value has control characters but tab";
  }
  const auto codings = valuesOf(request, "transfer-encoding"), lengths = valuesOf(request, "content-length"),
             hosts = valuesOf(request, "host");
  if (codings.size() > 1 || (!codings.empty() && lower(codings.front()) != "chunked")) return "Transfer-Encoding is one chunked";
  if (!codings.empty() && request.minorVersion == 0) return "HTTP/1.0 has no Transfer-Encoding";
  if (!codings.empty() && !lengths.empty()) return "no request has two framings";
  if (lengths.size() > 1) return "no request has two lengths";
  if (!lengths.empty() && (lengths.front().empty() || lengths.front().find_first_not_of("0123456789") != std::string::npos))
    return "a length is digits";
  if (hosts.size() > 1 || (hosts.empty() && request.minorVersion == 1)) return "a request has one Host";
  if (!hosts.empty() && (hosts.front().empty() || hosts.front().find_first_of(" \t,/?#@\\") != std::string::npos)) return "Host is a host";
  if (request.upgrades && !request.body.empty()) return "a request to upgrade has no body";
  return nullptr;
}

Request passedOn(const Request& request, const std::string& clientIp, const std::string& upstream, bool trusted) {
  static const std::vector<std::string> dropped = {"connection",     "keep-alive",        "proxy-connection", "te",
                                                   "trailer",        "transfer-encoding", "upgrade",          "host",
                                                   "content-length", "spawner-pod",       "x-forwarded-for"};
  static const std::vector<std::string> claims = {"forwarded",         "x-forwarded-host",    "x-forwarded-port", "x-forwarded-prefix",
                                                  "x-forwarded-proto", "x-real-ip",           "x-scheme",         "x-forwarded-scheme",
                                                  "x-forwarded-ssl",   "x-forwarded-protocol"};
  const auto twin = [](std::string name) {  // what CGI takes for such a field
    if (name.find('_') == std::string::npos) return false;
    std::replace(name.begin(), name.end(), '_', '-');
    return name == "x-forwarded-for" || (name != "forwarded" && among(claims, name));
  };
  Request sent = request;
  const auto options = connectionOptions(request);
  std::erase_if(sent.fields, [&](const auto& field) {
    return among(dropped, field.first) || among(options, field.first) || (!trusted && among(claims, field.first)) || twin(field.first) ||
           (field.first == "expect" && request.minorVersion == 0);
  });
  const std::string host = hostOf(request, "");
  const auto add = [&](const char* name, std::string_view value) { sent.fields.emplace_back(name, trimmed(value)); };
  const auto isNew = [&](const char* name) { return !trusted || among(options, name) || valuesOf(request, name).empty(); };
  add("host", host.empty() ? upstream : host);
  const std::string chain = trusted && !among(options, "x-forwarded-for") ? joined(request, "x-forwarded-for") : "";
  add("x-forwarded-for", chain.empty() ? clientIp : chain + ", " + clientIp);
  if (isNew("x-forwarded-proto")) add("x-forwarded-proto", "http");
  if (isNew("x-forwarded-host") && !host.empty()) add("x-forwarded-host", host);
  if (request.framing == Framing::Length) add("content-length", std::to_string(request.length));
  if (request.framing == Framing::Chunked) add("transfer-encoding", "chunked");
  if (request.upgrades) {
    add("connection", "Upgrade");
    add("upgrade", joined(request, "upgrade"));
  }
  sent.target = originForm(request);
  sent.minorVersion = 1;
  sent.persists = true;
  return sent;
}

const char* difference(Request a, Request b) {
  const auto byName = [](const auto& one, const auto& other) { return one.first < other.first; };
  std::stable_sort(a.fields.begin(), a.fields.end(), byName);
  std::stable_sort(b.fields.begin(), b.fields.end(), byName);
  if (a.method != b.method || a.target != b.target) return "the same method and target";
  if (a.minorVersion != b.minorVersion) return "the same version";
  if (a.fields != b.fields) return "the same fields";
  if (a.framing != b.framing || a.length != b.length) return "the same framing";
  if (a.persists != b.persists) return "the same end of the connection";
  if (a.upgrades != b.upgrades) return "the same upgrade";
  if (a.body != b.body) return "the same body";
  return nullptr;
}

}  // namespace spawner::fuzz
