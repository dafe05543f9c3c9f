"""Requests with their verdicts. Each is sent as it stands on a connection of its own, with a second, sound request right behind it.

A verdict is a status (int): the proxy refuses, closes, and no complete request reaches the application, above all not the second one. Or it is
a `Seen`: the application gets exactly this request and then the second one, and both are answered.
"""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Seen:
    """What the application gets. `without` and `fields`: names that must be absent, and fields that must be there (lower case)."""

    method: str = "GET"
    target: str = "/"
    body: bytes = b""
    without: tuple = ()
    fields: tuple = ()
    last: bool = False  # the connection ends behind it: the second request is not asked


@dataclasses.dataclass(frozen=True)
class Case:
    name: str
    source: str  # where the rule is from: an RFC's section, or "policy: " and why
    raw: bytes
    verdict: object


def latin(text):
    return text.encode("latin-1")


def line(name, source, start, verdict):
    return Case(name, source, latin(start) + b"\r\nHost: a\r\n\r\n", verdict)


def target(text, source, verdict):
    return line(f"target {text!r}", source, f"GET {text} HTTP/1.1", verdict)


def field(text, source, verdict):
    return Case(f"field {text[:60]!r}", source, b"GET / HTTP/1.1\r\nHost: a\r\n" + latin(text) + b"\r\n\r\n", verdict)


def host(text, source, verdict):
    return Case(f"Host {text!r}", source, b"GET / HTTP/1.1\r\nHost: " + latin(text) + b"\r\n\r\n", verdict)


def framed(fields, body, source, verdict, method="POST", version="1.1"):
    head = f"{method} / HTTP/{version}\r\nHost: a\r\n" + "".join(f"{one}\r\n" for one in fields)
    return Case(f"{method} {' | '.join(map(repr, fields))} with {body[:40]!r} ({version})", source, latin(head) + b"\r\n" + body, verdict)


def length(value, source, verdict, body=b"hello"):
    return framed([f"Content-Length: {value}"], body, source, verdict)


def coding(value, source, verdict, body=b"5\r\nhello\r\n0\r\n\r\n"):
    return framed([f"Transfer-Encoding: {value}"], body, source, verdict)


def chunks(body, source, verdict):
    return framed(["Transfer-Encoding: chunked"], body, source, verdict)


def named(names, more, source, verdict):
    """Connection names fields, which then belong to one hop."""
    return framed([f"Connection: {names}", *more], b"hello", source, verdict)


HELLO = Seen("POST", "/", b"hello")
GET = Seen()

START_LINES = [
    line("two spaces before the target", "RFC 9112 §3", "GET  / HTTP/1.1", 400),
    line("two spaces before the version", "RFC 9112 §3", "GET /  HTTP/1.1", 400),
    line("a space before the method", "RFC 9112 §3", " GET / HTTP/1.1", 400),
    line("a tab before the method", "RFC 9112 §3", "\tGET / HTTP/1.1", 400),
    line("tabs for spaces", "RFC 9112 §3", "GET\t/\tHTTP/1.1", 400),
    line("a space behind the version", "RFC 9112 §3", "GET / HTTP/1.1 ", 400),
    line("a method that is no token", "RFC 9110 §9.1", "G@T / HTTP/1.1", 400),
    line("a method with a colon", "RFC 9110 §9.1", "GET: / HTTP/1.1", 400),
    line("no method", "RFC 9112 §3", "/ HTTP/1.1", 400),
    line("no target", "RFC 9112 §3", "GET HTTP/1.1", 400),
    line("no version: HTTP/0.9", "RFC 9112 §3", "GET /", 400),
    line("version in small letters", "RFC 9112 §2.3", "GET / http/1.1", 400),
    line("another protocol", "RFC 9112 §2.3", "GET / HTTPS/1.1", 400),
    line("version with two digits", "RFC 9112 §2.3", "GET / HTTP/1.10", 400),
    line("version with a leading zero", "RFC 9112 §2.3", "GET / HTTP/01.1", 400),
    line("version without a minor", "RFC 9112 §2.3", "GET / HTTP/1", 400),
    line("version 1.2", "RFC 9110 §15.6.6", "GET / HTTP/1.2", 505),
    line("version 0.9", "RFC 9110 §15.6.6", "GET / HTTP/0.9", 505),
    line("version 2.0", "RFC 9110 §15.6.6", "GET / HTTP/2.0", 505),
    line("version 3.0", "RFC 9110 §15.6.6", "GET / HTTP/3.0", 505),
    line("CONNECT", "RFC 9110 §9.3.6", "CONNECT a:443 HTTP/1.1", 501),
    line("CONNECT to a path", "RFC 9110 §9.3.6", "CONNECT / HTTP/1.1", 501),
    line("an extension method", "RFC 9110 §9.1", "PROPFIND /x HTTP/1.1", Seen("PROPFIND", "/x")),
    line("a method in small letters is another method", "RFC 9110 §9.1", "get / HTTP/1.1", Seen("get", "/")),
    line("OPTIONS *", "RFC 9112 §3.2.4", "OPTIONS * HTTP/1.1", Seen("OPTIONS", "*")),
    line("TRACE is the application's to answer", "RFC 9110 §9.3.8", "TRACE / HTTP/1.1", Seen("TRACE", "/")),
    Case("an HTTP/2 preface", "RFC 9113 §3.4", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    Case("the bytes of a TLS hello", "RFC 9112 §3", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
    Case("one empty line in front", "RFC 9112 §2.2", b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", GET),
    Case("two empty lines in front", "RFC 9112 §2.2", b"\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    Case("a bare LF in front", "RFC 9112 §2.2", b"\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    Case("a byte order mark in front", "RFC 9112 §3", b"\xef\xbb\xbfGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
]

TARGETS = [
    target("/a b", "RFC 9112 §3.2", 400),
    target("/a\tb", "RFC 9112 §3.2", 400),
    target("/a\x00b", "RFC 9112 §3.2", 400),
    target("/a\x7f", "RFC 9112 §3.2", 400),
    target("/caf\xe9", "RFC 9112 §3.2", 400),
    target("/a#b", "RFC 9112 §3.2.1", 400),
    target("a", "RFC 9112 §3.2.1", 400),
    target("?q", "RFC 9112 §3.2.1", 400),
    target("*", "RFC 9112 §3.2.4", 400),
    target("a:80", "RFC 9112 §3.2.3", 400),
    target("http:/a", "RFC 9112 §3.2.2", 400),
    target("http://", "RFC 9110 §4.2.1", 400),
    target("http:///x", "RFC 9110 §4.2.1", 400),
    target("http://u:p@a/", "RFC 9110 §4.2.4", 400),
    target("http://a b/", "RFC 9112 §3.2", 400),
    target("ftp://a/", "RFC 9112 §3.2.2", 400),
    target("//evil/x", "RFC 9112 §3.2.1", Seen(target="//evil/x", fields=(("host", "a"),))),
    target("/%00%0d%0a", "RFC 3986 §2.1", Seen(target="/%00%0d%0a")),
    target("/../../etc/passwd", "RFC 9112 §3.2.1", Seen(target="/../../etc/passwd")),
    target("/a?b=c?d&e=/", "RFC 9112 §3.2.1", Seen(target="/a?b=c?d&e=/")),
    target("/" + "a" * 8000, "RFC 9112 §3", Seen(target="/" + "a" * 8000)),
    target("/" + "a" * 40000, "RFC 6585 §5", 431),
    target("http://b/x", "RFC 9112 §3.2.2: the target's host counts", Seen(target="/x", fields=(("host", "b"),))),
    target("http://b", "RFC 9112 §3.2.1", Seen(target="/", fields=(("host", "b"),))),
    target("http://b?x=1", "RFC 9112 §3.2.1", Seen(target="/?x=1", fields=(("host", "b"),))),
    target("HTTP://b/", "RFC 3986 §3.1", Seen(target="/", fields=(("host", "b"),))),
]

LINE_ENDS = [
    Case("LF behind the request line", "RFC 9112 §2.2", b"GET / HTTP/1.1\nHost: a\r\n\r\n", 400),
    Case("LF behind a field", "RFC 9112 §2.2", b"GET / HTTP/1.1\r\nHost: a\nX: 1\r\n\r\n", 400),
    Case("LF LF at the end", "RFC 9112 §2.2", b"GET / HTTP/1.1\r\nHost: a\n\n", 400),
    Case("CR LF LF at the end", "RFC 9112 §2.2", b"GET / HTTP/1.1\r\nHost: a\r\n\n", 400),
    Case("LF CR LF at the end", "RFC 9112 §2.2", b"GET / HTTP/1.1\r\nHost: a\n\r\n", 400),
    Case("CR alone behind a field", "RFC 9112 §2.2", b"GET / HTTP/1.1\r\nHost: a\rX: 1\r\n\r\n", 400),
    Case("CR CR LF behind a field", "RFC 9112 §2.2", b"GET / HTTP/1.1\r\nHost: a\r\r\n\r\n", 400),
    Case("CR in the request line", "RFC 9112 §2.2", b"GET /\r HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    Case("LF and a second request in a value", "RFC 9110 §5.5", b"GET / HTTP/1.1\r\nHost: a\r\nX: 1\n\nGET /evil HTTP/1.1\r\n\r\n", 400),
]

FIELDS = [
    field("X : 1", "RFC 9112 §5.1", 400),
    field("X\t: 1", "RFC 9112 §5.1", 400),
    field("X", "RFC 9112 §5", 400),
    field(": 1", "RFC 9112 §5", 400),
    field("X@Y: 1", "RFC 9110 §5.1", 400),
    field("X Y: 1", "RFC 9110 §5.1", 400),
    field("X\xe9: 1", "RFC 9110 §5.1", 400),
    field("X\x00: 1", "RFC 9110 §5.1", 400),
    field("(X): 1", "RFC 9110 §5.1", 400),
    field("X: a\x00b", "RFC 9110 §5.5", 400),
    field("X: a\x01", "RFC 9110 §5.5", 400),
    field("X: a\x08", "RFC 9110 §5.5", 400),
    field("X: a\x0b", "RFC 9110 §5.5", 400),
    field("X: a\x7f", "RFC 9110 §5.5", 400),
    field("X: 1\r\n folded", "RFC 9112 §5.2", 400),
    field("X: 1\r\n\tfolded", "RFC 9112 §5.2", 400),
    field("X:\r\n 1", "RFC 9112 §5.2", 400),
    Case("a folded line before the first field", "RFC 9112 §2.2", b"GET / HTTP/1.1\r\n X: 1\r\nHost: a\r\n\r\n", 400),
    field("\r\n".join(f"X-{n}: 1" for n in range(200)), "RFC 6585 §5", 431),
    field("X: " + "a" * 40000, "RFC 6585 §5", 431),
    field("X: \t1\t ", "RFC 9112 §5.1", Seen(fields=(("x", "1"),))),
    field("X:1", "RFC 9112 §5", Seen(fields=(("x", "1"),))),
    field("X:", "RFC 9112 §5", Seen(fields=(("x", ""),))),
    field("X: caf\xe9", "RFC 9110 §5.5", Seen(fields=(("x", "caf\xe9"),))),
    field("X: a\tb", "RFC 9110 §5.5", Seen(fields=(("x", "a\tb"),))),
]

HOSTS = [
    Case("no Host", "RFC 9112 §3.2", b"GET / HTTP/1.1\r\n\r\n", 400),
    Case("no Host, target absolute", "RFC 9112 §3.2", b"GET http://a/ HTTP/1.1\r\n\r\n", 400),
    Case("Host twice, equal", "RFC 9112 §3.2", b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400),
    Case("Host twice, unlike", "RFC 9112 §3.2", b"GET / HTTP/1.1\r\nHost: a\r\nhOsT: b\r\n\r\n", 400),
    host("", "RFC 9112 §3.2", 400),
    host("a b", "RFC 3986 §3.2.2", 400),
    host("a, b", "RFC 3986 §3.2.2", 400),
    host("a/b", "RFC 3986 §3.2.2", 400),
    host("a?b", "RFC 3986 §3.2.2", 400),
    host("a#b", "RFC 3986 §3.2.2", 400),
    host("u@a", "RFC 9110 §7.2", 400),
    host("a:b", "RFC 3986 §3.2.3", 400),
    host("a:1:2", "RFC 3986 §3.2.3", 400),
    host("a:65536", "RFC 3986 §3.2.3", 400),
    host(":80", "RFC 9110 §4.2.1", 400),
    host("[::1", "RFC 3986 §3.2.2", 400),
    host("::1", "RFC 3986 §3.2.2", 400),
    host("\xe9", "RFC 3986 §3.2.2", 400),
    host("a\\b", "RFC 3986 §3.2.2", 400),
    host("[::1]:80", "RFC 3986 §3.2.2", Seen(fields=(("host", "[::1]:80"),))),
    host("A_b-C.d:8080", "RFC 3986 §3.2.2", Seen(fields=(("host", "A_b-C.d:8080"),))),
]

LENGTHS = [
    length("5", "RFC 9112 §6.2", HELLO),
    length("005", "RFC 9110 §8.6: 1*DIGIT", HELLO),
    length("+5", "RFC 9110 §8.6", 400),
    length("-5", "RFC 9110 §8.6", 400),
    length("0x5", "RFC 9110 §8.6", 400),
    length("5.0", "RFC 9110 §8.6", 400),
    length("5 5", "RFC 9110 §8.6", 400),
    length("5;x", "RFC 9110 §8.6", 400),
    length("five", "RFC 9110 §8.6", 400),
    length("", "RFC 9110 §8.6", 400),
    length("5, 5", "RFC 9112 §6.3: never joined, even when equal", 400),
    length("5, 6", "RFC 9112 §6.3", 400),
    length("5,", "RFC 9112 §6.3", 400),
    length("\x0b5", "RFC 9110 §5.5", 400),
    length("5\xa0", "RFC 9110 §8.6", 400),
    length("\xb2", "RFC 9110 §8.6", 400),
    length("18446744073709551616", "RFC 9110 §8.6: no overflow", 400),
    length("18446744073709551621", "RFC 9110 §8.6: no overflow", 400),
    length("99999999999999999999999999", "RFC 9110 §8.6", 400),
    framed(["Content-Length: 5", "Content-Length: 5"], b"hello", "RFC 9112 §6.3: even when equal", 400),
    framed(["Content-Length: 5", "Content-Length: 0"], b"hello", "RFC 9112 §6.3", 400),
    framed(["Content-Length: 0", "content-length: 5"], b"hello", "RFC 9112 §6.3", 400),
    framed(["Content_Length: 5"], b"", "RFC 9110 §5.1: another field", Seen("POST", "/")),
    framed(["Content-Length: 5"], b"hello", "RFC 9110 §9.3.1", Seen("GET", "/", b"hello"), method="GET"),
    framed(["Content-Length: 0"], b"", "RFC 9112 §6.2", Seen("POST", "/")),
    framed([], b"", "RFC 9112 §6.3: no body", Seen("POST", "/")),
]

CODINGS = [
    coding("Chunked", "RFC 9112 §7", HELLO),
    coding("\tchunked ", "RFC 9112 §5.1", HELLO),
    coding("", "RFC 9112 §6.1", 400),
    coding(",chunked", "RFC 9112 §6.1", 400),
    coding("chunked,", "RFC 9112 §6.1", 400),
    coding("chunked, chunked", "RFC 9112 §6.1", 400),
    coding("identity", "RFC 9112 §6.1", 400),
    coding("chunked, identity", "RFC 9112 §6.1", 400),
    coding("identity, chunked", "RFC 9112 §6.1", 400),
    coding("gzip, chunked", "RFC 9112 §6.1", 400),
    coding("xchunked", "RFC 9112 §6.1", 400),
    coding("chunkedx", "RFC 9112 §6.1", 400),
    coding("chunke", "RFC 9112 §6.1", 400),
    coding('"chunked"', "RFC 9112 §6.1", 400),
    coding("'chunked'", "RFC 9112 §6.1", 400),
    coding("chunked;q=1", "RFC 9112 §6.1", 400),
    coding("chunked; foo=bar", "RFC 9112 §6.1", 400),
    coding("chun ked", "RFC 9112 §6.1", 400),
    coding("\x0bchunked", "RFC 9110 §5.5", 400),
    coding("chunked\x00", "RFC 9110 §5.5", 400),
    coding("chunked\x85", "RFC 9112 §6.1", 400),
    coding("\xa0chunked", "RFC 9112 §6.1", 400),
    coding("\r\n chunked", "RFC 9112 §5.2", 400),
    coding("x\r\n chunked", "RFC 9112 §5.2", 400),
    framed(["Transfer-Encoding : chunked"], b"0\r\n\r\n", "RFC 9112 §5.1", 400),
    framed(["Transfer-Encoding\t: chunked"], b"0\r\n\r\n", "RFC 9112 §5.1", 400),
    framed([" Transfer-Encoding: chunked"], b"0\r\n\r\n", "RFC 9112 §5.2", 400),
    framed(["X: 1\rTransfer-Encoding: chunked"], b"0\r\n\r\n", "RFC 9112 §2.2", 400),
    framed(["X: 1\nTransfer-Encoding: chunked"], b"0\r\n\r\n", "RFC 9112 §2.2", 400),
    framed(["Transfer_Encoding: chunked"], b"", "RFC 9110 §5.1: another field", Seen("POST", "/")),
    framed(["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"], b"0\r\n\r\n", "RFC 9112 §6.1", 400),
    framed(["Transfer-Encoding: chunked", "Transfer-Encoding: identity"], b"0\r\n\r\n", "RFC 9112 §6.1", 400),
    framed(["Transfer-Encoding: identity", "transfer-encoding: chunked"], b"0\r\n\r\n", "RFC 9112 §6.1", 400),
    framed(["Content-Length: 5", "Transfer-Encoding: chunked"], b"0\r\n\r\n", "RFC 9112 §6.3", 400),
    framed(["Transfer-Encoding: chunked", "Content-Length: 5"], b"0\r\n\r\n", "RFC 9112 §6.3", 400),
    framed(["Content-Length: 0", "Transfer-Encoding: chunked"], b"0\r\n\r\n", "RFC 9112 §6.3", 400),
    framed(["Content-Length: 5", "Transfer-Encoding: identity"], b"hello", "RFC 9112 §6.3", 400),
    framed(["Transfer-Encoding: chunked"], b"0\r\n\r\n", "RFC 9112 §6.1", 400, version="1.0"),
    framed(["Transfer-Encoding: chunked", "Connection: keep-alive"], b"0\r\n\r\n", "RFC 9112 §6.1", 400, version="1.0"),
    framed(["Transfer-Encoding: chunked"], b"5\r\nhello\r\n0\r\n\r\n", "RFC 9110 §9.3.1", Seen("GET", "/", b"hello"), method="GET"),
    framed(["Transfer-Encoding: chunked"], b"0\r\n\r\n", "RFC 9112 §7.1", Seen("DELETE", "/"), method="DELETE"),
]

CHUNKS = [
    chunks(b"5\r\nhello\r\n0\r\n\r\n", "RFC 9112 §7.1", HELLO),
    chunks(b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", "RFC 9112 §7.1", HELLO),
    chunks(b"A\r\n0123456789\r\n0\r\n\r\n", "RFC 9112 §7.1", Seen("POST", "/", b"0123456789")),
    chunks(b"a\r\n0123456789\r\n0\r\n\r\n", "RFC 9112 §7.1", Seen("POST", "/", b"0123456789")),
    chunks(b"0005\r\nhello\r\n000\r\n\r\n", "RFC 9112 §7.1: 1*HEXDIG", HELLO),
    chunks(b"5;x=y\r\nhello\r\n0;z\r\n\r\n", "RFC 9112 §7.1.1: extensions are not passed on", HELLO),
    chunks(b'5;x="a b"\r\nhello\r\n0\r\n\r\n', "RFC 9112 §7.1.1", HELLO),
    chunks(b"0\r\nX-Late: 1\r\n\r\n", "RFC 9112 §7.1.2: trailers are not passed on", Seen("POST", "/", without=("x-late",))),
    chunks(b"0\r\nContent-Length: 5\r\n\r\n", "RFC 9110 §6.5.1", Seen("POST", "/", without=("content-length",))),
    chunks(b"0\r\nTransfer-Encoding: chunked\r\nHost: evil\r\n\r\n", "RFC 9110 §6.5.1", Seen("POST", "/", fields=(("host", "a"),))),
    chunks(b"\r\nhello\r\n0\r\n\r\n", "RFC 9112 §7.1", 400),
    chunks(b"g\r\nhello\r\n0\r\n\r\n", "RFC 9112 §7.1", 400),
    chunks(b"-5\r\nhello\r\n0\r\n\r\n", "RFC 9112 §7.1", 400),
    chunks(b"+5\r\nhello\r\n0\r\n\r\n", "RFC 9112 §7.1", 400),
    chunks(b"0x5\r\nhello\r\n0\r\n\r\n", "RFC 9112 §7.1", 400),
    chunks(b"5_0\r\nhello\r\n0\r\n\r\n", "RFC 9112 §7.1", 400),
    chunks(b" 5\r\nhello\r\n0\r\n\r\n", "RFC 9112 §7.1", 400),
    chunks(b"\t5\r\nhello\r\n0\r\n\r\n", "RFC 9112 §7.1", 400),
    chunks(b"5\nhello\r\n0\r\n\r\n", "RFC 9112 §7.1", 400),
    chunks(b"5\rhello\r\n0\r\n\r\n", "RFC 9112 §7.1", 400),
    chunks(b"5\r\r\nhello\r\n0\r\n\r\n", "RFC 9112 §7.1", 400),
    chunks(b"5\r\nhello\n0\r\n\r\n", "RFC 9112 §7.1", 400),
    chunks(b"5\r\nhello0\r\n\r\n", "RFC 9112 §7.1", 400),
    chunks(b"5\r\nhelloX\r\n0\r\n\r\n", "RFC 9112 §7.1", 400),
    chunks(b"4\r\nhello\r\n0\r\n\r\n", "RFC 9112 §7.1", 400),
    chunks(b"5\r\nhello\r\n0\n\n", "RFC 9112 §7.1", 400),
    chunks(b"5\r\nhello\r\n0\r\n\n", "RFC 9112 §7.1", 400),
    chunks(b"5;\nhello\r\n0\r\n\r\n", "RFC 9112 §7.1.1", 400),
    chunks(b"5;x\nxx\r\nhello\r\n0\r\n\r\n", "RFC 9112 §7.1.1: an LF ends no line", 400),
    chunks(b"5;x\rxx\r\nhello\r\n0\r\n\r\n", "RFC 9112 §7.1.1", 400),
    chunks(b"5;x\x00\r\nhello\r\n0\r\n\r\n", "RFC 9112 §7.1.1", 400),
    chunks(b"5;" + b"x" * 100000 + b"\r\nhello\r\n0\r\n\r\n", "RFC 9112 §7.1.1: extensions are bounded", 400),
    chunks(b"10000000000000005\r\nhello\r\n0\r\n\r\n", "RFC 9112 §7.1: no overflow", 400),
    chunks(b"ffffffffffffffff\r\nhello\r\n0\r\n\r\n", "RFC 9112 §7.1: no overflow", 400),
    chunks(b"8000000000000000\r\nhello\r\n0\r\n\r\n", "RFC 9112 §7.1: no overflow", 400),
    chunks(b"0" * 100 + b"5\r\nhello\r\n0\r\n\r\n", "RFC 9112 §7.1: bounded", 400),
    chunks(b"0\r\n" + b"X: 1\r\n" * 20000 + b"\r\n", "policy: trailers are bounded, as RFC 9110 §17.5 advises", 400),
    chunks(b"0\r\nX : 1\r\n\r\n", "RFC 9112 §5.1", 400),
    chunks(b"0\r\nX: 1\n\r\n", "RFC 9112 §2.2", 400),
    chunks(b"0\r\n folded\r\n\r\n", "RFC 9112 §5.2", 400),
]

CONNECTIONS = [
    named("close", ["Content-Length: 5"], "RFC 9112 §9.6", Seen("POST", "/", b"hello", last=True)),
    named("X-Secret", ["X-Secret: 1", "Content-Length: 5"], "RFC 9110 §7.6.1", Seen("POST", "/", b"hello", without=("x-secret", "connection"))),
    named("Content-Length", ["Content-Length: 5"], "RFC 9110 §7.6.1: framing is never dropped", HELLO),
    named("Host", ["Content-Length: 5"], "RFC 9110 §7.6.1: nor is Host", Seen("POST", "/", b"hello", fields=(("host", "a"),))),
    framed(["Connection: Transfer-Encoding", "Transfer-Encoding: chunked"], b"5\r\nhello\r\n0\r\n\r\n", "RFC 9110 §7.6.1", HELLO),
    named("X-Forwarded-For", ["X-Forwarded-For: 6.6.6.6", "Content-Length: 5"], "RFC 9110 §7.6.1", HELLO),
    named("keep-alive", ["Keep-Alive: timeout=5", "Content-Length: 5"], "RFC 9110 §7.6.1", Seen("POST", "/", b"hello", without=("keep-alive",))),
    named("y", ["Proxy-Connection: keep-alive", "Content-Length: 5"], "RFC 9110 §7.6.1", Seen("POST", "/", b"hello", without=("proxy-connection",))),
    named("TE", ["TE: trailers", "Content-Length: 5"], "RFC 9110 §10.1.4", Seen("POST", "/", b"hello", without=("te",))),
    named("x", ["Upgrade: websocket", "Content-Length: 5"], "RFC 9110 §7.8: not without Connection", Seen("POST", "/", b"hello", without=("upgrade",))),
    named("Upgrade", ["Upgrade: websocket", "Content-Length: 5"], "RFC 9110 §7.8", 400),
    framed(["Connection: Upgrade", "Upgrade: websocket", "Transfer-Encoding: chunked"], b"0\r\n\r\n", "RFC 9110 §7.8", 400, method="GET"),
    framed(["Expect: 100-continue", "Content-Length: 5"], b"hello", "RFC 9110 §10.1.1", HELLO),
    framed(["X-Forwarded-For: 6.6.6.6", "X-Forwarded-For: 7.7.7.7"], b"", "policy: who is not trusted has no say in X-Forwarded-For", GET,
           method="GET"),
]

ALL = [*START_LINES, *TARGETS, *LINE_ENDS, *FIELDS, *HOSTS, *LENGTHS, *CODINGS, *CHUNKS, *CONNECTIONS]
