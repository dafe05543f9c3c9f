#pragma once
// Board: the drawing and who looks at it. State of the process: a session-lived backend is made for exactly this. No I/O. Thread: one.

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

namespace whiteboard {

/// A message as JSON text, shared by all who get it.
using Message = std::shared_ptr<const std::string>;

class Board {
 public:
  static constexpr std::size_t maxLines = 20'000;  // the oldest go first
  static constexpr std::size_t maxPoints = 512;    // numbers in one line: x0, y0, x1, y1, …
  static constexpr std::size_t maxPeople = 200;

  using Send = std::function<void(Message)>;
  /// Adds somebody; sends the whole drawing. 0: the board is full.
  std::uint64_t join(Send send);
  void leave(std::uint64_t id);
  /// What somebody sent. False: it is not a message of ours, and the sender should go.
  bool receive(std::uint64_t id, std::string_view text);

  [[nodiscard]] const std::deque<Message>& lines() const { return lines_; }
  [[nodiscard]] std::size_t people() const { return people_.size(); }

 private:
  void tellAll(const Message& message, std::uint64_t except = 0);
  void tellPeople();
  std::deque<Message> lines_;
  std::map<std::uint64_t, Send> people_;
  std::uint64_t nextId_ = 1;
};

}  // namespace whiteboard
