#include "cluster/present.hpp"

#include <fmt/format.h>

#include "cluster/events_view.hpp"
#include "cluster/table.hpp"

namespace spawner::cluster {

namespace {

Json definitions(const ResourceType& type) {
  Json out = Json::array();
  for (const Column& column : columnsOf(type))
    out.editItems().push_back(Json::object({{"name", column.name},
                                            {"type", column.type},
                                            {"format", column.name == "Name" ? "name" : ""},
                                            {"description", column.description},
                                            {"priority", column.priority}}));
  return out;
}

Json rowOf(const Object& object, const Presentation& how, Now now) {
  Json row = Json::object({{"cells", cellsOf(object.type(), object.json(), now)}});
  if (how.include == Presentation::Include::Object) row.set("object", object.json());
  if (how.include == Presentation::Include::Metadata)
    row.set(
        "object",
        Json::object({{"kind", "PartialObjectMetadata"}, {"apiVersion", "meta.k8s.io/v1"}, {"metadata", *object.json().find("metadata")}}));
  return row;
}

Json table(const ResourceType& type, bool columns) {
  return Json::object({{"kind", "Table"},
                       {"apiVersion", "meta.k8s.io/v1"},
                       {"metadata", Json::object()},
                       {"columnDefinitions", columns ? definitions(type) : Json()},
                       {"rows", Json::array()}});
}

Json metaOf(const ListMeta& meta) {
  Json out = Json::object({{"resourceVersion", std::to_string(meta.revision)}});
  if (!meta.next.empty()) out.set("continue", meta.next);
  if (meta.remaining) out.set("remainingItemCount", static_cast<std::int64_t>(*meta.remaining));
  return out;
}

}  // namespace

std::string presentObject(const Object& object, const Presentation& how, Now now) {
  if (how.form == Presentation::Form::Plain) return object.text();
  if (how.form == Presentation::Form::EventsV1) return toEventsV1(object.json()).dump();
  return presentWatched(object, how, true, now);
}

std::string presentList(const ResourceType& type, const std::vector<ObjectPtr>& items, const ListMeta& meta, const Presentation& how,
                        Now now) {
  if (how.form == Presentation::Form::Table) {
    Json out = table(type, true);
    out.set("metadata", metaOf(meta));
    Json::Array& rows = out.edit("rows").editItems();
    for (const ObjectPtr& item : items) rows.push_back(rowOf(*item, how, now));
    return out.dump();
  }
  const bool eventsV1 = how.form == Presentation::Form::EventsV1;
  std::string out = fmt::format(R"({{"kind":"{}","apiVersion":"{}","metadata":{},"items":[)", type.listKind(),
                                eventsV1 ? "events.k8s.io/v1" : type.apiVersion(), metaOf(meta).dump());
  bool first = true;
  for (const ObjectPtr& item : items) {
    if (!std::exchange(first, false)) out += ',';
    if (eventsV1) {
      Json json = toEventsV1(item->json());
      json.remove("kind");
      json.remove("apiVersion");
      json.dumpTo(out);
    } else {
      item->appendListItem(out);
    }
  }
  return out += "]}";
}

std::string presentWatched(const Object& object, const Presentation& how, bool first, Now now) {
  if (how.form != Presentation::Form::Table) return presentObject(object, how, now);
  Json out = table(object.type(), first);
  out.edit("metadata").set("resourceVersion", std::to_string(object.revision()));
  out.edit("rows").editItems().push_back(rowOf(object, how, now));
  return out.dump();
}

}  // namespace spawner::cluster
