#pragma once
// AddressPool: the cluster IPs of Services, out of one IPv4 range. Owner: ApiServer. Thread: one.

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "spawner/result.hpp"

namespace spawner::cluster {

class AddressPool {
 public:
  /// "127.96.0.0/16": a prefix of 8 to 30 bits. The first and the last address are never given.
  static Result<AddressPool> parse(std::string_view range);
  /// The next free address, in turn (a freed one is not given again soon); nullopt when all are taken.
  std::optional<std::string> take();
  /// False when it is not of the range, or taken.
  bool take(std::string_view address);
  void release(std::string_view address);

 private:
  std::uint32_t first_ = 0, last_ = 0, next_ = 0;
  std::set<std::uint32_t> taken_;
};

}  // namespace spawner::cluster
