"""What the end-to-end tests share: a running `spawner dev`, HTTP, Server-Sent Events, WebSockets, and waiting with a deadline.

Standard library only. Every wait has a deadline and says what it waited for.
"""

import base64
import datetime
import http.client
import json
import os
import pathlib
import secrets
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("SPAWNER_BUILD", ROOT / "build" / "release"))
SPAWNER = BUILD / "spawner"
WHITEBOARD = BUILD / "examples" / "whiteboard" / "whiteboard"


def wait_for(what, condition, seconds=10.0, interval=0.01):
    """The first true value of condition(); AssertionError naming `what` after `seconds`."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {seconds} s for {what}")
        time.sleep(interval)


def quickest(limit, attempt, tries=3):
    """The smallest of what attempt() gives as seconds; the first below `limit` is enough. A pause of a busy machine falls on one of them; what
    is slow is so each time."""
    seconds = []
    while len(seconds) < tries and (not seconds or min(seconds) >= limit):
        seconds.append(attempt())
    return min(seconds)


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)


def request(port, method, path, body=None, headers=None, timeout=15, host="127.0.0.1"):
    connection = http.client.HTTPConnection(host, port, timeout=timeout)
    try:
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
            headers = {"content-type": "application/json", **(headers or {})}
        connection.request(method, path, body=body, headers=headers or {})
        answer = connection.getresponse()
        return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
    finally:
        connection.close()


def seconds(text):
    """A time of the API (RFC 3339) in seconds since 1970."""
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


class EventStream:
    """A Server-Sent Event stream, read by a thread: (milliseconds since open, data as JSON, id) tuples in `events`."""

    def __init__(self, port, path, headers=None):
        self.began = time.monotonic()
        self.events, self.ended, self._new = [], False, threading.Condition()
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        self._connection.request("GET", path, headers={"accept": "text/event-stream", **(headers or {})})
        self._answer = self._connection.getresponse()
        self.status = self._answer.status
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        data, event_id = [], None
        try:
            for raw in self._answer:
                line = raw.decode().rstrip("\r\n")
                if line.startswith("data:"):
                    data.append(line[5:].strip())
                elif line.startswith("id:"):
                    event_id = line[3:].strip()
                elif not line and data:
                    with self._new:
                        self.events.append((round((time.monotonic() - self.began) * 1000, 1), json.loads("\n".join(data)), event_id))
                        self._new.notify_all()
                    data = []
        except (OSError, http.client.HTTPException, ValueError, AttributeError):
            pass  # closed by us (http.client may then stumble over its own fields) or broken off: `ended` says that nothing will come
        self._connection.close()
        with self._new:
            self.ended = True
            self._new.notify_all()

    def states(self):
        return [data["state"] for _, data, _ in self.events]

    def wait_state(self, state, seconds=10.0):
        with self._new:
            ok = self._new.wait_for(lambda: state in self.states() or self.ended, seconds)
            if not ok or state not in self.states():
                raise AssertionError(f"waited {seconds} s for state {state}; the stream said {self.states()}, ended: {self.ended}")
            return next(at for at, data, _ in self.events if data["state"] == state)

    def time_of(self, state):
        """When it came, by the clock of the role that saw it: seconds since 1970."""
        with self._new:
            return next(seconds(data["time"]) for _, data, _ in self.events if data["state"] == state)

    def close(self):
        try:
            self._answer.fp.raw._sock.shutdown(socket.SHUT_RDWR)
        except (OSError, AttributeError):
            pass
        self._connection.close()


class WebSocket:
    """A client of RFC 6455, text messages only."""

    def __init__(self, port, path, headers=None, timeout=15, connection="Upgrade", host="127.0.0.1"):
        self.socket = socket.create_connection((host, port), timeout=timeout)
        key = base64.b64encode(secrets.token_bytes(16)).decode()
        fields = {"host": f"{host}:{port}", **(headers or {})}  # a "host" in headers wins, as in request()
        lines = [f"GET {path} HTTP/1.1", "Upgrade: websocket", f"Connection: {connection}",
                 f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13"]
        lines += [f"{k}: {v}" for k, v in fields.items()]
        self.socket.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        self._buffer = b""
        while b"\r\n\r\n" not in self._buffer:
            got = self.socket.recv(4096)
            if not got:
                raise AssertionError(f"WebSocket {path}: closed during the handshake after {self._buffer!r}")
            self._buffer += got
        head, self._buffer = self._buffer.split(b"\r\n\r\n", 1)
        self.status = int(head.split()[1])
        if self.status != 101:
            raise AssertionError(f"WebSocket {path}: answered {head.decode(errors='replace')}")

    def send(self, value):
        payload = (value if isinstance(value, str) else json.dumps(value)).encode()
        self._frame(1, payload)

    def _frame(self, opcode, payload):
        mask = secrets.token_bytes(4)
        length = len(payload)
        head = bytes([0x80 | opcode])
        if length < 126:
            head += bytes([0x80 | length])
        elif length < 65536:
            head += bytes([0x80 | 126]) + struct.pack("!H", length)
        else:
            head += bytes([0x80 | 127]) + struct.pack("!Q", length)
        self.socket.sendall(head + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(payload)))

    def _take(self, count):
        while len(self._buffer) < count:
            got = self.socket.recv(65536)
            if not got:
                raise ConnectionError("the WebSocket was closed")
            self._buffer += got
        taken, self._buffer = self._buffer[:count], self._buffer[count:]
        return taken

    def receive(self):
        """The next text message; ConnectionError after a close frame or the end."""
        message = b""
        while True:
            first, second = self._take(2)
            length = second & 0x7F
            if length == 126:
                length = struct.unpack("!H", self._take(2))[0]
            elif length == 127:
                length = struct.unpack("!Q", self._take(8))[0]
            payload = self._take(length)
            opcode = first & 0x0F
            if opcode == 8:
                self.close_code = struct.unpack("!H", payload[:2])[0] if len(payload) >= 2 else None
                raise ConnectionError(f"the WebSocket was closed with {self.close_code}")
            if opcode == 9:
                self._frame(10, payload)
            elif opcode in (0, 1, 2):
                message += payload
                if first & 0x80:
                    return message.decode()

    def receive_type(self, wanted, seconds=15.0):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.socket.settimeout(max(0.05, end - time.monotonic()))
            message = json.loads(self.receive())
            if message["type"] == wanted:
                return message
        raise AssertionError(f"waited {seconds} s for a message of type {wanted}")

    def close(self):
        try:
            self._frame(8, struct.pack("!H", 1000))
        except OSError:
            pass
        self.socket.close()


class Dev:
    """A running `spawner dev` with a free port and a state folder of its own; ends all with the block."""

    def __init__(self, images=(), grace=300, args=(), state_dir=None, environment=None):
        self.state_dir = pathlib.Path(state_dir or tempfile.mkdtemp(prefix="spawner-e2e-"))
        self._own_dir = state_dir is None
        command = [str(SPAWNER), "dev", "--listen", "127.0.0.1:0", "--state-dir", str(self.state_dir),
                   "--default-grace-seconds", str(grace)]
        for image in images:
            command += ["--image", image]
        command += list(args)
        self.output = []
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment)
        self._lines = threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()
        self.kubeconfig = str(self.state_dir / "kubeconfig")
        marker = "Kubernetes" if "none" in args else "spawn  "
        line = self.wait_line(marker, 20)
        self.port = None
        if marker != "Kubernetes":
            self.port = int(line.split("http://127.0.0.1:")[1].split("/")[0])

    def _read(self):
        for line in self.process.stdout:
            with self._lines:
                self.output.append(line.rstrip("\n"))
                self._lines.notify_all()

    def wait_line(self, text, seconds=10.0):
        def find():
            return next((line for line in self.output if text in line), None)
        with self._lines:
            self._lines.wait_for(lambda: find() or self.process.poll() is not None, seconds)
        line = find()
        if line is None:
            raise AssertionError(f"waited {seconds} s for a line with {text!r} from spawner dev; it said: {self.output}")
        return line

    def spawn(self, image, **fields):
        answer = request(self.port, "POST", "/api/spawn", {"image": image, **fields})
        if answer.status != 200:
            raise AssertionError(f"spawn of {image}: {answer.status} {answer.body!r}")
        return answer.json()

    def stream(self, name):
        return EventStream(self.port, f"/api/backend/{name}/status/stream")

    def ready(self, image, **fields):
        """Spawns and waits for Ready; the spawn's answer."""
        spawned = self.spawn(image, **fields)
        stream = self.stream(spawned["name"])
        stream.wait_state("Ready", 20)
        stream.close()
        return spawned

    def pod_dirs(self):
        pods = self.state_dir / "pods"
        return sorted(p.name for p in pods.iterdir()) if pods.exists() else []

    def marked(self):
        """Pids of processes that this run's containers started and that still live."""
        instance = (self.state_dir / "instance").read_text().strip()
        return marked_processes(instance)

    def stop(self, number=signal.SIGINT, seconds=15):
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError(f"spawner dev did not end within {seconds} s of signal {number}; it said: {self.output[-20:]}") from None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self.stop()
        finally:
            if self._own_dir:
                shutil.rmtree(self.state_dir, ignore_errors=True)


def environment_of(pid):
    """What /proc says; looked at again while an exec has yet to lay it out, for then it reads as empty or ends too soon."""
    folder = pathlib.Path("/proc", pid)
    for _ in range(100):
        try:
            environment = (folder / "environ").read_bytes()
            os.readlink(folder / "exe")  # refused for zombies and kernel threads
            start, end = (int(field) for field in (folder / "stat").read_text().rsplit(")", 1)[1].split()[47:49])
        except OSError:
            return b""
        if end and len(environment) >= end - start:
            return environment
        time.sleep(0.01)
    raise AssertionError(f"process {pid} is in the midst of an exec for ever")


def marked_processes(instance):
    needle = f"SPAWNER_DEV_CONTAINER={instance}/".encode()
    return [int(entry) for entry in os.listdir("/proc") if entry.isdigit() and needle in environment_of(entry)]


class Kube:
    """The embedded API server by its kubeconfig, over plain HTTP."""

    def __init__(self, kubeconfig):
        text = pathlib.Path(kubeconfig).read_text()
        self.port = int(text.split("@127.0.0.1:")[1].split()[0])
        self.token = text.split("token: ")[1].split()[0]

    def call(self, method, path, body=None, content_type="application/json"):
        headers = {"authorization": f"Bearer {self.token}"}
        if body is not None:
            headers["content-type"] = content_type
            body = json.dumps(body)
        return request(self.port, method, path, body, headers)

    def names(self, plural, group="api/v1"):
        return [item["metadata"]["name"] for item in self.call("GET", f"/{group}/namespaces/spawner/{plural}").json()["items"]]

    def slabs(self):
        return self.names("sessionlivedbackends", "apis/spawner.dev/v1")
