"""Roles are killed, lost, and rolled while sessions live: those in use stay, nobody's idle time begins anew, no object gets a second pod,
what was spawned meanwhile becomes Ready, and in the end nothing is left (P1 to P5 of docs/guarantees.md)."""

import concurrent.futures
import http.client
import os
import random
import threading
import time
import unittest

import faults
from cluster import ROLES, SYSTEM
from faults import Arrivals
from harness import request, seconds, wait_for
from together import the_world
from world import Watch

SEED = os.environ.get("SPAWNER_TEST_SEED", "20261124")
GRACE = 5
SLACK = 8  # of a busy machine, beyond the 2 s of P2
IN_USE, IDLE = 4, 3


class RoleFaults(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = the_world()
        cls.cluster = cls.world.cluster
        faults.wait_roles(cls.cluster)

    def setUp(self):
        self.chance = random.Random(f"{SEED}-{self._testMethodName}")
        self.visitors, self.idle = [], []
        self.addCleanup(self.sweep_up)
        self.visitors = faults.visitors(self.world, IN_USE, gracePeriodSeconds=GRACE)
        self.idle = [faults.spawn(self.world, gracePeriodSeconds=600) for _ in range(IDLE)]
        for session in self.idle:
            session.ready(60)

    def sweep_up(self):
        """Also after a failure: the next test begins with nothing."""
        for visitor in self.visitors:
            visitor.leave()
        faults.wait_roles(self.cluster)
        self.world.delete_all()

    def under(self, fault):
        """The fault, with sessions in use, idle, and starting; then what must hold."""
        arrivals = Arrivals(self.world)
        wait_for("sessions to arrive", lambda: arrivals.sessions or arrivals.problem, 30)
        fault()
        self.sessions_hold()
        faults.wait_roles(self.cluster)
        others = arrivals.stop()
        for session in others:
            session.ready(60)
        self.sessions_hold()
        self.all_end(others)

    def sessions_hold(self):
        for visitor in self.visitors:
            visitor.assert_lives()
        for session in [*(visitor.session for visitor in self.visitors), *self.idle]:
            status = session.status
            self.assertTrue(session.slab and status.get("ready") and not status.get("swept") and not status.get("failed"), session.tell())
        for visitor in self.visitors:
            self.assertEqual(visitor.session.status["podUID"], visitor.pod_uid)

    def all_end(self, others):
        left = time.monotonic()
        for visitor in self.visitors:
            visitor.leave()
        for session in [*self.idle, *others]:
            session.delete()
        everyone = [*(visitor.session for visitor in self.visitors), *self.idle, *others]
        for visitor in self.visitors:
            swept = visitor.session.wait_state("Swept", GRACE + 2 + SLACK)
            self.assertLess(swept - left, GRACE + 2 + SLACK)
            self.assertGreater(swept - left, GRACE - 0.1)
        for session in everyone:
            session.wait_gone(60)
            self.assertEqual(len(session.pod_uids), 1, session.tell())

    def killed(self, role):
        """Its processes, then its pods with all that the kubelet knows of them, each at a random moment."""
        def fault():
            for hit in (faults.kill, faults.lose_pods, faults.lose_pods):
                time.sleep(self.chance.uniform(0.2, 2.0))  # the random moment: this is the experiment, not a wait
                hit(self.cluster, role)
                self.sessions_hold()
                faults.wait_roles(self.cluster)
        self.under(fault)

    def test_sweeper_killed(self):
        self.killed("sweeper")

    def test_controller_killed(self):
        self.killed("controller")

    def test_api_killed(self):
        self.killed("api")

    def test_gateway_killed(self):
        self.killed("gateway")

    def test_all_roles_killed_at_once(self):
        def fault():
            for hit in (faults.kill, faults.lose_pods):
                for workload in ROLES:
                    hit(self.cluster, faults.name_of(workload))
                self.sessions_hold()
                faults.wait_roles(self.cluster)
        self.under(fault)

    def test_sidecars_killed(self):
        """Connections end with their sidecar; the sessions do not, and their users come back."""
        def fault():
            sessions = [*(visitor.session for visitor in self.visitors), *self.idle]
            faults.kill_pids([pid for session in sessions for pid in session.pids("spawner-sidecar")])
            with concurrent.futures.ThreadPoolExecutor(IN_USE) as pool:  # one that waits for another's might find his own swept
                list(pool.map(self.come_back, self.visitors))
        self.under(fault)

    def come_back(self, visitor):
        def connected():
            try:
                visitor.connect()
                return True
            except (OSError, AssertionError):  # the second where the answer is no 101
                return False
        wait_for(f"the sidecar of {visitor.session.name} to answer again", connected, GRACE + 25, 0.05)

    def rolled(self, role):
        self.under(lambda: faults.roll(self.cluster, role))

    def test_sweeper_rolled(self):
        self.rolled("sweeper")

    def test_controller_rolled(self):
        self.rolled("controller")

    def test_api_rolled(self):
        self.rolled("api")

    def test_gateway_rolled(self):
        self.rolled("gateway")

    def test_the_rollout_of_the_sweeper_has_two_at_once_and_never_none(self):
        pods = Watch(self.cluster, f"/api/v1/namespaces/{SYSTEM}/pods", threading.Condition())
        wait_for("the watch to tell of the sweeper", lambda: any(name.startswith("spawner-sweeper-") for name in list(pods.now)), 20)
        self.under(lambda: faults.roll(self.cluster, "sweeper"))
        self.assertIsNone(pods.problem)
        running, counts = {}, []
        for _, kind, pod in sorted((change for changes in list(pods.changes.values()) for change in changes), key=lambda change: change[0]):
            if pod["metadata"]["name"].startswith("spawner-sweeper-"):
                states = [status["state"] for status in pod["status"].get("containerStatuses", [])]
                running[pod["metadata"]["name"]] = kind != "DELETED" and any("running" in state for state in states)
                counts.append(sum(running.values()))
        self.assertIn(2, counts)
        self.assertNotIn(0, counts)

    def test_two_sweepers_for_whole_lives(self):
        """What a rollout has for a moment, kept: each end is told once, and by one Event."""
        path = f"/apis/apps/v1/namespaces/{SYSTEM}/daemonsets"
        spec = self.cluster.get(f"{path}/spawner-sweeper")["spec"]
        labels = {"app.kubernetes.io/name": "spawner-second"}
        spec["selector"]["matchLabels"] = spec["template"]["metadata"]["labels"] = labels
        made = self.cluster.call("POST", path, {"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "spawner-second"}, "spec": spec})
        self.assertEqual(made.status, 201, made.body)
        self.addCleanup(wait_for, "the second sweeper to be gone", lambda: not self.cluster.pods_of("second"), 60)
        self.addCleanup(self.cluster.delete, f"{path}/spawner-second")
        wait_for("the second sweeper to be Ready", lambda: self.cluster.get(f"{path}/spawner-second")["status"].get("numberReady"), 60)
        for visitor in self.visitors:
            visitor.leave()  # sessions that both have followed from the beginning, and not only these, are to be seen
        self.visitors = faults.visitors(self.world, IN_USE, gracePeriodSeconds=GRACE)
        self.under(lambda: None)
        for visitor in self.visitors:
            visitor.session.event("Swept")
        time.sleep(1)  # in which the other one would have told it, too
        for visitor in self.visitors:
            swept = [event["message"] for event in visitor.session.events() if event["reason"] == "Swept"]
            self.assertEqual(len(swept), 1, swept)

    def test_a_restart_of_the_sweeper_does_not_begin_idle_time_anew(self):
        grace = 20
        session = faults.spawn(self.world, gracePeriodSeconds=grace)
        session.wait_state("Ready", 60)
        time.sleep(grace / 2)  # half of its idle time, which must count
        faults.lose_pods(self.cluster, "sweeper")
        session.wait_state("Swept", grace + 2 + SLACK)
        ready, swept = (seconds(session.status["stateTimes"][state]) for state in ("ready", "swept"))  # a busy machine tells us of them late
        self.assertGreater(swept - ready, grace - 0.1)
        self.assertLess(swept - ready, grace + 2 + SLACK)

    def answered_while(self, fault, port, path):
        """How many requests, each on a connection of its own, were answered during the fault; those that were not."""
        answers, refused, stop = [], [], threading.Event()

        def ask():
            while not stop.wait(0.02):
                began = time.monotonic()
                try:
                    answers.append(request(port, "GET", path, timeout=10).status)
                except (OSError, http.client.HTTPException) as problem:
                    refused.append(f"{problem!r} after {time.monotonic() - began:.3f} s")
        askers = [threading.Thread(target=ask, daemon=True) for _ in range(2)]
        for asker in askers:
            asker.start()
        fault()
        stop.set()
        for asker in askers:
            asker.join(15)
        return answers, refused

    def test_no_request_is_lost_while_front_doors_are_rolled(self):
        for role, path in (("api", "/backends"), ("gateway", f"{self.idle[0].path}/")):
            port = self.cluster.service_door(f"spawner-{role}")
            answers, refused = self.answered_while(lambda role=role: faults.roll(self.cluster, role), port, path)
            self.assertEqual(refused, [], f"{role}: of {len(answers)}")
            self.assertEqual(set(answers), {200}, role)
            self.assertGreater(len(answers), 50, role)

    def test_a_connection_through_a_rolled_gateway_comes_back(self):
        """The gateway closes it in order; the session waits for its user for the grace period."""
        visitor = faults.Visitor(faults.spawn(self.world, gracePeriodSeconds=60))  # longer than the rollout may take
        self.visitors.append(visitor)
        visitor.leave()
        visitor.board = visitor.session.websocket()
        faults.roll(self.cluster, "gateway")
        visitor.board.socket.settimeout(60)
        with self.assertRaises(ConnectionError):
            while True:
                visitor.board.receive()
        self.assertEqual(getattr(visitor.board, "close_code", None), 1001)
        visitor.board = visitor.session.websocket()
        self.sessions_hold()

    def test_no_role_dies_of_the_end_of_another(self):
        """It would hide behind its restart."""
        def restarts():
            return {(pod["metadata"]["name"], status["name"]): status["restartCount"]
                    for pod in self.cluster.get(f"/api/v1/namespaces/{SYSTEM}/pods")["items"] for status in pod["status"].get("containerStatuses", [])}
        for role in ("controller", "api"):
            before = restarts()

            def again(before=before):
                return {name for (pod, name), count in restarts().items() if count > before.get((pod, name), count)}
            faults.kill(self.cluster, role)
            wait_for(f"the {role} to be started again", again, 60)
            faults.wait_roles(self.cluster)
            self.assertEqual(again(), {role})


if __name__ == "__main__":
    unittest.main()
