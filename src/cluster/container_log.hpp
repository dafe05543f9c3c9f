#pragma once
// ContainerLog: what one container wrote, kept in a file of bounded size (and the one before it): read from a pipe on the loop.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "loop/socket.hpp"
#include "spawner/loop.hpp"
#include "spawner/result.hpp"

namespace spawner::cluster {

/// Owner: the container. Destroying it reads what is left in the pipe and closes the file.
class ContainerLog {
 public:
  /// Opens (appends to) `file`; beyond maxBytes the file is renamed to `file`.1 and a new one begun. tail() has at most tailBytes.
  static Result<std::unique_ptr<ContainerLog>> open(Loop& loop, std::filesystem::path file, std::uint64_t maxBytes, std::size_t tailBytes);
  ~ContainerLog();
  /// The pipe's end for the child's standard output and error; closed with closeWriteEnd() after the start.
  [[nodiscard]] int writeEnd() const { return writeEnd_.get(); }
  void closeWriteEnd() { writeEnd_.reset(); }
  /// After the program's end: reads what is left in the pipe, and no more afterwards. The last tailBytes of all that was written.
  [[nodiscard]] const std::string& tail();

 private:
  ContainerLog() = default;
  bool readOnce();
  void finish();
  void keep(std::string_view bytes);
  std::filesystem::path path_;
  std::uint64_t maxBytes_ = 0;
  std::uint64_t size_ = 0;
  std::size_t tailBytes_ = 0;
  std::string tail_;
  Fd file_;
  Fd readEnd_;
  Fd writeEnd_;
  FdWatch watch_;
};

}  // namespace spawner::cluster
