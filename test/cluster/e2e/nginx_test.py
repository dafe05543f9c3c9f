"""nginx as the front door (manifests/overlays/nginx): sessions and the API are reached through it, WebSockets and streams too, requests
arrive as they were sent, and its own pods pass Pod Security `restricted`.

nginx itself is Debian's, in an image made for the test; the cluster's DNS gets the Service that installed clusters have for it.
"""

import http.server
import json
import os
import pathlib
import subprocess
import tempfile
import threading
import time
import unittest

import faults
from cluster import NAMESPACE, ROOT, SYSTEM, WHITEBOARD
from harness import EventStream, WebSocket, request, wait_for
from together import the_world
from world import Session

OVERLAY = ROOT / "manifests" / "overlays" / "nginx"
NODE_ADDRESS = "172.30.0.1"
GRACE = 5
SLACK = 8


def service_without_pods(namespace, name, ports, address):
    """A Service whose one endpoint is an address: (Service, EndpointSlice). ports: {name: (protocol, Service's port, endpoint's port)}"""
    meta = {"name": name, "namespace": namespace}
    service = {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": {"ports": [
        {"name": key, "protocol": protocol, "port": port, "targetPort": target} for key, (protocol, port, target) in ports.items()]}}
    slice_ = {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4", "endpoints": [{"addresses": [address]}],
              "metadata": {**meta, "labels": {"kubernetes.io/service-name": name}},
              "ports": [{"name": key, "protocol": protocol, "port": target} for key, (protocol, _, target) in ports.items()]}
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": [service, slice_]})


class Echo(http.server.BaseHTTPRequestHandler):
    """Answers with what arrived."""

    def do_GET(self):
        body = json.dumps({"target": self.path, "headers": {k.lower(): v for k, v in self.headers.items()}}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Nginx(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = the_world()
        cls.cluster = cls.world.cluster
        with tempfile.TemporaryDirectory() as folder:
            archive = pathlib.Path(folder, "nginx.tar")
            subprocess.run([ROOT / "test/cluster/images/nginx.sh", archive], check=True, timeout=180, capture_output=True)
            subprocess.run([ROOT / "scripts/cluster", "--state", cls.cluster.state, "load-image", archive], check=True, timeout=60)
        dns = {"dns": ("UDP", 53, 53), "dns-tcp": ("TCP", 53, 53)}
        cls.cluster.kubectl("apply", "-f", "-", text=service_without_pods("kube-system", "kube-dns", dns, NODE_ADDRESS))
        cls.addClassCleanup(cls.cluster.kubectl, "delete", "-k", str(OVERLAY))
        cls.addClassCleanup(cls.world.delete_all)
        cls.cluster.kubectl("apply", "-k", str(OVERLAY))
        cls.cluster.rollout("deployment/spawner-nginx")
        cls.port = cls.cluster.service_door("spawner-nginx")

    def get(self, path, **headers):
        return request(self.port, "GET", path, headers=headers)

    def session(self, grace=GRACE):
        """A session made through nginx, Ready and reached through it."""
        answer = request(self.port, "POST", "/api/spawn", {"image": WHITEBOARD, "gracePeriodSeconds": grace})
        self.assertEqual(answer.status, 200, answer.body)
        session = Session(self.world, "spawner-" + answer.json()["name"])
        self.assertEqual(answer.json()["url"], session.path + "/")
        session.ready()
        wait_for(f"{session.name} to be reached through nginx", lambda: self.get(session.path + "/").status == 200, 15, 0.05)
        return session

    def websocket(self, session):
        return WebSocket(self.port, session.path + "/ws")

    def test_its_pods_pass_pod_security_restricted(self):
        """The API server enforces it in this namespace; a pod that would not pass would not be there."""
        labels = self.cluster.get(f"/api/v1/namespaces/{SYSTEM}")["metadata"]["labels"]
        self.assertEqual(labels["pod-security.kubernetes.io/enforce"], "restricted")
        pods = self.cluster.pods_of("nginx")
        self.assertEqual(len(pods), 2)
        for pod in pods:
            self.assertIs(pod["spec"]["automountServiceAccountToken"], False)

    def test_instead_of_the_gateway(self):
        """With the line that manifests/kustomization.yaml has for it."""
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run(["cp", "-r", ROOT / "manifests", folder], check=True)
            file = pathlib.Path(folder, "manifests", "kustomization.yaml")
            text = file.read_text()
            self.assertIn("# components: [overlays/nginx]", text)
            file.write_text(text.replace("# components: [overlays/nginx]", "components: [overlays/nginx]"))
            rendered = self.cluster.kubectl("kustomize", str(file.parent))
        names = {line.split()[1] for line in rendered.splitlines() if line.startswith("  name: ")}
        self.assertIn("spawner-nginx", names)
        self.assertIn("spawner-api", names)
        self.assertNotIn("spawner-gateway", names)

    def test_a_session_is_reached(self):
        session = self.session(grace=60)
        self.assertIn(b"Whiteboard", self.get(session.path + "/").body)
        moved = self.get(session.path + "?a=b")
        self.assertEqual((moved.status, moved.headers["location"]), (308, session.path + "/?a=b"))

    def test_a_silent_websocket_keeps_the_session_alive(self):
        session = self.session()
        board = self.websocket(session)
        board.receive_type("welcome")
        time.sleep(GRACE * 3)  # the silence: this is the experiment, not a wait
        self.assertFalse(session.status.get("swept"), session.tell())
        board.send({"type": "clear"})
        board.receive_type("clear")
        left = time.monotonic()
        board.close()
        swept = session.wait_state("Swept", GRACE + 2 + SLACK)
        self.assertGreater(swept - left, GRACE - 0.1)

    def test_a_download_keeps_the_session_alive(self):
        """One that is slow, and longer than the grace period (the original's fault 5)."""
        session = self.session()
        answer = request(self.port, "GET", f"{session.path}/replay?seconds={GRACE * 3}", timeout=GRACE * 3 + 10)
        self.assertEqual(answer.status, 200)
        self.assertFalse(session.status.get("swept"), session.tell())

    def test_the_stream_of_states_is_not_held_back(self):
        answer = request(self.port, "POST", "/api/spawn", {"image": WHITEBOARD, "gracePeriodSeconds": 60})
        stream = EventStream(self.port, f"/api/backend/{answer.json()['name']}/status/stream")
        self.addCleanup(stream.close)
        stream.wait_state("Ready", 30)
        self.assertFalse(stream.ended)

    def test_ready_leads_to_the_session(self):
        session = self.session(grace=60)
        answer = self.get(f"/api/backend/{session.short}/ready")
        self.assertEqual((answer.status, answer.headers["location"]), (302, session.path + "/"))

    def test_what_cannot_be_reached(self):
        answer = self.get("/p/nobody/")
        self.assertEqual(answer.status, 503)
        self.assertEqual(answer.headers["retry-after"], "1")
        self.assertIn(b"/api/backend/nobody/ready", answer.body)
        for path in ("/p/", "/p//", "/p/UPPER/", "/p/a.b/", "/p/a%2eb/", "/x", "/p/../etc/passwd", "//p/a/"):
            self.assertEqual(self.get(path).status, 404, path)

    def test_a_request_arrives_as_it_was_sent(self):
        server = faults.inside(self.cluster, lambda: http.server.ThreadingHTTPServer((NODE_ADDRESS, 0), Echo))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        name = f"echo-{os.getpid()}"
        ports = {"spawner-app": ("TCP", 9090, server.server_address[1])}
        self.cluster.kubectl("apply", "-f", "-", text=service_without_pods(NAMESPACE, f"spawner-{name}", ports, NODE_ADDRESS))
        self.addCleanup(self.cluster.delete, f"/api/v1/namespaces/{NAMESPACE}/services/spawner-{name}")
        forged = {"host": "sessions.example.org:8443", "x-forwarded-for": "6.6.6.6", "x-forwarded-prefix": "/forged", "forwarded": "for=6.6.6.6",
                  "x-real-ip": "6.6.6.6", "cookie": "a=b"}

        def ask():
            answer = self.get(f"/p/{name}/a%2Fb/../c//d;e?x=%20&y", **forged)
            return answer.json() if answer.status == 200 else None
        arrived = wait_for("the request to arrive", ask, 15, 0.05)
        self.assertEqual(arrived["target"], "/a%2Fb/../c//d;e?x=%20&y")
        headers = arrived["headers"]
        self.assertEqual(headers["host"], "sessions.example.org:8443")
        self.assertEqual(headers["x-forwarded-host"], "sessions.example.org:8443")
        self.assertEqual(headers["x-forwarded-prefix"], f"/p/{name}")
        self.assertEqual(headers["x-forwarded-proto"], "http")
        self.assertNotIn("6.6.6.6", headers["x-forwarded-for"])
        self.assertEqual(headers["cookie"], "a=b")
        for field in ("forwarded", "x-real-ip", "upgrade"):
            self.assertNotIn(field, headers)


if __name__ == "__main__":
    unittest.main()
