#pragma once
// `spawner controller`: makes Pod and Service for each SessionLivedBackend, follows them, cleans up. The mind is backend::decide(); this
// observes and acts. Thread: the loop's.

#include <memory>

#include "modes/controller/options.hpp"
#include "modes/role/role.hpp"

namespace spawner::controller {

/// InvalidArgument: an option that makes no sense, by its flag's name. Starts at once: admin key and server version first, then objects.
Result<std::unique_ptr<role::Role>> start(role::Context context, Options options);

}  // namespace spawner::controller
