"""What the Python peers share: the folder of contents, and the record of what a side saw. Standard library only."""

import hashlib
import json
import os
import pathlib
import sys
import threading
import urllib.parse

LIMIT = 30  # seconds for anything; only a failure waits so long
MAX_MESSAGE = 80 * 1024 * 1024
PRINTING = threading.Lock()


def content(name):
    return pathlib.Path(sys.argv[1], name).read_bytes()


def event(kind, data):
    """How a report names one thing that came."""
    if isinstance(data, str):
        data = data.encode()
    return f"{kind} {len(data)} {hashlib.sha256(data).hexdigest()}"


def say(value):
    with PRINTING:
        print(value if isinstance(value, str) else json.dumps(value), flush=True)


def end_with_standard_input():
    """The test holds the other end: however it ends, this program ends too."""
    def wait():
        sys.stdin.read()
        os._exit(0)

    threading.Thread(target=wait, daemon=True).start()


def asked(target):
    """(run, steps, options) from a request's target."""
    query = urllib.parse.parse_qs(urllib.parse.urlsplit(target).query)
    return query["run"][0], json.loads(query["steps"][0]), json.loads(query.get("options", ["{}"])[0])


class Record:
    """What one side saw of one connection."""

    def __init__(self, run):
        self.run, self.seen, self.end, self.subprotocol, self.extensions = run, [], "", None, ""

    def saw(self, kind, data):
        self.seen.append(event(kind, data))

    def report(self):
        say({"run": self.run, "seen": self.seen, "end": self.end, "subprotocol": self.subprotocol, "extensions": self.extensions})


def fragments(items):
    """(None, content, is last) of each fragment and (kind, content, None) of each control frame, in order."""
    last = max(i for i, item in enumerate(items) if isinstance(item, str))
    for i, item in enumerate(items):
        yield (None, content(item), i == last) if isinstance(item, str) else (item[0], content(item[1]), None)
