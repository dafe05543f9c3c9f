#!/usr/bin/env python3
"""Micro benchmarks of the head parser, the framing and the reactor: scripts/bench micro [arguments of Google Benchmark]

CPU time of one operation, by the median of five repetitions. For a change of these parts: before and after, on the same machine."""

import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]


def main():
    subprocess.run([ROOT / "scripts/setup", "bench"], check=True)
    # A build folder that was made before Google Benchmark was installed does not know of it.
    built = subprocess.run([ROOT / "scripts/build", "release", "bench_micro"], capture_output=True, text=True, check=False)
    if built.returncode:
        sys.exit(built.stdout + built.stderr)
    program = ROOT / "build/release/bench/bench_micro"
    os.execv(program, [program, "--benchmark_repetitions=5", "--benchmark_report_aggregates_only=true", *sys.argv[1:]])


if __name__ == "__main__":
    main()
