"""What is done to Spawner's roles under live sessions, and the sessions that live meanwhile.

Users are in the node's network: a thread enters it to open a connection, and the connection stays there. Processes are found by the
containers of their pods, so nothing but this cluster's is ever hit.
"""

import concurrent.futures
import contextlib
import ctypes
import http.client
import os
import secrets
import signal
import threading

from cluster import ROLES, SYSTEM, WHITEBOARD
from harness import WebSocket, request, wait_for
from world import Session

CLONE_NEWNET = 0x40000000


def inside(cluster, make):
    """make(), called in the node's network."""
    def enter_and_make():
        with open(f"/proc/{cluster.init_pid}/ns/net") as network:
            if ctypes.CDLL(None, use_errno=True).setns(network.fileno(), CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "the cluster's network cannot be entered (needs root)")
        return make()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:  # a thread of its own: it does not come back
        return pool.submit(enter_and_make).result()


def name_of(role):
    return role.split("-")[-1]


def kill_pids(pids):
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def kill(cluster, role):
    """SIGKILL for every process of the role."""
    pids = [pid for pod in cluster.pods_of(role) for pid in cluster.container_pids(pod, role)]
    if not pids:
        raise AssertionError(f"no process of the {role} runs")
    kill_pids(pids)


def lose_pods(cluster, role):
    """The role's pods are gone at once, without the chance to say so."""
    for pod in cluster.pods_of(role):
        cluster.delete(f"/api/v1/namespaces/{SYSTEM}/pods/{pod['metadata']['name']}", grace=0)


def roll(cluster, role):
    workload = next(name for name in ROLES if name_of(name) == role)
    cluster.kubectl("-n", SYSTEM, "rollout", "restart", workload)
    cluster.rollout(workload)


def is_ready(pod):
    return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in pod["status"].get("conditions", []))


def wait_roles(cluster, seconds=120):
    """Until each role is there in full number, and Ready."""
    def there():
        for workload in ROLES:
            kind, name = workload.split("/")
            thing = cluster.get(f"/apis/apps/v1/namespaces/{SYSTEM}/{kind}s/{name}")
            status = thing["status"]
            wanted = thing["spec"].get("replicas", status.get("desiredNumberScheduled", 0))
            if status.get("numberReady", status.get("readyReplicas", 0)) != wanted or status.get("observedGeneration") != thing["metadata"]["generation"]:
                return False
            if sum(map(is_ready, cluster.pods_of(name_of(workload)))) != wanted:  # the status above may be of before the fault
                return False
        return True
    wait_for("all roles to be Ready", there, seconds, 0.1)


def spawn(world, seconds=40, **fields):
    """By a client that repeats its request after a broken connection, and so gets one session."""
    body = {"image": WHITEBOARD, "startupTimeoutSeconds": 120, **fields}
    key = secrets.token_hex(12)

    def attempt():
        try:
            answer = request(world.cluster.service_door("spawner-api"), "POST", "/spawn", body, {"idempotency-key": key}, timeout=5)
            return answer.json()["name"] if answer.status == 200 else None
        except (OSError, ValueError, http.client.HTTPException):
            return None
    return Session(world, "spawner-" + wait_for("a spawn to be answered", attempt, seconds, 0.05))


class Visitor:
    """A user with a WebSocket open to a session, at its sidecar: the end of a gateway is not to be taken for the end of the session."""

    def __init__(self, session):
        self.session = session.ready(60)
        self.pod_uid = session.status["podUID"]
        self.connect()

    def connect(self):
        address = self.session.status["podIP"]
        self.board = inside(self.session.world.cluster, lambda: WebSocket(9090, "/ws", host=address, timeout=10))

    def assert_lives(self):
        try:
            self.board.send({"type": "clear"})
            self.board.receive_type("clear", 15)
        except OSError as problem:
            raise AssertionError(f"the connection of its user ended: {problem!r}; {self.session.tell()}") from None

    def leave(self):
        self.board.close()


def visitors(world, count, **fields):
    """Users who come as soon as their sessions are Ready, each by himself: one that waits for another's might find his own swept."""
    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        return list(pool.map(lambda _: Visitor(spawn(world, **fields)), range(count)))


class Arrivals(threading.Thread):
    """New sessions one after another, until told to stop."""

    def __init__(self, world, pause=1.0):
        super().__init__(daemon=True)
        self.sessions, self.problem = [], None
        self._world, self._pause, self._stop_asked = world, pause, threading.Event()
        self.start()

    def run(self):
        try:
            while not self._stop_asked.is_set():
                self.sessions.append(spawn(self._world, gracePeriodSeconds=600))
                self._stop_asked.wait(self._pause)
        except Exception as problem:  # the tests assert on it
            self.problem = problem

    def stop(self):
        self._stop_asked.set()
        self.join(60)
        if self.is_alive() or self.problem:
            raise AssertionError(f"spawning went wrong: {self.problem or 'still waiting'}")
        return self.sessions
