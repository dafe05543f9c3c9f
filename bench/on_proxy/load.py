"""What is asked of a proxy, and what that costs it."""

import re
import select
import socket
import statistics
import subprocess
import time

from .servers import LOAD_CORE, pinned

UPGRADE = (b"GET /ws HTTP/1.1\r\nHost: bench\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
           b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
REQUEST = b"GET / HTTP/1.1\r\nHost: bench\r\n\r\n"
FRAME = b"\x82\x84\0\0\0\0ping"  # a masked binary message of four bytes
UNITS = {"us": 1, "ms": 1000, "s": 1_000_000}


def wrk(port, path, connections, seconds, *headers, cores=(LOAD_CORE,)):
    """{requests, seconds, p50, p99 (µs), errors} by wrk on the load's cores."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", *(word for header in headers for word in ("-H", header)),
               f"http://127.0.0.1:{port}{path}"]
    text = subprocess.run(command, capture_output=True, text=True, check=True, preexec_fn=pinned(*cores), timeout=seconds + 30).stdout
    requests, took = re.search(r"(\d+) requests in ([\d.]+)s", text).groups()
    quantiles = {q: float(n) * UNITS[unit] for q, n, unit in re.findall(r"(50|99)%\s+([\d.]+)(us|ms|s)", text)}
    errors = sum(map(int, re.findall(r"\d+", (re.search(r"Socket errors:(.*)", text) or [""])[0])))
    errors += int((re.search(r"Non-2xx or 3xx responses: (\d+)", text) or [0, 0])[1])
    return {"requests": int(requests), "seconds": float(took), "p50": quantiles["50"], "p99": quantiles["99"], "errors": errors}


def costs(server, port, path, connections, seconds, cores=(LOAD_CORE,)):
    """The same, and the server's CPU time a request in µs. `server` None: no proxy."""
    before = server.cpu_seconds() if server else 0
    result = wrk(port, path, connections, seconds, cores=cores)
    if result["errors"]:
        raise RuntimeError(f"{server and server.name}: {result['errors']} errors at {path}")
    result["cpu"] = ((server.cpu_seconds() if server else 0) - before) / result["requests"] * 1e6
    result["rate"] = result["requests"] / result["seconds"]
    return result


class Connections:
    """Connections to a port that have each asked one request, got its answer, and are idle since."""

    request, begins, ends = REQUEST, b"HTTP/1.1 200 ", b"\r\n\r\nhello"  # of the answer

    def __init__(self, port, count, at_once=200):
        self.open, waiting = [], {}
        poller = select.epoll()
        end = time.monotonic() + 120
        while len(self.open) < count:
            while len(waiting) < at_once and len(self.open) + len(waiting) < count:
                one = socket.create_connection(("127.0.0.1", port), timeout=10)
                one.sendall(self.request)
                waiting[one.fileno()] = [one, b""]
                poller.register(one, select.EPOLLIN)
            for fd, _ in poller.poll(10):
                entry = waiting[fd]
                got = entry[0].recv(4096)
                entry[1] += got
                if not got:
                    raise RuntimeError(f"connection {len(self.open)} was closed after {entry[1]!r}")
                if not entry[1].startswith(self.begins[:len(entry[1])]):
                    raise RuntimeError(f"connection {len(self.open)} got another answer: {entry[1]!r}")
                if entry[1].endswith(self.ends):
                    poller.unregister(fd)
                    self.open.append(waiting.pop(fd)[0])
            if time.monotonic() > end:
                raise TimeoutError(f"{len(self.open)} of {count} connections after 120 s")
        poller.close()

    def idle(self, seconds):
        """Waits; then all must still be open, and silent."""
        time.sleep(seconds)
        with select.epoll() as poller:
            for one in self.open:
                poller.register(one, select.EPOLLIN)
            if found := poller.poll(0, len(self.open)):
                raise RuntimeError(f"{len(found)} of {len(self.open)} idle connections were closed, or got more than their answer")

    def close(self):
        for one in self.open:
            one.close()


class Tunnels(Connections):
    """WebSockets, idle once they are open."""

    request, begins, ends = UPGRADE, b"HTTP/1.1 101 ", b"\r\n\r\n"

    def echo(self, seconds):
        """Round trips of a small message on one of them, in µs."""
        one, times = self.open[0], []
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        end = time.perf_counter() + seconds
        while (began := time.perf_counter()) < end:
            one.sendall(FRAME)
            held = b""
            while len(held) < len(FRAME):
                held += one.recv(100)
            times.append((time.perf_counter() - began) * 1e6)
        return times


def median(values):
    return statistics.median(values)


def quantile(values, q):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(q * (len(ordered) - 1)))]
