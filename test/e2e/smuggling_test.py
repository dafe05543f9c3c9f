"""What is ambiguous is refused, what goes on parses in one way only: every case of raw_http/request_cases.py and response_cases.py, through a
real sidecar, on raw sockets. Prints how many cases there are."""

import queue
import re
import threading
import time
import unittest

from raw_http import request_cases, response_cases
from raw_http.exchange import Application, Malformed, Reader, Sidecar, read_answer, read_body, read_head
from raw_http.response_cases import BROKEN

SECOND = b"GET /second HTTP/1.1\r\nHost: second\r\nConnection: close\r\n\r\n"


def send_all(connection, data):
    """As a client that goes on sending whatever the server says; the server may have closed."""
    try:
        connection.sendall(data)
    except OSError:
        pass


def check_cases(test, cases, least):
    """As many as there should be, of different names, each with the source of its verdict."""
    test.assertGreaterEqual(len(cases), least)
    test.assertEqual(len({case.name for case in cases}), len(cases))
    test.assertEqual([case.name[:80] for case in cases if not re.search(r"RFC \d{4} §\d|^policy: .", case.source)], [], "no source")


class Requests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.seen = queue.Queue()
        cls.application = Application(cls.serve)
        cls.addClassCleanup(cls.application.close)
        cls.sidecar = Sidecar(cls.application.port, "--no-trust-forwarded")
        cls.addClassCleanup(cls.sidecar.close)

    @classmethod
    def serve(cls, connection):
        reader = Reader(connection)
        while True:
            start, fields = "", []
            try:
                start, fields = read_head(reader)
                method, target, version = start.split(" ")
                body = read_body(reader, fields, lambda: b"")
            except (Malformed, ValueError) as problem:
                cls.seen.put(("MALFORMED", f"{start!r}: {problem}", fields, b""))
                return
            cls.seen.put((method, target, fields, body) if version == "HTTP/1.1" else ("MALFORMED", start, fields, body))
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n" + (b"" if method == "HEAD" else b"ok"))

    def all_seen(self):
        """What came until a request of our own. On another connection a thread may tell a little later: then it is the next case that
        fails, and after the last one the end of the test."""
        with self.sidecar.connect() as connection:
            connection.sendall(b"GET /until-now HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            Reader(connection).rest()
        found = []
        while True:
            one = self.seen.get(timeout=10)
            if one[1] == "/until-now":
                return found
            found.append(one)

    def talk(self, raw):
        """What the client gets until the end of its connection."""
        with self.sidecar.connect() as connection:
            sender = threading.Thread(target=send_all, args=(connection, raw + SECOND))
            sender.start()
            try:
                return Reader(connection).rest()
            finally:
                sender.join(10)

    def check(self, case):
        got = self.talk(case.raw)
        seen = self.all_seen()
        if isinstance(case.verdict, int):
            self.assertTrue(got.startswith(f"HTTP/1.1 {case.verdict} ".encode()), f"answered {got[:200]!r}; the application saw {seen}")
            self.assertEqual(len(re.findall(rb"HTTP/1\.1 [0-9]", got)), 1, got)
            self.assertEqual(seen, [])
            return
        last = case.verdict.last
        self.assertEqual(got.count(b"HTTP/1.1 200 OK\r\n"), 1 if last else 2, got)
        self.assertEqual([one[1] for one in seen[1:]], [] if last else ["/second"], seen)
        method, target, fields, body = seen[0]
        self.assertEqual((method, target, body), (case.verdict.method, case.verdict.target, case.verdict.body))
        for name in case.verdict.without:
            self.assertNotIn(name, dict(fields))
        for name, value in case.verdict.fields:
            self.assertEqual([v for n, v in fields if n == name], [value], fields)
        self.assertEqual([v for n, v in fields if n == "x-forwarded-for"], ["127.0.0.1"], fields)

    def test_every_request(self):
        check_cases(self, request_cases.ALL, 150)
        for case in request_cases.ALL:
            with self.subTest(case.name[:200], source=case.source):
                self.check(case)
        time.sleep(0.5)  # in which a request that nobody should have seen would be told
        self.assertEqual(self.all_seen(), [])
        print(f"\n{len(request_cases.ALL)} requests", flush=True)


class Responses(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.application = Application(cls.serve)
        cls.addClassCleanup(cls.application.close)
        cls.sidecar = Sidecar(cls.application.port)
        cls.addClassCleanup(cls.sidecar.close)

    @classmethod
    def serve(cls, connection):
        reader = Reader(connection)
        while True:
            start, fields = read_head(reader)
            read_body(reader, fields, lambda: b"")
            target = start.split(" ")[1]
            if target == "/sound":
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nsound")
                continue
            case = response_cases.ALL[int(target[1:])]
            connection.sendall(case.raw)
            if case.close:
                return

    def sound(self, connection, reader):
        """The second request, on the same connection of the client or, where that has ended, on another."""
        ask = b"GET /sound HTTP/1.1\r\nHost: a\r\n\r\n"
        try:
            connection.sendall(ask)
            return read_answer(reader, "GET")
        except (EOFError, ConnectionError):
            self.assertEqual(reader.held, b"")
            with self.sidecar.connect() as another:
                another.sendall(ask)
                return read_answer(Reader(another), "GET")

    def check(self, number, case):
        with self.sidecar.connect() as connection:
            connection.sendall(f"{case.method} /{number} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
            reader = Reader(connection)
            try:
                status, fields, body = read_answer(reader, case.method)
            except (EOFError, ConnectionResetError) as end:
                self.assertIs(case.verdict, BROKEN, f"the answer breaks off: {end!r}, {reader.held[:200]!r}")
                reader.held = b""
            else:
                self.assertIsNot(case.verdict, BROKEN, f"a clean end of {status} {body!r}")
                if isinstance(case.verdict, int):
                    self.assertEqual(status, case.verdict, (fields, body))
                    self.assertNotIn(b"evil", body)
                else:
                    self.assertEqual((status, body), (case.verdict.status, case.verdict.body))
                    for name in case.verdict.without:
                        self.assertNotIn(name, dict(fields))
                    for name in {name for name, _ in case.verdict.fields}:
                        wanted = [v for n, v in case.verdict.fields if n == name]
                        self.assertEqual([v for n, v in fields if n == name], wanted, fields)
            status, fields, body = self.sound(connection, reader)
            self.assertEqual((status, body), (200, b"sound"))

    def test_every_answer(self):
        check_cases(self, response_cases.ALL, 50)
        for number, case in enumerate(response_cases.ALL):
            with self.subTest(case.name[:200], source=case.source):
                self.check(number, case)
        print(f"\n{len(response_cases.ALL)} answers", flush=True)


if __name__ == "__main__":
    unittest.main()
