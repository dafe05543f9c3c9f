#!/usr/bin/env python3
"""The sidecar's data plane beside nginx, HAProxy and no proxy:
scripts/bench proxy [--rounds N] [--turns N] [--seconds S] [--tunnels N] [--soak MINUTES] [--json FILE]

Each proxy is one process on core 0; the load and the application share core 1. In a round all start anew and take turns, in random order; the table
has the medians of all turns, and between which ratios to nginx the middle half of the turns lies. All of it runs in a network namespace of its own
(on_proxy/network.py). CPU time is the proxy's own, by the kernel, so a busy machine changes it little; it changes rates and latencies."""

import argparse
import json
import os
import pathlib
import random
import shlex
import subprocess
import sys
import time

from on_proxy import network
from on_proxy.load import Tunnels, costs, median, quantile, wrk
from on_proxy.servers import LOAD_CORE, PROXIES, Lab, pinned

PACKAGES = {"wrk": "wrk", "nginx": "nginx-light", "haproxy": "haproxy"}
ALL = ("direct", *PROXIES)
ITSELF = "itself"
# (what, key of the results, limits of spawner: relative to another, or its own)
ROWS = [
    ("CPU a request, 64 connections, µs", "cpu", {"nginx": 0.80}),
    ("requests a second, 64 connections", "rate", {}),
    ("added latency p50, one connection, µs", "added50", {"nginx": 0.95}),
    ("added latency p99, one connection, µs", "added99", {"nginx": 0.90}),
    ("CPU a megabyte, 8 connections, µs", "cpu_1m", {"nginx": 0.30, "HAProxy": 1.0}),
    ("megabytes a second, 8 connections", "rate_1m", {}),
    ("private memory at the start, KiB", "start_private", {ITSELF: 2048}),
    ("resident memory at the start, KiB", "start_rss", {ITSELF: 8192}),
    ("private memory for the idle tunnels, KiB", "tunnels", {ITSELF: 4096}),
    ("echo through one of them p50, µs", "echo50", {}),
    ("echo through one of them p99, µs", "echo99", {}),
]


def say(text):
    print(f"[{time.strftime('%H:%M:%S')}] {text}", file=sys.stderr, flush=True)


def one_round(lab, results, options):
    """All start anew and are up together; then each load goes to one after the other, in random order, so that what else the machine does
    hits them alike."""
    servers = {"direct": None}
    try:
        for name in PROXIES:
            servers[name] = lab.start(name)
        time.sleep(0.3)  # their start is over
        for name in PROXIES:
            private, rss = servers[name].memory()
            results[name]["start_private"].append(private)
            results[name]["start_rss"].append(rss)
        ports = {name: server.port if server else lab.application.port for name, server in servers.items()}
        for port in ports.values():
            wrk(port, "/", 64, 1)  # warms up
        for _ in range(options.turns):
            one_turn(servers, ports, results, options.seconds)
        for name in random.sample(list(PROXIES), len(PROXIES)):
            measure_tunnels(servers[name], results[name], options.tunnels)
    finally:
        for server in servers.values():
            if server:
                server.close()


def one_turn(servers, ports, results, seconds):
    latency = {}
    for path, connections in (("/", 64), ("/", 1), ("/1m", 8)):
        for name in random.sample(ALL, len(ALL)):
            cost, row = costs(servers[name], ports[name], path, connections, seconds), results[name]
            if connections == 1:
                latency[name] = cost
                continue
            suffix = "" if path == "/" else "_1m"
            row["rate" + suffix].append(cost["rate"])
            if servers[name]:
                row["cpu" + suffix].append(cost["cpu"])
    for name in PROXIES:
        for q in ("50", "99"):
            results[name][f"added{q}"].append(latency[name][f"p{q}"] - latency["direct"][f"p{q}"])


def measure_tunnels(server, row, count):
    before = server.memory()[0]
    tunnels = Tunnels(server.port, count)
    try:
        time.sleep(1)
        row["tunnels"].append(server.memory()[0] - before)
        times = tunnels.echo(2)
        row["echo50"].append(quantile(times, 0.5))
        row["echo99"].append(quantile(times, 0.99))
    finally:
        tunnels.close()


def soak(lab, minutes):
    """Connections come and go; private memory at the beginning and at the end."""
    server = lab.start("spawner")
    try:
        samples, end = [], time.monotonic() + minutes * 60
        while time.monotonic() < end:
            result = wrk(server.port, "/", 64, 10, "Connection: close")
            samples.append({"private": server.memory()[0], "requests": result["requests"], "errors": result["errors"]})
        return samples
    finally:
        server.close()


def table(results):
    lines = ["| | " + " | ".join(ALL) + " | spawner, nginx = 1 | of the turns | limit | held |", "|---" * (len(ALL) + 5) + "|"]
    for what, key, limits in ROWS:
        cells = [f"{median(results[name][key]):.1f}" if results[name][key] else "" for name in ALL]
        ours = median(results["spawner"][key])
        ratios = {other: ours / median(results[other][key]) for other in ("nginx", "HAProxy")} | {ITSELF: ours}
        wanted = ", ".join(str(limit) if other == ITSELF else f"{limit} × {other}" for other, limit in limits.items())
        held = "yes" if all(ratios[other] <= limit for other, limit in limits.items()) else "**no**"
        turns = [one / other for one, other in zip(results["spawner"][key], results["nginx"][key])]
        spread = f"{quantile(turns, 0.25):.2f} … {quantile(turns, 0.75):.2f}"
        lines.append(f"| {what} | {' | '.join(cells)} | {ratios['nginx']:.3f} | {spread} | {wanted} | {held if limits else ''} |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--turns", type=int, default=3, help="of each load in a round")
    parser.add_argument("--seconds", type=int, default=2, help="of each load in a turn")
    parser.add_argument("--tunnels", type=int, default=9900, help="idle WebSockets")
    parser.add_argument("--soak", type=float, default=0, metavar="MINUTES", help="connections that come and go, at the end")
    parser.add_argument("--json", type=pathlib.Path, help="file for all that was measured")
    options = parser.parse_args()
    missing = [package for program, package in PACKAGES.items() if subprocess.run(["which", program], capture_output=True, check=False).returncode]
    if missing:
        sys.exit(f"needs {', '.join(missing)}: scripts/setup bench")
    if os.cpu_count() < 2:
        sys.exit("needs two cores: one for the proxy, one for the load")
    control = network.enter()
    pinned(LOAD_CORE)()  # this process holds the tunnels
    load = os.getloadavg()[0]
    results = {name: {key: [] for _, key, _ in ROWS} for name in ALL}
    with Lab() as lab:
        for number in range(1, options.rounds + 1):
            say(f"round {number} of {options.rounds}")
            one_round(lab, results, options)
        samples = soak(lab, options.soak) if options.soak else []
    print(f"{time.strftime('%Y-%m-%d %H:%M')} UTC, {os.cpu_count()} cores, load before the run {load:.2f}, TCP {control}."
          f" Command: `{shlex.join(['scripts/bench', 'proxy', *sys.argv[1:]])}`\n\n{table(results)}")
    if samples:
        print(f"\nSoak: {sum(s['requests'] for s in samples)} connections in {options.soak:g} minutes, private memory {samples[0]['private']} KiB after"
              f" ten seconds, {samples[-1]['private']} KiB at the end, errors {sum(s['errors'] for s in samples)}.")
    if options.json:
        options.json.write_text(json.dumps({"results": results, "soak": samples, "options": {**vars(options), "json": None}}, indent=1))


if __name__ == "__main__":
    main()
