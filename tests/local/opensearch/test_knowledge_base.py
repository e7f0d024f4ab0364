"""A knowledge base on a collection: what it asks of index and role, and what it finds. Over HTTP, as boto3 sees it."""

from __future__ import annotations

import json
from copy import deepcopy

import pytest
from botocore.exceptions import ClientError

from .conftest import ACCOUNT, SCHEMA, data, network

REGION = "us-east-1"
MODEL = f"arn:aws:bedrock:{REGION}::foundation-model/amazon.titan-embed-text-v2:0"
FIELDS = {"vectorField": "vector", "textField": "text", "metadataField": "metadata"}
USE = ("aoss:DescribeIndex", "aoss:ReadDocument", "aoss:WriteDocument")
DOCUMENTS = {
    "leave.md": "Everybody has 25 days of paid leave a year. Unused leave lapses at the end of March.",
    "travel.md": "Trains are booked in second class. The code for group bookings is ZX81.",
    "laptops.md": "A laptop is replaced every four years.",
}


class Base:
    """A collection with an index, a role, and a bucket of documents; the knowledge base is the test's to make."""

    def __init__(self, search, name):
        self.search, self.name = search, name
        self.agent, self.runtime = (search.served.client(one) for one in ("bedrock-agent", "bedrock-agent-runtime"))
        self.role = search.served.role(f"role-{name}")
        self.collection = search.collection(name, self.role, search.root)
        self.arn = f"arn:aws:aoss:{REGION}:{ACCOUNT}:collection/{self.collection}"
        self.grant("bedrock:InvokeModel", "s3:ListBucket", "s3:GetObject", "aoss:APIAccessAll")

    def grant(self, *actions):
        statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        self.search.served.client("iam").put_role_policy(
            RoleName=f"role-{self.name}", PolicyName="use", PolicyDocument=document
        )

    def index(self, name="pages", **field):
        schema = deepcopy(SCHEMA)
        for key, value in field.items():
            schema["mappings"]["properties"][key] = {**schema["mappings"]["properties"].get(key, {}), **value}
        self.search.client.create_index(id=self.collection, indexName=name, indexSchema=schema)

    def create(self, **changes):
        store = {"collectionArn": self.arn, "vectorIndexName": "pages", "fieldMapping": FIELDS} | changes
        made = self.agent.create_knowledge_base(
            name=self.name,
            roleArn=self.role,
            knowledgeBaseConfiguration={
                "type": "VECTOR",
                "vectorKnowledgeBaseConfiguration": {"embeddingModelArn": MODEL},
            },
            storageConfiguration={"type": "OPENSEARCH_SERVERLESS", "opensearchServerlessConfiguration": store},
        )
        return made["knowledgeBase"]["knowledgeBaseId"]

    def filled(self, **metadata):
        identifier = self.create()
        bucket, s3 = f"docs-{self.name}", self.search.served.client("s3")
        s3.create_bucket(Bucket=bucket)
        for key, text in DOCUMENTS.items():
            s3.put_object(Bucket=bucket, Key=key, Body=text.encode())
            about = json.dumps({"metadataAttributes": {"topic": key.removesuffix(".md"), "tags": [key, "all"]}})
            s3.put_object(Bucket=bucket, Key=f"{key}.metadata.json", Body=about.encode())
        where = {"type": "S3", "s3Configuration": {"bucketArn": f"arn:aws:s3:::{bucket}"}}
        source = self.agent.create_data_source(knowledgeBaseId=identifier, name="s3", dataSourceConfiguration=where)
        self.source = source["dataSource"]["dataSourceId"]
        self.search.served.ingest(identifier, self.source)
        return identifier

    def find(self, identifier, question, **options):
        reply = self.runtime.retrieve(
            knowledgeBaseId=identifier,
            retrievalQuery={"text": question},
            retrievalConfiguration={"vectorSearchConfiguration": options},
        )
        return reply["retrievalResults"]

    def refused(self, call, *args, **params):
        with pytest.raises(ClientError) as caught:
            call(*args, **params)
        return caught.value.response["Error"]["Message"]


@pytest.fixture
def base(search, name):
    return Base(search, name)


def test_passages_are_found_with_their_source_and_metadata(base):
    base.index()
    identifier = base.filled()
    first, *rest = base.find(identifier, "How many days of paid leave?")
    assert first["content"]["text"] == DOCUMENTS["leave.md"]
    assert first["location"]["s3Location"]["uri"] == f"s3://docs-{base.name}/leave.md"
    assert first["metadata"]["topic"] == "leave"
    assert "AMAZON_BEDROCK_TEXT" not in first["metadata"]
    assert len(rest) == 2
    assert [one["score"] for one in (first, *rest)] == sorted((one["score"] for one in (first, *rest)), reverse=True)


def test_hybrid_search_counts_words_and_semantic_search_does_not(base):
    base.index()
    identifier = base.filled()
    hybrid = base.find(identifier, "ZX81", overrideSearchType="HYBRID")
    semantic = base.find(identifier, "ZX81", overrideSearchType="SEMANTIC")
    assert hybrid[0]["content"]["text"] == DOCUMENTS["travel.md"]
    of_travel = {kind: next(one["score"] for one in found if "ZX81" in one["content"]["text"])
                 for kind, found in (("hybrid", hybrid), ("semantic", semantic))}  # fmt: skip
    assert of_travel["hybrid"] > of_travel["semantic"]
    assert base.find(identifier, "ZX81") == hybrid, "where nobody says, it is hybrid: the text can be searched"


def test_hybrid_search_needs_text_that_can_be_searched(base):
    base.index(text={"index": False})
    identifier = base.filled()
    message = base.refused(base.find, identifier, "ZX81", overrideSearchType="HYBRID")
    assert "HYBRID search type is not supported" in message
    assert base.find(identifier, "ZX81") == base.find(identifier, "ZX81", overrideSearchType="SEMANTIC")


@pytest.mark.parametrize(
    ("metadata_filter", "found"),
    [
        ({"startsWith": {"key": "topic", "value": "lap"}}, {"laptops.md"}),
        ({"stringContains": {"key": "topic", "value": "ave"}}, {"leave.md", "travel.md"}),
        ({"stringContains": {"key": "tags", "value": "tops"}}, {"laptops.md"}),
        ({"equals": {"key": "topic", "value": "travel"}}, {"travel.md"}),
        ({"listContains": {"key": "tags", "value": "all"}}, set(DOCUMENTS)),
        (
            {"andAll": [
                {"listContains": {"key": "tags", "value": "all"}},
                {"notEquals": {"key": "topic", "value": "leave"}},
            ]},
            {"travel.md", "laptops.md"},
        ),
    ],
)  # fmt: skip
def test_every_operator_of_the_store_filters(served_base, metadata_filter, found):
    base, identifier = served_base
    rows = base.find(identifier, "anything", filter=metadata_filter)
    assert {one["location"]["s3Location"]["uri"].rpartition("/")[2] for one in rows} == found


@pytest.fixture(scope="module")
def served_base(served):
    """One for all questions: making it costs more than asking."""
    import uuid

    from .conftest import Search

    base = Base(Search(served), f"c-{uuid.uuid4().hex[:12]}")
    base.index()
    return base, base.filled()


@pytest.mark.full
def test_documents_that_are_gone_are_found_no_more(base):
    base.index()
    identifier = base.filled()
    base.search.served.client("s3").delete_object(Bucket=f"docs-{base.name}", Key="travel.md")
    base.search.served.ingest(identifier, base.source)
    assert not [one for one in base.find(identifier, "ZX81") if "ZX81" in one["content"]["text"]]
    base.agent.delete_data_source(knowledgeBaseId=identifier, dataSourceId=base.source)
    assert base.find(identifier, "leave") == []


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ({"vector": {"dimension": 512}}, "Dimension should be: 512"),
        (
            {"vector": {"method": {"name": "hnsw", "engine": "nmslib"}}},
            "one of the following valid engine types: FAISS",
        ),
        ({"vector": {"type": "text"}}, "is not of type knn_vector"),
        ({"metadata": {"type": "integer"}}, "metadata"),
    ],
)
def test_an_index_that_does_not_fit_is_refused(base, field, message):
    base.index(**field)
    said = base.refused(base.create)
    assert said.startswith("The knowledge base storage configuration provided is invalid... ")
    assert message in said


def test_an_index_that_is_not_there_is_refused(base):
    assert "no such index [pages]" in base.refused(base.create)


def test_a_new_index_is_not_seen_at_once(search, name):
    clock = search.clock(index_seconds=20)
    base = Base(search, name)
    base.index()
    assert "no such index [pages]" in base.refused(base.create)
    clock.now = 20
    base.create()


def test_a_collection_that_is_not_there_is_refused(base):
    other = base.arn.replace(base.collection, "abcdefghij0123456789")
    assert "does not exist" in base.refused(base.create, collectionArn=other)


def test_the_role_needs_access_in_iam(base):
    base.index()
    base.grant("bedrock:InvokeModel")
    said = base.refused(base.create)
    assert "[security_exception] 403 Forbidden" in said
    assert "Service: OpenSearchServerless" in said


def test_the_role_needs_a_data_access_policy(base):
    base.index()
    client = base.search.client
    shown = client.get_access_policy(type="data", name=base.name)["accessPolicyDetail"]
    client.update_access_policy(
        type="data",
        name=base.name,
        policyVersion=shown["policyVersion"],
        policy=data(base.name, base.search.root),
    )
    assert "[security_exception] 403 Forbidden" in base.refused(base.create)
    client.create_access_policy(
        type="data", name=f"{base.name}-r", policy=data(base.name, base.role, permissions=USE, index="pages")
    )
    base.create()


def test_the_role_is_let_in_by_the_network_policy(base):
    base.index()
    client = base.search.client
    client.delete_security_policy(type="network", name=base.name)
    assert "server returned 401" in base.refused(base.create)
    client.create_security_policy(type="network", name=base.name, policy=network(base.name, "bedrock.amazonaws.com"))
    base.create()


@pytest.mark.full
def test_a_right_taken_away_later_is_missed_when_it_is_used(base):
    base.index()
    identifier = base.filled()
    base.grant("bedrock:InvokeModel", "s3:ListBucket", "s3:GetObject")
    assert "403 Forbidden" in base.refused(base.find, identifier, "leave")
    job = base.agent.start_ingestion_job(knowledgeBaseId=identifier, dataSourceId=base.source)["ingestionJob"]
    from bedrock_gateway.local.knowledge.store import KnowledgeStore

    held = base.search.served.local.state.of(KnowledgeStore).bases[REGION, identifier].sources[base.source]
    assert held.jobs[job["ingestionJobId"]].ended.wait(30)
    shown = base.agent.get_ingestion_job(
        knowledgeBaseId=identifier, dataSourceId=base.source, ingestionJobId=job["ingestionJobId"]
    )["ingestionJob"]
    assert shown["status"] == "FAILED"
    assert "403 Forbidden" in shown["failureReasons"][0]
