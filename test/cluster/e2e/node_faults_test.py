"""A node is drained, loses its kubelet, or its power, while sessions live on it and on another one: the others do not notice, what ended says
why, no object gets a second pod, and in the end nothing is left.

Needs what role_faults_test needs, on a cluster of two nodes that gives a lost node up soon:
SPAWNER_CLUSTER_EVICT_AFTER=20 scripts/cluster up --nodes 2. Skipped on one node.
"""

import subprocess
import time
import unittest

from api_server import ROOT, kubectl
from on_cluster import SLABS, STATE, Cluster, PodWatch, Visitor, enter_node, wait_for

LOST_AFTER = 120  # a node is found to be lost, and its pods are given up: Kubernetes' own times, shortened by the cluster


class NodeFaults(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        enter_node()
        cls.cluster = Cluster()
        nodes = cls.cluster.names("/api/v1/nodes")
        if len(nodes) < 2:
            raise unittest.SkipTest("needs two nodes: scripts/cluster up --nodes 2")
        cls.here, cls.there = nodes[:2]
        cls.cluster.wait_roles()

    def setUp(self):
        self.cluster.nothing_is_left()
        self.watch, self.visitors, self.names = PodWatch(), [], []
        self.addCleanup(self.sweep_up)
        self.staying = [self.visit(self.here) for _ in range(2)]
        self.hit = [self.visit(self.there) for _ in range(2)]
        self.idle = self.session(self.there)
        self.cluster.wait_ready(self.idle)

    def sweep_up(self):
        self.nodes("node-start")
        kubectl("uncordon", self.there)
        for visitor in self.visitors:
            visitor.leave()
        self.cluster.server.call("DELETE", SLABS)
        self.cluster.wait_roles()
        self.cluster.nothing_is_left()

    def nodes(self, word):
        done = subprocess.run([ROOT / "scripts" / "cluster", "--state", STATE, word, self.there], capture_output=True, text=True, timeout=120,
                              check=False)
        self.assertEqual(done.returncode, 0, f"{word}: {done.stdout}{done.stderr}")

    def session(self, node):
        template = {"nodeSelector": {"kubernetes.io/hostname": node}, "containers": [{"name": "board", "image": "whiteboard:0.1.0"}]}
        slab = {"apiVersion": "spawner.dev/v1", "kind": "SessionLivedBackend", "metadata": {"generateName": "spawner-node-"},
                "spec": {"gracePeriodSeconds": 600, "ttlSecondsAfterFinished": 600, "template": template}}
        made = self.cluster.server.call("POST", SLABS, slab)
        self.assertEqual(made.status, 201, made.body)
        self.names.append(made.json()["metadata"]["name"].removeprefix("spawner-"))
        return self.names[-1]

    def visit(self, node):
        visitor = Visitor(self.cluster, self.session(node))
        self.visitors.append(visitor)
        self.assertEqual(self.cluster.status(visitor.name)["nodeName"], node)
        return visitor

    def others_hold(self):
        for visitor in self.staying:
            visitor.assert_lives()
            self.assertTrue(self.cluster.status(visitor.name)["ready"])

    def node_is(self, ready):
        node = self.cluster.server.get(f"/api/v1/nodes/{self.there}")
        condition, = (c for c in node["status"]["conditions"] if c["type"] == "Ready")
        return (condition["status"] == "True") == ready

    def all_end(self, reason):
        """The sessions of the node, each with the reason; then it comes back, and nothing of them is left but their objects."""
        for name in [*(visitor.name for visitor in self.hit), self.idle]:
            end = wait_for(f"{name} to end", lambda name=name: self.cluster.status(name).get("end"), LOST_AFTER, 0.1)
            self.assertEqual(end["reason"], reason, end)
            self.assertTrue(self.cluster.status(name)["failed"])
        self.others_hold()

    def one_pod_each(self):
        self.assertIsNone(self.watch.problem)
        for name in self.names:
            self.assertEqual(len(self.watch.uids[f"spawner-{name}"]), 1, name)

    def only_the_others_have_pods(self):
        wanted = sorted(f"spawner-{visitor.name}" for visitor in self.staying)
        wait_for("the pods of the node to be gone", lambda: self.cluster.names("/api/v1/namespaces/spawner/pods") == wanted, LOST_AFTER, 0.2)

    def test_drained(self):
        drain = ["drain", self.there, "--ignore-daemonsets", "--delete-emptydir-data", "--force", f"--timeout={LOST_AFTER}s"]
        kubectl(*drain, limit=LOST_AFTER + 30)
        self.all_end("Evicted")
        self.only_the_others_have_pods()
        for visitor in self.hit:
            with self.assertRaises(ConnectionError):
                while True:
                    visitor.board.receive()
            self.assertEqual(getattr(visitor.board, "close_code", None), 1001)
        self.cluster.wait_roles()
        self.cluster.wait_ready(self.cluster.spawn(600))  # on the node that is left
        self.one_pod_each()

    def test_kubelet_stopped_for_a_while(self):
        """Nothing has happened to the sessions, and nothing does: losing contact is not idleness (P3)."""
        self.nodes("kubelet-stop")
        wait_for("the node to be NotReady", lambda: self.node_is(False), LOST_AFTER, 0.2)
        self.others_hold()
        for visitor in self.hit:
            visitor.assert_lives()
        self.nodes("node-start")
        wait_for("the node to be Ready", lambda: self.node_is(True), LOST_AFTER, 0.2)
        for visitor in self.visitors:
            visitor.assert_lives()
        for name in self.names:
            status = self.cluster.status(name)
            self.assertTrue(status["ready"] and not status.get("end"), status)
        self.one_pod_each()

    def test_power_cut(self):
        self.nodes("node-stop")
        began = time.monotonic()
        self.all_end("NodeLost")
        self.assertLess(time.monotonic() - began, LOST_AFTER)
        self.nodes("node-start")
        self.only_the_others_have_pods()
        self.cluster.wait_roles()
        self.cluster.wait_ready(self.cluster.spawn(600))
        self.one_pod_each()


if __name__ == "__main__":
    unittest.main()
