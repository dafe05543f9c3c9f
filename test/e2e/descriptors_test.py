"""More connections than the sidecar has descriptors for: it refuses in words, does not spin, stays in reach of the sweeper, and recovers. The
same where it is the connection to the application that there is no descriptor for."""

import selectors
import socket
import threading
import time
import unittest

from harness import quickest, request, wait_for
from load.measured import MeasuredSidecar
from raw_http.exchange import LIMIT, Application, Reader, read_answer, read_head

DESCRIPTORS = 128
CLIENTS = 400
ASK = b"GET /%s HTTP/1.1\r\nHost: a\r\n\r\n"
LARGE = bytes(range(256)) * 32 * 1024  # 8 MB
IDLE_SHARE = 0.05  # of a processor
IDLE_SECONDS = 1


class Flood:
    """Connections at once, and what each was told."""

    def __init__(self, port, count):
        self.told = {}  # connection: bytes received
        self.ended = set()
        self.selector = selectors.DefaultSelector()
        for _ in range(count):
            one = socket.create_connection(("127.0.0.1", port), timeout=LIMIT)
            self.told[one] = b""
            self.selector.register(one, selectors.EVENT_READ)

    def listen(self, what, condition, seconds=LIMIT):
        """Reads until the condition holds and nothing more is there."""
        def holds():
            news = self.selector.select(0.05)
            for key, _ in news:
                try:
                    got = key.fileobj.recv(65536)
                except ConnectionError:
                    got = b""
                self.told[key.fileobj] += got
                if not got:
                    self.ended.add(key.fileobj)
                    self.selector.unregister(key.fileobj)
            return not news and condition(self)
        try:
            wait_for(what, holds, seconds, 0)
        except AssertionError as late:
            counts = {way.__name__: len(way()) for way in (self.refused, self.kept, self.answered)}
            raise AssertionError(f"{late}: {counts}, {len(self.ended)} ended, of {len(self.told)}") from None

    def all_told(self):
        """They are accepted in the order in which they came: when the last one was refused, each was kept or refused."""
        return bool(self.told) and list(self.told)[-1] in self.refused()

    def refused(self):
        """Those that were told so, in HTTP."""
        return [one for one, told in self.told.items() if told.startswith(b"HTTP/1.1 503 ")]

    def kept(self):
        """Those still connected and not answered."""
        return [one for one, told in self.told.items() if one not in self.ended and not told]

    def answered(self):
        return [one for one, told in self.told.items() if told.startswith(b"HTTP/1.1 200 ")]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.selector.close()
        for one in self.told:
            one.close()


class Descriptors(unittest.TestCase):
    def setUp(self):
        self.release = threading.Event()  # what is asked for at /wait waits for it
        self.application = Application(self.serve)
        self.addCleanup(self.application.close)
        self.addCleanup(self.release.set)

    def serve(self, connection):
        reader = Reader(connection)
        while True:
            start, _ = read_head(reader)
            if "/wait" in start:
                self.release.wait(LIMIT)
            if "/large" in start:
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(LARGE) + LARGE)
                continue
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    def sidecar(self, *more):
        sidecar = MeasuredSidecar(self.application.port, *more, descriptors=DESCRIPTORS)
        self.addCleanup(sidecar.close)
        return sidecar

    def ask(self, connection, path=b"now"):
        connection.sendall(ASK % path)
        return read_answer(Reader(connection), "GET")

    def check_idle(self, sidecar, when):
        share = quickest(IDLE_SHARE, lambda: sidecar.share_of_a_processor(IDLE_SECONDS))  # what it still had to do is over then, a spin is not
        print(f"\n{self._testMethodName}, {when}: {share * 100:.2f} % of a processor, {sidecar.open_descriptors()} descriptors", flush=True)
        self.assertLess(share, IDLE_SHARE, when)

    def check_recovered(self, sidecar, before):
        wait_for("an answer as before", lambda: sidecar.get("/now") == (200, b"ok"), LIMIT, 0.05)
        wait_for("the descriptors to be closed", lambda: sidecar.open_descriptors() <= before + 5, LIMIT)
        self.check_idle(sidecar, "afterwards")
        self.assertIsNone(sidecar.process.poll())

    def in_reach(self, sidecar):
        """The sweeper's port: a session whose sidecar nobody reaches cannot be ended."""
        self.assertEqual(request(sidecar.admin_port, "GET", "/healthz", timeout=LIMIT).status, 200)

    def test_a_flood_of_silent_connections_leaves_room_for_who_is_in(self):
        sidecar = self.sidecar()
        before = sidecar.open_descriptors()
        with Flood(sidecar.port, CLIENTS) as flood:
            flood.listen("each to be kept or refused", Flood.all_told)
            self.assertEqual(len(flood.refused()) + len(flood.kept()), CLIENTS)
            self.assertGreater(len(flood.kept()), 10)
            self.assertLessEqual(sidecar.open_descriptors(), DESCRIPTORS // 2)
            self.in_reach(sidecar)
            for one in flood.kept():  # who is connected is served
                self.assertEqual(self.ask(one)[::2], (200, b"ok"))
            self.assertEqual(sidecar.get()[0], 503)
            self.check_idle(sidecar, "at the limit")
            sidecar.wait_metric(sidecar.refused("NoDescriptors"), lambda value: value >= CLIENTS - DESCRIPTORS)
        self.check_recovered(sidecar, before)

    def test_with_nothing_to_spare_the_last_descriptor_says_so(self):
        sidecar = self.sidecar("--spare-descriptors=0")
        before = sidecar.open_descriptors()
        with Flood(sidecar.port, CLIENTS) as flood:
            flood.listen("each to be kept or refused", Flood.all_told)
            self.assertEqual(len(flood.refused()) + len(flood.kept()), CLIENTS)
            status, fields, body = self.ask(flood.kept()[0])
            self.assertEqual(status, 503)
            self.assertIn(b'"reason":"NoDescriptors"', body)
            self.assertIn(("retry-after", "1"), fields)
            self.check_idle(sidecar, "at the limit")
        self.check_recovered(sidecar, before)

    def test_a_large_body_needs_no_descriptor_that_is_not_there(self):
        sidecar = self.sidecar("--spare-descriptors=0", "--pool-idle-ms=60000")
        with sidecar.connect() as first:
            self.assertEqual(self.ask(first)[::2], (200, b"ok"))  # its connection to the application is kept
            with Flood(sidecar.port, CLIENTS) as flood:
                flood.listen("each to be kept or refused", Flood.all_told)
                self.assertEqual(sidecar.open_descriptors(), DESCRIPTORS)
                status, _, body = self.ask(first, b"large")
                self.assertEqual((status, body == LARGE), (200, True))

    def test_slow_takers_of_large_answers_leave_room_for_the_sweeper(self):
        sidecar = self.sidecar()
        before = sidecar.open_descriptors()
        with Flood(sidecar.port, CLIENTS) as flood:
            flood.listen("each to be kept or refused", Flood.all_told)
            for one in flood.kept():
                one.sendall(ASK % b"large")  # and reads nothing of it
            left = 128 // 4  # by connections to the application, of the option's default; pipes leave more
            wait_for("the application to be asked", lambda: sidecar.open_descriptors() >= DESCRIPTORS - left - 4, LIMIT)
            self.check_idle(sidecar, "with answers that nobody takes")
            self.assertLessEqual(sidecar.open_descriptors(), DESCRIPTORS - left)
            self.in_reach(sidecar)
        self.check_recovered(sidecar, before)

    def test_requests_beyond_the_descriptors_for_the_application_are_refused_with_a_reason(self):
        sidecar = self.sidecar("--spare-descriptors=16")
        before = sidecar.open_descriptors()
        with Flood(sidecar.port, CLIENTS) as flood:
            flood.listen("each to be kept or refused", Flood.all_told)
            self.assertGreater(len(flood.kept()), 60)
            for one in flood.kept():
                one.sendall(ASK % b"wait")
            flood.listen("each to wait or be refused", lambda f: len(f.kept()) <= 16)
            without = [told for told in flood.told.values() if b'"reason":"NoDescriptors"' in told]
            self.assertGreater(len(without), 50)
            self.assertGreater(len(flood.kept()), 4)
            self.in_reach(sidecar)
            self.check_idle(sidecar, "at the limit")
            sidecar.wait_metric('spawner_proxy_refused_total{reason="NoDescriptors"}', lambda value: value >= len(without))
            waiting = len(flood.kept())
            self.release.set()
            flood.listen("those that waited to be answered", lambda f: len(f.answered()) == waiting)
        self.check_recovered(sidecar, before)

    def test_a_storm_that_comes_again_and_again_is_only_work_while_it_lasts(self):
        sidecar = self.sidecar()
        before = sidecar.open_descriptors()
        with Flood(sidecar.port, DESCRIPTORS) as held:
            held.listen("the limit", lambda f: len(f.refused()) > 10)
            end = time.monotonic() + 1
            tries, refused = 0, 0
            while time.monotonic() < end:
                answer = sidecar.get("/now")
                tries += 1
                refused += answer is not None and answer[0] == 503
            self.assertEqual(refused, tries)
        self.check_recovered(sidecar, before)


if __name__ == "__main__":
    unittest.main()
