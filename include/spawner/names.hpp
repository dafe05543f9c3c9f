#pragma once
// Every name that crosses a process: group, kind, labels, annotations, containers, ports, reasons. Written once, here.
// The ones marked (original) are the original Spawner's contract and never change.

#include <cstdint>
#include <string_view>

namespace spawner::names {

// The custom resource (original).
inline constexpr std::string_view group = "spawner.dev";
inline constexpr std::string_view version = "v1";
inline constexpr std::string_view apiVersion = "spawner.dev/v1";
inline constexpr std::string_view kind = "SessionLivedBackend";
inline constexpr std::string_view listKind = "SessionLivedBackendList";
inline constexpr std::string_view plural = "sessionlivedbackends";
inline constexpr std::string_view singular = "sessionlivedbackend";
inline constexpr std::string_view shortName = "slab";
inline constexpr std::string_view pluralShortName = "slabs";  // ours: "kubectl get slabs" works like "get pods"
inline constexpr std::string_view crdName = "sessionlivedbackends.spawner.dev";

// Defaults (original).
inline constexpr std::string_view defaultNamespace = "spawner";
inline constexpr std::string_view defaultPrefix = "spawner-";
inline constexpr std::string_view systemNamespace = "spawner-system";
inline constexpr std::uint32_t defaultGraceSeconds = 300;
inline constexpr std::uint32_t defaultStartupTimeoutSeconds = 300;
inline constexpr std::uint16_t defaultHttpPort = 8080;

// Pod and Service.
inline constexpr std::string_view runLabel = "run";                      // (original) value: the object's name; the Service's selector
inline constexpr std::string_view sidecarContainer = "spawner-sidecar";  // (original)
inline constexpr std::string_view servicePortName = "spawner-app";       // (original)
inline constexpr std::uint16_t servePort = 9090;                         // (original) data: everything goes to the application
inline constexpr std::uint16_t adminPort = 9091;                         // signed events and commands
inline constexpr std::uint16_t localPort = 9092;                         // 127.0.0.1 only: for the application
inline constexpr std::string_view reportingComponent = "spawner.dev/sessionlivedbackend";  // (original) Events
inline constexpr std::string_view adminKeySecret = "spawner-admin-key";                    // in the system namespace
inline constexpr std::string_view portEnv = "PORT";                                        // (original)
inline constexpr std::string_view nameEnv = "SPAWNER_NAME";
inline constexpr std::string_view urlEnv = "SPAWNER_URL";
/// Where the application reaches its sidecar (busy leases, shutdown): "http://127.0.0.1:9092".
inline constexpr std::string_view localUrlEnv = "SPAWNER_LOCAL_URL";
inline constexpr std::string_view sidecarEnvPrefix = "SPAWNER_SIDECAR_";  // (original)
inline constexpr std::string_view podUidEnv = "SPAWNER_POD_UID";          // the sidecar's own pod uid, by the downward API
inline constexpr std::string_view appContainer = "app";                   // containers[0] of what API and CLI create; any other name works

// Labels and annotations on pods that the sweeper reads: of a pod it needs no more.
inline constexpr std::string_view managedByLabel = "app.kubernetes.io/managed-by";  // value: managedByValue
inline constexpr std::string_view managedByValue = "spawner";
inline constexpr std::string_view slabUidAnnotation = "spawner.dev/slab-uid";
inline constexpr std::string_view graceAnnotation = "spawner.dev/grace-period-seconds";
inline constexpr std::string_view maxLifetimeAnnotation = "spawner.dev/max-lifetime-seconds";
inline constexpr std::string_view startupTimeoutAnnotation = "spawner.dev/startup-timeout-seconds";
inline constexpr std::string_view adminPortAnnotation = "spawner.dev/admin-port";
inline constexpr std::string_view clusterIpAnnotation = "spawner.dev/cluster-ip";        // set when Ready must mean that the Service works
inline constexpr std::string_view templateHashAnnotation = "spawner.dev/template-hash";  // what the pod was made of: tells later edits
// A pod condition of the embedded node agent; status False: its message says on which port the application listens instead of PORT.
inline constexpr std::string_view listensOnPortCondition = "spawner.dev/ListensOnPort";
inline constexpr std::string_view spawnIdAnnotation = "spawner.dev/spawn-id";  // on the slab, by the API: makes a repeated POST safe
inline constexpr std::string_view spawnBodyAnnotation =
    "spawner.dev/spawn-body";  // the same: SHA-256 of the request, to tell a reused Idempotency-Key
inline constexpr std::string_view submittedAnnotation =
    "spawner.dev/submitted-at";  // the same: RFC 3339 with microseconds, for creationTimestamp has whole seconds

// On every answer that the data plane (sidecar, gateway) made itself instead of the application: the reason's word. So the next hop can
// tell.
inline constexpr std::string_view reasonHeader = "Spawner-Reason";
// On every request from a gateway to a sidecar: the uid of the pod that it is for. Never passed on to an application.
inline constexpr std::string_view podHeader = "Spawner-Pod";

// Admin protocol: Authorization: Spawner1 <key id>:<base64url Ed25519 signature>.
inline constexpr std::string_view signatureScheme = "Spawner1";
inline constexpr std::string_view signatureContext = "spawner.dev/admin/v1";

}  // namespace spawner::names
