"""On what, and of what, it was measured: a figure without this cannot be compared."""

import os
import pathlib
import re
import subprocess
import time

from . import ROOT


def output(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    return (done.stdout + done.stderr).strip() if done.returncode == 0 else ""


def commit():
    """Of this tree, with a + when it differs from it."""
    name = output("git", "describe", "--always", "--tags", "--abbrev=12")
    return (name + ("+" if output("git", "status", "--porcelain") else "")) or "unknown"


def version(*command):
    return (re.search(r"\d+\.\d\S*", output(*command)) or ["unknown"])[0]


def describe(control, command):
    """Called before the run: the load is that of the others."""
    model = re.search(r"^model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text(), re.M)
    return {
        "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "cores": os.cpu_count(),
        "cpu": model[1] if model else os.uname().machine,
        "kernel": os.uname().release,
        "nginx": version("nginx", "-v"),
        "haproxy": version("haproxy", "-v"),
        "spawner": commit(),
        "load": round(os.getloadavg()[0], 2),
        "control": control,
        "command": command,
    }


def line(of):
    return (f"{of['date']}, {of['cores']} cores ({of['cpu']}), Linux {of['kernel']}, nginx {of['nginx']}, HAProxy {of['haproxy']},"
            f" spawner {of['spawner']}, load before the run {of['load']:.2f}, TCP {of['control']}. Command: `{of['command']}`")
