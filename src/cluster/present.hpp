#pragma once
// Presentation: how objects are written into answers: as they are, as a Table (what kubectl get asks for), or as events.k8s.io/v1 Events.
// Pure.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cluster/request.hpp"
#include "cluster/store.hpp"

namespace spawner::cluster {

struct Presentation {
  enum class Form { Plain, Table, EventsV1 } form = Form::Plain;
  enum class Include { Metadata, Object, None } include = Include::Metadata;  // Table: what each row carries of its object
};

struct ListMeta {
  std::uint64_t revision = 0;
  std::string next;  // continue token; empty: the list is complete
  std::optional<std::uint64_t> remaining;
};

std::string presentObject(const Object& object, const Presentation& how, Now now);
std::string presentList(const ResourceType& type, const std::vector<ObjectPtr>& items, const ListMeta& meta, const Presentation& how,
                        Now now);
/// The object of a watch event in a form other than Plain (that one is Commit::line). `first`: a Table names its columns.
std::string presentWatched(const Object& object, const Presentation& how, bool first, Now now);

}  // namespace spawner::cluster
