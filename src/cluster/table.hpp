#pragma once
// Tables: the columns that kubectl get prints, per type. Slabs' come from the CRD's printer columns. Pure.

#include <string>
#include <vector>

#include "cluster/json.hpp"
#include "cluster/request.hpp"
#include "cluster/resource.hpp"

namespace spawner::cluster {

struct Column {
  std::string name;
  std::string type = "string";
  std::string description;
  int priority = 0;  // 1: only with -o wide
};

/// Name first, then the type's own.
const std::vector<Column>& columnsOf(const ResourceType& type);
/// One cell a column.
Json cellsOf(const ResourceType& type, const Json& object, Now now);

/// kubectl's short form of a duration: "5s", "3m12s", "47h", "12d".
std::string shortAge(std::chrono::seconds age);
/// The age of a timestamp in an object; "<unknown>" without one.
std::string ageOf(std::string_view timestamp, Now now);

}  // namespace spawner::cluster
