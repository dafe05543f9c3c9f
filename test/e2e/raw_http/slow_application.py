"""An application that takes its time, as a process of its own: `python3 -m raw_http.slow_application`. Ends when its input does.

On its output, a JSON object a line: first {"port"}, then what happens to it: {"what", "path", "at"}, `at` by the machine's monotonic clock.
GET /length/S, /chunked/S, /close/S: head and half of the body at once, the rest S seconds after the request ("begun", "ended": before the
last bytes are written; "gone": nobody took them). GET /late/S: all of it after S seconds. POST /upload: the SHA-256 of what came ("begun" at
the head, "half" when half of it is there). GET /ws: a WebSocket that echoes until a close frame, which it tells with its "code".
"""

import base64
import hashlib
import json
import random
import struct
import sys
import threading
import time

from raw_http.exchange import Application, Reader, read_head, values

HALF = random.Random(1).randbytes(1024 * 1024)  # 1 MiB: more than a socket takes at once
WHOLE = HALF + HALF[::-1]
OK = b"HTTP/1.1 200 OK\r\n"
printing = threading.Lock()


def tell(**what):
    with printing:
        print(json.dumps(what), flush=True)


def chunk(data):
    return b"%x\r\n%b\r\n" % (len(data), data)


def answer_slowly(connection, path, began):
    kind, seconds = path.split("?")[0].split("/")[1:]
    first, second = {
        "length": (OK + b"Content-Length: %d\r\n\r\n" % len(WHOLE) + HALF, HALF[::-1]),
        "chunked": (OK + b"Transfer-Encoding: chunked\r\n\r\n" + chunk(HALF), chunk(HALF[::-1]) + b"0\r\n\r\n"),
        "close": (OK + b"Connection: close\r\n\r\n" + HALF, HALF[::-1]),
        "late": (b"", OK + b"Content-Length: %d\r\n\r\n" % len(WHOLE) + WHOLE),
    }[kind]
    connection.sendall(first)
    time.sleep(max(0.0, began + float(seconds) - time.monotonic()))  # what it is slow at; nobody waits for this to be so
    tell(what="ended", path=path, at=time.monotonic())
    try:
        connection.sendall(second)
    except OSError:
        tell(what="gone", path=path, at=time.monotonic())
        raise
    return kind != "close"


def take_upload(connection, reader, fields):
    length = int(values(fields, "content-length")[0])
    body = reader.exactly(length // 2)
    tell(what="half", path="/upload", at=time.monotonic())
    body += reader.exactly(length - length // 2)
    connection.sendall(OK + b"Content-Length: 64\r\n\r\n" + hashlib.sha256(body).hexdigest().encode())


def echo_frames(connection, reader, fields):
    key = values(fields, "sec-websocket-key")[0] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
    accept = base64.b64encode(hashlib.sha1(key.encode()).digest())
    connection.sendall(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                       b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n")
    while True:
        first, second = reader.exactly(2)
        mask = reader.exactly(4)  # clients mask; frames of this test are short
        payload = bytes(byte ^ mask[i % 4] for i, byte in enumerate(reader.exactly(second & 0x7F)))
        if first & 0x0F == 8:
            tell(what="closed", path="/ws", at=time.monotonic(), code=struct.unpack("!H", payload[:2])[0])
        connection.sendall(bytes([first, len(payload)]) + payload)
        if first & 0x0F == 8:
            return


def serve(connection):
    reader = Reader(connection)
    again = True
    while again:
        start, fields = read_head(reader)
        began, path = time.monotonic(), start.split()[1]
        tell(what="begun", path=path, at=began)
        if path == "/ws":
            return echo_frames(connection, reader, fields)
        if path == "/upload":
            take_upload(connection, reader, fields)
        elif path == "/quick":
            connection.sendall(OK + b"Content-Length: 5\r\n\r\nquick")
        else:
            again = answer_slowly(connection, path, began)


if __name__ == "__main__":
    tell(port=Application(serve).port)
    sys.stdin.read()
