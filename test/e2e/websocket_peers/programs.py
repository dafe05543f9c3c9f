"""Client and server programs as processes, and the folder of contents that they share."""

import contextlib
import json
import os
import pathlib
import subprocess
import tempfile
import threading
import urllib.parse

from websocket_peers.peer import LIMIT

FOLDER = pathlib.Path(__file__).parent
# The Python that Debian's packages are installed for; another one may come first in PATH.
PYTHON = "/usr/bin/python3"
LIBRARIES = ("websockets", "websocket", "tornado")
# Large messages come from memory that malloc keeps, instead of new pages each time: half of these programs' CPU time.
KEEP_MEMORY = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(1 << 31)}
CHARACTERS = "aé€😀"  # of one to four bytes in UTF-8
LARGE_CHARACTERS = "aé"  # Python holds a text with a wider one in two or four times the memory


def text_of(size):
    """`size` bytes of UTF-8, with characters of every length."""
    text = bytearray(os.urandom(size).translate(bytes(32 + i % 95 for i in range(256))))
    marks = (CHARACTERS if size <= 1 << 20 else LARGE_CHARACTERS).encode()
    for at in range(0, size - len(marks), max(4096, size // 64)):
        text[at:at + len(marks)] = marks
    return bytes(text)


def write_contents(folder):
    """A file for each NAME of the cases. Large ones are random: no two parts are alike."""
    sizes = (0, 1, 125, 126, 65535, 65536, 1 << 20, 64 << 20)
    for size in sizes:
        (folder / f"text-{size}").write_bytes(text_of(size))
        (folder / f"binary-{size}").write_bytes(os.urandom(size))
    (folder / f"zeros-{1 << 20}").write_bytes(b"0" * (1 << 20))
    for i, half in enumerate((b"\xc3", b"\xa9"), 1):  # é
        (folder / f"half-character-{i}").write_bytes(half)


class Program:
    """A process that prints one JSON object a line, each with its `run`."""

    def __init__(self, name, command, folder):
        self.name, self.reports, self.port = name, {}, None
        self.errors = folder / f"{name}.log"
        self.moved = threading.Condition()
        with self.errors.open("w") as errors:
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True,
                                            env={**os.environ, **KEEP_MEMORY})
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            with self.moved:
                if line.startswith("port "):
                    self.port = int(line.split()[1])
                else:
                    report = json.loads(line)
                    self.reports[report.pop("run")] = report
                self.moved.notify_all()
        with self.moved:
            self.moved.notify_all()

    def wait_port(self):
        with self.moved:
            self.moved.wait_for(lambda: self.port or not self.reader.is_alive(), LIMIT)
        if not self.port:
            raise AssertionError(f"{self.name} does not listen; it said: {self.said()}")
        return self.port

    def report(self, run, seconds):
        with self.moved:
            if not self.moved.wait_for(lambda: run in self.reports or not self.reader.is_alive(), seconds) or run not in self.reports:
                return {"end": f"{self.name} reported nothing in {seconds} s; it said: {self.said()}"}
            return self.reports.pop(run)

    def tell(self, command):
        try:
            self.process.stdin.write(json.dumps(command) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # it has ended: report() says what it said

    def said(self):
        return self.errors.read_text(errors="replace")[-2000:]

    def close(self):
        self.process.kill()
        self.process.wait(LIMIT)
        self.reader.join(LIMIT)
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.stdout.close()


def url(port, run, steps, options):
    query = urllib.parse.urlencode({"run": run, "steps": json.dumps(steps), "options": json.dumps(options)})
    return f"ws://127.0.0.1:{port}/case?{query}"


def check_installed():
    done = subprocess.run([PYTHON, "-c", f"import {', '.join(LIBRARIES)}"], capture_output=True, text=True, check=False, timeout=LIMIT)
    if done.returncode != 0:
        raise AssertionError(f"{PYTHON} lacks a WebSocket library, which scripts/setup test installs: {done.stderr}")
    if not (FOLDER / "node_modules" / "ws").exists():
        install = ["npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts"]
        done = subprocess.run(install, cwd=FOLDER, check=False, capture_output=True, text=True, timeout=300)
        if done.returncode != 0:
            raise AssertionError(f"npm install in {FOLDER} ended with {done.returncode}: {done.stderr[-2000:]}")
