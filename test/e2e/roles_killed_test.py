"""kill -9 of each role's process at ten random moments, while sessions live their lives: nothing in use ends, nothing leaks, no second pod.

The roles are processes of their own against `spawner dev --roles none`. Users reach their sidecar directly, so that the end of a gateway is
not taken for the end of a session.
"""

import collections
import contextlib
import http.client
import json
import os
import pathlib
import random
import shlex
import signal
import socket
import subprocess
import threading
import time
import unittest

from harness import BUILD, SPAWNER, WHITEBOARD, Dev, Kube, WebSocket, request, seconds, wait_for

GRACE = 2
KILLS = 10
SEED = int(os.environ.get("SPAWNER_TEST_SEED", "20261124"))


def free_port():
    """Below those that the kernel gives away by itself: nobody takes it while its role is down."""
    chance = random.SystemRandom()
    while True:
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", chance.randrange(20000, 32000)))
            return probe.getsockname()[1]


class RoleProcess:
    """One role as a process that a supervisor starts again, as Kubernetes would."""

    def __init__(self, name, arguments, log):
        self.name, self._command, self._log = name, [str(SPAWNER), name, *arguments], log
        self.start()

    def start(self):
        self.process = subprocess.Popen(self._command, stdout=self._log, stderr=self._log)

    def kill_and_start(self, pause):
        self.process.kill()
        self.process.wait(10)
        time.sleep(pause)
        self.start()

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(25)
        except subprocess.TimeoutExpired:
            self.process.kill()


class Watch(threading.Thread):
    """All that ever was of one resource, by a watch of the API server: by name, the uids and the last status."""

    def __init__(self, kube, path):
        super().__init__(daemon=True)
        self.kube, self.path, self.problem, self.stopped = kube, path, None, False
        self.uids, self.status = collections.defaultdict(list), {}
        self.start()

    def run(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.kube.port, timeout=300)
        connection.request("GET", f"{self.path}?watch=1&resourceVersion=0", headers={"authorization": f"Bearer {self.kube.token}"})
        try:
            for line in connection.getresponse():
                seen = json.loads(line)["object"]
                meta = seen["metadata"]
                self.status[meta["name"]] = seen.get("status", {})
                if meta["uid"] not in self.uids[meta["name"]]:
                    self.uids[meta["name"]].append(meta["uid"])
        except Exception as problem:  # the test asserts on it
            if not self.stopped:
                self.problem = problem


class CameLate(Exception):
    """The session was idle for its grace period before the user came: the machine was busy, nothing is wrong."""


class Lives(threading.Thread):
    """One user after another: spawn, use for a while, leave, see it end. Violations are kept, not raised."""

    def __init__(self, api_port, kube, slabs, seed):
        super().__init__(daemon=True)
        self.api_port, self.kube, self.slabs, self.random = api_port, kube, slabs, random.Random(seed)
        self.stop_asked, self.lives, self.violations, self.names = False, 0, [], []
        self.start()

    def run(self):
        while not self.stop_asked:
            try:
                self.life()
                self.lives += 1
            except CameLate:
                pass
            except AssertionError as problem:
                self.violations.append(str(problem))

    def slab(self, name):
        answer = self.kube.call("GET", f"/apis/spawner.dev/v1/namespaces/spawner/sessionlivedbackends/spawner-{name}")
        return answer.json() if answer.status == 200 else None

    def spawn(self):
        body = {"image": "whiteboard", "gracePeriodSeconds": GRACE, "startupTimeoutSeconds": 60}
        key = f"{self.random.getrandbits(64):x}"  # a client that repeats its request after a broken connection gets one session

        def attempt():
            try:
                answer = request(self.api_port, "POST", "/spawn", body, {"idempotency-key": key}, timeout=5)
                return answer.json()["name"] if answer.status == 200 else None
            except (OSError, ValueError):
                return None
        return wait_for("a spawn to be answered", attempt, 20, 0.05)

    def ended(self, name, used):
        """used: when the user was last seen to use it; None: never, then the grace period began after it was Scheduled."""
        key = f"spawner-{name}"
        wait_for(f"the watch to tell the end of {name}", lambda: self.slabs.status.get(key, {}).get("end"), 20)
        status = self.slabs.status[key]
        idle_since = seconds(status["stateTimes"]["scheduled"]) if used is None else used
        if status["end"]["reason"] == "Idle" and seconds(status["end"]["time"]) >= idle_since + GRACE:
            raise CameLate
        raise AssertionError(f"{name}: ended {'before its first use' if used is None else 'while in use'}: {status['end']}")

    def connect(self, name, used=None):
        """A WebSocket to the session's sidecar, as soon as it is Ready."""
        def attempt():
            status = (self.slab(name) or {"status": {"swept": True}}).get("status", {})
            if status.get("swept") or status.get("failed"):
                self.ended(name, used)
            if not status.get("ready"):
                return None
            try:
                return WebSocket(9090, "/ws", host=status["podIP"], timeout=5)
            except (OSError, AssertionError):
                return None  # the sidecar was just killed: the next try finds the new one
        return wait_for(f"{name} to be Ready and connected", attempt, 40, 0.02)

    def life(self):
        name = self.spawn()
        self.names.append(f"spawner-{name}")
        board = self.connect(name)
        used = time.time()
        end = time.monotonic() + self.random.uniform(1.0, GRACE + 3)
        while time.monotonic() < end:
            time.sleep(0.05)
            status = (self.slab(name) or {"status": {"swept": True}}).get("status", {})
            if status.get("swept") or status.get("failed"):
                self.ended(name, used)
            if not status.get("ready"):
                raise AssertionError(f"{name}: no longer Ready while in use")
            now = time.time()
            if not alive(board):
                board = self.connect(name, used)  # its sidecar was killed: the user comes back within the grace period
            used = now
        board.close()
        wait_for(f"{name} to end after its last use", lambda: self.slab(name) is None, GRACE + 2 + 25, 0.05)


def command_line(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""  # it ended meanwhile


def alive(board):
    try:
        board.socket.settimeout(0.001)
        return board.socket.recv(4096) != b""
    except (TimeoutError, BlockingIOError):
        return True
    except OSError:
        return False


class RolesKilled(unittest.TestCase):
    def setUp(self):
        self.dev = Dev([f"whiteboard={shlex.quote(str(WHITEBOARD))}"], args=["--roles", "none"])
        self.addCleanup(self.dev.__exit__)
        kubeconfig = ["--kubeconfig", self.dev.kubeconfig]
        self.api_port, self.gateway_port = free_port(), free_port()
        log_path = BUILD.parent / "test-logs"
        log_path.mkdir(parents=True, exist_ok=True)
        log = open(log_path / f"roles-{self._testMethodName}.log", "w")
        self.addCleanup(log.close)
        self.roles = {
            "controller": RoleProcess("controller", kubeconfig, log),
            "sweeper": RoleProcess("sweeper", [*kubeconfig, "--node-name", "local"], log),
            "api": RoleProcess("api", [*kubeconfig, "--listen", f"127.0.0.1:{self.api_port}"], log),
            "gateway": RoleProcess("gateway", [*kubeconfig, "--listen", f"127.0.0.1:{self.gateway_port}",
                                               "--api-upstream", f"127.0.0.1:{self.api_port}"], log),
        }
        for role in self.roles.values():
            self.addCleanup(role.stop)
        self.kube = Kube(self.dev.kubeconfig)
        self.pods = Watch(self.kube, "/api/v1/namespaces/spawner/pods")
        self.slabs = Watch(self.kube, "/apis/spawner.dev/v1/namespaces/spawner/sessionlivedbackends")

    def killings(self, kill):
        chance = random.Random(f"{SEED}-{self._testMethodName}")
        users = [Lives(self.api_port, self.kube, self.slabs, chance.random()) for _ in range(6)]
        wait_for("the first lives to be under way", lambda: all(user.names for user in users), 30)
        for _ in range(KILLS):
            time.sleep(chance.uniform(0.2, 2.0))  # the random moment: this is the experiment, not a wait
            kill(chance)
        for user in users:
            user.stop_asked = True
        for user in users:
            user.join(90)
            self.assertFalse(user.is_alive(), "a life did not come to its end")
        self.assertEqual([v for user in users for v in user.violations], [], f"seed {SEED}")
        self.assertGreater(sum(user.lives for user in users), len(users))
        self.nothing_is_left(users)

    def nothing_is_left(self, users):
        wait_for("objects, pods and services to be gone", lambda: not self.kube.slabs() and not self.kube.names("pods") and
                 not self.kube.names("services"), 20)
        wait_for("processes to be gone", lambda: not self.dev.marked(), 20)
        for watch in (self.pods, self.slabs):
            watch.stopped = True
            self.assertIsNone(watch.problem)
        for user in users:
            for name in user.names:
                self.assertEqual(len(self.pods.uids[name]), 1, f"{name} had {len(self.pods.uids[name])} pods")

    def kill_role(self, name):
        self.killings(lambda chance: self.roles[name].kill_and_start(chance.uniform(0, 0.5)))

    def test_controller(self):
        self.kill_role("controller")

    def test_sweeper(self):
        self.kill_role("sweeper")

    def test_api(self):
        self.kill_role("api")

    def test_gateway(self):
        self.kill_role("gateway")

    def test_sidecar(self):
        def kill(chance):
            sidecars = [pid for pid in self.dev.marked() if b"\0sidecar\0" in command_line(pid)]
            if sidecars:
                os.kill(chance.choice(sidecars), signal.SIGKILL)
        self.killings(kill)


if __name__ == "__main__":
    unittest.main()
