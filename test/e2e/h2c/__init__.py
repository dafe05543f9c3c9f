"""Peers for HTTP/2 tests, from Debian's packages (scripts/setup test): gRPC and python3-h2. They are installed for Debian's Python only, so
a test file that is run by another one goes on in that."""

import os
import sys

DEBIAN_PYTHON = "/usr/bin/python3"

try:
    import grpc  # noqa: F401
    import h2  # noqa: F401
except ImportError:
    if os.path.realpath(sys.executable) == os.path.realpath(DEBIAN_PYTHON):
        raise
    os.execv(DEBIAN_PYTHON, [DEBIAN_PYTHON, *sys.orig_argv[1:]])
