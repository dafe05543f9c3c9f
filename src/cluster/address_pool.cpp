#include "cluster/address_pool.hpp"

#include <fmt/format.h>

#include "base/text.hpp"

namespace spawner::cluster {

namespace {

std::optional<std::uint32_t> parseAddress(std::string_view text) {
  std::uint32_t value = 0;
  const auto parts = split(text, '.');
  if (parts.size() != 4) return std::nullopt;
  for (const std::string_view part : parts) {
    const auto byte = parseUnsigned(part, 255);
    if (!byte) return std::nullopt;
    value = value << 8 | static_cast<std::uint32_t>(*byte);
  }
  return value;
}

std::string format(std::uint32_t address) {
  return fmt::format("{}.{}.{}.{}", address >> 24, address >> 16 & 255, address >> 8 & 255, address & 255);
}

}  // namespace

Result<AddressPool> AddressPool::parse(std::string_view range) {
  const std::size_t slash = range.find('/');
  const auto base = parseAddress(range.substr(0, slash));
  const auto bits = slash == std::string_view::npos ? std::nullopt : parseUnsigned(range.substr(slash + 1), 30);
  if (!base || !bits || *bits < 8)
    return Error{ErrorKind::InvalidArgument, fmt::format("\"{}\" is no IPv4 range with a prefix of 8 to 30 bits", range), {}};
  const std::uint32_t size = std::uint32_t{1} << (32 - *bits);
  AddressPool pool;
  pool.first_ = (*base & ~(size - 1)) + 1;
  pool.last_ = pool.first_ + size - 3;
  pool.next_ = pool.first_;
  return pool;
}

std::optional<std::string> AddressPool::take() {
  const std::size_t size = std::size_t{last_} - first_ + 1;
  if (taken_.size() >= size) return std::nullopt;
  for (;;) {
    const std::uint32_t address = next_;
    next_ = next_ == last_ ? first_ : next_ + 1;
    if (taken_.insert(address).second) return format(address);
  }
}

bool AddressPool::take(std::string_view address) {
  const auto value = parseAddress(address);
  return value && *value >= first_ && *value <= last_ && taken_.insert(*value).second;
}

void AddressPool::release(std::string_view address) {
  if (const auto value = parseAddress(address)) taken_.erase(*value);
}

}  // namespace spawner::cluster
