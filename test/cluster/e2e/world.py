"""What happens in the cluster, as its API server tells it: every change of every slab, pod and Service of the sessions, with its time.

`World` watches; `Session` is one session in it: the tests spawn, wait for the world to be in a state, and look at it.
"""

import collections
import http.client
import json
import threading
import time

from cluster import NAMESPACE, PODS, SERVICES, SLABS, Cluster
from harness import EventStream, WebSocket, request, wait_for

# An ended session is gone in a second or two, on a busy machine in some more. What hangs takes 20 s (the drain limit of a sidecar) or 30 s (the
# termination grace period of a pod).
GONE_SECONDS = 18
STATES = ["Submitted", "Constructed", "Scheduled", "Running", "Ready", "Swept", "Failed"]


class Watch(threading.Thread):
    """Every change of the objects of one list: `changes[name]` = [(monotonic time, "ADDED"|"MODIFIED"|"DELETED", object), …]."""

    def __init__(self, cluster, path, new):
        super().__init__(daemon=True)
        self.cluster, self.path, self.new = cluster, path, new
        self.changes, self.now, self.problem = collections.defaultdict(list), {}, None
        self.start()

    def run(self):
        version = ""
        while self.problem is None:
            query = "?watch=1&timeoutSeconds=3000" + (f"&resourceVersion={version}" if version else "")
            try:
                with self.cluster.open("GET", self.path + query, timeout=3600) as answer:
                    for line in answer:
                        version = self.take(json.loads(line)) or version
            except (OSError, ValueError, http.client.HTTPException) as problem:
                self.problem = problem

    def take(self, event):
        kind, thing = event["type"], event["object"]
        with self.new:
            if kind == "ERROR":
                self.problem = event
            else:
                name = thing["metadata"]["name"]
                self.changes[name].append((time.monotonic(), kind, thing))
                self.now.pop(name, None) if kind == "DELETED" else self.now.update({name: thing})
            self.new.notify_all()
        return thing.get("metadata", {}).get("resourceVersion")


class World:
    def __init__(self, cluster=None):
        self.cluster = cluster or Cluster()
        self.new = threading.Condition()
        self.slabs, self.pods, self.services = (Watch(self.cluster, path, self.new) for path in (SLABS, PODS, SERVICES))
        self.port = self.cluster.gateway
        self.gone_after = []  # seconds from ends to nothing left

    def wait(self, what, condition, seconds):
        """The first true value of condition(), looked at after each change; AssertionError naming `what` after `seconds`."""
        end = time.monotonic() + seconds
        with self.new:
            while True:
                broken = next((w for w in (self.slabs, self.pods, self.services) if w.problem), None)
                if broken:
                    raise AssertionError(f"the watch of {broken.path} ended: {broken.problem}")
                value = condition()
                if value:
                    return value
                left = end - time.monotonic()
                if left <= 0:
                    raise AssertionError(f"waited {seconds} s for {what() if callable(what) else what}")
                self.new.wait(min(left, 1))

    def spawn(self, image, **fields):
        """Through the API, behind the gateway."""
        answer = request(self.port, "POST", "/api/spawn", {"image": image, **fields})
        if answer.status != 200:
            raise AssertionError(f"spawn of {image}: {answer.status} {answer.body!r}")
        return Session(self, "spawner-" + answer.json()["name"])

    def create(self, containers, template=None, name=None, **spec):
        """As kubectl create does."""
        body = {"apiVersion": "spawner.dev/v1", "kind": "SessionLivedBackend",
                "metadata": {"name": name} if name else {"generateName": "spawner-"},
                "spec": {**spec, "template": {**(template or {}), "containers": containers}}}
        answer = self.cluster.call("POST", SLABS, body)
        if answer.status != 201:
            raise AssertionError(f"create: {answer.status} {answer.body!r}")
        return Session(self, answer.json()["metadata"]["name"])

    def delete_all(self, seconds=60):
        """Every session goes, and nothing may be left of any."""
        for name in list(self.slabs.now):
            self.cluster.delete(f"{SLABS}/{name}")
        self.wait(lambda: f"nothing to be left; slabs {list(self.slabs.now)}, pods {list(self.pods.now)}, services {list(self.services.now)}",
                  lambda: not self.slabs.now and not self.pods.now and not self.services.now, seconds)


class Session:
    def __init__(self, world, name):
        self.world, self.name, self.began = world, name, time.monotonic()
        self.short = name.removeprefix("spawner-")
        self.path = f"/p/{self.short}"

    # What the world says of it now, and said.
    @property
    def slab(self):
        return self.world.slabs.now.get(self.name)

    @property
    def pod(self):
        return self.world.pods.now.get(self.name)

    @property
    def last(self):
        """The newest that is known of the object, also when it is gone; {} before the watch told of it."""
        changes = self.world.slabs.changes[self.name]
        return changes[-1][2] if changes else {}

    @property
    def status(self):
        return self.last.get("status", {})

    @property
    def pod_uids(self):
        return {pod["metadata"]["uid"] for _, _, pod in self.world.pods.changes[self.name]}

    def condition(self, kind):
        return next((c for c in self.status.get("conditions", []) if c["type"] == kind), None)

    def events(self):
        path = f"/api/v1/namespaces/{NAMESPACE}/events?fieldSelector=involvedObject.name={self.name}"
        return [e for e in self.world.cluster.get(path)["items"] if e["involvedObject"]["kind"] == "SessionLivedBackend"]

    def event(self, reason, seconds=20):
        """The Event with the reason: it follows its state by half a second, or more on a busy machine."""
        return wait_for(f"the Event {reason} of {self.name}", lambda: next((e for e in self.events() if e["reason"] == reason), None), seconds, 0.1)

    def tell(self):
        """All that is known, for the message of a failed wait."""
        phases = [slab.get("status", {}).get("phase") for _, _, slab in self.world.slabs.changes[self.name]]
        pod = self.pod or {"status": "gone", "metadata": {}}
        containers = {}
        if self.pod:
            for status in self.pod["status"].get("initContainerStatuses", []) + self.pod["status"].get("containerStatuses", []):
                containers[status["name"]] = status["state"]
        return (f"{self.name}: phases {phases}, slab {'there' if self.slab else 'gone'}, end {self.status.get('end')}, "
                f"message {self.status.get('message')}, pod {pod['status'] if not self.pod else pod['status'].get('phase')}, "
                f"deleted at {pod['metadata'].get('deletionTimestamp')}, containers {json.dumps(containers)}, "
                f"Service {'there' if self.name in self.world.services.now else 'gone'}")

    # Waiting.
    def wait(self, what, condition, seconds):
        return self.world.wait(lambda: f"{what}; {self.tell()}", condition, seconds)

    def wait_state(self, state, seconds=40):
        """Returns when the object was seen with the state; the time of it. Not reaching it any more is an error at once."""
        field = state.lower()

        def reached():
            for at, _, slab in self.world.slabs.changes[self.name]:
                status = slab.get("status", {})
                if status.get(field):
                    return at
                if status.get("swept") or status.get("failed"):
                    raise AssertionError(f"it ended before {state}; {self.tell()}")
            return None
        return self.wait(f"state {state}", reached, seconds)

    def ready(self, seconds=40):
        self.wait_state("Ready", seconds)
        self.wait("its pod and Service to be told", lambda: all(watch.changes[self.name] for watch in (self.world.pods, self.world.services)), 20)
        return self

    def wait_end(self, state, reason, seconds=40):
        """The status.end; AssertionError when it ended otherwise."""
        self.wait("its end", lambda: self.status.get("end"), seconds)
        end = self.status["end"]
        if not self.status.get(state.lower()) or end["reason"] != reason:
            raise AssertionError(f"expected the end {state}/{reason}; {self.tell()}")
        return end

    def gone_since(self, began, slab=True):
        """Waits until its pod and Service are gone, and its object too. AssertionError unless that is GONE_SECONDS after `began`."""
        took = self.wait_gone(45, slab) - began
        self.world.gone_after.append(took)
        if took > GONE_SECONDS:
            raise AssertionError(f"gone only after {took:.1f} s; {self.tell()}")

    def wait_gone(self, seconds, slab=True):
        """Returns when its pod and Service are gone, and its object too; the time."""
        watches = [self.world.pods, self.world.services] + ([self.world.slabs] if slab else [])
        self.wait("it to be gone", lambda: not any(self.name in watch.now for watch in watches), seconds)
        return max((watch.changes[self.name][-1][0] for watch in watches if watch.changes[self.name]), default=time.monotonic())

    # Using it.
    def get(self, path="/", timeout=15):
        return request(self.world.port, "GET", self.path + path, timeout=timeout)

    def websocket(self, path="/ws"):
        return WebSocket(self.world.port, self.path + path)

    def stream(self):
        return EventStream(self.world.port, f"/api/backend/{self.short}/status/stream")

    def pids(self, container):
        """Of its processes. A session may be Ready before the kubelet tells the ids of its containers."""
        return self.wait(f"a process of {container}", lambda: self.pod and self.world.cluster.container_pids(self.pod, container), 20)

    def delete(self):
        self.world.cluster.delete(f"{SLABS}/{self.name}")

    def delete_pod(self, grace=None):
        self.world.cluster.delete(f"{PODS}/{self.name}", grace)
