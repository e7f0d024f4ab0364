"""Set up a small AWS account in the local Bedrock, each step by whoever would do it in a real one.

The demo tells the story of these steps; the tests of the README, the docs and the examples stand on the world they make.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import boto3

from bedrock_gateway import Gateway, GatewayConfig
from bedrock_gateway.iam import roles
from bedrock_gateway.iam.boundary import boundary
from bedrock_gateway.iam.generate import generate
from bedrock_gateway.iam.resources import boundary_arn

if TYPE_CHECKING:
    from pathlib import Path

    from bedrock_gateway.local import LocalBedrock

ACCOUNT = "123456789012"
REGION = "us-east-1"
CHAT_MODEL = "us.amazon.nova-lite-v1:0"
EMBEDDING_MODEL = "amazon.titan-embed-text-v2:0"
EMBEDDING_DIMENSIONS = 1024
DOCUMENTS = (".txt", ".md", ".html", ".csv")

CONFIG = """\
format = 1
application = "helpdesk"

[env.laptop]
account = "{account}"
region = "{region}"
local = true
endpoint = "{endpoint}"

[principals.app]                      # what the running application may do
capabilities = [{capabilities}]
models = ["{model}"]
knowledge_bases = [{knowledge_bases}]

[principals.operator]                 # what sets things up; never the same principal
capabilities = ["logging-admin", "kb-provision", "kb-create", "kb-documents", "kb-ingest", "preflight-standard"]
knowledge_bases = ["handbook"]

[logging]
log_group = "/bedrock/invocations"
role = "AmazonBedrockGateway-logging"
bucket = "example-bedrock-logs-{account}-{region}"
modalities = ["text", "embedding"]

[knowledge_base.handbook]
embedding_model = "{embedding_model}"
store = "s3-vectors"
{assigned}
[[knowledge_base.handbook.source]]
type = "s3"
bucket = "example-handbook-{account}-{region}"
"""


def quoted(names: tuple[str, ...]) -> str:
    return ", ".join(f'"{name}"' for name in names)


@dataclass
class World:
    """One account: its configuration file, and sessions for those who act in it."""

    local: LocalBedrock
    endpoint: str
    folder: Path
    runtime_capabilities: tuple[str, ...] = ("converse", "converse-stream", "invoke", "preflight-minimal")
    knowledge_base_id: str | None = None
    admin: boto3.Session = field(init=False)
    person: boto3.Session = field(init=False)

    def __post_init__(self) -> None:
        self.admin = self._session(*self.local.root_credentials)

    @property
    def config_file(self) -> Path:
        return self.folder / "gateway.toml"

    @property
    def config(self) -> GatewayConfig:
        return GatewayConfig.from_file(self.config_file)

    def write_config(self) -> None:
        """Write gateway.toml as it stands: with the knowledge base's id once AWS has assigned it."""
        known = self.knowledge_base_id is not None
        self.config_file.write_text(
            CONFIG.format(
                account=ACCOUNT,
                region=REGION,
                endpoint=self.endpoint,
                capabilities=quoted(
                    (*self.runtime_capabilities, "retrieve", "rag") if known else self.runtime_capabilities
                ),
                knowledge_bases=quoted(("handbook",) if known else ()),
                model=CHAT_MODEL,
                embedding_model=EMBEDDING_MODEL,
                assigned=f'id = "{self.knowledge_base_id}"\n' if known else "",
            )
        )

    def _session(self, key: str, secret: str, token: str | None = None) -> boto3.Session:
        return boto3.Session(
            aws_access_key_id=key, aws_secret_access_key=secret, aws_session_token=token, region_name=REGION
        )

    def client(self, session: boto3.Session, service: str) -> Any:
        """A bare boto3 client of *service*, with nothing of ours in it."""
        return session.client(service, endpoint_url=self.endpoint)

    def seed(self, documents: Path) -> str:
        """Take every step at once, up to the handbook made of *documents* and ingested; returns its data source's id."""
        self.write_config()
        self.create_person()
        self.create_buckets()
        self.create_boundary()
        for name in ("operator", "app"):
            self.create_role(name)
            self.grant(name)
        operator = self.become("operator")
        self.set_up_logging(operator)
        self.upload(operator, documents)
        with self.gateway("operator", observers=[]) as gateway:
            source = self.create_knowledge_base(gateway, operator)
        with self.gateway("operator", observers=[]) as gateway:
            gateway.wait_for_ingestion(gateway.start_ingestion("handbook", data_source_id=source), interval_seconds=0.1)
        self.grant("app")
        return source

    # -- the account's administrator ---------------------------------------------------------------------------------

    def create_person(self) -> None:
        """Somebody who may assume the two roles and nothing else; root cannot assume a role."""
        iam = self.client(self.admin, "iam")
        iam.create_user(UserName="you")
        roles_of_ours = [f"arn:aws:iam::{ACCOUNT}:role/{name}" for name in ("operator", "app")]
        allow = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": roles_of_ours}
        iam.put_user_policy(UserName="you", PolicyName="assume", PolicyDocument=document([allow]))
        key = iam.create_access_key(UserName="you")["AccessKey"]
        self.person = self._session(key["AccessKeyId"], key["SecretAccessKey"])

    def create_buckets(self) -> None:
        """The buckets that gateway.toml names: of the invocation logs, and of the handbook."""
        s3, config = self.client(self.admin, "s3"), self.config
        for bucket in (config.logging.bucket, config.knowledge_bases["handbook"].sources[0].bucket):
            s3.create_bucket(Bucket=bucket)

    def create_role(self, name: str) -> dict[str, Any]:
        """A role that *you* may assume, without any right yet."""
        allow = {
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:user/you"},
            "Action": "sts:AssumeRole",
        }
        role: dict[str, Any] = self.client(self.admin, "iam").create_role(
            RoleName=name, AssumeRolePolicyDocument=document([allow])
        )
        return role["Role"]

    def create_boundary(self) -> dict[str, Any]:
        """The managed policy that caps every service role the operator makes; only the administrator can change it."""
        scope = self.config.scope("operator")
        path, _, name = scope.boundary.rpartition("/")
        policy = boundary(scope)
        self.client(self.admin, "iam").create_policy(PolicyName=name, Path=f"/{path}/", PolicyDocument=policy.to_json())
        return policy.dump()

    def policy(self, name: str) -> dict[str, Any]:
        """What `bedrock-gateway policy --principal NAME` prints."""
        config = self.config
        return generate(config.principal(name).capabilities, config.scope(name)).policy.dump()

    def grant(self, name: str) -> dict[str, Any]:
        """Attach to role *name* exactly the policy generated for the principal of that name; return it."""
        policy = self.policy(name)
        self.client(self.admin, "iam").put_role_policy(
            RoleName=name, PolicyName="generated", PolicyDocument=json.dumps(policy)
        )
        return policy

    def become(self, name: str) -> boto3.Session:
        """A session of role *name*, with temporary credentials from STS."""
        sts = self.client(self.person, "sts")
        given = sts.assume_role(RoleArn=f"arn:aws:iam::{ACCOUNT}:role/{name}", RoleSessionName=name)["Credentials"]
        return self._session(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])

    def gateway(self, name: str, **options: Any) -> Gateway:
        return Gateway(self.config, principal=name, session=self.become(name), **options)

    # -- the operator ------------------------------------------------------------------------------------------------

    def set_up_logging(self, operator: boto3.Session) -> None:
        """Log group, service role, bucket policy, then the configuration, which AWS validates."""
        scope, logging = self.config.scope("operator"), self.config.logging
        assert logging is not None
        logs, iam = self.client(operator, "logs"), self.client(operator, "iam")
        logs.create_log_group(logGroupName=logging.log_group)
        logs.put_retention_policy(logGroupName=logging.log_group, retentionInDays=30)
        role = roles.logging_role(scope)
        arn = iam.create_role(
            RoleName=logging.role,
            AssumeRolePolicyDocument=role.trust.to_json(),
            PermissionsBoundary=boundary_arn(scope),
        )["Role"]["Arn"]
        iam.put_role_policy(RoleName=logging.role, PolicyName="deliver", PolicyDocument=role.permissions.to_json())
        self.client(operator, "s3").put_bucket_policy(
            Bucket=logging.bucket, Policy=roles.logging_bucket(scope).to_json()
        )
        self.client(operator, "bedrock").put_model_invocation_logging_configuration(
            loggingConfig={
                "cloudWatchConfig": {
                    "logGroupName": logging.log_group,
                    "roleArn": arn,
                    "largeDataDeliveryS3Config": {"bucketName": logging.bucket},
                },
                "s3Config": {"bucketName": logging.bucket},
                "textDataDeliveryEnabled": True,
                "embeddingDataDeliveryEnabled": True,
                "imageDataDeliveryEnabled": False,
            }
        )

    def upload(self, operator: boto3.Session, documents: Path) -> list[str]:
        """Put every text document below *documents* into the handbook's bucket; return their keys."""
        bucket = self.config.knowledge_bases["handbook"].sources[0].bucket
        s3, keys = self.client(operator, "s3"), []
        for path in documents_below(documents):
            keys.append(path.relative_to(documents).as_posix())
            s3.put_object(Bucket=bucket, Key=keys[-1], Body=path.read_bytes())
        return keys

    def create_knowledge_base(self, gateway: Gateway, operator: boto3.Session) -> str:
        """Role, vector store, knowledge base, data source; returns the data source's id.

        `bedrock-gateway kb create` does the same, and knows its own again by tags: which the oldest botocore that our
        tests run with cannot send to S3 Vectors. So here it is done by hand.
        """
        scope, handbook = self.config.scope("operator"), self.config.knowledge_bases["handbook"]
        iam, vectors = self.client(operator, "iam"), self.client(operator, "s3vectors")
        documents = roles.kb_role(scope)
        path, _, name = handbook.role.rpartition("/")
        arn = iam.create_role(
            RoleName=name,
            Path=f"/{path}/",
            AssumeRolePolicyDocument=documents.trust.to_json(),
            PermissionsBoundary=boundary_arn(scope),
        )["Role"]["Arn"]
        iam.put_role_policy(RoleName=name, PolicyName="read-and-index", PolicyDocument=documents.permissions.to_json())
        vectors.create_vector_bucket(vectorBucketName=handbook.vector_bucket)
        vectors.create_index(
            vectorBucketName=handbook.vector_bucket,
            indexName=handbook.vector_index,
            dataType="float32",
            dimension=EMBEDDING_DIMENSIONS,
            distanceMetric="cosine",
            metadataConfiguration={"nonFilterableMetadataKeys": ["AMAZON_BEDROCK_TEXT", "AMAZON_BEDROCK_METADATA"]},
        )
        # botocore before 1.41 does not show the ARN that CreateIndex answers with.
        index = f"arn:aws:s3vectors:{REGION}:{ACCOUNT}:bucket/{handbook.vector_bucket}/index/{handbook.vector_index}"
        knowledge_base = gateway.create_knowledge_base("handbook", role_arn=arn, index_arn=index)
        self.knowledge_base_id = knowledge_base.id
        self.write_config()
        source = gateway.create_data_source("handbook", knowledge_base_id=knowledge_base.id)
        return source.id


def documents_below(folder: Path) -> list[Path]:
    """Every file below *folder* that a knowledge base can read as text; empty ones hold nothing to index."""
    found = (path for path in folder.rglob("*") if path.is_file() and path.suffix.lower() in DOCUMENTS)
    return sorted(path for path in found if path.stat().st_size)


def document(statements: list[dict[str, Any]]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})
