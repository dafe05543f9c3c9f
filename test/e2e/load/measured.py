"""A sidecar whose processor time, memory and metrics are read from outside."""

import contextlib
import http.client
import pathlib
import re
import resource
import threading
import time

from harness import request, wait_for
from raw_http.exchange import LIMIT, Sidecar


class MeasuredSidecar(Sidecar):
    """`descriptors`: RLIMIT_NOFILE of its process."""

    def __init__(self, upstream_port, *more, descriptors=None, listens=True):
        def limit():
            resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))
        super().__init__(upstream_port, "--metrics-listen=127.0.0.1:0", *more, before=limit if descriptors else None, listens=listens)
        log = self.log.read_text()
        self.metrics_port = int(re.search(r'"metrics and health".*?"port":([0-9]+)', log).group(1))
        self.admin_port = int(re.search(r'"admin_port":([0-9]+)', log).group(1))

    def schedule(self):
        """Seconds of its one thread: (on a processor, waiting for one), in nanoseconds' steps."""
        ran, waited, _ = pathlib.Path(f"/proc/{self.process.pid}/schedstat").read_text().split()
        return int(ran) / 1e9, int(waited) / 1e9

    def cpu_seconds(self):
        return self.schedule()[0]

    def share_of_a_processor(self, seconds):
        """What it takes of one processor while nobody asks anything of it. The time in which it waited for a processor does not count: on a
        busy machine it would hide that it spins."""
        (cpu, waited), began = self.schedule(), time.monotonic()
        time.sleep(seconds)  # the time over which is measured
        (cpu_then, waited_then), ended = self.schedule(), time.monotonic()
        could_run = max(ended - began - (waited_then - waited), 0.001)
        return (cpu_then - cpu) / could_run

    def memory(self):
        """Bytes: (resident, private and written to)."""
        text = pathlib.Path(f"/proc/{self.process.pid}/smaps_rollup").read_text()
        return tuple(int(re.search(rf"^{name}:\s+([0-9]+) kB", text, re.M).group(1)) * 1024 for name in ("Rss", "Private_Dirty"))

    def open_descriptors(self):
        return len(list(pathlib.Path(f"/proc/{self.process.pid}/fd").iterdir()))

    def metrics(self):
        """{'name{labels}': value}."""
        text = request(self.metrics_port, "GET", "/metrics").body.decode()
        return {key: float(value) for key, value in re.findall(r"^(\w+(?:\{[^}]*\})?) (\S+)$", text, re.M)}

    def wait_metric(self, name, condition, seconds=LIMIT):
        seen = {}

        def holds():
            seen["value"] = self.metrics().get(name)
            return seen["value"] is not None and condition(seen["value"])
        try:
            wait_for(name, holds, seconds, 0.1)
        except AssertionError as late:
            raise AssertionError(f"{late}: it is {seen['value']}") from None
        return seen["value"]

    @staticmethod
    def refused(reason, listener="serve"):
        return f'spawner_http_refused_total{{listener="{listener}",reason="{reason}"}}'

    def get(self, path="/", timeout=LIMIT):
        """(status, body), or None where the connection was ended without an answer."""
        try:
            answer = request(self.port, "GET", path, timeout=timeout)
        except (ConnectionError, http.client.HTTPException):
            return None
        return answer.status, answer.body


class MemoryWatch:
    """The greatest memory within a block, beside what it was at its begin."""

    def __init__(self, sidecar):
        self.sidecar, self.first, self.most = sidecar, sidecar.memory(), sidecar.memory()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def _look(self):
        while not self._over.wait(0.02):
            with contextlib.suppress(OSError, AttributeError):  # a sidecar that died fails the test elsewhere
                self.most = tuple(map(max, self.most, self.sidecar.memory()))

    def grown(self):
        """Bytes: (resident, private and written to)."""
        return tuple(most - first for most, first in zip(self.most, self.first))

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()
        self.most = tuple(map(max, self.most, self.sidecar.memory()))
