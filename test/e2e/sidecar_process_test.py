"""The sidecar as a process: one runs in each session's pod, so each session pays what it loads."""

import pathlib
import subprocess
import tempfile
import unittest

from harness import BUILD, wait_for


class SidecarProcess(unittest.TestCase):
    def test_it_loads_no_library_that_it_does_not_use(self):
        with tempfile.TemporaryDirectory() as folder:
            log = pathlib.Path(folder) / "log"
            command = [BUILD / "spawner", "sidecar", "--serve-port=0", "--admin-port=0", "--local-port=0", "--upstream-port=8080",
                       f"--session-file={folder}/session"]
            with log.open("w") as out:
                process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT)
            try:
                wait_for("the sidecar to serve", lambda: '"message":"serving"' in log.read_text(), 10)
                maps = pathlib.Path(f"/proc/{process.pid}/maps").read_text()
            finally:
                process.kill()
                process.wait(10)
        self.assertIn("libcrypto", maps)  # the signatures of commands
        for library in ("libcurl", "libssl", "libgnutls", "libkrb5", "libnghttp2"):
            self.assertNotIn(library, maps)


if __name__ == "__main__":
    unittest.main()
