"""nginx as the front door (manifests/overlays/nginx): sessions and the API are reached through it, WebSockets and streams too, requests
arrive as they were sent, and its own pods pass Pod Security `restricted`.

Needs what role_faults_test needs. nginx itself is Debian's, in an image made for the test; the cluster's DNS gets the Service that every
installed cluster has for it.
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

from api_server import ROOT, kubectl
from on_cluster import CORE, STATE, Cluster, WebSocket, enter_node, request, wait_for

OVERLAY = ROOT / "manifests" / "overlays" / "nginx"
NODE_ADDRESS = "172.30.0.1"
GRACE = 3
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
        enter_node()
        cls.cluster = Cluster()
        cls.cluster.wait_roles()
        with tempfile.TemporaryDirectory() as folder:
            archive = pathlib.Path(folder, "nginx.tar")
            subprocess.run([ROOT / "test" / "cluster" / "images" / "nginx.sh", archive], check=True, timeout=180)
            subprocess.run([ROOT / "scripts" / "cluster", "--state", STATE, "load-image", archive], check=True, timeout=60, capture_output=True)
        dns = {"dns": ("UDP", 53, 53), "dns-tcp": ("TCP", 53, 53)}
        kubectl("apply", "-f", "-", stdin=service_without_pods("kube-system", "kube-dns", dns, NODE_ADDRESS))
        cls.addClassCleanup(kubectl, "delete", "-k", str(OVERLAY), limit=120)
        kubectl("apply", "-k", str(OVERLAY))
        kubectl("-n", "spawner-system", "rollout", "status", "deployment/spawner-nginx", "--timeout=120s", limit=150)
        cls.host, cls.port = cls.cluster.service("spawner-nginx")

    def get(self, path, **headers):
        return request(self.port, "GET", path, host=self.host, headers=headers)

    def session(self, grace=GRACE, **fields):
        """A session made through nginx: its name."""
        body = {"image": "whiteboard:0.1.0", "gracePeriodSeconds": grace, **fields}
        answer = request(self.port, "POST", "/api/spawn", body, host=self.host)
        self.assertEqual(answer.status, 200, answer.body)
        name = answer.json()["name"]
        self.addCleanup(self.cluster.delete, name)
        self.assertEqual(answer.json()["url"], f"/p/{name}/")
        return name

    def reachable(self, name):
        self.cluster.wait_ready(name)
        return wait_for(f"{name} to be reached through nginx", lambda: (a := self.get(f"/p/{name}/")).status == 200 and a, 15, 0.05)

    def test_its_pods_pass_pod_security_restricted(self):
        """The API server enforces it in this namespace; a pod that would not pass would not be there."""
        labels = self.cluster.server.get("/api/v1/namespaces/spawner-system")["metadata"]["labels"]
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
            rendered = kubectl("kustomize", str(file.parent)).stdout
        names = {line.split()[1] for line in rendered.splitlines() if line.startswith("  name: ")}
        self.assertIn("spawner-nginx", names)
        self.assertIn("spawner-api", names)
        self.assertNotIn("spawner-gateway", names)

    def test_a_session_is_reached(self):
        name = self.session(grace=60)
        self.assertIn(b"<!doctype html>", self.reachable(name).body.lower())
        moved = self.get(f"/p/{name}?a=b")
        self.assertEqual((moved.status, moved.headers["location"]), (308, f"/p/{name}/?a=b"))

    def test_a_silent_websocket_keeps_the_session_alive(self):
        name = self.session()
        self.reachable(name)
        board = WebSocket(self.port, f"/p/{name}/ws", host=self.host)
        board.receive_type("welcome")
        time.sleep(GRACE * 3)  # the silence: this is the experiment, not a wait
        self.assertFalse(self.cluster.status(name).get("swept"))
        board.send({"type": "clear"})
        board.receive_type("clear")
        board.close()
        wait_for(f"{name} to end after its last use", lambda: self.cluster.slab(name) is None, GRACE + 2 + SLACK, 0.05)

    def test_a_download_keeps_the_session_alive(self):
        """One that is slow, and longer than the grace period (the original's fault 5)."""
        name = self.session()
        self.reachable(name)
        seconds = GRACE * 3
        answer = request(self.port, "GET", f"/p/{name}/replay?seconds={seconds}", host=self.host, timeout=seconds + 10)
        self.assertEqual(answer.status, 200)
        self.assertFalse(self.cluster.status(name).get("swept"))

    def test_the_stream_of_states_is_not_held_back(self):
        name = self.session(grace=60)
        seen = []

        def states():
            import http.client
            connection = http.client.HTTPConnection(self.host, self.port, timeout=30)
            connection.request("GET", f"/api/backend/{name}/status/stream")
            for line in connection.getresponse():
                if line.startswith(b"data:"):
                    seen.append(json.loads(line[5:])["state"])
        threading.Thread(target=states, daemon=True).start()
        wait_for("the state Ready to arrive while the stream is open", lambda: "Ready" in seen, 30)

    def test_ready_leads_to_the_session(self):
        name = self.session(grace=60)
        self.reachable(name)
        answer = self.get(f"/api/backend/{name}/ready")
        self.assertEqual((answer.status, answer.headers["location"]), (302, f"/p/{name}/"))

    def test_what_cannot_be_reached(self):
        answer = self.get("/p/nobody/")
        self.assertEqual(answer.status, 503)
        self.assertEqual(answer.headers["retry-after"], "1")
        self.assertIn(b"/api/backend/nobody/ready", answer.body)
        for path in ("/p/", "/p//", "/p/UPPER/", "/p/a.b/", "/p/a%2eb/", "/x", "/p/../etc/passwd", "//p/a/"):
            self.assertEqual(self.get(path).status, 404, path)

    def test_a_request_arrives_as_it_was_sent(self):
        server = http.server.ThreadingHTTPServer((NODE_ADDRESS, 0), Echo)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        name = f"echo-{os.getpid()}"
        ports = {"spawner-app": ("TCP", 9090, server.server_address[1])}
        kubectl("apply", "-f", "-", stdin=service_without_pods("spawner", f"spawner-{name}", ports, NODE_ADDRESS))
        self.addCleanup(self.cluster.server.call, "DELETE", f"{CORE}/services/spawner-{name}")
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
