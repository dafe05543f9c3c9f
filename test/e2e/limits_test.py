"""Every limit of the data plane is an option that bites where it says, and a metric that tells of it (docs/limits.md)."""

import concurrent.futures
import re
import socket
import threading
import unittest

from harness import ROOT
from load.measured import MeasuredSidecar
from raw_http.exchange import LIMIT, Application, Reader, read_answer, read_head

PROXY = 'spawner_proxy_refused_total{reason="%s"}'
WAITING = 'spawner_waiting_refused_total{reason="%s"}'
GET = b"GET /%s HTTP/1.1\r\nHost: a\r\n\r\n"
CHUNKED = b"POST /ok HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
UPGRADE = b"GET /upgrade HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"

# What the application answers to a path, and then whether it goes on to wait.
ANSWERS = {
    "/ok": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "/upgrade": b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n",
    "/interim": b"HTTP/1.1 103 Early Hints\r\n\r\n" * 3 + b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "/long-head": b"HTTP/1.1 200 OK\r\nX: " + b"a" * 3000 + b"\r\nContent-Length: 2\r\n\r\nok",
    "/many-fields": b"HTTP/1.1 200 OK\r\n" + b"X: a\r\n" * 30 + b"Content-Length: 2\r\n\r\nok",
    "/bad-chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nz\r\n",
    "/long-extension": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;" + b"a" * 20 + b"\r\nok\r\n0\r\n\r\n",
    "/long-trailers": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX: " + b"a" * 70 + b"\r\n\r\n",
    "/stall": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nok",
    "/never": b"",
}


def serve(connection):
    reader = Reader(connection)
    while True:
        start, _ = read_head(reader)
        path = start.split(" ")[1]
        if path == "/endless":
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
            while True:
                connection.sendall(b"a" * 65536)
        if path == "/chunks":  # no length: each byte goes through the sidecar's own memory
            connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            while True:
                connection.sendall(b"10000\r\n" + b"a" * 65536 + b"\r\n")
        connection.sendall(ANSWERS[path])
        if path == "/upgrade":
            reader.rest()
            threading.Event().wait(LIMIT)  # it does not end its own side
            return


def status_of(raw):
    match = re.match(rb"HTTP/1\.1 ([0-9]{3}) ", raw)
    return int(match[1]) if match else None


class Limits(unittest.TestCase):
    OPTIONS = ("--max-head-bytes=2000", "--max-head-fields=10", "--head-timeout-seconds=3", "--keep-alive-seconds=3",
               "--write-timeout-seconds=1", "--max-linger-bytes=1000", "--max-chunk-extension-bytes=16", "--max-trailer-bytes=64",
               "--max-connections=20", "--max-tunnels=1", "--max-interim-answers=2", "--max-answer-head-bytes=2000",
               "--max-answer-head-fields=20", "--max-answer-chunk-extension-bytes=16", "--max-answer-trailer-bytes=64",
               "--answer-timeout-seconds=3", "--stall-timeout-seconds=2", "--half-close-seconds=1")

    def setUp(self):
        self.application = Application(serve)
        self.addCleanup(self.application.close)

    def sidecar(self, *options, **more):
        sidecar = MeasuredSidecar(self.application.port, *options, **more)
        self.addCleanup(sidecar.close)
        return sidecar

    def talk(self, sidecar, raw):
        """All that comes until the end of the connection."""
        with sidecar.connect() as connection:
            connection.sendall(raw)
            reader = Reader(connection)
            try:
                return reader.rest()
            except ConnectionResetError:
                return reader.held

    def test_each_limit_bites_and_is_counted(self):
        sidecar = self.sidecar(*self.OPTIONS)
        first = sidecar.metrics()
        front = {"HeadTooLarge": (b"GET /" + b"a" * 3000, 431), "TooManyFields": (GET[:-2] % b"ok" + b"X: a\r\n" * 20, 431),
                 "HeadTimeout": (b"GET / HT", 408), "Malformed": (b"GET /ok HTTP/1.1\r\n\r\n", 400),
                 "ChunkExtensionTooLong": (CHUNKED + b"1;" + b"a" * 20 + b"\r\na\r\n0\r\n\r\n", 400),
                 "TrailersTooLong": (CHUNKED + b"0\r\nX: " + b"a" * 70 + b"\r\n\r\n", 400), "IdleTimeout": (GET % b"ok", 200)}
        proxy = {"TooManyInterim": (GET % b"interim", 502), "UpstreamTimeout": (GET % b"never", 504), "BodyStalled": (GET % b"stall", 200),
                 "BrokenAnswer": (GET % b"bad-chunk", 200)}
        cases = {**front, **proxy}
        with concurrent.futures.ThreadPoolExecutor(len(cases)) as pool:  # most of their time is waiting
            answers = pool.map(lambda case: self.talk(sidecar, case[0]), cases.values())
        for (reason, (_, status)), got in zip(cases.items(), answers):
            with self.subTest(reason):
                got = re.sub(rb"^(HTTP/1\.1 103 Early Hints\r\n\r\n)*", b"", got)
                self.assertEqual(status_of(got), status, got[:300])
        for path in (b"long-head", b"many-fields"):
            self.assertEqual(status_of(self.talk(sidecar, GET % path + GET % b"ok")), 502)
        for path in (b"long-extension", b"long-trailers"):
            got = self.talk(sidecar, GET % path + GET % b"ok")
            self.assertEqual(status_of(got), 200)
            self.assertFalse(got.endswith(b"0\r\n\r\n"), got)  # the client cannot take it for a whole one
        self.linger(sidecar)
        self.slow_writer(sidecar)
        self.tunnels(sidecar)
        self.connections(sidecar)
        wanted = {sidecar.refused(reason): 1 for reason in front}
        wanted |= {PROXY % reason: 1 for reason in proxy}
        wanted[PROXY % "BrokenAnswer"] = 3
        wanted |= {sidecar.refused("WriteTimeout"): 1, sidecar.refused("LingerLimit"): 1, sidecar.refused("TooManyConnections"): 1,
                   PROXY % "UpstreamBadAnswer": 2, PROXY % "TooManyTunnels": 1, PROXY % "TunnelHalfClosed": 1}
        for name, least in wanted.items():
            with self.subTest(name):
                self.assertEqual(first.get(name), 0)
                sidecar.wait_metric(name, lambda value, least=least: value >= least)

    def linger(self, sidecar):
        """A refused client that goes on sending."""
        with sidecar.connect() as connection:
            connection.sendall(b"GET /ok HTTP/1.1\r\n\r\n")
            self.assertEqual(status_of(Reader(connection).rest()), 400)
            with self.assertRaises(OSError):
                while True:
                    connection.sendall(b"a" * 2000)

    def slow_writer(self, sidecar):
        """A client that takes nothing."""
        with socket.socket() as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.settimeout(LIMIT)
            connection.connect(("127.0.0.1", sidecar.port))
            connection.sendall(GET % b"endless")
            sidecar.wait_metric(sidecar.refused("WriteTimeout"), lambda value: value == 1)

    def tunnels(self, sidecar):
        with sidecar.connect() as first:
            first.sendall(UPGRADE)
            self.assertIn(" 101 ", read_head(Reader(first))[0])
            with sidecar.connect() as second:
                second.sendall(UPGRADE)
                status, _, body = read_answer(Reader(second), "GET")
                self.assertEqual((status, b"TooManyTunnels" in body), (503, True))

    def connections(self, sidecar):
        held = [sidecar.connect() for _ in range(20)]
        try:
            with sidecar.connect() as one_more:
                got = Reader(one_more).rest()
            self.assertEqual((status_of(got), b"TooManyConnections" in got), (503, True))
        finally:
            for one in held:
                one.close()

    def test_a_reader_that_leaves_too_much_is_closed(self):
        # With the usual buffer the application is held back long before.
        sidecar = self.sidecar("--max-unsent-bytes=1000", "--buffer-bytes=16777216")
        with socket.socket() as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.settimeout(LIMIT)
            connection.connect(("127.0.0.1", sidecar.port))
            connection.sendall(GET % b"chunks")
            sidecar.wait_metric(sidecar.refused("SlowReader"), lambda value: value >= 1)

    def test_requests_that_come_too_early_are_bounded(self):
        with socket.socket() as nobody:
            nobody.bind(("127.0.0.1", 0))
            sidecar = MeasuredSidecar(nobody.getsockname()[1], "--max-waiting=1", "--ready-wait-seconds=4", listens=False)
            self.addCleanup(sidecar.close)
            with sidecar.connect() as first, sidecar.connect() as second:
                for one in (first, second):
                    one.sendall(GET % b"ok")
                for one in (first, second):
                    self.assertEqual(read_answer(Reader(one), "GET")[0], 503)
            sidecar.wait_metric(WAITING % "TooManyWaiting", lambda value: value == 1)
            sidecar.wait_metric(WAITING % "WaitedTooLong", lambda value: value == 1)


class Documented(unittest.TestCase):
    def test_every_option_and_reason_stands_in_the_table_of_limits(self):
        page = (ROOT / "docs" / "limits.md").read_text()
        options = re.findall(r'add\("(--[a-z-]+)"', (ROOT / "src/modes/role/data_limits.cpp").read_text())
        reasons = re.findall(r'^    "(\w+)",', (ROOT / "src/http/front_stats.hpp").read_text(), re.M)
        reasons += re.findall(r'total\("(\w+)"\)', (ROOT / "src/proxy/proxy_metrics.cpp").read_text())
        self.assertGreater(len(options), 20)
        self.assertGreater(len(reasons), 15)
        self.assertEqual([name for name in options + reasons if f"`{name}`" not in page], [])


if __name__ == "__main__":
    unittest.main()
