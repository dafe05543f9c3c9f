#pragma once
// Recycled memory: what each request needs and gives back, kept for the next one instead of asking the allocator. (glibc keeps seven blocks
// of a size within reach; a turn of the loop has more requests than that under way.) Bounded. Owner: whoever serves the requests, and what
// lies in a block. Thread: the loop's.

#include <cstddef>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

namespace spawner {

/// Blocks of one size. Nothing is kept where a sanitizer looks for the use of freed memory.
class RecycledBlocks {
 public:
  explicit RecycledBlocks(std::size_t limit) : limit_(limit) {}
  RecycledBlocks(const RecycledBlocks&) = delete;
  RecycledBlocks& operator=(const RecycledBlocks&) = delete;
  ~RecycledBlocks() {
    for (void* block : kept_) ::operator delete(block);
  }
  /// REQUIRES: the size is the same each time.
  [[nodiscard]] void* take(std::size_t size) {
    if (kept_.empty()) return ::operator new(size);
    void* block = kept_.back();
    kept_.pop_back();
    return block;
  }
  void give(void* block) noexcept {
    if (!keeps || kept_.size() >= limit_) return ::operator delete(block);
    if (kept_.capacity() == 0) kept_.reserve(limit_);
    kept_.push_back(block);
  }

 private:
#if defined(__SANITIZE_ADDRESS__)
  static constexpr bool keeps = false;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
  static constexpr bool keeps = false;
#else
  static constexpr bool keeps = true;
#endif
#else
  static constexpr bool keeps = true;
#endif
  const std::size_t limit_;
  std::vector<void*> kept_;
};

/// For std::allocate_shared. What lies in a block keeps the blocks.
template <class T>
class RecyclingAllocator {
 public:
  using value_type = T;
  explicit RecyclingAllocator(std::shared_ptr<RecycledBlocks> blocks) : blocks_(std::move(blocks)) {}
  template <class U>
  RecyclingAllocator(const RecyclingAllocator<U>& other) : blocks_(other.blocks_) {}
  [[nodiscard]] T* allocate(std::size_t) { return static_cast<T*>(blocks_->take(sizeof(T))); }
  void deallocate(T* block, std::size_t) noexcept { blocks_->give(block); }
  template <class U>
  bool operator==(const RecyclingAllocator<U>& other) const {
    return blocks_ == other.blocks_;
  }

 private:
  template <class U>
  friend class RecyclingAllocator;
  std::shared_ptr<RecycledBlocks> blocks_;
};

/// Strings with room for a usual head.
class RecycledStrings {
 public:
  explicit RecycledStrings(std::size_t limit) : limit_(limit) {}
  /// An empty one.
  [[nodiscard]] std::string take() {
    std::string text;
    if (kept_.empty()) {
      text.reserve(room);
    } else {
      text.swap(kept_.back());
      kept_.pop_back();
    }
    return text;
  }
  /// Leaves the string without memory, whether that is kept or not.
  void give(std::string& text) {
    if (text.capacity() >= room && text.capacity() <= 4 * room && kept_.size() < limit_) {
      text.clear();
      kept_.emplace_back().swap(text);
    } else {
      std::string().swap(text);
    }
  }

 private:
  static constexpr std::size_t room = 512;
  const std::size_t limit_;
  std::vector<std::string> kept_;
};

}  // namespace spawner
