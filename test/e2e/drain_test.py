"""The ends that a pod gives its sidecar, on processes: `_drain` by a signed command, `_hold` as the preStop hook calls it, and SIGTERM, each
with answers, an upload and a WebSocket under way."""

import concurrent.futures
import hashlib
import json
import re
import signal
import subprocess
import sys
import threading
import time
import types
import unittest

from admin_key import AdminKey
from harness import ROOT, WebSocket, request, wait_for
from raw_http.exchange import Reader, Sidecar, read_answer, read_body, read_head
from raw_http.slow_application import HALF, WHOLE

SLOW = 5.0  # seconds that the application needs for an answer
NEVER = 60.0  # so long that no test sees its end
SOON = 4.0  # for what takes milliseconds: below SLOW, and far above what a busy machine adds
LIMIT = 30  # for anything
POD = "pod-of-drain-test"
# What is asked for, and by which version of HTTP: for 1.0 an answer without a length ends with its connection, and only a reset tells it broken.
KINDS = (("length", "1.1"), ("chunked", "1.1"), ("close", "1.1"), ("late", "1.1"), ("chunked", "1.0"), ("close", "1.0"))
KUBELET = {"user-agent": "kube-lifecycle/1.37", "accept": "*/*", "connection": "close"}


class SlowApplication:
    """The process, and what it tells."""

    def __init__(self):
        self.process = subprocess.Popen([sys.executable, "-m", "raw_http.slow_application"], cwd=ROOT / "test" / "e2e",
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = json.loads(self.process.stdout.readline())["port"]
        self.told = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self.told.append(json.loads(line))

    def all(self, what, path):
        return [one for one in self.told if one["what"] == what and one["path"] == path]

    def wait(self, what, path):
        return wait_for(f"the application to tell {what} of {path}", lambda: self.all(what, path), LIMIT)[0]

    def close(self):
        self.process.stdin.close()
        self.process.wait(LIMIT)


class CountingReader(Reader):
    """Knows how many bytes came in all."""

    def __init__(self, connection):
        super().__init__(connection)
        self.came = 0

    def more(self):
        before = len(self.held)
        super().more()
        self.came += len(self.held) - before


class Get(threading.Thread):
    """A client of one answer. `error` is what broke it off; without one, `body` came whole by its framing."""

    def __init__(self, sidecar, path, version="1.1"):
        super().__init__(daemon=True)
        self.path, self.began, self.ended = path, time.monotonic(), None
        self.status, self.fields, self.body, self.error = None, [], None, None
        self.reader = CountingReader(sidecar.connect())
        self.reader.connection.settimeout(LIMIT)
        self.reader.connection.sendall(f"GET {path} HTTP/{version}\r\nHost: h\r\n\r\n".encode())
        self.start()

    def run(self):
        try:
            with self.reader.connection:
                start, self.fields = read_head(self.reader)
                self.status = int(start.split()[1])
                self.body = read_body(self.reader, self.fields, self.reader.rest)
        except (EOFError, OSError) as error:
            self.error = error
        self.ended = time.monotonic()

    def has_half(self):
        return self.status == 200 and self.reader.came > len(HALF)

    def finish(self):
        self.join(LIMIT)
        if self.is_alive():
            raise AssertionError(f"waited {LIMIT} s for the answer to {self.path}")
        return self


class Upload:
    """Half of it is there when this is made; finish() sends the other half."""

    def __init__(self, sidecar, application):
        self.connection = sidecar.connect()
        self.connection.sendall(b"POST /upload HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % len(WHOLE) + HALF)
        application.wait("half", "/upload")

    def finish(self):
        with self.connection:
            self.connection.sendall(HALF[::-1])
            return read_answer(Reader(self.connection), "POST")


class Scene:
    """A sidecar and its application, and what a test makes happen to them. All times are of the machine's monotonic clock."""

    def __init__(self, *options):
        self.application = SlowApplication()
        self.key = AdminKey()
        self.sidecar = Sidecar(self.application.port, f"--admin-key={self.key.argument}", f"--pod-uid={POD}", *options)
        log = self.sidecar.log.read_text()
        self.admin_port, self.local_port = (int(re.search(rf'"{name}_port":([0-9]+)', log).group(1)) for name in ("admin", "local"))
        self.exit = None
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self):
        code = self.sidecar.process.wait()
        self.exit = types.SimpleNamespace(code=code, at=time.monotonic())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self.sidecar.close()
        finally:
            self.application.close()

    def get_all(self, seconds):
        """A Get of each kind, which the application has begun to answer; of each that comes in halves, the first is there."""
        gets = [Get(self.sidecar, f"/{kind}/{seconds:g}?{version}", version) for kind, version in KINDS]
        for one in gets:
            self.application.wait("begun", one.path)
        wait_for("the first halves", lambda: all(one.has_half() for one in gets if "/late/" not in one.path), LIMIT)
        return gets

    def web_socket(self):
        socket = WebSocket(self.sidecar.port, "/ws", timeout=LIMIT)
        socket.send("hello")
        if (said := socket.receive()) != "hello":
            raise AssertionError(f"the WebSocket does not echo: {said!r}")
        return socket

    def closed(self, socket):
        """(close code that the client got, when, that the application got, when)"""
        try:
            said = socket.receive()
            raise AssertionError(f"the WebSocket said {said!r}")
        except ConnectionError:
            at = time.monotonic()
            if not hasattr(socket, "close_code"):
                raise AssertionError("the WebSocket ended without a close frame") from None
        there = self.application.wait("closed", "/ws")
        socket.close()
        return socket.close_code, at, there["code"], there["at"]

    def drain(self, fields=None):
        return request(self.admin_port, "POST", "/_drain", headers=fields if fields is not None else self.key.authorization(POD, "POST", "/_drain"))

    def live(self):
        return request(self.local_port, "GET", "/state").json().get("live_connections", 0)

    def hold(self):
        """The preStop hook's call, as the kubelet makes it."""
        began = time.monotonic()
        answer = request(self.admin_port, "GET", "/_hold", headers=KUBELET, timeout=LIMIT)
        ended = time.monotonic()
        return types.SimpleNamespace(answer=answer, seconds=ended - began, ended=ended)

    def terminate(self):
        at = time.monotonic()
        self.sidecar.process.send_signal(signal.SIGTERM)
        return at

    def ended(self):
        return wait_for("the sidecar to end", lambda: self.exit, LIMIT)

    def last_bytes_at(self, gets):
        """When the application began to write the last bytes of the last of them."""
        return max(self.application.wait("ended", one.path)["at"] for one in gets)


def drained():
    """What is under way when the sweeper's `_drain` comes, and what comes after it."""
    with Scene("--drain-seconds=30") as scene:
        seen = types.SimpleNamespace()
        socket, gets = scene.web_socket(), scene.get_all(SLOW)
        upload = Upload(scene.sidecar, scene.application)
        kept = scene.sidecar.connect()  # a connection that is there before, and asks after it
        kept_reader = Reader(kept)
        other = AdminKey()
        seen.unauthorized = [scene.drain(fields).status for fields in (
            {}, other.authorization(POD, "POST", "/_drain"), scene.key.authorization("another-pod", "POST", "/_drain"),
            scene.key.authorization(POD, "GET", "/_drain"), scene.key.authorization(POD, "POST", "/_sweep"))]
        kept.sendall(b"GET /quick HTTP/1.1\r\nHost: h\r\n\r\n")
        seen.before = read_answer(kept_reader, "GET")
        seen.at = time.monotonic()
        seen.drain = scene.drain()
        seen.closed = scene.closed(socket)
        seen.refused = request(scene.sidecar.port, "GET", "/refused")
        kept.sendall(b"GET /refused HTTP/1.1\r\nHost: h\r\n\r\n")
        seen.refused_kept = read_answer(kept_reader, "GET")
        kept.close()
        seen.refused_socket = request(scene.sidecar.port, "GET", "/refused", headers={
            "connection": "Upgrade", "upgrade": "websocket", "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==", "sec-websocket-version": "13"})
        seen.again = scene.drain()
        seen.refused_by = time.monotonic()
        seen.upload = upload.finish()
        seen.gets = [one.finish() for one in gets]
        seen.last_bytes = scene.last_bytes_at(gets)
        wait_for("the end of use", lambda: scene.live() == 0, LIMIT)
        seen.lives, seen.told = scene.exit is None, list(scene.application.told)
        seen.terminated = scene.terminate()
        seen.exit = scene.ended()
        return seen


def held():
    """`_hold` with nothing under way, and twice with everything; none of it drains."""
    with Scene("--drain-seconds=30") as scene, concurrent.futures.ThreadPoolExecutor(2) as pool:
        seen = types.SimpleNamespace()
        seen.idle = scene.hold()
        gets = scene.get_all(SLOW)
        holds = [pool.submit(scene.hold) for _ in range(2)]
        seen.quick = request(scene.sidecar.port, "GET", "/quick")
        seen.gets = [one.finish() for one in gets]
        seen.holds = [one.result(LIMIT) for one in holds]
        seen.last_bytes = scene.last_bytes_at(gets)
        seen.after = scene.hold()
        return seen


def terminated():
    """SIGTERM with all of it under way, and time enough."""
    with Scene("--drain-seconds=30") as scene:
        seen = types.SimpleNamespace()
        socket, gets = scene.web_socket(), scene.get_all(SLOW)
        upload = Upload(scene.sidecar, scene.application)
        idle = scene.sidecar.connect()
        idle.sendall(b"GET /quick HTTP/1.1\r\nHost: h\r\n\r\n")
        idle_reader = Reader(idle)
        read_answer(idle_reader, "GET")
        seen.at = scene.terminate()
        seen.closed = scene.closed(socket)
        seen.idle = idle_reader.rest()
        idle.close()
        try:
            scene.sidecar.connect().close()
            seen.connected = True
        except ConnectionRefusedError:
            seen.connected = False
        seen.upload = upload.finish()
        seen.gets = [one.finish() for one in gets]
        seen.exit = scene.ended()
        seen.last_bytes = scene.last_bytes_at(gets)
        return seen


def cut_off():
    """`_hold` and SIGTERM with all of it under way, and one second."""
    with Scene("--drain-seconds=1") as scene:
        seen = types.SimpleNamespace()
        socket, gets = scene.web_socket(), scene.get_all(NEVER)
        upload = Upload(scene.sidecar, scene.application)
        seen.hold = scene.hold()
        seen.at = scene.terminate()
        seen.closed = scene.closed(socket)
        seen.exit = scene.ended()
        seen.gets = [one.finish() for one in gets]
        try:
            seen.upload = upload.finish()
        except (EOFError, OSError) as error:
            seen.upload = error
        seen.told = list(scene.application.told)
        return seen


class Drain(unittest.TestCase):
    """The scenes wait most of their time, so all are played at once, each on processes of its own."""

    @classmethod
    def setUpClass(cls):
        scenes = (drained, held, terminated, cut_off)
        pool = concurrent.futures.ThreadPoolExecutor(len(scenes))
        cls.addClassCleanup(pool.shutdown)
        cls.scenes = {scene: pool.submit(scene) for scene in scenes}

    def seen(self, scene):
        return self.scenes[scene].result(3 * LIMIT)

    def assert_whole(self, gets):
        for one in gets:
            with self.subTest(one.path):
                self.assertIsNone(one.error)
                self.assertEqual((one.status, len(one.body)), (200, len(WHOLE)))
                self.assertEqual(hashlib.sha256(one.body).hexdigest(), hashlib.sha256(WHOLE).hexdigest())
                self.assertGreaterEqual(one.ended - one.began, SLOW - 0.5)

    def assert_uploaded(self, answer):
        self.assertEqual(answer[::2], (200, hashlib.sha256(WHOLE).hexdigest().encode()))

    def assert_going_away(self, closed, at):
        code, came, code_there, came_there = closed
        self.assertEqual((code, code_there), (1001, 1001))
        self.assertLess(came - at, SOON)
        self.assertLess(came_there - at, SOON)

    def test_drain_lets_what_is_under_way_finish_and_refuses_the_rest(self):
        seen = self.seen(drained)
        self.assertEqual(seen.unauthorized, [401] * 5)
        self.assertEqual(seen.before[::2], (200, b"quick"))  # so none of those has drained it
        self.assertEqual((seen.drain.status, seen.again.status), (202, 202))
        self.assert_going_away(seen.closed, seen.at)
        for refused in (seen.refused, seen.refused_socket):
            self.assertEqual((refused.status, refused.headers["spawner-reason"], refused.json()["reason"]), (503, "Draining", "Draining"))
            self.assertEqual(refused.headers["retry-after"], "1")
        status, fields, _ = seen.refused_kept
        self.assertEqual((status, dict(fields)["spawner-reason"]), (503, "Draining"))
        self.assertFalse([one for one in seen.told if one["path"] == "/refused"], "the application saw what was refused")
        self.assert_uploaded(seen.upload)
        self.assert_whole(seen.gets)
        self.assertLess(seen.refused_by, seen.last_bytes, "all was over before it was refused: the machine is too slow for this test")
        self.assertTrue(seen.lives, "a drained sidecar waits for its SIGTERM")
        self.assertEqual(seen.exit.code, 0)
        self.assertLess(seen.exit.at - seen.terminated, SOON)

    def test_hold_returns_when_nothing_is_under_way_and_not_before(self):
        seen = self.seen(held)
        for idle in (seen.idle, seen.after):
            self.assertEqual(idle.answer.status, 200)
            self.assertLess(idle.seconds, SOON)
        self.assertEqual(seen.quick.body, b"quick")  # it changes nothing
        self.assert_whole(seen.gets)
        for hold in seen.holds:
            self.assertEqual((hold.answer.status, hold.answer.json().get("live_connections", 0)), (200, 0))
            self.assertGreaterEqual(hold.ended, seen.last_bytes)
            self.assertGreaterEqual(hold.ended - min(one.began for one in seen.gets), SLOW - 0.5)
            self.assertLess(hold.ended - max(one.ended for one in seen.gets), SOON)

    def test_sigterm_ends_the_process_when_what_is_under_way_is_whole(self):
        seen = self.seen(terminated)
        self.assert_going_away(seen.closed, seen.at)
        self.assertEqual(seen.idle, b"")
        self.assertFalse(seen.connected, "a new connection was taken")
        self.assert_uploaded(seen.upload)
        self.assert_whole(seen.gets)
        late = next(one for one in seen.gets if "/late/" in one.path)
        self.assertIn(("connection", "close"), late.fields)
        self.assertEqual(seen.exit.code, 0)
        self.assertGreaterEqual(seen.exit.at, seen.last_bytes)
        self.assertLess(seen.exit.at - max(one.ended for one in seen.gets), SOON)

    def test_what_does_not_end_in_time_is_cut_off_and_looks_so(self):
        seen = self.seen(cut_off)
        self.assertEqual((seen.hold.answer.status, seen.hold.answer.json()["live_connections"]), (200, len(KINDS) + 2))
        self.assertGreaterEqual(seen.hold.seconds, 0.95)
        self.assertLess(seen.hold.seconds, 1 + SOON)
        self.assert_going_away(seen.closed, seen.at)
        self.assertEqual(seen.exit.code, 0)
        self.assertGreaterEqual(seen.exit.at - seen.at, 0.95)
        self.assertLess(seen.exit.at - seen.at, 1 + SOON)
        for one in seen.gets:
            with self.subTest(one.path):
                self.assertIsInstance(one.error, (EOFError, ConnectionResetError))
                self.assertIsNone(one.body)
                self.assertLess(one.reader.came, len(WHOLE))
                self.assertLess(one.ended - seen.at, 1 + SOON)
        self.assertIsInstance(seen.upload, (EOFError, OSError))
        self.assertFalse([one for one in seen.told if one["what"] == "ended"])


if __name__ == "__main__":
    unittest.main()
