"""What each check makes of AWS's answers and of the process: expected results from the reference's catalogue.

Every row changes one thing of the golden account, in which everything passes, and names all results that change.
"""

from __future__ import annotations

import shlex
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import botocore.session
import pytest
from botocore import xform_name

from bedrock_gateway._commands import Timeouts
from bedrock_gateway.preflight import Credentials
from bedrock_gateway.preflight.catalogue import rows
from bedrock_gateway.preflight.checks.logging import digest

from . import faults
from .stepped import (
    ACCOUNT,
    BASE_ROLE,
    BUCKET,
    BUCKET_POLICY,
    FACTS,
    GROUP,
    GUARDRAIL,
    JOB,
    KEY,
    KNOWLEDGE,
    LOGGING,
    MODEL,
    NOW,
    PROFILE,
    RAIL,
    REGION,
    ROLE,
    ROLE_ARN,
    TRUST,
    BySend,
    available,
    config,
    denied,
    details,
    drive,
    encrypted,
    golden,
    missing,
    policy,
    series,
    statement,
)

FOREIGN = "123456789012"
USER = f"arn:aws:iam::{ACCOUNT}:user/a"


def logging(**changes: Any) -> dict[str, Any]:
    return {"GetModelInvocationLoggingConfiguration": {"loggingConfig": {**LOGGING, **changes}}}


def who(arn: str, account: str = ACCOUNT) -> dict[str, Any]:
    return {"GetCallerIdentity": golden()["GetCallerIdentity"] | {"Account": account, "Arn": arn}}


def ending(days: int) -> dict[str, Any]:
    end = datetime.now(UTC) + timedelta(days=days, hours=1)
    return {"GetFoundationModel": details(modelLifecycle={"status": "LEGACY", "endOfLifeTime": end})}


def base(**changes: Any) -> dict[str, Any]:
    return {"GetKnowledgeBase": {"knowledgeBase": KNOWLEDGE | changes}}


def rail(**changes: Any) -> dict[str, Any]:
    return {"GetGuardrail": RAIL | changes}


def attack(**changes: Any) -> dict[str, Any]:
    return rail(contentPolicy={"filters": [RAIL["contentPolicy"]["filters"][0] | changes]})


def job(**changes: Any) -> dict[str, Any]:
    return {"ListIngestionJobs": {"ingestionJobSummaries": [JOB | changes]}}


def sources(*states: str) -> dict[str, Any]:
    found = [{"dataSourceId": f"DS1234567{at}", "name": f"s{at}", "status": one} for at, one in enumerate(states)]
    return {"ListDataSources": {"dataSourceSummaries": found}}


def failing(failed: int) -> dict[str, Any]:
    return job(statistics={"numberOfDocumentsScanned": 100, "numberOfDocumentsFailed": failed})


def bucket_policy(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"GetBucketPolicy": {"Policy": policy(*statements)}}


def key_policy(**changes: Any) -> dict[str, Any]:
    return {"GetKeyPolicy": {"Policy": policy(statement("kms:GenerateDataKey", "*", **changes))}}


def key(state: str) -> dict[str, Any]:
    return {"DescribeKey": {"KeyMetadata": {"Arn": KEY, "KeyState": state}}}


def own(action: str, resource: str, **changes: Any) -> dict[str, Any]:
    """The app's role with one more statement; what the logging role has stays."""
    usual = golden()["GetRolePolicy"]
    extra = {"Effect": "Allow", "Action": action, "Resource": resource, **changes}

    def answer(asked: dict[str, Any]) -> dict[str, Any]:
        found = usual(asked)
        if asked["RoleName"] != "app":
            return found
        return {"PolicyDocument": {"Version": "2012-10-17", "Statement": [found["PolicyDocument"]["Statement"], extra]}}

    return {"GetRolePolicy": answer}


def roles(**changed: Any) -> dict[str, Any]:
    """GetRole with one role answered otherwise; names with - and _ alike."""
    usual = golden()["GetRole"]
    names = {"app": "app", "logging": ROLE, "base": BASE_ROLE.rpartition("/")[2]}
    others = {names[name]: value for name, value in changed.items()}

    def answer(asked: dict[str, Any]) -> Any:
        return others.get(asked["RoleName"]) or usual(asked)

    return {"GetRole": answer}


ANY_ACCOUNT = {key: value for key, value in BUCKET_POLICY.items() if key != "Condition"}
DENY = {"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{BUCKET}/*"}
UNENCRYPTED = DENY | {"Condition": {"StringNotEquals": {"s3:x-amz-server-side-encryption": "aws:kms"}}}
INSECURE = DENY | {"Condition": {"Bool": {"aws:SecureTransport": "false"}}}
FOR_ALL_BASES = TRUST["Statement"][0] | {
    "Condition": {
        "StringEquals": {"aws:SourceAccount": ACCOUNT},
        "ArnLike": {"aws:SourceArn": f"arn:aws:bedrock:{REGION}:{ACCOUNT}:knowledge-base/*"},
    }
}
OTHER_BASE = FOR_ALL_BASES | {
    "Condition": {"ArnLike": {"aws:SourceArn": f"arn:aws:bedrock:{REGION}:{ACCOUNT}:knowledge-base/OTHER12345"}}
}


def trusting(arn: str, trust: dict[str, Any]) -> dict[str, Any]:
    return {"Role": {"Arn": arn, "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trust]}}}


def later(member: str, *found: Any) -> Any:
    """An answer of IAM whose first page is empty, and not the last."""
    return faults.paged("Marker", "Marker", {member: []}, {member: list(found)})


def attached(*names: str) -> dict[str, Any]:
    found = {
        "AttachedPolicies": [{"PolicyName": name, "PolicyArn": f"arn:aws:iam::aws:policy/{name}"} for name in names]
    }
    return {"ListAttachedRolePolicies": lambda asked: found if asked["RoleName"] == "app" else {"AttachedPolicies": []}}


NOWHERE = dict.fromkeys(("LOG-05", "LOG-06", "LOG-13", "LOG-15", "REG-06"), "not_applicable") | {
    "LOG-07": "not_applicable",
    "LOG-08": "not_applicable",
}
GONE_BASE = {f"KB-0{at}": "skip" for at in range(2, 9)}
NO_BUCKET = dict.fromkeys(("LOG-10", "LOG-11", "LOG-12"), "skip")

# What of the golden account is changed → every result that changes.
ROWS: list[tuple[str, dict[str, Any], dict[str, str]]] = [
    ("another account", who(f"arn:aws:sts::{FOREIGN}:assumed-role/app/b", FOREIGN), {"ID-02": "fail"}),
    ("another partition", who(f"arn:aws-us-gov:sts::{ACCOUNT}:assumed-role/app/b"), {"ID-02": "fail"}),
    ("the root user", who(f"arn:aws:iam::{ACCOUNT}:root"), {"ID-03": "fail", "ID-04": "warn", "ID-13": "not_applicable",
        **dict.fromkeys(("IAM-01", "IAM-02", "IAM-03", "IAM-04", "IAM-05", "IAM-06", "IAM-08", "LOG-19"), "not_applicable")}),
    ("a user", who(USER), {"ID-04": "warn", "ID-13": "not_applicable", "ID-06": "pass", "ID-09": "pass", "ID-11": "pass"}),
    ("the logging role itself", who(f"arn:aws:sts::{ACCOUNT}:assumed-role/{ROLE}/b"), {"ID-13": "fail", "IAM-06": "warn"}),
    ("the role of the knowledge base", who(f"arn:aws:sts::{ACCOUNT}:assumed-role/{BASE_ROLE.rpartition('/')[2]}/b"),
        {"ID-13": "fail", "IAM-06": "warn"}),
    ("a bucket elsewhere", {"HeadBucket": {"BucketRegion": "us-west-2"}}, {"REG-05": "fail"}),
    ("a proxy that answers for S3 with nothing", {"HeadBucket": {}}, {"REG-05": "unknown", "LOG-09": "unknown",
        **dict.fromkeys(("LOG-10", "LOG-11", "LOG-12"), "unknown")}),
    ("no bucket", {"HeadBucket": missing("HeadBucket")}, {"REG-05": "fail", "LOG-09": "fail", **NO_BUCKET}),
    ("logging off", {"GetModelInvocationLoggingConfiguration": {}},
        {"LOG-01": "fail", **dict.fromkeys(("LOG-02", "LOG-03", "LOG-04", "LOG-14", "LOG-18"), "skip")}),
    ("logging null", {"GetModelInvocationLoggingConfiguration": {"loggingConfig": {}}},
        {"LOG-01": "fail", **dict.fromkeys(("LOG-02", "LOG-03", "LOG-04", "LOG-14", "LOG-18"), "skip")}),
    ("no destination", logging(cloudWatchConfig=None), {"LOG-02": "fail", "LOG-04": "warn", **NOWHERE,
        **dict.fromkeys(("LOG-09", "LOG-10", "LOG-11", "LOG-12", "LOG-20", "LOG-21"), "not_applicable")}),
    ("text off", logging(textDataDeliveryEnabled=False), {"LOG-03": "fail"}),
    ("images on", logging(imageDataDeliveryEnabled=True), {"LOG-03": "warn"}),
    ("no bucket for large bodies", logging(cloudWatchConfig={"logGroupName": GROUP, "roleArn": ROLE_ARN}),
        {"LOG-04": "warn", **dict.fromkeys(("LOG-09", "LOG-10", "LOG-11", "LOG-12"), "not_applicable")}),
    ("only a bucket", logging(cloudWatchConfig=None, s3Config={"bucketName": BUCKET}), {"LOG-02": "warn", **NOWHERE}),
    ("no log group", {"DescribeLogGroups": {"logGroups": [{"logGroupName": GROUP + "-2"}]}},
        {"LOG-05": "fail", "LOG-13": "skip", "LOG-15": "skip", "REG-06": "fail"}),
    ("no retention", {"DescribeLogGroups": {"logGroups": [{"logGroupName": GROUP, "kmsKeyId": KEY}]}}, {"LOG-05": "warn"}),
    ("no role", roles(logging=missing("GetRole")), {"LOG-06": "fail", "LOG-07": "skip", "LOG-08": "skip"}),
    ("a role of another account", logging(cloudWatchConfig=LOGGING["cloudWatchConfig"] | {
        "roleArn": f"arn:aws:iam::{FOREIGN}:role/{ROLE}"}), {"LOG-06": "fail", "LOG-07": "skip", "LOG-08": "skip"}),
    ("a bucket of somebody else", {"HeadBucket": lambda asked: denied("HeadBucket") if asked.get("ExpectedBucketOwner")
        else {"BucketRegion": REGION}}, {"REG-05": "unknown", "LOG-09": "fail", **NO_BUCKET}),
    ("no bucket policy", {"GetBucketPolicy": missing("GetBucketPolicy")}, {"LOG-10": "fail"}),
    ("a bucket policy for another Region", bucket_policy(BUCKET_POLICY | {"Condition": {
        "ArnLike": {"aws:SourceArn": f"arn:aws:bedrock:us-west-2:{ACCOUNT}:*"}}}), {"LOG-10": "fail"}),
    ("a bucket policy for another account", bucket_policy(BUCKET_POLICY | {"Condition": {
        "StringEquals": {"aws:SourceAccount": FOREIGN}}}), {"LOG-10": "fail"}),
    ("a bucket policy for another prefix", bucket_policy(BUCKET_POLICY | {
        "Resource": f"arn:aws:s3:::{BUCKET}/logs/AWSLogs/{ACCOUNT}/BedrockModelInvocationLogs/*"}), {"LOG-10": "fail"}),
    ("a bucket policy without large bodies", bucket_policy(BUCKET_POLICY | {
        "Resource": f"arn:aws:s3:::{BUCKET}/AWSLogs/{ACCOUNT}/BedrockModelInvocationLogs/{REGION}/2026/??/??/??/x.json.gz"}),
        {"LOG-10": "fail"}),
    ("a bucket policy for another account, too", bucket_policy(BUCKET_POLICY | {"Condition": {
        "StringEquals": {"aws:SourceAccount": [ACCOUNT, FOREIGN]}}}), {"LOG-10": "warn"}),
    ("a bucket policy for anybody", bucket_policy(ANY_ACCOUNT), {"LOG-10": "warn"}),
    ("a bucket that denies what is not encrypted", bucket_policy(BUCKET_POLICY, UNENCRYPTED), {"LOG-10": "fail"}),
    ("a bucket that denies plain http", bucket_policy(BUCKET_POLICY, INSECURE), {}),
    ("a bucket policy of another service", bucket_policy(BUCKET_POLICY | {
        "Principal": {"Service": "bedrock-runtime.amazonaws.com"}}), {"LOG-10": "fail"}),
    ("writers own their objects", {"GetBucketOwnershipControls": {"OwnershipControls": {"Rules": [
        {"ObjectOwnership": "ObjectWriter"}]}}}, {"LOG-11": "fail"}),
    ("no ownership controls", {"GetBucketOwnershipControls": missing("GetBucketOwnershipControls")}, {"LOG-11": "fail"}),
    ("no public access block", {"GetPublicAccessBlock": missing("GetPublicAccessBlock")}, {"LOG-11": "warn"}),
    ("S3's own keys", {"GetBucketEncryption": encrypted(None, "AES256")}, {}),
    ("AWS's key for S3", {"GetBucketEncryption": encrypted(None)}, {"LOG-12": "warn"}),
    ("a key elsewhere", {"GetBucketEncryption": encrypted(KEY.replace(REGION, "us-west-2"))}, {"LOG-12": "fail"}),
    ("a key of another account", {"GetBucketEncryption": encrypted(KEY.replace(ACCOUNT, FOREIGN))}, {"LOG-12": "unknown"}),
    ("a disabled key", key("Disabled"), {"LOG-12": "fail", "LOG-13": "fail"}),
    ("a key about to be deleted", key("PendingDeletion"), {"LOG-12": "fail", "LOG-13": "fail"}),
    ("a key policy without Bedrock", key_policy(Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:root"}), {"LOG-12": "fail"}),
    ("a key policy for another account", key_policy(Condition={"StringEquals": {"aws:SourceAccount": FOREIGN}}),
        {"LOG-12": "fail"}),
    ("a key policy for anybody", key_policy(Condition={}), {"LOG-12": "warn"}),
    ("a log group without key", {"DescribeLogGroups": {"logGroups": [{"logGroupName": GROUP, "retentionInDays": 1}]}}, {}),
    ("deliveries that fail", {"GetMetricData": series(failure0=3.0)}, {"LOG-14": "fail"}),
    ("deliveries to S3 that fail", {"GetMetricData": series(failure1=1.0)}, {"LOG-14": "fail"}),
    ("calls without deliveries", {"GetMetricData": series(success0=0.0)}, {"LOG-14": "warn"}),
    ("no traffic", {"GetMetricData": series(sent=0.0, success0=0.0)}, {"LOG-14": "unknown"}),
    ("calls without records", {"DescribeLogStreams": {"logStreams": []}}, {"LOG-15": "warn"}),
    ("the log stream on a second page", {"DescribeLogStreams": faults.paged("nextToken", "nextToken",
        {"logStreams": []}, golden()["DescribeLogStreams"])}, {}),
    ("only old records", {"DescribeLogStreams": {"logStreams": [{"logStreamName": "aws/bedrock/modelinvocations",
        "lastEventTimestamp": int((NOW - timedelta(days=3)).timestamp() * 1000)}]}}, {"LOG-15": "warn"}),
    ("no model", {"GetFoundationModel": missing("GetFoundationModel")}, {"MOD-01": "fail",
        **dict.fromkeys(("MOD-02", "MOD-03", "MOD-08"), "not_applicable")}),
    ("no form for Anthropic", {"GetUseCaseForModelAccess": missing("GetUseCaseForModelAccess")}, {"MOD-07": "fail"}),
    ("a model about to end", ending(5), {"MOD-02": "fail"}),
    ("a model that will end", ending(60), {"MOD-02": "warn"}),
    ("a model without lifecycle", {"GetFoundationModel": details(modelLifecycle={})}, {"MOD-02": "unknown"}),
    ("a model without on-demand", {"GetFoundationModel": details(inferenceTypesSupported=["INFERENCE_PROFILE"])},
        {"MOD-03": "fail"}),
    ("a model that cannot stream", {"GetFoundationModel": details(responseStreamingSupported=False)}, {"MOD-08": "fail"}),
    ("no profile", {"GetInferenceProfile": missing("GetInferenceProfile")}, {"MOD-04": "fail"}),
    ("a profile of another type", {"GetInferenceProfile": {**PROFILE, "type": "APPLICATION"}}, {"MOD-04": "fail"}),
    ("not authorised", {"GetFoundationModelAvailability": available(authorizationStatus="NOT_AUTHORIZED")}, {"MOD-06": "fail"}),
    ("not entitled", {"GetFoundationModelAvailability": available(entitlementAvailability="NOT_AVAILABLE")},
        {"MOD-06": "fail"}),
    ("not in the Region", {"GetFoundationModelAvailability": available(regionAvailability="NOT_AVAILABLE")},
        {"MOD-06": "fail"}),
    ("an agreement in error", {"GetFoundationModelAvailability": available("ERROR")}, {"MOD-06": "fail"}),
    ("an agreement under way", {"GetFoundationModelAvailability": available("PENDING")}, {"MOD-06": "warn"}),
    ("an agreement of which AWS says nothing", {"GetFoundationModelAvailability": available(agreementAvailability={})},
        {"MOD-06": "unknown"}),
    ("an agreement in a state that nobody knows", {"GetFoundationModelAvailability": available("SUSPENDED")},
        {"MOD-06": "unknown"}),
    ("no agreement", {"GetFoundationModelAvailability": available("NOT_AVAILABLE")}, {"MOD-06": "warn"}),
    ("no guardrail", {"GetGuardrail": missing("GetGuardrail")}, {"GOV-01": "fail", "GOV-02": "skip", "GOV-06": "skip"}),
    ("a guardrail that failed", rail(status="FAILED"), {"GOV-01": "fail", "GOV-02": "skip", "GOV-06": "skip"}),
    ("prompt attacks at LOW", attack(inputStrength="LOW"), {"GOV-02": "warn"}),
    ("prompt attacks that are only looked at", attack(inputAction="NONE"), {"GOV-02": "warn"}),
    ("prompt attacks off", attack(inputEnabled=False), {"GOV-02": "warn"}),
    ("no filters", rail(contentPolicy=None), {"GOV-02": "warn"}),
    ("no PII", rail(sensitiveInformationPolicy=None), {"GOV-02": "warn"}),
    ("a guardrail across Regions", rail(crossRegionDetails={"guardrailProfileId": "us.guardrail.v1:0"}), {"GOV-06": "warn"}),
    ("an enforced guardrail", {"ListEnforcedGuardrailsConfiguration": {"guardrailsConfig": [
        {"guardrailId": "otherrail123"}]}}, {"GOV-03": "warn"}),
    ("our guardrail enforced", {"ListEnforcedGuardrailsConfiguration": {"guardrailsConfig": [
        {"guardrailId": GUARDRAIL}]}}, {}),
    ("an enforced guardrail on a second page", {"ListEnforcedGuardrailsConfiguration": faults.paged("nextToken", "nextToken",
        {"guardrailsConfig": []}, {"guardrailsConfig": [{"guardrailId": "otherrail123"}]})}, {"GOV-03": "warn"}),
    ("a page that names itself", {"ListEnforcedGuardrailsConfiguration": {"guardrailsConfig": [], "nextToken": "again"}},
        {"GOV-03": "unknown"}),
    ("a list of policies that is none", {"ListAttachedRolePolicies": {}}, {"LOG-08": "unknown",
        **dict.fromkeys(("GOV-05", "IAM-01", "IAM-02", "IAM-03", "IAM-06", "IAM-07", "LOG-19"), "unknown")}),
    ("no knowledge base", {"GetKnowledgeBase": missing("GetKnowledgeBase")}, {"KB-01": "fail", **GONE_BASE}),
    ("a knowledge base being made", base(status="CREATING"), {"KB-01": "warn"}),
    ("a failed knowledge base", base(status="FAILED", failureReasons=["no index"]), {"KB-01": "fail", **GONE_BASE}),
    ("no data source", {"ListDataSources": {"dataSourceSummaries": []}},
        {"KB-02": "warn", **dict.fromkeys(("KB-03", "KB-04", "KB-08"), "not_applicable")}),
    ("a data source that cannot be deleted", {"ListDataSources": {"dataSourceSummaries": [
        {"dataSourceId": "DS12345678", "name": "documents", "status": "DELETE_UNSUCCESSFUL"}]}}, {"KB-02": "fail"}),
    ("a data source that failed", sources("FAILED"), {"KB-02": "fail"}),
    ("a data source being made", sources("CREATING"), {"KB-02": "warn"}),
    ("a data source being changed", sources("UPDATING"), {"KB-02": "warn"}),
    ("a data source that failed, beside one that is there", sources("AVAILABLE", "FAILED"), {"KB-02": "fail"}),
    ("never ingested", {"ListIngestionJobs": {"ingestionJobSummaries": []}}, {"KB-03": "warn", "KB-04": "not_applicable"}),
    ("documents that AWS does not count", job(statistics=None), {"KB-04": "unknown"}),
    ("an ingestion on a second page", {"ListIngestionJobs": faults.paged("nextToken", "nextToken",
        {"ingestionJobSummaries": []}, {"ingestionJobSummaries": [JOB]})}, {}),
    ("a failed ingestion", job(status="FAILED"), {"KB-03": "fail"}),
    ("an ingestion under way", job(status="IN_PROGRESS"), {"KB-03": "warn"}),
    ("an old ingestion", job(startedAt=NOW - timedelta(days=40)), {"KB-03": "warn"}),
    ("a few failed documents", failing(5), {"KB-04": "warn"}),
    ("many failed documents", failing(6), {"KB-04": "fail"}),
    ("embedding elsewhere", base(knowledgeBaseConfiguration={"vectorKnowledgeBaseConfiguration": {"embeddingModelArn":
        "arn:aws:bedrock:us-west-2::foundation-model/amazon.titan-embed-text-v2:0"}}), {"KB-05": "fail"}),
    ("embedding with another model", base(knowledgeBaseConfiguration={"vectorKnowledgeBaseConfiguration": {
        "embeddingModelArn": f"arn:aws:bedrock:{REGION}::foundation-model/cohere.embed-english-v3"}}), {"KB-05": "warn"}),
    ("the knowledge base's role gone", roles(base=missing("GetRole")), {"KB-06": "fail"}),
    ("a role for every knowledge base", roles(base=trusting(BASE_ROLE, FOR_ALL_BASES)), {}),
    ("a role for another knowledge base", roles(base=trusting(BASE_ROLE, OTHER_BASE)), {"KB-06": "fail"}),
    ("a store elsewhere", base(storageConfiguration={"s3VectorsConfiguration": {"indexArn":
        f"arn:aws:s3vectors:us-west-2:{ACCOUNT}:bucket/b/index/i"}}), {"KB-07": "fail"}),
    ("a store of another account", base(storageConfiguration={"opensearchServerlessConfiguration": {"collectionArn":
        f"arn:aws:aoss:{REGION}:{FOREIGN}:collection/x"}}), {"KB-07": "fail"}),
    ("a store that AWS does not name", base(storageConfiguration=None), {"KB-07": "not_applicable"}),
    ("a data source without an id", {"ListDataSources": {"dataSourceSummaries": [{"name": "documents", "status": "AVAILABLE"}]}},
        dict.fromkeys(("KB-03", "KB-04", "KB-08"), "unknown")),
    ("an embedding model that is no ARN", base(knowledgeBaseConfiguration={"vectorKnowledgeBaseConfiguration": {
        "embeddingModelArn": "x"}}), {"KB-05": "unknown"}),
    ("a role without an ARN", roles(app={"Role": {}}), dict.fromkeys(
        ("GOV-05", "IAM-01", "IAM-02", "IAM-03", "IAM-04", "IAM-05", "IAM-06", "IAM-07", "IAM-08", "LOG-19", "MOD-05", "REG-08"),
        "unknown")),
    ("a summary that does not count root's keys", {"GetAccountSummary": {"SummaryMap": {"AccountMFAEnabled": 1}}},
        {"ID-10": "unknown"}),
    ("a bucket encrypted in a way nobody knows", {"GetBucketEncryption": encrypted(None, "new")}, {"LOG-12": "unknown"}),
    ("a bucket whose encryption has no rule", {"GetBucketEncryption": {"ServerSideEncryptionConfiguration": {"Rules": []}}},
        {"LOG-12": "unknown"}),
    ("an administrator", attached("AdministratorAccess"), {"IAM-01": "fail", "IAM-02": "fail", "IAM-03": "fail", "IAM-07": "fail", "LOG-19": "fail"}),
    ("everything of Bedrock", own("bedrock:*", "*"), {"IAM-02": "fail", "LOG-19": "fail"}),
    ("every model", own("bedrock:InvokeModel", "*"), {"IAM-02": "fail"}),
    ("no boundary", roles(app={"Role": {"Arn": f"arn:aws:iam::{ACCOUNT}:role/app"}}), {"IAM-06": "warn"}),
    ("everything of Bedrock, written otherwise", own("BEDROCK:*", "*"), {"IAM-02": "fail", "LOG-19": "fail"}),
    ("everything of Bedrock, by a longer wildcard", own("bed*:*", "*"), {"IAM-02": "fail", "LOG-19": "fail"}),
    ("every model, by a wildcard", own("bedrock:Invoke*", "*"), {"IAM-02": "fail"}),
    ("every model, as everything of Bedrock", own("bedrock:InvokeModel", "arn:aws:bedrock:*"), {"IAM-02": "fail"}),
    ("every role of the account passed", own("iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/*"), {"IAM-07": "fail"}),
    ("roles passed to whichever service", own("iam:PassRole", ROLE_ARN, Condition={"StringLike": {
        "iam:PassedToService": "*"}}), {"IAM-07": "warn"}),
    ("roles passed to all services but one", own("iam:PassRole", ROLE_ARN, Condition={"StringNotEquals": {
        "iam:PassedToService": "ec2.amazonaws.com"}}), {"IAM-07": "warn"}),
    ("large bodies may be deleted", own("s3:DeleteObject", f"arn:aws:s3:::{BUCKET}/AWSLogs/{ACCOUNT}/*"), {"LOG-19": "fail"}),
    ("other objects may be deleted", own("s3:DeleteObject", f"arn:aws:s3:::{BUCKET}/tmp/*"), {}),
    ("the log group may be deleted, by its bare name", own("logs:DeleteLogGroup",
        f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{GROUP}"), {"LOG-19": "fail"}),
    ("a bucket policy for this Region's folder", bucket_policy(BUCKET_POLICY | {
        "Resource": f"arn:aws:s3:::{BUCKET}/AWSLogs/{ACCOUNT}/BedrockModelInvocationLogs/{REGION}/*"}), {}),
    ("a bucket policy for the folder of another Region", bucket_policy(BUCKET_POLICY | {
        "Resource": f"arn:aws:s3:::{BUCKET}/AWSLogs/{ACCOUNT}/BedrockModelInvocationLogs/us-west-2/*"}), {"LOG-10": "fail"}),
    ("any role passed", own("iam:PassRole", "*"), {"IAM-07": "fail"}),
    ("a role passed to any service", own("iam:PassRole", ROLE_ARN), {"IAM-07": "warn"}),
    ("a role passed to Bedrock", own("iam:PassRole", ROLE_ARN, Condition={"StringEquals": {
        "iam:PassedToService": "bedrock.amazonaws.com"}}), {"IAM-07": "pass"}),
    ("logs may be deleted", own("logs:DeleteLogGroup", "*"), {"LOG-19": "fail"}),
    ("logging may be changed", own("bedrock:PutModelInvocationLoggingConfiguration", "*"), {"LOG-19": "fail"}),
    ("keys of root", {"GetAccountSummary": {"SummaryMap": {"AccountAccessKeysPresent": 1, "AccountMFAEnabled": 1}}},
        {"ID-10": "fail"}),
    ("root without MFA", {"GetAccountSummary": {"SummaryMap": {"AccountMFAEnabled": 0}}}, {"ID-10": "warn"}),
    ("no DNS", {"addresses": {"error": "NXDOMAIN"}}, {"REG-03": "fail", "NET-01": "fail", "NET-02": "skip", "NET-03": "skip"}),
    ("a resolver that is silent", {"addresses": {"error": "timeout"}},
        dict.fromkeys(("REG-03", "NET-01", "NET-02", "NET-03"), "unknown")),
    ("old TLS", {"handshake": {"version": "TLSv1.1", "issuer": "Amazon"}}, {"NET-02": "fail"}),
    ("a bad certificate", {"handshake": {"error": "TLS: certificate has expired"}}, {"NET-02": "fail"}),
    ("a proxy that reads along", {"handshake": {"version": "TLSv1.3", "issuer": "Example Inspection"}}, {"NET-02": "warn"}),
]  # fmt: skip

USERS: list[tuple[str, dict[str, Any], dict[str, str]]] = [
    ("an old key", {"ListAccessKeys": {"AccessKeyMetadata": [{"Status": "Active", "CreateDate": NOW - timedelta(days=91)}]}},
        {"ID-06": "fail"}),
    ("a key growing old", {"ListAccessKeys": {"AccessKeyMetadata": [
        {"Status": "Active", "CreateDate": NOW - timedelta(days=61)}]}}, {"ID-06": "warn"}),
    ("an old key that is inactive", {"ListAccessKeys": {"AccessKeyMetadata": [
        {"Status": "Inactive", "CreateDate": NOW - timedelta(days=400)}]}}, {}),
    ("two keys", {"ListAccessKeys": {"AccessKeyMetadata": 2 * [{"Status": "Active", "CreateDate": NOW}]}}, {"ID-06": "warn"}),
    ("no MFA", {"ListMFADevices": {"MFADevices": []}}, {"ID-09": "warn"}),
    ("policies of its own", {"ListUserPolicies": {"PolicyNames": ["mine"]}, "GetUserPolicy": {"PolicyDocument": {
        "Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::e/x"}}}},
        {"ID-11": "warn"}),
    ("in no group", {"ListGroupsForUser": {"Groups": []}}, {"ID-11": "warn"}),
    ("a wide policy through a group", {"ListAttachedGroupPolicies": {"AttachedPolicies": [
        {"PolicyName": "AmazonBedrockFullAccess", "PolicyArn": "arn:aws:iam::aws:policy/AmazonBedrockFullAccess"}]},
        "GetPolicyVersion": {"PolicyVersion": {"Document": {"Version": "2012-10-17", "Statement": {
            "Effect": "Allow", "Action": "bedrock:*", "Resource": "*"}}}}},
        {"IAM-01": "warn", "IAM-02": "fail", "LOG-19": "fail"}),
    ("an old key on a second page", {"ListAccessKeys": later("AccessKeyMetadata", {
        "Status": "Active", "CreateDate": NOW - timedelta(days=91)})}, {"ID-06": "fail"}),
    ("an MFA device on a second page", {"ListMFADevices": later("MFADevices", {"SerialNumber": "x"})}, {}),
    ("policies of its own on a second page", {"ListUserPolicies": later("PolicyNames", "mine"), "GetUserPolicy": {
        "PolicyDocument": {"Version": "2012-10-17", "Statement": {
            "Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::e/x"}}}}, {"ID-11": "warn"}),
    ("a group on a second page", {"ListGroupsForUser": later("Groups", {"GroupName": "callers"})}, {}),
    ("a wide policy through a group on a second page", {"ListGroupsForUser": later("Groups", {"GroupName": "callers"}),
        "GetGroupPolicy": {"PolicyDocument": {"Version": "2012-10-17", "Statement": {
            "Effect": "Allow", "Action": "bedrock:*", "Resource": "*"}}}}, {"IAM-02": "fail", "LOG-19": "fail"}),
    ("more groups, but not where", {"ListGroupsForUser": {"Groups": [], "IsTruncated": True}}, {"ID-11": "unknown",
        **dict.fromkeys(("GOV-05", "IAM-01", "IAM-02", "IAM-03", "IAM-06", "IAM-07", "LOG-19"), "unknown")}),
]  # fmt: skip

PROCESSES: list[tuple[str, dict[str, Any], dict[str, str]]] = [
    ("a foreign endpoint", {"endpoint_overrides": {"AWS_ENDPOINT_URL": "http://169.254.169.254"}},
        {"ENV-03": "fail", "NET-01": "skip", "NET-02": "skip", "NET-03": "skip"}),
    ("an endpoint of AWS", {"endpoint_overrides": {"AWS_ENDPOINT_URL": "https://sts.us-east-1.amazonaws.com"}}, {}),
    ("an endpoint that looks like AWS's", {"endpoint_overrides": {"AWS_ENDPOINT_URL": "https://amazonaws.com.example.org"}},
        {"ENV-03": "fail", "NET-01": "skip", "NET-02": "skip", "NET-03": "skip"}),
    ("an old botocore", {"lacking": ("GetFoundationModel → modelDetails.modelLifecycle.endOfLifeTime",)}, {"ENV-01": "warn"}),
    ("two retry layers", {"sdk_attempts": 5}, {"ENV-02": "warn"}),
    ("no CA bundle", {"unverified": "AWS_CA_BUNDLE names a file that does not exist"}, {"ENV-04": "fail"}),
    ("a proxy", {"proxies": ("HTTPS_PROXY",)}, {"ENV-04": "warn",
        **dict.fromkeys(("NET-01", "NET-02", "NET-03"), "not_applicable")}),
    ("a loud logger", {"verbose_loggers": ("botocore",)}, {"ENV-05": "warn"}),
    ("tracebacks with locals", {"locals_in_tracebacks": "ExceptionRenderer"}, {"ENV-06": "warn"}),
    ("no end to a call", {"timeouts": Timeouts(total=7200.0)}, {"ENV-07": "fail"}),
    ("little patience", {"timeouts": Timeouts(first_byte=5.0)}, {"ENV-07": "warn"}),
    ("boto3 of 2018", {"below_the_floor": {"boto3": ">=1.40.61,<2"}}, {"ENV-10": "fail"}),
    ("a long-term key", {"credentials": Credentials("env", "AKIA")}, {"ID-05": "fail"}),
    ("credentials about to end", {"credentials": Credentials("env", "ASIA", None, 300.0, renewable=False)}, {"ID-07": "warn"}),
    ("credentials that are renewed", {"credentials": Credentials("sso", "ASIA", None, 300.0)}, {}),
    ("a long-term bearer token", {"bearer_token": "long-term"}, {"ID-08": "fail"}),
    ("a client elsewhere", {"client_regions": {"sts": "us-west-2"}}, {"REG-01": "fail"}),
    ("a client of IAM, which is everywhere", {"client_regions": {"iam": "aws-global"}}, {}),
    ("a variable that says otherwise", {"regions": {"AWS_REGION": "us-west-2"}}, {"REG-02": "warn"}),
    ("a Region unknown to botocore", {"region_known": False}, {"REG-03": "warn"}),
    ("a clock five minutes off", {"now": NOW + timedelta(minutes=5)}, {"NET-04": "fail"}),
    ("a clock two minutes off", {"now": NOW - timedelta(minutes=2)}, {"NET-04": "warn"}),
]  # fmt: skip


def statuses(report: Any) -> dict[str, str]:
    return {one.id: one.status for one in report.results}


def changed(before: Any, after: Any) -> dict[str, str]:
    usual = statuses(before)
    return {id_: status for id_, status in statuses(after).items() if usual[id_] != status}


def check(report: Any, usual: Any, expected: dict[str, str]) -> None:
    assert changed(usual, report) == expected, {one.id: one.summary for one in report.results if one.id in expected}
    for one in report.results:
        assert bool(one.fix) == (one.status in {"fail", "warn", "unknown"}), one


GOLDEN, _ = drive(golden())
AS_USER, _ = drive(golden() | who(USER))


def test_everything_passes_or_does_not_apply_in_the_golden_account():
    assert {one.id: one.summary for one in GOLDEN.results if one.status not in {"pass", "not_applicable"}} == {}
    assert {one.id for one in GOLDEN.results} == {row.id for row in rows("deep")}


@pytest.mark.parametrize(("change", "expected"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_one_fault_of_the_account_changes_exactly_what_it_should(change, expected):
    check(drive(golden() | change)[0], GOLDEN, expected)


@pytest.mark.parametrize(("change", "expected"), [row[1:] for row in USERS], ids=[row[0] for row in USERS])
def test_one_fault_of_a_user_changes_exactly_what_it_should(change, expected):
    check(drive(golden() | who(USER) | change)[0], AS_USER, expected)


@pytest.mark.parametrize(("change", "expected"), [row[1:] for row in PROCESSES], ids=[row[0] for row in PROCESSES])
def test_one_fault_of_the_process_changes_exactly_what_it_should(change, expected):
    check(drive(golden(), replace(FACTS, **change))[0], GOLDEN, expected)


DECLARED: list[tuple[str, dict[str, Any], dict[str, str]]] = [
    ("a private endpoint that is public", {"endpoints": {
        "bedrock-runtime": "https://vpce-0a1b2c3d-4e5f.bedrock-runtime.us-east-1.vpce.amazonaws.com"}}, {"NET-03": "fail"}),
    ("a draft", {"guardrail": {"id": GUARDRAIL, "version": "DRAFT"}}, {"GOV-01": "warn"}),
    ("no logging declared", {"logging": None}, {"LOG-02": "warn"}),
    ("a log group elsewhere", {"logging": {"log_group": "/other", "role": ROLE, "large_data_bucket": BUCKET}},
        {"LOG-02": "warn"}),
]  # fmt: skip


@pytest.mark.parametrize(("change", "expected"), [row[1:] for row in DECLARED], ids=[row[0] for row in DECLARED])
def test_another_declaration_changes_exactly_what_it_should(change, expected):
    check(drive(golden(), declared=config(**change))[0], GOLDEN, expected)


DRIFTS: list[tuple[str, dict[str, Any], dict[str, str]]] = [
    ("text that is delivered no more", logging(textDataDeliveryEnabled=False), {"LOG-03": "fail", "LOG-18": "warn"}),
    ("images that are delivered too", logging(imageDataDeliveryEnabled=True), {"LOG-03": "warn", "LOG-18": "warn"}),
    ("a second destination", logging(s3Config={"bucketName": BUCKET}), {"LOG-18": "warn"}),
    ("an empty prefix", logging(s3Config={}), {}),
    ("a flag that AWS has not set", logging(videoDataDeliveryEnabled=None), {}),
    ("no logging any more", {"GetModelInvocationLoggingConfiguration": {}}, {"LOG-01": "fail",
        **dict.fromkeys(("LOG-02", "LOG-03", "LOG-04", "LOG-14", "LOG-18"), "skip")}),
]  # fmt: skip
"""Of an account whose logging configuration somebody accepted."""
ACCEPTED = config(preflight={"accepted_logging": digest(LOGGING)})
AS_ACCEPTED, _ = drive(golden(), declared=ACCEPTED)


@pytest.mark.parametrize(("change", "expected"), [row[1:] for row in DRIFTS], ids=[row[0] for row in DRIFTS])
def test_what_is_not_as_it_was_accepted_changes_exactly_what_it_should(change, expected):
    check(drive(golden() | change, declared=ACCEPTED)[0], AS_ACCEPTED, expected)


def test_the_digest_to_accept_is_shown_and_then_accepted():
    usual = {one.id: one for one in GOLDEN.results}["LOG-18"]
    assert usual.status == "not_applicable"
    shown = config(preflight={"accepted_logging": usual.evidence["accepted_logging"]})
    assert statuses(drive(golden(), declared=shown)[0])["LOG-18"] == "pass"


def test_a_flag_that_botocore_hides_is_no_drift_and_everything_else_still_is():
    hides = replace(FACTS, lacking=("GetModelInvocationLoggingConfiguration → loggingConfig.audioDataDeliveryEnabled",))
    for audio in (True, False):
        declared = config(preflight={"accepted_logging": digest({**LOGGING, "audioDataDeliveryEnabled": audio})})
        assert statuses(drive(golden(), hides, declared=declared)[0])["LOG-18"] == "pass"
        assert statuses(drive(golden(), declared=declared)[0])["LOG-18"] == "warn"
        other = golden() | logging(textDataDeliveryEnabled=False)
        assert statuses(drive(other, hides, declared=declared)[0])["LOG-18"] == "warn"


@pytest.mark.parametrize(("change", "expected"), [row[1:] for row in faults.ROWS], ids=[row[0] for row in faults.ROWS])
def test_one_fault_of_upkeep_changes_exactly_what_it_should(change, expected):
    check(drive(golden() | change)[0], GOLDEN, expected)


@pytest.mark.parametrize("mode", ["aws_review", "provider_data_share"])
def test_only_the_mode_of_data_retention_that_is_allowed_passes(mode):
    for allowed in ("aws_review", "provider_data_share"):
        declared = config(preflight={"allowed_data_retention": [allowed]})
        report, _ = drive(golden() | {"GetAccountDataRetention": {"mode": mode}}, declared=declared)
        assert statuses(report)["GOV-04"] == ("pass" if mode == allowed else "fail")


def test_a_log_group_that_is_missing_is_found_where_it_is():
    there = {
        "us-west-2": faults.GROUPS,
        "eu-west-1": denied("DescribeLogGroups"),
        "eu-west-2": {"logGroups": [], "nextToken": "1"},
    }
    groups = BySend(lambda send: there.get(send.region, {"logGroups": []}))
    report, sent = drive(golden() | {"DescribeLogGroups": groups})
    found = next(one for one in report.results if one.id == "REG-06")
    assert found.status == "fail"
    assert found.evidence["exists_in"] == "us-west-2"
    assert "(2 could not be read)" in found.summary
    assert f"--region {REGION}" in found.fix.command
    regions = [one.region for one in sent if one.operation == "DescribeLogGroups"]
    assert len(regions) == len(set(regions)) > 20


def test_the_commands_of_upkeep_are_commands_of_the_aws_cli():
    """Which they are by botocore's own models; what an older one does not know is left out."""
    session, seen = botocore.session.get_session(), set()
    for _, change, _ in faults.ROWS:
        changed_ = [one for one in drive(golden() | change)[0].results if one.id in UPKEEP and one.fix]
        for command in (part for one in changed_ for part in (one.fix.command or "").split(" && ")):
            words = shlex.split(command)
            if words[:1] != ["aws"]:
                continue
            model = session.get_service_model(words[1])
            names = {xform_name(name, "-"): name for name in model.operation_names}
            if words[2] not in names and words[2].endswith("data-retention"):
                continue
            shape = model.operation_model(names[words[2]]).input_shape
            options = {xform_name(name, "-") for name in shape.members} | {"region"}
            given = {word.removeprefix("--") for word in words if word.startswith("--")}
            assert given <= options, command
            assert {xform_name(name, "-") for name in shape.required_members} <= given, command
            seen.add(words[2])
    assert seen >= {"put-metric-alarm", "update-access-key", "update-service-specific-credential"}


UPKEEP = {"GOV-04", "ID-12", "KB-08", "LOG-20", "LOG-21", "OPS-01", "QUO-02", "QUO-03"}

EXPECTING = config(
    preflight={
        "expected_load": {
            MODEL: {"input_tokens_per_minute": 15_000, "output_tokens_per_minute": 5_000, "requests_per_minute": 60},
            f"us.{MODEL}": {"tokens_per_day": 9_000_000},
        }
    }
)
AS_EXPECTED, _ = drive(golden(), declared=EXPECTING)


@pytest.mark.parametrize(
    ("change", "expected"), [row[1:] for row in faults.LOADS], ids=[row[0] for row in faults.LOADS]
)
def test_a_quota_that_does_not_hold_what_is_expected_changes_exactly_what_it_should(change, expected):
    assert statuses(AS_EXPECTED)["QUO-01"] == "pass"
    check(drive(golden() | change, declared=EXPECTING)[0], AS_EXPECTED, expected)


PROFILE_ARN = f"arn:aws:bedrock:{REGION}:{ACCOUNT}:application-inference-profile/abcdefghij12"


@pytest.mark.parametrize(
    ("wraps", "found"),
    [({}, "unknown"), ({PROFILE_ARN: [MODEL]}, "pass"), ({PROFILE_ARN: [MODEL, f"us.{MODEL}"]}, "unknown")],
)
def test_a_load_on_an_application_profile_is_compared_where_the_model_behind_it_is_told(wraps, found):
    declared = config(wraps=wraps, preflight={"expected_load": {PROFILE_ARN: {"input_tokens_per_minute": 1}}})
    assert statuses(drive(golden(), declared=declared)[0])["QUO-01"] == found


def test_ids_of_one_model_take_from_one_quota_together():
    loads = {MODEL: 40_000, f"arn:aws:bedrock:{REGION}::foundation-model/{MODEL}": 40_000}
    load = {text: {"input_tokens_per_minute": count} for text, count in loads.items()}
    assert statuses(drive(golden(), declared=config(preflight={"expected_load": load}))[0])["QUO-01"] == "warn"


def test_throughput_that_is_bought_takes_from_no_quota():
    bought = f"arn:aws:bedrock:{REGION}:{ACCOUNT}:provisioned-model/abcdefghij12"
    declared = config(preflight={"expected_load": {bought: {"input_tokens_per_minute": 10**9}}})
    assert statuses(drive(golden(), declared=declared)[0])["QUO-01"] == "not_applicable"


ANSWERING = config(
    principals={
        "app": {"capabilities": ["rag"], "models": [MODEL], "knowledge_bases": ["handbook"]},
        "auditor": {"capabilities": ["preflight-deep"]},
    }
)
AS_ANSWERED, _ = drive(golden() | faults.answering(), declared=ANSWERING)


@pytest.mark.parametrize(
    ("change", "expected"), [row[1:] for row in faults.ANSWERS], ids=[row[0] for row in faults.ANSWERS]
)
def test_a_model_that_cannot_answer_changes_exactly_what_it_should(change, expected):
    assert statuses(AS_ANSWERED)["KB-09"] == "pass"
    check(drive(golden() | faults.answering() | change, declared=ANSWERING)[0], AS_ANSWERED, expected)


HOST = replace(FACTS, state=faults.STATE)
AS_OPERATOR, _ = drive(golden(), HOST, principal="operator")
AS_CALLER, _ = drive(golden(), HOST, principal="app")


@pytest.mark.parametrize(
    ("change", "expected"), [row[1:] for row in faults.HOSTS], ids=[row[0] for row in faults.HOSTS]
)
def test_one_fault_of_the_host_of_who_sets_up_changes_exactly_what_it_should(change, expected):
    assert statuses(AS_OPERATOR)["ENV-08"] == statuses(AS_OPERATOR)["KB-10"] == "pass"
    check(drive(golden(), replace(HOST, **change), principal="operator")[0], AS_OPERATOR, expected)


@pytest.mark.parametrize(
    ("change", "expected"), [row[1:] for row in faults.CALLERS], ids=[row[0] for row in faults.CALLERS]
)
def test_one_fault_of_the_host_of_who_calls_changes_exactly_what_it_should(change, expected):
    check(drive(golden(), replace(HOST, **change), principal="app")[0], AS_CALLER, expected)


def test_a_profile_that_leaves_the_residency_fails():
    profile = f"us.{MODEL}"
    declared = config(
        principals={
            "app": {"capabilities": ["converse"], "models": [profile]},
            "auditor": {"capabilities": ["preflight-deep"]},
        },
        residency=["us-east-1", "us-east-2", "us-west-2"],
    )
    assert statuses(drive(golden(), declared=declared)[0])["REG-07"] == "pass"
    untold = {**PROFILE, "models": []}
    assert statuses(drive(golden() | {"GetInferenceProfile": untold}, declared=declared)[0])["REG-07"] == "unknown"
    left = {**PROFILE, "models": [{"modelArn": "arn:aws:bedrock:eu-west-1::foundation-model/x"}]}
    assert statuses(drive(golden() | {"GetInferenceProfile": left}, declared=declared)[0])["REG-07"] == "fail"


def test_a_bucket_policy_for_the_folder_of_its_own_region_holds_in_every_region():
    for region in ("eu-west-1", "us-west-2"):
        folder = f"arn:aws:s3:::{BUCKET}/AWSLogs/{ACCOUNT}/BedrockModelInvocationLogs/{region}/*"
        condition = {"ArnLike": {"aws:SourceArn": f"arn:aws:bedrock:{region}:{ACCOUNT}:*"}}
        change = bucket_policy(BUCKET_POLICY | {"Resource": folder, "Condition": condition})
        assert statuses(drive(golden() | change, declared=config(region=region))[0])["LOG-10"] == "pass"
