"""Rights, both ways: each role's service account may do all that its role needs and nothing else; a session's pod may do nothing.

Asked are the authorizer (as `kubectl auth can-i` does) and the API server
itself, with the account's own token. Writes are dry runs, so that even a right too many changes nothing.
"""

import json
import unittest
from typing import NamedTuple

import rbac_table
from api_server import ApiServer
from cluster import PODS, SLABS, Cluster
from harness import wait_for

REVIEWS = "/apis/authorization.k8s.io/v1"
OURS = ("spawner", "spawner-system")


class Call(NamedTuple):
    """One verb on one resource; name "" is any, namespace "" the whole cluster."""
    verb: str
    group: str
    resource: str
    subresource: str
    name: str
    namespace: str

    def __str__(self):
        what = self.resource + (f".{self.group}" if self.group else "") + (f"/{self.subresource}" if self.subresource else "")
        return f"{self.verb} {what}{':' + self.name if self.name else ''} in {self.namespace or 'the cluster'}"


def calls(line, namespace):
    verbs, what = line.split(" ")
    what, _, name = what.partition(":")
    what, _, subresource = what.partition("/")
    resource, _, group = what.partition(".")
    return [Call(verb, group, resource, subresource, name, namespace) for verb in verbs.split(",")]


def user_of(account):
    return "system:serviceaccount:spawner:default" if account == "session" else f"system:serviceaccount:spawner-system:spawner-{account}"


def allowed(account):
    return {call for namespace, lines in rbac_table.ALLOWED[account].items() for line in lines for call in calls(line, namespace)}


def denied(account):
    return [call for accounts, line, namespaces in rbac_table.DENIED if account in accounts
            for namespace in namespaces for call in calls(line, namespace)]


def rights_in(rules, namespace):
    """RBAC rules as Calls in one namespace. A wildcard stays one, and so equals nothing of the table."""
    found = set()
    for rule in rules:
        for group in rule.get("apiGroups", []):
            for what in rule.get("resources", []):
                resource, _, subresource = what.partition("/")
                for name in rule.get("resourceNames") or [""]:
                    found |= {Call(verb, group, resource, subresource, name, namespace) for verb in rule["verbs"]}
    return found


class Rbac(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster()
        cls.api = ApiServer(cls.cluster)
        cls.addClassCleanup(cls.api.close)
        cls.versions, cls.kinds = cls.discover()

    @classmethod
    def discover(cls):
        """({group: "/apis/group/version"}, {(group, resource/subresource)}) of this server."""
        versions = {"": "/api/v1"}
        for group in cls.api.get("/apis")["groups"]:
            versions[group["name"]] = "/apis/" + group["preferredVersion"]["groupVersion"]
        groups = {call.group for account in rbac_table.EVERYONE for call in [*allowed(account), *denied(account)]}
        kinds = {}
        for group in groups & set(versions):
            for resource in cls.api.get(versions[group])["resources"]:
                kinds[group, resource["name"]] = resource["namespaced"]
        return versions, kinds

    def may(self, user, call):
        """As `kubectl auth can-i --as=user` asks."""
        attributes = {"verb": call.verb, "group": call.group, "resource": call.resource, "subresource": call.subresource,
                      "name": call.name, "namespace": call.namespace}
        body = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "spec": {"resourceAttributes": attributes}}
        answer = self.api.call("POST", f"{REVIEWS}/selfsubjectaccessreviews", body, user=user)
        self.assertEqual(answer.status, 201, answer.body)
        return answer.json()["status"]["allowed"]

    def token(self, account):
        _, _, namespace, name = user_of(account).split(":")
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 600}}
        answer = self.api.call("POST", f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token", body)
        self.assertEqual(answer.status, 201, f"no token for {account}")
        return answer.json()["status"]["token"]

    def really(self, call, token):
        """The status of the call itself, as a dry run."""
        namespaced = self.kinds[call.group, call.resource] and call.namespace
        path = self.versions[call.group] + (f"/namespaces/{call.namespace}" if namespaced else "") + f"/{call.resource}"
        if call.verb in ("get", "update", "patch", "delete") or call.subresource:
            path += f"/{call.name or 'not-there'}"
        if call.subresource:
            path += f"/{call.subresource}"
        method = {"create": "POST", "update": "PUT", "patch": "PATCH", "delete": "DELETE", "deletecollection": "DELETE"}.get(call.verb, "GET")
        query = "?dryRun=All" if method != "GET" else "?watch=1&timeoutSeconds=1" if call.verb == "watch" else "?limit=1"
        body = {} if method in ("POST", "PUT", "PATCH") else None
        kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
        return self.api.call(method, path + query, body, token=token, content_type=kind).status

    def test_the_table_names_resources_that_exist(self):
        """A misspelt one would be denied for the wrong reason."""
        for account in rbac_table.EVERYONE:
            for call in [*allowed(account), *denied(account)]:
                what = call.resource + (f"/{call.subresource}" if call.subresource else "")
                self.assertIn((call.group, what), self.kinds, str(call))

    def test_the_authorizer_allows_and_denies_what_the_table_says(self):
        for account in rbac_table.EVERYONE:
            wrong = [str(call) for call in allowed(account) if not self.may(user_of(account), call)]
            self.assertEqual(wrong, [], f"{account} needs these rights and has not got them")
            wrong = [str(call) for call in denied(account) if self.may(user_of(account), call)]
            self.assertEqual(wrong, [], f"{account} has these rights, which must be denied")

    def test_kubectl_auth_can_i_says_the_same(self):
        for account, line, namespace, answer in [("controller", "create pods", "spawner", "yes"),
                                                 ("api", "create pods", "spawner", "no"),
                                                 ("gateway", "delete sessionlivedbackends.spawner.dev", "spawner", "no"),
                                                 ("sweeper", "get secrets/spawner-admin-key", "spawner-system", "yes"),
                                                 ("sweeper", "list secrets", "spawner-system", "no")]:
            done = self.cluster.kubectl("auth", "can-i", *line.split(" "), "-n", namespace, f"--as={user_of(account)}", check=False)
            self.assertEqual(done.stdout.strip(), answer, f"{account}: {line} in {namespace} {done.stderr}")

    def test_the_api_server_answers_403_to_each_denied_call_with_the_own_token(self):
        for account in rbac_table.EVERYONE:
            token = self.token(account)
            real = [call for call in denied(account) if call.verb not in ("bind", "escalate", "impersonate")]
            wrong = [f"{call}: {status}" for call in real if (status := self.really(call, token)) != 403]
            self.assertEqual(wrong, [], f"{account}, with its own token")

    def test_the_api_server_lets_each_role_do_its_work_with_the_own_token(self):
        for account in rbac_table.EVERYONE:
            token = self.token(account)
            wrong = [f"{call}: {status}" for call in allowed(account) if (status := self.really(call, token)) in (401, 403)]
            self.assertEqual(wrong, [], f"{account}, with its own token")

    def test_no_account_may_be_somebody_else(self):
        for account in rbac_table.EVERYONE:
            for headers in ({"Impersonate-User": "admin"}, {"Impersonate-User": user_of("controller")},
                            {"Impersonate-User": "x", "Impersonate-Group": "system:masters"}):
                answer = self.api.call("GET", "/version", token=self.token(account), headers=headers)
                self.assertEqual(answer.status, 403, f"{account} with {headers}")

    def test_only_public_information_outside_of_resources(self):
        for account in rbac_table.EVERYONE:
            token = self.token(account)
            for path, status in {"/version": 200, "/metrics": 403, "/logs/": 403, "/debug/pprof/": 403, "/configz": 403}.items():
                self.assertEqual(self.api.call("GET", path, token=token).status, status, f"{account}: GET {path}")

    def rules(self, user, namespace):
        """As `kubectl auth can-i --list` asks."""
        body = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectRulesReview", "spec": {"namespace": namespace}}
        answer = self.api.call("POST", f"{REVIEWS}/selfsubjectrulesreviews", body, user=user)
        self.assertEqual(answer.status, 201, answer.body)
        return rights_in(answer.json()["status"]["resourceRules"], namespace)

    def test_the_rights_are_exactly_those_of_the_table(self):
        """Every right that the authorizer knows of, less what each service account of any cluster has."""
        for account in rbac_table.EVERYONE:
            for namespace in rbac_table.NAMESPACES:
                anybody = self.rules("system:serviceaccount:default:somebody", namespace)
                found = self.rules(user_of(account), namespace) - anybody
                wanted = {call for call in allowed(account) if call.namespace == namespace}
                self.assertEqual(sorted(map(str, found - wanted)), [], f"{account}: not in the table of rbac_table.py")
                self.assertEqual(sorted(map(str, wanted - found)), [], f"{account}: in the table, not granted")

    def test_no_other_binding_names_our_accounts(self):
        """By the objects: every binding in the cluster to an account or a group of accounts of our two namespaces."""
        mine = set()
        for kind in ("rolebindings", "clusterrolebindings"):
            for binding in self.api.get(f"/apis/rbac.authorization.k8s.io/v1/{kind}")["items"]:
                where = binding["metadata"].get("namespace", "")
                for subject in binding.get("subjects") or []:
                    name = subject["name"]
                    of_ours = subject["kind"] == "ServiceAccount" and subject.get("namespace", where) in OURS
                    as_text = name.startswith(tuple(f"system:serviceaccount:{ns}:" for ns in OURS)) or name in [f"system:serviceaccounts:{ns}" for ns in OURS]
                    if of_ours or as_text:
                        mine.add((kind, where, name, binding["roleRef"]["kind"], binding["roleRef"]["name"]))
        wanted = {("rolebindings", namespace, f"spawner-{account}", "Role", f"spawner-{account}")
                  for account in rbac_table.ROLES for namespace in rbac_table.ALLOWED[account]}
        self.assertEqual(mine, wanted)

    def slab(self, **template):
        """A new session's name; None when the API server refuses it."""
        body = {"apiVersion": "spawner.dev/v1", "kind": "SessionLivedBackend", "metadata": {"generateName": "spawner-rbac-"},
                "spec": {"template": {"containers": [{"name": "app", "image": "k8s.test/pause:1"}], **template}}}
        made = self.api.call("POST", SLABS, body)
        if made.status != 201:
            return None
        name = made.json()["metadata"]["name"]
        self.addCleanup(self.api.call, "DELETE", f"{SLABS}/{name}")
        return name

    def test_a_session_has_no_credential(self):
        """The pod as it was admitted."""
        name = self.slab()
        pod = wait_for(f"the pod of {name}", lambda: self.cluster.get(f"{PODS}/{name}"), 20, 0.05)
        self.assertIs(pod["spec"]["automountServiceAccountToken"], False)
        self.assertEqual(pod["spec"].get("volumes", []), [])
        self.assertEqual(pod["spec"].get("serviceAccountName", "default"), "default")
        for container in [*pod["spec"]["containers"], *pod["spec"].get("initContainers", [])]:
            self.assertEqual(container.get("volumeMounts", []), [], container["name"])
            for variable in container.get("env", []):
                self.assertNotIn("secretKeyRef", json.dumps(variable), container["name"])

    def test_a_template_cannot_bring_in_an_account(self):
        for field in ({"serviceAccountName": "spawner-controller"}, {"automountServiceAccountToken": True},
                      {"volumes": [{"name": "t", "projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}}]}):
            name = self.slab(**field)
            if name is None:
                continue  # refused at once
            wait_for(f"a session with {field} to fail", lambda name=name: self.cluster.get(f"{SLABS}/{name}").get("status", {}).get("failed"), 20, 0.05)
            self.assertIsNone(self.cluster.get(f"{PODS}/{name}"), f"a pod with {field}")


if __name__ == "__main__":
    unittest.main()
