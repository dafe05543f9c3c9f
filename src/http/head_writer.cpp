#include "http/head_writer.hpp"

#include <algorithm>
#include <array>

#include "http/guard.hpp"

namespace spawner::http {

namespace {

constexpr auto connectionFields =
    std::to_array<std::string_view>({"Connection", "Keep-Alive", "Proxy-Connection", "TE", "Trailer", "Transfer-Encoding", "Upgrade"});

bool isTarget(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

std::string_view version(int minorVersion) { return minorVersion == 0 ? "HTTP/1.0" : "HTTP/1.1"; }

}  // namespace

void HeadWriter::requestLine(std::string_view method, std::string_view target, int minorVersion) {
  if (!isToken(method)) bad_ = "the method";
  if (!isTarget(target)) bad_ = "the request target";
  out_.append(method).append(" ").append(target).append(" ").append(version(minorVersion)).append("\r\n");
}

void HeadWriter::statusLine(int status, std::string_view reason, int minorVersion) {
  if (status < 100 || status > 999) bad_ = "the status";
  if (!isFieldValue(reason)) bad_ = "the reason phrase";
  const auto digit = [status](int of) { return static_cast<char>('0' + status / of % 10); };
  const char number[] = {' ', digit(100), digit(10), digit(1), ' '};
  const std::string_view phrase = reason.empty() ? reasonPhrase(status) : reason;
  out_.append(version(minorVersion)).append(number, sizeof number).append(phrase).append("\r\n");
}

void HeadWriter::field(std::string_view name, std::string_view value) {
  if (!isToken(name)) {
    bad_ = "a field's name";
  } else if (!isFieldValue(value)) {
    bad_ = "the value of the field ";
    bad_.append(name);
  } else {
    out_.append(name).append(": ").append(value).append("\r\n");
  }
}

void HeadWriter::endToEndFields(const Headers& headers) {
  const HopByHop hopByHop(headers);
  for (const auto& [name, value] : headers.fields())
    if (!hopByHop.has(name) && !equalsIgnoreCase(name, "Content-Length")) field(name, value);
}

Result<void> HeadWriter::finish() {
  if (!bad_.empty()) {
    out_.resize(start_);
    return Error{ErrorKind::InvalidArgument, "cannot write an HTTP head: " + bad_ + " has characters that would break it", std::nullopt};
  }
  out_.append("\r\n");
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

bool HopByHop::has(std::string_view name) const {
  const auto equals = [&](std::string_view other) { return equalsIgnoreCase(name, other); };
  return std::any_of(connectionFields.begin(), connectionFields.end(), equals) || (naming_ && naming_->hasToken("Connection", name));
}

}  // namespace spawner::http
