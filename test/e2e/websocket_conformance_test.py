"""Other people's WebSocket implementations notice no difference between a sidecar and none: every case of websocket_peers/, by every pair
of client and server, direct and through a real sidecar. Both verdicts must be the same, and be the one that RFC 6455 asks for. Prints how
many there are."""

import pathlib
import re
import shutil
import tempfile
import threading
import unittest

from raw_http.exchange import Sidecar
from websocket_peers import cases, programs, raw_cases
from websocket_peers.peer import LIMIT, event

SIDECAR_MEMORY_KB = 16 * 1024  # while it carries messages of 64 MB; 8.2 MB were measured


class Conformance(unittest.TestCase):
    maxDiff = 4000

    @classmethod
    def setUpClass(cls):
        programs.check_installed()
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="spawner-websockets-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        programs.write_contents(cls.folder)
        cls.servers = {name: cls.start(name, [programs.PYTHON, programs.FOLDER / file])
                       for name, file in (("websockets", "server_websockets.py"), ("Tornado", "server_tornado.py"))}
        cls.sidecars = {name: Sidecar(server.wait_port()) for name, server in cls.servers.items()}
        for sidecar in cls.sidecars.values():
            cls.addClassCleanup(sidecar.close)
        cls.clients = {"websocket-client": cls.start("websocket-client", [programs.PYTHON, programs.FOLDER / "client_websocket_client.py"]),
                       "ws": cls.start("ws", ["node", programs.FOLDER / "client_ws.mjs"])}

    @classmethod
    def start(cls, name, command):
        program = programs.Program(name, [*command, str(cls.folder)], cls.folder)
        cls.addClassCleanup(program.close)
        return program

    def content(self, name):
        return (self.folder / name).read_bytes()

    def play(self, case, client, server, port, run):
        """What both saw of one case."""
        address = programs.url(port, run, case.server, case.options)
        self.clients[client].tell({"run": run, "url": address, "steps": case.client, **case.command})
        reports = {"client": self.clients[client].report(run, 2 * LIMIT)}
        if case.server_reports:
            reports["server"] = self.servers[server].report(run, LIMIT)
        return reports

    def wanted(self, case, client, server):
        subprotocol, extensions = case.negotiated
        ends = case.ends(client, server)
        if isinstance(ends[0], tuple):  # refused, with a body
            ends = (f"refused {event(ends[0][1], self.content(ends[0][2]))}", ends[1])
        sides = {"client": (case.client_sees, ends[0]), "server": (case.server_sees, ends[1])}
        if not case.server_reports:
            del sides["server"]
        return {side: {"seen": self.events(seen), "end": end, "subprotocol": subprotocol, "extensions": extensions}
                for side, (seen, end) in sides.items()}

    def events(self, seen):
        key = repr(seen)
        if key not in self.hashed:
            self.hashed[key] = cases.events(seen, self.content)
        return self.hashed[key]

    def play_all(self, client, verdicts):
        for number, case in enumerate(cases.ALL):
            for server in case.servers if client in case.clients else ():
                for way, port in (("direct", self.servers[server].port), ("sidecar", self.sidecars[server].port)):
                    verdicts[(case.name, client, server, way)] = self.play(case, client, server, port, f"{client}/{server}/{number}/{way}")

    def test_every_case_by_every_pair(self):
        self.hashed, verdicts = {}, {}
        self.assertEqual(len({case.name for case in cases.ALL}), len(cases.ALL))
        players = [threading.Thread(target=self.play_all, args=(client, verdicts)) for client in self.clients]
        for player in players:
            player.start()
        for player in players:
            player.join()
        pairs = [(case, client, server) for case in cases.ALL for client in case.clients for server in case.servers]
        for case, client, server in pairs:
            with self.subTest(case.name, section=case.section, client=client, server=server):
                direct, through = (verdicts[(case.name, client, server, way)] for way in ("direct", "sidecar"))
                self.assertEqual(direct, self.wanted(case, client, server), "without a sidecar")
                self.assertEqual(through, direct, "through the sidecar")
        most = max(self.memory_kb(sidecar) for sidecar in self.sidecars.values())
        self.assertLess(most, SIDECAR_MEMORY_KB, "kB of a sidecar, with messages of 64 MB")
        print(f"\n{len(cases.ALL)} cases by {len(self.clients)} clients and {len(self.servers)} servers: {len(pairs)}, direct and through "
              f"a sidecar, which never held more than {most} kB", flush=True)

    def memory_kb(self, sidecar):
        """The most that it ever held."""
        return int(re.search(r"VmHWM:\s+(\d+) kB", pathlib.Path(f"/proc/{sidecar.process.pid}/status").read_text()).group(1))

    def play_raw(self, case, server, port, run):
        raw = raw_cases.Raw(case, port, run)
        verdict = {"client": raw.play()}
        if case.server_reports:
            verdict["server"] = self.servers[server].report(run, LIMIT)
        return verdict, raw.together

    def check_raw(self, case, server, direct):
        """That the verdict is what the RFC and this server's manner ask for."""
        answer, end = case.answers[server]
        client = direct["client"]
        self.assertEqual(client["status"], case.status, client)
        if case.status != 101:
            self.assertEqual(client["frames"], [event("body", self.content(answer[0]))])
            self.assertEqual(client["fields"]["content-type"][0].split(";")[0], "text/plain")
            return
        self.assertEqual(client["frames"], answer, client)
        self.assertEqual(client["end"], {"reset": ""}.get(case.then, "end"))
        self.assertEqual((direct["server"]["end"], direct["server"].get("extensions")), (end, case.extensions))
        self.assertEqual(client["fields"]["sec-websocket-accept"], [raw_cases.ACCEPT])
        extensions = [value.split(";")[0] for value in client["fields"]["sec-websocket-extensions"]]
        self.assertEqual(extensions, [case.extensions] if case.extensions else [])

    def test_every_raw_case(self):
        self.assertEqual(len({case.name for case in raw_cases.ALL}), len(raw_cases.ALL))
        asked = [(number, case, server) for number, case in enumerate(raw_cases.ALL) for server in case.answers]
        for number, case, server in asked:
            with self.subTest(case.name, section=case.section, server=server):
                for attempt in range(10):
                    direct, together = self.play_raw(case, server, self.servers[server].port, f"raw/{server}/{number}/direct{attempt}")
                    self.check_raw(case, server, direct)
                    if together or not case.options.get("cork"):
                        break  # the system holds a packet back for 200 ms only: on a busy machine that may be too short
                else:
                    self.fail("the server's first frame never came with its 101, which is what this case is about")
                through, _ = self.play_raw(case, server, self.sidecars[server].port, f"raw/{server}/{number}/sidecar")
                self.assertEqual(through, direct, "through the sidecar")
        print(f"\n{len(raw_cases.ALL)} raw cases, {len(asked)} by {len(self.servers)} servers, direct and through a sidecar", flush=True)


if __name__ == "__main__":
    unittest.main()
