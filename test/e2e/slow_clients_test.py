"""Two thousand clients that never finish a head (slow loris): who asks properly does not feel them, and each is sent away in time."""

import pathlib
import subprocess
import sys
import time
import unittest

from harness import wait_for
from load.measured import MeasuredSidecar
from raw_http.exchange import Application, Reader, read_answer, read_head

LORIS = 2000
HEAD_SECONDS = 3
REQUESTS = 1000
TRIES = 3
LIMIT_MS = 5
ASK = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


def serve(connection):
    reader = Reader(connection)
    while True:
        read_head(reader)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")


def p99(times):
    return sorted(times)[len(times) * 99 // 100] * 1000


class SlowClients(unittest.TestCase):
    def setUp(self):
        application = Application(serve)
        self.addCleanup(application.close)
        self.quiet, self.loaded = (MeasuredSidecar(application.port, f"--head-timeout-seconds={HEAD_SECONDS}") for _ in range(2))
        self.addCleanup(self.quiet.close)
        self.addCleanup(self.loaded.close)

    def crew(self):
        script = pathlib.Path(__file__).parent / "load" / "slow_loris.py"
        crew = subprocess.Popen([sys.executable, script, str(self.loaded.port), str(LORIS)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                text=True)
        self.addCleanup(crew.stdout.close)
        self.addCleanup(crew.wait, 10)
        self.addCleanup(crew.stdin.close)
        self.assertEqual(crew.stdout.readline(), "connected\n")
        return crew

    def one(self, connection, reader):
        began = time.monotonic()
        connection.sendall(ASK)
        self.assertEqual(read_answer(reader, "GET")[::2], (200, b"ok"))
        return time.monotonic() - began

    def compare(self):
        """p99 in ms: (unloaded, loaded). The machine may be busy with other things, so requests to a sidecar without and to one with slow
        clients take turns: what else goes on hits both alike, and a stall of the loaded one's loop only itself."""
        with self.quiet.connect() as first, self.loaded.connect() as second:
            ends = [(first, Reader(first)), (second, Reader(second))]
            times = [[self.one(*end) for end in ends] for _ in range(REQUESTS)]
        return tuple(p99(column) for column in zip(*times))

    def test_nobody_feels_two_thousand_slow_clients_and_each_is_sent_away_in_time(self):
        crew = self.crew()
        self.loaded.wait_metric('spawner_http_connections{listener="serve"}', lambda value: value >= LORIS * 0.9)
        cpu, began = self.loaded.cpu_seconds(), time.monotonic()
        tries = []
        # The best of three: a pause of the whole machine may fall on one of the two alone. A sidecar that is slow is so three times.
        while len(tries) < TRIES and not any(loaded - quiet < LIMIT_MS for quiet, loaded in tries):
            tries.append(self.compare())
        share = (self.loaded.cpu_seconds() - cpu) / (time.monotonic() - began)
        told = ", ".join(f"{loaded:.2f} ms beside {quiet:.2f} ms" for quiet, loaded in tries)
        print(f"\n{LORIS} slow clients: p99 {told}; {share * 100:.0f} % of a processor, requests included", flush=True)
        self.assertTrue(any(loaded - quiet < LIMIT_MS for quiet, loaded in tries), told)

        # They come again as soon as they are refused, so many more than they are get their 408.
        self.loaded.wait_metric(self.loaded.refused("HeadTimeout"), lambda value: value > LORIS, 2 * HEAD_SECONDS + 10)
        crew.stdin.close()
        self.assertGreater(int(crew.stdout.readline()), 0)
        crew.wait(10)
        wait_for("their descriptors to be closed", lambda: self.loaded.open_descriptors() < 100, HEAD_SECONDS + 10)
        self.assertEqual(self.loaded.get(), (200, b"ok"))


if __name__ == "__main__":
    unittest.main()
