"""JupyterLab, a server that we did not write, as a session-lived backend: page, REST API, kernels over WebSockets, and its end.

It comes from PyPI into a folder of this user's cache, once. Without a network the test is skipped, and says so.
"""

import contextlib
import fcntl
import json
import os
import pathlib
import secrets
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
import unittest
import uuid

from harness import Dev, Kube, WebSocket, request, wait_for

VERSION = "4.6.6"
PINS = [f"jupyterlab=={VERSION}", "ipykernel==7.4.0"]
GRACE = 3
SLACK = 4  # P2's two seconds, and a pause of a busy machine
# What pip says when it cannot reach a package index. Any other failure of it is a failure of this test.
NO_NETWORK = ("(from versions: none)", "connection broken by", "Read timed out", "ConnectionError", "Name or service not known")


def cache_folder():
    return pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "spawner"


@contextlib.contextmanager
def locked(path, seconds=600):
    """The lock file, held: one run at a time, and what it gives the file to (pass_fds) is part of it, should the run itself be killed."""
    def take():
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            return False

    with open(path, "w", encoding="ascii") as file:
        wait_for(f"another run to finish its installation ({path})", take, seconds, 0.2)
        yield file.fileno()


def install(folder, lock):
    try:
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, capture_output=True, text=True, timeout=120,
                       pass_fds=[lock])
    except subprocess.CalledProcessError as failure:
        raise unittest.SkipTest(f"this Python makes no virtual environments (package python3-venv?): {failure.stdout[-500:]}") from None
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--retries", "2", *PINS]
    done = subprocess.run(pip, capture_output=True, text=True, timeout=400, check=False, pass_fds=[lock])
    if done.returncode == 0:
        return
    said = (done.stderr or done.stdout).strip()
    if any(mark in said for mark in NO_NETWORK):
        raise unittest.SkipTest(f"no network for pip, and no JupyterLab in {folder.parent}: {said.splitlines()[-1]}")
    raise AssertionError(f"pip install {' '.join(PINS)} ended with {done.returncode}: {said[-2000:]}")


def jupyter():
    """The path of a `jupyter` with the pinned packages. The marker is written last: without it, or for another Python, all is made anew."""
    folder = cache_folder() / f"jupyter-{VERSION}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    marker, content = folder / "complete", "\n".join([*PINS, sys.executable, sys.version])
    with locked(folder.parent / f"{folder.name}.lock") as lock:
        if not marker.exists() or marker.read_text() != content:
            shutil.rmtree(folder, ignore_errors=True)
            install(folder, lock)
            (folder / "complete.new").write_text(content)
            (folder / "complete.new").rename(marker)
    return folder / "bin" / "jupyter"


def image(program, root):
    """As in docs/guides/jupyterlab.md; --allow-root, because tests run in containers too."""
    flags = ("--no-browser --allow-root --ServerApp.ip=127.0.0.1 --ServerApp.port=$PORT --ServerApp.port_retries=0 "
             "--ServerApp.local_hostnames=$SPAWNER_NAME.localhost")
    line = f"exec {shlex.quote(str(program))} lab {flags} --ServerApp.root_dir={shlex.quote(str(root))}"
    return f"lab=sh -c {shlex.quote(line)}"


class Kernel:
    """A kernel's WebSocket, messages as JSON (https://jupyter-client.readthedocs.io/en/stable/messaging.html)."""

    def __init__(self, port, kernel, headers):
        self._session = uuid.uuid4().hex
        self.socket = WebSocket(port, f"/api/kernels/{kernel}/channels?session_id={self._session}", headers)

    def execute(self, code, seconds=30):
        """The value of the code's last line as text; AssertionError with the traceback if it fails."""
        header = {"msg_id": uuid.uuid4().hex, "msg_type": "execute_request", "session": self._session, "username": "test", "version": "5.3",
                  "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
        content = {"code": code, "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": False,
                   "stop_on_error": True}
        self.socket.send({"channel": "shell", "header": header, "parent_header": {}, "metadata": {}, "content": content, "buffers": []})
        return self._result(header["msg_id"], code, time.monotonic() + seconds)

    def _result(self, request_id, code, end):
        value = None
        while time.monotonic() < end:
            self.socket.socket.settimeout(max(0.05, end - time.monotonic()))
            message = json.loads(self.socket.receive())
            if message["channel"] != "iopub" or message["parent_header"].get("msg_id") != request_id:
                continue
            kind, content = message["msg_type"], message["content"]
            if kind == "execute_result":
                value = content["data"]["text/plain"]
            elif kind == "error":
                raise AssertionError(f"{code!r} failed in the kernel: {content['ename']}: {content['evalue']}")
            elif kind == "status" and content["execution_state"] == "idle":
                return value
        raise AssertionError(f"waited for the kernel to execute {code!r}")


def alive(pid):
    """Whether the process is there and not a zombie."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


class JupyterLab(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        program = jupyter()
        cls.home = tempfile.mkdtemp(prefix="spawner-jupyter-")  # not this user's: its settings are no part of the test
        cls.addClassCleanup(shutil.rmtree, cls.home, ignore_errors=True)
        cls.dev = Dev([image(program, cls.home)], GRACE, environment={**os.environ, "HOME": cls.home})
        cls.addClassCleanup(cls.dev.__exit__)
        cls.kube = Kube(cls.dev.kubeconfig)

    def start(self):
        """A session with a token of its own, Ready; the first request goes by host name, as a browser's does."""
        token = secrets.token_urlsafe(24)
        spawned = self.dev.spawn("lab", env={"JUPYTER_TOKEN": token})
        self.name = spawned["name"]
        self.stream = self.dev.stream(self.name)
        self.addCleanup(self.stream.close)
        try:
            self.stream.wait_state("Ready", 60)
        except AssertionError as failure:
            raise AssertionError(f"{failure}; the application said: {self.log()[-3000:]}") from None
        self.anonymous = {"host": f"{self.name}.localhost:{self.dev.port}"}
        self.headers = {**self.anonymous, "authorization": f"token {token}"}

    def log(self):
        path = f"/api/v1/namespaces/spawner/pods/spawner-{self.name}/log"
        return self.kube.call("GET", path).body.decode(errors="replace")

    def call(self, method, path, body=None, headers=None):
        return request(self.dev.port, method, path, body, headers or self.headers)

    def kernel(self):
        answer = self.call("POST", "/api/kernels", {"name": "python3"})
        self.assertEqual(answer.status, 201, answer.body)
        return Kernel(self.dev.port, answer.json()["id"], self.headers)

    def state(self):
        return request(self.dev.port, "GET", f"/api/backend/{self.name}/status").json()["state"]

    def assert_lives_for(self, seconds, why):
        end = time.monotonic() + seconds
        while True:
            state = self.state()
            if time.monotonic() >= end:
                return  # what was said may be of after the end
            self.assertEqual(state, "Ready", why)
            time.sleep(0.25)

    def assert_swept_after(self, used):
        """used: when its use ended, in seconds since 1970."""
        self.stream.wait_state("Swept", GRACE + 10)
        idle = self.stream.time_of("Swept") - used
        self.assertGreaterEqual(idle, GRACE, "not before the grace period is over")
        self.assertLessEqual(idle, GRACE + SLACK)

    def test_a_kernel_computes_while_its_socket_is_open_and_all_ends_after_it(self):
        self.start()
        page = self.call("GET", "/lab")
        self.assertEqual(page.status, 200)
        self.assertIn(b"<title>JupyterLab</title>", page.body)
        script = page.body.decode().split('src="')[1].split('"')[0]
        self.assertGreater(len(self.call("GET", script).body), 1000, f"{script}, as the page names it")
        self.assertEqual(self.call("GET", "/api/status").json()["kernels"], 0)
        self.assertEqual(self.call("GET", "/api/status", headers=self.anonymous).status, 403, "nobody gets in without the token")
        self.assertEqual(self.call("POST", "/api/kernels", {}, headers=self.anonymous).status, 403)

        kernel = self.kernel()
        self.assertEqual(kernel.execute("6*7"), "42")
        kernel.execute("import os, subprocess")
        pids = [int(kernel.execute("os.getppid()")), int(kernel.execute("os.getpid()")),
                int(kernel.execute("subprocess.Popen(['sleep', '600'], start_new_session=True).pid"))]
        self.assertEqual(len({os.getpgid(pid) for pid in pids}), 3, "server, kernel and its child are in three process groups")
        self.assertLessEqual(set(pids), set(self.dev.marked()))

        self.assert_lives_for(GRACE + 2, "an open WebSocket is use, however silent")
        self.assertEqual(kernel.execute("6*7 + 1"), "43", "the same kernel still answers")
        closed = time.time()
        kernel.socket.close()
        self.assert_swept_after(closed)
        wait_for("server, kernel and its child to end", lambda: not any(alive(pid) for pid in pids))
        wait_for("every other process of the session to end", lambda: not self.dev.marked())
        wait_for("its pod to go", lambda: f"spawner-{self.name}" not in self.kube.names("pods"))

    def test_a_long_computation_holds_the_session_without_a_connection(self):
        self.start()
        kernel = self.kernel()
        lease = GRACE + 3
        hold = ("import os, urllib.request; urllib.request.urlopen(urllib.request.Request("
                f"os.environ['SPAWNER_LOCAL_URL'] + '/busy?seconds={lease}', method='PUT')).status")
        asked = time.time()
        self.assertEqual(kernel.execute(hold), "200")
        kernel.socket.close()
        left = asked + lease + GRACE - time.time()
        self.assert_lives_for(left - 0.1, "a busy lease is use, and the grace period begins at its end")
        self.assert_swept_after(asked + lease)
        wait_for("every process of the session to end", lambda: not self.dev.marked())


if __name__ == "__main__":
    unittest.main()
