#pragma once
// Pod and Service of a SessionLivedBackend, as JSON to create. Pure. Thread: any.

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "spawner/backend.hpp"
#include "spawner/result.hpp"

namespace spawner::backend {

enum class SidecarMode {
  Native,     // an init container with restartPolicy Always (API server >= 1.32)
  Container,  // a second container
};
enum class ServiceMode { ClusterIp, Headless, None };

struct PodOptions {
  std::string sidecarImage;
  std::string sidecarPullPolicy;  // empty: Kubernetes' default
  SidecarMode sidecarMode = SidecarMode::Native;
  ServiceMode serviceMode = ServiceMode::ClusterIp;
  std::string imagePullSecret;                                  // appended to the template's; empty: none
  std::vector<std::string> adminKeys;                           // "<id>:<base64>" of public keys, at most two
  std::vector<std::pair<std::string, std::string>> sidecarEnv;  // SPAWNER_SIDECAR_* of the controller, prefix removed
  std::string urlTemplate;                                      // of SPAWNER_URL: "{}" is the name without prefix; empty: no SPAWNER_URL
  std::string prefix;                                           // names::defaultPrefix by default in the roles' options
};

/// The three ports of the sidecar: fixed for serve; admin and local move out of the way of the application's (httpPort and every
/// containerPort).
struct SidecarPorts {
  std::uint16_t serve = 9090;
  std::uint16_t admin = 9091;
  std::uint16_t local = 9092;
};
SidecarPorts sidecarPorts(const SlabSpec& spec);

/// The pod. InvalidArgument: the template is not an object with at least one container. REQUIRES: what validate() lets through.
Result<std::string> podJson(const Slab& slab, const PodOptions& options);
/// REQUIRES: mode is not None.
std::string serviceJson(const Slab& slab, ServiceMode mode);

/// The image of containers[0] of the template; empty where there is none, or the template is not JSON.
std::string applicationImage(const Slab& slab);
/// "http://<name>.<namespace>:9090/" (the original's).
std::string inClusterUrl(const ObjectMeta& meta);
/// The outside URL of the object, from the template; empty without a template, or when the name lacks the prefix.
std::string outsideUrl(const ObjectMeta& meta, std::string_view urlTemplate, std::string_view prefix);
/// Of template and httpPort in canonical form: 16 hex digits each, joined by "-". On the pod: annotation templateHashAnnotation.
std::string templateHash(const SlabSpec& spec);
/// Which of template and httpPort differ from what the pod was made of ("template", "httpPort", "template, httpPort"); empty: none, or
/// unknown.
std::string ignoredFields(const Slab& slab, const PodView& pod);
/// The merge patch that brings the pod's sweeper annotations up to the spec; empty text: nothing differs.
std::string annotationPatch(const Slab& slab, const PodView& pod);

}  // namespace spawner::backend
