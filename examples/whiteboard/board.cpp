#include "board.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace whiteboard {
namespace {

using Json = nlohmann::json;

Message message(const Json& json) { return std::make_shared<const std::string>(json.dump()); }

bool isColor(const Json& value) {
  if (!value.is_string()) return false;
  const std::string& text = value.get_ref<const std::string&>();
  return text.size() == 7 && text[0] == '#' && text.find_first_not_of("0123456789abcdefABCDEF", 1) == std::string::npos;
}

bool isNumberIn(const Json& value, double low, double high) {
  return value.is_number() && value.get<double>() >= low && value.get<double>() <= high;
}

/// The board is 1600 by 1000 units; lines may leave it a little.
bool isLine(const Json& line) {
  if (!line.contains("points") || !line["points"].is_array() || !line.contains("color") || !line.contains("width")) return false;
  const Json& points = line["points"];
  return points.size() >= 4 && points.size() <= Board::maxPoints && points.size() % 2 == 0 && isColor(line["color"]) &&
         isNumberIn(line["width"], 1, 60) &&
         std::all_of(points.begin(), points.end(), [](const Json& p) { return isNumberIn(p, -1000, 3000); });
}

}  // namespace

std::uint64_t Board::join(Send send) {
  if (people_.size() >= maxPeople) return 0;
  const std::uint64_t id = nextId_++;
  std::string welcome = R"({"type":"welcome","you":)" + std::to_string(id) + R"(,"lines":[)";
  for (const Message& line : lines_) welcome += (line == lines_.front() ? "" : ",") + *line;
  send(std::make_shared<const std::string>(welcome + "]}"));
  people_[id] = std::move(send);
  tellPeople();
  return id;
}

void Board::leave(std::uint64_t id) {
  if (people_.erase(id) > 0) tellPeople();
}

bool Board::receive(std::uint64_t id, std::string_view text) {
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object() || !json.contains("type") || !json["type"].is_string()) return false;
  const std::string type = json["type"];
  if (type == "line" && isLine(json)) {
    const Message line =
        message({{"type", "line"}, {"by", id}, {"points", json["points"]}, {"color", json["color"]}, {"width", json["width"]}});
    lines_.push_back(line);
    if (lines_.size() > maxLines) lines_.pop_front();
    tellAll(line, id);
    return true;
  }
  if (type == "cursor" && json.contains("x") && json.contains("y") && json["x"].is_number() && json["y"].is_number()) {
    tellAll(message({{"type", "cursor"}, {"by", id}, {"x", json["x"]}, {"y", json["y"]}}), id);
    return true;
  }
  if (type == "clear") {
    lines_.clear();
    tellAll(message({{"type", "clear"}}));
    return true;
  }
  return false;
}

void Board::tellAll(const Message& message, std::uint64_t except) {
  for (const auto& [id, send] : people_)
    if (id != except) send(message);
}

void Board::tellPeople() { tellAll(message({{"type", "people"}, {"count", people_.size()}})); }

}  // namespace whiteboard
