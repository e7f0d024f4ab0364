"""What the suites over HTTP share: a local Bedrock on a port, and bare clients of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bedrock_gateway.local import LocalBedrock

REGION, ACCOUNT = "us-east-1", "123456789012"
NOVA = "amazon.nova-lite-v1:0"
HAIKU = "anthropic.claude-3-haiku-20240307-v1:0"
TITAN = "amazon.titan-embed-text-v2:0"


def said(text: str) -> list[dict[str, Any]]:
    return [{"role": "user", "content": [{"text": text}]}]


def claude(text: str = "Hello", **more: Any) -> str:
    messages = [{"role": "user", "content": text}]
    return json.dumps({"anthropic_version": "bedrock-2023-05-31", "max_tokens": 100, "messages": messages, **more})


def trust(service: str = "bedrock.amazonaws.com") -> str:
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action: str | list[str], resource: str | list[str] = "*") -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource}


class Served:
    """A local Bedrock on a port, with boto3 clients of its root user or of others."""

    def __init__(self, local: LocalBedrock, endpoint: str) -> None:
        self.local, self.endpoint = local, endpoint
        key, secret = local.root_credentials
        self.root = {"AccessKeyId": key, "SecretAccessKey": secret}
        self._made: dict[tuple[str, str], Any] = {}

    said, claude, trust, policy, allow = map(staticmethod, (said, claude, trust, policy, allow))

    @property
    def port(self) -> int:
        return int(self.endpoint.rpartition(":")[2])

    def keywords(self, credentials: dict[str, str] | None = None, *, region: str = REGION) -> dict[str, Any]:
        """Return what `client` of any stack is made with."""
        given = credentials or self.root
        return {
            "endpoint_url": self.endpoint,
            "region_name": region,
            "aws_access_key_id": given["AccessKeyId"],
            "aws_secret_access_key": given["SecretAccessKey"],
            "aws_session_token": given.get("SessionToken"),
        }

    def client(self, service: str, credentials: dict[str, str] | None = None, **more: Any) -> Any:
        import boto3
        from botocore.config import Config

        once = Config(retries={"total_max_attempts": 1}, max_pool_connections=40)
        keywords = {"config": once, **self.keywords(credentials, region=more.pop("region", REGION)), **more}
        return boto3.client(service, **keywords)

    def user(self, name: str, *statements: dict[str, Any]) -> dict[str, str]:
        """Make a user with these rights and return a key of it."""
        iam = self.client("iam")
        iam.create_user(UserName=name)
        if statements:
            iam.put_user_policy(UserName=name, PolicyName="inline", PolicyDocument=policy(*statements))
        key: dict[str, str] = iam.create_access_key(UserName=name)["AccessKey"]
        return key

    def role(self, name: str, *statements: dict[str, Any]) -> str:
        """Make a role that Bedrock may assume, and return its ARN."""
        iam = self.client("iam")
        made = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust())
        if statements:
            iam.put_role_policy(RoleName=name, PolicyName="inline", PolicyDocument=policy(*statements))
        return str(made["Role"]["Arn"])

    def knowledge_base(self, name: str, **documents: str) -> tuple[str, str]:
        """Return the ids of a knowledge base and a data source that has ingested *documents* (``__`` for a dot)."""
        bucket = f"docs-{name}"
        s3, vectors, agent = self.client("s3"), self.client("s3vectors"), self.client("bedrock-agent")
        s3.create_bucket(Bucket=bucket)
        for key, text in documents.items():
            s3.put_object(Bucket=bucket, Key=key.replace("__", "."), Body=text.encode())
        vectors.create_vector_bucket(vectorBucketName=f"vectors-{name}")
        # botocore before 1.41 does not show the ARN that CreateIndex answers with.
        index = f"arn:aws:s3vectors:{REGION}:{ACCOUNT}:bucket/vectors-{name}/index/main"
        vectors.create_index(
            vectorBucketName=f"vectors-{name}", indexName="main", dataType="float32", dimension=1024,
            distanceMetric="cosine",
            metadataConfiguration={"nonFilterableMetadataKeys": ["AMAZON_BEDROCK_TEXT", "AMAZON_BEDROCK_METADATA"]},
        )  # fmt: skip
        base = agent.create_knowledge_base(
            name=name,
            roleArn=self.role(f"kb-{name}", allow("*")),
            knowledgeBaseConfiguration={
                "type": "VECTOR",
                "vectorKnowledgeBaseConfiguration": {
                    "embeddingModelArn": f"arn:aws:bedrock:{REGION}::foundation-model/{TITAN}"
                },
            },
            storageConfiguration={"type": "S3_VECTORS", "s3VectorsConfiguration": {"indexArn": index}},
        )["knowledgeBase"]["knowledgeBaseId"]
        where = {"type": "S3", "s3Configuration": {"bucketArn": f"arn:aws:s3:::{bucket}"}}
        source = agent.create_data_source(knowledgeBaseId=base, name="s3", dataSourceConfiguration=where)
        source_id = source["dataSource"]["dataSourceId"]
        self.ingest(base, source_id)
        return base, source_id

    def ingest(self, base: str, source: str) -> dict[str, Any]:
        """Run an ingestion job to its end."""
        from bedrock_gateway.local.knowledge.store import KnowledgeStore

        agent = self.client("bedrock-agent")
        job = agent.start_ingestion_job(knowledgeBaseId=base, dataSourceId=source)["ingestionJob"]["ingestionJobId"]
        held = self.local.state.of(KnowledgeStore).bases[REGION, base].sources[source].jobs[job]
        assert held.ended.wait(30)
        shown = agent.get_ingestion_job(knowledgeBaseId=base, dataSourceId=source, ingestionJobId=job)
        assert shown["ingestionJob"]["status"] == "COMPLETE", shown
        return dict(shown["ingestionJob"])


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    """Serve one local Bedrock to all tests of a module; each names its resources so that they do not meet."""
    from bedrock_gateway.local import LocalBedrock

    with LocalBedrock(region=REGION, pace_seconds=0) as local, local.serve() as server:
        local.reset()
        yield Served(local, server.endpoint)
        local.reset()
