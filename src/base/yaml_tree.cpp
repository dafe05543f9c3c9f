#include "base/yaml_tree.hpp"

#include <yaml.h>

#include <map>
#include <memory>

#include "base/die.hpp"

namespace spawner::yaml {

namespace {

Place placeOf(const yaml_mark_t& mark) { return {mark.line + 1, mark.column + 1}; }
std::string textOf(const yaml_char_t* text) { return text == nullptr ? std::string() : reinterpret_cast<const char*>(text); }

/// Owner of libyaml's parser.
class Events {
 public:
  explicit Events(std::string_view text) {
    if (yaml_parser_initialize(&parser_) == 0) die("libyaml: no memory for a parser");
    yaml_parser_set_encoding(&parser_, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser_, reinterpret_cast<const unsigned char*>(text.data()), text.size());
  }
  Events(const Events&) = delete;
  Events& operator=(const Events&) = delete;
  ~Events() { yaml_parser_delete(&parser_); }

  using Event = std::unique_ptr<yaml_event_t, void (*)(yaml_event_t*)>;
  Result<Event> next() {
    Event event(new yaml_event_t{}, [](yaml_event_t* of) {
      yaml_event_delete(of);
      delete of;
    });
    if (yaml_parser_parse(&parser_, event.get()) != 0) return event;
    const char* const problem = parser_.problem == nullptr ? "not YAML" : parser_.problem;
    // A reader's problem (bytes that are no text) has an offset only.
    if (parser_.error == YAML_READER_ERROR) return errorAt(placeOf(parser_.mark), problem);
    return errorAt(placeOf(parser_.problem_mark), problem);
  }

 private:
  yaml_parser_t parser_{};
};

/// Puts the events of one stream together.
class Composer {
 public:
  Composer(std::size_t maxDepth, std::size_t maxNodes) : maxDepth_(maxDepth), maxNodes_(maxNodes) {}

  Result<void> take(const yaml_event_t& event) {
    switch (event.type) {
      case YAML_DOCUMENT_START_EVENT:
        trees_.emplace_back();
        anchors_.clear();
        return {};
      case YAML_ALIAS_EVENT: return alias(event);
      case YAML_SCALAR_EVENT: {
        const auto& scalar = event.data.scalar;
        Node node{Node::Kind::Scalar, placeOf(event.start_mark), {}, textOf(scalar.tag), scalar.style == YAML_PLAIN_SCALAR_STYLE, {}};
        node.text.assign(reinterpret_cast<const char*>(scalar.value), scalar.length);
        return add(std::move(node), scalar.anchor, false);
      }
      case YAML_SEQUENCE_START_EVENT: {
        const auto& start = event.data.sequence_start;
        return add({Node::Kind::Sequence, placeOf(event.start_mark), {}, textOf(start.tag), false, {}}, start.anchor, true);
      }
      case YAML_MAPPING_START_EVENT: {
        const auto& start = event.data.mapping_start;
        return add({Node::Kind::Map, placeOf(event.start_mark), {}, textOf(start.tag), false, {}}, start.anchor, true);
      }
      case YAML_SEQUENCE_END_EVENT:
      case YAML_MAPPING_END_EVENT: open_.pop_back(); return {};
      default: return {};
    }
  }
  std::vector<Tree> trees() { return std::move(trees_); }

 private:
  Result<void> add(Node node, const yaml_char_t* anchor, bool opens) {
    const Place place = node.place;
    if (opens && open_.size() > maxDepth_) return errorAt(place, "nested deeper than " + std::to_string(maxDepth_));
    if (++count_ > maxNodes_) return errorAt(place, "more than " + std::to_string(maxNodes_) + " values");
    Tree& tree = trees_.back();
    const std::size_t index = tree.size();
    if (!open_.empty()) tree[open_.back()].children.push_back(index);
    if (anchor != nullptr) anchors_[textOf(anchor)] = index;
    tree.push_back(std::move(node));
    if (opens) open_.push_back(index);
    return {};
  }

  Result<void> alias(const yaml_event_t& event) {
    const std::string name = textOf(event.data.alias.anchor);
    const auto anchor = anchors_.find(name);
    if (anchor == anchors_.end()) return errorAt(placeOf(event.start_mark), "the alias " + name + " names nothing before it");
    // (A document that is nothing but an alias has none before it.)
    if (++count_ > maxNodes_) return errorAt(placeOf(event.start_mark), "more than " + std::to_string(maxNodes_) + " values");
    trees_.back()[open_.back()].children.push_back(anchor->second);
    return {};
  }

  const std::size_t maxDepth_, maxNodes_;
  std::size_t count_ = 0;
  std::vector<Tree> trees_;
  std::vector<std::size_t> open_;  // of the present document: what is not ended, from the outside
  std::map<std::string, std::size_t> anchors_;
};

}  // namespace

Error errorAt(Place place, std::string_view what) {
  std::string message = "YAML: line " + std::to_string(place.line) + ", column " + std::to_string(place.column) + ": ";
  return Error{ErrorKind::InvalidArgument, message.append(what), std::nullopt};
}

Result<std::vector<Tree>> readTrees(std::string_view text, std::size_t maxDepth, std::size_t maxNodes) {
  Events events(text);
  Composer composer(maxDepth, maxNodes);
  while (true) {
    auto event = events.next();
    if (!event) return event.error();
    if ((*event)->type == YAML_STREAM_END_EVENT) return composer.trees();
    if (auto taken = composer.take(**event); !taken) return taken.error();
  }
}

}  // namespace spawner::yaml
