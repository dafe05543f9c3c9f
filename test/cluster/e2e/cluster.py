#!/usr/bin/env python3
"""Spawner on a real Kubernetes, for tests: the cluster that scripts/cluster started in $SPAWNER_CLUSTER_STATE.

As a program: `cluster.py images` makes the images of the tests, `cluster.py install` gives them to the cluster and applies the manifests,
`cluster.py uninstall` takes these away again and fails when anything of ours is left. As a module: `Cluster` (kubectl, the API server, doors to
Services, processes of pods). What happens in it is told by `world.py`.
"""

import atexit
import json
import os
import pathlib
import re
import ssl
import subprocess
import sys
import time
import urllib.request
import urllib.error

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "test" / "e2e"))  # HTTP, Server-Sent Events and WebSockets are there
from harness import BUILD, Answer, wait_for  # noqa: E402

MANIFESTS = ROOT / "test" / "cluster" / "manifests"
IMAGES = ROOT / "build" / "cluster-images"
APP = "app:test"  # test/cluster/images/app.cpp
WHITEBOARD = "whiteboard:0.1.0"
SYSTEM = "spawner-system"
NAMESPACE = "spawner"
ROLES = ("deployment/spawner-controller", "deployment/spawner-api", "deployment/spawner-gateway", "daemonset/spawner-sweeper")
SLABS = f"/apis/spawner.dev/v1/namespaces/{NAMESPACE}/sessionlivedbackends"
PODS = f"/api/v1/namespaces/{NAMESPACE}/pods"
SERVICES = f"/api/v1/namespaces/{NAMESPACE}/services"


class Cluster:
    """The cluster of a state folder. Thread: any; every call makes a connection of its own."""

    def __init__(self, state=None):
        self.state = pathlib.Path(state or os.environ.get("SPAWNER_CLUSTER_STATE", "/tmp/spawner-cluster"))
        self.kubeconfig = self.state / "kubeconfig"
        if not self.kubeconfig.exists():
            raise RuntimeError(f"no cluster in {self.state}: start one with scripts/cluster up, and name its folder in SPAWNER_CLUSTER_STATE")
        text = self.kubeconfig.read_text()
        self.server = re.search(r'server: "(https://[^"]+)"', text).group(1)
        self.token = re.search(r"token: (\S+?)}", text).group(1)
        self.tls = ssl.create_default_context(cafile=re.search(r"certificate-authority: (\S+?)}", text).group(1))
        self.init_pid = (self.state / "initpid").read_text().strip()
        self.program = subprocess.run([ROOT / "test/cluster/kubernetes/build.sh"], capture_output=True, text=True, check=True).stdout.strip()
        self._doors = {}

    def kubectl(self, *arguments, text=None, check=True, timeout=90):
        """Its output; AssertionError with all that it said, unless it succeeds or check is False (then the finished process)."""
        done = subprocess.run([self.program, "kubectl", "--kubeconfig", str(self.kubeconfig), *arguments], input=text, capture_output=True,
                              text=True, timeout=timeout, check=False, cwd=ROOT)
        if not check:
            return done
        if done.returncode != 0:
            raise AssertionError(f"kubectl {' '.join(arguments)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def open(self, method, path, body=None, content_type="application/json", token=None, timeout=15):
        """The API server's answer as it comes; HTTPError is one, too."""
        headers = {"authorization": f"Bearer {token or self.token}"}
        if body is not None:
            headers["content-type"] = content_type
            body = json.dumps(body).encode()
        request = urllib.request.Request(self.server + path, body, headers, method=method)
        try:
            return urllib.request.urlopen(request, timeout=timeout, context=self.tls)
        except urllib.error.HTTPError as error:
            return error

    def call(self, method, path, body=None, content_type="application/json", token=None):
        with self.open(method, path, body, content_type, token) as answer:
            return Answer(answer.status, {k.lower(): v for k, v in answer.headers.items()}, answer.read())

    def get(self, path):
        """The object or list, None when there is none."""
        answer = self.call("GET", path)
        if answer.status == 404:
            return None
        if answer.status != 200:
            raise AssertionError(f"GET {path}: {answer.status} {answer.body!r}")
        return answer.json()

    def names(self, path):
        return [item["metadata"]["name"] for item in self.get(path)["items"]]

    def delete(self, path, grace=None):
        answer = self.call("DELETE", path, None if grace is None else {"gracePeriodSeconds": grace})
        if answer.status not in (200, 202, 404):
            raise AssertionError(f"DELETE {path}: {answer.status} {answer.body!r}")

    def door(self, target):
        """A port of this machine that leads to ADDRESS:PORT in the cluster's network, as long as this process and the cluster live."""
        if target not in self._doors:
            process = subprocess.Popen([self.program, "forward", "127.0.0.1:0", self.init_pid, target], stdout=subprocess.PIPE, text=True)
            atexit.register(process.communicate)
            atexit.register(process.kill)  # runs before the line above
            line = process.stdout.readline().strip()
            if ":" not in line:
                raise AssertionError(f"no door to {target}: the forwarder said {line!r}")
            self._doors[target] = int(line.rsplit(":", 1)[1])
        return self._doors[target]

    def service_door(self, name, namespace=SYSTEM):
        spec = self.get(f"/api/v1/namespaces/{namespace}/services/{name}")["spec"]
        return self.door(f"{spec['clusterIP']}:{spec['ports'][0]['port']}")

    @property
    def gateway(self):
        return self.service_door("spawner-gateway")

    def container_pids(self, pod, container):
        """This machine's pids of a container's processes, by its id in their cgroups."""
        statuses = pod["status"].get("containerStatuses", []) + pod["status"].get("initContainerStatuses", [])
        ids = [s["containerID"].split("//")[1] for s in statuses if s["name"] == container and s.get("containerID")]
        found = []
        for entry in os.listdir("/proc") if ids else []:
            try:
                if entry.isdigit() and ids[0] in pathlib.Path("/proc", entry, "cgroup").read_text():
                    found.append(int(entry))
            except OSError:
                pass  # it ended meanwhile
        return found

    def pods_of(self, role):
        """The running pods of one of Spawner's roles."""
        pods = self.get(f"/api/v1/namespaces/{SYSTEM}/pods?labelSelector=app.kubernetes.io/name=spawner-{role}")["items"]
        return [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]

    def check_restarts(self):
        """AssertionError when a container of Spawner's own ended by itself, with the end of its log."""
        for pod in self.get(f"/api/v1/namespaces/{SYSTEM}/pods")["items"]:
            for status in pod["status"].get("containerStatuses", []):
                if status["restartCount"] > 0:
                    log = self.kubectl("-n", SYSTEM, "logs", pod["metadata"]["name"], "--previous", "--tail=20", check=False).stdout
                    raise AssertionError(f"{pod['metadata']['name']} was restarted: {status.get('lastState')}\n{log}")

    def rollout(self, *roles, seconds=90):
        for role in roles or ROLES:
            self.kubectl("-n", SYSTEM, "rollout", "status", role, f"--timeout={seconds}s", timeout=seconds + 10)

    def load_images(self):
        archives = make_images()
        subprocess.run([ROOT / "scripts/cluster", "--state", self.state, "load-image", *archives], check=True, timeout=120)

    def install(self):
        self.load_images()
        again = SYSTEM in self.names("/api/v1/namespaces")
        self.kubectl("apply", "-k", str(MANIFESTS))
        if again:  # the same tags, maybe with other programs in them
            for role in ROLES:
                self.kubectl("-n", SYSTEM, "rollout", "restart", role)
        try:
            self.rollout()
        except AssertionError:
            print(self.kubectl("-n", SYSTEM, "get", "pods", "-o", "wide", check=False).stdout)
            print(self.kubectl("-n", SYSTEM, "get", "events", check=False).stdout)
            raise
        wait_for("the gateway to serve", lambda: _answers(self.gateway), 30, 0.1)

    def uninstall(self):
        self.kubectl("delete", "-k", str(MANIFESTS), "--timeout=120s", timeout=130)
        left = [name for name in self.names("/api/v1/namespaces") if name.startswith("spawner")]
        for group in ("rbac.authorization.k8s.io/v1/clusterroles", "rbac.authorization.k8s.io/v1/clusterrolebindings",
                      "apiextensions.k8s.io/v1/customresourcedefinitions", "scheduling.k8s.io/v1/priorityclasses"):
            left += [name for name in self.names(f"/apis/{group}") if "spawner" in name]
        if left:
            raise AssertionError(f"left after the end of the installation: {left}")


def _answers(port):
    from harness import request
    try:
        return request(port, "GET", "/api/backends", timeout=2).status == 200
    except OSError:
        return False


def _newer(target, *sources):
    return target.exists() and all(target.stat().st_mtime > pathlib.Path(source).stat().st_mtime for source in sources)


def make_images():
    """The archives of Spawner, the whiteboard and the tests' application; made again when what is in them is newer."""
    image = ROOT / "scripts" / "image"
    spawner, board, app = IMAGES / "spawner.tar", IMAGES / "whiteboard.tar", IMAGES / "app.tar"
    board_program, app_source, app_program = BUILD / "examples/whiteboard/whiteboard", ROOT / "test/cluster/images/app.cpp", IMAGES / "app"
    IMAGES.mkdir(parents=True, exist_ok=True)

    def run(*command):
        subprocess.run([str(part) for part in command], check=True, stdout=subprocess.DEVNULL, timeout=600)

    if not _newer(spawner, BUILD / "spawner", image):
        run(image, spawner)
    if not _newer(board, board_program, image):
        run(image, board, "--name", WHITEBOARD, "--add", f"{board_program}:usr/bin/whiteboard")
    if not _newer(app, app_source, image):
        run("g++", "-std=c++20", "-O1", "-static", "-o", app_program, app_source)
        run(image, app, "--name", APP, "--add", f"{app_program}:usr/bin/app")
    return [spawner, board, app]


def main():
    words = {"images": make_images, "install": lambda: Cluster().install(), "uninstall": lambda: Cluster().uninstall()}
    if len(sys.argv) != 2 or sys.argv[1] not in words:
        sys.exit(__doc__)
    began = time.monotonic()
    words[sys.argv[1]]()
    print(f"{sys.argv[1]}: {time.monotonic() - began:.1f} s")


if __name__ == "__main__":
    main()
