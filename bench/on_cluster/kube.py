"""A small client of the Kubernetes API: connections that stay open, and watches that remember when they saw what. Standard library only;
every call and every wait has a limit."""

import http.client
import json
import ssl
import threading
import time
import urllib.parse

CALL_SECONDS = 30
WATCH_SECONDS = 4 * 3600  # longer than any run
MOST_RESUMES = 100  # of one watch: the API server ends one whose reader falls behind, as in a burst


class Refused(Exception):
    def __init__(self, method, path, status, body):
        super().__init__(f"{method} {path}: status {status}: {body[:400].decode(errors='replace')}")
        self.status = status


class Access:
    """Where the API server is, and who we are."""

    def __init__(self, host, port, token, ca_file):
        self.host, self.port, self.token = host, port, token
        self.context = ssl.create_default_context(cafile=ca_file)


class Api:
    """One connection that stays open. For one thread."""

    def __init__(self, access):
        self._access = access
        self._connection = http.client.HTTPSConnection(access.host, access.port, context=access.context, timeout=CALL_SECONDS)
        self._connection.connect()

    def close(self):
        self._connection.close()

    def call(self, method, path, body=None, kind="application/json"):
        """The answer as JSON, or, where it is none, as text."""
        data = json.dumps(body) if body is not None else None
        headers = {"authorization": "Bearer " + self._access.token, "content-type": kind}
        self._connection.request(method, path, data, headers)
        answer = self._connection.getresponse()
        text = answer.read()
        if answer.status >= 300:
            raise Refused(method, path, answer.status, text)
        if "json" not in answer.getheader("content-type", ""):
            return text.decode(errors="replace")
        return json.loads(text)


class Watch:
    """Follows one collection from now on. For each object, by name, the time (time.monotonic()) at which the watch told first of each mark:
    `marks` are predicates of an object by name; "made" and "gone" are always there."""

    def __init__(self, access, path, marks):
        self._marks = {"made": lambda _: True, **marks}
        self._path = path
        self._seen = {}
        self._news = threading.Condition()
        self._ended = None
        self._access = access
        api = Api(access)
        self._version = api.call("GET", path + "?limit=1")["metadata"]["resourceVersion"]
        api.close()
        answer = self._open()
        threading.Thread(target=self._read, args=(answer,), daemon=True).start()

    def _open(self):
        """Everything after the newest that was seen."""
        query = urllib.parse.urlencode(
            {"watch": 1, "resourceVersion": self._version, "timeoutSeconds": WATCH_SECONDS, "allowWatchBookmarks": "true"})
        connection = http.client.HTTPSConnection(self._access.host, self._access.port, context=self._access.context, timeout=300)
        connection.request("GET", f"{self._path}?{query}", headers={"authorization": "Bearer " + self._access.token})
        answer = connection.getresponse()
        if answer.status != 200:
            raise Refused("GET", self._path, answer.status, answer.read())
        return answer

    def _read(self, answer):
        try:
            for _ in range(MOST_RESUMES):
                self._read_one(answer)
                answer = self._open()
            self._end(f"the API server ended it {MOST_RESUMES} times")
        except Exception as problem:  # told to whoever waits
            self._end(f"it broke: {problem!r}")

    def _read_one(self, answer):
        rest = b""
        while piece := answer.read1(1 << 20):
            now = time.monotonic()
            *lines, rest = (rest + piece).split(b"\n")
            for line in filter(None, lines):
                self._take(now, json.loads(line))

    def _end(self, why):
        with self._news:
            self._ended = why
            self._news.notify_all()

    def _take(self, now, event):
        if event["type"] == "ERROR":
            raise RuntimeError(f"watch of {self._path}: {event['object']}")
        self._version = event["object"]["metadata"]["resourceVersion"]
        if event["type"] == "BOOKMARK":
            return
        name = event["object"]["metadata"]["name"]
        with self._news:
            seen = self._seen.setdefault(name, {})
            for mark, holds in self._marks.items():
                if mark not in seen and holds(event["object"]):
                    seen[mark] = now
            if event["type"] == "DELETED":
                seen["gone"] = now
            self._news.notify_all()

    def wait(self, names, mark, seconds=60.0):
        """When each of the names got the mark. Raises when one does not in time, or gets the mark "failed" before "ready"."""
        names = list(names)
        left = set(names)

        def over():
            for name in list(left):
                seen = self._seen.get(name, {})
                if mark in seen:
                    left.discard(name)
                elif mark == "ready" and "failed" in seen:
                    return True
            return not left or self._ended

        with self._news:
            self._news.wait_for(over, seconds)
            if left:
                some = {name: sorted(self._seen.get(name, {})) for name in sorted(left)[:3]}
                why = f"; the watch is over: {self._ended}" if self._ended else ""
                raise TimeoutError(
                    f"no '{mark}' within {seconds} s for {len(left)} of {len(names)} objects of {self._path}, for instance {some}{why}")
            return {name: self._seen[name][mark] for name in names}
