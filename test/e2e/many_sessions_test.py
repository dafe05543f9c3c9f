"""Two hundred sessions at once on one machine, each in use, all ended by themselves, and a clean machine afterwards."""

import concurrent.futures
import shlex
import time
import unittest

from harness import WHITEBOARD, Dev, Kube, WebSocket, request, wait_for

COUNT = 200
GRACE = 5


class ManySessions(unittest.TestCase):
    def test_two_hundred_sessions_live_at_once_and_end_by_themselves(self):
        with Dev([f"whiteboard={shlex.quote(str(WHITEBOARD))}"], GRACE) as dev:
            kube = Kube(dev.kubeconfig)

            def open_one(_):
                spawned = dev.ready("whiteboard")
                socket = WebSocket(dev.port, f"/p/{spawned['name']}/ws")
                socket.receive_type("welcome")
                return spawned["name"], socket

            with concurrent.futures.ThreadPoolExecutor(16) as pool:
                sessions = list(pool.map(open_one, range(COUNT)))
            self.assertEqual(len({name for name, _ in sessions}), COUNT)
            end = time.monotonic() + GRACE + 3  # longer than the grace: nothing in use may end
            while time.monotonic() < end:
                time.sleep(0.5)
                states = [s["state"] for s in request(dev.port, "GET", "/api/backends").json()["items"]]
                self.assertEqual(states, ["Ready"] * COUNT)
            for _, socket in sessions:
                socket.send({"type": "cursor", "x": 1, "y": 1})  # every tunnel still carries data
                socket.close()
            wait_for("all sessions to end", lambda: not kube.slabs(), GRACE + 2 + 20)
            wait_for("all pods and services to go", lambda: not kube.names("pods") and not kube.names("services"), 20)
            wait_for("all processes to end", lambda: not dev.marked(), 20)
            wait_for("all pod folders to go", lambda: not dev.pod_dirs(), 20)


if __name__ == "__main__":
    unittest.main()
