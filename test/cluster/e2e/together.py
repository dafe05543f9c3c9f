"""Tests that run side by side, for most of their time is waiting: `Together` is a TestCase whose tests all begin with their class."""

import concurrent.futures
import functools
import statistics
import unittest

from world import World


@functools.cache
def the_world():
    """One for a process: three watches, and the door to the gateway."""
    return World()


def _waiter(name, body):
    @functools.wraps(body)
    def wait(self):
        return self._running[name].result(self.longest_seconds)
    return wait


class Together(unittest.TestCase):
    """Each test runs in a thread of its own from the beginning of the class; unittest waits for them in turn. What they share is `world`.
    After the class its sessions are deleted, and nothing may be left of any."""

    longest_seconds = 120

    def __init_subclass__(cls, **more):
        super().__init_subclass__(**more)
        cls._bodies = {name: body for name, body in vars(cls).items() if name.startswith("test_")}
        for name, body in cls._bodies.items():
            setattr(cls, name, _waiter(name, body))

    @classmethod
    def setUpClass(cls):
        cls.world = the_world()
        cls._pool = concurrent.futures.ThreadPoolExecutor(len(cls._bodies) + 1)
        cls._running = {name: cls._pool.submit(cls._run, name) for name in cls._bodies}

    @classmethod
    def _run(cls, name):
        test = cls(name)
        try:
            cls._bodies[name](test)
        finally:
            test.doCleanups()

    @classmethod
    def tearDownClass(cls):
        cls._pool.shutdown()
        world = cls.world
        world.delete_all(45)
        twice = {name: len(uids) for name in list(world.pods.changes)
                 if len(uids := {pod["metadata"]["uid"] for _, _, pod in world.pods.changes[name]}) > 1}
        if twice:
            raise AssertionError(f"sessions with more than one pod: {twice}")
        world.cluster.check_restarts()
        if world.gone_after:
            print(f"\nfrom the end to nothing left: median {statistics.median(world.gone_after):.1f} s, longest {max(world.gone_after):.1f} s, "
                  f"of {len(world.gone_after)}", flush=True)
