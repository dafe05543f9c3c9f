"""A quarter of a gigabyte each way, and readers of 1 MB/s beside it: what was sent is what came, and the sidecar holds next to nothing. What
ends too early is seen as that on the other side, and soon."""

import concurrent.futures
import contextlib
import functools
import itertools
import pathlib
import select
import socket
import struct
import time
import unittest

from harness import quickest, wait_for
from load.bulk import MB, SMALL_BUFFER, BulkApplication, digest_of, framing, pieces, send_body, take_body
from load.measured import MeasuredSidecar, MemoryWatch
from raw_http.exchange import Reader, read_answer, read_head

FAST = 256 * MB
SLOW = 8 * MB
SLOW_RATE = MB  # a second
LIMIT_GROWTH = 2 * MB
STALLED = 8  # uploads at once to an application that does not read
IDLE_SHARE = 0.05  # of a processor
SECONDS = 60


def more_than_kernels_hold():
    """Bytes, in pieces of a megabyte: above what both connections of an upload may keep in the kernel (tcp(7): tcp_rmem and tcp_wmem, the last
    of three)."""
    limits = (pathlib.Path("/proc/sys/net/ipv4", name).read_text(encoding="ascii") for name in ("tcp_rmem", "tcp_wmem"))
    return (2 * sum(int(limit.split()[2]) for limit in limits) // MB + 8) * MB


class Bulk(unittest.TestCase):
    def setUp(self):
        self.application = BulkApplication()
        self.addCleanup(self.application.close)
        self.sidecar = MeasuredSidecar(self.application.port)
        self.addCleanup(self.sidecar.close)
        self.addCleanup(self.application.released.set)  # first of all: the sidecar's end waits for what is in flight

    def connect(self, small=False):
        """`small`: the kernel holds little for it."""
        one = socket.socket()
        if small:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL_BUFFER)
        one.settimeout(SECONDS)
        one.connect(("127.0.0.1", self.sidecar.port))
        return one

    def down(self, count, chunked, rate=None):
        with self.connect(small=bool(rate)) as connection:
            connection.sendall(b"GET /%d/%s HTTP/1.1\r\nHost: a\r\n\r\n" % (count, b"chunked" if chunked else b"length"))
            reader = Reader(connection)
            start, fields = read_head(reader)
            self.assertIn(" 200 ", start)
            return take_body(reader, fields, rate)

    def up(self, count, chunked, rate=0):
        with self.connect(small=bool(rate)) as connection:
            connection.sendall(b"POST /%d HTTP/1.1\r\nHost: a\r\n%s\r\n" % (rate, framing(count, chunked)))
            send_body(connection, count, chunked)
            status, _, body = read_answer(Reader(connection), "POST")
            self.assertEqual(status, 200)
            got, digest = body.split(b" ")
            return int(got), digest.decode()

    def test_a_quarter_of_a_gigabyte_each_way_beside_slow_readers(self):
        for chunked in (False, True):  # once, small: what is loaded and kept for good is no growth
            self.assertEqual(self.down(4 * MB, chunked), (4 * MB, digest_of(4 * MB)))
            self.assertEqual(self.up(4 * MB, chunked), (4 * MB, digest_of(4 * MB)))
        slow, fast = (SLOW, digest_of(SLOW)), (FAST, digest_of(FAST))
        cpu, began = self.sidecar.cpu_seconds(), time.monotonic()
        with MemoryWatch(self.sidecar) as memory, concurrent.futures.ThreadPoolExecutor(4) as pool:
            slow_ones = [pool.submit(way, SLOW, chunked, SLOW_RATE) for way in (self.down, self.up) for chunked in (False, True)]
            for way in (self.down, self.up):
                for chunked in (False, True):
                    self.assertEqual(way(FAST, chunked), fast, f"{way.__name__}, chunked: {chunked}")
            seconds = time.monotonic() - began
            for one in slow_ones:
                self.assertEqual(one.result(SECONDS), slow)
            self.assertGreater(time.monotonic() - began, SLOW / SLOW_RATE * 0.9)
        resident, dirty = memory.grown()
        print(f"\n4 × {FAST // MB} MB in {seconds:.1f} s, {self.sidecar.cpu_seconds() - cpu:.1f} s of processor; the sidecar grew by "
              f"{resident / MB:.2f} MB ({dirty / MB:.2f} MB private)", flush=True)
        self.assertLess(resident, LIMIT_GROWTH)
        self.assertLess(dirty, LIMIT_GROWTH)

    def push(self, connection, count, chunked):
        """Sends `count` bytes until nothing has been taken for half a second; how many bytes were."""
        sent = 0
        connection.setblocking(False)
        for piece in pieces(count):
            data = b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece
            while data:
                if not select.select([], [connection], [], 0.5)[1]:
                    return sent
                took = connection.send(data)
                sent, data = sent + took, data[took:]
        return sent

    def test_an_application_that_does_not_read_holds_its_clients_back(self):
        self.up(4 * MB, True)
        count = more_than_kernels_hold()
        with contextlib.ExitStack() as stack, MemoryWatch(self.sidecar) as memory:
            clients = [stack.enter_context(self.connect(small=True)) for _ in range(STALLED)]
            for number, client in enumerate(clients):
                client.sendall(b"POST /never HTTP/1.1\r\nHost: a\r\n%s\r\n" % framing(count, number % 2 == 1))
            with concurrent.futures.ThreadPoolExecutor(STALLED) as pool:
                sent = list(pool.map(self.push, clients, [count] * STALLED, [number % 2 == 1 for number in range(STALLED)]))
            self.assertLess(max(sent), count)
            cpu = quickest(IDLE_SHARE, lambda: self.sidecar.share_of_a_processor(1))
            self.application.released.set()
        print(f"\n{STALLED} stalled uploads: {sum(sent) / MB:.1f} MB taken by kernels and sidecar, which grew by {memory.grown()[0] / MB:.2f} MB, "
              f"{cpu * 100:.2f} % of a processor", flush=True)
        self.assertLess(max(memory.grown()), LIMIT_GROWTH)
        self.assertLess(cpu, IDLE_SHARE)

    def seen_after(self, connection, path, reset):
        """Seconds until the application saw that the client of `path` is gone."""
        if reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        left = time.monotonic()
        connection.close()
        wait_for(f"the application to see the end of {path}", lambda: path in self.application.ends, 10, 0.005)
        return self.application.ends[path] - left

    def leave_download(self, path, reset):
        connection = self.connect(small=True)
        connection.sendall(b"GET %s HTTP/1.1\r\nHost: a\r\n\r\n" % path.encode())
        self.assertTrue(connection.recv(1000).startswith(b"HTTP/1.1 200 "))
        return self.seen_after(connection, path, reset)

    def leave_upload(self, path, reset, chunked):
        connection = self.connect()
        connection.sendall(b"POST %s HTTP/1.1\r\nHost: a\r\n%s\r\n" % (path.encode(), framing(FAST, chunked)))
        part = next(pieces(MB))
        connection.sendall(b"%x\r\n" % FAST + part if chunked else part)
        wait_for("the application to be asked", lambda: path in self.application.begun, 10, 0.005)
        return self.seen_after(connection, path, reset)

    def test_a_client_that_leaves_is_seen_by_the_application_within_a_second(self):
        number = itertools.count()
        ways = [(f"/{FAST}/length", self.leave_download), (f"/{FAST}/chunked", self.leave_download), ("/trickle", self.leave_download),
                ("/0/length", functools.partial(self.leave_upload, chunked=False)),
                ("/0/chunked", functools.partial(self.leave_upload, chunked=True))]
        for reset in (False, True):
            for path, leave in ways:
                with self.subTest(path, reset=reset):
                    self.assertLess(quickest(1, lambda: leave(f"{path}/{next(number)}", reset)), 1)  # noqa: B023

    def test_an_answer_before_the_upload_is_over_is_the_last_and_leaves_no_trace(self):
        for chunked in (False, True):
            with self.connect() as connection:
                connection.sendall(b"POST /early HTTP/1.1\r\nHost: a\r\n%s\r\n" % framing(FAST, chunked))
                self.assertEqual(read_answer(Reader(connection), "POST")[::2], (403, b"no"))
        self.assertEqual(self.down(MB, True), (MB, digest_of(MB)))
        began = time.monotonic()
        self.sidecar.close()
        self.assertLess(time.monotonic() - began, 5, "nothing was in flight")

    def test_an_application_that_breaks_off_is_an_error_for_the_client(self):
        for way, end in ((way, end) for way in ("length", "chunked", "until-close") for end in ("fin", "reset")):
            if (way, end) == ("until-close", "fin"):
                continue  # that is its whole answer
            with self.subTest(way, end=end), self.connect() as connection:
                connection.sendall(b"GET /break/%s/%s HTTP/1.1\r\nHost: a\r\n\r\n" % (way.encode(), end.encode()))
                reader = Reader(connection)
                with self.assertRaises((EOFError, ConnectionResetError)):
                    read_answer(reader, "GET")
                self.assertLess(len(reader.held), 60_000)
        self.assertEqual(self.down(MB, True), (MB, digest_of(MB)))


if __name__ == "__main__":
    unittest.main()
