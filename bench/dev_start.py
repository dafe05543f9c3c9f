#!/usr/bin/env python3
"""How long a session takes to start in `spawner dev`: spawn request sent → Ready seen on the status stream, beside the time that the same
program takes from fork+exec until it listens. Interleaved rounds; medians and 99th percentiles. Usage: scripts/bench dev_start [COUNT]"""

import json
import os
import pathlib
import shlex
import socket
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "test" / "e2e"))
from harness import BUILD, WHITEBOARD, Dev, EventStream, request  # noqa: E402


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def plain_start():
    """fork + exec + listen, seen by connecting until it works."""
    port = free_port()
    began = time.monotonic()
    process = subprocess.Popen([str(WHITEBOARD)], env={**os.environ, "PORT": str(port)}, stdout=subprocess.DEVNULL)
    try:
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return (time.monotonic() - began) * 1000
            time.sleep(0.0002)
    finally:
        process.kill()
        process.wait()


def session_start(dev):
    began = time.monotonic()
    name = dev.spawn("whiteboard")["name"]
    stream = EventStream(dev.port, f"/api/backend/{name}/status/stream")
    opened = (stream.began - began) * 1000
    at = opened + stream.wait_state("Ready", 20)
    stream.close()
    request(dev.port, "DELETE", f"/api/backend/{name}")
    return at


def quantile(values, q):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(q * (len(ordered) - 1)))]


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    ours, plain = [], []
    with Dev([f"whiteboard={shlex.quote(str(WHITEBOARD))}"]) as dev:
        for _ in range(10):
            session_start(dev), plain_start()  # warm
        for _ in range(count):
            ours.append(session_start(dev))
            plain.append(plain_start())
    rows = [("fork + exec + listen", plain), ("spawn → Ready on the stream", ours)]
    print(f"{count} starts each, interleaved; milliseconds\n")
    print(f"{'':30s} {'p50':>8s} {'p90':>8s} {'p99':>8s}")
    for label, values in rows:
        print(f"{label:30s} {quantile(values, .5):8.1f} {quantile(values, .9):8.1f} {quantile(values, .99):8.1f}")
    above = [quantile(ours, q) - quantile(plain, q) for q in (.5, .9, .99)]
    print(f"{'above the plain start':30s} {above[0]:8.1f} {above[1]:8.1f} {above[2]:8.1f}")
    print("\ncommand: scripts/bench dev_start", count)
    out = BUILD.parent / "bench-dev_start.json"
    out.write_text(json.dumps({"session_ms": ours, "plain_ms": plain}))


if __name__ == "__main__":
    main()
