"""What no library's client would send, sent to a library's server on a raw socket; and the handshake's bytes as they are.

RFC 6455 §7.1.7 lets a server that finds a frame invalid end TCP without a close frame, as Tornado does; it also accepts some of what it
should refuse. Both stand in the table."""

import dataclasses
import socket
import struct
import zlib

from raw_http.exchange import LIMIT, Reader, read_body, read_head, values
from websocket_peers.peer import event
from websocket_peers.programs import url

MASK = b"\x37\xfa\x21\x3d"
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
KINDS = {0: "continuation", TEXT: "text", BINARY: "binary", CLOSE: "close", PING: "ping", PONG: "pong"}
FIELDS = ("sec-websocket-accept", "sec-websocket-protocol", "sec-websocket-extensions", "content-type")
UPGRADE_FIELDS = ("connection", "upgrade")  # of any other answer these are each hop's own (RFC 9110 §7.6.1)
KEY, ACCEPT = "dGhlIHNhbXBsZSBub25jZQ==", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="  # the example of §1.3
ALL = []


def frame(opcode, payload=b"", fin=True, rsv=0, mask=MASK, length=None):
    """`length`: what the head says, in 64 bits, whatever the payload is."""
    size, masked = len(payload), 0x80 if mask else 0
    head = bytes([(0x80 if fin else 0) | rsv << 4 | opcode])
    if length is not None:
        head += bytes([masked | 127]) + struct.pack("!Q", length)
    else:
        head += bytes([masked | size]) if size < 126 else bytes([masked | 126]) + struct.pack("!H", size)
    return head + (mask + bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload)) if mask else payload)


def close_frame(code, reason=b""):
    return frame(CLOSE, struct.pack("!H", code) + reason)


@dataclasses.dataclass(frozen=True)
class RawCase:
    name: str
    section: str
    raw: bytes  # behind the handshake
    answers: dict  # name of the server → (what comes back, the server's own end); a server that is not there is not asked
    fields: tuple = ()  # more lines of the request's head
    steps: tuple = (("echo",),)
    options: dict = dataclasses.field(default_factory=dict)
    with_head: bool = False  # `raw` comes in one packet with the request's head
    then: str = ""  # "half": FIN, "reset": RST
    status: int = 101
    extensions: str = ""
    server_reports: bool = True


def case(name, section, raw, strict=None, tornado=None, **more):
    found = {name: answer for name, answer in (("websockets", strict), ("Tornado", tornado)) if answer}
    ALL.append(RawCase(name, section, raw, found, **more))


def both(*answer):
    return {"strict": answer, "tornado": answer}


def failed(code, tornado=([], "failed None")):
    return {"strict": ([f"close {code} "], f"failed {code}"), "tornado": tornado}


def echoed(payload, opcode=TEXT):
    return ([event(KINDS[opcode], payload), "close 1000 "], "closed 1000 ")


def invalid_frames():
    for opcode in (0x3, 0x7, 0xB, 0xF):
        case(f"reserved opcode {opcode:#x}", "§5.2", frame(opcode, b"x"), **failed(1002))
    for rsv in (4, 2, 1):
        case(f"reserved bits {rsv:03b} without an extension", "§5.2", frame(TEXT, b"x", rsv=rsv), **failed(1002))
    case("a fragmented ping", "§5.5", frame(PING, b"x", fin=False), **failed(1002))
    case("a ping of 126 bytes", "§5.5", frame(PING, b"x" * 126), **failed(1002))
    case("a close frame of 126 bytes", "§5.5", close_frame(1000, b"x" * 124), **failed(1002))
    case("a continuation of nothing", "§5.4", frame(0, b"x"), **failed(1002))
    case("a message inside a fragmented one", "§5.4", frame(TEXT, b"x", fin=False) + frame(TEXT, b"y"), **failed(1002))
    case("a frame without a mask", "§5.1", frame(TEXT, b"bare", mask=b""), **failed(1002, echoed(b"bare")))
    case("text that is no UTF-8", "§8.1", frame(TEXT, b"\xc3\x28"), **failed(1007))
    case("text that is no UTF-8, in two fragments", "§8.1", frame(TEXT, b"a\xc3", fin=False) + frame(0, b"\x28"), **failed(1007))
    case("text that ends inside a character", "§8.1", frame(TEXT, b"\xe2\x82"), **failed(1007))
    for length in (100 << 20, 1 << 63):
        case(f"a message of {length} bytes is announced", "§7.4.1 (1009)", frame(BINARY, length=length),
             strict=(["close 1009 "], "failed 1009"), tornado=(["close 1009 message too big"], "failed None"))


def close_frames():
    for code in (0, 999, 1004, 1005, 1006, 1015, 2999, 5000):
        case(f"close code {code} on the wire", "§7.4.2", close_frame(code), **failed(1002, ([f"close {code} "], f"closed {code} ")))
    case("a close frame of one byte", "§5.5.1", frame(CLOSE, b"\x03"), **failed(1002, (["close 1005 "], "closed 1005 ")))
    case("a reason that is no UTF-8", "§5.5.1", close_frame(1000, b"\xc3\x28"), strict=(["close 1007 "], "failed 1007"))


def cut_off():
    for then, lost in (("half", "lost end"), ("reset", "lost reset")):
        case(f"{then} inside a frame's head", "§7.1.5", frame(BINARY, b"x" * 200)[:3], **both([], lost), then=then)
        case(f"{then} inside a frame's payload", "§7.1.5", frame(BINARY, b"x" * 200)[:100], **both([], lost), then=then)
        case(f"{then} inside a fragmented message", "§7.1.5", frame(TEXT, b"x", fin=False), **both([], lost), then=then)


def same_packet():
    case("a frame comes with the request's head", "§4.1", frame(TEXT, b"early"), **both(*echoed(b"early")), with_head=True)
    case("half a frame comes with the request's head", "§4.1", frame(TEXT, b"early")[:4], **both([], "lost end"), with_head=True,
         then="half")
    case("the server's frame comes with its 101", "§4.1", b"", **both([event("binary", b""), "close 1000 "], "closed 1000 "),
         steps=(("send", "binary", "binary-0"), ("uncork",)), options={"cork": True})


def handshakes():
    deflate = ("Sec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover; server_no_context_takeover",)
    packer = zlib.compressobj(wbits=-15)
    packed = (packer.compress(b"z" * 10000) + packer.flush(zlib.Z_SYNC_FLUSH))[:-4]  # RFC 7692 §7.2.1
    case("permessage-deflate on the wire", "RFC 7692 §7", frame(TEXT, packed, rsv=4), **both(*echoed(b"z" * 10000)), fields=deflate,
         extensions="permessage-deflate")
    case("RSV2 with permessage-deflate", "§5.2", frame(TEXT, packed, rsv=6), **failed(1002), fields=deflate,
         extensions="permessage-deflate")
    for status in (401, 404, 503):
        case(f"refused with {status}", "§4.2.2", b"", **both(["text-65536"], None), options={"refuse": status, "body": "text-65536"},
             status=status, server_reports=False)


class Raw:
    """One exchange with a server, frame by frame."""

    def __init__(self, case, port, run):
        address, target = url(port, run, case.steps, case.options).removeprefix("ws://").split("/", 1)
        lines = [f"GET /{target} HTTP/1.1", f"Host: {address}", "Connection: Upgrade", "Upgrade: websocket", f"Sec-WebSocket-Key: {KEY}",
                 "Sec-WebSocket-Version: 13", *case.fields]
        self.head = ("\r\n".join(lines) + "\r\n\r\n").encode()
        self.case, self.frames, self.end = case, [], ""
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=LIMIT)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.reader = Reader(self.socket)

    def play(self):
        with self.socket:
            early, late = (self.case.raw, b"") if self.case.with_head else (b"", self.case.raw)
            self.socket.sendall(self.head + early)
            start, fields = read_head(self.reader)
            self.status, self.together = int(start.split()[1]), bool(self.reader.held)
            self.fields = {name: values(fields, name) for name in FIELDS + (UPGRADE_FIELDS if self.status == 101 else ())}
            if self.status != 101:
                self.frames = [event("body", read_body(self.reader, fields, self.reader.rest))]
            else:
                self.socket.sendall(late)
                self.finish()
        return {"status": self.status, "fields": self.fields, "frames": self.frames, "end": self.end}

    def finish(self):
        if self.case.then == "half":
            self.socket.shutdown(socket.SHUT_WR)
        elif self.case.then == "reset":
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return
        try:
            while True:
                self.frame()
        except EOFError:
            self.end = "end" if not self.reader.held else f"end inside a frame: {self.reader.held[:20]!r}"
        except ConnectionResetError:
            self.end = "reset"

    def frame(self):
        first, second = self.reader.exactly(2)
        length = second & 0x7F
        if length > 125:
            form = "!H" if length == 126 else "!Q"
            length = struct.unpack(form, self.reader.exactly(struct.calcsize(form)))[0]
        payload = self.reader.exactly(length)
        opcode, rsv = first & 15, first >> 4 & 7
        if rsv == 4 and self.case.extensions:
            payload = zlib.decompressobj(wbits=-15).decompress(payload + b"\x00\x00\xff\xff")
            rsv = 0
        marks = f"{'' if first & 0x80 else ' fragment'}{f' rsv {rsv}' if rsv else ''}{' masked' if second & 0x80 else ''}"
        if opcode == CLOSE:
            code = struct.unpack("!H", payload[:2])[0] if payload else 1005
            self.frames.append(f"close {code} {payload[2:].decode()}{marks}")
            return
        self.frames.append(event(KINDS.get(opcode, str(opcode)), payload) + marks)
        if opcode in (TEXT, BINARY):
            self.socket.sendall(close_frame(1000))


for group in (invalid_frames, close_frames, cut_off, same_packet, handshakes):
    group()
