"""The HTTP interface of a collection, asked as a client of OpenSearch asks it: signed for aoss, by the collection's host."""

from __future__ import annotations

import hashlib
import http.client
import json

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from .conftest import SCHEMA, data, network


class Wire:
    """Requests to one collection on the local port."""

    def __init__(self, search, identifier, key=None):
        self.search, self.host = search, f"{identifier}.us-east-1.aoss.localhost"
        given = key or search.served.root
        self.credentials = Credentials(given["AccessKeyId"], given["SecretAccessKey"])

    def send(self, method, path, body=None, *, hashed=True, service="aoss"):
        content = b"" if body is None else json.dumps(body).encode()
        headers = {"Host": self.host, "Content-Type": "application/json"}
        if hashed:
            headers["x-amz-content-sha256"] = hashlib.sha256(content).hexdigest()
        signed = AWSRequest(method, f"http://{self.host}{path}", headers=headers, data=content)
        SigV4Auth(self.credentials, service, "us-east-1").add_auth(signed)
        connection = http.client.HTTPConnection("127.0.0.1", self.search.served.port, timeout=30)
        try:
            connection.request(method, path, content, dict(signed.headers.items()))
            reply = connection.getresponse()
            text = reply.read()
        finally:
            connection.close()
        return reply.status, json.loads(text) if text else None


@pytest.fixture
def wire(search, name):
    made = search.collection(name)
    return Wire(search, made)


def test_an_index_is_made_shown_and_deleted(wire):
    assert wire.send("HEAD", "/pages") == (404, None)
    status, body = wire.send("PUT", "/pages", SCHEMA)
    assert (status, body["acknowledged"]) == (200, True)
    assert wire.send("HEAD", "/pages") == (200, None)
    status, body = wire.send("GET", "/pages")
    assert body["pages"]["mappings"] == SCHEMA["mappings"]
    assert wire.send("PUT", "/pages", SCHEMA)[1]["error"]["type"] == "resource_already_exists_exception"
    assert wire.send("DELETE", "/pages")[0] == 200
    status, body = wire.send("GET", "/pages")
    assert (status, body["error"]["type"]) == (404, "index_not_found_exception")


def test_what_it_makes_is_what_the_services_own_operations_see(wire):
    wire.send("PUT", "/pages", SCHEMA)
    identifier = wire.host.partition(".")[0]
    assert wire.search.client.get_index(id=identifier, indexName="pages")["indexSchema"] == SCHEMA


def test_the_content_is_hashed_in_a_header(wire):
    status, body = wire.send("PUT", "/pages", SCHEMA, hashed=False)
    assert status == 403
    assert "x-amz-content-sha256" in body["error"]["reason"]


def test_nobody_is_let_in_whom_no_data_access_policy_names(search, name):
    wire = Wire(search, search.collection(name, "arn:aws:iam::123456789012:user/somebody"))
    status, body = wire.send("PUT", "/pages", SCHEMA)
    assert status == 403
    assert body["error"]["type"] == "security_exception"
    assert "authorization_exception" in body["error"]["reason"]


def test_a_data_access_policy_holds_a_while_after_it_was_written(search, name):
    clock = search.clock(access_seconds=40)
    wire = Wire(search, search.collection(name))
    assert wire.send("PUT", "/pages", SCHEMA)[0] == 403
    clock.now = 40
    assert wire.send("PUT", "/pages", SCHEMA)[0] == 200


def test_a_collection_that_is_closed_to_the_internet_lets_nobody_in(search, name):
    wire = Wire(search, search.collection(name))
    search.client.delete_security_policy(type="network", name=name)
    search.client.create_security_policy(type="network", name=name, policy=network(name, "aoss.amazonaws.com"))
    assert wire.send("GET", "/pages")[0] == 401


def test_iam_is_asked_too(search, name):
    user = f"arn:aws:iam::123456789012:user/http-{name}"
    identifier = search.collection(name, user)
    assert data(name, user)
    wire = Wire(search, identifier, search.served.user(f"http-{name}"))
    status, body = wire.send("GET", "/pages")
    assert (status, body["error"]["reason"]) == (403, "403 Forbidden")


def test_what_is_not_served_says_so(wire):
    status, body = wire.send("POST", "/pages/_search", {"query": {"match_all": {}}})
    assert status == 501
    assert "indexes alone" in body["error"]["reason"]


def test_a_collection_that_is_not_there_answers_so(search):
    assert Wire(search, "abcdefghij0123456789").send("GET", "/pages")[0] == 404
