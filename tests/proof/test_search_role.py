"""The role of a knowledge base on OpenSearch Serverless, and the three policies of its collection, as set-up writes them.

IAM, the data access policy and the network policy each have to let the role in: without any part of any, nothing works.
"""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from bedrock_gateway import GatewayConfig
from bedrock_gateway.config import KnowledgeBaseConfig
from bedrock_gateway.iam import roles
from bedrock_gateway.setup.knowledge import collection
from bedrock_gateway.setup.knowledge.blueprint import blueprint_of

from .setting import Setting
from .test_service_roles import parts, put_policy, works

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bedrock_gateway.setup.knowledge.blueprint import Blueprint

    from .account import Account

NAME = "helpdesk-searched"
ROLE = "bedrock-gateway/AmazonBedrockGateway-kb-searched"


def blueprint(s: Setting) -> Blueprint:
    """What set-up would make: its documents, for a collection, an index and a role of the proof's."""
    base = KnowledgeBaseConfig(
        embedding_model=s.embedding_model,
        store="opensearch-serverless",
        vector_index="pages",
        collection=NAME,
        role=ROLE,
    )
    config = GatewayConfig(
        application="helpdesk", account=s.account, region=s.region, principals={}, knowledge_bases={"searched": base}
    )
    return blueprint_of(config, "searched")


class Collection:
    """The collection, and its policies as they are and as a test breaks them."""

    def __init__(self, account: Account, s: Setting) -> None:
        self.client = account.client("opensearchserverless", s.region, who="root")
        plan = blueprint(s)
        self.data = collection.access_policy(plan, f"arn:aws:iam::{s.account}:root")
        self.network = json.loads(collection.network_policy(plan))
        encryption = collection.encryption_policy(plan)
        self.client.create_security_policy(type="encryption", name=NAME, policy=encryption)
        self.client.create_security_policy(type="network", name=NAME, policy=json.dumps(self.network))
        self.client.create_access_policy(type="data", name=NAME, policy=json.dumps(self.data))
        made = self.client.create_collection(name=NAME, type="VECTORSEARCH")["createCollectionDetail"]
        self.arn = str(made["arn"])
        schema = copy.deepcopy(dict(collection.index_schema(plan)))
        fields = schema["mappings"]["properties"]
        names = {"bedrock-knowledge-base-default-vector": "vector", "AMAZON_BEDROCK_TEXT_CHUNK": "text"}
        schema["mappings"]["properties"] = {names.get(name, "metadata"): one for name, one in fields.items()}
        self.client.create_index(id=made["id"], indexName="pages", indexSchema=schema)

    def put(self, kind: str, document: list[dict[str, Any]]) -> None:
        family = "access" if kind == "data" else "security"
        shown = getattr(self.client, f"get_{family}_policy")(type=kind, name=NAME)[f"{family}PolicyDetail"]
        getattr(self.client, f"update_{family}_policy")(
            type=kind, name=NAME, policyVersion=shown["policyVersion"], policy=json.dumps(document)
        )


@pytest.fixture(scope="module")
def searched(account: Account) -> tuple[Setting, Collection]:
    s = replace(account.setting(), knowledge_base=None, kb_role=ROLE, collection=NAME)
    made = Collection(account, s)
    s = replace(s, collection_arn=made.arn, boundary="bedrock-gateway/AmazonBedrockGateway-boundary-searched")
    account._boundary(s)  # one that holds what this role is for
    account.kb_role(s, ROLE)
    return s, made


ROLE_PARTS = [
    name
    for name, _ in parts(
        roles.kb_role(Setting(knowledge_base=None, collection=NAME, collection_arn="x").scope()).permissions.dump()
    )
]


def test_it_works_under_what_is_generated(account: Account, searched: tuple[Setting, Collection]) -> None:
    assert works(account, searched[0])


def test_the_role_is_granted_the_collection_by_its_name() -> None:
    assert [one for one in ROLE_PARTS if "aoss" in one or "UseCollection" in one]


def of_the_store() -> Iterator[Any]:
    """What the role needs besides is that of any knowledge base, which test_service_roles takes away too."""
    for number, name in enumerate(ROLE_PARTS):
        marks = () if "aoss" in name or "UseCollection" in name else pytest.mark.full
        yield pytest.param(number, id=name, marks=marks)


@pytest.mark.parametrize("number", list(of_the_store()))
def test_it_does_not_work_without_any_part_of_the_role(
    account: Account, searched: tuple[Setting, Collection], number: int
) -> None:
    s, _ = searched
    whole = roles.kb_role(s.scope()).permissions.dump()
    broken = [policy for _, policy in parts(whole)]
    assert len(broken) == len(ROLE_PARTS)
    put_policy(account, s.kb_role, broken[number])
    try:
        assert not works(account, s)
    finally:
        put_policy(account, s.kb_role, whole)


def lesser(made: Collection) -> Iterator[tuple[str, str, list[dict[str, Any]]]]:
    """(what is missing, type, document): the role's part of the data access policy, and of the network policy."""
    for permission in made.data[0]["Rules"][0]["Permission"]:
        less = copy.deepcopy(made.data)
        less[0]["Rules"][0]["Permission"].remove(permission)
        yield permission, "data", less
    other = copy.deepcopy(made.data)
    other[0]["Principal"] = [made.data[0]["Principal"][0] + "-other"]
    yield "the role", "data", other
    elsewhere = copy.deepcopy(made.data)
    elsewhere[0]["Rules"][0]["Resource"] = [f"index/{NAME}/other"]
    yield "the index", "data", elsewhere
    closed = copy.deepcopy(made.network)
    closed[0]["SourceServices"].remove("bedrock.amazonaws.com")
    yield "Bedrock", "network", closed


@pytest.mark.parametrize(
    "number", [one if one in {1, 3, 5} else pytest.param(one, marks=pytest.mark.full) for one in range(6)]
)
def test_it_does_not_work_without_any_part_of_the_collections_policies(
    account: Account, searched: tuple[Setting, Collection], number: int
) -> None:
    s, made = searched
    cases = list(lesser(made))
    assert len(cases) == 6
    what, kind, document = cases[number]
    made.put(kind, document)
    try:
        assert not works(account, s), what
    finally:
        made.put("data", made.data)
        made.put("network", made.network)
