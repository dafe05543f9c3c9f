#!/usr/bin/env python3
"""One whole life of a session without a person: what `scripts/demo --smoke` runs. Exits 0 only if every step held."""

import argparse
import shlex
import sys
import time

from harness import WHITEBOARD, Dev, Kube, WebSocket, request, wait_for

GRACE = 3
SLACK = 4  # P2's two seconds, and a pause of a busy machine


class Steps:
    def __init__(self):
        self.began = self.last = time.monotonic()

    def done(self, what):
        now = time.monotonic()
        print(f"  {round((now - self.last) * 1000):6d} ms  {what}", flush=True)
        self.last = now

    def total(self):
        return time.monotonic() - self.began


def expect(condition, what):
    if not condition:
        raise AssertionError(what)


def drawing(port, path, steps):
    one, two = WebSocket(port, path + "ws"), WebSocket(port, path + "ws")
    one.receive_type("welcome"), two.receive_type("welcome")
    line = {"type": "line", "points": [10, 10, 200, 120], "color": "#1f6feb", "width": 4}
    one.send(line)
    expect(two.receive_type("line")["points"] == line["points"], "the second socket sees the first one's stroke")
    two.send({**line, "points": [5, 5, 50, 50]})
    expect(one.receive_type("line")["points"] == [5, 5, 50, 50], "the first socket sees the second one's stroke")
    steps.done("two WebSockets see each other's strokes")
    return one, two


def keeps_alive(dev, name, path, steps):
    one, two = drawing(dev.port, path, steps)
    end = time.monotonic() + 3 * GRACE
    while time.monotonic() < end:  # both stay open and silent
        time.sleep(0.2)
        state = request(dev.port, "GET", f"/api/backend/{name}/status").json()["state"]
        expect(state == "Ready", f"with two open sockets the session is {state}")
    one.close(), two.close()
    steps.done(f"two silent sockets kept it alive for {3 * GRACE} s (grace {GRACE} s)")
    answer = request(dev.port, "GET", path + "replay?seconds=10", timeout=30)
    expect(answer.status == 200 and b'"type":"line"' in answer.body, f"the download: {answer.status}, {len(answer.body)} bytes")
    expect(request(dev.port, "GET", f"/api/backend/{name}/status").json()["state"] == "Ready", "alive after the download")
    steps.done("a 10 s download with no other traffic kept it alive")


def whole_life(dev, kube, steps):
    spawned = dev.spawn("whiteboard")
    name = spawned["name"]
    path = spawned["url"].split(str(dev.port), 1)[1]
    steps.done(f"spawned {name}: {spawned['url']}")
    stream = dev.stream(name)
    at = stream.wait_state("Ready")
    expect(stream.states() == ["Submitted", "Constructed", "Scheduled", "Running", "Ready"], f"the stream says {stream.states()}")
    steps.done(f"stream: {', '.join(stream.states())} ({at} ms)")
    answer = request(dev.port, "GET", f"/api/backend/{name}/ready")
    expect(answer.status == 302 and answer.headers["location"] == spawned["url"], f"ready: {answer.status} {answer.headers}")
    steps.done("ready: 302 to the session")
    page = request(dev.port, "GET", path)
    expect(page.status == 200 and b"Whiteboard" in page.body, f"the page: {page.status}")
    steps.done("the page")
    keeps_alive(dev, name, path, steps)
    asked = time.time()
    expect(request(dev.port, "GET", path).status == 200, "the page again")
    answered = time.time()  # the idle time has begun between the two
    stream.wait_state("Swept", GRACE + 10)
    swept = stream.time_of("Swept")
    took = swept - answered
    expect(swept - asked >= GRACE and took <= GRACE + SLACK, f"swept {took:.2f} s after the last use, grace {GRACE} s")
    steps.done(f"swept {took:.2f} s after the last use")
    gone(dev, kube, steps)
    expect(request(dev.port, "GET", f"/api/backend/{name}/ready").status == 410, "ready answers 410 after the end")


def gone(dev, kube, steps):
    wait_for("pod, service and object to be gone", lambda: not kube.slabs() and not kube.names("pods") and not kube.names("services"), 10)
    wait_for("its processes to be gone", lambda: not dev.marked(), 10)
    steps.done("process, pod, service and object are gone")


def failures(dev, steps):
    for image, reason, code in (("crash", "Error", 3), ("nowhere", None, None)):
        spawned = dev.spawn(image)
        stream = dev.stream(spawned["name"])
        stream.wait_state("Failed")
        detail = request(dev.port, "GET", f"/api/backend/{spawned['name']}").json()
        end = detail["end"]
        expect(end["message"] and (reason is None or end["reason"] == reason) and end.get("exitCode") == code, f"the end says {end}")
        steps.done(f"{image}: Failed, {end['reason']}: {end['message']}")


def main():
    steps = Steps()
    images = [f"whiteboard={shlex.quote(str(WHITEBOARD))}", "crash=sh -c 'exit 3'"]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--state-dir", help="of spawner dev, also one that a killed run left; else a temporary one")
    with Dev(images, GRACE, state_dir=parser.parse_args().state_dir) as dev:
        steps.done("spawner dev is up")
        whole_life(dev, Kube(dev.kubeconfig), steps)
        failures(dev, steps)
        code = dev.stop()
        expect(code == 0, f"spawner dev ended with {code}")
        expect(not dev.marked(), "no process is left")
        steps.done("ended, nothing is left")
    print(f"smoke: all held, {steps.total():.1f} s")


if __name__ == "__main__":
    try:
        main()
    except AssertionError as problem:
        print(f"smoke: {problem}", file=sys.stderr)
        sys.exit(1)
