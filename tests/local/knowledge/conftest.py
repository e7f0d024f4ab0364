"""A world for the handlers of knowledge bases: moto's state in process, and a role whose rights a test can take away."""

from __future__ import annotations

import uuid
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ACCOUNT, REGION = "123456789012", "us-east-1"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/AmazonBedrockGateway-kb"
MODEL = f"arn:aws:bedrock:{REGION}::foundation-model/amazon.titan-embed-text-v2:0"


@lru_cache
def client(service: str) -> Any:
    """Return one client a service for all tests: making one costs more than most tests; moto's state is new each time."""
    import boto3

    return boto3.client(service, region_name=REGION)


class RoleRights:
    """The `Aws` of a handler: everything is allowed except what a test forbids, by action and start of the resource."""

    def __init__(self) -> None:
        self.forbidden: list[tuple[str, str]] = []
        self.trusted = True
        self.used: list[tuple[str, str]] = []
        self.assumed: list[str] = []

    def forbid(self, action: str, resource: str = "") -> None:
        self.forbidden.append((action, resource))

    def authorize(self, principal: Any, action: str, resource: str, context: Any = None) -> Any:
        from bedrock_gateway.iam.evaluate import Decision

        self.used.append((action, resource))
        denied = any(action == a and resource.startswith(r) for a, r in self.forbidden)
        return Decision(not denied, "as the test says", "identity")

    def assume_service_role(self, role_arn: str, *, source_arn: str, region: str) -> Any:
        from bedrock_gateway.local.call import Fault
        from bedrock_gateway.local.principals import Principal

        self.assumed.append(source_arn)
        if not self.trusted:
            raise Fault(
                "AccessDenied",
                f"bedrock.amazonaws.com is not authorized to perform: sts:AssumeRole on resource: {role_arn}",
                403,
            )
        name = role_arn.rpartition("/")[2]
        return Principal("role", f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}/bedrock", ACCOUNT, role_arn=role_arn)

    def call(self, service: str, operation: str, params: Any, *, region: str, principal: Any = None) -> dict[str, Any]:
        from botocore import xform_name
        from botocore.exceptions import ClientError

        from bedrock_gateway.local.call import Fault

        action, resource = {
            "ListObjectsV2": ("s3:ListBucket", f"arn:aws:s3:::{params['Bucket']}"),
            "GetObject": ("s3:GetObject", f"arn:aws:s3:::{params['Bucket']}/{params.get('Key')}"),
        }[operation]
        assert principal is not None, "documents are read as the role"
        if not self.authorize(principal, action, resource).allowed:
            raise Fault(
                "AccessDenied",
                f"User: {principal.arn} is not authorized to perform: {action} on resource: {resource}",
                403,
            )
        try:
            reply: dict[str, Any] = getattr(client(service), xform_name(operation))(**params)
        except ClientError as error:
            raise Fault(error.response["Error"]["Code"], error.response["Error"]["Message"], 404) from None
        return reply


class World:
    """One account with a vector index and a bucket, and the handlers of knowledge bases over it."""

    def __init__(self) -> None:
        from bedrock_gateway.local.call import State
        from bedrock_gateway.local.knowledge import bases as knowledge
        from bedrock_gateway.local.knowledge import retrieval, vector_requests

        self.handlers = {**knowledge.HANDLERS, **retrieval.HANDLERS, **vector_requests.HANDLERS}
        self.state, self.aws = State(), RoleRights()
        self.s3 = client("s3")
        self.vectors = client("s3vectors")
        self.bucket = f"handbook-{uuid.uuid4().hex[:8]}"
        self.vector_bucket = f"vectors-{uuid.uuid4().hex[:8]}"
        self.s3.create_bucket(Bucket=self.bucket)
        self.vectors.create_vector_bucket(vectorBucketName=self.vector_bucket)

    def call(self, service: str, operation: str, **params: Any) -> Any:
        from bedrock_gateway.local.call import Call
        from bedrock_gateway.local.principals import Principal

        caller = Principal("root", f"arn:aws:iam::{ACCOUNT}:root", ACCOUNT)
        request = Call(
            service, operation, params, REGION, ACCOUNT, "aws", caller, str(uuid.uuid4()), {}, self.state, self.aws
        )
        return self.handlers[service, operation](request)

    def agent(self, operation: str, **params: Any) -> dict[str, Any]:
        return self.call("bedrock-agent", operation, **params).output

    def runtime(self, operation: str, **params: Any) -> dict[str, Any]:
        return self.call("bedrock-agent-runtime", operation, **params).output

    def index(
        self, name: str = "main", *, dimension: int = 1024, keys: tuple[str, ...] | None = None, metric: str = "cosine"
    ) -> str:
        non_filterable = ("AMAZON_BEDROCK_TEXT", "AMAZON_BEDROCK_METADATA") if keys is None else keys
        extra = {"metadataConfiguration": {"nonFilterableMetadataKeys": list(non_filterable)}} if non_filterable else {}
        made = self.call(
            "s3vectors", "CreateIndex", vectorBucketName=self.vector_bucket, indexName=name, dataType="float32",
            dimension=dimension, distanceMetric=metric, **extra,
        )  # fmt: skip
        return str(made.output["indexArn"])

    def knowledge_base_params(self, index_arn: str, **changed: Any) -> dict[str, Any]:
        return {
            "name": f"kb-{uuid.uuid4().hex[:8]}",
            "roleArn": ROLE,
            "knowledgeBaseConfiguration": {
                "type": "VECTOR",
                "vectorKnowledgeBaseConfiguration": {"embeddingModelArn": MODEL},
            },
            "storageConfiguration": {"type": "S3_VECTORS", "s3VectorsConfiguration": {"indexArn": index_arn}},
            **changed,
        }

    def knowledge_base(self, **changed: Any) -> str:
        index_arn = self.index(f"index-{uuid.uuid4().hex[:8]}")
        made = self.agent("CreateKnowledgeBase", **self.knowledge_base_params(index_arn, **changed))
        return str(made["knowledgeBase"]["knowledgeBaseId"])

    def data_source(self, base: str, **changed: Any) -> str:
        params = {
            "name": f"ds-{uuid.uuid4().hex[:8]}",
            "dataSourceConfiguration": {"type": "S3", "s3Configuration": {"bucketArn": f"arn:aws:s3:::{self.bucket}"}},
            **changed,
        }
        return str(self.agent("CreateDataSource", knowledgeBaseId=base, **params)["dataSource"]["dataSourceId"])

    def put(self, **documents: str) -> None:
        """Put documents; in a name, ``__`` stands for a dot."""
        for name, text in documents.items():
            self.s3.put_object(Bucket=self.bucket, Key=name.replace("__", "."), Body=text.encode())

    def ingest(self, base: str, source: str) -> dict[str, Any]:
        """Run an ingestion job to its end and return it."""
        from bedrock_gateway.local.knowledge.store import KnowledgeStore

        where = {"knowledgeBaseId": base, "dataSourceId": source}
        started = self.agent("StartIngestionJob", **where)["ingestionJob"]
        job = self.state.of(KnowledgeStore).bases[REGION, base].sources[source].jobs[started["ingestionJobId"]]
        assert job.ended.wait(30)
        shown: dict[str, Any] = self.agent("GetIngestionJob", **where, ingestionJobId=job.job_id)["ingestionJob"]
        return shown

    def filled(self, **documents: str) -> str:
        """Return a knowledge base that has ingested *documents*."""
        base = self.knowledge_base()
        self.put(**documents)
        job = self.ingest(base, self.data_source(base))
        assert job["status"] == "COMPLETE", job
        return base


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Give a world of its own to each test."""
    from moto import mock_aws

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
    with mock_aws():
        yield World()
