#pragma once
// A pod's row: NAME READY STATUS RESTARTS AGE IP NODE …, with kubectl's words for what goes on in it. Pure.

#include <string>

#include "cluster/json.hpp"

namespace spawner::cluster {

Json podCells(const Json& pod, const std::string& age);
/// The STATUS column: "Running", "Init:0/1", "CrashLoopBackOff", "Completed", "Terminating", …
std::string podStatusWord(const Json& pod);

}  // namespace spawner::cluster
