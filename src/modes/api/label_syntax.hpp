#pragma once
// Labels: what Kubernetes takes as a label (Labels and Selectors: syntax and character set), and which are Spawner's own. Pure.

#include <string_view>

namespace spawner::api {

/// "name" or "prefix/name": name at most 63 of [A-Za-z0-9_.-] that begins and ends alphanumeric, prefix a DNS subdomain of at most 253.
bool isLabelKey(std::string_view key);
/// Empty, or as a key's name.
bool isLabelValue(std::string_view value);
/// Labels that the Service's selector or other parts of Spawner rely on, and everything under spawner.dev/ and kubernetes.io/.
bool isReservedLabel(std::string_view key);

}  // namespace spawner::api
