"""The demo in a real browser: the button, the waiting page, and one drawing in two tabs. Screenshots: build/screenshots/."""

import json
import os
import pathlib
import shlex
import shutil
import subprocess
import unittest

from harness import ROOT, WHITEBOARD, Dev

FOLDER = pathlib.Path(__file__).parent / "browser"
SHOTS = ROOT / "build" / "screenshots"


def chromium():
    return next((path for path in (shutil.which("chromium"), shutil.which("chromium-browser")) if path), None)


class Browser(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if not chromium() or not shutil.which("node"):
            raise unittest.SkipTest("no chromium or no node on this machine: scripts/setup test installs them")
        if not (FOLDER / "node_modules" / "playwright-core").exists():
            subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts"], cwd=FOLDER, check=True,
                           capture_output=True, timeout=300)
        SHOTS.mkdir(parents=True, exist_ok=True)

    def test_two_tabs_draw_on_one_board(self):
        board = shlex.quote(str(WHITEBOARD))
        with Dev([f"whiteboard={board}", f"slow=sh -c 'sleep 5; exec {board}'"], args=["--landing-title", "New board"]) as dev:
            done = subprocess.run(["node", "board.mjs", f"http://127.0.0.1:{dev.port}/", str(SHOTS)], cwd=FOLDER, capture_output=True,
                                  text=True, timeout=150, check=False, env={**os.environ, "CHROMIUM": chromium(), "SLOW_IMAGE": "slow"})
        self.assertTrue(done.stdout, done.stderr)
        said = json.loads(done.stdout.strip().splitlines()[-1])
        self.assertEqual(said["problems"], [])
        facts = said["facts"]
        self.assertIn("/p/", facts["boardUrl"])
        self.assertEqual(facts["emptyBefore"], 0)
        self.assertGreater(facts["seenBySecond"], 300, "the second tab sees the first one's stroke")
        self.assertGreater(facts["seenByFirst"], facts["seenBySecond"], "the first tab sees the second one's stroke too")
        self.assertTrue(facts["waitingTitle"])
        self.assertNotIn("Whiteboard", facts["waitingTitle"], "the slow session shows the waiting page first")
        self.assertIn("This board has ended", facts["endedText"])
        self.assertIn("nowhere", facts["failedText"])
        self.assertIn("nobody", facts["unknownText"])


if __name__ == "__main__":
    unittest.main()
