"""One at a time: how long a session takes to start, beside a bare pod with the same two containers; how soon Ready is told."""

import http.client
import itertools
import json
import random
import time

from . import kube, objects
from .installation import LISTENER, WHITEBOARD, say

START_SECONDS = 60
END_SECONDS = 90
LOG_SECONDS = 10
GRACE_SECONDS = 1  # a session that nobody uses ends itself: the life that is counted is a whole one


class Life:
    """One session or pod, and the times (time.monotonic()) at which things were seen."""

    def __init__(self, name, kind):
        self.name, self.kind, self.at = name, kind, {}
        self.sidecar_log = ""
        self._offset = time.time() - time.monotonic()

    def wall(self, mark):
        """The same by the clock of the logs: seconds since 1970."""
        return self.at[mark] + self._offset

    def ms(self, begin, end):
        return (self.at[end] - self.at[begin]) * 1000


class Starts:
    """The rounds, and what they gave: lives by kind, round trips in milliseconds by name."""

    def __init__(self, lab):
        self.lab, self.api = lab, lab.api
        self.pods = kube.Watch(lab.access, objects.PODS, {"ready": objects.pod_is_ready, "failed": objects.pod_failed})
        self.slabs = kube.Watch(lab.access, objects.SLABS, {"ready": objects.slab_is_ready, "failed": objects.slab_failed})
        self.services = kube.Watch(lab.access, objects.SERVICES, {})
        self.models = {}  # a pod of the controller's, by sidecar mode
        self.service_model = None
        self.lives = {}
        self.round_trips = {}
        self._numbers = itertools.count(1)

    def name(self, kind):
        return f"spawner-{kind}-{next(self._numbers)}"

    def run(self, rounds):
        """`rounds` of each kind, in blocks: in a block all kinds of one sidecar mode take turns."""
        blocks = min(5, rounds)
        for block in range(blocks):
            count = rounds // blocks + (block < rounds % blocks)
            for mode in ("native", "container"):
                say(f"one at a time, block {block + 1} of {blocks}, {mode} sidecar, {count} rounds")
                self.use_mode(mode)
                for _ in range(count):
                    self._round(mode)

    def _round(self, mode):
        steps = [lambda: self.session(f"session-{mode}"), lambda: self.bare(mode), lambda: self.pair(mode)]
        random.shuffle(steps)  # neither always runs in the other's wake
        for step in steps:
            step()
        self.measure_round_trips()
        if mode == "native":
            self.spawned("late", random.randint(1000, 1500))
            self.spawned("prompt", 0)

    def use_mode(self, mode):
        """Switches the controller; a first session, which does not count, warms up and gives the pod that the bare ones copy."""
        begin = time.monotonic()
        self.lab.set_sidecar_mode(mode)
        rolled = time.monotonic()
        name = self.name("warm")
        self.api.call("POST", objects.SLABS, objects.slab(name, WHITEBOARD, GRACE_SECONDS))
        self.slabs.wait([name], "ready", START_SECONDS)
        pod = self.api.call("GET", f"{objects.PODS}/{name}")
        if objects.mode_of(pod) != mode:
            raise RuntimeError(f"the controller made a pod in mode {objects.mode_of(pod)}, not {mode}")
        self.models[mode] = pod
        self.service_model = self.api.call("GET", f"{objects.SERVICES}/{name}")
        self._await_end(name)
        say(f"the controller is {mode}: rolled in {rolled - begin:.1f} s, a first session lived {time.monotonic() - rolled:.1f} s")

    def _await_end(self, name):
        self.slabs.wait([name], "gone", END_SECONDS)
        self.pods.wait([name], "gone", END_SECONDS)
        self.services.wait([name], "gone", END_SECONDS)

    def _keep(self, life):
        self.lives.setdefault(life.kind, []).append(life)

    def session(self, kind):
        """A session made as an object, which ends itself."""
        life = Life(self.name(kind), kind)
        body = objects.slab(life.name, WHITEBOARD, GRACE_SECONDS)
        life.at["sent"] = time.monotonic()
        self.api.call("POST", objects.SLABS, body)
        life.at["object"] = time.monotonic()
        life.at["ready"] = self.slabs.wait([life.name], "ready", START_SECONDS)[life.name]
        life.at["pod"] = self.pods.wait([life.name], "made")[life.name]
        life.at["pod ready"] = self.pods.wait([life.name], "ready")[life.name]
        life.sidecar_log = self._log(life.name, objects.SIDECAR, "the application listens")
        self._await_end(life.name)
        self._keep(life)

    def bare(self, mode):
        """The same two containers in a pod made by hand."""
        life = Life(self.name(f"bare-{mode}"), f"bare-{mode}")
        body = objects.bare_pod(life.name, self.models[mode])
        life.at["sent"] = time.monotonic()
        self.api.call("POST", objects.PODS, body)
        life.at["object"] = time.monotonic()
        life.at["ready"] = self.pods.wait([life.name], "ready", START_SECONDS)[life.name]
        self.api.call("DELETE", f"{objects.PODS}/{life.name}")
        self.pods.wait([life.name], "gone", END_SECONDS)
        self._keep(life)
        self._time("create Pod", life.ms("sent", "object"))

    def pair(self, mode):
        """The same two objects that the controller makes, one after the other, by hand: the round trips that it cannot do without."""
        life = Life(self.name(f"pair-{mode}"), f"pair-{mode}")
        service, pod = objects.service(life.name, self.service_model), objects.bare_pod(life.name, self.models[mode])
        life.at["sent"] = time.monotonic()
        self.api.call("POST", objects.SERVICES, service)
        self.api.call("POST", objects.PODS, pod)
        life.at["object"] = time.monotonic()
        life.at["ready"] = self.pods.wait([life.name], "ready", START_SECONDS)[life.name]
        life.at["pod"] = self.pods.wait([life.name], "made")[life.name]
        for path in (objects.SERVICES, objects.PODS):
            self.api.call("DELETE", f"{path}/{life.name}")
        self.pods.wait([life.name], "gone", END_SECONDS)
        self.services.wait([life.name], "gone", END_SECONDS)
        self._keep(life)

    def measure_round_trips(self):
        name = self.name("trip")
        config_maps = objects.CONFIG_MAPS
        self._timed("create ConfigMap", "POST", config_maps, objects.config_map(name))
        self._timed("get ConfigMap", "GET", f"{config_maps}/{name}")
        self.api.call("DELETE", f"{config_maps}/{name}")
        self._timed("create Service", "POST", objects.SERVICES, objects.service(name, self.service_model))
        self.api.call("DELETE", f"{objects.SERVICES}/{name}")
        self.services.wait([name], "gone")

    def _timed(self, what, *call):
        begin = time.monotonic()
        self.api.call(*call)
        self._time(what, (time.monotonic() - begin) * 1000)

    def _time(self, what, ms):
        self.round_trips.setdefault(what, []).append(ms)

    def spawned(self, kind, listen_after_ms):
        """A session made through the API, followed on its status stream: the application itself says when it began to listen."""
        body = {"image": LISTENER, "gracePeriodSeconds": GRACE_SECONDS, "env": {"LISTEN_AFTER_MS": str(listen_after_ms)}}
        connection = http.client.HTTPConnection(self.lab.api_address, 8080, timeout=START_SECONDS)
        begin = time.monotonic()
        connection.request("POST", "/spawn", json.dumps(body), {"content-type": "application/json"})
        answer = connection.getresponse()
        text = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"POST /spawn: status {answer.status}: {text[:400]!r}")
        short = json.loads(text)["name"]
        life = Life("spawner-" + short, kind)
        life.at["sent"] = begin
        connection.request("GET", f"/backend/{short}/status/stream", headers={"accept": "text/event-stream"})
        life.at["told"] = self._await_ready_event(connection.getresponse())
        connection.close()
        life.at["ready"] = self.slabs.wait([life.name], "ready", START_SECONDS)[life.name]
        life.at["pod ready"] = self.pods.wait([life.name], "ready", START_SECONDS)[life.name]
        life.sidecar_log = self._log(life.name, objects.SIDECAR, "the application listens")
        words = self._log(life.name, "app", "listening").split()
        life.at["listening"] = float(words[words.index("listening") + 1])
        self._await_end(life.name)
        self._keep(life)

    def _await_ready_event(self, stream):
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            line = stream.readline()
            now = time.monotonic()
            if not line:
                break
            if line.startswith(b"data:"):
                state = json.loads(line[5:])["state"]
                if state == "Ready":
                    return now
                if state in ("Failed", "Swept"):
                    raise RuntimeError(f"the session ended before it was Ready: {line!r}")
        raise TimeoutError(f"the status stream did not tell Ready within {START_SECONDS} s")

    def _log(self, pod, container, words):
        """The container's log, when the words are in it: it may lag behind what it tells."""
        end = time.monotonic() + LOG_SECONDS
        while True:
            log = self.api.call("GET", f"{objects.PODS}/{pod}/log?container={container}&timestamps=true")
            if words in log and log.endswith("\n"):
                return log
            if time.monotonic() > end:
                raise TimeoutError(f"waited {LOG_SECONDS} s for '{words}' in the log of {container} in {pod}: {log!r}")
            time.sleep(0.02)
