"""HTTP/2 through a sidecar with --upstream-protocol h2c, with peers that are not gRPC: clients of HTTP/1.1, `Upgrade: h2c`, clients and
applications that misbehave, and the limits."""

import hashlib
import contextlib
import json
import re
import socket
import subprocess
import time
import unittest

import h2c  # noqa: F401  first: it may go on in Debian's Python

import h2.config
import h2.connection
import h2.events
import h2.settings
from h2c import raw
from h2c.raw import Client
from harness import WebSocket, request, wait_for
from raw_http.exchange import Application, Reader, Sidecar

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SETTINGS = b"\0\0\0\4\0\0\0\0\0"


def sidecar_for(test, serve, *options):
    application = Application(serve)
    test.addCleanup(application.close)
    sidecar = Sidecar(application.port, "--upstream-protocol=h2c", *options)
    test.addCleanup(sidecar.close)
    return sidecar


class Large:
    """An application that answers /large with 4 MiB and all else with 1000 bytes, as the windows allow."""

    def __init__(self):
        self.connections, self.sent, self.last = 0, 0, (0, time.monotonic())

    def settled(self):
        """For half a second nothing more of it was wanted."""
        if self.sent != self.last[0]:
            self.last = (self.sent, time.monotonic())
        return self.sent > 0 and time.monotonic() - self.last[1] > 0.5

    def serve(self, connection):
        self.connections += 1
        conn = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
        conn.initiate_connection()
        left = {}
        while True:
            connection.sendall(conn.data_to_send())
            data = connection.recv(65536)
            if not data:
                return
            for event in conn.receive_data(data):
                if isinstance(event, h2.events.RequestReceived):
                    conn.send_headers(event.stream_id, [(":status", "200")])
                    left[event.stream_id] = 4 * 1024 * 1024 if dict(event.headers)[":path"] == "/large" else 1000
                elif isinstance(event, h2.events.StreamReset):
                    left.pop(event.stream_id, None)
            for stream in list(left):
                while (room := min(left[stream], conn.local_flow_control_window(stream), conn.max_outbound_frame_size)) > 0:
                    left[stream] -= room
                    self.sent += room
                    conn.send_data(stream, bytes(room), end_stream=left[stream] == 0)
                if left[stream] == 0:
                    del left[stream]


class Peers(unittest.TestCase):
    def sidecar(self, *options, settings=None):
        return sidecar_for(self, lambda connection: raw.serve(connection, settings), *options)

    def client(self, sidecar, **options):
        client = Client(sidecar.port, **options)
        self.addCleanup(client.close)
        return client

    def test_clients_of_http1_are_translated(self):
        port = self.sidecar().port
        body = bytes(range(256)) * 4096
        answer = request(port, "POST", "/a?b=c", body, {"Cookie": "a=1", "Connection": "close, X-Hop", "X-Hop": "1"})
        self.assertEqual(answer.status, 200)
        seen = answer.json()
        self.assertEqual((seen["size"], seen["sha256"]), (len(body), hashlib.sha256(body).hexdigest()))
        self.assertEqual({k: seen["head"].get(k) for k in (":method", ":path", ":scheme", ":authority", "content-length", "cookie")},
                         {":method": "POST", ":path": "/a?b=c", ":scheme": "http", ":authority": f"127.0.0.1:{port}",
                          "content-length": str(len(body)), "cookie": "a=1"})
        self.assertEqual(seen["head"]["x-forwarded-for"], "127.0.0.1")
        for gone in ("connection", "x-hop", "host", "transfer-encoding"):
            self.assertNotIn(gone, seen["head"])
        self.assertNotIn("x-last", answer.headers)  # trailers end here (decision 0034)
        chunked = request(port, "PUT", "/chunked", iter([b"one", b"two"]))
        self.assertEqual(chunked.json()["sha256"], hashlib.sha256(b"onetwo").hexdigest())
        head = request(port, "HEAD", "/")
        self.assertEqual((head.status, head.body), (200, b""))
        early = request(port, "POST", "/early", b"x")
        self.assertEqual(early.status, 413)
        self.assertEqual(request(port, "GET", "/reset/2").json()["reason"], "UpstreamClosed")
        with self.assertRaisesRegex(AssertionError, "501"):
            WebSocket(port, "/")

    def test_curl_by_each_of_its_ways(self):
        port = self.sidecar().port
        for way, version, paths in (("--http1.1", "1.1", ["/way", "/again"]), ("--http2", "2", ["/way", "/again"]),
                                    ("--http2-prior-knowledge", "2", ["/way"])):  # Debian 12's curl cannot use such a connection again
            done = subprocess.run(["curl", "-sS", "-m", "10", way, "-w", "\n%{http_version} %{http_code}\n",
                                   *(f"http://127.0.0.1:{port}{path}" for path in paths)], capture_output=True, text=True, check=False)
            lines = done.stdout.splitlines()
            self.assertEqual(lines[1::2], [f"{version} 200"] * len(paths), (way, done.stderr))
            self.assertEqual([json.loads(line)["head"][":path"] for line in lines[::2]], paths)
        done = subprocess.run(["curl", "-sS", "-m", "10", "--http2-prior-knowledge", "--data-binary", "@/proc/self/exe",
                               f"http://127.0.0.1:{port}/"], capture_output=True, text=True, check=True)
        self.assertEqual(json.loads(done.stdout)["size"], int(json.loads(done.stdout)["head"]["content-length"]))

    def test_many_connections_with_many_streams(self):
        port = self.sidecar().port
        done = subprocess.run(["h2load", "-n", "2000", "-c", "5", "-m", "100", f"http://127.0.0.1:{port}/"], capture_output=True, text=True,
                              timeout=120, check=False)
        self.assertIn("2000 done, 2000 succeeded, 0 failed, 0 errored, 0 timeout", done.stdout, done.stderr)

    def test_a_request_comes_out_as_it_went_in(self):
        client = self.client(self.sidecar())
        fields = [("cookie", "a=1"), ("cookie", "b=2"), ("te", "trailers"), ("x-forwarded-for", "192.0.2.1")]
        stream = client.request("/x", "POST", fields, b"body")
        status, fields, body, trailers = client.answer(stream)
        head = json.loads(body)["head"]
        self.assertEqual((status, fields["content-type"], trailers), (200, "application/json", {"x-last": "2"}))
        self.assertEqual({k: head.get(k) for k in (":authority", "cookie", "te", "x-forwarded-for", "x-forwarded-host")},
                         {":authority": "app.example", "cookie": "a=1; b=2", "te": "trailers", "x-forwarded-for": "192.0.2.1, 127.0.0.1",
                          "x-forwarded-host": "app.example"})

    def test_what_is_not_sound_is_refused(self):
        client = self.client(self.sidecar())
        for why, reason, arguments in (
                (400, "BadTarget", {"path": "/a#b"}),
                (400, "BadHost", {"path": "/", "authority": "a:b"}),
                (400, "RepeatedHost", {"path": "/", "fields": [("host", "other.example")]}),
                (431, "HeadTooLarge", {"path": "/", "fields": [("x-large", "x" * 40_000)]}),
                (431, "HeadTooLarge", {"path": "/", "fields": [(f"x-{i}", "") for i in range(101)]})):
            status, _, body, _ = client.answer(client.request(**arguments))
            self.assertEqual((status, json.loads(body)["reason"]), (why, reason))
        self.assertEqual(client.answer(client.request("/after"))[0], 200)

    def test_resets_of_the_application_reach_the_client(self):
        client = self.client(self.sidecar())
        for code in (2, 7, 8, 11):
            stream = client.request(f"/reset/{code}")
            reset = client.until(lambda e: isinstance(e, h2.events.StreamReset) and e.stream_id == stream, "a reset")  # noqa: B023
            self.assertEqual(int(reset.error_code), code)
        self.assertEqual(client.answer(client.request("/after"))[0], 200)

    def test_a_goaway_of_the_application_costs_no_request(self):
        client = self.client(self.sidecar())
        for _ in range(5):
            self.assertEqual(client.answer(client.request("/goaway"))[0], 200)
        streams = [client.request("/x") for _ in range(20)]
        self.assertEqual([client.answer(stream)[0] for stream in streams], [200] * 20)

    def test_more_connections_where_the_application_limits_streams(self):
        limit = {h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS: 3}
        client = self.client(self.sidecar("--max-upstream-connections=4", "--connect-timeout-seconds=4", settings=limit))
        for _ in range(11):
            client.request("/never")
        self.assertEqual(client.answer(client.request("/x"))[0], 200)
        client.request("/never")
        status, _, body, _ = client.answer(client.request("/one-too-many"))
        self.assertEqual((status, json.loads(body)["reason"]), (504, "UpstreamConnectTimeout"))

    def test_an_application_that_does_not_read_holds_the_client_back(self):
        client = self.client(self.sidecar())
        stream = client.request("/deaf", "POST", end=False)
        sent, whole = 0, 4 * 1024 * 1024
        client.socket.settimeout(0.5)

        def push():
            nonlocal sent
            while sent < whole:
                room = min(client.h2.local_flow_control_window(stream), client.h2.max_outbound_frame_size, whole - sent)
                if room > 0:
                    client.h2.send_data(stream, bytes(room), end_stream=sent + room == whole)
                    client.flush()
                    sent += room
                    continue
                try:
                    client.read("a larger window")
                except AssertionError:
                    return  # for half a second none came

        push()
        self.assertGreaterEqual(sent, 65535)
        self.assertLess(sent, 512 * 1024)
        client.socket.settimeout(raw.LIMIT)
        self.assertEqual(client.answer(client.request("/release"))[0], 200)
        push()
        seen = json.loads(client.answer(stream)[2])
        self.assertEqual((seen["size"], seen["sha256"]), (whole, hashlib.sha256(bytes(whole)).hexdigest()))

    def test_a_client_that_does_not_read_holds_back_no_other(self):
        large = Large()
        sidecar = sidecar_for(self, large.serve, "--stream-window-bytes=65535", "--connection-window-bytes=65535")
        slow = self.client(sidecar, acknowledge=False)
        for _ in range(4):
            slow.request("/large")
        wait_for("the application to be held back", large.settled, raw.LIMIT, 0.05)
        self.assertLess(large.sent, 4 * 4 * 65535)  # what is held of a stream
        other = self.client(sidecar)
        self.assertEqual(len(other.answer(other.request("/small"))[2]), 1000)
        self.assertEqual(request(sidecar.port, "GET", "/small").status, 200)
        self.assertEqual(large.connections, 1)

    def test_an_application_of_http1_is_named(self):
        def http1(connection):
            reader = Reader(connection)
            reader.until(b"\r\n\r\n")
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

        answer = request(sidecar_for(self, http1).port, "GET", "/")
        self.assertEqual((answer.status, answer.json()["reason"]), (502, "UpstreamBadAnswer"))
        self.assertIn("does not speak HTTP/2", answer.json()["detail"])

    def test_a_default_sidecar_refuses_http2(self):
        application = Application(lambda connection: None)
        self.addCleanup(application.close)
        sidecar = Sidecar(application.port)
        self.addCleanup(sidecar.close)
        with sidecar.connect() as connection:
            connection.sendall(PREFACE + SETTINGS)
            self.assertRegex(Reader(connection).rest(), rb"^HTTP/1\.1 505 ")


class Hostile(unittest.TestCase):
    def sidecar(self, *options):
        return sidecar_for(self, raw.serve, "--metrics-listen=127.0.0.1:0", *options)

    def counter(self, sidecar, name):
        """Once it is not 0: it is renewed every few seconds."""
        port = int(re.search(r'"metrics and health".*"port":([0-9]+)', sidecar.log.read_text()).group(1))
        pattern = re.compile(rf"^spawner_sidecar_http2_{name}_total ([1-9][0-9]*)$", re.M)
        return int(wait_for(name, lambda: pattern.search(request(port, "GET", "/metrics").body.decode()), 15, 0.2).group(1))

    def test_streams_that_are_reset_at_once_end_the_connection(self):
        sidecar = self.sidecar("--max-stream-resets=50", "--stream-resets-per-second=1")
        client = Client(sidecar.port)
        self.addCleanup(client.close)
        try:
            for _ in range(500):
                client.h2.reset_stream(client.request("/never"))
                client.flush()
        except OSError:
            pass  # it was ended already
        self.assertEqual([int(e.error_code) for e in client.until_closed()], [11])  # ENHANCE_YOUR_CALM
        self.assertEqual(self.counter(sidecar, "floods"), 1)
        self.assertGreater(self.counter(sidecar, "client_resets"), 50)
        other = Client(sidecar.port)
        self.addCleanup(other.close)
        self.assertEqual(other.answer(other.request("/x"))[0], 200)

    def test_answers_that_nobody_reads_end_the_connection(self):
        sidecar = self.sidecar()
        ping = b"\0\0\x08\x06\0\0\0\0\0" + bytes(8)
        with socket.socket() as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.settimeout(20)
            connection.connect(("127.0.0.1", sidecar.port))
            connection.sendall(PREFACE + SETTINGS)
            with contextlib.suppress(ConnectionError):
                for _ in range(100):
                    connection.sendall(ping * 1000)
                while connection.recv(65536):  # it ends, before all are answered
                    pass
        self.assertEqual(request(sidecar.port, "GET", "/").status, 200)
        self.assertEqual(self.counter(sidecar, "floods"), 1)

    def test_a_preface_in_pieces_and_none_at_all(self):
        sidecar = self.sidecar("--head-timeout-seconds=3")
        with sidecar.connect() as connection:
            for byte in PREFACE + SETTINGS:
                connection.sendall(bytes([byte]))
            self.assertEqual(connection.recv(9)[3], 4)  # SETTINGS
        with sidecar.connect() as connection:
            connection.sendall(PREFACE[:20])
            self.assertRegex(Reader(connection).rest(), rb"^HTTP/1\.1 408 ")
        with sidecar.connect() as connection:
            connection.sendall(b"PR")
            connection.sendall(b"OPFIND / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            self.assertRegex(Reader(connection).rest(), rb"^HTTP/1\.1 200 ")
        for garbage in (b"\0\0\1\0\0\0\0\0\0x", SETTINGS + b"\xff" * 64, SETTINGS + b"\0\0\1\1\5\0\0\0\1\xff"):
            with sidecar.connect() as connection:
                connection.sendall(PREFACE + garbage)
                Reader(connection).rest()  # it ends

    def test_a_head_that_does_not_end_is_no_use_for_long(self):
        sidecar = self.sidecar("--head-timeout-seconds=1")
        with sidecar.connect() as connection:
            connection.sendall(PREFACE + SETTINGS + b"\0\0\1\1\0\0\0\0\1\x82")  # HEADERS without END_HEADERS
            Reader(connection).rest()

    def test_a_connection_without_streams_is_closed_in_time(self):
        sidecar = self.sidecar("--keep-alive-seconds=3")
        client = Client(sidecar.port)
        self.addCleanup(client.close)
        self.assertEqual(client.answer(client.request("/x"))[0], 200)
        self.assertEqual({int(e.error_code) for e in client.until_closed()}, {0})


if __name__ == "__main__":
    unittest.main()
