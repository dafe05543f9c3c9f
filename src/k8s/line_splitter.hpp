#pragma once
// LineSplitter: a stream of bytes into lines, whatever way the bytes are cut. Pure and bounded.

#include <optional>
#include <string>
#include <string_view>

#include "spawner/result.hpp"

namespace spawner::k8s {

class LineSplitter {
 public:
  /// Behind every line that next() gives, at least this many bytes may be read (simdjson needs them); what they are is not said.
  static constexpr std::size_t padding = 64;

  explicit LineSplitter(std::size_t maxLineBytes) : maxLineBytes_(maxLineBytes) {}

  /// Takes bytes; views given before are no longer valid.
  void feed(std::string_view bytes);
  /// The next whole line without its line end; empty ones are passed over. nullopt: there is none yet. Limit: a line is longer than the
  /// bound.
  Result<std::optional<std::string_view>> next();
  /// True when the bytes end within a line.
  [[nodiscard]] bool partial() const { return begin_ < buffer_.size(); }
  void clear();

 private:
  std::size_t maxLineBytes_;
  std::string buffer_;
  std::size_t begin_ = 0;    // of the line under way
  std::size_t scanned_ = 0;  // no line end before this
};

}  // namespace spawner::k8s
