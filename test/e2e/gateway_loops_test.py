"""A gateway on two loops as a process: its threads serve, and go in order."""

import os
import pathlib
import re
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

from harness import SPAWNER, Dev, Kube, WebSocket, request, wait_for

SLABS = "/apis/spawner.dev/v1/namespaces/spawner/sessionlivedbackends"
CROWD = 24  # that one of two loops gets no connection: 10^-7


class Application:
    """In place of a sidecar: answers 200, never at /slow, and upgrades to a connection that it holds until a close frame comes."""

    def __init__(self):
        pid = os.getpid()
        self.ip = f"127.{64 + pid // 65536 % 64}.{pid // 256 % 256}.{1 + pid % 254}"
        self._listener = socket.create_server((self.ip, 9090), backlog=100)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return  # closed
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    @staticmethod
    def _serve(connection):
        with connection:
            while head := connection.recv(8192):
                if b"Upgrade: websocket" in head:
                    connection.sendall(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
                    connection.recv(100)
                    return
                if b"GET /slow" not in head:
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")

    def close(self):
        self._listener.close()


class GatewayLoops(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dev = Dev(args=("--roles", "none"))
        cls.addClassCleanup(cls.dev.__exit__)
        cls.application = Application()
        cls.addClassCleanup(cls.application.close)
        kube = Kube(cls.dev.kubeconfig)
        template = {"containers": [{"name": "app", "image": "demo"}]}
        slab = {"apiVersion": "spawner.dev/v1", "kind": "SessionLivedBackend", "metadata": {"name": "spawner-x"}, "spec": {"template": template}}
        made = kube.call("POST", SLABS, slab)
        told = kube.call("PATCH", f"{SLABS}/spawner-x/status", {"status": {"ready": True, "podIP": cls.application.ip}}, "application/merge-patch+json")
        assert (made.status, told.status) == (201, 200), (made.body, told.body)

    def start(self, *args):
        folder = tempfile.TemporaryDirectory(prefix="spawner-e2e-")
        self.addCleanup(folder.cleanup)
        self.log = pathlib.Path(folder.name) / "log"
        command = [SPAWNER, "gateway", "--loops=2", "--listen=127.0.0.1:0", "--metrics-listen=127.0.0.1:0", f"--kubeconfig={self.dev.kubeconfig}", *args]
        with self.log.open("w") as out:
            self.process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT)
        self.addCleanup(self.process.wait, 10)
        self.addCleanup(self.process.kill)
        self.port = self.port_in("gateway is listening")
        self.metrics_port = self.port_in("metrics and health")
        wait_for("the gateway to be ready", lambda: request(self.metrics_port, "GET", "/readyz").status == 200)

    def port_in(self, message):
        found = wait_for(f'"{message}" in the log', lambda: re.search(rf'"{message}".*"port":(\d+)', self.log.read_text()))
        return int(found.group(1))

    def metric(self, series):
        text = request(self.metrics_port, "GET", "/metrics").body.decode()
        return float(re.search(rf"^{re.escape(series)} (\S+)$", text, re.M).group(1))

    def test_both_serve_and_both_are_drained(self):
        self.start()
        tasks = pathlib.Path(f"/proc/{self.process.pid}/task")
        wait_for("a thread for each loop", lambda: {"gateway-0", "gateway-1"} <= {(task / "comm").read_text().strip() for task in tasks.iterdir()})
        sockets = [WebSocket(self.port, "/p/x/socket") for _ in range(CROWD)]
        for _ in range(CROWD):
            self.assertEqual(request(self.port, "GET", "/p/x/").status, 200)
        wait_for("the counts", lambda: self.metric("spawner_gateway_tunnels") == CROWD)
        wait_for("the counts", lambda: self.metric('spawner_gateway_requests_total{outcome="session"}') == 2 * CROWD)
        self.process.send_signal(signal.SIGTERM)
        for one in sockets:
            with self.assertRaises(ConnectionError):
                one.receive()
            self.assertEqual(one.close_code, 1001)
            one.close()
        self.assertEqual(self.process.wait(15), 0, self.log.read_text())

    def test_an_end_that_takes_too_long_is_cut_for_both(self):
        self.start("--stop-seconds=1")
        slow = [socket.create_connection(("127.0.0.1", self.port), timeout=15) for _ in range(CROWD)]
        for one in slow:
            one.sendall(b"GET /p/x/slow HTTP/1.1\r\nHost: test\r\n\r\n")
        wait_for("the requests", lambda: self.metric("spawner_gateway_exchanges") == CROWD)
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        self.assertEqual(self.process.wait(15), 1, self.log.read_text())
        self.assertGreater(time.monotonic() - began, 0.9)
        for one in slow:  # an end or an error, never silence
            try:
                self.assertNotIn(b" 200 ", one.recv(4096))
            except ConnectionError:
                pass
            one.close()


if __name__ == "__main__":
    unittest.main()
