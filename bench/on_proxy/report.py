"""What is said of what was measured: the table, what stands under it, and whether the limits are held."""

from .load import median, quantile
from .servers import FOR_LARGE, PROXIES

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
    ("private memory for {tunnels:,} idle tunnels, KiB", "tunnels", {ITSELF: 4096}),
    ("echo through one of them p50, µs", "echo50", {}),
    ("echo through one of them p99, µs", "echo99", {}),
    ("private memory for {connections:,} idle keep-alive connections, KiB", "connections", {}),
]
SOAK_SAMPLE_SECONDS = 10
SOAK_GROWTH_KIB = 256


def broken(results):
    """[key of a row whose limit is not held]"""
    def most(key, other, limit):
        return limit if other == ITSELF else limit * median(results[other][key])
    return [key for _, key, limits in ROWS
            if any(median(results["spawner"][key]) > most(key, other, limit) for other, limit in limits.items())]


def ratio(one, other):
    return one / other if other else float("nan")  # an added latency may be nothing


def middle_half(ours, others):
    """Between which of its quarters the ratio lies, turn by turn."""
    turns = [ratio(one, other) for one, other in zip(ours, others)]
    return f"{quantile(turns, 0.25):.2f} … {quantile(turns, 0.75):.2f}"


def table(results, counts):
    lines = ["| | " + " | ".join(ALL) + " | spawner, nginx = 1 | of the turns | limit | held |", "|---" * (len(ALL) + 5) + "|"]
    bad = broken(results)
    for what, key, limits in ROWS:
        cells = [f"{median(results[name][key]):.1f}" if results[name][key] else "" for name in ALL]
        ours, nginx = (results[name][key] for name in ("spawner", "nginx"))
        wanted = ", ".join(str(limit) if other == ITSELF else f"{limit} × {other}" for other, limit in limits.items())
        held = "" if not limits else "**no**" if key in bad else "yes"
        lines.append(f"| {what.format(**counts)} | {' | '.join(cells)} | {ratio(median(ours), median(nginx)):.3f} | {middle_half(ours, nginx)}"
                     f" | {wanted} | {held} |")
    return "\n".join(lines)


def memory(results, counts):
    """What an idle client costs. `over the start`: in all, less what the process had before its first request."""
    def each(cell):
        return ", ".join(f"{name} {cell(results[name]):,.0f}" for name in PROXIES)
    lines = []
    for key, what in (("tunnels", "tunnel"), ("connections", "keep-alive connection")):
        bytes_each = each(lambda row, key=key: median(row[key]) * 1024 / counts[key])
        grown = each(lambda row, key=key: median(row[f"{key}_over_start"]))
        lines.append(f"- Bytes an idle {what}: {bytes_each}. Private memory with {counts[key]:,} of them over the start, KiB: {grown}.")
    return "\n".join([*lines, "- nginx makes room for 24,000 connections at its start: that is most of its memory there, and not in its growth."])


def large(results):
    """Large bodies alone, beside the others as they would be set for them."""
    ours = results["spawner"]["cpu_1m"]
    lines = ["| large bodies, 8 connections | CPU a megabyte, µs | megabytes a second | CPU of spawner, this = 1 | of the turns |", "|---" * 5 + "|"]
    for name in (*PROXIES, *FOR_LARGE):
        cpu, rate = results[name]["cpu_1m"], results[name]["rate_1m"]
        beside = "" if name == "spawner" else f"{ratio(median(ours), median(cpu)):.3f}"
        lines.append(f"| {name} | {median(cpu):.1f} | {median(rate):.1f} | {beside} | {beside and middle_half(ours, cpu)} |")
    return "\n".join(lines)


def soak_held(samples):
    return all(sample["errors"] == 0 for sample in samples) and samples[-1]["private"] - samples[0]["private"] < SOAK_GROWTH_KIB


def soak(samples, minutes):
    return (f"Soak: {sum(s['requests'] for s in samples):,} connections in {minutes:g} minutes, private memory {samples[0]['private']:,} KiB after"
            f" {SOAK_SAMPLE_SECONDS} seconds, {samples[-1]['private']:,} KiB at the end, errors {sum(s['errors'] for s in samples)}. Limit: no error,"
            f" growth below {SOAK_GROWTH_KIB} KiB; held: {'yes' if soak_held(samples) else '**no**'}.")
