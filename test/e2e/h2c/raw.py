"""Both ends of HTTP/2 on sockets, by python3-h2: a client that may misbehave, and an application that says what it got."""

import contextlib
import hashlib
import json
import socket

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings

LIMIT = 10  # seconds for anything


class Client:
    """One connection. Events are gathered; nothing is acknowledged unless `read` is told to."""

    def __init__(self, port, acknowledge=True):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=LIMIT)
        config = h2.config.H2Configuration(client_side=True, header_encoding="utf-8", validate_outbound_headers=False)
        self.h2 = h2.connection.H2Connection(config)
        self.h2.initiate_connection()
        self.acknowledge = acknowledge
        self.events, self.closed = [], False
        self.flush()

    def flush(self):
        data = self.h2.data_to_send()
        if data:
            self.socket.sendall(data)

    def request(self, path, method="GET", fields=(), body=None, end=True, authority="app.example"):
        stream = self.h2.get_next_available_stream_id()
        head = [(":method", method), (":scheme", "http"), (":authority", authority), (":path", path), *fields]
        self.h2.send_headers(stream, head, end_stream=end and body is None)
        if body is not None:
            self.h2.send_data(stream, body, end_stream=end)
        self.flush()
        return stream

    def until(self, wanted, what):
        """Reads until wanted(event); the event."""
        seen = 0
        while True:
            for event in self.events[seen:]:
                if wanted(event):
                    return event
            seen = len(self.events)
            if self.closed:
                raise AssertionError(f"the connection ended before {what}; {self.events}")
            self.read(what)

    def read(self, what="more"):
        try:
            data = self.socket.recv(65536)
        except ConnectionResetError:
            data = b""
        except TimeoutError:
            raise AssertionError(f"waited {LIMIT} s for {what}; {self.events}") from None
        if not data:
            self.closed = True
            return
        for event in self.h2.receive_data(data):
            self.events.append(event)
            if self.acknowledge and isinstance(event, h2.events.DataReceived) and event.flow_controlled_length:
                with contextlib.suppress(h2.exceptions.StreamClosedError):
                    self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        with contextlib.suppress(OSError):
            self.flush()

    def answer(self, stream):
        """(status, fields, body, trailers)"""
        self.until(lambda e: isinstance(e, h2.events.StreamEnded) and e.stream_id == stream, f"the end of stream {stream}")
        of = [e for e in self.events if getattr(e, "stream_id", None) == stream]
        fields = dict(next(e for e in of if isinstance(e, h2.events.ResponseReceived)).headers)
        body = b"".join(e.data for e in of if isinstance(e, h2.events.DataReceived))
        trailers = [dict(e.headers) for e in of if isinstance(e, h2.events.TrailersReceived)]
        return int(fields[":status"]), fields, body, trailers[0] if trailers else {}

    def goaways(self):
        return [e for e in self.events if isinstance(e, h2.events.ConnectionTerminated)]

    def until_closed(self):
        while not self.closed:
            self.read("the connection's end")
        return self.goaways()

    def close(self):
        self.socket.close()


def serve(connection, settings=None):
    """For raw_http's Application: answers each request with what it was, as JSON, and a trailer. /reset/N is reset with the code N, /goaway has
    a GOAWAY behind its answer, /early is answered before its body, /never not at all; the body of /deaf is not taken before /release."""
    conn = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
    if settings:
        conn.local_settings = h2.settings.Settings(client=False, initial_values=settings)
    conn.initiate_connection()
    connection.sendall(conn.data_to_send())
    heads, bodies, sizes, untaken, deaf = {}, {}, {}, [], True
    while True:
        data = connection.recv(65536)
        if not data:
            return
        for event in conn.receive_data(data):
            if isinstance(event, h2.events.RequestReceived):
                heads[event.stream_id], bodies[event.stream_id], sizes[event.stream_id] = dict(event.headers), hashlib.sha256(), 0
                if dict(event.headers)[":path"] == "/early":
                    conn.send_headers(event.stream_id, [(":status", "413"), ("content-length", "0")], end_stream=True)
            elif isinstance(event, h2.events.DataReceived):
                bodies[event.stream_id].update(event.data)
                sizes[event.stream_id] += len(event.data)
                untaken.append((event.flow_controlled_length, event.stream_id))
            elif isinstance(event, h2.events.StreamEnded):
                answer(conn, event.stream_id, heads[event.stream_id], sizes[event.stream_id], bodies[event.stream_id].hexdigest())
        deaf = deaf and all(head[":path"] != "/release" for head in heads.values())
        for length, stream in [one for one in untaken if not deaf or heads[one[1]][":path"] != "/deaf"]:
            untaken.remove((length, stream))
            with contextlib.suppress(h2.exceptions.StreamClosedError):
                conn.acknowledge_received_data(length, stream)
        connection.sendall(conn.data_to_send())


def answer(conn, stream, head, size, digest):
    path = head[":path"]
    if path in ("/never", "/early"):
        return
    if path.startswith("/reset/"):
        conn.reset_stream(stream, int(path.split("/")[2]))
        return
    body = json.dumps({"head": head, "size": size, "sha256": digest}).encode()
    conn.send_headers(stream, [(":status", "200"), ("content-type", "application/json")])
    if head[":method"] != "HEAD":
        conn.send_data(stream, body)
    conn.send_headers(stream, [("x-last", "2")], end_stream=True)
    if path == "/goaway":
        conn.close_connection(h2.errors.ErrorCodes.NO_ERROR, last_stream_id=stream)
