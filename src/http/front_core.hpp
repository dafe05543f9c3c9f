#pragma once
// FrontCore: what all connections of one Front share. Owner: the Front and, for the time of a call, its connections.

#include <array>
#include <list>
#include <memory>
#include <vector>

#include "base/recycled.hpp"
#include "http/date_field.hpp"
#include "http/front.hpp"
#include "http/splice.hpp"
#include "spawner/loop.hpp"

namespace spawner::http {

class Connection;

/// Thread: the loop's.
struct FrontCore : std::enable_shared_from_this<FrontCore> {
  FrontCore(Loop& theLoop, Front::Handler theHandler, FrontOptions theOptions)
      : loop(theLoop), handler(std::move(theHandler)), options(std::move(theOptions)) {}

  /// Has the connection run when the present call-back is over, in one task with all that ask in this turn.
  void runSoon(std::shared_ptr<Connection> connection);
  /// Posts `drained` when drain() was asked for and nothing is under way any more.
  void checkDrained();

  Loop& loop;
  const Front::Handler handler;
  const FrontOptions options;
  FrontStats stats;  // without connections: that is the list's size
  std::list<std::shared_ptr<Connection>> connections;
  std::size_t lingering = 0;  // of them, only throw input away: no exchange is under way, and they take nobody's place
  const int firstSpare = firstSpareDescriptor(options.limits.spareDescriptors);
  SplicePipes pipes{options.limits.maxPipes, firstSpare};
  std::vector<std::shared_ptr<Connection>> due, batch;  // by runSoon(): of the next task, of the present one
  static constexpr std::size_t recycled = 64;           // about as many exchanges as are begun in a turn
  const std::shared_ptr<RecycledBlocks> exchanges = std::make_shared<RecycledBlocks>(recycled);
  RecycledStrings heads{recycled};
  DateField date;
  bool draining = false;
  Task drained;
  /// Every connection reads into this one; what it cannot use at once it copies. So an idle connection holds no buffer.
  std::array<char, 64 * 1024> buffer;
};

}  // namespace spawner::http
