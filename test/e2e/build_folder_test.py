"""Of two that build or test in one folder the second one waits or refuses, and says for whom: two ninjas in one folder break its objects.

In a folder with our scripts/build and scripts/test, and nothing that they could really build."""

import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from harness import ROOT, wait_for

# As cmake it does what ninja does here: it says that it runs, and lasts as long as there is a file `hold`.
CMAKE = """#!/bin/sh
[ "$1" = --build ] || exit 0
sh -c 'echo "$$" >> ninjas; while [ -e hold ]; do sleep 0.01; done' &
wait
"""
# What scripts/test calls as the suite `house`: it builds as tests do, and as somebody else would, and leaves a daemon behind.
CHECK = """#!/bin/sh
scripts/build release image >&2 || exit 3
env -u SPAWNER_BUILD_HELD_FOR SPAWNER_BUILD_WAIT=0 scripts/build release >&2 && exit 4
sh -c 'echo "$$" > daemon; while [ -e daemon ]; do sleep 0.01; done' > /dev/null 2>&1 < /dev/null &
echo "1 passed, 0 failed"
"""


class OneAtATime(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name).resolve()
        for name in ("scripts", "bin"):
            (self.folder / name).mkdir()
        for name in ("build", "test"):
            shutil.copy(ROOT / "scripts" / name, self.folder / "scripts" / name)
        for name, text in (("bin/cmake", CMAKE), ("scripts/check", CHECK), ("scripts/setup", "#!/bin/sh\n")):
            (self.folder / name).write_text(text)
            (self.folder / name).chmod(0o755)
        self.addCleanup((self.folder / "daemon").unlink, missing_ok=True)

    def begin(self, *words, wait=60):
        environment = {**os.environ, "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}", "SPAWNER_BUILD_WAIT": str(wait)}
        process = subprocess.Popen([self.folder / words[0], *words[1:]], cwd=self.folder, env=environment, text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)

        def end():
            self.release()  # a ninja has its pipes too
            process.kill()
            process.communicate()
        self.addCleanup(end)
        return process

    def run_(self, *words, wait=60):
        """(exit code, what it said)"""
        process = self.begin(*words, wait=wait)
        out, err = process.communicate(timeout=60)
        return process.returncode, out + err

    def ninjas(self):
        file = self.folder / "ninjas"
        return len(file.read_text().split()) if file.exists() else 0

    def held_build(self):
        (self.folder / "hold").touch()
        process = self.begin("scripts/build", "release", "spawner")
        wait_for("the first ninja", lambda: self.ninjas() == 1)
        return process

    def release(self):
        (self.folder / "hold").unlink(missing_ok=True)

    def test_a_second_build_waits_for_the_first_and_says_so(self):
        first = self.held_build()
        second = self.begin("scripts/build", "asan")
        self.assertIn(f"process {first.pid} (scripts/build release spawner)", second.stderr.readline())
        self.assertEqual(self.ninjas(), 1)
        self.release()
        self.assertEqual((first.wait(10), second.wait(10), self.ninjas()), (0, 0, 2))

    def test_a_build_that_waited_as_long_as_it_may_gives_up(self):
        first = self.held_build()
        code, said = self.run_("scripts/build", "release", wait=1)
        self.assertEqual(code, 2, said)
        self.assertIn(f"process {first.pid} (scripts/build release spawner)", said)
        self.assertIn("SPAWNER_BUILD_WAIT", said)

    def test_a_ninja_that_outlives_its_script_still_holds_the_folder(self):
        first = self.held_build()
        first.kill()
        first.wait()
        for words in (["scripts/build", "release"], ["scripts/test", "house"]):
            code, said = self.run_(*words, wait=0)
            self.assertEqual((code, self.ninjas()), (2, 1), said)

    def test_tests_refuse_at_once_while_another_one_builds(self):
        first = self.held_build()
        code, said = self.run_("scripts/test", "house")
        self.assertEqual(code, 2, said)
        self.assertIn(f"process {first.pid} (scripts/build release spawner)", said)
        self.assertEqual(len(said.strip().splitlines()), 1)

    def test_tests_hold_the_folder_against_others_but_not_against_their_own_builds_nor_by_a_daemon_that_they_leave(self):
        for _ in range(2):
            code, said = self.run_("scripts/test", "house")
            self.assertEqual(code, 0, said + (self.folder / "build/test-logs/house.log").read_text())
        self.assertTrue((self.folder / "daemon").exists())
        self.assertIn("(scripts/test house)", (self.folder / "build/test-logs/house.log").read_text())


if __name__ == "__main__":
    unittest.main()
