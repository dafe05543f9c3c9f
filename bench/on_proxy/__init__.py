"""The parts of scripts/bench proxy."""

import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
