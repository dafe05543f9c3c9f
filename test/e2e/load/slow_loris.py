"""A crew of clients that never finish their request's head: `python3 slow_loris.py PORT COUNT`. A process of its own, so that it takes no turn
from the client that is measured. Prints a line when all are connected; ends with its standard input."""

import select
import socket
import sys
import time

PERIOD = 1.0  # each sends a byte this often


def connect(port):
    one = socket.create_connection(("127.0.0.1", port), timeout=10)
    one.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ")
    one.setblocking(False)
    return one


def main():
    port, count = int(sys.argv[1]), int(sys.argv[2])
    crew = [connect(port) for _ in range(count)]
    print("connected", flush=True)
    answered = 0
    turn = 0
    while True:
        began = time.monotonic()
        for _ in range(count // 10):  # a tenth of them, ten times in a period
            turn = (turn + 1) % count
            try:
                crew[turn].sendall(b"a")
                continue
            except OSError:
                pass
            answered += 1
            crew[turn].close()
            crew[turn] = connect(port)  # as the real ones: refused, it comes again
        left = max(0.0, began + PERIOD / 10 - time.monotonic())
        if select.select([sys.stdin], [], [], left)[0]:
            print(answered, flush=True)
            return


if __name__ == "__main__":
    main()
