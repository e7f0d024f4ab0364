"""A golden account as AWS's answers, and a preflight stepped by hand over them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

import pytest

from bedrock_gateway._commands import Record
from bedrock_gateway.config import GatewayConfig
from bedrock_gateway.errors import AccessDeniedError, NotFoundError
from bedrock_gateway.preflight import Credentials, Facts, Report, run

from .golden_operations import OPERATIONS

if TYPE_CHECKING:
    from bedrock_gateway._commands import Send

ACCOUNT, REGION, ROLE = "111122223333", "us-east-1", "AmazonBedrockGateway-logging"
MODEL = "amazon.nova-lite-v1:0"
GROUP = "/bedrock/invocations"
ROLE_ARN = f"arn:aws:iam::{ACCOUNT}:role/{ROLE}"
STREAM = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{GROUP}:log-stream:aws/bedrock/modelinvocations"
WRITE = ["logs:CreateLogStream", "logs:PutLogEvents"]
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "bedrock.amazonaws.com"},
            "Action": "sts:AssumeRole",
            "Condition": {
                "StringEquals": {"aws:SourceAccount": ACCOUNT},
                "ArnLike": {"aws:SourceArn": f"arn:aws:bedrock:{REGION}:{ACCOUNT}:*"},
            },
        }
    ],
}
NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
FACTS = Facts(Credentials("assume-role", "ASIA"), versions={"botocore": "1.43.117"}, now=NOW)
BUCKET = "example-logs"
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
BASE, BASE_ROLE = "KB12345678", f"arn:aws:iam::{ACCOUNT}:role/bedrock-gateway/AmazonBedrockGateway-kb-handbook"
GUARDRAIL = "abcdefghij12"
LOGGING = {
    "cloudWatchConfig": {
        "logGroupName": GROUP,
        "roleArn": ROLE_ARN,
        "largeDataDeliveryS3Config": {"bucketName": "example-logs"},
    },
    "textDataDeliveryEnabled": True,
}
PROFILE = {
    "status": "ACTIVE",
    "type": "SYSTEM_DEFINED",
    "models": [{"modelArn": "arn:aws:bedrock:us-east-2::foundation-model/x"}],
}


def details(**changes: Any) -> dict[str, Any]:
    return {
        "modelDetails": {"modelLifecycle": {"status": "ACTIVE"}, "inferenceTypesSupported": ["ON_DEMAND"], **changes}
    }


def statement(action: str, resource: str, **changes: Any) -> dict[str, Any]:
    """What lets Bedrock do *action*, for this account and Region only."""
    condition = TRUST["Statement"][0]["Condition"]
    allowed = {"Effect": "Allow", "Principal": {"Service": "bedrock.amazonaws.com"}, "Action": action}
    return allowed | {"Resource": resource, "Condition": condition} | changes


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


BUCKET_POLICY = statement("s3:PutObject", f"arn:aws:s3:::{BUCKET}/AWSLogs/{ACCOUNT}/BedrockModelInvocationLogs/*")
RAIL = {
    "status": "READY",
    "contentPolicy": {"filters": [{"type": "PROMPT_ATTACK", "inputStrength": "HIGH", "outputStrength": "NONE"}]},
    "sensitiveInformationPolicy": {"piiEntities": [{"type": "EMAIL", "action": "ANONYMIZE"}]},
    "contextualGroundingPolicy": {"filters": [{"type": "GROUNDING"}, {"type": "RELEVANCE"}]},
}
KNOWLEDGE = {
    "knowledgeBaseId": BASE,
    "status": "ACTIVE",
    "roleArn": BASE_ROLE,
    "knowledgeBaseConfiguration": {
        "vectorKnowledgeBaseConfiguration": {
            "embeddingModelArn": f"arn:aws:bedrock:{REGION}::foundation-model/amazon.titan-embed-text-v2:0"
        }
    },
    "storageConfiguration": {
        "s3VectorsConfiguration": {"indexArn": f"arn:aws:s3vectors:{REGION}:{ACCOUNT}:bucket/b/index/i"}
    },
}
JOB = {
    "status": "COMPLETE",
    "startedAt": NOW - timedelta(days=2),
    "statistics": {"numberOfDocumentsScanned": 100, "numberOfDocumentsFailed": 0},
}


def series(**values: float) -> dict[str, Any]:
    """Metrics with these sums, all of them five minutes old."""
    moment = [NOW - timedelta(minutes=5)]
    found = {"sent": 10.0, "success0": 10.0, "failure0": 0.0} | values
    return {
        "MetricDataResults": [
            {"Id": name, "Values": [value] if value else [], "Timestamps": moment if value else []}
            for name, value in found.items()
        ]
    }


BOUNDED = {"PermissionsBoundary": {"PermissionsBoundaryArn": f"arn:aws:iam::{ACCOUNT}:policy/boundary"}}


def golden() -> dict[str, Any]:
    """Operation → answer; a function where the answer depends on what is asked."""
    roles = {
        ROLE: {"Arn": ROLE_ARN, "AssumeRolePolicyDocument": TRUST},
        BASE_ROLE.rpartition("/")[2]: {"Arn": BASE_ROLE, "AssumeRolePolicyDocument": TRUST},
        "app": {"Arn": f"arn:aws:iam::{ACCOUNT}:role/app", **BOUNDED},
    }
    written = {"Effect": "Allow", "Action": WRITE, "Resource": STREAM}
    own = {
        "Effect": "Allow",
        "Action": "bedrock:InvokeModel",
        "Resource": "arn:aws:bedrock:us-east-1::foundation-model/x",
    }
    return {
        "GetCallerIdentity": {
            "Account": ACCOUNT,
            "Arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/app/session",
            "ResponseMetadata": {"HTTPHeaders": {"date": format_datetime(NOW, usegmt=True)}},
        },
        "GetModelInvocationLoggingConfiguration": {"loggingConfig": LOGGING, "ResponseMetadata": {"RequestId": "r-1"}},
        "HeadBucket": {"BucketRegion": REGION},
        "GetBucketPolicy": {"Policy": policy(BUCKET_POLICY)},
        "GetBucketOwnershipControls": {"OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}},
        "GetPublicAccessBlock": {
            "PublicAccessBlockConfiguration": dict.fromkeys(
                ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True
            )
        },
        "GetBucketEncryption": encrypted(KEY),
        "DescribeKey": {"KeyMetadata": {"Arn": KEY, "KeyState": "Enabled"}},
        "GetKeyPolicy": {"Policy": policy(statement("kms:GenerateDataKey", "*"))},
        "DescribeLogGroups": {
            "logGroups": [
                {"logGroupName": GROUP + "-2"},
                {"logGroupName": GROUP, "retentionInDays": 90, "kmsKeyId": KEY},
            ]
        },
        "DescribeLogStreams": {
            "logStreams": [
                {
                    "logStreamName": "aws/bedrock/modelinvocations",
                    "lastEventTimestamp": int((NOW - timedelta(minutes=2)).timestamp() * 1000),
                }
            ]
        },
        "GetMetricData": series(),
        "GetRole": lambda asked: {"Role": roles[asked["RoleName"]]},
        "ListRolePolicies": {"PolicyNames": ["write"]},
        "GetRolePolicy": lambda asked: {
            "PolicyDocument": {"Version": "2012-10-17", "Statement": own if asked["RoleName"] == "app" else written}
        },
        "ListAttachedRolePolicies": {"AttachedPolicies": []},
        "GetPolicy": {"Policy": {"DefaultVersionId": "v1"}},
        "GetPolicyVersion": {
            "PolicyVersion": {
                "Document": {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}
            }
        },
        "GetFoundationModel": details(),
        "GetFoundationModelAvailability": available(),
        "GetUseCaseForModelAccess": {"formData": b"{}"},
        "GetInferenceProfile": PROFILE,
        "GetGuardrail": RAIL,
        "ListEnforcedGuardrailsConfiguration": {"guardrailsConfig": []},
        "GetKnowledgeBase": {"knowledgeBase": KNOWLEDGE},
        "ListDataSources": {
            "dataSourceSummaries": [{"dataSourceId": "DS12345678", "name": "documents", "status": "AVAILABLE"}]
        },
        "ListIngestionJobs": {"ingestionJobSummaries": [JOB]},
        "ListAccessKeys": {"AccessKeyMetadata": [{"Status": "Active", "CreateDate": NOW - timedelta(days=10)}]},
        "ListMFADevices": {"MFADevices": [{"SerialNumber": f"arn:aws:iam::{ACCOUNT}:mfa/a"}]},
        "SimulatePrincipalPolicy": simulator(),
        "GenerateServiceLastAccessedDetails": {"JobId": "examplee-1e86-41eb-9c5a-fedcba9876ed"},
        "GetServiceLastAccessedDetails": last_used(bedrock=2),
        "GetAccountSummary": {"SummaryMap": {"AccountAccessKeysPresent": 0, "AccountMFAEnabled": 1}},
        "GetUser": {"User": {"Arn": f"arn:aws:iam::{ACCOUNT}:user/a", **BOUNDED}},
        "ListUserPolicies": {"PolicyNames": []},
        "ListAttachedUserPolicies": {"AttachedPolicies": []},
        "ListGroupsForUser": {"Groups": [{"GroupName": "callers"}]},
        "ListGroupPolicies": {"PolicyNames": ["call"]},
        "GetGroupPolicy": {"PolicyDocument": {"Version": "2012-10-17", "Statement": own}},
        "ListAttachedGroupPolicies": {"AttachedPolicies": []},
        **OPERATIONS,
        "addresses": {"addresses": ["52.94.1.1"]},
        "handshake": {"version": "TLSv1.3", "issuer": "Amazon"},
        "pause": {},
    }


LOOKS = ("addresses", "handshake", "pause")


MUST_NOT = frozenset(
    f"{service}:{name}"
    for service, names in {
        "bedrock": "PutModelInvocationLoggingConfiguration DeleteModelInvocationLoggingConfiguration UpdateGuardrail "
        "DeleteGuardrail PutAccountDataRetention PutEnforcedGuardrailConfiguration DeleteEnforcedGuardrailConfiguration "
        "CallWithBearerToken",
        "bedrock-mantle": "CallWithBearerToken CreateInference",
        "iam": "CreateUser CreateAccessKey CreateServiceSpecificCredential CreateLoginProfile UpdateLoginProfile "
        "PutUserPolicy AttachUserPolicy PutRolePolicy AttachRolePolicy UpdateAssumeRolePolicy "
        "DeleteRolePermissionsBoundary CreatePolicyVersion SetDefaultPolicyVersion",
    }.items()
    for name in names.split()
)
"""What the golden account's app is denied; its simulator allows all else."""


def simulator(judge: Any = lambda _action, _resource, _context: None, pages: int = 1) -> Any:
    """Answers of IAM's simulator; *judge* returns what is said otherwise of (action, resource, context), or None.

    *pages*: in how many an answer comes.
    """

    def answer(asked: dict[str, Any]) -> dict[str, Any]:
        context = {one["ContextKeyName"]: one["ContextKeyValues"] for one in asked["ContextEntries"]}
        results = [_result(action, asked["ResourceArns"], context, judge) for action in asked["ActionNames"]]
        page = int(asked.get("Marker", "0"))
        size = -(-len(results) // pages)
        more = {"IsTruncated": True, "Marker": str(page + 1)} if page + 1 < pages else {"IsTruncated": False}
        return {"EvaluationResults": results[page * size : (page + 1) * size], **more}

    return answer


def _result(action: str, resources: list[str], context: dict[str, Any], judge: Any) -> dict[str, Any]:
    usual = {"EvalDecision": "implicitDeny" if action in MUST_NOT else "allowed"}
    said = {one: usual | (judge(action, one, context) or {}) for one in resources}
    whole = next((one for one in said.values() if one["EvalDecision"] != "allowed"), said[resources[0]])
    named = {"EvalActionName": action, "EvalResourceName": "arn:${Partition}:…", **whole}
    if resources == ["*"]:
        return named
    each = [
        {
            **{key: value for key, value in one.items() if key != "EvalDecision"},
            "EvalResourceDecision": one["EvalDecision"],
        }
        for one in said.values()
    ]
    specific = [{"EvalResourceName": arn} | one for arn, one in zip(said, each, strict=True)]
    return {**named, "MissingContextValues": [], "ResourceSpecificResults": specific}


def last_used(**days: int | None) -> dict[str, Any]:
    """IAM's report: service → days since it was used; None: never."""
    services = [
        {"ServiceNamespace": name}
        | ({"LastAuthenticated": NOW - timedelta(days=one)} if (one := days[name]) is not None else {})
        for name in days
    ]
    return {"JobStatus": "COMPLETED", "ServicesLastAccessed": services}


def encrypted(key: str | None, algorithm: str = "aws:kms") -> dict[str, Any]:
    default = {"SSEAlgorithm": algorithm} | ({"KMSMasterKeyID": key} if key else {})
    return {"ServerSideEncryptionConfiguration": {"Rules": [{"ApplyServerSideEncryptionByDefault": default}]}}


def available(agreement: str = "AVAILABLE", **changes: Any) -> dict[str, Any]:
    return {
        "agreementAvailability": {"status": agreement},
        "authorizationStatus": "AUTHORIZED",
        "entitlementAvailability": "AVAILABLE",
        "regionAvailability": "AVAILABLE",
    } | changes


def config(**changes: Any) -> GatewayConfig:
    values: dict[str, Any] = {
        "application": "helpdesk",
        "account": ACCOUNT,
        "region": REGION,
        "principals": {
            "app": {
                "capabilities": ["converse", "converse-stream", "preflight-minimal"],
                "models": [MODEL, f"us.{MODEL}", "anthropic.claude-3-5-haiku-20241022-v1:0"],
            },
            "operator": {"capabilities": ["logging-admin", "preflight-standard"]},
            "auditor": {"capabilities": ["preflight-deep"]},
        },
        "guardrail": {"id": GUARDRAIL, "version": "3"},
        "knowledge_bases": {
            "handbook": {
                "id": BASE,
                "embedding_model": "amazon.titan-embed-text-v2:0",
                "store": "s3-vectors",
                "source": [{"type": "s3", "bucket": "example-documents"}],
            }
        },
        "logging": {"log_group": GROUP, "role": ROLE, "large_data_bucket": BUCKET},
    }
    return GatewayConfig(**(values | changes))


def drive(
    replies: dict[str, Any],
    facts: Facts = FACTS,
    principal: str = "auditor",
    declared: GatewayConfig | None = None,
    **extra: Any,
) -> tuple[Report, list[Send]]:
    flow = run(declared or config(), principal, None, facts, looks=looks(replies), **extra)
    return driven(flow, replies)


def answer(replies: dict[str, Any], send: Send) -> Any:
    found = replies[send.operation]
    if isinstance(found, BySend):
        return found.answer(send)
    return found(send.params) if callable(found) else found


@dataclass(frozen=True)
class BySend:
    """An answer that depends on more than the parameters, as on the Region."""

    answer: Any


def silenced(answer: Any) -> dict[str, Any]:
    """Every question answered with *answer*; the network is as it is in the golden account."""
    return golden() | dict.fromkeys(QUESTIONS, answer)


def looks(replies: dict[str, Any]) -> dict[str, Any]:
    return {name: (lambda _host, name=name: replies[name]) for name in LOOKS}


def driven(flow: Any, replies: dict[str, Any], in_time: Any = lambda _until: True) -> tuple[Report, list[Send]]:
    """Answer whatever the flow asks, the newest question first: no check may depend on the order."""
    together, sent, open_ = next(flow), [], []
    while not together.work.finished and in_time(together.until):
        open_ += together.work.ready()
        key, command = open_.pop()
        if isinstance(command, Record):
            together.work.tell(key, command.entry())
            continue
        sent.append(command)
        together.work.tell(key, answer(replies, command))
    with pytest.raises(StopIteration) as stop:
        next(flow)
    return stop.value.value, sent


def denied(operation: str) -> AccessDeniedError:
    return AccessDeniedError("no", operation=operation, code="AccessDeniedException", status=403, request_id="r-9")


def missing(operation: str) -> NotFoundError:
    return NotFoundError("none", operation=operation, code="ResourceNotFoundException", status=404)


def status(report: Report, check: str) -> str:
    return next(one.status for one in report.results if one.id == check)


def logging(**changes: Any) -> dict[str, Any]:
    return {"GetModelInvocationLoggingConfiguration": {"loggingConfig": {**LOGGING, **changes}}}


def who(arn: str, account: str = ACCOUNT) -> dict[str, Any]:
    return {"GetCallerIdentity": {"Account": account, "Arn": arn}}


def soon(days: int) -> dict[str, Any]:
    end = datetime.now(UTC) + timedelta(days=days, hours=1)
    return {"GetFoundationModel": details(modelLifecycle={"status": "LEGACY", "endOfLifeTime": end})}


QUESTIONS = tuple(name for name in golden() if name not in LOOKS)
