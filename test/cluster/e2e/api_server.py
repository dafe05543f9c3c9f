"""The API server over one kept connection, asked as anybody: the administrator, an account that he impersonates, or with an account's token."""

import http.client
import json
import urllib.parse

from cluster import Answer


class ApiServer:
    """Thread: one at a time. Of thousands of calls each would pay for TLS with Cluster.call."""

    def __init__(self, cluster):
        server = urllib.parse.urlsplit(cluster.server)
        self._token = cluster.token
        self._connection = http.client.HTTPSConnection(server.hostname, server.port, context=cluster.tls, timeout=30)

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
            return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        except (http.client.HTTPException, OSError):
            self._connection.close()  # the next call connects again
            raise

    def get(self, path):
        answer = self.call("GET", path)
        if answer.status != 200:
            raise AssertionError(f"GET {path}: {answer.status} {answer.body.decode(errors='replace')}")
        return answer.json()

    def close(self):
        self._connection.close()
