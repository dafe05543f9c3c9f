"""A gRPC application as users write one (grpc.aio), in a thread, on bytes without any schema."""

import asyncio
import functools
import os
import threading

import grpc
import grpc.aio

UNLIMITED = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


@functools.cache
def the_loop():
    """One for all applications: gRPC wakes only one loop of a process."""
    loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda *_: None)  # calls that are broken off: what the tests do
    threading.Thread(target=loop.run_forever, daemon=True).start()
    return loop


class Application(grpc.GenericRpcHandler):
    def __init__(self, *options, port=0):
        self.port = port
        self.options = [*UNLIMITED, *options]
        self.held = 0  # calls of /t/hold that wait now
        self.written = 0  # messages that /t/pour could write
        self.cancelled = threading.Event()  # a call of /t/wait or /t/pour was broken off
        self.metadata = {}  # of the last call of /t/echo
        self._loop = the_loop()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(10)

    async def _start(self):
        self.release = asyncio.Event()
        self._server = grpc.aio.server(options=self.options)
        self._server.add_generic_rpc_handlers((self,))
        self.port = self._server.add_insecure_port(f"127.0.0.1:{self.port}")
        await self._server.start()

    def release_all(self):
        self._loop.call_soon_threadsafe(self.release.set)

    def close(self):
        asyncio.run_coroutine_threadsafe(self._server.stop(0), self._loop).result(10)

    def service(self, details):
        kinds = {
            "/t/echo": grpc.unary_unary_rpc_method_handler(self.echo),
            "/t/fail": grpc.unary_unary_rpc_method_handler(self.fail),
            "/t/hold": grpc.unary_unary_rpc_method_handler(self.hold),
            "/t/wait": grpc.unary_unary_rpc_method_handler(self.wait),
            "/t/count": grpc.unary_stream_rpc_method_handler(self.count),
            "/t/pour": grpc.unary_stream_rpc_method_handler(self.pour),
            "/t/sum": grpc.stream_unary_rpc_method_handler(self.sum),
            "/t/chat": grpc.stream_stream_rpc_method_handler(self.chat),
        }
        return kinds.get(details.method)

    async def echo(self, request, context):
        self.metadata = dict(context.invocation_metadata())
        await context.send_initial_metadata((("x-first", "1"),))
        context.set_trailing_metadata((("x-last", "2"), ("x-last-bin", b"\x00\xff")))
        return request

    async def fail(self, request, context):
        await context.abort(grpc.StatusCode.NOT_FOUND, "there is no “that”")

    async def hold(self, request, context):
        self.held += 1
        await self.release.wait()
        self.held -= 1
        return request

    async def wait(self, request, context):
        try:
            await asyncio.sleep(60)
        finally:
            self.cancelled.set()

    async def count(self, request, context):
        for number in range(int(request)):
            yield b"%d" % number

    async def pour(self, request, context):
        try:
            while True:
                yield bytes(int(request))
                self.written += 1
        finally:
            self.cancelled.set()

    async def sum(self, requests, context):
        return b"%d" % sum([int(one) async for one in requests])

    async def chat(self, requests, context):
        async for one in requests:
            yield one.upper()


if __name__ == "__main__":  # as a session's application
    Application(port=int(os.environ["PORT"]))
    threading.Event().wait()
