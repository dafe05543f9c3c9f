#pragma once
// ReflectorMachine: what a reflector does next. States and what leads from one to another; no I/O, no clock reading.
//
//   Empty ──list──► Listing ──last page──► Watching ──broken, clean end──► Watching (resumed by resourceVersion)
//     ▲                │ 410, unreadable       │ 410 (in the head or the stream), unreadable, versions going back
//     └────────────────┴───────────────────────┘

#include <string>

#include "base/backoff.hpp"
#include "spawner/random.hpp"
#include "spawner/result.hpp"
#include "spawner/time.hpp"

namespace spawner::k8s {

class ReflectorMachine {
 public:
  enum class State { Empty, Listing, Watching };
  /// What to ask the server, and after how long.
  enum class Ask { FirstPage, NextPage, Watch };
  struct Step {
    Ask ask;
    Duration delay = Duration::zero();
  };

  ReflectorMachine(Random& random, BackoffOptions backoff) : random_(random), backoff_(backoff) {}

  Step start() { return {Ask::FirstPage}; }
  /// A page was read; an empty token means that it was the last one.
  Step pageRead(std::string continueToken);
  /// The head of a watch came.
  void watchOpened(TimePoint now);
  /// A watch told something new: the server and our resourceVersion are well.
  void progressed();
  /// The watch ended cleanly: resumed at once if it had been of use, else after a delay.
  Step watchEnded(TimePoint now);
  /// A list or a watch failed. Gone, Protocol and Limit lead to Empty: the place in the history is lost, or what was there.
  Step failed(const Error& error, TimePoint now);

  [[nodiscard]] State state() const { return state_; }
  [[nodiscard]] const std::string& continueToken() const { return continueToken_; }
  [[nodiscard]] int failures() const { return backoff_.tries(); }

 private:
  [[nodiscard]] Ask ask() const;
  /// True when the watch had been of use: it told something, or held for a while.
  bool closeWatch(TimePoint now);

  Random& random_;
  Backoff backoff_;
  State state_ = State::Empty;
  std::string continueToken_;
  bool open_ = false;
  bool told_ = false;
  TimePoint openedAt_{};
};

}  // namespace spawner::k8s
