"""Tables of what was measured, as Markdown, and the targets with what was reached."""

import statistics

from . import audit

MODES = ("native", "container")


def quantile(values, q):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(q * (len(ordered) - 1)))]


def p50(values):
    return statistics.median(values)


def p99(values):
    return quantile(values, 0.99)


def table(heads, rows):
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    lines += ["| " + " | ".join(f"{cell:.1f}" if isinstance(cell, float) else str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines)


class Numbers:
    """The measured lists, in milliseconds, by name."""

    def __init__(self, starts, bursts):
        def times(kind, begin, end):
            return [life.ms(begin, end) for life in starts.lives.get(kind, [])]

        self.round_trips = starts.round_trips
        self.pod_created = {mode: times(f"session-{mode}", "object", "pod") for mode in MODES}
        self.ready = {mode: times(f"session-{mode}", "sent", "ready") for mode in MODES}
        self.bare = {mode: times(f"bare-{mode}", "sent", "ready") for mode in MODES}
        self.pair_created = {mode: times(f"pair-{mode}", "sent", "pod") for mode in MODES}
        self.pair = {mode: times(f"pair-{mode}", "sent", "ready") for mode in MODES}
        self.after_pod = {mode: times(f"session-{mode}", "pod ready", "ready") for mode in MODES}
        self.told = {kind: times(kind, "listening", "told") for kind in ("late", "prompt")}
        self.bursts = bursts.results

    def as_json(self):
        lists = {name: value for name, value in vars(self).items() if name != "bursts"}
        return {**lists, "bursts": {f"{who} {size}": result for (who, size), result in self.bursts.items()}}

    def round_trip(self):
        """One write to the API server, by a client that keeps its connection."""
        return p50(self.round_trips["create ConfigMap"])


def starts_table(n):
    rows = [(f"API server: {what}", n.round_trips[what]) for what in sorted(n.round_trips)]
    for mode in MODES:
        rows += [
            (f"{mode}: object → pod created", n.pod_created[mode]),
            (f"{mode}: object → Ready", n.ready[mode]),
            (f"{mode}: bare pod → Ready", n.bare[mode]),
            (f"{mode}: Service and Pod by hand → pod created", n.pair_created[mode]),
            (f"{mode}: Service and Pod by hand → pod Ready", n.pair[mode]),
            (f"{mode}: pod Ready → session Ready", n.after_pod[mode]),
        ]
    rows += [
        ("listening → Ready on the stream, application that starts in 1 to 1.5 s", n.told["late"]),
        ("listening → Ready on the stream, application that listens at once", n.told["prompt"]),
    ]
    return table(("one at a time, ms", "n", "p50", "p99"), [(what, len(values), p50(values), p99(values)) for what, values in rows if values])


def targets(n, requests_start, requests_end):
    """(what, measured, limit, held)"""
    rows = []
    for mode in MODES:
        if n.pod_created[mode] and n.bare[mode] and n.pair[mode] and n.round_trips:
            ratio = p50(n.pod_created[mode]) / p50(n.pair_created[mode])
            rows.append((f"object → pod created, in two round trips: Service and Pod by hand ({mode})", f"{ratio:.2f}", "1.5", ratio <= 1.5))
            single = p50(n.round_trips["create Service"]) + p50(n.round_trips["create Pod"])
            ratio = p50(n.pod_created[mode]) / single
            rows.append((f"… in a creation of a Service alone and one of a Pod alone ({mode})", f"{ratio:.2f}", "1.5", ratio <= 1.5))
            ratio = p50(n.pod_created[mode]) / (2 * n.round_trip())
            rows.append((f"… in two creations of a ConfigMap ({mode})", f"{ratio:.2f}", "1.5", ratio <= 1.5))
            above = p50(n.ready[mode]) - p50(n.bare[mode])
            rows.append((f"object → Ready above the bare pod's, p50 ({mode})", f"{above:+.1f} ms", "+30 ms", above <= 30))
    if n.told["late"]:
        told = p99(n.told["late"])
        rows.append(("listening → Ready on the stream, p99", f"{told:.1f} ms", "20 ms", told <= 20))
    for size in sorted({size for _, size in n.bursts if ("session", size) in n.bursts and ("raw", size) in n.bursts}):
        ratio = p50(n.bursts["session", size]["last Ready"]) / p50(n.bursts["raw", size]["last Ready"])
        rows.append((f"burst of {size}: last Ready, raw client = 1", f"{ratio:.2f}", "1.15", ratio <= 1.15))
    if requests_start:
        rows.append(("requests by our roles to Ready", f"{requests_start:g}", "7", requests_start <= 7))
        rows.append(("requests by our roles for the end", f"{requests_end:g}", "3", requests_end <= 3))
    return rows


def targets_table(rows):
    return table(("target", "measured", "limit", "held"), [(what, measured, limit, "yes" if held else "**no**") for what, measured, limit, held in rows])


def bursts_table(n):
    rows = []
    for who, size in sorted(n.bursts, key=lambda key: (key[1], key[0])):
        result = n.bursts[who, size]
        name = "sessions" if who == "session" else "raw client: Service and Pod"
        rows.append([f"{size} {name}", len(result["last Ready"])] + [p50(result[what]) / 1000 for what in result])
    heads = list(next(iter(n.bursts.values()))) if n.bursts else []
    return table(["at once, s, median", "n", *heads], [[f"{cell:.2f}" if isinstance(cell, float) else cell for cell in row] for row in rows])


def requests_table(kinds):
    """kinds: {title: audit.count()}. The median of each row, and its least and most where they differ."""
    rows = []
    for title, counted in kinds.items():
        for phase in ("start", "end"):
            for (role, verb, resource), numbers in sorted(counted[phase].items()):
                rows.append((title, phase, role, verb, resource, spread(numbers)))
            rows.append((title, phase, "**all**", "", "", spread(totals(counted, phase))))
    return table(("session", "phase", "role", "verb", "resource", "a life"), rows)


def totals(counted, phase):
    return [sum(column) for column in zip(*counted[phase].values())] if counted[phase] else [0]


def spread(numbers):
    middle = p50(numbers)
    return f"{middle:g}" if min(numbers) == max(numbers) else f"{middle:g} ({min(numbers)} to {max(numbers)}, mean {statistics.mean(numbers):.2f})"


def besides_table(counter):
    return table(("role", "verb", "resource", "in the whole run"), [(*key, number) for key, number in sorted(counter.items())])


def medians(steps_of_lives):
    """{step: (p50, p99)} of the steps that most lives have, in the order of their medians."""
    steps = {}
    for life in steps_of_lives:
        for step, at in life.items():
            steps.setdefault(step, []).append(at)
    usual = {step: (p50(values), p99(values)) for step, values in steps.items() if len(values) * 2 > len(steps_of_lives)}
    return dict(sorted(usual.items(), key=lambda item: item[1]))


def trace_table(head, steps_of_lives):
    rows, before = [], 0.0
    for step, (middle, worst) in medians(steps_of_lives).items():
        rows.append((step, middle, middle - before, worst))
        before = middle
    return table((head, "p50", "after the step above", "p99"), rows)


def beside_table(head, sessions, bare):
    other = medians(bare)
    rows = [(step, middle, other[step][0], middle - other[step][0]) for step, (middle, _) in medians(sessions).items() if step in other]
    return table((head, "session", "bare pod", "difference"), rows)


def of_kind(starts, kind, requests_by_name):
    return audit.count(starts.lives.get(kind, []), requests_by_name)
