"""A sidecar as a process, with an application on raw sockets behind it, and what passes between them."""

import pathlib
import re
import socket
import subprocess
import tempfile
import threading

from harness import BUILD, wait_for

LIMIT = 10  # seconds for anything


class Reader:
    """Bytes of a connection. EOFError where it ends, ConnectionResetError where it is broken off."""

    def __init__(self, connection):
        self.connection, self.held = connection, b""

    def more(self):
        data = self.connection.recv(65536)
        if not data:
            raise EOFError
        self.held += data

    def until(self, mark):
        while mark not in self.held:
            self.more()
        found, self.held = self.held.split(mark, 1)
        return found

    def exactly(self, count):
        while len(self.held) < count:
            self.more()
        found, self.held = self.held[:count], self.held[count:]
        return found

    def rest(self):
        """All until the end."""
        try:
            while True:
                self.more()
        except EOFError:
            found, self.held = self.held, b""
            return found


class Malformed(Exception):
    pass


def fields_of(lines):
    fields = []
    for line in lines:
        match = re.fullmatch(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*(.*?)[ \t]*", line, re.S)
        if not match or re.search(rb"[\x00-\x08\x0a-\x1f\x7f]", match[2]):
            raise Malformed(f"a field {line!r}")
        fields.append((match[1].decode().lower(), match[2].decode("latin-1")))
    return fields


def values(fields, name):
    return [value for one, value in fields if one == name]


def read_body(reader, fields, otherwise):
    """By a reading of our own, stricter than any: one framing or none. `otherwise` reads where there is none."""
    lengths, codings = values(fields, "content-length"), values(fields, "transfer-encoding")
    if len(lengths) + len(codings) > 1:
        raise Malformed(f"framed twice: {fields}")
    if codings:
        if codings != ["chunked"]:
            raise Malformed(f"coding {codings}")
        body = b""
        while True:
            size = reader.until(b"\r\n")
            if not re.fullmatch(rb"[0-9a-fA-F]{1,16}", size):
                raise Malformed(f"chunk size {size!r}")
            body += reader.exactly(int(size, 16))
            if reader.exactly(2) != b"\r\n":
                raise Malformed("no CR LF behind a chunk, or a trailer")
            if int(size, 16) == 0:
                return body
    if lengths:
        if not re.fullmatch(r"[0-9]+", lengths[0]):
            raise Malformed(f"length {lengths}")
        return reader.exactly(int(lengths[0]))
    return otherwise()


def read_head(reader):
    """(start line, fields)"""
    start, *lines = reader.until(b"\r\n\r\n").split(b"\r\n")
    return start.decode("latin-1"), fields_of(lines)


def read_answer(reader, method):
    """(status, fields, body), interim ones passed over. EOFError or ConnectionResetError when it is not whole."""
    while True:
        start, fields = read_head(reader)
        match = re.fullmatch(r"HTTP/1\.1 ([1-9][0-9]{2}) [^\r\n]*", start)
        if not match:
            raise Malformed(f"status line {start!r}")
        status = int(match[1])
        if status >= 200:
            break
    if method == "HEAD" or status in (204, 304):
        return status, fields, b""
    return status, fields, read_body(reader, fields, reader.rest)


class Application:
    """Listens, and gives each connection to `serve(connection)` in a thread of its own."""

    def __init__(self, serve):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        self.serve = serve
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            connection.settimeout(LIMIT)
            threading.Thread(target=self._run, args=(connection,), daemon=True).start()

    def _run(self, connection):
        try:
            with connection:
                self.serve(connection)
        except (EOFError, OSError):
            pass

    def close(self):
        self.listener.close()


class Sidecar:
    """In front of an application. `before`: runs in its process before it begins (limits). `listens`: the application does, by then."""

    def __init__(self, upstream_port, *more, before=None, listens=True):
        self.folder = tempfile.TemporaryDirectory()
        self.log = pathlib.Path(self.folder.name) / "log"
        command = [BUILD / "spawner", "sidecar", "--serve-port=0", "--admin-port=0", "--local-port=0", f"--upstream-port={upstream_port}",
                   f"--session-file={self.folder.name}/session", *more]
        with self.log.open("w") as out:
            self.process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, preexec_fn=before)
        begun = "the application listens" if listens else '"message":"serving"'
        wait_for(f"the sidecar to say {begun}", lambda: begun in self.log.read_text(), LIMIT, 0.01)
        self.port = int(re.search(r'"serve_port":([0-9]+)', self.log.read_text()).group(1))

    def connect(self):
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=LIMIT)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def close(self):
        self.process.terminate()
        try:
            self.process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(LIMIT)
            raise AssertionError(f"the sidecar did not end within {LIMIT} s; it said: {self.log.read_text()[-2000:]}") from None
        self.folder.cleanup()
