"""Answers of an application with their verdicts. Each is sent as it stands to a request of `method`; a second request follows on the same
connection of the client, and must get its own answer and nothing of the first.

A verdict is 502 (the client is told that the application spoke no sound HTTP), a `Got` (what the client gets), or BROKEN: the answer had begun,
and the client sees that it is not whole: never a clean end.
"""

import dataclasses


class Broken:
    pass


BROKEN = Broken()


@dataclasses.dataclass(frozen=True)
class Got:
    status: int = 200
    body: bytes = b""
    without: tuple = ()
    fields: tuple = ()


@dataclasses.dataclass(frozen=True)
class Case:
    name: str
    source: str
    raw: bytes
    verdict: object
    method: str = "GET"
    close: bool = False  # the application closes behind it; else it goes on waiting


OK = "HTTP/1.1 200 OK\r\n"


def answer(name, source, text, verdict, **more):
    return Case(name, source, text.encode("latin-1"), verdict, **more)


def head(lines, body, source, verdict, status="200 OK", version="1.1", **more):
    text = f"HTTP/{version} {status}\r\n" + "".join(f"{line}\r\n" for line in lines) + "\r\n" + body
    name = f"{version} {status} {' | '.join(map(repr, lines))} {body[:30]!r} {more or ''}"
    return answer(name, source, text, verdict, **more)


def field(line, source, verdict):
    return head(["Content-Length: 2", line], "ok", source, verdict)


def chunks(body, source, verdict, **more):
    return head(["Transfer-Encoding: chunked"], body, source, verdict, **more)


FINE = Got(200, b"ok")
EVIL = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"

STATUS_LINES = [
    answer("no HTTP", "RFC 9112 §4", "hello\r\n\r\n", 502),
    answer("an empty line and nothing", "RFC 9112 §4", "\r\n\r\n", 502, close=True),
    answer("nothing, closed", "RFC 9112 §9.5", "", 502, close=True),
    answer("a cut status line", "RFC 9112 §8", "HTTP/1.1 20", 502, close=True),
    answer("a cut head", "RFC 9112 §8", "HTTP/1.1 200 OK\r\nContent-Le", 502, close=True),
    answer("another protocol", "RFC 9112 §2.3", "HTTPS/1.1 200 OK\r\n\r\n", 502),
    answer("an ICY answer", "RFC 9112 §2.3", "ICY 200 OK\r\n\r\n", 502),
    answer("version in small letters", "RFC 9112 §2.3", "http/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 502),
    answer("version 2.0", "RFC 9112 §2.3", "HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nok", 502),
    answer("version 1.2", "RFC 9112 §2.3", "HTTP/1.2 200 OK\r\nContent-Length: 2\r\n\r\nok", 502),
    answer("a space in front", "RFC 9112 §4", " HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 502),
    answer("two spaces", "RFC 9112 §4", "HTTP/1.1  200 OK\r\nContent-Length: 2\r\n\r\nok", 502),
    answer("two digits", "RFC 9112 §4", "HTTP/1.1 20 OK\r\nContent-Length: 2\r\n\r\nok", 502),
    answer("four digits", "RFC 9112 §4", "HTTP/1.1 2000 OK\r\nContent-Length: 2\r\n\r\nok", 502),
    answer("a sign", "RFC 9112 §4", "HTTP/1.1 +20 OK\r\nContent-Length: 2\r\n\r\nok", 502),
    answer("no number", "RFC 9112 §4", "HTTP/1.1 abc OK\r\nContent-Length: 2\r\n\r\nok", 502),
    answer("status 099", "RFC 9110 §15", "HTTP/1.1 099 No\r\nContent-Length: 2\r\n\r\nok", 502),
    answer("status 000", "RFC 9110 §15", "HTTP/1.1 000 No\r\nContent-Length: 2\r\n\r\nok", 502),
    answer("LF behind the status line", "RFC 9112 §2.2", "HTTP/1.1 200 OK\nContent-Length: 2\r\n\r\nok", 502),
    answer("CR in the reason", "RFC 9112 §4", "HTTP/1.1 200 O\rK\r\nContent-Length: 2\r\n\r\nok", 502),
    answer("NUL in the reason", "RFC 9112 §4", "HTTP/1.1 200 O\x00K\r\nContent-Length: 2\r\n\r\nok", 502),
    answer("no reason", "RFC 9112 §4", "HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nok", FINE),
    answer("an unknown status", "RFC 9110 §15", "HTTP/1.1 299 Odd\r\nContent-Length: 2\r\n\r\nok", Got(299, b"ok")),
    answer("status 599", "RFC 9110 §15", "HTTP/1.1 599 Odd\r\nContent-Length: 2\r\n\r\nok", Got(599, b"ok")),
]

FIELDS = [
    field("X : 1", "RFC 9112 §5.1", 502),
    field("X", "RFC 9112 §5", 502),
    field(": 1", "RFC 9112 §5", 502),
    field("X@Y: 1", "RFC 9110 §5.1", 502),
    field("X: a\x00b", "RFC 9110 §5.5", 502),
    field("X: a\x01", "RFC 9110 §5.5", 502),
    field("X: a\rSet-Cookie: b=c", "RFC 9112 §2.2", 502),
    field("X: a\nSet-Cookie: b=c", "RFC 9112 §2.2", 502),
    field("X: 1\r\n folded", "RFC 9112 §5.2", 502),
    field("X: " + "a" * 70000, "policy: the head of an answer is bounded, as RFC 9110 §17.5 advises", 502),
    field("\r\n".join(f"X-{n}: 1" for n in range(300)), "policy: the fields of an answer are bounded, as RFC 9110 §17.5 advises", 502),
    field("X: caf\xe9", "RFC 9110 §5.5", Got(200, b"ok", fields=(("x", "caf\xe9"),))),
    field("Set-Cookie: a=1\r\nSet-Cookie: b=2", "RFC 6265 §3: not joined", Got(200, b"ok", fields=(("set-cookie", "a=1"), ("set-cookie", "b=2")))),
    field("Connection: X-Hop\r\nX-Hop: 1", "RFC 9110 §7.6.1", Got(200, b"ok", without=("x-hop",))),
    field("Keep-Alive: timeout=5", "RFC 9110 §7.6.1", Got(200, b"ok", without=("keep-alive",))),
    field("Proxy-Connection: close", "RFC 9110 §7.6.1", Got(200, b"ok", without=("proxy-connection",))),
    field("Upgrade: h2c", "RFC 9110 §7.8: one hop's", Got(200, b"ok", without=("upgrade",))),
]

LENGTHS = [
    head(["Content-Length: 2"], "ok", "RFC 9112 §6.3", FINE),
    head(["Content-Length: 002"], "ok", "RFC 9110 §8.6", FINE),
    head(["Content-Length: +2"], "ok", "RFC 9110 §8.6", 502),
    head(["Content-Length: -2"], "ok", "RFC 9110 §8.6", 502),
    head(["Content-Length: 0x2"], "ok", "RFC 9110 §8.6", 502),
    head(["Content-Length: 2 2"], "ok", "RFC 9110 §8.6", 502),
    head(["Content-Length: 2, 2"], "ok", "RFC 9112 §6.3", 502),
    head(["Content-Length: "], "ok", "RFC 9110 §8.6", 502),
    head(["Content-Length: two"], "ok", "RFC 9110 §8.6", 502),
    head(["Content-Length: 18446744073709551618"], "ok", "RFC 9110 §8.6: no overflow", 502),
    head(["Content-Length: 2", "Content-Length: 2"], "ok", "RFC 9112 §6.3", 502),
    head(["Content-Length: 2", "Content-Length: 3"], "ok", "RFC 9112 §6.3", 502),
    head(["Content-Length: 2", "Transfer-Encoding: chunked"], "2\r\nok\r\n0\r\n\r\n", "RFC 9112 §6.3", 502),
    head(["Transfer-Encoding: chunked", "Content-Length: 2"], "2\r\nok\r\n0\r\n\r\n", "RFC 9112 §6.3", 502),
    head(["Content-Length: 9"], "ok", "RFC 9112 §8: not whole", BROKEN, close=True),
    head(["Content-Length: 2"], "ok" + EVIL, "RFC 9112 §6.3: data after the end is no answer", FINE),
    head(["Content-Length: 2"], "ok\r\n", "RFC 9112 §6.3: data after the end is no answer", FINE),
    head(["Content-Length: 0"], EVIL, "RFC 9112 §6.3: data after the end is no answer", Got(200, b"")),
    head([], "ok", "RFC 9112 §6.3: until the end of the connection", FINE, close=True),
    head(["Content-Length: 2"], "ok", "RFC 9112 §9.3", FINE, close=True),
    head(["Content-Length: 2"], "ok", "RFC 9112 §9.3", FINE, version="1.0"),
    head([], "ok", "RFC 9112 §9.3", FINE, version="1.0", close=True),
]

CODINGS = [
    chunks("2\r\nok\r\n0\r\n\r\n", "RFC 9112 §7.1", FINE),
    chunks("1\r\no\r\n1\r\nk\r\n0\r\n\r\n", "RFC 9112 §7.1", FINE),
    chunks("2;a=b\r\nok\r\n0;c\r\n\r\n", "RFC 9112 §7.1.1", FINE),
    chunks("2\r\nok\r\n0\r\nX-Late: 1\r\n\r\n", "RFC 9112 §7.1.2", Got(200, b"ok", without=("x-late",))),
    chunks("2\r\nok\r\n0\r\n\r\n" + EVIL, "RFC 9112 §6.3: data after the end is no answer", FINE),
    chunks("2\r\nok\r\n0\r\n\r\n\r\n", "RFC 9112 §6.3: data after the end is no answer", FINE),
    chunks("2\r\nok\r\n", "RFC 9112 §8: no last chunk", BROKEN, close=True),
    chunks("2\r\nok\r\n0\r\n", "RFC 9112 §8: a cut end", BROKEN, close=True),
    chunks("5\r\nok", "RFC 9112 §8: a cut chunk", BROKEN, close=True),
    chunks("2\r\nok\r\ng\r\n", "RFC 9112 §7.1", BROKEN),
    chunks("2\r\nok\r\n-1\r\n", "RFC 9112 §7.1", BROKEN),
    chunks("2\r\nok\r\n0x1\r\nx\r\n0\r\n\r\n", "RFC 9112 §7.1", BROKEN),
    chunks("2\r\nok\r\n 1\r\nx\r\n0\r\n\r\n", "RFC 9112 §7.1", BROKEN),
    chunks("2\r\nokXX0\r\n\r\n", "RFC 9112 §7.1", BROKEN),
    chunks("2\r\nok\n0\r\n\r\n", "RFC 9112 §7.1", BROKEN),
    chunks("2\nok\r\n0\r\n\r\n", "RFC 9112 §7.1", BROKEN),
    chunks("ffffffffffffffff\r\nok\r\n0\r\n\r\n", "RFC 9112 §7.1: no overflow", BROKEN),
    chunks("2\r\nok\r\n0\r\n" + "X: 1\r\n" * 20000 + "\r\n", "policy: trailers are bounded, as RFC 9110 §17.5 advises", BROKEN),
    head(["Transfer-Encoding: gzip, chunked"], "2\r\nok\r\n0\r\n\r\n", "RFC 9112 §6.1", 502),
    head(["Transfer-Encoding: identity"], "ok", "RFC 9112 §6.1", 502),
    head(["Transfer-Encoding: xchunked"], "2\r\nok\r\n0\r\n\r\n", "RFC 9112 §6.1", 502),
    head(["Transfer-Encoding: chunked, identity"], "2\r\nok\r\n0\r\n\r\n", "RFC 9112 §6.1", 502),
    head(["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"], "2\r\nok\r\n0\r\n\r\n", "RFC 9112 §6.1", 502),
    head(["Transfer-Encoding:"], "2\r\nok\r\n0\r\n\r\n", "RFC 9112 §6.1", 502),
    head(["Transfer-Encoding: chunked"], "2\r\nok\r\n0\r\n\r\n", "RFC 9112 §6.1", 502, version="1.0"),
]

WITHOUT_BODY = [
    head(["Content-Length: 5"], "", "RFC 9110 §9.3.2", Got(200, b"", fields=(("content-length", "5"),)), method="HEAD"),
    head(["Content-Length: 4"], "evil", "RFC 9110 §9.3.2: HEAD has no body", Got(200, b""), method="HEAD"),
    head(["Transfer-Encoding: chunked"], "", "RFC 9112 §6.3", Got(200, b""), method="HEAD"),
    head([], "", "RFC 9110 §15.3.5", Got(204), status="204 No Content"),
    head([], EVIL, "RFC 9110 §15.3.5: no body", Got(204), status="204 No Content"),
    head(["Content-Length: 5"], "", "RFC 9110 §15.4.5", Got(304), status="304 Not Modified"),
    head(["Content-Length: 4"], "evil", "RFC 9110 §15.4.5: no body", Got(304), status="304 Not Modified"),
    answer("100 and then the answer", "RFC 9110 §15.2", "HTTP/1.1 100 Continue\r\n\r\n" + OK + "Content-Length: 2\r\n\r\nok", FINE),
    answer("103 and then the answer", "RFC 8297 §2", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + OK + "Content-Length: 2\r\n\r\nok", FINE),
    answer("102 twice", "RFC 9110 §15.2", "HTTP/1.1 102 Processing\r\n\r\n" * 2 + OK + "Content-Length: 2\r\n\r\nok", FINE),
    answer("1xx and no answer", "RFC 9110 §15.2", "HTTP/1.1 103 Early Hints\r\n\r\n", 502, close=True),
    answer("1xx without end", "policy: interim answers are bounded, though RFC 9110 §15.2 sets no limit",
           "HTTP/1.1 103 Early Hints\r\n\r\n" * 5000, 502),
    answer("101 unasked", "RFC 9110 §7.8", "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nevil", 502),
    answer("101 in a HEAD", "RFC 9110 §7.8", "HTTP/1.1 101 Switching Protocols\r\n\r\n", 502, method="HEAD"),
]

ALL = [*STATUS_LINES, *FIELDS, *LENGTHS, *CODINGS, *WITHOUT_BODY]
