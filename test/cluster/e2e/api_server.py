"""The API server of $KUBECONFIG, asked as anybody: as its administrator, as an account that he impersonates, or with an account's own token.

Standard library only. kubectl is the cluster's own (scripts/cluster builds it); it is asked where the kubeconfig points to.
"""

import base64
import functools
import http.client
import json
import os
import pathlib
import ssl
import subprocess
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[3]
KUBECTL_LIMIT = 60


@functools.cache
def kubectl_program():
    """Where kubectl is. Builds it when this machine has none yet, which takes minutes."""
    build = ROOT / "test" / "cluster" / "kubernetes" / "build.sh"
    return subprocess.run([build], capture_output=True, text=True, check=True, timeout=1800).stdout.strip()


def kubectl(*arguments, stdin=None, check=True, limit=KUBECTL_LIMIT):
    """kubectl as the administrator of $KUBECONFIG; its finished process."""
    command = [kubectl_program(), "kubectl", *arguments]
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False, timeout=limit)
    if check and done.returncode != 0:
        raise AssertionError(f"kubectl {' '.join(arguments)} failed with {done.returncode}: {done.stderr.strip() or done.stdout.strip()}")
    return done


def text_of(entry, name):
    """A field of a kubeconfig that stands there itself (NAME-data, base64) or in a file."""
    if entry.get(f"{name}-data"):
        return base64.b64decode(entry[f"{name}-data"]).decode()
    return pathlib.Path(entry[name]).read_text()


class Reply:
    def __init__(self, status, body):
        self.status, self.body = status, body

    def json(self):
        return json.loads(self.body)


class ApiServer:
    """One kept connection. call() is the administrator's unless `user` (impersonated) or `token` says otherwise."""

    def __init__(self):
        if not os.environ.get("KUBECONFIG"):
            raise AssertionError('KUBECONFIG is not set: eval "$(scripts/cluster env)"')
        config = json.loads(kubectl("config", "view", "--raw", "--minify", "-o", "json").stdout)
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        server = urllib.parse.urlsplit(cluster["server"])
        self._token = user.get("token")
        context = ssl.create_default_context(cadata=text_of(cluster, "certificate-authority"))
        if not self._token:
            raise AssertionError("the user of KUBECONFIG has no token: these tests need an administrator with one")
        self._connection = http.client.HTTPSConnection(server.hostname, server.port, context=context, timeout=30)

    def call(self, method, path, body=None, user=None, token=None, content_type="application/json", headers=None):
        fields = {"Authorization": f"Bearer {token or self._token}", "Accept": "application/json", **(headers or {})}
        if user:
            fields["Impersonate-User"] = user
        if body is not None:
            fields["Content-Type"] = content_type
            body = json.dumps(body)
        try:
            self._connection.request(method, path, body=body, headers=fields)
            answer = self._connection.getresponse()
            return Reply(answer.status, answer.read())
        except (http.client.HTTPException, OSError):
            self._connection.close()  # the next call connects again
            raise

    def get(self, path):
        answer = self.call("GET", path)
        if answer.status != 200:
            raise AssertionError(f"GET {path}: {answer.status} {answer.body.decode(errors='replace')}")
        return answer.json()

    def events(self, path):
        """The events of one watch, until the server ends it."""
        self._connection.request("GET", path, headers={"Authorization": f"Bearer {self._token}"})
        self._connection.sock.settimeout(600)
        for line in self._connection.getresponse():
            yield json.loads(line)

    def close(self):
        self._connection.close()
