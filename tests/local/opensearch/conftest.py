"""An account with a collection of OpenSearch Serverless, and documents of policies to make more."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from bedrock_gateway.local.opensearch.state import SearchState, Timing

if TYPE_CHECKING:
    from collections.abc import Iterator

ACCOUNT = "123456789012"
SCHEMA: dict[str, Any] = {
    "settings": {"index": {"knn": True}},
    "mappings": {
        "properties": {
            "vector": {
                "type": "knn_vector",
                "dimension": 1024,
                "method": {"name": "hnsw", "engine": "faiss", "space_type": "l2", "parameters": {}},
            },
            "text": {"type": "text"},
            "metadata": {"type": "text", "index": False},
        }
    },
}


def encryption(*names: str) -> str:
    rule = {"ResourceType": "collection", "Resource": [f"collection/{one}" for one in names]}
    return json.dumps({"Rules": [rule], "AWSOwnedKey": True})


def network(name: str, *services: str) -> str:
    rule = {"ResourceType": "collection", "Resource": [f"collection/{name}"]}
    inside = {"SourceServices": list(services)} if services else {}
    return json.dumps([{"Rules": [rule], "AllowFromPublic": not services, **inside}])


ALL = ("aoss:CreateIndex", "aoss:DeleteIndex", "aoss:DescribeIndex", "aoss:ReadDocument", "aoss:WriteDocument")


def data(name: str, *principals: str, permissions: tuple[str, ...] = ALL, index: str = "*") -> str:
    rule = {"ResourceType": "index", "Resource": [f"index/{name}/{index}"], "Permission": list(permissions)}
    return json.dumps([{"Rules": [rule], "Principal": list(principals)}])


class Clock:
    """Time as a number."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Search:
    """The root user's client, and what is made with it."""

    def __init__(self, served: Any) -> None:
        self.served = served
        self.client = served.client("opensearchserverless")
        self.root = f"arn:aws:iam::{ACCOUNT}:root"

    @property
    def timing(self) -> Timing:
        return self.served.local.state.of(Timing)

    def clock(self, **seconds: float) -> Clock:
        """Stop the service's clock; it takes these *seconds* for what it does."""
        clock = Clock()
        self.timing.clock = clock
        for name, value in seconds.items():
            setattr(self.timing, name, value)
        return clock

    def collection(self, name: str, *principals: str, **options: Any) -> str:
        """Make a collection with its three policies; returns its id."""
        self.client.create_security_policy(type="encryption", name=name, policy=encryption(name))
        self.client.create_security_policy(type="network", name=name, policy=network(name))
        self.client.create_access_policy(type="data", name=name, policy=data(name, *(principals or (self.root,))))
        given = {"type": "VECTORSEARCH"} | options
        return str(self.client.create_collection(name=name, **given)["createCollectionDetail"]["id"])


@pytest.fixture
def search(served: Any) -> Iterator[Search]:
    """An account without any collection."""
    state = served.local.state.of(SearchState)
    state.__init__()
    timing = served.local.state.of(Timing)
    timing.__init__()
    yield Search(served)
    state.__init__()
    timing.__init__()


@pytest.fixture
def name() -> str:
    return f"c-{uuid.uuid4().hex[:12]}"
