"""A network of the bench's own: a namespace with nothing but a loopback interface, and congestion control as most machines have it."""

import os
import pathlib
import sys

MARK = "SPAWNER_BENCH_NETWORK"
CONTROL = pathlib.Path("/proc/sys/net/ipv4/tcp_congestion_control")


def enter():
    """Runs this program again inside, once. Without root it stays where it is. Gives the congestion control in words.

    Where a machine's default is BBR, the kernel paces what is sent by timers, on the loopback interface too: with large bodies those timers were
    most of what every server here spent. So: cubic, Debian's default, or reno where a namespace may not choose that."""
    if os.geteuid() == 0 and MARK not in os.environ:
        os.environ[MARK] = "1"
        os.execvp("unshare", ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$0" "$@"', sys.executable, *sys.argv])
    if MARK in os.environ:
        for wanted in ("cubic", "reno"):
            try:
                CONTROL.write_text(wanted)
                break
            except OSError:
                continue
    return CONTROL.read_text().strip() + ("" if MARK in os.environ else ", the machine's own network")
