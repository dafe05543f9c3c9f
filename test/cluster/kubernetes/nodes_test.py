"""The cluster of tests itself: nodes that reach each other, are stopped and come back; two clusters side by side; what `down` leaves.

Needs root and a writable /sys/fs/cgroup. Standard library only. Every wait has a deadline and says what it waited for.
"""

import json
import os
import pathlib
import re
import socket
import subprocess
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[3]
IMAGES = ROOT / "test" / "cluster" / "images"
NODE_GRACE, EVICT_AFTER = 8, 5
UP_LIMIT = 1800  # it builds Kubernetes the first time


def run(*command, limit=60, check=True, **more):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=limit, check=False, **more)
    if check and done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, command))} ended with {done.returncode}: {done.stdout}{done.stderr}")
    return done


def wait_for(what, condition, seconds, interval=0.1):
    end = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > end:
            raise AssertionError(f"waited {seconds} s for {what}")
        time.sleep(interval)
    return value


def service_name(node):
    return f"on-{node}.default.svc.cluster.local"


class Cluster:
    def __init__(self, state):
        self.state = state
        self.command = [ROOT / "scripts" / "cluster", "--state", state]

    def up(self, nodes):
        """Begins; await with done_up()."""
        env = {**os.environ, "SPAWNER_CLUSTER_NODE_GRACE": str(NODE_GRACE), "SPAWNER_CLUSTER_EVICT_AFTER": str(EVICT_AFTER)}
        self._up = subprocess.Popen([*map(str, self.command), "up", "--nodes", str(nodes)], env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def done_up(self):
        said, _ = self._up.communicate(timeout=UP_LIMIT)
        if self._up.returncode != 0:
            raise AssertionError(f"up: {said}")

    def __call__(self, *words, **more):
        return run(*self.command, *words, **more)

    def kubectl(self, *words, **more):
        return self("kubectl", *words, **more)

    def get(self, *words):
        return json.loads(self.kubectl("get", *words, "-o", "json").stdout)

    def ready(self, node):
        return next(c["status"] for c in self.get("node", node)["status"]["conditions"] if c["type"] == "Ready")

    def pod(self, name, node, labels=None):
        self.apply({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels or {"app": name}},
            "spec": {"nodeSelector": {"kubernetes.io/hostname": node}, "containers": [
                {"name": "echo", "image": "k8s.test/echo:1", "imagePullPolicy": "Never", "args": ["serve", "7000"]}]},
        })  # fmt: skip

    def service(self, name):
        self.apply({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
                    "spec": {"selector": {"app": name}, "ports": [{"port": 80, "targetPort": 7000}]}})  # fmt: skip

    def apply(self, thing):
        self.kubectl("apply", "-f", "-", input=json.dumps(thing))

    def wait_pods(self, *names):
        self.kubectl("wait", "--for=condition=Ready", "--timeout=30s", *(f"pod/{n}" for n in names))

    def ask(self, pod, host, port):
        """What the server at host:port answers to the pod; empty when it does not."""
        return self.kubectl("exec", pod, "--", "/echo", "ask", host, str(port), check=False).stdout.strip()


def host():
    """What a cluster could leave on this machine, and no other cluster on it changes."""
    return {
        "links": sorted(line.split(":")[1].strip() for line in run("ip", "-o", "link").stdout.splitlines()),
        "nftables": sorted(run("nft", "list", "tables").stdout.splitlines()),
        "mounts": sorted(line.split()[4] for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines()),
    }


def left_of(cluster_id):
    """Cgroups and processes of the cluster that are still there."""
    found = [str(p) for p in [*pathlib.Path("/sys/fs/cgroup").glob(cluster_id), *pathlib.Path("/sys/fs/cgroup").glob(f"*/{cluster_id}")]]
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if cluster_id.encode() in (process / "environ").read_bytes() or cluster_id in (process / "cgroup").read_text():
                found.append((process / "cmdline").read_text().replace("\0", " "))
        except OSError:
            pass  # it has ended
    return found


@unittest.skipUnless(os.getuid() == 0 and os.access("/sys/fs/cgroup", os.W_OK), "needs root and a writable /sys/fs/cgroup")
class Nodes(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="spawner-nodes-")
        cls.before = host()
        cls.two, cls.one = Cluster(cls.folder.name + "/two"), Cluster(cls.folder.name + "/one")
        cls.addClassCleanup(cls.ends_clean)
        cls.two.up(2)  # side by side
        cls.one.up(1)
        cls.two.done_up()
        cls.one.done_up()
        cls.ids = [(pathlib.Path(c.state) / "id").read_text().strip() for c in (cls.two, cls.one)]
        echo = cls.folder.name + "/echo"
        run("gcc", "-O1", "-o", echo, IMAGES / "echo.c")
        run(ROOT / "scripts" / "image", echo + ".tar", "--name", "k8s.test/echo:1", "--add", echo + ":echo")
        cls.two("load-image", echo + ".tar")
        for node in ("n1", "n2"):
            cls.two.pod(f"on-{node}", node)
            cls.two.service(f"on-{node}")
        cls.two.wait_pods("on-n1", "on-n2")

    @classmethod
    def ends_clean(cls):
        for cluster in (cls.two, cls.one):
            cluster("down")
        wait_for(f"the host to be as it was: {cls.before}", lambda: host() == cls.before, 20)  # the kernel ends links of a namespace after it
        for one in getattr(cls, "ids", []):
            assert not left_of(one), left_of(one)
        assert os.listdir(cls.folder.name) in (["echo", "echo.tar"], ["echo.tar", "echo"], []), os.listdir(cls.folder.name)
        cls.folder.cleanup()

    def setUp(self):
        self.two("node-start", "n2")  # a test that failed may have left it stopped
        if not self.two.kubectl("get", "pod", "on-n2", check=False).stdout:
            self.comes_back()

    def comes_back(self):
        self.two("node-start", "n2")
        self.assertEqual(self.two.ready("n2"), "True")
        wait_for("the taints of n2 to go", lambda: not self.two.get("node", "n2")["spec"].get("taints"), 20)
        self.two.kubectl("delete", "pod", "on-n2", "--ignore-not-found", "--timeout=40s")
        self.two.pod("on-n2", "n2")
        self.two.wait_pods("on-n2")

    def reaches(self, pod, host_name, port, wanted):
        """Ready comes before the rules and names by which others reach it."""
        wait_for(f"{pod} to reach {wanted} at {host_name}:{port}", lambda: self.two.ask(pod, host_name, port) == wanted, 30)

    def test_each_node_has_a_name_an_address_and_pods_of_its_own(self):
        addresses = {n["metadata"]["name"]: n["status"]["addresses"][0]["address"] for n in self.two.get("nodes")["items"]}
        self.assertEqual(addresses, {"n1": "172.30.0.11", "n2": "172.30.0.12"})
        for node, network in (("n1", "10.244.16."), ("n2", "10.244.32.")):
            pod = self.two.get("pod", f"on-{node}")
            self.assertEqual(pod["spec"]["nodeName"], node)
            self.assertTrue(pod["status"]["podIP"].startswith(network), pod["status"]["podIP"])

    def test_pods_reach_pods_services_and_names_from_every_node_on_every_node(self):
        for to in ("n1", "n2"):
            pod_address = self.two.get("pod", f"on-{to}")["status"]["podIP"]
            service_address = self.two.get("service", f"on-{to}")["spec"]["clusterIP"]
            for by in ("n1", "n2"):
                for host_name, port in ((pod_address, 7000), (service_address, 80), (service_name(to), 80)):
                    with self.subTest(by=by, to=to, host=host_name):
                        self.reaches(f"on-{by}", host_name, port, f"on-{to}")

    def test_the_api_server_reaches_every_kubelet(self):
        for node in ("n1", "n2"):
            wait_for("its log", lambda node=node: self.two.kubectl("logs", f"on-{node}").stdout.strip() == f"on-{node}", 10)
            self.reaches(f"on-{node}", "127.0.0.1", 7000, f"on-{node}")
            forward = subprocess.Popen([*map(str, self.two.command), "kubectl", "port-forward", f"pod/on-{node}", ":7000"], stdout=subprocess.PIPE, text=True)
            try:
                port = int(re.search(r"127\.0\.0\.1:(\d+)", forward.stdout.readline()).group(1))
                with socket.create_connection(("127.0.0.1", port), 10) as connection:
                    self.assertEqual(connection.recv(100).decode().strip(), f"on-{node}")
            finally:
                forward.kill()
                forward.wait(10)
                forward.stdout.close()

    def test_a_kubelet_may_change_its_own_node_only(self):
        token = (pathlib.Path(self.two.state) / "etc" / "kubelet-n1.token").read_text().strip()
        for node, allowed in (("n1", True), ("n2", False)):
            done = self.two.kubectl("--token", token, "patch", "node", node, "-p", '{"metadata":{"labels":{"kubelet.kubernetes.io/mine":"yes"}}}', check=False)
            self.assertEqual(done.returncode == 0, allowed, done.stderr)
            self.assertEqual("orbidden" in done.stderr, not allowed, done.stderr)

    def test_a_lost_node_is_seen_its_pods_run_on_and_are_evicted(self):
        address = self.two.get("pod", "on-n2")["status"]["podIP"]
        self.two("kubelet-stop", "n2")
        wait_for("n2 to be lost", lambda: self.two.ready("n2") == "Unknown", NODE_GRACE + 10)
        self.assertIn("kubelet is stopped", self.two("status").stdout)
        wait_for("eviction", lambda: "deletionTimestamp" in self.two.get("pod", "on-n2")["metadata"], EVICT_AFTER + 15)
        self.assertEqual(self.two.ask("on-n1", address, 7000), "on-n2")
        self.comes_back()
        self.assertEqual(self.two.ready("n1"), "True")

    def test_a_killed_node_takes_its_pods_along_and_comes_back(self):
        address = self.two.get("pod", "on-n2")["status"]["podIP"]
        self.two("node-stop", "n2")
        self.assertEqual(self.two.ask("on-n1", address, 7000), "")
        self.reaches("on-n1", service_name("n1"), 80, "on-n1")
        self.assertIn("node n2 stopped", self.two("status").stdout)
        wait_for("n2 to be lost", lambda: self.two.ready("n2") == "Unknown", NODE_GRACE + 10)
        self.comes_back()
        self.reaches("on-n1", service_name("n2"), 80, "on-n2")

    def test_a_node_that_is_back_at_once_is_ready(self):
        self.two("node-stop", "n2")
        self.comes_back()
        self.reaches("on-n2", service_name("n1"), 80, "on-n1")

    def test_a_node_is_drained(self):
        self.two.kubectl("drain", "n2", "--force", "--ignore-daemonsets", "--timeout=40s")
        names = [p["metadata"]["name"] for p in self.two.get("pods", "--field-selector", "spec.nodeName=n2")["items"]]
        self.assertEqual(names, [])
        self.two.kubectl("uncordon", "n2")
        self.comes_back()

    def test_two_clusters_are_two(self):
        self.assertEqual([n["metadata"]["name"] for n in self.one.get("nodes")["items"]], ["n1"])
        self.two.kubectl("create", "configmap", "only-here")
        self.assertNotEqual(self.one.kubectl("get", "configmap", "only-here", check=False).returncode, 0)
        self.one("down")
        self.assertEqual(left_of(self.ids[1]), [])
        self.assertEqual([self.two.ready(n) for n in ("n1", "n2")], ["True", "True"])
        self.one.up(1)
        self.one.done_up()
        self.assertEqual(self.one.ready("n1"), "True")


if __name__ == "__main__":
    unittest.main()
