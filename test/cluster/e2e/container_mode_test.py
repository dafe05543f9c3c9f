"""Sessions with the sidecar as an ordinary container (--sidecar-mode container), for nodes that know no native sidecars."""

import os
import signal
import time

from cluster import APP, SYSTEM, WHITEBOARD
from harness import wait_for
from together import Together, the_world


def set_mode(value):
    """With the old controller gone, so that it makes no more pods."""
    cluster = the_world().cluster
    cluster.kubectl("-n", SYSTEM, "set", "env", "deployment/spawner-controller", f"SPAWNER_CONTROLLER_SIDECAR_MODE{value}")
    cluster.rollout("deployment/spawner-controller")
    path = f"/api/v1/namespaces/{SYSTEM}/pods?labelSelector=app.kubernetes.io/name=spawner-controller"
    wait_for("the old controller to be gone",
             lambda: all("deletionTimestamp" not in pod["metadata"] for pod in cluster.get(path)["items"]), 40, 0.1)


class ContainerMode(Together):
    @classmethod
    def setUpClass(cls):
        cls.addClassCleanup(set_mode, "-")
        set_mode("=container")
        super().setUpClass()

    def spawn(self, image, grace=300):
        session = self.world.spawn(image, gracePeriodSeconds=grace).ready()
        self.assertEqual([c["name"] for c in session.pod["spec"]["containers"]], ["app", "spawner-sidecar"])
        self.assertNotIn("initContainers", session.pod["spec"])
        return session

    def test_unused_it_is_swept_and_gone(self):
        session = self.spawn(WHITEBOARD, 4)
        self.assertEqual(session.get().status, 200)
        session.wait_end("Swept", "Idle", 15)
        session.gone_since(session.wait_state("Swept", 0))

    def test_a_killed_sidecar_fails_it(self):
        session = self.spawn(WHITEBOARD)
        pid, = session.pids("spawner-sidecar")
        os.kill(pid, signal.SIGKILL)
        end = session.wait_end("Failed", "SidecarFailed", 15)
        self.assertEqual((end["exitCode"], end["signal"]), (137, 9))
        session.gone_since(time.monotonic(), slab=False)

    def test_a_normal_exit_takes_the_pod_along(self):
        session = self.spawn(APP)
        self.assertEqual(session.get("/exit?code=0").status, 502)
        session.wait_end("Swept", "Completed", 15)
        session.gone_since(time.monotonic(), slab=False)
