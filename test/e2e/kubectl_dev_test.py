"""kubectl as a person uses it: against `spawner dev`, with the kubeconfig that it writes and nothing else."""

import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from harness import Dev, wait_for
from dev_test import BOARD

SLAB = """
apiVersion: spawner.dev/v1
kind: SessionLivedBackend
metadata: {name: spawner-byhand}
spec:
  gracePeriodSeconds: 300
  template:
    terminationGracePeriodSeconds: 1
    containers: [{name: app, image: whiteboard, imagePullPolicy: Never}]
"""


@unittest.skipUnless(shutil.which("kubectl"), "there is no kubectl in PATH, so nothing was tested")
class KubectlWithTheKubeconfigOfDev(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.home = tempfile.TemporaryDirectory()
        cls.dev = Dev([BOARD, "talks=sh -c 'echo hello from inside; exec sleep 1000'"])
        cls.name = "spawner-" + cls.dev.ready("whiteboard")["name"]

    @classmethod
    def tearDownClass(cls):
        cls.dev.__exit__()
        cls.home.cleanup()

    def run_kubectl(self, *arguments, text=None):
        environment = {"PATH": os.environ["PATH"], "HOME": self.home.name}
        return subprocess.run(["kubectl", "--kubeconfig", self.dev.kubeconfig, *arguments], input=text, capture_output=True, text=True,
                              timeout=60, check=False, env=environment)

    def kubectl(self, *arguments, text=None):
        done = self.run_kubectl(*arguments, text=text)
        self.assertEqual(done.returncode, 0, f"kubectl {' '.join(arguments)}\n{done.stdout}{done.stderr}")
        return done.stdout

    def test_get_in_every_form(self):
        self.assertIn("Ready", self.kubectl("get", "slabs"))
        wide = self.kubectl("get", "slabs", "-o", "wide")
        self.assertIn("whiteboard", wide)
        self.assertIn("POD-IP", wide)
        self.assertIn("kind: SessionLivedBackend", self.kubectl("get", "slab", self.name, "-o", "yaml"))
        self.assertEqual(json.loads(self.kubectl("get", "pod", self.name, "-o", "json"))["status"]["phase"], "Running")
        self.assertIn("sessionlivedbackends", self.kubectl("api-resources"))

    def test_get_watch_tells_what_comes(self):
        environment = {"PATH": os.environ["PATH"], "HOME": self.home.name}
        with tempfile.TemporaryFile("w+") as out:
            watch = subprocess.Popen(["kubectl", "--kubeconfig", self.dev.kubeconfig, "get", "slabs", "-w"], stdout=out,
                                     stderr=subprocess.STDOUT, env=environment)
            try:
                told = lambda: os.pread(out.fileno(), 1 << 20, 0).decode()  # noqa: E731
                wait_for("the list", lambda: self.name in told(), 30)
                other = self.dev.ready("whiteboard")["name"]
                wait_for("the new one in the watch", lambda: other in told(), 30)
            finally:
                watch.kill()
                watch.wait()

    def test_describe_events_and_explain(self):
        described = self.kubectl("describe", "slab", self.name)
        self.assertIn("Ready", described)
        self.assertIn("Events:", described)
        self.assertIn(self.name, self.kubectl("get", "events"))
        self.assertIn("gracePeriodSeconds", self.kubectl("explain", "slab.spec"))

    def test_logs_of_a_session(self):
        self.kubectl("create", "-f", "-", text=SLAB.replace("spawner-byhand", "spawner-talks").replace("image: whiteboard", "image: talks"))
        wait_for("its log", lambda: "hello from inside" in self.run_kubectl("logs", "spawner-talks", "-c", "app").stdout, 30, 0.2)
        self.kubectl("delete", "slab", "spawner-talks")

    def test_create_wait_apply_delete(self):
        self.kubectl("create", "-f", "-", text=SLAB)
        self.kubectl("wait", "--for=condition=Ready", "slab/spawner-byhand", "--timeout=30s")
        self.kubectl("delete", "slab", "spawner-byhand")
        self.assertNotEqual(self.run_kubectl("get", "slab", "spawner-byhand").returncode, 0)
        self.kubectl("apply", "-f", "-", text=SLAB)
        self.kubectl("apply", "-f", "-", text=SLAB.replace("gracePeriodSeconds: 300", "gracePeriodSeconds: 600"))
        self.assertEqual(self.kubectl("get", "slab", "spawner-byhand", "-o", "jsonpath={.spec.gracePeriodSeconds}"), "600")
        self.kubectl("delete", "slab", "spawner-byhand")

    def test_a_wrong_secret_gets_nothing(self):
        config = pathlib.Path(self.home.name) / "wrong"
        text = pathlib.Path(self.dev.kubeconfig).read_text()
        secret = text.split("token: ")[1].split()[0]
        config.write_text(text.replace(secret, "x" * len(secret)))
        done = subprocess.run(["kubectl", "--kubeconfig", str(config), "get", "slabs"], capture_output=True, text=True, timeout=60, check=False,
                              env={"PATH": os.environ["PATH"], "HOME": self.home.name})
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("credentials", done.stderr)


if __name__ == "__main__":
    unittest.main()
