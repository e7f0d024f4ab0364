"""The golden account of `stepped`, made in the local Bedrock by root's calls: everything there is real, and everything passes.

`Golden` keeps what the account gave names to. What is declared is `stepped.config` with these names.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.loaders import create_loader

from bedrock_gateway import Gateway
from bedrock_gateway.iam import roles
from bedrock_gateway.iam.generate import generate
from bedrock_gateway.local import LocalBedrock
from bedrock_gateway.local.knowledge.store import KnowledgeStore
from bedrock_gateway.local.models.lifecycle import Lifecycles

from .golden_operations import FAILURES, LOCK, RECORDED
from .golden_operations import LIFE as ALIVE
from .stepped import ACCOUNT, BUCKET, GROUP, MODEL, REGION, ROLE, config

if TYPE_CHECKING:
    from bedrock_gateway.config import GatewayConfig
    from bedrock_gateway.preflight import Report

__all__ = ["LEVELS", "Golden", "made"]

DOCUMENTS, VECTORS, INDEX = "example-documents", "example-vectors", "handbook"
BASE_ROLE = "bedrock-gateway/AmazonBedrockGateway-kb-handbook"
TITAN = "amazon.titan-embed-text-v2:0"
HAIKU = "anthropic.claude-3-haiku-20240307-v1:0"
LEVELS = {"app": "minimal", "operator": "standard", "auditor": "deep", "caller": "deep"}
GUARDRAIL = {
    "name": "helpdesk",
    "blockedInputMessaging": "No.",
    "blockedOutputsMessaging": "No.",
    "contentPolicyConfig": {
        "filtersConfig": [{"type": "PROMPT_ATTACK", "inputStrength": "HIGH", "outputStrength": "NONE"}]
    },
    "sensitiveInformationPolicyConfig": {"piiEntitiesConfig": [{"type": "EMAIL", "action": "ANONYMIZE"}]},
    "contextualGroundingPolicyConfig": {
        "filtersConfig": [{"type": "GROUNDING", "threshold": 0.7}, {"type": "RELEVANCE", "threshold": 0.7}]
    },
}
MASKED = {"Name": "mask", "Version": "2021-06-01", "Statement": []}
LIFE = {"ID": "expire", "Filter": {"Prefix": ""}, **ALIVE}
FORM = {"companyName": "Example", "companyWebsite": "https://example.com", "intendedUsers": "0"}
TAIL = {"Version": "2012-10-17"}


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({**TAIL, "Statement": list(statements)})


def allow(action: str, resource: str, **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


_LOADER = create_loader()
"""Keeps the service models that any session has read: reading them costs more than a preflight."""


def warm(*credentials: str) -> boto3.Session:
    """A session that reads no service model twice in a process and in those that it forks."""
    session = boto3.Session(*credentials, region_name=REGION)
    session._session.register_component("data_loader", _LOADER)
    return session


@dataclass
class Golden:
    """The account, and how to look at it."""

    local: LocalBedrock
    declared: GatewayConfig
    base: str = ""
    _root: boto3.Session | None = None
    _clients: dict[str, Any] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        """A client of root, in this process."""
        if self._root is None:
            self._root = warm(*self.local.root_credentials)
            self.local.attach(self._root)
        if service not in self._clients:
            self._clients[service] = self._root.client(service)
        return self._clients[service]

    def policy(self, principal: str) -> dict[str, Any]:
        """What *principal* is granted: exactly what is generated for it, and where it is the app, its models besides."""
        return generate(self.declared.principals[principal].capabilities, self.declared.scope(principal)).policy.dump()

    def grant(self, principal: str, policy: dict[str, Any]) -> None:
        iam, said = self.client("iam"), {"PolicyName": "generated", "PolicyDocument": json.dumps(policy)}
        iam.put_role_policy(RoleName=f"helpdesk-{principal}", **said)
        if principal == "auditor":
            iam.put_group_policy(GroupName="auditors", **said)

    def session(self, principal: str, endpoint: str, *, who: str = "", seconds: int = 3600) -> boto3.Session:
        """A session of the principal's role; *who*: of a user or of root instead."""
        if who == "root":
            return warm(*self.local.root_credentials)
        if who:
            key = self.client("iam").create_access_key(UserName=who)["AccessKey"]
            return warm(key["AccessKeyId"], key["SecretAccessKey"])
        return self._assumed(f"helpdesk-{principal}", endpoint, seconds)

    def _assumed(self, role: str, endpoint: str, seconds: int) -> boto3.Session:
        iam = self.client("iam")
        key = iam.create_access_key(UserName="person")["AccessKey"]
        person = warm(key["AccessKeyId"], key["SecretAccessKey"])
        sts = person.client(
            "sts", region_name=REGION, endpoint_url=endpoint, config=Config(retries={"total_max_attempts": 1})
        )
        given = sts.assume_role(
            RoleArn=f"arn:aws:iam::{ACCOUNT}:role/{role}", RoleSessionName="preflight", DurationSeconds=seconds
        )["Credentials"]
        iam.delete_access_key(UserName="person", AccessKeyId=key["AccessKeyId"])
        return warm(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])

    def preflight(self, principal: str, endpoint: str, session: boto3.Session, *, seconds: float = 60.0) -> Report:
        declared = self.declared.model_copy(update={"endpoint": endpoint})
        with Gateway(declared, principal=principal, session=session, observers=()) as gateway:
            return gateway.preflight(deadline_seconds=seconds)


def declared_as(guardrail: str, base: str) -> GatewayConfig:
    usual = config()
    bases = {
        "handbook": {
            "id": base,
            "embedding_model": TITAN,
            "store": "s3-vectors",
            "vector_bucket": VECTORS,
            "vector_index": INDEX,
            "role": BASE_ROLE,
            "source": [{"type": "s3", "bucket": DOCUMENTS}],
        }
    }
    principals = {
        "app": {
            "capabilities": list(usual.principals["app"].capabilities),
            "models": [MODEL, f"us.{MODEL}", HAIKU],
        },
        "operator": {"capabilities": list(usual.principals["operator"].capabilities)},
        "auditor": {"capabilities": list(usual.principals["auditor"].capabilities)},
        # Who calls models, and may read what is to be known of its rights: the one of `test_permissions`.
        "caller": {
            "capabilities": ["converse", "converse-stream", "preflight-deep"],
            "models": [f"us.{MODEL}"],
            "require_guardrail": True,
        },
    }
    return config(
        local=True,
        endpoint="http://127.0.0.1:1",
        principals=principals,
        knowledge_bases=bases,
        guardrail={"id": guardrail, "version": "1"},
    )


def _principals(golden: Golden) -> None:
    iam = golden.client("iam")
    iam.create_user(UserName="person")
    iam.put_user_policy(UserName="person", PolicyName="assume", PolicyDocument=document(allow("sts:AssumeRole", "*")))
    bound = iam.create_policy(
        PolicyName="boundary",
        PolicyDocument=document({"Effect": "Allow", "Action": "*", "Resource": "*"}),
    )["Policy"]["Arn"]
    trust = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:user/person"},
        "Action": "sts:AssumeRole",
    }
    iam.create_group(GroupName="auditors")
    for principal in golden.declared.principals:
        iam.create_role(
            RoleName=f"helpdesk-{principal}", AssumeRolePolicyDocument=document(trust), PermissionsBoundary=bound
        )
        golden.grant(principal, golden.policy(principal))
    # The user of the faults of users: its rights come from a group, and it has a second factor.
    iam.create_user(UserName="anna", PermissionsBoundary=bound)
    iam.add_user_to_group(GroupName="auditors", UserName="anna")
    serial = iam.create_virtual_mfa_device(VirtualMFADeviceName="anna")["VirtualMFADevice"]["SerialNumber"]
    iam.enable_mfa_device(
        UserName="anna", SerialNumber=serial, AuthenticationCode1="123456", AuthenticationCode2="654321"
    )


def _role(golden: Golden, name: str, documents: Any) -> str:
    iam = golden.client("iam")
    path, _, short = name.rpartition("/")
    made = iam.create_role(
        RoleName=short, Path=f"/{path}/" if path else "/", AssumeRolePolicyDocument=documents.trust.to_json()
    )
    iam.put_role_policy(RoleName=short, PolicyName="work", PolicyDocument=documents.permissions.to_json())
    return str(made["Role"]["Arn"])


def _key(golden: Golden) -> str:
    here = {
        "StringEquals": {"aws:SourceAccount": ACCOUNT},
        "ArnLike": {"aws:SourceArn": f"arn:aws:bedrock:{REGION}:{ACCOUNT}:*"},
    }
    delegated = allow("kms:*", "*", Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:root"})
    bedrock = allow("kms:GenerateDataKey", "*", Principal={"Service": "bedrock.amazonaws.com"}, Condition=here)
    logs = allow("kms:*", "*", Principal={"Service": f"logs.{REGION}.amazonaws.com"})
    return str(golden.client("kms").create_key(Policy=document(delegated, bedrock, logs))["KeyMetadata"]["Arn"])


def _logging(golden: Golden) -> None:
    scope, s3, logs = golden.declared.scope("operator"), golden.client("s3"), golden.client("logs")
    key, role = _key(golden), _role(golden, ROLE, roles.logging_role(scope))
    s3.create_bucket(Bucket=BUCKET, ObjectLockEnabledForBucket=True)
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    s3.put_object_lock_configuration(Bucket=BUCKET, ObjectLockConfiguration=LOCK)
    s3.put_bucket_lifecycle_configuration(Bucket=BUCKET, LifecycleConfiguration={"Rules": [LIFE]})
    s3.put_bucket_policy(Bucket=BUCKET, Policy=roles.logging_bucket(replace(scope, logging_bucket=BUCKET)).to_json())
    default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
    s3.put_bucket_encryption(
        Bucket=BUCKET,
        ServerSideEncryptionConfiguration={"Rules": [{"ApplyServerSideEncryptionByDefault": default}]},
    )
    logs.create_log_group(logGroupName=GROUP, kmsKeyId=key)
    logs.put_retention_policy(logGroupName=GROUP, retentionInDays=90)
    logs.put_data_protection_policy(logGroupIdentifier=GROUP, policyDocument=json.dumps(MASKED))
    watch = {"logGroupName": GROUP, "roleArn": role, "largeDataDeliveryS3Config": {"bucketName": BUCKET}}
    golden.client("bedrock").put_model_invocation_logging_configuration(
        loggingConfig={
            "cloudWatchConfig": watch,
            "textDataDeliveryEnabled": True,
            "imageDataDeliveryEnabled": False,
            "embeddingDataDeliveryEnabled": False,
            "videoDataDeliveryEnabled": False,
        }
    )


def _upkeep(golden: Golden) -> None:
    """Alarms on what does not arrive, and a trail of data events."""
    for metric in FAILURES:
        golden.client("cloudwatch").put_metric_alarm(
            AlarmName=metric,
            Namespace="AWS/Bedrock",
            MetricName=metric,
            Statistic="Sum",
            Period=300,
            EvaluationPeriods=1,
            Threshold=0,
            ComparisonOperator="GreaterThanThreshold",
        )
    s3, trails = golden.client("s3"), golden.client("cloudtrail")
    s3.create_bucket(Bucket="example-trail")
    trails.create_trail(Name="all", S3BucketName="example-trail", IsMultiRegionTrail=True)
    fields = [
        {"Field": "eventCategory", "Equals": ["Data"]},
        {"Field": "resources.type", "Equals": list(RECORDED)},
    ]
    trails.put_event_selectors(TrailName="all", AdvancedEventSelectors=[{"Name": "bedrock", "FieldSelectors": fields}])
    trails.start_logging(Name="all")


def _knowledge(golden: Golden) -> str:
    vectors, s3, agent = golden.client("s3vectors"), golden.client("s3"), golden.client("bedrock-agent")
    vectors.create_vector_bucket(vectorBucketName=VECTORS)
    vectors.create_index(
        vectorBucketName=VECTORS,
        indexName=INDEX,
        dataType="float32",
        dimension=1024,
        distanceMetric="cosine",
        metadataConfiguration={"nonFilterableMetadataKeys": ["AMAZON_BEDROCK_TEXT", "AMAZON_BEDROCK_METADATA"]},
    )
    s3.create_bucket(Bucket=DOCUMENTS)
    s3.put_object(Bucket=DOCUMENTS, Key="leave.txt", Body=b"Everybody has twenty-five days of leave a year.")
    scope = replace(golden.declared.scope("auditor"), knowledge_bases=())
    arn = f"arn:aws:s3vectors:{REGION}:{ACCOUNT}:bucket/{VECTORS}/index/{INDEX}"
    documents = roles.kb_role(scope)
    made = agent.create_knowledge_base(
        name="handbook",
        roleArn=_role(golden, BASE_ROLE, documents),
        knowledgeBaseConfiguration={
            "type": "VECTOR",
            "vectorKnowledgeBaseConfiguration": {
                "embeddingModelArn": f"arn:aws:bedrock:{REGION}::foundation-model/{TITAN}"
            },
        },
        storageConfiguration={"type": "S3_VECTORS", "s3VectorsConfiguration": {"indexArn": arn}},
    )["knowledgeBase"]["knowledgeBaseId"]
    where = {"type": "S3", "s3Configuration": {"bucketArn": f"arn:aws:s3:::{DOCUMENTS}"}}
    key = golden.client("kms").create_key()["KeyMetadata"]["Arn"]
    source = agent.create_data_source(
        knowledgeBaseId=made,
        name="documents",
        dataSourceConfiguration=where,
        serverSideEncryptionConfiguration={"kmsKeyArn": key},
    )
    source_id = source["dataSource"]["dataSourceId"]
    job = agent.start_ingestion_job(knowledgeBaseId=made, dataSourceId=source_id)["ingestionJob"]["ingestionJobId"]
    assert golden.local.state.of(KnowledgeStore).bases[REGION, made].sources[source_id].jobs[job].ended.wait(30)
    return str(made)


def made() -> Golden:
    """Make the account; seconds."""
    local = LocalBedrock(account=ACCOUNT, region=REGION, pace_seconds=0)
    local.reset()
    # The catalogue calls the model legacy; in the golden account nothing is.
    local.state.of(Lifecycles).set(HAIKU, status="ACTIVE")
    golden = Golden(local, declared_as("abcdefghij12", "KB12345678"))
    bedrock = golden.client("bedrock")
    guardrail = bedrock.create_guardrail(**GUARDRAIL)["guardrailId"]
    bedrock.create_guardrail_version(guardrailIdentifier=guardrail)
    bedrock.put_use_case_for_model_access(formData=json.dumps(FORM).encode())
    golden.base = _knowledge(golden)
    golden.declared = declared_as(guardrail, golden.base)
    _logging(golden)
    _upkeep(golden)
    _principals(golden)
    said = [{"role": "user", "content": [{"text": "Hello"}]}]
    golden.client("bedrock-runtime").converse(modelId=MODEL, messages=said)
    return golden


if __name__ == "__main__":
    begun = time.monotonic()
    account = made()
    print(f"made in {time.monotonic() - begun:.2f} s")
    with account.local.serve() as server:
        for name in LEVELS:
            begun = time.monotonic()
            report = account.preflight(name, server.endpoint, account.session(name, server.endpoint))
            print(name, f"{time.monotonic() - begun:.2f} s", report.level)
            for one in report.results:
                if one.status not in {"pass", "not_applicable"}:
                    print("  ", one.id, one.status, one.summary)
