"""What a library's client and a library's server do with each other, what each of them must see, and where RFC 6455 says so.

An implementation may answer a close frame in more than one way (§5.5.1: it "typically" echoes the code), so that is looked up by its name
in REPLY. All else is the same for all."""

import dataclasses
import typing

from websocket_peers.peer import event

TEXT_SIZES = BINARY_SIZES = (0, 1, 125, 126, 65535, 65536, 1 << 20, 64 << 20)  # around each form of the length (§5.2), and large ones
ALL = []

# What comes back for a close frame with this code and reason.
REPLY = {
    "websockets": lambda code, reason: (code, reason),
    "Tornado": lambda code, reason: (code, ""),
    "ws": lambda code, reason: (code, reason),
    "websocket-client": lambda code, reason: (1000, ""),
}


def closed(code, reason):
    return f"closed {1005 if code is None else code} {reason}"


def closed_by_client(code=1000, reason=""):
    return lambda client, server: (closed(*REPLY[server](code, reason)), closed(code, reason))


def closed_by_server(code=1000, reason=""):
    return lambda client, server: (closed(code, reason), closed(*REPLY[client](code, reason)))


def ended(client_end, server_end):
    return lambda client, server: (client_end, server_end)


@dataclasses.dataclass(frozen=True)
class Case:
    name: str
    section: str
    client: list  # steps: see the package's page
    server: list
    client_sees: list  # (kind, NAME or the NAMEs of the parts)
    server_sees: list
    ends: typing.Callable = closed_by_client()  # names of client and server → their ends
    command: dict = dataclasses.field(default_factory=dict)  # more for the client
    options: dict = dataclasses.field(default_factory=dict)  # and for the server
    negotiated: tuple = (None, "")  # subprotocol, extension
    clients: tuple = ("websocket-client", "ws")
    servers: tuple = ("websockets", "Tornado")
    server_reports: bool = True  # false: it never came to a WebSocket


def case(*arguments, **more):
    ALL.append(Case(*arguments, **more))


def events(seen, contents):
    return [event(kind, b"".join(contents(name) for name in ([names] if isinstance(names, str) else names))) for kind, names in seen]


BYE = ["close", 1000, ""]


def sizes():
    for kind, all_sizes in (("text", TEXT_SIZES), ("binary", BINARY_SIZES)):
        for size in all_sizes:
            name = f"{kind}-{size}"
            # websocket-client validates text a byte at a time in Python: at 64 MB that is half a minute
            command = {"trust_text": True} if size > 1 << 20 else {}
            case(f"{name} goes there and back", "§5.2, §5.6", [["send", kind, name], ["await", 1], BYE], [["echo"]], [(kind, name)],
                 [(kind, name)], command=command)
    three = [("text", "text-126"), ("binary", "binary-65536"), ("text", "text-0")]
    case("messages keep their order", "§5.4", [*(["send", *one] for one in three), ["await", 3], BYE], [["echo"]], three, three)


def fragmentation():
    texts = ["text-126", "text-0", "half-character-1", "half-character-2", "text-65536", "text-0"]
    binaries = ["binary-0", "binary-65536", "binary-0", "binary-125", "binary-1"]
    for kind, parts in (("text", texts), ("binary", binaries)):
        case(f"a fragmented {kind} message from the client", "§5.4", [["frames", kind, parts], ["await", 1], BYE], [["echo"]],
             [(kind, parts)], [(kind, parts)])
        case(f"a fragmented {kind} message from the server", "§5.4", [["await", 1], BYE], [["frames", kind, parts]], [(kind, parts)], [])
        mixed = [parts[0], ["ping", "binary-125"], parts[1], ["pong", "binary-1"], *parts[2:4], ["ping", "binary-0"], *parts[4:]]
        control = [("ping", "binary-125"), ("pong", "binary-1"), ("ping", "binary-0")]
        answers = [("pong", "binary-125"), ("pong", "binary-0")]
        case(f"control frames inside a fragmented {kind} message from the client", "§5.4, §5.5",
             [["frames", kind, mixed], ["await", 3], BYE], [["echo"]], [*answers, (kind, parts)], [*control, (kind, parts)])
        case(f"control frames inside a fragmented {kind} message from the server", "§5.4, §5.5", [["await", 4], BYE],
             [["frames", kind, mixed]], [*control, (kind, parts)], answers)
    many = ["binary-65536"] * 128
    case("8 MB in 128 fragments", "§5.4", [["frames", "binary", many], ["await", 1], BYE], [["echo"]], [("binary", many)],
         [("binary", many)])
    case("8 MB in 128 fragments from the server", "§5.4", [["await", 1], BYE], [["frames", "binary", many]], [("binary", many)], [])
    nothing = ["binary-0", "binary-0", "binary-0"]
    case("a message of empty fragments", "§5.4", [["frames", "binary", nothing], ["await", 1], BYE], [["echo"]], [("binary", nothing)],
         [("binary", nothing)])


def control_frames():
    pings = ["binary-0", "binary-125", "binary-1"]
    case("pings of the client", "§5.5.2", [*(["ping", one] for one in pings), ["await", 3], BYE], [], [("pong", one) for one in pings],
         [("ping", one) for one in pings])
    case("pings of the server", "§5.5.2", [["await", 4], BYE],
         [*(["ping", one] for one in pings), ["await", 3], ["send", "text", "text-1"]],
         [*(("ping", one) for one in pings), ("text", "text-1")], [("pong", one) for one in pings])
    case("unsolicited pongs of the client", "§5.5.3",
         [["pong", "binary-0"], ["pong", "binary-125"], ["send", "text", "text-1"], ["await", 1], BYE], [["echo"]],
         [("text", "text-1")], [("pong", "binary-0"), ("pong", "binary-125"), ("text", "text-1")])
    case("unsolicited pongs of the server", "§5.5.3", [["await", 3], BYE],
         [["pong", "binary-0"], ["pong", "binary-125"], ["send", "text", "text-1"]],
         [("pong", "binary-0"), ("pong", "binary-125"), ("text", "text-1")], [])


def closing():
    for code, reason in [*((code, reason) for code in (1000, 1001, 3000, 4999) for reason in ("", "Grüße, and good-bye")), (None, "")]:
        what = f"{code} {reason!r}" if code else "no code"
        case(f"the client closes with {what}", "§5.5.1, §7.4", [["close", code, reason]], [], [], [], closed_by_client(code, reason))
        case(f"the server closes with {what}", "§5.5.1, §7.4", [], [["close", code, reason]], [], [], closed_by_server(code, reason))
    longest = "r" * 123
    case("the longest reason", "§5.5", [["close", 4000, longest]], [], [], [], closed_by_client(4000, longest))

    one = [("text", "text-1")]
    talked = [["send", "text", "text-1"], ["await", 1]]
    for how, lost in (("half", "lost end"), ("reset", "lost reset")):
        tcp = "FIN" if how == "half" else "RST"
        case(f"{tcp} of the client without a close frame", "§7.1.5, §7.2.2", [*talked, [how]], [["echo"]], one, one,
             ended("lost end", lost))
        # Nothing may be under way then: libuv takes a reset that comes with data for an end.
        case(f"{tcp} of the server without a close frame", "§7.1.5, §7.2.1", [*talked, ["pong", "binary-0"]],
             [["await", 1], ["send", "text", "text-1"], ["await", 2], [how]], one, [*one, ("pong", "binary-0")], ended(lost, "lost end"))

    still = [("binary", "binary-65536")] * 3
    much = [("binary", "binary-1048576")] * 8  # more than sockets hold
    for servers, coming in ((("websockets", "Tornado"), still), (("websockets",), much)):  # Tornado drops what it could not send yet
        case(f"{len(coming)} messages come behind the client's close frame and FIN", "§7.1.2, §5.5.1", [BYE, ["half"]],
             [["send", *message] for message in coming], coming, [], servers=servers)
    case("messages come behind the server's close frame and FIN", "§7.1.2, §5.5.1",
         [["send", "text", "text-1"], *(["send", *message] for message in much)], [["await", 1], ["close", 1000, "bye"], ["half"]], [],
         [*one, *much], closed_by_server(1000, "bye"))


def handshake():
    deflated = [("text", "zeros-1048576"), ("binary", "binary-65536"), ("text", "text-126"),
                ("text", ["zeros-1048576", "text-0", "text-126"])]
    case("permessage-deflate", "RFC 7692 §7",
         [*(["send", *one] for one in deflated[:3]), ["frames", "text", deflated[3][1]], ["await", 4], BYE], [["echo"]], deflated, deflated,
         command={"deflate": True}, negotiated=(None, "permessage-deflate"), clients=("ws",))
    case("a subprotocol is chosen", "§4.2.2", [BYE], [], [], [], command={"subprotocols": ["chat.v2", "chat.v1"]},
         options={"subprotocols": ["chat.v1"]}, negotiated=("chat.v1", ""))
    failures = {"ws": "failed Server sent no subprotocol", "websocket-client": "failed WebSocketException"}
    case("no subprotocol is chosen", "§4.1", [], [], [], [], lambda client, server: (failures[client], "lost end"),
         command={"subprotocols": ["chat.v2", "chat.v1"]}, options={"subprotocols": ["other"]})
    for status in (401, 404, 503):
        case(f"refused with {status}", "§4.2.2", [], [], [], [], refused(status), options={"refuse": status, "body": "text-65536"},
             server_reports=False)
    case("the server's first frame comes with its 101", "§4.1", [["await", 1], BYE], [["send", "text", "text-126"], ["uncork"]],
         [("text", "text-126")], [], options={"cork": True})


def refused(status):
    """websocket-client gives no body; the raw client of raw_cases.py sees it."""
    return lambda client, server: (f"refused {status}" if client == "websocket-client" else ("refused", status, "text-65536"), None)


for group in (sizes, fragmentation, control_frames, closing, handshake):
    group()
