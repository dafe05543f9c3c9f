#pragma once
// A SessionLivedBackend to create, from what a user of the API or the command line said. Pure. Thread: any.

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "spawner/names.hpp"

namespace spawner::backend {

struct SpawnParameters {
  std::string ns;            // metadata.namespace; empty: left out
  std::string name;          // the full object name; or
  std::string generateName;  // … its prefix, the server adds the rest
  std::string image;
  std::string imagePullPolicy;  // empty: left out
  std::string imagePullSecret;  // empty: left out
  std::optional<std::uint16_t> port;
  std::map<std::string, std::string> env;
  std::optional<std::uint32_t> gracePeriodSeconds;
  std::optional<std::uint32_t> startupTimeoutSeconds;
  std::optional<std::uint32_t> maxLifetimeSeconds;
  std::optional<std::uint32_t> ttlSecondsAfterFinished;
  std::map<std::string, std::string> labels;
  std::map<std::string, std::string> annotations;
  std::string resourcesJson;  // containers[0].resources as a JSON object; empty: left out
};

/// The object's JSON. The application's container is called "app". REQUIRES: resourcesJson is empty or a JSON object.
std::string slabJson(const SpawnParameters& parameters);

}  // namespace spawner::backend
