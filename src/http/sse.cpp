#include "http/sse.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace spawner::http {

namespace {

Error tooLarge(std::string_view what, std::size_t limit) {
  return {ErrorKind::Limit, std::string(what) + " of an event stream is larger than " + std::to_string(limit) + " bytes", std::nullopt};
}

std::string oneLine(std::string_view text) {
  std::string out(text);
  std::replace_if(
      out.begin(), out.end(), [](char c) { return c == '\r' || c == '\n' || c == '\0'; }, ' ');
  return out;
}

}  // namespace

Result<void> SseParser::feed(std::string_view bytes, const std::function<void(SseEvent)>& sink) {
  if (failed_) return Error{ErrorKind::Limit, "the event stream was given up before", std::nullopt};
  while (!bytes.empty()) {
    if (afterCr_) {
      afterCr_ = false;
      if (bytes[0] == '\n') {
        bytes.remove_prefix(1);
        continue;
      }
    }
    const std::size_t end = std::min(bytes.find_first_of("\r\n"), bytes.size());
    if (line_.size() + end > limits_.maxLineBytes) {
      failed_ = true;
      return tooLarge("a line", limits_.maxLineBytes);
    }
    if (end == bytes.size()) {
      line_.append(bytes);
      return {};
    }
    afterCr_ = bytes[end] == '\r';
    const std::string_view part = bytes.substr(0, end);
    bytes.remove_prefix(end + 1);
    Result<void> taken;
    if (line_.empty()) {
      taken = takeLine(part, sink);
    } else {
      line_.append(part);
      taken = takeLine(line_, sink);
      line_.clear();
    }
    if (!taken) {
      failed_ = true;
      return taken;
    }
  }
  return {};
}

Result<void> SseParser::takeLine(std::string_view line, const std::function<void(SseEvent)>& sink) {
  if (firstLine_) {
    firstLine_ = false;
    if (line.starts_with("\xEF\xBB\xBF")) line.remove_prefix(3);
  }
  if (line.empty()) {
    if (hasData_) {
      data_.pop_back();  // each data line added a '\n'
      sink(SseEvent{std::move(event_), std::move(data_), lastId_, retry_});
    }
    event_.clear();
    data_.clear();
    retry_.reset();
    hasData_ = false;
    return {};
  }
  if (line[0] == ':') {
    ++comments_;
    return {};
  }
  const std::size_t colon = line.find(':');
  std::string_view value = colon == std::string_view::npos ? std::string_view() : line.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  takeField(line.substr(0, colon), value);
  if (data_.size() + event_.size() + lastId_.size() > limits_.maxEventBytes) return tooLarge("an event", limits_.maxEventBytes);
  return {};
}

void SseParser::takeField(std::string_view name, std::string_view value) {
  if (name == "data") {
    data_.append(value);
    data_.push_back('\n');
    hasData_ = true;
  } else if (name == "event") {
    event_ = value;
  } else if (name == "id") {
    if (value.find('\0') == std::string_view::npos) lastId_ = value;
  } else if (name == "retry") {
    // An hour is more than any reader should be told to wait.
    if (const auto number = parseUnsigned(value)) retry_ = std::chrono::milliseconds(std::min<std::uint64_t>(*number, 3'600'000));
  }
}

std::string encodeSse(const SseEvent& event) {
  std::string out;
  out.reserve(event.data.size() + event.event.size() + event.id.size() + 32);
  if (!event.event.empty()) out.append("event: ").append(oneLine(event.event)).append("\n");
  if (!event.id.empty()) out.append("id: ").append(oneLine(event.id)).append("\n");
  if (event.retry) out.append("retry: ").append(std::to_string(event.retry->count())).append("\n");
  std::string_view rest = event.data;
  for (;;) {
    const std::size_t end = std::min(rest.find_first_of("\r\n"), rest.size());
    out.append("data: ").append(rest.substr(0, end)).append("\n");
    if (end == rest.size()) break;
    rest.remove_prefix(end + (rest.substr(end).starts_with("\r\n") ? 2 : 1));
  }
  out.push_back('\n');
  return out;
}

std::string encodeSseComment(std::string_view text) { return ": " + oneLine(text) + "\n\n"; }

}  // namespace spawner::http
