#!/usr/bin/env python3
"""A gateway on several loops beside one on a single loop: scripts/bench gateway [--loops N] [--connections N] [--rounds N] [--seconds S] [--json FILE]

Each is `spawner gateway` as a process of its own, against the API server of a `spawner dev`; the one session is an application without a
sidecar, so that what is measured is the gateway's. In a round both take turns, in random order; a new process for each turn. CPU time is the
gateway's own, by the kernel. With fewer cores than loops plus two, gateway, application and load share all of them. All of it runs in a network
namespace of its own (on_proxy/network.py)."""

import argparse
import json
import os
import pathlib
import random
import shlex
import subprocess
import sys
import tempfile
import time

from on_proxy import ROOT, network
from on_proxy.load import costs, median, wrk
from on_proxy.servers import Application, Server, free_port

sys.path.insert(0, str(ROOT / "test" / "e2e"))
from harness import SPAWNER, Dev, Kube, request, wait_for  # noqa: E402

SLABS = "/apis/spawner.dev/v1/namespaces/spawner/sessionlivedbackends"
SERVE_PORT = 9090  # of a sidecar: names::servePort
LIMIT = 1.1
ROWS = [
    ("CPU a request, µs", "cpu", LIMIT),
    ("requests a second", "rate", None),
    ("latency p50, µs", "p50", None),
    ("latency p99, µs", "p99", None),
    ("CPU a megabyte, 8 connections, µs", "cpu_1m", None),
    ("private memory at the start, KiB", "private", None),
    ("part of the busiest loop in the serving CPU time", "busiest", None),
]


def say(text):
    print(f"[{time.strftime('%H:%M:%S')}] {text}", file=sys.stderr, flush=True)


def make_session(dev, ip):
    """An object that is Ready at the address, as a sweeper would have said."""
    kube = Kube(dev.kubeconfig)
    template = {"containers": [{"name": "app", "image": "bench"}]}
    slab = {"apiVersion": "spawner.dev/v1", "kind": "SessionLivedBackend", "metadata": {"name": "spawner-bench"}, "spec": {"template": template}}
    for method, path, body, kind in (("POST", SLABS, slab, "application/json"),
                                     ("PATCH", f"{SLABS}/spawner-bench/status", {"status": {"ready": True, "podIP": ip}}, "application/merge-patch+json")):
        answer = kube.call(method, path, body, kind)
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path}: {answer.status} {answer.body!r}")


def start_gateway(dev, loops, cores):
    port = free_port()
    command = [SPAWNER, "gateway", f"--listen=127.0.0.1:{port}", f"--loops={loops}", f"--kubeconfig={dev.kubeconfig}", "--log-level=error"]
    server = Server(f"gateway on {loops}", command, port, *cores)
    wait_for(f"the session through the {server.name}", lambda: request(port, "GET", "/p/bench/").status == 200)
    return server


def measure(dev, loops, options, gateway_cores, load_cores):
    server = start_gateway(dev, loops, gateway_cores)
    try:
        row = {"private": server.memory()[0]}
        wrk(server.port, "/p/bench/", options.connections, 1, cores=load_cores)  # warms up
        before = server.cpu_by_thread()
        many = costs(server, server.port, "/p/bench/", options.connections, options.seconds, load_cores)
        serving = [after - before.get(name, 0) for name, after in server.cpu_by_thread().items() if loops == 1 or name.startswith("gateway-")]
        large = costs(server, server.port, "/p/bench/1m", 8, options.seconds, load_cores)
        return row | {key: many[key] for key in ("cpu", "rate", "p50", "p99")} | {"cpu_1m": large["cpu"], "busiest": max(serving) / sum(serving)}
    finally:
        server.close()


def table(results, loops):
    lines = [f"| | 1 loop | {loops} loops | {loops} loops, 1 loop = 1 | of the rounds | limit | held |", "|---" * 7 + "|"]
    for what, key, limit in ROWS:
        one, many = ([row[key] for row in results[number]] for number in (1, loops))
        ratios = [b / a for a, b in zip(one, many)]
        digits = 2 if key == "busiest" else 1
        ratio = median(many) / median(one)
        held = "" if limit is None else "yes" if ratio <= limit else "**no**"
        lines.append(f"| {what} | {median(one):.{digits}f} | {median(many):.{digits}f} | {ratio:.2f} | {min(ratios):.2f} … {max(ratios):.2f} |"
                     f" {limit or ''} | {held} |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--loops", type=int, default=2, help="to compare with one")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--connections", type=int, default=64, help="of the small requests, over all loops")
    parser.add_argument("--seconds", type=int, default=5, help="of each load")
    parser.add_argument("--json", type=pathlib.Path, help="file for all that was measured")
    options = parser.parse_args()
    if options.loops < 2:
        sys.exit("--loops: one loop is what the others are compared with")
    if subprocess.run(["which", "wrk"], capture_output=True, check=False).returncode:
        sys.exit("needs wrk: scripts/setup bench")
    control = network.enter()
    cores = sorted(os.sched_getaffinity(0))
    apart = len(cores) >= options.loops + 2
    gateway_cores, load_cores = (cores[:options.loops], cores[options.loops:]) if apart else (cores, cores)
    load = os.getloadavg()[0]
    results = {1: [], options.loops: []}
    ip = f"127.{64 + os.getpid() // 65536 % 64}.{os.getpid() // 256 % 256}.{1 + os.getpid() % 254}"
    with Dev(args=("--roles", "none")) as dev, tempfile.TemporaryDirectory(prefix="spawner-bench-") as folder:
        application = Application(folder, ip, SERVE_PORT, cores=load_cores)
        try:
            make_session(dev, ip)
            for number in range(1, options.rounds + 1):
                say(f"round {number} of {options.rounds}")
                for loops in random.sample(list(results), len(results)):
                    results[loops].append(measure(dev, loops, options, gateway_cores, load_cores))
        finally:
            application.close()
    print(f"{time.strftime('%Y-%m-%d %H:%M')} UTC, {len(cores)} cores{', gateway and load apart' if apart else ', gateway and load on the same'},"
          f" load before the run {load:.2f}, TCP {control}. Command: `{shlex.join(['scripts/bench', 'gateway', *sys.argv[1:]])}`\n\n{table(results, options.loops)}")
    if options.json:
        options.json.write_text(json.dumps({"results": results, "options": {**vars(options), "json": str(options.json)}}, indent=1))


if __name__ == "__main__":
    main()
