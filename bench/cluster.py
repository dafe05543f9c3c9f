#!/usr/bin/env python3
"""How Spawner does on a real Kubernetes: scripts/bench cluster [--rounds N] [--repeats N] [--burst N…] [--json FILE]

Starts a cluster of its own (scripts/cluster), installs manifests/ on it, measures, and takes it down. In one run, with the kinds taking
turns: one at a time, object → pod created (beside the API server's round trip), object → Ready (beside bare pods with the same two
containers), listening → Ready; bursts (beside the same pods and services by a raw parallel client); the requests of our roles, from the API
server's audit log; where the time of one start goes. Needs root, and nothing else running. Measures; never a test."""

import argparse
import json
import os
import pathlib
import shlex
import signal
import sys
import time

from on_cluster import audit, report, trace
from on_cluster.bursts import Bursts
from on_cluster.installation import Installation, say
from on_cluster.starts import Starts


def busy():
    """How much of the machine others use, in percent, over two seconds; the load of the last minute."""

    def ticks():
        fields = [int(word) for word in pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
        return sum(fields), fields[3] + fields[4]

    all_before, idle_before = ticks()
    time.sleep(2)
    total, idle = ticks()
    return 100 * (1 - (idle - idle_before) / (total - all_before)), os.getloadavg()[0]


def measure(options):
    """What was measured, and what ended it too soon, or None."""
    problem = None
    with Installation() as lab:
        starts = Starts(lab)
        bursts = Bursts(lab, starts)
        try:
            starts.run(options.rounds)
            if options.burst:
                starts.use_mode("native")
                bursts.run(options.burst, options.repeats)
        except (Exception, SystemExit, KeyboardInterrupt) as caught:  # an hour of numbers is not thrown away
            problem = caught
        requests = audit.read(lab.logs / "audit.log")
        runtime = trace.runtime_steps(lab.logs)
    return (starts, bursts, requests, runtime), problem


def sections(options, before, measured):
    starts, bursts, requests, runtime = measured
    numbers = report.Numbers(starts, bursts)
    by_life = audit.by_life(requests)
    prompt = report.of_kind(starts, "prompt", by_life)
    counted = {
        "by the API, listens at once": prompt,
        "by the API, listens after 1 to 1.5 s": report.of_kind(starts, "late", by_life),
        "by hand, native sidecar": report.of_kind(starts, "session-native", by_life),
        "by hand, sidecar as container": report.of_kind(starts, "session-container", by_life),
    }
    ends = [report.p50(report.totals(prompt, phase)) for phase in ("start", "end")]
    rows = report.targets(numbers, *ends)
    names = {name for name, of in by_life.items() if name and any(one.resource.startswith("sessionlivedbackends") for one in of)}
    traced = {mode: trace.lives(starts.lives.get(f"session-{mode}", []), by_life, runtime) for mode in report.MODES}
    beside = {mode: [trace.since_pod(starts.lives.get(f"{who}-{mode}", []), runtime) for who in ("session", "bare")] for mode in report.MODES}
    heads = {mode: f"a start, {mode} sidecar, ms since the object's request came in" for mode in report.MODES}
    heads |= {"late": "an application that starts in 1 to 1.5 s, ms since it listens", "prompt": "one that listens at once, ms since it listens"}
    traced |= {kind: trace.after_listening(starts.lives.get(kind, []), by_life) for kind in ("late", "prompt")}
    text = [
        f"{time.strftime('%Y-%m-%d %H:%M')} UTC, {os.cpu_count()} cores. Before the run the machine was {before[0]:.0f} % busy, load {before[1]:.2f}."
        f" Command: `scripts/bench cluster {shlex.join(sys.argv[1:])}`".rstrip("` ") + "`",
        report.targets_table(rows),
        report.starts_table(numbers),
        report.bursts_table(numbers) if bursts.results else "",
        report.requests_table(counted),
        "Requests of our roles that belong to no one session:\n\n" + report.besides_table(audit.besides(requests, names)),
        *[report.trace_table(heads[kind], traced[kind]) for kind in traced if traced[kind]],
        *[report.beside_table(f"{mode} sidecar, ms since the pod was made, p50", *beside[mode]) for mode in report.MODES],
    ]
    data = {"before": {"busy_percent": before[0], "load": before[1]}, "options": vars(options), "numbers": numbers.as_json(),
            "targets": rows, "trace": traced, "beside": beside,
            "requests": {title: {phase: {" ".join(key): row for key, row in rows.items()} for phase, rows in of.items()}
                         for title, of in counted.items()}}  # fmt: skip
    return "\n\n".join(filter(None, text)), data


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=50, help="one at a time, of each kind")
    parser.add_argument("--repeats", type=int, default=3, help="of each burst")
    parser.add_argument("--burst", type=int, nargs="*", default=[50, 100], help="sizes of the bursts; none: no bursts")
    parser.add_argument("--json", type=pathlib.Path, help="file for all that was measured")
    options = parser.parse_args()
    if options.rounds < 1 or options.repeats < 1 or any(size < 1 for size in options.burst):
        parser.error("--rounds, --repeats and the sizes of --burst must be at least 1")
    if os.getuid() != 0:
        parser.error("needs root, for the cluster (scripts/cluster)")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the cluster is taken down
    before = busy()
    began = time.monotonic()
    measured, problem = measure(options)
    text, data = sections(options, before, measured)
    print(text)
    print(f"\nThe run took {(time.monotonic() - began) / 60:.1f} minutes.")
    if options.json:
        options.json.write_text(json.dumps({**data, "options": {**data["options"], "json": str(options.json)}}, indent=1))
    if problem:
        raise RuntimeError("the run ended too soon; the tables hold what was measured until then") from problem
    say("done")


if __name__ == "__main__":
    main()
