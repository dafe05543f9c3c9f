"""The API server's audit log: who asked for what, when. Counts the requests of our roles in each life."""

import calendar
import collections
import dataclasses
import json
import re
import time

from .installation import SYSTEM

ROLES = ("api", "controller", "sweeper", "gateway")
ACCOUNT = f"system:serviceaccount:{SYSTEM}:spawner-"
END_BEGINS_SECONDS = 0.8  # after Ready: what comes later belongs to the end. Events wait half a second, the grace period is a second


def wall(text):
    """RFC 3339 in UTC, with any number of decimals, as seconds since 1970."""
    match = re.fullmatch(r"(\d+-\d+-\d+T\d+:\d+:\d+)(\.\d+)?Z", text)
    if not match:
        raise ValueError(f"'{text}' is no time in UTC")
    return calendar.timegm(time.strptime(match[1], "%Y-%m-%dT%H:%M:%S")) + float(match[2] or 0)


@dataclasses.dataclass(frozen=True)
class Request:
    user: str
    verb: str
    resource: str  # with the subresource: pods/status
    name: str
    status: int
    received: float  # seconds since 1970
    answered: float

    @property
    def role(self):
        return self.user.removeprefix(ACCOUNT) if self.user.startswith(ACCOUNT) else None


def read(path):
    """The finished requests, in the order in which they were received. Watches count once, when they are opened."""
    requests = []
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            event = json.loads(line)
            watch = event["verb"] == "watch"
            if event["stage"] != ("ResponseStarted" if watch else "ResponseComplete"):
                continue
            target = event.get("objectRef", {})
            resource = target.get("resource", "") + ("/" + target["subresource"] if target.get("subresource") else "")
            requests.append(Request(event["user"]["username"], event["verb"], resource, target.get("name", ""),
                                    event.get("responseStatus", {}).get("code", 0), wall(event["requestReceivedTimestamp"]),
                                    wall(event["stageTimestamp"])))
    return sorted(requests, key=lambda request: request.received)


def by_life(requests):
    """{name of an object: its requests}. An Event belongs to the object that its name begins with."""
    lives = collections.defaultdict(list)
    for request in requests:
        name = request.name.split(".")[0] if request.resource == "events" else request.name
        lives[name].append(request)
    return lives


def count(lives_of_kind, requests_by_name):
    """For each phase ("start", "end"), {(role, verb, resource, status class): [number in each life]}."""
    table = {"start": {}, "end": {}}
    for index, life in enumerate(lives_of_kind):
        for request in requests_by_name.get(life.name, []):
            if request.role is None:
                continue
            phase = "start" if request.received < life.wall("ready") + END_BEGINS_SECONDS else "end"
            verdict = "" if 200 <= request.status < 300 else f" → {request.status}"
            row = table[phase].setdefault((request.role, request.verb, request.resource + verdict), [0] * len(lives_of_kind))
            row[index] += 1
    return table


def besides(requests, names):
    """Requests of our roles that belong to none of the names: watches, leases, keys."""
    rows = collections.Counter()
    for request in requests:
        if request.role in ROLES and request.name.split(".")[0] not in names and request.name not in names:
            rows[(request.role, request.verb, request.resource)] += 1
    return rows
