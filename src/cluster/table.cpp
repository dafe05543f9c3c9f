#include "cluster/table.hpp"

#include <fmt/format.h>

#include <array>

#include "backend/crd.hpp"
#include "base/text.hpp"
#include "cluster/json_path.hpp"
#include "cluster/pod_cells.hpp"

namespace spawner::cluster {

namespace {

using Columns = std::vector<Column>;
Column column(std::string name, int priority = 0, std::string type = "string") { return {std::move(name), std::move(type), {}, priority}; }

/// A slab's column: where the CRD says its value is.
struct SlabColumn {
  Column column;
  std::string path;
};

std::vector<SlabColumn> readSlabColumns() {
  std::vector<SlabColumn> out;
  const Result<Json> crd = Json::parse(backend::crdJson());
  const Json* versions = crd ? crd->find({"spec", "versions"}) : nullptr;
  if (versions == nullptr || versions->items().empty()) return out;
  if (const Json* columns = versions->items().front().find("additionalPrinterColumns"))
    for (const Json& one : columns->items())
      out.push_back({{std::string(one.textAt({"name"})), std::string(one.textAt({"type"})), std::string(one.textAt({"description"})),
                      static_cast<int>(one.integerAt({"priority"}))},
                     std::string(one.textAt({"jsonPath"}))});
  return out;
}

const std::vector<SlabColumn>& slabColumns() {
  static const std::vector<SlabColumn> columns = readSlabColumns();
  return columns;
}

std::vector<Columns> readColumns() {
  std::vector<Columns> table(allTypes().size());
  const auto set = [&table](const ResourceType& type, Columns columns) { table[type.index] = std::move(columns); };
  set(types::pods, {column("Name"), column("Ready"), column("Status"), column("Restarts"), column("Age"), column("IP", 1),
                    column("Node", 1), column("Nominated Node", 1), column("Readiness Gates", 1)});
  set(types::services, {column("Name"), column("Type"), column("Cluster-IP"), column("External-IP"), column("Port(s)"), column("Age"),
                        column("Selector", 1)});
  set(types::namespaces, {column("Name"), column("Status"), column("Age")});
  set(types::nodes, {column("Name"), column("Status"), column("Roles"), column("Age"), column("Version"), column("Internal-IP", 1),
                     column("External-IP", 1), column("OS-Image", 1), column("Kernel-Version", 1), column("Container-Runtime", 1)});
  set(types::secrets, {column("Name"), column("Type"), column("Data"), column("Age")});
  set(types::configMaps, {column("Name"), column("Data"), column("Age")});
  set(types::serviceAccounts, {column("Name"), column("Secrets"), column("Age")});
  set(types::leases, {column("Name"), column("Holder"), column("Age")});
  set(types::crds, {column("Name"), column("Created At")});
  set(types::events, {column("Last Seen"), column("Type"), column("Reason"), column("Object"), column("Subobject", 1), column("Source", 1),
                      column("Message"), column("First Seen", 1), column("Count", 1), column("Name", 1)});
  Columns slab = {column("Name")};
  for (const SlabColumn& one : slabColumns()) slab.push_back(one.column);
  set(types::slabs, std::move(slab));
  for (Columns& columns : table)
    for (Column& one : columns)
      if (one.name == "Name") one.type = "string";
  return table;
}

std::string orNone(std::string_view text) { return text.empty() ? "<none>" : std::string(text); }

std::string dataCount(const Json& object) {
  const auto count = [&object](std::string_view field) {
    const Json* data = object.find(field);
    return data != nullptr ? data->size() : 0;
  };
  return std::to_string(count("data") + count("binaryData"));
}

std::string ports(const Json& service) {
  std::string out;
  const Json* list = service.find({"spec", "ports"});
  for (const Json& port : list != nullptr ? list->items() : Json::Array())
    out += fmt::format("{}{}/{}", out.empty() ? "" : ",", port.integerAt({"port"}), port.textAt({"protocol"}, "TCP"));
  return orNone(out);
}

std::string selectorText(const Json* labels) {
  std::string out;
  for (const auto& [key, value] : labels != nullptr ? labels->members() : Json::Members())
    out += fmt::format("{}{}={}", out.empty() ? "" : ",", key, value.text());
  return orNone(out);
}

std::string nodeStatus(const Json& node) {
  std::string out = "Unknown";
  const Json* conditions = node.find({"status", "conditions"});
  for (const Json& condition : conditions != nullptr ? conditions->items() : Json::Array())
    if (condition.textAt({"type"}) == "Ready") out = condition.textAt({"status"}) == "True" ? "Ready" : "NotReady";
  return node.truthAt({"spec", "unschedulable"}) ? out + ",SchedulingDisabled" : out;
}

std::string nodeAddress(const Json& node, std::string_view type) {
  const Json* addresses = node.find({"status", "addresses"});
  for (const Json& address : addresses != nullptr ? addresses->items() : Json::Array())
    if (address.textAt({"type"}) == type) return std::string(address.textAt({"address"}));
  return "<none>";
}

Json eventCells(const Json& event, Now now) {
  const auto first = [&event](std::initializer_list<std::string_view> fields) {
    for (const std::string_view field : fields)
      if (const std::string_view time = event.textAt({field}); !time.empty()) return time;
    return std::string_view();
  };
  std::string object(event.textAt({"involvedObject", "kind"}));
  object = fmt::format("{}/{}", toLower(object), event.textAt({"involvedObject", "name"}));
  const Json* series = event.find("series");
  const std::string_view lastInSeries = series != nullptr ? series->textAt({"lastObservedTime"}) : std::string_view();
  const std::string_view source = event.textAt({"source", "component"}, event.textAt({"reportingComponent"}));
  return Json::array({ageOf(lastInSeries.empty() ? first({"lastTimestamp", "eventTime", "firstTimestamp"}) : lastInSeries, now),
                      event.textAt({"type"}), event.textAt({"reason"}), object, event.textAt({"involvedObject", "fieldPath"}),
                      source.empty() ? event.textAt({"reportingComponent"}) : source, trim(event.textAt({"message"})),
                      ageOf(first({"firstTimestamp", "eventTime"}), now),
                      std::to_string(std::max<std::int64_t>(1, event.integerAt({"count"}))), event.textAt({"metadata", "name"})});
}

Json slabCells(const Json& slab, Now now) {
  Json cells = Json::array({slab.textAt({"metadata", "name"})});
  for (const SlabColumn& one : slabColumns()) {
    const Json* value = findByPath(slab, one.path);
    if (value == nullptr)
      cells.editItems().emplace_back(one.column.type == "string" || one.column.type == "date" ? Json("") : Json());
    else if (one.column.type == "date")
      cells.editItems().emplace_back(ageOf(value->text(), now));
    else
      cells.editItems().push_back(*value);
  }
  return cells;
}

}  // namespace

const std::vector<Column>& columnsOf(const ResourceType& type) {
  static const std::vector<Columns> table = readColumns();
  return table[type.index];
}

Json cellsOf(const ResourceType& type, const Json& object, Now now) {
  using namespace types;
  const Json name = object.textAt({"metadata", "name"});
  const std::string age = ageOf(object.textAt({"metadata", "creationTimestamp"}), now);
  if (&type == &pods) return podCells(object, age);
  if (&type == &slabs) return slabCells(object, now);
  if (&type == &events) return eventCells(object, now);
  if (&type == &services)
    return Json::array({name, object.textAt({"spec", "type"}), orNone(object.textAt({"spec", "clusterIP"})),
                        orNone(object.textAt({"spec", "externalName"})), ports(object), age,
                        selectorText(object.find({"spec", "selector"}))});
  if (&type == &namespaces) return Json::array({name, object.textAt({"status", "phase"}), age});
  if (&type == &nodes)
    return Json::array({name, nodeStatus(object), "<none>", age, object.textAt({"status", "nodeInfo", "kubeletVersion"}),
                        nodeAddress(object, "InternalIP"), nodeAddress(object, "ExternalIP"),
                        orNone(object.textAt({"status", "nodeInfo", "osImage"})),
                        orNone(object.textAt({"status", "nodeInfo", "kernelVersion"})),
                        orNone(object.textAt({"status", "nodeInfo", "containerRuntimeVersion"}))});
  if (&type == &secrets) return Json::array({name, object.textAt({"type"}), dataCount(object), age});
  if (&type == &configMaps) return Json::array({name, dataCount(object), age});
  if (&type == &serviceAccounts) return Json::array({name, "0", age});
  if (&type == &leases) return Json::array({name, object.textAt({"spec", "holderIdentity"}), age});
  return Json::array({name, object.textAt({"metadata", "creationTimestamp"})});
}

std::string shortAge(std::chrono::seconds age) {
  const std::int64_t s = age.count();
  const std::int64_t minutes = s / 60, hours = s / 3600, days = s / 86400, years = days / 365;
  const auto two = [](std::int64_t a, char unitA, std::int64_t b, char unitB) {
    return b == 0 ? fmt::format("{}{}", a, unitA) : fmt::format("{}{}{}{}", a, unitA, b, unitB);
  };
  if (s < 0) return "0s";
  if (s < 120) return fmt::format("{}s", s);
  if (minutes < 10) return two(minutes, 'm', s % 60, 's');
  if (minutes < 180) return fmt::format("{}m", minutes);
  if (hours < 8) return two(hours, 'h', minutes % 60, 'm');
  if (hours < 48) return fmt::format("{}h", hours);
  if (hours < 192) return two(days, 'd', hours % 24, 'h');
  if (years < 2) return fmt::format("{}d", days);
  if (years < 8) return two(years, 'y', days % 365, 'd');
  return fmt::format("{}y", years);
}

std::string ageOf(std::string_view timestamp, Now now) {
  const std::optional<WallTime> time = parseRfc3339(timestamp);
  if (!time) return "<unknown>";
  return shortAge(std::chrono::floor<std::chrono::seconds>(now.wall - *time));
}

}  // namespace spawner::cluster
