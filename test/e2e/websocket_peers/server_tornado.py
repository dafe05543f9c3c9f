"""A server on Tornado. It has no call for a fragmented message, for an unsolicited pong or for the difference between an empty close frame
and none: these three reach under its interface."""

import asyncio
import logging
import socket
import struct

import tornado.httpserver
import tornado.netutil
import tornado.web
import tornado.websocket
from peer import MAX_MESSAGE, Record, asked, content, end_with_standard_input, fragments, say

OPCODES = {"text": 1, "binary": 2, "close": 8, "ping": 9, "pong": 10}


class Handler(tornado.websocket.WebSocketHandler):
    def prepare(self):
        run, self.steps, self.options = asked(self.request.uri)
        self.record, self.moved, self.over, self.queue = Record(run), asyncio.Event(), False, asyncio.Queue()
        self.got_close = self.failed = False
        if "refuse" in self.options:
            self.set_status(self.options["refuse"])
            self.set_header("Content-Type", "text/plain")
            self.finish(content(self.options["body"]))
        elif self.options.get("cork"):  # the 101 waits for the first frame
            stream = self.request.connection.stream
            stream.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
            stream.set_nodelay = lambda _: None  # which would send it at once

    def get_compression_options(self):
        return {}

    def select_subprotocol(self, subprotocols):
        return next((one for one in self.options.get("subprotocols", []) if one in subprotocols), None)

    async def open(self, *_args, **_kwargs):
        protocol = self.protocol = self.ws_connection
        handle, abort = protocol._handle_message, protocol._abort

        def noting_close(opcode, data):
            self.got_close = self.got_close or opcode == OPCODES["close"]
            return handle(opcode, data)

        def noting_failure():
            self.failed = self.failed or not protocol.stream.closed()
            abort()

        protocol._handle_message, protocol._abort = noting_close, noting_failure
        self.record.subprotocol = self.selected_subprotocol
        self.record.extensions = "permessage-deflate" if protocol._compressor else ""
        self.task = asyncio.ensure_future(self.play())
        await asyncio.sleep(0)  # the first steps are done before anything is read

    def on_message(self, message):
        self.saw("text" if isinstance(message, str) else "binary", message)
        self.queue.put_nowait(message)

    def on_ping(self, data):
        self.saw("ping", data)

    def on_pong(self, data):
        self.saw("pong", data)

    def saw(self, kind, data):
        self.record.saw(kind, data)
        self.moved.set()

    def on_close(self):
        self.over = True
        self.moved.set()
        self.queue.put_nowait(None)

    async def play(self):
        try:
            for one in self.steps:
                await self.step(*one)
            while not self.over:
                await self.more()
        finally:
            self.record.end = self.how_it_ended()
            self.record.report()

    async def more(self):
        self.moved.clear()
        await self.moved.wait()

    def how_it_ended(self):
        if self.got_close:
            return f"closed {1005 if self.close_code is None else self.close_code} {self.close_reason or ''}"
        if self.failed:
            return "failed None"
        return "lost reset" if isinstance(self.protocol.stream.error, ConnectionResetError) else "lost end"

    async def step(self, name, *arguments):
        stream = self.protocol.stream
        if name == "send":
            kind, data = arguments[0], content(arguments[1])
            self.write_message(data.decode() if kind == "text" else data, binary=kind == "binary")
        elif name == "frames":
            opcode = OPCODES[arguments[0]]
            for control, data, last in fragments(arguments[1]):
                self.protocol._write_frame(True if control else last, OPCODES[control] if control else opcode, data)
                opcode = opcode if control else 0
        elif name == "ping":
            self.ping(content(arguments[0]))
        elif name == "pong":
            self.protocol._write_frame(True, OPCODES["pong"], content(arguments[0]))
        elif name == "await":
            while len(self.record.seen) < arguments[0] and not self.over:
                await self.more()
        elif name == "echo":
            while (message := await self.queue.get()) is not None:
                await self.write_message(message, binary=isinstance(message, bytes))
        elif name == "close":
            self.close(arguments[0], arguments[1] or None)
        elif name == "half":
            stream.socket.shutdown(socket.SHUT_WR)
        elif name == "reset":
            stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            stream.close()
        elif name == "uncork":
            stream.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 0)


async def main():
    logging.getLogger("tornado").setLevel(logging.ERROR)
    sockets = tornado.netutil.bind_sockets(0, "127.0.0.1")
    application = tornado.web.Application([(r"/.*", Handler)], websocket_max_message_size=MAX_MESSAGE)
    server = tornado.httpserver.HTTPServer(application, max_buffer_size=2 * MAX_MESSAGE)
    server.add_sockets(sockets)
    say(f"port {sockets[0].getsockname()[1]}")
    await asyncio.Event().wait()


end_with_standard_input()
asyncio.run(main())
