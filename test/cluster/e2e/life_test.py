"""The life of a session on a real Kubernetes: spawned by the API and by kubectl, used, kept alive by use, ended by idleness, gone."""

import json
import threading
import time
import unittest

from cluster import APP, WHITEBOARD
from harness import request, seconds, wait_for
from together import Together
from world import STATES, Session

GRACE = 4
SLACK = 4  # P2's two seconds, and a pause of a busy machine


class Life(Together):
    def check_ready(self, session):
        """Every fact of a Ready session, against the pod and Service that there are."""
        session.wait("its pod's address", lambda: session.pod["status"].get("podIP"), 20)  # our watch of the pods may be behind the sweeper's
        pod, service, status = session.pod, self.world.services.now[session.name], session.status
        self.assertEqual([state for state in STATES if status.get(state.lower())], STATES[:5])
        times = [seconds(status["stateTimes"][state.lower()]) for state in STATES[:5]]
        self.assertEqual(times, sorted(times))
        self.assertEqual((status["podName"], status["podUID"]), (session.name, pod["metadata"]["uid"]))
        self.assertEqual((status["podIP"], status["nodeName"]), (pod["status"]["podIP"], pod["spec"]["nodeName"]))
        self.assertEqual((status["ip"], status["port"]), (service["spec"]["clusterIP"], 9090))
        self.assertEqual(status["url"], f"http://{session.name}.spawner:9090/")
        self.assertEqual((status["phase"], status["reason"], status["observedGeneration"]), ("Ready", "Serving", 1))
        self.assertEqual((session.condition("Ready")["status"], session.condition("Finished")), ("True", None))
        self.assertNotIn("end", status)
        for thing in (pod, service):
            owner, = thing["metadata"]["ownerReferences"]
            self.assertEqual((owner["kind"], owner["uid"], owner["controller"]), ("SessionLivedBackend", session.last["metadata"]["uid"], True))
        phases = [slab.get("status", {}).get("phase", "Submitted") for _, _, slab in self.world.slabs.changes[session.name]]
        ranks = [STATES.index(phase) for phase in phases]
        self.assertEqual(ranks, sorted(ranks), phases)

    def check_swept(self, session, in_use, idle):
        """In use at one time, idle at the other at the latest: swept in time, then all of it gone within seconds. The idle time of a request begins
        when its answer has left the sidecar, which a client on a busy machine sees late."""
        end = session.wait_end("Swept", "Idle", GRACE + 10)
        swept = session.wait_state("Swept", 0)
        ended = seconds(end["time"]) - time.time() + time.monotonic()
        self.assertGreaterEqual(ended - in_use, GRACE - 0.05)
        self.assertLessEqual(ended - idle, GRACE + SLACK)
        self.assertEqual(seconds(end["time"]), seconds(session.status["stateTimes"]["swept"]))
        self.assertEqual((session.condition("Ready")["status"], session.condition("Finished")["status"]), ("False", "True"))
        session.gone_since(swept)

    def test_spawned_by_the_api(self):
        session = self.world.spawn(WHITEBOARD, gracePeriodSeconds=GRACE)
        stream = session.stream()
        session.ready()
        self.check_ready(session)
        asked = time.monotonic()
        page = session.get()
        answered = time.monotonic()
        self.assertEqual(page.status, 200)
        self.assertIn(b"Whiteboard", page.body)
        self.check_swept(session, asked, answered)
        stream.wait_state("Swept", 10)
        self.assertEqual(stream.states(), STATES[:6])
        ready = f"/api/backend/{session.short}/ready"  # each replica has a watch of its own, which may be behind ours
        wait_for("ready to answer 410", lambda: request(self.world.port, "GET", ready).status == 410, 10, 0.05)
        wait_for("the page to answer 410", lambda: session.get().status == 410, 10, 0.05)

    def test_created_by_kubectl(self):
        name = self.world.cluster.kubectl("create", "-f", "manifests/example", "-o", "name").strip().split("/")[1]
        session = Session(self.world, name).ready()
        self.check_ready(session)
        self.world.cluster.kubectl("-n", "spawner", "wait", "--for=condition=Ready", f"slab/{name}", "--timeout=10s")
        self.assertIn(b"Whiteboard", session.get().body)
        self.assertIn("whiteboard: http://", self.world.cluster.kubectl("-n", "spawner", "logs", name, "-c", "whiteboard"))
        session.delete()
        session.gone_since(time.monotonic())

    def test_columns_and_events(self):
        session = self.world.spawn(WHITEBOARD, gracePeriodSeconds=300).ready()
        narrow, wide = (self.world.cluster.kubectl("-n", "spawner", "get", "slabs", session.name, *more).splitlines()
                        for more in ((), ("-o", "wide")))
        self.assertEqual(narrow[0].split(), ["NAME", "STATE", "REASON", "NODE", "AGE"])
        self.assertEqual(narrow[1].split()[:4], [session.name, "Ready", "Serving", session.status["nodeName"]])
        self.assertEqual(wide[0].split()[5:], ["IMAGE", "GRACE", "POD-IP", "URL"])
        self.assertEqual(wide[1].split()[5:], [WHITEBOARD, "300", session.status["podIP"], session.status["url"]])
        session.delete()
        session.event("Ready")
        session.event("Scheduled")
        events = session.events()
        self.assertEqual(sorted(event["reason"] for event in events), ["Ready", "Scheduled"])
        for event in events:
            self.assertEqual(event["reportingComponent"], "spawner.dev/sessionlivedbackend")
            self.assertTrue(event["reportingInstance"], event)
            self.assertEqual((event["type"], event["involvedObject"]["uid"]), ("Normal", session.last["metadata"]["uid"]))

    def keeps_alive(self, image, use):
        """use(session) uses it for three graces without a gap."""
        session = self.world.spawn(image, gracePeriodSeconds=GRACE).ready()
        began = time.monotonic()
        use(session)
        idle = time.monotonic()
        in_use = began + 3 * GRACE - 0.5
        self.assertGreaterEqual(idle, in_use)
        self.assertTrue(session.status["ready"] and "end" not in session.status, session.tell())
        self.check_swept(session, in_use, idle)

    def test_a_websocket_keeps_it_alive(self):
        def use(session):
            socket = session.websocket()
            self.assertEqual(socket.receive_type("welcome")["lines"], [])
            # Silent, and open: only the end of the session could end it.
            ended = threading.Event()
            threading.Thread(target=lambda: (socket.socket.settimeout(60), self.read_to_end(socket), ended.set()), daemon=True).start()
            self.assertFalse(ended.wait(3 * GRACE), "the WebSocket was closed")
            socket.close()
        self.keeps_alive(WHITEBOARD, use)

    @staticmethod
    def read_to_end(socket):
        try:
            while True:
                socket.receive()
        except OSError:
            return

    def test_a_slow_download_keeps_it_alive(self):
        def use(session):
            answer = session.get(f"/download?seconds={3 * GRACE}", timeout=60)
            self.assertEqual(len(answer.body), 3 * GRACE * 5 * 1000)
        self.keeps_alive(APP, use)

    def test_a_silent_event_stream_keeps_it_alive(self):
        def use(session):
            from harness import EventStream
            stream = EventStream(self.world.port, session.path + "/events")
            with stream._new:
                self.assertTrue(stream._new.wait_for(lambda: stream.events, 5))
                self.assertFalse(stream._new.wait_for(lambda: stream.ended, 3 * GRACE), "the stream was ended")
            self.assertEqual(stream.events[0][1], {"hello": True})
            stream.close()
        self.keeps_alive(APP, use)

    def test_fields_of_a_template_survive(self):
        template = {"terminationGracePeriodSeconds": 7, "hostAliases": [{"ip": "192.0.2.1", "hostnames": ["elsewhere"]}],
                    "tolerations": [{"key": "spot", "operator": "Exists", "effect": "NoSchedule"}], "dnsPolicy": "Default",
                    "securityContext": {"fsGroup": 2000}, "volumes": [{"name": "scratch", "emptyDir": {"sizeLimit": "8Mi"}}]}
        container = {"name": "board", "image": WHITEBOARD, "imagePullPolicy": "IfNotPresent", "env": [{"name": "COLOUR", "value": "blue"}],
                     "resources": {"requests": {"cpu": "3m"}, "limits": {"memory": "128Mi"}},
                     "volumeMounts": [{"name": "scratch", "mountPath": "/scratch"}]}
        helper = {"name": "helper", "image": APP, "env": [{"name": "DO", "value": "wait"}]}
        session = self.world.create([container, helper], template, gracePeriodSeconds=300).ready()
        spec = session.pod["spec"]
        for field, value in template.items():
            if field == "tolerations":
                self.assertIn(value[0], spec[field])  # Kubernetes adds its own
            else:
                self.assertEqual(spec[field], value, field)
        board = next(c for c in spec["containers"] if c["name"] == "board")
        self.assertIn(container["env"][0], board["env"])
        self.assertIn(container["volumeMounts"][0], board["volumeMounts"])
        self.assertEqual(board["resources"]["limits"], {"memory": "128Mi"})
        self.assertEqual({c["name"] for c in spec["containers"]} - {"spawner-sidecar"}, {"board", "helper"})
        self.assertFalse(spec["automountServiceAccountToken"])
        self.assertNotIn("serviceaccount", json.dumps(spec["volumes"]))
        self.assertEqual(session.get().status, 200)


if __name__ == "__main__":
    unittest.main()
