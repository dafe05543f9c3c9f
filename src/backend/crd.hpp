#pragma once
// The CustomResourceDefinition, generated from the C++ constants. print-crd prints it; the embedded API server takes defaults and
// validation from the same text. Pure. Thread: any.

#include <string>

#include "spawner/result.hpp"

namespace spawner::backend {

/// apiextensions.k8s.io/v1, keys in the order in which people read them.
std::string crdJson();
Result<std::string> crdYaml();

}  // namespace spawner::backend
