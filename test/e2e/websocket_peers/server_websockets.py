"""A server on `websockets` (asyncio)."""

import asyncio
import http
import socket
import struct

from peer import MAX_MESSAGE, Record, asked, content, end_with_standard_input, fragments, say
from websockets.exceptions import ConnectionClosed
from websockets.frames import OP_BINARY, OP_CLOSE, OP_CONT, OP_PING, OP_PONG, OP_TEXT, Close
from websockets.legacy.server import WebSocketServerProtocol, serve

OPCODES = {"text": OP_TEXT, "binary": OP_BINARY, "ping": OP_PING, "pong": OP_PONG}
CONTROL = {OP_PING: "ping", OP_PONG: "pong"}


class Recording(WebSocketServerProtocol):
    """Notes what comes, as it comes."""

    async def process_request(self, path, request_headers):
        run, self.steps, options = asked(path)
        self.record, self.moved, self.echo = Record(run), asyncio.Event(), False
        self.spoken = options.get("subprotocols")
        if "refuse" in options:
            return http.HTTPStatus(options["refuse"]), [("Content-Type", "text/plain")], content(options["body"])
        if options.get("cork"):  # the 101 waits for the first frame
            self.transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
        return None

    def process_subprotocol(self, headers, available_subprotocols):
        return super().process_subprotocol(headers, self.spoken)

    async def read_frame(self, max_size):
        frame = await super().read_frame(max_size)
        if frame.opcode in CONTROL:
            self.saw(CONTROL[frame.opcode], frame.data)
        return frame

    async def read_message(self):
        message = await super().read_message()
        if message is not None:
            self.saw("text" if isinstance(message, str) else "binary", message)
        return message

    def saw(self, kind, data):
        self.record.saw(kind, data)
        self.moved.set()

    def connection_lost(self, exc):
        super().connection_lost(exc)
        if hasattr(self, "moved"):
            self.moved.set()

    def how_it_ended(self):
        if self.close_rcvd is not None:
            return f"closed {self.close_code} {self.close_reason}"
        why = self.transfer_data_exc
        if isinstance(why, ConnectionResetError):
            return "lost reset"
        if why is None or isinstance(why, (EOFError, asyncio.CancelledError)):
            return "lost end"
        return f"failed {self.close_sent.code}" if self.close_sent else f"failed {why!r}"


async def step(ws, name, *arguments):
    if name == "send":
        kind, data = arguments[0], content(arguments[1])
        await ws.send(data.decode() if kind == "text" else data)
    elif name == "frames":
        opcode = OPCODES[arguments[0]]
        for control, data, last in fragments(arguments[1]):
            await ws.write_frame(True if control else last, OPCODES[control] if control else opcode, data)
            opcode = opcode if control else OP_CONT
    elif name in ("ping", "pong"):
        await getattr(ws, name)(content(arguments[0]))
    elif name == "await":
        while len(ws.record.seen) < arguments[0] and not ws.closed:
            ws.moved.clear()
            await ws.moved.wait()
    elif name == "echo":
        async for message in ws:
            await ws.send(message)
    elif name == "close":
        code, reason = arguments
        if code is None:
            await ws.write_close_frame(Close(1005, ""), b"")
        else:
            await ws.write_close_frame(Close(code, reason))
    elif name == "half":
        ws.transport.write_eof()
    elif name == "reset":
        ws.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        ws.transport.abort()
    elif name == "uncork":
        ws.transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 0)


async def handle(ws):
    ws.record.subprotocol, ws.record.extensions = ws.subprotocol, ",".join(extension.name for extension in ws.extensions)
    try:
        for one in ws.steps:
            await step(ws, *one)
    except ConnectionClosed:
        pass  # by the other side, in the middle of a step: the report says how
    finally:
        await ws.wait_closed()
        ws.record.end = ws.how_it_ended()
        ws.record.report()


async def main():
    async with serve(handle, "127.0.0.1", 0, create_protocol=Recording, max_size=MAX_MESSAGE, max_queue=None, write_limit=MAX_MESSAGE,
                     ping_interval=None, close_timeout=5) as server:
        say(f"port {server.sockets[0].getsockname()[1]}")
        await asyncio.Future()


end_with_standard_input()
asyncio.run(main())
