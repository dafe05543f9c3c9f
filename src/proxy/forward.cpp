#include "proxy/forward.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "http/head_writer.hpp"
#include "proxy/respond.hpp"

namespace spawner::proxy {
namespace {

using http::equalsIgnoreCase;

constexpr char forwardedFor[] = "X-Forwarded-For";
constexpr char forwardedProto[] = "X-Forwarded-Proto";
constexpr char forwardedHost[] = "X-Forwarded-Host";
constexpr char forwardedPrefix[] = "X-Forwarded-Prefix";

bool contains(const auto& names, std::string_view name) {
  return std::any_of(names.begin(), names.end(), [&](const auto& other) { return equalsIgnoreCase(other, name); });
}

bool isSet(const RequestEdit& edit, std::string_view name) {
  return std::any_of(edit.set.begin(), edit.set.end(), [&](const auto& field) { return equalsIgnoreCase(field.first, name); });
}

/// "http://host/a?b" → "/a?b". Origin-form and "*" stay. `made` holds what is not in the head.
std::string_view originForm(const http::RequestHead& head, std::string& made) {
  const std::string_view target = head.target;
  if (target.starts_with('/') || target == "*") return target;
  const auto scheme = target.find("://");
  if (scheme == std::string_view::npos) return target;
  const auto path = target.find_first_of("/?", scheme + 3);
  if (path == std::string_view::npos) return head.method == "OPTIONS" ? "*" : "/";
  if (target[path] == '/') return target.substr(path);
  return made.assign("/").append(target.substr(path));
}

/// "192.0.2.1:80" → "192.0.2.1", "[::1]:80" → "::1"; empty for a peer without an address (a unix socket).
std::string_view ipOf(std::string_view peer) {
  if (peer.starts_with("unix")) return {};
  if (peer.starts_with('[')) return peer.substr(1, peer.find(']') - 1);
  return peer.substr(0, peer.rfind(':'));
}

std::string joined(const http::Headers& headers, std::string_view name) {
  std::string all;
  for (const auto& [key, value] : headers.fields()) {
    if (!equalsIgnoreCase(key, name)) continue;
    if (!all.empty()) all += ", ";
    all += value;
  }
  return all;
}

/// Which of the client's fields do not go on as they are: those of its connection, those that are written by rule, those that the edit
/// names.
class Dropped {
 public:
  Dropped(const http::RequestHead& head, const RequestEdit& edit) : head_(head), edit_(edit), hopByHop_(head.headers) {}
  /// The client's own, if it has sent one that is not of its connection only.
  [[nodiscard]] bool trusts(http::FieldName known, std::string_view name) const {
    return edit_.trustForwarded && head_.headers.has(known) && !hopByHop_.has(name);
  }
  bool operator()(const http::Headers::Place& place) const {
    using http::FieldName;
    const FieldName name = place.known;
    if (name == FieldName::Host || name == FieldName::ContentLength || name == FieldName::XForwardedFor) return true;
    if (name == FieldName::SpawnerPod || hopByHop_.has(place)) return true;
    if (name >= FieldName::Forwarded && !edit_.trustForwarded) return true;  // what a client says of its own way here
    if (name == FieldName::WithUnderscores) return true;                     // no proxy writes it
    // RFC 9110 §10.1.1: an expectation in HTTP/1.0 is ignored; a 100 must not reach such a client.
    if (name == FieldName::Expect && head_.minorVersion == 0) return true;
    if (edit_.remove.empty() && edit_.set.empty()) return false;
    return contains(edit_.remove, head_.headers.nameOf(place)) || isSet(edit_, head_.headers.nameOf(place));
  }

 private:
  const http::RequestHead& head_;
  const RequestEdit& edit_;
  const http::HopByHop hopByHop_;
};

/// Gathers what a HeadWriter would write.
struct FieldList {
  std::vector<std::pair<std::string, std::string>> list = {};
  void field(std::string_view name, std::string_view value) { list.emplace_back(name, value); }
  void fields(const http::Headers& headers, const Dropped& dropped) {
    for (std::size_t i = 0; i < headers.size(); ++i)
      if (const auto& place = headers.place(i); !dropped(place)) field(headers.nameOf(place), headers.valueOf(place));
  }
};

template <class Out>
void writeForwarded(Out& out, const http::RequestHead& head, std::string_view host, std::string_view peer, const RequestEdit& edit,
                    const Dropped& dropped) {
  using http::FieldName;
  const auto mayWrite = [&](std::string_view name) { return !isSet(edit, name) && !contains(edit.remove, name); };
  const auto absent = [&](FieldName known, std::string_view name) { return !dropped.trusts(known, name); };
  std::string chain = absent(FieldName::XForwardedFor, forwardedFor) ? std::string() : joined(head.headers, forwardedFor);
  if (const std::string_view ip = ipOf(peer); !ip.empty()) {
    if (!chain.empty()) chain += ", ";
    chain += ip;
  }
  if (!chain.empty() && mayWrite(forwardedFor)) out.field(forwardedFor, chain);
  if (absent(FieldName::XForwardedProto, forwardedProto) && mayWrite(forwardedProto)) out.field(forwardedProto, edit.forwardedProto);
  if (absent(FieldName::XForwardedHost, forwardedHost) && mayWrite(forwardedHost) && !host.empty()) out.field(forwardedHost, host);
  if (!edit.forwardedPrefix.empty() && absent(FieldName::XForwardedPrefix, forwardedPrefix) && mayWrite(forwardedPrefix))
    out.field(forwardedPrefix, edit.forwardedPrefix);
}

/// Host, what ends not at this hop, and X-Forwarded-*.
template <class Out>
void writeFields(Out& out, const http::RequestHead& head, std::string_view peer, std::string_view upstream, const RequestEdit& edit) {
  const std::string_view host = head.host();
  if (!isSet(edit, "Host")) out.field("Host", host.empty() ? upstream : host);
  const Dropped dropped(head, edit);
  out.fields(head.headers, dropped);
  writeForwarded(out, head, host, peer, edit, dropped);
  for (const auto& [name, value] : edit.set) out.field(name, value);
}

void writeFraming(http::HeadWriter& out, const http::RequestHead& head) {
  if (head.framing == http::Framing::Length) out.field("Content-Length", std::to_string(head.contentLength));
  if (head.framing == http::Framing::Chunked) out.field("Transfer-Encoding", "chunked");
  if (!head.upgrade) return;
  out.field("Connection", "Upgrade");
  out.field("Upgrade", joined(head.headers, "Upgrade"));
}

}  // namespace

Result<std::string> upstreamHead(const http::RequestHead& head, std::string_view peer, std::string_view upstream, const RequestEdit& edit,
                                 std::string bytes) {
  bytes.reserve(512);
  http::HeadWriter out(bytes);
  std::string made;
  out.requestLine(head.method, edit.target.empty() ? originForm(head, made) : edit.target);
  writeFields(out, head, peer, upstream, edit);
  writeFraming(out, head);
  if (auto sound = out.finish(); !sound) return sound.error().in("request for " + std::string(upstream));
  return bytes;
}

UpstreamRequest upstreamRequest(const http::RequestHead& head, std::string_view peer, std::string_view upstream, const RequestEdit& edit) {
  FieldList list;
  writeFields(list, head, peer, upstream, edit);
  if (head.framing == http::Framing::Length) list.field("Content-Length", std::to_string(head.contentLength));
  // RFC 9113 §8.2.2: the one hop-by-hop field that HTTP/2 knows, with its one value. gRPC servers insist on it.
  if (head.headers.hasToken("TE", "trailers")) list.field("TE", "trailers");
  std::string made;
  return {.target = std::string(edit.target.empty() ? originForm(head, made) : edit.target), .fields = std::move(list.list)};
}

std::optional<http::Response> endOfForwarding(const http::RequestHead& head, RequestEdit& edit) {
  const bool trace = head.method == "TRACE";
  if (!trace && head.method != "OPTIONS") return std::nullopt;
  const auto left = parseUnsigned(head.headers.get("Max-Forwards"));
  if (!left) return std::nullopt;
  if (*left > 0) {
    edit.set.emplace_back("Max-Forwards", std::to_string(*left - 1));
    return std::nullopt;
  }
  if (trace) return ownAnswer(501, "TraceUnsupported", "This proxy does not tell what it has received.");
  http::Response response;
  response.status = 204;
  return response;
}

bool isIdempotent(std::string_view method) {
  constexpr std::array<std::string_view, 6> safe = {"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"};
  return std::find(safe.begin(), safe.end(), method) != safe.end();
}

Duration keepAliveLimit(const http::ResponseHead& head) {
  if (!head.headers.has(http::FieldName::KeepAlive)) return Duration::max();
  for (const std::string_view part : split(head.headers.get("Keep-Alive"), ',')) {
    const std::string_view item = trim(part);
    if (item.size() <= 8 || !equalsIgnoreCase(item.substr(0, 8), "timeout=")) continue;
    const auto seconds = parseUnsigned(item.substr(8), 24 * 3600);
    if (seconds) return std::chrono::seconds(*seconds > 0 ? *seconds - 1 : 0);
  }
  return Duration::max();
}

}  // namespace spawner::proxy
