"""`spawner dev` as the person who starts it sees it: what it says, what it refuses, and what is left when it ends."""

import json
import os
import pathlib
import shlex
import signal
import subprocess
import tempfile
import time
import unittest

from harness import SPAWNER, WHITEBOARD, Dev, Kube, EventStream, WebSocket, marked_processes, quickest, request, wait_for

BOARD = f"whiteboard={shlex.quote(str(WHITEBOARD))}"
# Starts children that hide: a session of its own, ignoring SIGTERM and SIGHUP.
FAMILY = "family=sh -c 'setsid sh -c \"trap : TERM HUP INT; while :; do sleep 1; done\" & exec " + shlex.quote(str(WHITEBOARD)) + "'"

# Listens on a port of its own choice, and says which.
STUBBORN = """import socket, sys, time
one = socket.create_server(("127.0.0.1", 0))
open(sys.argv[1], "w").write(str(one.getsockname()[1]))
time.sleep(60)"""


class Refusals(unittest.TestCase):
    def run_dev(self, *args):
        with tempfile.TemporaryDirectory() as state:
            return subprocess.run([str(SPAWNER), "dev", "--state-dir", state, *args], capture_output=True, text=True, timeout=15, check=False)

    def test_a_busy_port_is_one_clear_line(self):
        with Dev([BOARD]) as dev:
            done = self.run_dev("--listen", f"127.0.0.1:{dev.port}")
        self.assertEqual(done.returncode, 1)
        self.assertEqual(len(done.stderr.strip().splitlines()), 1, done.stderr)
        self.assertIn(str(dev.port), done.stderr)
        self.assertIn("in use", done.stderr)

    def test_a_used_state_folder_is_one_clear_line(self):
        with Dev([BOARD]) as dev:
            done = subprocess.run([str(SPAWNER), "dev", "--state-dir", str(dev.state_dir), "--listen", "127.0.0.1:0"],
                                  capture_output=True, text=True, timeout=15, check=False)
            self.assertEqual(done.returncode, 1)
            self.assertIn(f"pid {dev.process.pid}", done.stderr)

    def test_a_malformed_image_names_the_option(self):
        done = self.run_dev("--listen", "127.0.0.1:0", "--image", "board")
        self.assertEqual(done.returncode, 1)
        self.assertIn("--image", done.stderr)
        self.assertIn("NAME=COMMAND", done.stderr)

    def test_an_image_given_twice_and_a_landing_image_that_is_none_are_refused(self):
        done = self.run_dev("--listen", "127.0.0.1:0", "--image", BOARD, "--image", BOARD)
        self.assertEqual((done.returncode, "given twice" in done.stderr), (1, True), done.stderr)
        done = self.run_dev("--listen", "127.0.0.1:0", "--image", BOARD, "--landing-image", "other")
        self.assertEqual((done.returncode, "--landing-image other" in done.stderr), (1, True), done.stderr)

    def test_listening_for_other_machines_warns(self):
        with tempfile.TemporaryDirectory() as state:
            process = subprocess.Popen([str(SPAWNER), "dev", "--state-dir", state, "--listen", "0.0.0.0:0"], stderr=subprocess.PIPE,
                                       stdout=subprocess.DEVNULL, text=True)
            line = process.stderr.readline()
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=15)
        self.assertIn("warning", line)

    def test_the_api_server_only_listens_on_loopback(self):
        done = self.run_dev("--listen", "127.0.0.1:0", "--kube-listen", "0.0.0.0:0")
        self.assertEqual(done.returncode, 1)
        self.assertIn("loopback", done.stderr)


class Failures(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.port_file = pathlib.Path(folder.name) / "port"
        cls.dev = Dev([BOARD, "missing=/no/such/program", "crash=sh -c 'echo cannot open notes.db >&2; exit 3'", "killed=sh -c 'kill -9 $$'",
                       "silent=sleep 60",
                       f"stubborn=python3 -c {shlex.quote(STUBBORN)} {shlex.quote(str(cls.port_file))}"])

    @classmethod
    def tearDownClass(cls):
        cls.dev.__exit__()

    def failed(self, image, seconds=10, **fields):
        spawned = self.dev.spawn(image, **fields)
        stream = self.dev.stream(spawned["name"])
        stream.wait_state("Failed", seconds)
        self.dev.last = spawned["name"]
        return request(self.dev.port, "GET", f"/api/backend/{spawned['name']}").json()["end"]

    def test_an_unknown_image_says_so(self):
        end = self.failed("nowhere")
        self.assertIn("nowhere", end["message"])
        self.assertNotIn("--image", end["message"])  # users of an application read it, too
        self.dev.wait_line("--image 'nowhere=COMMAND'")

    def test_a_command_that_is_not_there_says_so(self):
        message = self.failed("missing")["message"]
        self.assertIn("/no/such/program", message)
        self.assertIn("could not be started", message)

    def test_a_start_limit_is_exact_to_a_second(self):
        def seconds():
            began = time.monotonic()
            self.assertEqual(self.failed("silent", 20, startupTimeoutSeconds=2)["reason"], "StartTimeout")
            return time.monotonic() - began

        took = quickest(3.5, seconds)
        self.assertTrue(2 <= took < 3.5, took)

    def test_a_deleted_session_is_told_on_the_console(self):
        name = self.dev.ready("whiteboard")["name"]
        self.assertEqual(request(self.dev.port, "DELETE", f"/api/backend/{name}").status // 100, 2)
        self.dev.wait_line(f"spawner-{name} ended: deleted on request")

    def test_an_exit_code_is_told(self):
        end = self.failed("crash")
        self.assertEqual(end["exitCode"], 3)
        self.assertIn("cannot open notes.db", end["log"])  # its log is gone with its pod: the end of it stays here
        self.assertNotIn("notes.db", end["message"])  # what users of the application see
        page = request(self.dev.port, "GET", f"/p/{self.dev.last}/")
        self.assertEqual(page.status, 410)
        self.assertNotIn(b"notes.db", page.body)
        self.dev.wait_line("cannot open notes.db")

    def test_a_signal_is_told(self):
        end = self.failed("killed")
        self.assertEqual((end.get("signal"), end.get("exitCode")), (9, 137))

    def test_an_application_on_another_port_is_told_which(self):
        end = self.failed("stubborn", 30, startupTimeoutSeconds=10)
        self.assertEqual(end["reason"], "StartTimeout")
        self.assertIn(self.port_file.read_text(), end["message"])
        self.assertIn("PORT", end["message"])

    def test_an_exit_with_code_zero_is_completed_and_leaves_no_process(self):
        # fault 14, as a whole program: a normal end of the application ends the pod too.
        spawned = self.dev.spawn("whiteboard")
        stream = self.dev.stream(spawned["name"])
        stream.wait_state("Ready")
        kube = Kube(self.dev.kubeconfig)
        pid = next(p for p in self.dev.marked() if pathlib.Path(f"/proc/{p}/exe").resolve() == WHITEBOARD.resolve()
                   and spawned["name"].encode() in pathlib.Path(f"/proc/{p}/environ").read_bytes())
        os.kill(pid, signal.SIGTERM)  # the whiteboard ends with 0 then
        stream.wait_state("Swept")
        end = request(self.dev.port, "GET", f"/api/backend/{spawned['name']}").json()["end"]
        self.assertEqual((end["reason"], end["exitCode"]), ("Completed", 0))
        wait_for("its pod to go", lambda: not any(spawned["name"] in name for name in kube.names("pods")))


class Endings(unittest.TestCase):
    def life(self, number):
        with tempfile.TemporaryDirectory() as state:
            dev = Dev([BOARD, FAMILY], state_dir=state)
            for image in ("whiteboard", "family"):
                dev.ready(image)
            instance = (pathlib.Path(state) / "instance").read_text().strip()
            wait_for("every process of the family", lambda: len(marked_processes(instance)) >= 5)
            if number == signal.SIGKILL:
                dev.process.kill()
                dev.process.wait(10)
            else:
                self.assertEqual(dev.stop(number), 0)
                self.assertEqual(marked_processes(instance), [])
            wait_for("every process of the run to be gone", lambda: not marked_processes(instance), 10)

    def test_ctrl_c_ends_everything_it_started(self):
        self.life(signal.SIGINT)

    def test_sigterm_ends_everything_it_started(self):
        self.life(signal.SIGTERM)

    def test_sigkill_leaves_no_process_behind(self):
        self.life(signal.SIGKILL)

    def test_a_killed_runs_state_folder_serves_the_next(self):
        with tempfile.TemporaryDirectory() as state:
            dev = Dev([BOARD], state_dir=state)
            dev.ready("whiteboard")
            dev.process.kill()
            dev.process.wait(10)
            with Dev([BOARD], state_dir=state) as again:
                again.ready("whiteboard")
                self.assertEqual(len(again.pod_dirs()), 1)


class Doors(unittest.TestCase):
    """A web page from elsewhere cannot drive it."""

    @classmethod
    def setUpClass(cls):
        cls.dev = Dev([BOARD])

    @classmethod
    def tearDownClass(cls):
        cls.dev.__exit__()

    def test_a_foreign_host_name_is_refused(self):
        for path in ("/", "/api/backends", "/p/x/"):
            answer = request(self.dev.port, "GET", path, headers={"host": "rebound.example.org"})
            self.assertIn(answer.status, (403, 421), path)

    def test_spawn_takes_only_json(self):
        for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
            answer = request(self.dev.port, "POST", "/api/spawn", '{"image":"whiteboard"}', {"content-type": kind})
            self.assertEqual(answer.status, 415, kind)
        self.assertEqual(Kube(self.dev.kubeconfig).slabs(), [])

    def test_there_is_no_cors(self):
        answer = request(self.dev.port, "OPTIONS", "/api/spawn", headers={"origin": "http://example.org", "access-control-request-method": "POST"})
        self.assertNotIn("access-control-allow-origin", answer.headers)

    def test_the_api_server_wants_its_token_and_its_host(self):
        kube = Kube(self.dev.kubeconfig)
        self.assertEqual(request(kube.port, "GET", "/api/v1/pods").status, 401)
        answer = request(kube.port, "GET", "/api/v1/pods", headers={"authorization": f"Bearer {kube.token}", "host": "rebound.example.org"})
        self.assertEqual(answer.status, 403)

    def test_the_kubeconfig_is_private(self):
        self.assertEqual(os.stat(self.dev.kubeconfig).st_mode & 0o077, 0)


class TwoAtOnce(unittest.TestCase):
    def test_two_runs_on_one_machine_do_not_meet(self):
        with Dev([BOARD]) as one, Dev([BOARD]) as two:
            sessions = [(dev, dev.ready("whiteboard")) for _ in range(3) for dev in (one, two)]
            for dev, spawned in sessions:
                self.assertEqual(request(dev.port, "GET", f"/p/{spawned['name']}/").status, 200)
            addresses = [pod["status"]["podIP"] for dev in (one, two)
                         for pod in Kube(dev.kubeconfig).call("GET", "/api/v1/namespaces/spawner/pods").json()["items"]]
            self.assertEqual(len(set(addresses)), 6)


class HostRouting(unittest.TestCase):
    def test_a_session_answers_at_its_own_host_name(self):
        with Dev([BOARD]) as dev:
            spawned = dev.ready("whiteboard")
            answer = request(dev.port, "GET", "/", headers={"host": f"{spawned['name']}.localhost:{dev.port}"})
            self.assertEqual(answer.status, 200)
            self.assertIn(b"Whiteboard", answer.body)
            socket = WebSocket(dev.port, f"/p/{spawned['name']}/ws", connection="keep-alive, Upgrade")  # what Firefox sends
            self.assertEqual(socket.receive_type("welcome")["lines"], [])
            socket.close()


if __name__ == "__main__":
    unittest.main()
