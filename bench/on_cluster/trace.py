"""Where the time of a start goes: the steps of each life by the clocks of the API server (audit log), the container runtime (its log) and
the sidecar (its log). All are one machine's."""

import json
import re

from . import objects
from .audit import wall

LINE = re.compile(r'time="([^"]+)".*? msg="((?:[^"\\]|\\.)*)"')
SANDBOX = re.compile(r"RunPod[Ss]andbox for &PodSandboxMetadata\{Name:([^,]+),")
RETURNS = re.compile(r'returns (?:sandbox|container) id "([^"]+)"')
CREATE = re.compile(r'CreateContainer within sandbox "([^"]+)" for &?(?:container )?&?ContainerMetadata\{Name:([^,]+),')
START = re.compile(r'StartContainer for "([^"]+)"')


def runtime_lines(logs):
    """(seconds since 1970, message) of each containerd's log."""
    for path in sorted(logs.rglob("*containerd.log")):
        with open(path, encoding="utf-8", errors="replace") as lines:
            for match in filter(None, map(LINE.search, lines)):
                yield wall(match[1]), match[2].replace('\\"', '"')


def runtime_steps(logs):
    """{pod: {step: seconds since 1970}} by the container runtime."""
    pods, pod_of, container_of = {}, {}, {}
    for at, text in runtime_lines(logs):
        returned = RETURNS.search(text)
        if found := SANDBOX.search(text):
            pods.setdefault(found[1], {}).setdefault("sandbox: made" if returned else "sandbox: asked for", at)
            if returned:
                pod_of[returned[1]] = found[1]
        elif (found := CREATE.search(text)) and found[1] in pod_of:
            pod = pod_of[found[1]]
            kind = "sidecar" if found[2] == objects.SIDECAR else "application"
            if returned:
                container_of[returned[1]] = (pod, kind)
            pods[pod].setdefault(f"{kind}: {'created' if returned else 'asked for'}", at)
        elif (found := START.search(text)) and found[1] in container_of:
            pod, kind = container_of[found[1]]
            pods[pod].setdefault(f"{kind}: {'started' if 'successfully' in text else 'start asked for'}", at)
    return pods


def sidecar_steps(log):
    """Of the sidecar's log, each line with the runtime's time before it."""
    steps = {}
    for line in log.splitlines():
        try:
            entry = json.loads(line.split(" ", 1)[1])
        except (IndexError, ValueError):
            continue
        step = {"serving": "sidecar: serves", "the application listens": "sidecar: finds the application listening"}.get(entry.get("message"))
        if step:
            steps.setdefault(step, wall(entry["time"]))
    return steps


def api_steps(requests):
    """Of the requests of one life up to Ready."""
    steps = {}

    def both(label, request):
        steps.setdefault(f"{label}: received", request.received)
        steps.setdefault(f"{label}: answered", request.answered)

    kubelet = [r for r in requests if r.user.startswith("system:node:") and r.resource == "pods/status"]
    ready = next((r for r in requests if r.role == "sweeper" and r.resource == "sessionlivedbackends/status"), None)
    for request in requests:
        if request.verb == "create" and request.resource == "sessionlivedbackends":
            both("create object", request)
        elif request.role == "controller" and request.verb == "create" and request.resource in ("services", "pods"):
            both(f"controller, create {request.resource[:-1].capitalize()}", request)
        elif request.role == "controller" and request.resource == "sessionlivedbackends/status":
            both("controller, patch A", request)
        elif request.resource == "pods/binding":
            both("scheduler, bind", request)
    if ready:
        both("sweeper, patch R", ready)
        before = [r for r in kubelet if r.received < ready.received]
        if before:
            both("kubelet, status with the address", before[-1])
    return steps


def lives(kind_lives, requests_by_name, runtime):
    """[{step: milliseconds since the object's request was received}], one for each life."""
    result = []
    for life in kind_lives:
        steps = {**api_steps(requests_by_name.get(life.name, [])), **runtime.get(life.name, {}), **sidecar_steps(life.sidecar_log)}
        began = steps.get("create object: received")
        if began is None:
            continue
        steps["client: sees Ready"] = life.wall("ready")
        result.append({step: (at - began) * 1000 for step, at in steps.items() if at - began < 60})
    return result


def after_listening(kind_lives, requests_by_name):
    """[{step: milliseconds since the application listened}], one for each life."""
    result = []
    for life in kind_lives:
        steps = sidecar_steps(life.sidecar_log)
        steps.pop("sidecar: serves", None)
        told = life.wall("told")
        writes = [r for r in requests_by_name.get(life.name, [])
                  if r.role == "sweeper" and r.resource == "sessionlivedbackends/status" and r.received < told]
        if writes:
            steps |= {"sweeper, patch R: received": writes[-1].received, "sweeper, patch R: answered": writes[-1].answered}
        steps |= {"client: told by the status stream": told, "client: sees Ready in a watch": life.wall("ready")}
        result.append({step: (at - life.wall("listening")) * 1000 for step, at in steps.items()})
    return result


def since_pod(kind_lives, runtime):
    """[{step of the runtime: milliseconds since the pod was made}], one for each life: sessions and bare pods can be compared."""
    result = []
    for life in kind_lives:
        made = life.wall("pod" if "pod" in life.at else "object")
        steps = {**runtime.get(life.name, {}), "pod: Ready": life.wall("pod ready" if "pod ready" in life.at else "ready")}
        result.append({step: (at - made) * 1000 for step, at in steps.items()})
    return result
