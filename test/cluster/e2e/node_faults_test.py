"""A node is drained, loses its kubelet, or its power, while sessions live on it and on another one: the others do not notice, what ended says
why, no object gets a second pod, and in the end nothing is left.

Needs a cluster of two nodes that gives a lost one up soon: SPAWNER_CLUSTER_EVICT_AFTER=20 scripts/cluster up --nodes 2. Skipped on one node.
"""

import subprocess
import unittest

import faults
from cluster import ROOT, WHITEBOARD
from faults import Visitor
from harness import wait_for
from together import the_world

LOST_AFTER = 120  # a node is found to be lost, and its pods are given up: Kubernetes' own times, shortened by the cluster


class NodeFaults(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = the_world()
        cls.cluster = cls.world.cluster
        nodes = cls.cluster.names("/api/v1/nodes")
        if len(nodes) < 2:
            raise unittest.SkipTest("needs two nodes: scripts/cluster up --nodes 2")
        faults.wait_roles(cls.cluster)
        cls.there = cls.cluster.pods_of("controller")[0]["spec"]["nodeName"]  # the harder case: the controller is hit, too
        cls.here = next(node for node in nodes if node != cls.there)

    def setUp(self):
        self.visitors, self.sessions = [], []
        self.addCleanup(self.sweep_up)
        self.staying = [self.visit(self.here) for _ in range(2)]
        self.hit = [self.visit(self.there) for _ in range(2)]
        self.idle = self.session(self.there).ready(60)

    def sweep_up(self):
        self.do("node-start")
        self.cluster.kubectl("uncordon", self.there)
        for visitor in self.visitors:
            visitor.leave()
        faults.wait_roles(self.cluster)
        self.world.delete_all(90)

    def do(self, word):
        command = [ROOT / "scripts/cluster", "--state", self.cluster.state, word, self.there]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        self.assertEqual(done.returncode, 0, f"{word}: {done.stdout}{done.stderr}")

    def session(self, node):
        template = {"nodeSelector": {"kubernetes.io/hostname": node}}
        containers = [{"name": "board", "image": WHITEBOARD}]
        self.sessions.append(self.world.create(containers, template, gracePeriodSeconds=600, ttlSecondsAfterFinished=600))
        return self.sessions[-1]

    def visit(self, node):
        visitor = Visitor(self.session(node))
        self.visitors.append(visitor)
        self.assertEqual(visitor.session.status["nodeName"], node)
        return visitor

    def others_hold(self):
        for visitor in self.staying:
            visitor.assert_lives()
            self.assertNotIn("end", visitor.session.status, visitor.session.tell())

    def node_is(self, ready):
        node = self.cluster.get(f"/api/v1/nodes/{self.there}")
        condition, = (c for c in node["status"]["conditions"] if c["type"] == "Ready")
        return (condition["status"] == "True") == ready

    def all_end(self, reason):
        """The sessions of the node, each with the reason; the others do not notice."""
        for session in [*(visitor.session for visitor in self.hit), self.idle]:
            session.wait_end("Failed", reason, LOST_AFTER)
        self.others_hold()

    def one_pod_each(self):
        for session in self.sessions:
            self.assertEqual(len(session.pod_uids), 1, session.tell())

    def pods_go(self):
        for session in [*(visitor.session for visitor in self.hit), self.idle]:
            session.wait_gone(LOST_AFTER, slab=False)

    def another(self):
        """Spawner still does its work, on the nodes that there are."""
        faults.wait_roles(self.cluster)
        faults.spawn(self.world, gracePeriodSeconds=600).ready(60)

    def test_drained(self):
        """In order: users are told (1001), roles move and their budgets are kept."""
        drain = ["drain", self.there, "--ignore-daemonsets", "--delete-emptydir-data", "--force", f"--timeout={LOST_AFTER}s"]
        self.cluster.kubectl(*drain, timeout=LOST_AFTER + 30)
        self.all_end("Evicted")
        self.pods_go()
        for visitor in self.hit:
            with self.assertRaises(ConnectionError):
                while True:
                    visitor.board.receive()
            self.assertEqual(getattr(visitor.board, "close_code", None), 1001)
        self.another()
        self.one_pod_each()

    def test_kubelet_stopped_for_a_while(self):
        """Nothing has happened to the sessions, and nothing does: losing contact is not idleness (P3)."""
        self.do("kubelet-stop")
        wait_for("the node to be NotReady", lambda: self.node_is(False), LOST_AFTER, 0.2)
        for visitor in self.visitors:
            visitor.assert_lives()
        self.do("node-start")
        wait_for("the node to be Ready", lambda: self.node_is(True), LOST_AFTER, 0.2)
        for visitor in self.visitors:
            visitor.assert_lives()
        for session in self.sessions:
            self.assertTrue(session.status["ready"] and "end" not in session.status, session.tell())
        self.one_pod_each()

    def test_kubelet_stopped_for_good(self):
        """Kubernetes gives the node's pods up, and that is an end, though they run until the kubelet comes back: it ends them then."""
        self.do("kubelet-stop")
        self.all_end("NodeLost")
        self.do("node-start")
        self.pods_go()
        self.another()
        self.one_pod_each()

    def test_power_cut(self):
        self.do("node-stop")
        self.all_end("NodeLost")
        faults.spawn(self.world, LOST_AFTER, gracePeriodSeconds=600).ready(LOST_AFTER)  # on the node that is left
        self.do("node-start")
        self.pods_go()
        self.another()
        self.one_pod_each()


if __name__ == "__main__":
    unittest.main()
