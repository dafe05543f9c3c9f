#include "cluster/images.hpp"

namespace spawner::cluster {

Result<std::vector<std::string>> splitCommand(std::string_view line) {
  std::vector<std::string> words;
  std::string word;
  bool open = false;  // a word has begun (also an empty quoted one)
  char quote = 0;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (quote == '\'') {
      if (c == '\'')
        quote = 0;
      else
        word += c;
    } else if (c == '\\' && i + 1 < line.size() && (quote == 0 || line[i + 1] == '"' || line[i + 1] == '\\')) {
      word += line[++i];
      open = true;
    } else if (quote == '"') {
      if (c == '"')
        quote = 0;
      else
        word += c;
    } else if (c == '\'' || c == '"') {
      quote = c;
      open = true;
    } else if (c == ' ' || c == '\t' || c == '\n') {
      if (open) words.push_back(std::exchange(word, {}));
      open = false;
    } else {
      word += c;
      open = true;
    }
  }
  if (quote != 0) return Error{ErrorKind::InvalidArgument, "the command '" + std::string(line) + "' has an open quote", {}};
  if (open) words.push_back(std::move(word));
  if (words.empty()) return Error{ErrorKind::InvalidArgument, "the command is empty", {}};
  return words;
}

Result<void> ImageTable::addOption(std::string_view option) {
  const std::size_t equals = option.find('=');
  if (equals == 0 || equals == std::string_view::npos)
    return Error{ErrorKind::InvalidArgument, "--image '" + std::string(option) + "': expected NAME=COMMAND", {}};
  auto words = splitCommand(option.substr(equals + 1));
  if (!words) return words.error().in("--image " + std::string(option.substr(0, equals)));
  const std::string name(option.substr(0, equals));
  if (images_.contains(name)) return Error{ErrorKind::InvalidArgument, "--image " + name + " is given twice", {}};
  add(name, Image{std::move(*words), false});
  return {};
}

const Image* ImageTable::find(const std::string& name) const {
  if (const auto it = images_.find(name); it != images_.end()) return &it->second;
  // "registry/name:tag@digest": the digest and the tag may be left out of the table's name.
  std::string bare = name.substr(0, name.find('@'));
  const std::size_t colon = bare.rfind(':');
  if (colon != std::string::npos && bare.find('/', colon) == std::string::npos) bare.resize(colon);
  const auto it = images_.find(bare);
  return it == images_.end() ? nullptr : &it->second;
}

bool ImageTable::isSelf(const std::string& name) const {
  const Image* image = find(name);
  return image != nullptr && image->self;
}

Result<std::vector<std::string>> ImageTable::resolve(const std::string& image, const std::vector<std::string>& command,
                                                     const std::vector<std::string>& args) const {
  const Image* known = find(image);
  if (known == nullptr) {
    std::string names;
    for (const auto& [name, entry] : images_)
      if (!entry.self) names += (names.empty() ? "" : ", ") + name;
    return Error{ErrorKind::NotFound, "no image \"" + image + "\" here; known: " + (names.empty() ? "none" : names), {}};
  }
  std::vector<std::string> argv = command.empty() ? known->argv : command;
  if (known->self && !command.empty()) argv[0] = known->argv[0];
  argv.insert(argv.end(), args.begin(), args.end());
  return argv;
}

}  // namespace spawner::cluster
