"""gRPC from a client to a session through gateway and sidecar (`spawner dev --h2c`), beside sessions of HTTP/1.1 (docs/guides/grpc.md)."""

import json
import queue
import subprocess
import time
import unittest

import h2c

import grpc
from h2c.raw import Client
from harness import ROOT, WHITEBOARD, Dev, request, wait_for

LIMIT = 20  # seconds for a call
APPLICATION = f"grpc=env PYTHONPATH={ROOT}/test/e2e {h2c.DEBIAN_PYTHON} {ROOT}/test/e2e/h2c/grpc_application.py"


class Gateway(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dev = Dev(images=[APPLICATION, f"demo={WHITEBOARD}"], args=["--h2c"])
        cls.addClassCleanup(cls.dev.__exit__)
        cls.name = cls.dev.ready("grpc", upstreamProtocol="h2c")["name"]
        cls.host = f"{cls.name}.localhost:{cls.dev.port}"

    def channel(self, host=None):
        channel = grpc.insecure_channel(f"127.0.0.1:{self.dev.port}", options=[("grpc.default_authority", host or self.host)])
        self.addCleanup(channel.close)
        return channel

    def test_calls_reach_the_session_by_its_host(self):
        channel = self.channel()
        answer, call = channel.unary_unary("/t/echo").with_call(b"hello", timeout=LIMIT)
        self.assertEqual((answer, dict(call.trailing_metadata())), (b"hello", {"x-last": "2", "x-last-bin": b"\x00\xff"}))
        self.assertEqual(list(channel.unary_stream("/t/count")(b"3", timeout=LIMIT)), [b"0", b"1", b"2"])
        self.assertEqual(channel.stream_unary("/t/sum")(iter([b"1", b"2"]), timeout=LIMIT), b"3")
        self.assertEqual(list(channel.stream_stream("/t/chat")(iter([b"a", b"b"]), timeout=LIMIT)), [b"A", b"B"])
        with self.assertRaises(grpc.RpcError) as raised:
            channel.unary_unary("/t/fail")(b"", timeout=LIMIT)
        self.assertEqual(raised.exception.code(), grpc.StatusCode.NOT_FOUND)

    def test_a_quiet_call_holds_its_session_and_an_open_channel_does_not(self):
        grace = 2
        name = self.dev.ready("grpc", upstreamProtocol="h2c", gracePeriodSeconds=grace)["name"]
        stream = self.dev.stream(name)
        self.addCleanup(stream.close)
        questions = queue.Queue()
        channel = self.channel(f"{name}.localhost:{self.dev.port}")
        call = channel.stream_stream("/t/chat")(iter(questions.get, None), timeout=60)
        questions.put(b"a")
        self.assertEqual(next(call), b"A")
        quiet = time.monotonic()
        wait_for("more than the grace period without a byte", lambda: time.monotonic() - quiet > grace + 3, 30, 0.1)
        questions.put(b"b")
        self.assertEqual(next(call), b"B")
        self.assertNotIn("Swept", stream.states())
        questions.put(None)
        self.assertEqual(list(call), [])
        stream.wait_state("Swept", grace + 15)

    def test_a_call_to_no_session_has_a_status(self):
        with self.assertRaises(grpc.RpcError) as raised:
            self.channel(f"nobody.localhost:{self.dev.port}").unary_unary("/t/echo")(b"", timeout=LIMIT)
        self.assertEqual(raised.exception.code(), grpc.StatusCode.NOT_FOUND)
        self.assertIn("nobody", raised.exception.details())

    def test_a_call_to_a_session_that_has_ended_has_a_status(self):
        name = self.dev.ready("grpc", upstreamProtocol="h2c")["name"]
        host = f"{name}.localhost:{self.dev.port}"
        call = self.channel(host).stream_stream("/t/chat")(iter([b"a"]), timeout=LIMIT)
        self.assertEqual(list(call), [b"A"])
        self.assertIn(request(self.dev.port, "DELETE", f"/api/backend/{name}").status, (200, 202, 204))

        def told():
            try:
                self.channel(host).unary_unary("/t/echo")(b"", timeout=LIMIT)
            except grpc.RpcError as error:
                return error.code()
            return None

        self.assertIn(wait_for("the end to be told", told, LIMIT), (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.NOT_FOUND))

    def test_a_call_to_a_session_of_http1_is_told_what_to_do(self):
        demo = self.dev.ready("demo")["name"]
        with self.assertRaises(grpc.RpcError) as raised:
            self.channel(f"{demo}.localhost:{self.dev.port}").unary_unary("/t/echo")(b"hello", timeout=LIMIT)
        self.assertEqual(raised.exception.code(), grpc.StatusCode.UNAVAILABLE)
        self.assertIn('\\"upstreamProtocol\\": \\"h2c\\"', raised.exception.details())

    def test_sessions_of_http1_are_reached_by_http2(self):
        demo = self.dev.ready("demo")["name"]
        client = Client(self.dev.port)
        self.addCleanup(client.close)
        first = client.answer(client.request("/", authority=f"{demo}.localhost:{self.dev.port}"))
        again = client.answer(client.request(f"/p/{demo}/", authority=f"127.0.0.1:{self.dev.port}"))
        self.assertEqual([first[0], again[0]], [200, 200])
        self.assertIn(b"<html", first[2].lower())
        listing = client.answer(client.request("/api/backends", authority=f"127.0.0.1:{self.dev.port}"))
        self.assertIn(demo, json.dumps(json.loads(listing[2])))
        for way in ("--http1.1", "--http2", "--http2-prior-knowledge"):
            done = subprocess.run(["curl", "-sS", "-m", "10", way, "-o", "/dev/null", "-w", "%{http_code}",
                                   f"http://127.0.0.1:{self.dev.port}/p/{demo}/"], capture_output=True, text=True, check=False)
            self.assertEqual(done.stdout, "200", (way, done.stderr))

    def test_grpc_web_reaches_sessions_of_http1(self):
        demo = self.dev.ready("demo")["name"]
        plain = request(self.dev.port, "POST", f"/p/{demo}/x", b"a", {"Content-Type": "application/json"})
        for kind in ("application/grpc-web", "application/grpc-web+proto", "application/grpc-web-text"):
            answer = request(self.dev.port, "POST", f"/p/{demo}/x", b"a", {"Content-Type": kind})
            self.assertEqual((answer.status, answer.body), (plain.status, plain.body), kind)
            self.assertNotIn("grpc-status", answer.headers)

    def test_another_host_is_refused_as_ever(self):
        client = Client(self.dev.port)
        self.addCleanup(client.close)
        self.assertEqual(client.answer(client.request("/", authority="evil.example"))[0],
                         request(self.dev.port, "GET", "/", headers={"Host": "evil.example"}).status)

    def test_a_wrong_protocol_is_refused_at_the_spawn(self):
        answer = request(self.dev.port, "POST", "/api/spawn", {"image": "grpc", "upstreamProtocol": "h3"})
        self.assertEqual(answer.status, 422)
        self.assertIn("upstreamProtocol", answer.json()["detail"])


if __name__ == "__main__":
    unittest.main()
