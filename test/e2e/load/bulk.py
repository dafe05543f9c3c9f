"""Large bodies: what is sent, what came, and an application that takes and gives them as its paths say."""

import hashlib
import random
import socket
import struct
import threading
import time

from raw_http.exchange import Application, Reader, read_head, values

MB = 1024 * 1024
PIECE = 256 * 1024
_BLOCK = random.Random(1).randbytes(PIECE - 8)
SMALL_BUFFER = 64 * 1024  # of a socket whose reader is slow: what the kernel holds would hide what the sidecar does


def pieces(count):
    """`count` bytes in pieces, no two alike. REQUIRES: a multiple of PIECE."""
    for i in range(count // PIECE):
        yield i.to_bytes(8, "big") + _BLOCK


def digest_of(count):
    total = hashlib.sha256()
    for piece in pieces(count):
        total.update(piece)
    return total.hexdigest()


class Pace:
    """Waits so that no more than `rate` bytes a second go by; None: no limit."""

    def __init__(self, rate):
        self.rate, self.began, self.bytes = rate, time.monotonic(), 0

    def took(self, count):
        self.bytes += count
        if self.rate:
            time.sleep(max(0.0, self.began + self.bytes / self.rate - time.monotonic()))  # slowness is what is tested


def send_body(connection, count, chunked):
    for piece in pieces(count):
        if chunked:
            connection.sendall(b"%x\r\n" % len(piece))
            connection.sendall(piece)
            connection.sendall(b"\r\n")
        else:
            connection.sendall(piece)
    if chunked:
        connection.sendall(b"0\r\n\r\n")


def framing(count, chunked):
    return b"Transfer-Encoding: chunked\r\n" if chunked else b"Content-Length: %d\r\n" % count


def take_body(reader, fields, rate=None):
    """(bytes, digest) of a body, read as it comes. EOFError, ConnectionResetError: it is not whole."""
    total, pace = hashlib.sha256(), Pace(rate)

    def take(left):
        while left:
            if not reader.held:
                reader.held = reader.connection.recv(min(left, PIECE))
                if not reader.held:
                    raise EOFError
            some, reader.held = reader.held[:left], reader.held[left:]
            total.update(some)
            left -= len(some)
            pace.took(len(some))

    if values(fields, "transfer-encoding") == ["chunked"]:
        while size := int(reader.until(b"\r\n"), 16):
            take(size)
            if reader.exactly(2) != b"\r\n":
                raise AssertionError("no CR LF behind a chunk")
        reader.exactly(2)
    else:
        take(int(values(fields, "content-length")[0]))
    return pace.bytes, total.hexdigest()


class BulkApplication(Application):
    """GET /COUNT/chunked or /COUNT/length gives a body; POST /RATE takes one (0: as fast as it comes) and answers with "bytes digest"; POST
    /never reads none of it until `released` and then goes; POST /early answers 403 before it. GET /trickle/… gives its head and a byte, and then
    waits for the client to go; GET /break/… see break_off(). `begun`: paths asked for; `ends`: when the application saw which end (path: time)."""

    def __init__(self):
        self.released = threading.Event()
        self.begun, self.ends = set(), {}
        super().__init__(self.run)

    def run(self, connection):
        reader = Reader(connection)
        while True:
            start, fields = read_head(reader)
            method, path, _ = start.split(" ")
            self.begun.add(path)
            if method == "POST":
                self.take(connection, reader, path, fields)
            elif path.startswith("/trickle"):
                self.trickle(connection, path)
            elif path.startswith("/break"):
                return self.break_off(connection, path)
            else:
                self.give(connection, path)

    def give(self, connection, path):
        _, count, way = path.split("/")[:3]
        chunked = way == "chunked"
        try:
            connection.sendall(b"HTTP/1.1 200 OK\r\n" + framing(int(count), chunked) + b"\r\n")
            send_body(connection, int(count), chunked)
        except OSError:
            self.ends[path] = time.monotonic()
            raise

    def take(self, connection, reader, path, fields):
        if path == "/never":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)
            self.released.wait(60)
            raise EOFError
        if path == "/early":
            connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno")
            raise EOFError
        rate = int(path[1:].split("/")[0])
        if rate:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)
        try:
            count, digest = take_body(reader, fields, rate)
        except (EOFError, OSError):
            self.ends[path] = time.monotonic()
            raise
        answer = f"{count} {digest}".encode()
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(answer) + answer)

    def trickle(self, connection, path):
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n")
        try:
            connection.recv(1)
        finally:
            self.ends[path] = time.monotonic()
        raise EOFError

    def break_off(self, connection, path):
        """Half of an answer, then the end: /break/length/fin, /break/chunked/reset, …"""
        _, _, way, end = path.split("/")
        head = b"Content-Length: 100000\r\n\r\n" if way == "length" else b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % 100_000
        if way == "until-close":
            head = b"Connection: close\r\n\r\n"
        connection.sendall(b"HTTP/1.1 200 OK\r\n" + head + b"a" * 50_000)
        if end == "reset":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
