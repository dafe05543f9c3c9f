"""gRPC through a sidecar with --upstream-protocol h2c, by Debian's gRPC on both sides: the kinds of calls, trailers, cancel, time-outs,
back-pressure, many streams, drain, and what counts as use."""

import hashlib
import random
import re
import signal
import subprocess
import time
import unittest

import h2c  # noqa: F401  first: it may go on in Debian's Python

import grpc
import h2.events
from h2c.grpc_application import UNLIMITED, Application
from h2c.raw import Client
from harness import BUILD, request, wait_for
from raw_http.exchange import Sidecar

LIMIT = 20  # seconds for a call
SOON = 5.0  # in which the other side hears of a cancel: milliseconds, but the rest of the suites shares the machine
GRPC = [("content-type", "application/grpc"), ("te", "trailers")]


def framed(message):
    return b"\0" + len(message).to_bytes(4, "big") + message


class GrpcSidecar(Sidecar):
    def __init__(self, upstream_port, *more):
        super().__init__(upstream_port, "--upstream-protocol=h2c", *more)
        self.local_port = int(re.search(r'"local_port":([0-9]+)', self.log.read_text()).group(1))
        self.channel = grpc.insecure_channel(f"127.0.0.1:{self.port}", options=UNLIMITED)

    def state(self):
        return request(self.local_port, "GET", "/state").json()

    def live(self):
        return self.state().get("live_connections", 0)

    def resident(self):
        """Bytes."""
        with open(f"/proc/{self.process.pid}/smaps_rollup") as lines:
            return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Rss:"))

    def close(self):
        self.channel.close()
        super().close()


class Grpc(unittest.TestCase):
    def setUp(self):
        self.application = Application()
        self.addCleanup(self.application.close)
        self.sidecar = GrpcSidecar(self.application.port, "--drain-seconds=5")
        self.addCleanup(self.sidecar.close)
        self.channel = self.sidecar.channel

    def test_four_kinds_of_calls(self):
        self.assertEqual(self.channel.unary_unary("/t/echo")(b"hello", timeout=LIMIT), b"hello")
        self.assertEqual(list(self.channel.unary_stream("/t/count")(b"5", timeout=LIMIT)), [b"0", b"1", b"2", b"3", b"4"])
        self.assertEqual(self.channel.stream_unary("/t/sum")(iter([b"1", b"20", b"300"]), timeout=LIMIT), b"321")
        self.assertEqual(list(self.channel.stream_stream("/t/chat")(iter([b"a", b"b"]), timeout=LIMIT)), [b"A", b"B"])

    def test_each_message_of_a_stream_passes_at_once(self):
        answers = []

        def questions():
            for number in range(5):
                yield b"q%d" % number
                wait_for("the answer to what was just asked", lambda: len(answers) == number + 1, LIMIT)  # noqa: B023

        for one in self.channel.stream_stream("/t/chat")(questions(), timeout=LIMIT):
            answers.append(one)
        self.assertEqual(answers, [b"Q0", b"Q1", b"Q2", b"Q3", b"Q4"])

    def test_metadata_trailers_and_status(self):
        mine = (("x-mine", "3"), ("x-mine-bin", b"\0\xfe"))
        answer, call = self.channel.unary_unary("/t/echo").with_call(b"", metadata=mine, timeout=LIMIT)
        self.assertEqual(answer, b"")
        metadata = dict(call.initial_metadata())
        self.assertTrue(metadata.pop("date"))  # RFC 9110 §6.6.1: ours, for the application sends none
        self.assertEqual(metadata, {"x-first": "1"})
        self.assertEqual(dict(call.trailing_metadata()), {"x-last": "2", "x-last-bin": b"\x00\xff"})
        self.assertEqual(self.application.metadata["x-mine"], "3")
        self.assertEqual(self.application.metadata["x-mine-bin"], b"\0\xfe")
        self.assertEqual(self.application.metadata["x-forwarded-for"], "127.0.0.1")
        self.assertEqual(self.application.metadata["x-forwarded-host"], f"127.0.0.1:{self.sidecar.port}")
        for method, code, details in (("/t/fail", grpc.StatusCode.NOT_FOUND, "there is no “that”"),
                                      ("/t/none", grpc.StatusCode.UNIMPLEMENTED, "Method not found!")):
            with self.assertRaises(grpc.RpcError) as raised:
                self.channel.unary_unary(method)(b"", timeout=LIMIT)
            self.assertEqual((raised.exception.code(), raised.exception.details()), (code, details))

    def test_large_messages_arrive_whole(self):
        large = random.Random(1).randbytes(16 * 1024 * 1024)
        back = self.channel.unary_unary("/t/echo")(large, timeout=60)
        self.assertEqual(hashlib.sha256(back).hexdigest(), hashlib.sha256(large).hexdigest())

    def test_a_cancel_reaches_the_application(self):
        call = self.channel.unary_stream("/t/pour")(b"1000", timeout=LIMIT)
        next(call)
        call.cancel()
        self.assertTrue(self.application.cancelled.wait(SOON), "the application did not hear of the cancel")
        wait_for("the end of use", lambda: self.sidecar.live() == 0, SOON)

    def test_a_client_that_vanishes_cancels_its_calls(self):
        client = Client(self.sidecar.port, acknowledge=False)
        client.request("/t/pour", "POST", GRPC, framed(b"1000"))
        client.until(lambda e: isinstance(e, h2.events.DataReceived), "the first bytes")
        self.assertEqual(self.sidecar.live(), 1)
        client.close()
        self.assertTrue(self.application.cancelled.wait(SOON), "the application did not hear that the client is gone")
        wait_for("the end of use", lambda: self.sidecar.live() == 0, SOON)

    def test_a_deadline_reaches_the_application(self):
        deadline = 2  # in which the call reaches the application on any machine
        began = time.monotonic()
        with self.assertRaises(grpc.RpcError) as raised:
            self.channel.unary_unary("/t/wait")(b"", timeout=deadline)
        self.assertEqual(raised.exception.code(), grpc.StatusCode.DEADLINE_EXCEEDED)
        self.assertTrue(self.application.cancelled.wait(SOON), "the application did not hear of the deadline")
        self.assertLess(time.monotonic() - began, deadline + 2 * SOON)

    def test_a_thousand_calls_at_once_on_one_connection(self):
        call = self.channel.unary_unary("/t/hold")
        calls = [call.future(b"%d" % number, timeout=60) for number in range(1000)]
        wait_for("all of them to be under way", lambda: self.application.held == 1000, 30)
        self.assertEqual(self.sidecar.live(), 1000)
        self.application.release_all()
        self.assertEqual([one.result() for one in calls], [b"%d" % number for number in range(1000)])
        wait_for("the end of use", lambda: self.sidecar.live() == 0, SOON)

    def test_a_client_that_does_not_read_holds_the_application_back(self):
        client = Client(self.sidecar.port, acknowledge=False)
        stream = client.request("/t/pour", "POST", GRPC, framed(b"65536"))
        before = self.sidecar.resident()
        settled = [0, time.monotonic()]

        def still():
            if self.application.written != settled[0]:
                settled[:] = [self.application.written, time.monotonic()]
            return settled[0] and time.monotonic() - settled[1] > 0.5

        wait_for("the application to be held back", still, LIMIT)
        self.assertLess(settled[0] * 65536, 2 * 1024 * 1024)
        self.assertLess(self.sidecar.resident() - before, 2 * 1024 * 1024)

        def came():
            client.read("what its window allows")
            return sum(len(e.data) for e in client.events if isinstance(e, h2.events.DataReceived))

        wait_for("the bytes that its window allows", lambda: came() == 65535, LIMIT)
        held = settled[0]
        client.h2.increment_flow_control_window(8 * 1024 * 1024)
        client.h2.increment_flow_control_window(8 * 1024 * 1024, stream)
        client.flush()
        wait_for("the application to go on", lambda: client.read("more") or self.application.written > held + 16, LIMIT)
        client.close()

    def test_large_windows_are_held_and_break_no_answer(self):
        sidecar = GrpcSidecar(self.application.port, *(f"--{name}={4 * 1024 * 1024}" for name in
                                                       ("stream-window-bytes", "connection-window-bytes", "max-unsent-bytes")))
        self.addCleanup(sidecar.close)
        client = Client(sidecar.port, acknowledge=False)
        self.addCleanup(client.close)
        client.request("/t/pour", "POST", GRPC, framed(b"65536"))
        wait_for("more than fits into the default", lambda: self.application.written * 65536 > 3 * 1024 * 1024, LIMIT)

        def came():
            client.read("what its window allows")
            return sum(len(e.data) for e in client.events if isinstance(e, h2.events.DataReceived))

        wait_for("the bytes that its window allows", lambda: came() == 65535, LIMIT)
        self.assertFalse([e for e in client.events if isinstance(e, h2.events.StreamReset)])
        self.assertFalse(self.application.cancelled.is_set())

    def test_what_would_break_answers_is_no_option(self):
        command = [BUILD / "spawner", "sidecar", "--upstream-protocol=h2c", "--max-unsent-bytes=262143"]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT)
        said = ended.stdout + ended.stderr
        self.assertNotEqual(ended.returncode, 0, said)
        self.assertIn("--max-unsent-bytes must be at least --stream-window-bytes", said)

    def test_a_connection_without_a_call_is_no_use(self):
        self.channel.unary_unary("/t/echo")(b"", timeout=LIMIT)
        wait_for("idle time to run", lambda: self.sidecar.state().get("idle_ms", 0) > 300, LIMIT)
        held = self.channel.unary_unary("/t/hold").future(b"", timeout=LIMIT)
        wait_for("the call to be under way", lambda: self.application.held == 1, LIMIT)
        state = self.sidecar.state()
        self.assertEqual(state["live_connections"], 1)
        self.assertNotIn("idle_ms", state)
        self.application.release_all()
        held.result()
        wait_for("idle time to run again", lambda: self.sidecar.state().get("idle_ms", -1) >= 0, LIMIT)

    def test_calls_under_way_finish_when_the_sidecar_is_ended(self):
        client = Client(self.sidecar.port)
        stream = client.request("/t/chat", "POST", GRPC, framed(b"before"), end=False)
        client.until(lambda e: isinstance(e, h2.events.DataReceived) and e.data.endswith(b"BEFORE"), "the first answer")
        idle = Client(self.sidecar.port)
        idle.until(lambda e: isinstance(e, h2.events.RemoteSettingsChanged), "its settings")
        self.sidecar.process.send_signal(signal.SIGTERM)
        client.until(lambda e: isinstance(e, h2.events.ConnectionTerminated), "GOAWAY")
        self.assertEqual({int(e.error_code) for e in idle.until_closed()}, {0})
        client.socket.sendall(raw_data(stream, framed(b"after"), end=True))
        rest = drain_socket(client.socket)
        self.assertIn(framed(b"AFTER"), rest)
        self.assertEqual(self.sidecar.process.wait(LIMIT), 0)

    def test_a_call_that_does_not_end_is_cut_off_at_the_deadline(self):
        sidecar = GrpcSidecar(self.application.port, "--drain-seconds=1")
        try:
            call = sidecar.channel.unary_unary("/t/wait").future(b"", timeout=LIMIT)
            wait_for("the call to be under way", lambda: sidecar.live() == 1, LIMIT)
            began = time.monotonic()
            sidecar.process.send_signal(signal.SIGTERM)
            self.assertEqual(sidecar.process.wait(LIMIT), 0)
            self.assertLess(time.monotonic() - began, 1 + SOON)
            self.assertIn(call.code(), (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.INTERNAL))
            self.assertTrue(self.application.cancelled.wait(SOON))
        finally:
            sidecar.close()


def raw_data(stream, payload, end):
    """A DATA frame. python3-h2 sends nothing more once it has seen a GOAWAY, which is stricter than RFC 9113 §6.8."""
    return len(payload).to_bytes(3, "big") + b"\0" + (b"\1" if end else b"\0") + stream.to_bytes(4, "big") + payload


def drain_socket(connection):
    rest = b""
    while data := connection.recv(65536):
        rest += data
    return rest


if __name__ == "__main__":
    unittest.main()
