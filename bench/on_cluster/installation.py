"""A cluster of the bench's own with Spawner on it. Entered by `with`; whatever happens, it is taken down."""

import ctypes
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

from . import kube, objects

ROOT = pathlib.Path(__file__).resolve().parents[2]
HERE = pathlib.Path(__file__).resolve().parent
SYSTEM = "spawner-system"
WHITEBOARD = "whiteboard:0.1.0"
LISTENER = "bench-listener:1"
CLONE_NEWNET = 0x40000000


def say(text):
    print(f"[{time.strftime('%H:%M:%S')}] {text}", file=sys.stderr, flush=True)


def run(*command, seconds=300, **more):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=seconds, check=False, **more)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))} ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout


class Installation:
    """`access` for clients on the node; `api` of the main thread; `logs` is the folder with the logs of the cluster's components."""

    def __enter__(self):
        self.state = pathlib.Path(tempfile.mkdtemp(prefix="spawner-bench-"))
        self.logs = self.state / "log"
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        say("taking the cluster down")
        subprocess.run([ROOT / "scripts" / "cluster", "--state", self.state, "down"], timeout=120, check=True)
        shutil.rmtree(self.state, ignore_errors=True)  # where the cluster never began

    def _cluster(self, *words, **more):
        return run(ROOT / "scripts" / "cluster", "--state", self.state, *words, **more)

    def _start(self):
        say("making the images")
        images = self._images()
        say("starting a cluster (the first time, Kubernetes is built: minutes)")
        audited = {**os.environ, "SPAWNER_CLUSTER_AUDIT": f"{objects.NAMESPACE} {SYSTEM}"}
        say(self._cluster("up", seconds=1800, env=audited).splitlines()[0])
        self._cluster("load-image", *images)
        self._cluster("kubectl", "apply", "-k", ROOT / "manifests")
        for workload in ("deployment/spawner-controller", "deployment/spawner-api", "deployment/spawner-gateway", "daemonset/spawner-sweeper"):
            self._cluster("kubectl", "-n", SYSTEM, "rollout", "status", workload, "--timeout=120s", seconds=130)
        self._enter_node()
        say("Spawner is installed")

    def _images(self):
        folder = ROOT / "build"
        image = ROOT / "scripts" / "image"
        run(image, folder / "spawner-image.tar", seconds=1800)
        whiteboard = folder / "release" / "examples" / "whiteboard" / "whiteboard"
        run(image, folder / "whiteboard-image.tar", "--name", WHITEBOARD, "--add", f"{whiteboard}:usr/bin/whiteboard")
        listener = folder / "bench-listener"
        run("gcc", "-static", "-Os", "-o", listener, HERE / "listener.c")
        run(image, folder / "listener-image.tar", "--name", LISTENER, "--add", f"{listener}:usr/bin/listener")
        return [folder / f"{name}-image.tar" for name in ("spawner", "whiteboard", "listener")]

    def _enter_node(self):
        """From here on this process (not its files) is in the node's network: no forwarder stands between us and what is measured."""
        init = (self.state / "initpid").read_text().strip()
        libc = ctypes.CDLL(None, use_errno=True)
        with open(f"/proc/{init}/ns/net", encoding="ascii") as network:
            if libc.setns(network.fileno(), CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "setns: cannot enter the cluster's network")
        token = (self.state / "etc" / "admin.token").read_text().strip()
        self.access = kube.Access("127.0.0.1", 6443, token, self.state / "pki" / "ca.crt")
        self.api = kube.Api(self.access)
        self.api_address = self.api.call("GET", f"/api/v1/namespaces/{SYSTEM}/services/spawner-api")["spec"]["clusterIP"]

    def set_sidecar_mode(self, mode):
        """Rolls the controller to the mode; returns when only the new one is there."""
        path = f"/apis/apps/v1/namespaces/{SYSTEM}/deployments/spawner-controller"
        env = [{"name": "SPAWNER_CONTROLLER_SIDECAR_MODE", "value": mode}]
        patch = {"spec": {"template": {"spec": {"containers": [{"name": "controller", "env": env}]}}}}
        self.api.call("PATCH", path, patch, "application/strategic-merge-patch+json")
        end = time.monotonic() + 120
        pods = f"/api/v1/namespaces/{SYSTEM}/pods?labelSelector=app.kubernetes.io/name=spawner-controller"
        while True:
            found = self.api.call("GET", path)
            wanted, status = found["spec"]["replicas"], found["status"]
            current = status.get("observedGeneration", 0) >= found["metadata"]["generation"]
            counts = [status.get(field, 0) for field in ("replicas", "updatedReplicas", "availableReplicas")]
            if current and counts == [wanted] * 3 and len(self.api.call("GET", pods)["items"]) == wanted:
                return
            if time.monotonic() > end:
                raise TimeoutError(f"waited 120 s for the controller in mode {mode}: {status}")
            time.sleep(0.1)
