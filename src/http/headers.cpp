#include "http/headers.hpp"

#include <cstring>
#include <functional>
#include <initializer_list>

#include "base/text.hpp"
#include "spawner/names.hpp"

namespace spawner::http {

namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }

struct WayName {
  std::string_view text;  // as long as what is compared with it
  FieldName name;
};
constexpr std::size_t longestWay = sizeof "X-Forwarded-Protocol" - 1;

/// The names that begin with X: of a client's way here.
FieldName wayName(std::string_view name, std::initializer_list<WayName> ways) {
  if (lower(name[0]) != 'x') return FieldName::Other;
  for (const WayName& way : ways)
    if (sameLetters(name.data(), way.text.data(), name.size())) return way.name;
  if (name.find('_') == std::string_view::npos) return FieldName::Other;
  std::array<char, longestWay> dashes{};
  std::replace_copy(name.begin(), name.end(), dashes.begin(), '_', '-');
  for (const WayName& way : ways)
    if (sameLetters(dashes.data(), way.text.data(), name.size())) return FieldName::WithUnderscores;
  return FieldName::Other;
}

}  // namespace

bool sameLetters(const char* a, const char* b, std::size_t size) {
  std::size_t i = 0;
  for (std::uint64_t x = 0, y = 0; size - i >= sizeof x; i += sizeof x) {  // most names are written alike
    std::memcpy(&x, a + i, sizeof x);
    std::memcpy(&y, b + i, sizeof y);
    if (x != y) break;
  }
  for (; i < size; ++i)
    if (a[i] != b[i] && lower(a[i]) != lower(b[i])) return false;
  return true;
}

FieldName fieldName(std::string_view name) {
  const auto is = [name](std::string_view known) { return sameLetters(name.data(), known.data(), known.size()); };
  switch (name.size()) {
    case 2: return is("TE") ? FieldName::Te : FieldName::Other;
    case 4: return is("Host") ? FieldName::Host : FieldName::Other;
    case 6: return is("Expect") ? FieldName::Expect : FieldName::Other;
    case 7: return is("Upgrade") ? FieldName::Upgrade : is("Trailer") ? FieldName::Trailer : FieldName::Other;
    case 8: return wayName(name, {{"X-Scheme", FieldName::XScheme}});
    case 9: return is("Forwarded") ? FieldName::Forwarded : wayName(name, {{"X-Real-IP", FieldName::XRealIp}});
    case 10: return is("Connection") ? FieldName::Connection : is("Keep-Alive") ? FieldName::KeepAlive : FieldName::Other;
    case 11: return is(names::podHeader) ? FieldName::SpawnerPod : FieldName::Other;
    case 14: return is("Content-Length") ? FieldName::ContentLength : FieldName::Other;
    case 15: return wayName(name, {{"X-Forwarded-For", FieldName::XForwardedFor}, {"X-Forwarded-Ssl", FieldName::XForwardedSsl}});
    case 16:
      if (is("Proxy-Connection")) return FieldName::ProxyConnection;
      return wayName(name, {{"X-Forwarded-Host", FieldName::XForwardedHost}, {"X-Forwarded-Port", FieldName::XForwardedPort}});
    case 17:
      if (is("Transfer-Encoding")) return FieldName::TransferEncoding;
      return wayName(name, {{"X-Forwarded-Proto", FieldName::XForwardedProto}});
    case 18:
      return wayName(name, {{"X-Forwarded-Prefix", FieldName::XForwardedPrefix}, {"X-Forwarded-Scheme", FieldName::XForwardedScheme}});
    case longestWay: return wayName(name, {{"X-Forwarded-Protocol", FieldName::XForwardedProtocol}});
    default: return FieldName::Other;
  }
}

void Headers::note(const Place& at) {
  if (count_ < near)
    first_[count_] = at;
  else
    more_.push_back(at);
  ++count_;
}

void Headers::add(std::string_view name, std::string_view value) {
  if (dropped_ > 1024 && dropped_ > bytes_.size() / 2) {  // a name that is set again and again
    Headers compact;
    for (const auto& [oldName, oldValue] : fields()) compact.add(oldName, oldValue);
    compact.add(name, value);
    *this = std::move(compact);
    return;
  }
  Place at;
  at.name = static_cast<std::uint32_t>(bytes_.size());
  at.nameSize = static_cast<std::uint32_t>(name.size());
  at.value = at.name + at.nameSize;
  at.valueSize = static_cast<std::uint32_t>(value.size());
  at.known = fieldName(name);
  std::string added;  // either may be a view into these bytes
  added.append(name).append(value);
  bytes_ += added;
  note(at);
}

void Headers::set(std::string_view name, std::string_view value) {
  const std::string owned(name);
  remove(owned);
  add(owned, value);
}

void Headers::remove(std::string_view name) {
  std::size_t kept = 0;
  for (std::size_t i = 0; i < count_; ++i) {
    const Place at = place(i);
    if (equalsIgnoreCase(nameOf(at), name))
      dropped_ += at.nameSize + at.valueSize;
    else
      placeAt(kept++) = at;
  }
  count_ = kept;
  more_.resize(kept > near ? kept - near : 0);
}

std::string_view Headers::get(std::string_view name) const {
  for (const auto& [fieldName, value] : fields())
    if (equalsIgnoreCase(fieldName, name)) return value;
  return {};
}

bool Headers::has(std::string_view name) const {
  for (std::size_t i = 0; i < count_; ++i)
    if (equalsIgnoreCase(nameOf(place(i)), name)) return true;
  return false;
}

std::string_view Headers::get(FieldName name) const {
  for (std::size_t i = 0; i < count_; ++i)
    if (place(i).known == name) return valueOf(place(i));
  return {};
}

bool Headers::has(FieldName name) const {
  for (std::size_t i = 0; i < count_; ++i)
    if (place(i).known == name) return true;
  return false;
}

bool Headers::hasToken(std::string_view name, std::string_view token) const {
  for (const auto& [fieldName, value] : fields()) {
    if (!equalsIgnoreCase(fieldName, name)) continue;
    std::string_view rest = value;
    for (;;) {
      const std::size_t comma = rest.find(',');
      if (equalsIgnoreCase(trim(rest.substr(0, comma)), token)) return true;
      if (comma == std::string_view::npos) break;
      rest.remove_prefix(comma + 1);
    }
  }
  return false;
}

}  // namespace spawner::http
