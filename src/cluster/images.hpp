#pragma once
// ImageTable: what stands for container images on the embedded node: a name and the command that it runs. Pure.

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "spawner/result.hpp"

namespace spawner::cluster {

/// Splits a command line into words as a POSIX shell would, with single and double quotes and backslashes, and nothing else: no variables,
/// no globs, no operators. InvalidArgument: an open quote, or no word at all.
Result<std::vector<std::string>> splitCommand(std::string_view line);

struct Image {
  /// The image's entry point and arguments. A pod's `command` replaces all of it, a pod's `args` come behind the entry point's words.
  std::vector<std::string> argv;
  /// The image holds this very executable: a pod's `command: ["spawner", …]` means argv[0].
  bool self = false;
};

class ImageTable {
 public:
  /// "NAME=COMMAND", as on the command line.
  Result<void> addOption(std::string_view option);
  void add(std::string name, Image image) { images_[std::move(name)] = std::move(image); }
  [[nodiscard]] const std::map<std::string, Image>& images() const { return images_; }
  [[nodiscard]] bool isSelf(const std::string& name) const;
  /// The words to run. NotFound: no such image; the message says how to give one. A tag or digest in the pod's image name may be left out
  /// of NAME.
  [[nodiscard]] Result<std::vector<std::string>> resolve(const std::string& image, const std::vector<std::string>& command,
                                                         const std::vector<std::string>& args) const;

 private:
  [[nodiscard]] const Image* find(const std::string& name) const;
  std::map<std::string, Image> images_;
};

}  // namespace spawner::cluster
