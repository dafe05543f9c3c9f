"""A client on `websocket-client` (blocking sockets)."""

import json
import socket
import struct
import sys

import websocket
from peer import LIMIT, Record, content, fragments, say
from websocket import ABNF

OPCODES = {"text": ABNF.OPCODE_TEXT, "binary": ABNF.OPCODE_BINARY, "ping": ABNF.OPCODE_PING, "pong": ABNF.OPCODE_PONG}
KINDS = {opcode: kind for kind, opcode in OPCODES.items()}


class Client(websocket.WebSocket):
    """Says goodbye once only: recv_data_frame() answers a close frame even where it is the answer to ours."""

    said_goodbye = False

    def send_close(self, status=websocket.STATUS_NORMAL, reason=b""):
        if not self.said_goodbye:
            self.said_goodbye = True
            super().send_close(status, reason)


class Run:
    def __init__(self, command):
        self.record, self.steps = Record(command["run"]), command["steps"]
        self.ws = Client(skip_utf8_validation=command.get("trust_text", False))
        self.ws.connect(command["url"], timeout=LIMIT, subprotocols=command.get("subprotocols"))
        self.record.subprotocol = self.ws.subprotocol
        self.record.extensions = self.ws.getheaders().get("sec-websocket-extensions", "")

    def receive(self):
        """Notes one more thing. False: the end."""
        try:
            opcode, frame = self.ws.recv_data_frame(control_frame=True)
        except (websocket.WebSocketConnectionClosedException, ConnectionResetError, BrokenPipeError) as problem:
            self.record.end = "lost reset" if isinstance(problem, ConnectionError) else "lost end"
            return False
        except (websocket.WebSocketProtocolException, websocket.WebSocketPayloadException):
            self.record.end = "failed None"
            return False
        if opcode != ABNF.OPCODE_CLOSE:
            self.record.saw(KINDS[opcode], frame.data)
            return True
        code = struct.unpack("!H", frame.data[:2])[0] if frame.data else 1005
        self.record.end = f"closed {code} {frame.data[2:].decode()}"
        return False

    def step(self, name, *arguments):
        ws = self.ws
        if name == "send":
            ws.send(content(arguments[1]), OPCODES[arguments[0]])
        elif name == "frames":
            opcode = OPCODES[arguments[0]]
            for control, data, last in fragments(arguments[1]):
                fin = 1 if control or last else 0
                ws.send_frame(ABNF.create_frame(data, OPCODES[control] if control else opcode, fin))
                opcode = opcode if control else ABNF.OPCODE_CONT
        elif name in ("ping", "pong"):
            getattr(ws, name)(content(arguments[0]))
        elif name == "await":
            while len(self.record.seen) < arguments[0] and not self.record.end:
                self.receive()
        elif name == "close" and arguments[0] is None:
            ws.said_goodbye = True
            ws.send(b"", ABNF.OPCODE_CLOSE)
        elif name == "close":
            ws.send_close(arguments[0], arguments[1].encode())
        elif name == "half":
            ws.sock.shutdown(socket.SHUT_WR)
        elif name == "reset":
            ws.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            ws.sock.close()
            self.record.end = "lost end"

    def play(self):
        for one in self.steps:
            self.step(*one)
        while not self.record.end:
            self.receive()
        if self.record.end.startswith("closed"):  # the server ends TCP first: RFC 6455 §7.1.1
            try:
                while self.ws.sock.recv(65536):
                    pass
            except ConnectionResetError:
                pass
        self.ws.shutdown()


def main():
    for line in sys.stdin:
        command = json.loads(line)
        record = Record(command["run"])
        try:
            run = Run(command)
            record = run.record
            run.play()
        except websocket.WebSocketBadStatusException as refusal:
            record.end = f"refused {refusal.status_code}"
        except websocket.WebSocketException as problem:
            record.end = f"failed {type(problem).__name__}"
        except OSError as problem:
            record.end = f"error {problem!r}"
        record.report()


main()
