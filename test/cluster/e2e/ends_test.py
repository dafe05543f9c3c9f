"""Every way in which a session ends by itself, on a real Kubernetes: state, reason, message and what is left."""

import os
import pathlib
import threading
import time
import unittest

from cluster import APP, WHITEBOARD
from harness import request, seconds, wait_for
from together import Together


KEEP_SECONDS = 20  # SPAWNER_KEEP_FINISHED_SECONDS in test/cluster/manifests


def memory_can_be_limited():
    return os.path.isdir("/sys/fs/cgroup/memory") or "memory" in pathlib.Path("/sys/fs/cgroup/cgroup.controllers").read_text().split()


def terminated_for(session):
    """The reason of the application's end by its pod's status, or None; also when the pod is gone again."""
    for _, _, pod in reversed(session.world.pods.changes[session.name]):
        for status in pod.get("status", {}).get("containerStatuses", []):
            if status["name"] == "app" and "terminated" in status["state"]:
                return status["state"]["terminated"]["reason"]
    return None


class Ends(Together):
    def end_of(self, session, state, reason, limit=40):
        """Its end as the object, the API, the Events and the conditions tell it; after it, Pod and Service go within seconds."""
        end = session.wait_end(state, reason, limit)
        ended = time.monotonic()
        self.assertEqual((session.status["phase"], session.status["reason"], session.status["message"]), (state, reason, end["message"]))
        for kind, status in (("Ready", "False"), ("Finished", "True")):
            self.assertEqual([session.condition(kind)[field] for field in ("status", "reason")], [status, reason])

        def ended_by_the_api():
            told = request(self.world.port, "GET", f"/api/backend/{session.short}").json()
            return told if told["end"] else None
        told = wait_for("the API to tell the end", ended_by_the_api, 10, 0.05)  # its watch may be a moment behind ours
        self.assertEqual((told["state"], told["reason"], told["end"]["message"]), (state, reason, end["message"]))
        session.gone_since(ended, slab=False)
        event = session.event(state)
        self.assertIn(f"{reason}: {end['message']}", event["message"])
        self.assertEqual(event["type"], "Warning" if state == "Failed" else "Normal")
        return end

    def gone_after(self, session, end):
        """Seconds from its end, as the cluster's clock had it, to nothing left, as we saw it: never less than it was."""
        return session.wait_gone(0) + time.time() - time.monotonic() - seconds(end["time"])

    def spawn(self, do, **fields):
        return self.world.spawn(APP, env={"DO": do}, gracePeriodSeconds=300, **fields)

    def test_an_application_that_exits_with_0_is_completed(self):
        session = self.spawn("exit 0 bye")
        end = self.end_of(session, "Swept", "Completed")
        self.assertEqual(end["exitCode"], 0)
        session.gone_since(session.wait_state("Swept", 0) + KEEP_SECONDS)
        self.assertGreater(self.gone_after(session, end), KEEP_SECONDS - 0.5, "the object stays for a while, to be read")

    def test_an_exit_code_and_the_end_of_the_log_are_told(self):
        end = self.end_of(self.spawn("exit 3 cannot open notes.db"), "Failed", "Error")
        self.assertEqual(end["exitCode"], 3)
        self.assertIn("cannot open notes.db", end["log"])
        self.assertNotIn("notes.db", end["message"], "users of the application read it")

    def test_an_exit_after_ready_is_told(self):
        session = self.spawn("").ready()
        self.assertEqual(session.get("/exit?code=7").status, 502)
        self.assertEqual(self.end_of(session, "Failed", "Error")["exitCode"], 7)
        wait_for("the page to answer 410", lambda: session.get().status == 410, 10, 0.05)

    def out_of_memory(self, killed):
        """`killed` gives a session whose application was killed for its memory. containerd learns that beside the exit, by an event of its own; where
        it is late, seldom and on a busy machine, the kubelet says Error, and so must we. One of three is told as what it was."""
        for _ in range(3):
            session = killed()
            reason = session.wait("the reason by its pod", lambda: terminated_for(session), 40)
            self.assertIn(reason, ("OOMKilled", "Error"))
            end = self.end_of(session, "Failed", reason)
            self.assertEqual((end["exitCode"], end["signal"]), (137, 9))
            if reason == "OOMKilled":
                return
        self.fail("the kubelet said Error for each of three applications that were killed for their memory")

    @unittest.skipUnless(memory_can_be_limited(), "no memory controller among the cgroups, so OOMKilled was not tested")
    def test_too_much_memory_at_the_start(self):
        self.out_of_memory(lambda: self.spawn("eat", resources={"limits": {"memory": "64Mi"}}))

    @unittest.skipUnless(memory_can_be_limited(), "no memory controller among the cgroups, so OOMKilled was not tested")
    def test_too_much_memory_while_in_use(self):
        def killed():
            session = self.spawn("", resources={"limits": {"memory": "64Mi"}}).ready()
            self.assertEqual(session.get("/eat").status, 502)
            return session
        self.out_of_memory(killed)

    def test_an_image_that_cannot_be_pulled(self):
        registry = "127.0.0.1:9"  # nobody is there, which is known at once: a name that does not exist may take longer than the limit
        session = self.world.spawn(f"{registry}/nothing:1", startupTimeoutSeconds=30)
        end = self.end_of(session, "Failed", "ImagePullFailed")
        self.assertRegex(end["message"], rf"within 30 s \(container app: (ErrImagePull|ImagePullBackOff), .*{registry}/nothing:1")

    def test_an_image_that_is_never_pulled_fails_at_once(self):
        session = self.world.create([{"name": "app", "image": "nothing:1", "imagePullPolicy": "Never"}])
        self.assertIn("ErrImageNeverPull", self.end_of(session, "Failed", "ImagePullFailed")["message"])

    def test_a_program_that_is_not_in_the_image(self):
        session = self.world.create([{"name": "app", "image": APP, "command": ["/no/such/program"]}])
        end = session.wait_end("Failed", "StartError")
        self.assertIn("/no/such/program", end["message"])

    def test_more_than_any_node_has(self):
        session = self.spawn("", startupTimeoutSeconds=10, resources={"requests": {"cpu": "10000"}})
        end = self.end_of(session, "Failed", "Unschedulable")
        self.assertIn("Insufficient cpu", end["message"])
        self.assertEqual(session.status.get("scheduled", False), False)

    def test_an_application_that_never_listens(self):
        session = self.spawn("wait", startupTimeoutSeconds=20)
        session.wait_state("Running")
        self.assertEqual(session.status["phase"], "Running")
        page = session.get(timeout=45)
        self.assertIn(page.status, (503, 410))  # 410: it ended while the request waited
        end = self.end_of(session, "Failed", "StartTimeout")
        self.assertIn("20 s", end["message"])

    def test_a_lifetime_ends_in_use_with_a_clean_close(self):
        session = self.world.spawn(WHITEBOARD, gracePeriodSeconds=300, maxLifetimeSeconds=12).ready()
        socket = session.websocket()
        code = []

        def read():
            try:
                while True:
                    socket.receive()
            except OSError:
                code.append(getattr(socket, "close_code", "broken off"))
        reader = threading.Thread(target=read, daemon=True)
        socket.socket.settimeout(60)
        reader.start()
        session.wait_end("Swept", "MaxLifetime")
        reader.join(20)
        self.assertEqual(code, [1001])
        session.gone_since(session.wait_state("Swept", 0))

    def test_an_application_that_ignores_sigterm_has_the_grace_of_its_template(self):
        session = self.world.create([{"name": "app", "image": APP, "env": [{"name": "DO", "value": "stubborn"}]}],
                                    {"terminationGracePeriodSeconds": 3}, gracePeriodSeconds=2).ready()
        end = session.wait_end("Swept", "Idle")
        session.gone_since(session.wait_state("Swept", 0))
        self.assertGreater(self.gone_after(session, end), 2.8)  # without the field it would be the 30 s of Kubernetes


if __name__ == "__main__":
    unittest.main()
