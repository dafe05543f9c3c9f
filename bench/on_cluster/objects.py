"""What the bench makes: sessions as objects, and by hand the same pods and services that the controller makes of them."""

import copy

NAMESPACE = "spawner"
SLABS = f"/apis/spawner.dev/v1/namespaces/{NAMESPACE}/sessionlivedbackends"
PODS = f"/api/v1/namespaces/{NAMESPACE}/pods"
SERVICES = f"/api/v1/namespaces/{NAMESPACE}/services"
CONFIG_MAPS = f"/api/v1/namespaces/{NAMESPACE}/configmaps"

SIDECAR = "spawner-sidecar"
RUN_LABEL = "run"


def slab(name, image, grace_seconds):
    return {
        "apiVersion": "spawner.dev/v1",
        "kind": "SessionLivedBackend",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "gracePeriodSeconds": grace_seconds,
            "template": {"containers": [{"name": "app", "image": image, "imagePullPolicy": "IfNotPresent"}]},
        },
    }


def bare_pod(name, model):
    """A pod with the containers of `model`, a pod that the controller made; nobody follows it."""
    spec = copy.deepcopy(model["spec"])
    for field in ("nodeName", "priority", "preemptionPolicy", "tolerations"):
        spec.pop(field, None)  # what the API server and the scheduler added
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": NAMESPACE, "labels": {RUN_LABEL: name}}, "spec": spec}


def service(name, model):
    spec = {field: copy.deepcopy(model["spec"][field]) for field in ("type", "publishNotReadyAddresses", "ports")}
    spec["selector"] = {RUN_LABEL: name}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": NAMESPACE}, "spec": spec}


def config_map(name):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": NAMESPACE}, "data": {"key": "value"}}


def pod_is_ready(pod):
    return any(c["type"] == "Ready" and c["status"] == "True" for c in pod.get("status", {}).get("conditions", []))


def pod_failed(pod):
    return pod.get("status", {}).get("phase") == "Failed"


def slab_is_ready(one):
    return one.get("status", {}).get("ready") is True


def slab_failed(one):
    return one.get("status", {}).get("failed") is True


def mode_of(pod):
    """How the sidecar runs in the pod: native or container."""
    return "native" if any(c["name"] == SIDECAR for c in pod["spec"].get("initContainers", [])) else "container"
