"""What others do to sessions: kubectl delete of the pod and of the object at every state, and the sidecar killed in the running pod."""

import os
import signal
import threading
import time
import unittest

from cluster import APP, WHITEBOARD
from harness import wait_for
from together import Together

# Sessions that stay in one state, and how long a pod of it may take to go: (state, image, fields of the spawn).
STAYS = {
    "Constructed": (APP, {"resources": {"requests": {"cpu": "10000"}}}),
    "Scheduled": ("registry.invalid/nothing:1", {}),
    "Running": (APP, {"env": {"DO": "wait"}}),
    "Ready": (WHITEBOARD, {}),
}


class Reader(threading.Thread):
    """Reads a WebSocket to its end; `code` is what the close frame said, None when there was none."""

    def __init__(self, socket):
        super().__init__(daemon=True)
        self.socket, self.code = socket, None
        socket.socket.settimeout(60)
        self.start()

    def run(self):
        try:
            while True:
                self.socket.receive()
        except OSError:
            self.code = getattr(self.socket, "close_code", None)


class Deletes(Together):
    def at(self, state):
        image, fields = STAYS[state]
        session = self.world.spawn(image, gracePeriodSeconds=300, **fields)
        session.wait_state(state)
        self.assertEqual(session.status["phase"], state)
        return session

    def pod_deleted(self, session):
        session.delete_pod()
        asked = time.monotonic()
        end = session.wait_end("Failed", "PodDeleted", 10)
        self.assertIn("deleted by someone else", end["message"])
        session.gone_since(asked, slab=False)

    def object_deleted(self, session):
        session.delete()
        asked = time.monotonic()
        session.gone_since(asked)

    def test_pod_at_constructed(self):
        self.pod_deleted(self.at("Constructed"))

    def test_pod_at_scheduled(self):
        self.pod_deleted(self.at("Scheduled"))

    def test_pod_at_running(self):
        self.pod_deleted(self.at("Running"))

    def test_pod_at_ready(self):
        self.pod_deleted(self.at("Ready"))

    def test_pod_in_use_closes_cleanly(self):
        session = self.at("Ready")
        reader = Reader(session.websocket())
        self.pod_deleted(session)
        reader.join(10)
        self.assertEqual(reader.code, 1001)

    def test_pod_without_grace(self):
        session = self.at("Ready")
        session.delete_pod(grace=0)
        session.wait_end("Failed", "PodDeleted", 10)
        session.gone_since(time.monotonic(), slab=False)

    def test_object_at_submitted(self):
        for _ in range(5):  # at once, whatever the controller is doing by then
            self.object_deleted(self.world.spawn(WHITEBOARD))

    def test_object_at_constructed(self):
        self.object_deleted(self.at("Constructed"))

    def test_object_at_scheduled(self):
        self.object_deleted(self.at("Scheduled"))

    def test_object_at_running(self):
        self.object_deleted(self.at("Running"))

    def test_object_at_ready(self):
        self.object_deleted(self.at("Ready"))

    def test_object_in_use_closes_cleanly(self):
        session = self.at("Ready")
        reader = Reader(session.websocket())
        self.object_deleted(session)
        reader.join(10)
        self.assertEqual(reader.code, 1001)

    def test_by_the_api(self):
        from harness import request
        session = self.at("Ready")
        stream = session.stream()
        stream.wait_state("Ready")
        self.assertEqual(request(self.world.port, "DELETE", f"/api/backend/{session.short}").status // 100, 2)
        session.gone_since(time.monotonic())


class SidecarKilled(Together):
    def kill_sidecar(self, session):
        pid, = session.pids("spawner-sidecar")
        at = time.monotonic()
        os.kill(pid, signal.SIGKILL)

        def restarted():
            status = next(s for s in session.pod["status"]["initContainerStatuses"] if s["name"] == "spawner-sidecar")
            return status["restartCount"] == 1 and "running" in status["state"]
        session.wait("the sidecar's restart", restarted, 30)
        return at

    def test_the_session_stays(self):
        session = self.world.spawn(WHITEBOARD, gracePeriodSeconds=300).ready()
        reader = Reader(session.websocket())
        self.kill_sidecar(session)
        reader.join(10)
        self.assertFalse(reader.is_alive(), "the WebSocket through a dead sidecar was not ended")
        wait_for("the page after the restart", lambda: session.get().status == 200, 15, 0.1)
        again = session.websocket()
        self.assertEqual(again.receive_type("welcome")["lines"], [])
        again.close()
        self.assertEqual((session.status["phase"], len(session.pod_uids)), ("Ready", 1))

    def test_its_restart_is_no_use(self):
        grace = 16
        session = self.world.spawn(WHITEBOARD, gracePeriodSeconds=grace).ready()
        self.assertEqual(session.get().status, 200)
        time.sleep(grace * 3 / 4)  # idle for a while: that is what is tested
        killed = self.kill_sidecar(session)
        session.wait_end("Swept", "Idle", grace + 5)
        self.assertLess(session.wait_state("Swept", 0) - killed, grace)

    def test_a_sidecar_that_is_not_heard_is_no_idleness(self):
        grace = 3
        session = self.world.spawn(WHITEBOARD, gracePeriodSeconds=grace).ready()
        pid, = session.pids("spawner-sidecar")
        socket = session.websocket()
        self.addCleanup(socket.close)
        os.kill(pid, signal.SIGSTOP)
        try:
            session.wait("contact to be lost", lambda: session.condition("ContactLost"), 40)  # --fresh-seconds: 15
            self.assertEqual(session.condition("ContactLost")["status"], "True")
            self.assertEqual((session.status["phase"], session.status.get("end")), ("Ready", None))
        finally:
            os.kill(pid, signal.SIGCONT)
        session.wait("contact again", lambda: not session.condition("ContactLost"), 40)
        self.assertNotIn("end", session.status)


if __name__ == "__main__":
    unittest.main()
