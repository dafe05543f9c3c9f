#include "http/head_writer.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "http/guard.hpp"

namespace spawner::http {

namespace {

bool isTarget(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

}  // namespace

void HeadWriter::grow(std::size_t size) {
  constexpr std::size_t usual = 512;  // what a head needs, made at once
  out_.resize(std::max(end_ + size, std::min(out_.capacity(), end_ + size + usual)));
}

void HeadWriter::requestLine(std::string_view method, std::string_view target, int minorVersion) {
  if (!isToken(method)) bad_ = "the method";
  if (!isTarget(target)) bad_ = "the request target";
  char* at = put(room(method.size() + target.size() + sizeof "  HTTP/1.x\r\n" - 1), method);
  *at++ = ' ';
  std::memcpy(put(at, target), minorVersion == 0 ? " HTTP/1.0\r\n" : " HTTP/1.1\r\n", 11);
}

void HeadWriter::statusLine(int status, std::string_view reason, int minorVersion) {
  if (status < 100 || status > 999) bad_ = "the status";
  if (!isFieldValue(reason)) bad_ = "the reason phrase";
  const auto digit = [status](int of) { return static_cast<char>('0' + status / of % 10); };
  const std::string_view phrase = reason.empty() ? reasonPhrase(status) : reason;
  char* const at = room(sizeof "HTTP/1.x 200 \r\n" - 1 + phrase.size());
  std::memcpy(at, minorVersion == 0 ? "HTTP/1.0 " : "HTTP/1.1 ", 9);
  at[9] = digit(100);
  at[10] = digit(10);
  at[11] = digit(1);
  at[12] = ' ';
  std::memcpy(put(at + 13, phrase), "\r\n", 2);
}

void HeadWriter::field(std::string_view name, std::string_view value) {
  if (!isToken(name)) {
    bad_ = "a field's name";
    return;
  }
  if (!isFieldValue(value)) return badValue(name);
  char* const at = put(room(name.size() + 2 + value.size() + 2), name);
  std::memcpy(at, ": ", 2);
  std::memcpy(put(at + 2, value), "\r\n", 2);
}

void HeadWriter::badValue(std::string_view name) {
  bad_ = "the value of the field ";
  bad_.append(name);
}

void HeadWriter::endToEndFields(const Headers& headers) {
  const HopByHop hopByHop(headers);
  fields(headers, [&](const Headers::Place& place) { return place.known == FieldName::ContentLength || hopByHop.has(place); });
}

Result<void> HeadWriter::finish() {
  if (!bad_.empty()) {
    out_.resize(start_);
    return Error{ErrorKind::InvalidArgument, "cannot write an HTTP head: " + bad_ + " has characters that would break it", std::nullopt};
  }
  std::memcpy(room(2), "\r\n", 2);
  out_.resize(end_);
  return {};
}

Result<std::string> writeHead(const RequestHead& head) {
  std::string out;
  HeadWriter writer(out);
  writer.requestLine(head.method, head.target, head.minorVersion);
  for (const auto& [name, value] : head.headers.fields()) writer.field(name, value);
  if (const auto written = writer.finish(); !written) return written.error();
  return out;
}

Result<std::string> writeHead(const ResponseHead& head) {
  std::string out;
  HeadWriter writer(out);
  writer.statusLine(head.status, head.reason, head.minorVersion);
  for (const auto& [name, value] : head.headers.fields()) writer.field(name, value);
  if (const auto written = writer.finish(); !written) return written.error();
  return out;
}

HopByHop::HopByHop(const Headers& headers) : headers_(headers) {
  for (std::size_t i = 0; i < headers.size(); ++i) {
    const Headers::Place& place = headers.place(i);
    if (place.known != FieldName::Connection) continue;
    std::string_view rest = headers.valueOf(place);
    if (equalsIgnoreCase(rest, "close") || equalsIgnoreCase(rest, "keep-alive") || equalsIgnoreCase(rest, "upgrade")) continue;
    for (;;) {
      const std::size_t comma = rest.find(',');
      if (const std::string_view option = trim(rest.substr(0, comma)); !option.empty()) named_.push_back(option);
      if (comma == std::string_view::npos) break;
      rest.remove_prefix(comma + 1);
    }
  }
}

bool HopByHop::names(std::string_view name) const {
  return std::any_of(named_.begin(), named_.end(), [&](std::string_view option) { return equalsIgnoreCase(option, name); });
}

}  // namespace spawner::http
