"""scripts/test counts what unittest says, also where a class cannot even be set up: what died must not look like what passed."""

import contextlib
import importlib.machinery
import importlib.util
import io
import pathlib
import sys
import tempfile
import unittest

from harness import ROOT


def load():
    loader = importlib.machinery.SourceFileLoader("spawner_scripts_test", str(ROOT / "scripts" / "test"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        loader.exec_module(module)
    finally:
        sys.dont_write_bytecode = before
    return module


class Counts(unittest.TestCase):
    def counts(self, set_up, pattern=None):
        """(passed, failed, skipped) of a file with one test whose class is set up so."""
        script = load()
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
            script.LOGS = pathlib.Path(folder)
            file = pathlib.Path(folder) / "small_test.py"
            file.write_text("import unittest\n\n\nclass Small(unittest.TestCase):\n    @classmethod\n    def setUpClass(cls):\n"
                            f"        {set_up}\n\n    def test_it(self):\n        pass\n")
            totals = script.Totals()
            script.run_python(totals, "e2e " + file.stem, file, pattern)
        return totals.passed, totals.failed, totals.skipped

    def test_a_class_that_cannot_be_set_up_is_a_failure(self):
        self.assertEqual(self.counts("raise AssertionError('no')"), (0, 1, 0))

    def test_a_class_that_is_skipped_is_counted_as_skipped(self):
        self.assertEqual(self.counts("raise unittest.SkipTest('why')"), (0, 0, 1))

    def test_what_runs_is_counted_and_what_no_filter_chose_is_not(self):
        self.assertEqual(self.counts("pass"), (1, 0, 0))
        self.assertEqual(self.counts("pass", "nothing like it"), (0, 0, 0))


if __name__ == "__main__":
    unittest.main()
