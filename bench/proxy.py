#!/usr/bin/env python3
"""The sidecar's data plane beside nginx, HAProxy and no proxy:
scripts/bench proxy [--rounds N] [--turns N] [--seconds S] [--tunnels N] [--connections N] [--soak MINUTES] [--json FILE]

Each proxy is one process on core 0; the load and the application share core 1. In a round all start anew and take turns, in random order; the table
has the medians of all turns, and between which ratios to nginx the middle half of the turns lies. All of it runs in a network namespace of its own
(on_proxy/network.py). CPU time is the proxy's own, by the kernel, so a busy machine changes it little; it changes rates and latencies.

Exits with 1 when a limit of the table, or the soak's, is not held: after the report, which says which."""

import argparse
import collections
import json
import os
import pathlib
import random
import shlex
import subprocess
import sys
import time

from on_proxy import machine, network, report
from on_proxy.load import Connections, Tunnels, costs, quantile, wrk
from on_proxy.report import ALL
from on_proxy.servers import FOR_LARGE, LOAD_CORE, PROXIES, Lab, pinned

PACKAGES = {"wrk": "wrk", "nginx": "nginx-light", "haproxy": "haproxy"}
START_SECONDS = 0.3  # after which a proxy's start is over
IDLE_SECONDS = 1  # before memory is read


def say(text):
    print(f"[{time.strftime('%H:%M:%S')}] {text}", file=sys.stderr, flush=True)


def one_round(lab, results, options):
    """All start anew and are up together; then each load goes to one after the other, in random order, so that what else the machine does
    hits them alike."""
    servers = {"direct": None}
    try:
        for name in (*PROXIES, *FOR_LARGE):
            servers[name] = lab.start(name)
        time.sleep(START_SECONDS)
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
        for name in random.sample(list(PROXIES), len(PROXIES)):
            measure_connections(lab, name, results[name], options.connections)
    finally:
        for server in servers.values():
            if server:
                server.close()


def one_turn(servers, ports, results, seconds):
    latency = {}
    for path, connections in (("/", 64), ("/", 1), ("/1m", 8)):
        names = (*ALL, *FOR_LARGE) if path == "/1m" else ALL
        for name in random.sample(names, len(names)):
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
        tunnels.idle(IDLE_SECONDS)
        private = server.memory()[0]
        row["tunnels"].append(private - before)
        row["tunnels_over_start"].append(private - row["start_private"][-1])
        times = tunnels.echo(2)
        row["echo50"].append(quantile(times, 0.5))
        row["echo99"].append(quantile(times, 0.99))
    finally:
        tunnels.close()


def measure_connections(lab, name, row, count):
    """In a process of its own: what another one's heap keeps of its tunnels would hold the connections."""
    server, connections = lab.start(name), None
    try:
        time.sleep(START_SECONDS)
        start = server.memory()[0]
        wrk(server.port, "/", 64, 1)  # warms up, as the tunnels' server was
        before = server.memory()[0]
        connections = Connections(server.port, count)
        connections.idle(IDLE_SECONDS)
        private = server.memory()[0]
        row["connections"].append(private - before)
        row["connections_over_start"].append(private - start)
    finally:
        if connections:
            connections.close()
        server.close()


def soak(lab, minutes):
    """Connections come and go; private memory after each ten seconds."""
    server = lab.start("spawner")
    try:
        samples, end = [], time.monotonic() + minutes * 60
        while len(samples) < 2 or time.monotonic() < end:
            result = wrk(server.port, "/", 64, report.SOAK_SAMPLE_SECONDS, "Connection: close")
            samples.append({"private": server.memory()[0], "requests": result["requests"], "errors": result["errors"]})
        return samples
    finally:
        server.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--turns", type=int, default=3, help="of each load in a round")
    parser.add_argument("--seconds", type=int, default=2, help="of each load in a turn")
    parser.add_argument("--tunnels", type=int, default=9900, help="idle WebSockets")
    parser.add_argument("--connections", type=int, default=9000, help="idle keep-alive connections, each after one request")
    parser.add_argument("--soak", type=float, default=0, metavar="MINUTES", help="connections that come and go, at the end")
    parser.add_argument("--json", type=pathlib.Path, help="file for all that was measured")
    options = parser.parse_args()
    missing = [package for program, package in PACKAGES.items() if subprocess.run(["which", program], capture_output=True, check=False).returncode]
    if missing:
        sys.exit(f"needs {', '.join(missing)}: scripts/setup bench")
    if os.cpu_count() < 2:
        sys.exit("needs two cores: one for the proxy, one for the load")
    control = network.enter()
    about = machine.describe(control, shlex.join(["scripts/bench", "proxy", *sys.argv[1:]]))
    pinned(LOAD_CORE)()  # this process holds the tunnels and connections
    results = {name: collections.defaultdict(list) for name in (*ALL, *FOR_LARGE)}
    with Lab() as lab:
        for number in range(1, options.rounds + 1):
            say(f"round {number} of {options.rounds}")
            one_round(lab, results, options)
        samples = soak(lab, options.soak) if options.soak else []
    held = not report.broken(results) and (not samples or report.soak_held(samples))
    if options.json:
        options.json.write_text(json.dumps({"about": about, "held": held, "results": results, "soak": samples,
                                            "options": {**vars(options), "json": None}}, indent=1))
    counts = {"tunnels": options.tunnels, "connections": options.connections}
    paragraphs = [machine.line(about), report.table(results, counts), report.memory(results, counts), report.large(results)]
    print("\n\n".join(paragraphs + ([report.soak(samples, options.soak)] if samples else [])))
    sys.exit(0 if held else 1)


if __name__ == "__main__":
    main()
