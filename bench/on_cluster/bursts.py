"""Many at once: how long until the last of N sessions is Ready, beside N times the same pods and services made by hand, by the same
parallel client."""

import threading
import time

from . import kube, objects
from .installation import WHITEBOARD, say

CLIENTS = 16
READY_SECONDS = 300
GONE_SECONDS = 300


def in_parallel(access, jobs):
    """Runs each job (a list of calls, one after another) on one of CLIENTS connections, which are open before the clock starts.
    Gives the time of the start and the time at which all was answered."""
    jobs = list(jobs)
    todo, lock, failures = iter(jobs), threading.Lock(), []
    start = threading.Barrier(min(CLIENTS, len(jobs)) + 1)

    def work():
        try:
            api = kube.Api(access)
            start.wait(60)
            while True:
                with lock:
                    job = next(todo, None)
                if job is None or failures:
                    return api.close()
                for call in job:
                    api.call(*call)
        except Exception as problem:  # told by the caller
            failures.append(problem)
            start.abort()

    workers = [threading.Thread(target=work, daemon=True) for _ in range(min(CLIENTS, len(jobs)))]
    for worker in workers:
        worker.start()
    try:
        start.wait(60)
    except threading.BrokenBarrierError:
        pass  # a connection could not be made: in failures
    began = time.monotonic()
    for worker in workers:
        worker.join(READY_SECONDS)
    if failures:
        raise failures[0]
    if any(worker.is_alive() for worker in workers):
        raise TimeoutError(f"the calls of a burst took more than {READY_SECONDS} s")
    return began, time.monotonic()


class Bursts:
    """Uses the watches and models of Starts. Results: for each (who, N), lists of times in milliseconds by name."""

    def __init__(self, lab, starts):
        self.lab, self.starts, self.results = lab, starts, {}

    def run(self, sizes, repeats):
        for repeat in range(repeats):
            for size in sizes:
                order = ("session", "raw") if repeat % 2 == 0 else ("raw", "session")
                for who in order:
                    say(f"burst {repeat + 1} of {repeats}: {size} at once, {who}")
                    self._burst(who, size)

    def _burst(self, who, size):
        starts = self.starts
        names = [starts.name(f"burst-{who}") for _ in range(size)]
        watch = starts.slabs if who == "session" else starts.pods
        jobs = [self._make(who, name) for name in names]  # the clock does not see this
        began, posted = in_parallel(self.lab.access, jobs)
        ready = sorted(watch.wait(names, "ready", READY_SECONDS).values())
        made = sorted(starts.pods.wait(names, "made").values())
        result = self.results.setdefault((who, size), {})
        for what, at in (("posted", posted), ("last pod made", made[-1]), ("first Ready", ready[0]), ("half Ready", ready[len(ready) // 2 - 1]),
                         ("last Ready", ready[-1])):
            result.setdefault(what, []).append((at - began) * 1000)
        in_parallel(self.lab.access, [self._remove(who, name) for name in names])
        starts.pods.wait(names, "gone", GONE_SECONDS)
        starts.services.wait(names, "gone", GONE_SECONDS)

    def _make(self, who, name):
        if who == "session":
            return [("POST", objects.SLABS, objects.slab(name, WHITEBOARD, 3600))]
        return [("POST", objects.SERVICES, objects.service(name, self.starts.service_model)),
                ("POST", objects.PODS, objects.bare_pod(name, self.starts.models["native"]))]

    def _remove(self, who, name):
        if who == "session":
            return [("DELETE", f"{objects.SLABS}/{name}")]
        return [("DELETE", f"{objects.SERVICES}/{name}"), ("DELETE", f"{objects.PODS}/{name}")]
