#include "k8s/line_splitter.hpp"

#include <algorithm>

namespace spawner::k8s {

void LineSplitter::feed(std::string_view bytes) {
  constexpr std::size_t keptCapacity = 64 * 1024;  // what an idle watch may hold
  if (begin_ == buffer_.size()) {
    clear();
    if (buffer_.capacity() > keptCapacity) buffer_ = std::string();
  } else if (begin_ > 0) {
    buffer_.erase(0, begin_);
    scanned_ -= begin_;
    begin_ = 0;
  }
  const std::size_t needed = buffer_.size() + bytes.size() + padding;
  if (buffer_.capacity() < needed) buffer_.reserve(std::max(needed, 2 * buffer_.size()));
  buffer_.append(bytes);
}

Result<std::optional<std::string_view>> LineSplitter::next() {
  for (;;) {
    const std::size_t end = buffer_.find('\n', scanned_);
    const std::size_t length = std::min(end, buffer_.size()) - begin_;
    if (length > maxLineBytes_) return Error{ErrorKind::Limit, "a line is longer than " + std::to_string(maxLineBytes_) + " bytes", {}};
    if (end == std::string::npos) {
      scanned_ = buffer_.size();
      return std::optional<std::string_view>();
    }
    std::string_view line(buffer_.data() + begin_, length);
    begin_ = scanned_ = end + 1;
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (!line.empty()) return std::optional<std::string_view>(line);
  }
}

void LineSplitter::clear() {
  buffer_.clear();
  begin_ = scanned_ = 0;
}

}  // namespace spawner::k8s
