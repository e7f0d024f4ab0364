"""The judge: what it says AWS demands of each operation, and what it makes of policies in moto's state."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("moto", reason="the local Bedrock is an extra")

from bedrock_gateway.iam import actions
from bedrock_gateway.iam.document import Statement
from bedrock_gateway.iam.evaluate import Decision
from bedrock_gateway.local import catalogue
from bedrock_gateway.local.authorization import (
    AccountLookup,
    ApiRequest,
    Demand,
    UnknownOperationError,
    authorize_api,
    demands,
    denial_code,
    denial_message,
)
from bedrock_gateway.local.call import State
from bedrock_gateway.local.demands import WrappedModel
from bedrock_gateway.local.principals import Directory, Entity, Principal

if TYPE_CHECKING:
    from collections.abc import Iterator

ACCOUNT, REGION = "123456789012", "us-east-1"
NOVA, TITAN = "amazon.nova-lite-v1:0", "amazon.titan-embed-text-v2:0"
KB = f"arn:aws:bedrock:{REGION}:{ACCOUNT}:knowledge-base/KB12345678"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/bedrock/AmazonBedrockKb"
GUARDRAIL = f"arn:aws:bedrock:{REGION}:{ACCOUNT}:guardrail/abcdefghij12"


def model(name: str = NOVA, region: str = REGION) -> str:
    return f"arn:aws:bedrock:{region}::foundation-model/{name}"


def profile(name: str, kind: str = "inference-profile", region: str = REGION) -> str:
    return f"arn:aws:bedrock:{region}:{ACCOUNT}:{kind}/{name}"


@dataclass
class Existing:
    """A `Lookup` of what a test says exists."""

    profiles: dict[str, WrappedModel] = field(default_factory=dict)
    bases: dict[str, str] = field(default_factory=dict)
    entities: dict[tuple[str, str], Entity] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)

    def application_profile(self, identifier: str, region: str) -> WrappedModel | None:
        return self.profiles.get(identifier)

    def knowledge_base_role(self, identifier: str, region: str) -> str | None:
        return self.bases.get(identifier)

    def entity(self, kind: str, name: str) -> Entity | None:
        return self.entities.get((kind, name))

    def key_arn(self, identifier: str, region: str) -> str | None:
        return self.aliases.get(identifier)


def request(service: str, operation: str, lookup: Existing | None = None, **params: Any) -> ApiRequest:
    return ApiRequest(service, operation, params, REGION, ACCOUNT, lookup=lookup or Existing())


def asked(service: str, operation: str, lookup: Existing | None = None, **params: Any) -> list[tuple[str, str]]:
    return [(one.action, one.resource) for one in demands(request(service, operation, lookup, **params))]


def runtime(operation: str, model_id: str, **params: Any) -> list[Demand]:
    return demands(request("bedrock-runtime", operation, modelId=model_id, **params))


# -- models ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operation", "action"),
    [
        ("InvokeModel", "bedrock:InvokeModel"),
        ("Converse", "bedrock:InvokeModel"),
        ("InvokeModelWithResponseStream", "bedrock:InvokeModelWithResponseStream"),
        ("ConverseStream", "bedrock:InvokeModelWithResponseStream"),
        ("CountTokens", "bedrock:CountTokens"),
    ],
)
def test_a_call_of_a_model_demands_one_action_on_the_model(operation: str, action: str) -> None:
    assert asked("bedrock-runtime", operation, modelId=NOVA) == [(action, model())]
    assert asked("bedrock-runtime", operation, modelId=model()) == [(action, model())]


def test_a_geographic_profile_demands_the_profile_and_the_model_in_source_and_every_destination() -> None:
    made = runtime("Converse", f"us.{NOVA}")
    reach = {REGION, *catalogue.destinations(f"us.{NOVA}", REGION)}
    assert made[0].resource == profile(f"us.{NOVA}")
    assert {one.resource for one in made[1:]} == {model(region=region) for region in reach}
    assert len(reach) > 1
    assert "bedrock:InferenceProfileArn" not in made[0].context
    assert {one.context["bedrock:InferenceProfileArn"] for one in made[1:]} == {profile(f"us.{NOVA}")}


def test_the_destinations_depend_on_the_source_region() -> None:
    def regions(source: str) -> set[str]:
        one = replace(request("bedrock-runtime", "Converse", modelId=f"apac.{NOVA}"), region=source)
        return {demand.resource.split(":")[3] for demand in demands(one)[1:]}

    assert "ap-south-1" in regions("ap-south-1")
    assert regions("ap-south-1") != regions("ap-southeast-2") or "ap-southeast-2" in regions("ap-southeast-2")


def test_a_leg_in_another_region_is_asked_for_in_that_region() -> None:
    for one in runtime("Converse", f"us.{NOVA}")[1:]:
        assert one.context["aws:RequestedRegion"] == one.resource.split(":")[3]


def test_a_global_profile_demands_the_source_and_the_region_less_model() -> None:
    name = "anthropic.claude-sonnet-4-5-20250929-v1:0"
    made = runtime("Converse", f"global.{name}")
    assert [one.resource for one in made] == [profile(f"global.{name}"), model(name), model(name, "")]
    assert [one.context.get("aws:RequestedRegion") for one in made] == [None, REGION, "unspecified"]


def test_a_profile_by_arn_is_the_same_as_by_id() -> None:
    by_arn = runtime("InvokeModel", profile(f"us.{NOVA}"))
    assert by_arn == runtime("InvokeModel", f"us.{NOVA}")


def test_a_vendor_is_not_a_profile_prefix() -> None:
    assert asked("bedrock-runtime", "Converse", modelId="anthropic.claude-x")[0][1] == model("anthropic.claude-x")
    assert asked("bedrock-runtime", "Converse", modelId="us-gov.x.y")[0][1] == profile("us-gov.x.y")


def test_an_application_profile_demands_itself_and_what_it_wraps() -> None:
    arn = profile("abc123", "application-inference-profile")
    one_model = Existing({arn: WrappedModel(NOVA, (REGION,))})
    assert asked("bedrock-runtime", "Converse", one_model, modelId=arn) == [
        ("bedrock:InvokeModel", arn),
        ("bedrock:InvokeModel", model()),
    ]
    wide = Existing({arn: WrappedModel(NOVA, ("us-east-2", ""))})
    made = demands(request("bedrock-runtime", "Converse", wide, modelId=arn))
    assert [one.resource for one in made[1:]] == [model(), model(region="us-east-2"), model(region="")]
    assert {one.context["bedrock:InferenceProfileArn"] for one in made[1:]} == {arn}


def test_an_application_profile_that_does_not_exist_demands_itself_alone() -> None:
    arn = profile("abc123", "application-inference-profile")
    assert asked("bedrock-runtime", "Converse", modelId=arn) == [("bedrock:InvokeModel", arn)]


@pytest.mark.parametrize("kind", ["provisioned-model", "imported-model", "custom-model-deployment"])
def test_a_model_of_the_account_demands_itself_alone(kind: str) -> None:
    assert asked("bedrock-runtime", "Converse", modelId=profile("x", kind)) == [
        ("bedrock:InvokeModel", profile("x", kind))
    ]


def test_a_prompt_demands_the_right_to_render_it() -> None:
    arn = profile("PROMPT1234", "prompt")
    assert asked("bedrock-runtime", "Converse", modelId=arn) == [("bedrock:RenderPrompt", arn)]


@pytest.mark.parametrize(
    ("operation", "params"),
    [
        ("Converse", {"guardrailConfig": {"guardrailIdentifier": "abcdefghij12", "guardrailVersion": "3"}}),
        ("ConverseStream", {"guardrailConfig": {"guardrailIdentifier": GUARDRAIL, "guardrailVersion": "3"}}),
        ("InvokeModel", {"guardrailIdentifier": "abcdefghij12", "guardrailVersion": "3"}),
        ("InvokeModelWithResponseStream", {"guardrailIdentifier": "abcdefghij12", "guardrailVersion": "3"}),
    ],
)
def test_a_guardrail_is_in_the_context_and_has_to_be_allowed(operation: str, params: dict[str, Any]) -> None:
    made = runtime(operation, f"us.{NOVA}", **params)
    assert (made[-1].action, made[-1].resource) == ("bedrock:ApplyGuardrail", GUARDRAIL)
    assert {one.context["bedrock:GuardrailIdentifier"] for one in made[:-1]} == {f"{GUARDRAIL}:3"}


def test_a_draft_guardrail_is_its_bare_arn() -> None:
    made = runtime("InvokeModel", NOVA, guardrailIdentifier="abcdefghij12", guardrailVersion="DRAFT")
    assert made[0].context["bedrock:GuardrailIdentifier"] == GUARDRAIL


def test_a_foundation_model_does_not_belong_to_the_caller() -> None:
    owners = {one.context.get("aws:ResourceAccount") for one in runtime("Converse", f"us.{NOVA}")[1:]}
    assert owners
    assert ACCOUNT not in owners
    assert None not in owners


def test_a_bearer_token_demands_one_right_more() -> None:
    one = replace(request("bedrock-runtime", "Converse", modelId=NOVA), bearer_token="LONG_TERM")
    first = demands(one)[0]
    assert (first.action, first.resource) == ("bedrock:CallWithBearerToken", "*")
    assert first.context == {"bedrock:BearerTokenType": "LONG_TERM"}


# -- every other service, row by row -----------------------------------------------------------------------------------

PASS = ("iam:PassRole", ROLE)
RAG = {"knowledgeBaseConfiguration": {"knowledgeBaseId": "KB12345678", "modelArn": model()}}
RERANKER = "cohere.rerank-v3-5:0"
TABLE: list[tuple[str, str, dict[str, Any], list[tuple[str, str]]]] = [
    ("bedrock", "ListFoundationModels", {}, [("bedrock:ListFoundationModels", "*")]),
    ("bedrock", "GetFoundationModel", {"modelIdentifier": NOVA}, [("bedrock:GetFoundationModel", model())]),
    ("bedrock", "GetFoundationModelAvailability", {"modelId": NOVA}, [("bedrock:GetFoundationModelAvailability", "*")]),
    ("bedrock", "ListInferenceProfiles", {}, [("bedrock:ListInferenceProfiles", "*")]),
    (
        "bedrock",
        "GetInferenceProfile",
        {"inferenceProfileIdentifier": f"us.{NOVA}"},
        [("bedrock:GetInferenceProfile", profile(f"us.{NOVA}"))],
    ),
    (
        "bedrock",
        "GetInferenceProfile",
        {"inferenceProfileIdentifier": "abc123"},
        [("bedrock:GetInferenceProfile", profile("abc123", "application-inference-profile"))],
    ),
    (
        "bedrock",
        "CreateInferenceProfile",
        {"modelSource": {"copyFrom": model()}, "tags": [{"key": "team", "value": "red"}]},
        [
            ("bedrock:CreateInferenceProfile", profile("*", "application-inference-profile")),
            ("bedrock:CreateInferenceProfile", model()),
            ("bedrock:TagResource", profile("*", "application-inference-profile")),
        ],
    ),
    (
        "bedrock",
        "GetModelInvocationLoggingConfiguration",
        {},
        [("bedrock:GetModelInvocationLoggingConfiguration", "*")],
    ),
    (
        "bedrock",
        "PutModelInvocationLoggingConfiguration",
        {"loggingConfig": {"cloudWatchConfig": {"roleArn": ROLE}}},
        [("bedrock:PutModelInvocationLoggingConfiguration", "*"), PASS],
    ),
    (
        "bedrock",
        "PutModelInvocationLoggingConfiguration",
        {"loggingConfig": {"s3Config": {"bucketName": "b"}}},
        [("bedrock:PutModelInvocationLoggingConfiguration", "*")],
    ),
    (
        "bedrock-agent",
        "CreateKnowledgeBase",
        {"roleArn": ROLE, "tags": {"team": "red"}},
        [("bedrock:CreateKnowledgeBase", "*"), PASS, ("bedrock:TagResource", KB.replace("KB12345678", "*"))],
    ),
    ("bedrock-agent", "ListKnowledgeBases", {}, [("bedrock:ListKnowledgeBases", "*")]),
    *(
        ("bedrock-agent", name, {"knowledgeBaseId": "KB12345678"}, [(f"bedrock:{name}", KB)])
        for name in [
            "GetKnowledgeBase",
            "DeleteKnowledgeBase",
            "CreateDataSource",
            "GetDataSource",
            "UpdateDataSource",
            "DeleteDataSource",
            "ListDataSources",
            "StartIngestionJob",
            "GetIngestionJob",
            "ListIngestionJobs",
            "StopIngestionJob",
        ]
    ),
    (
        "bedrock-agent",
        "IngestKnowledgeBaseDocuments",
        {"knowledgeBaseId": "KB12345678"},
        [("bedrock:IngestKnowledgeBaseDocuments", KB), ("bedrock:StartIngestionJob", KB)],
    ),
    ("bedrock-agent", "TagResource", {"resourceArn": KB, "tags": {"a": "b"}}, [("bedrock:TagResource", KB)]),
    ("bedrock-agent-runtime", "Retrieve", {"knowledgeBaseId": "KB12345678"}, [("bedrock:Retrieve", KB)]),
    (
        "bedrock-agent-runtime",
        "RetrieveAndGenerate",
        {"retrieveAndGenerateConfiguration": RAG},
        [("bedrock:RetrieveAndGenerate", "*"), ("bedrock:Retrieve", KB), ("bedrock:InvokeModel", model())],
    ),
    (
        "bedrock-agent-runtime",
        "RetrieveAndGenerateStream",
        {"retrieveAndGenerateConfiguration": RAG},
        [
            ("bedrock:RetrieveAndGenerate", "*"),
            ("bedrock:Retrieve", KB),
            ("bedrock:InvokeModelWithResponseStream", model()),
        ],
    ),
    (
        "bedrock-agent-runtime",
        "RetrieveAndGenerate",
        {
            "retrieveAndGenerateConfiguration": {
                "externalSourcesConfiguration": {
                    "modelArn": model(),
                    "sources": [{"s3Location": {"uri": "s3://docs/a.txt"}}, {"byteContent": {}}],
                }
            }
        },
        [
            ("bedrock:RetrieveAndGenerate", "*"),
            ("bedrock:InvokeModel", model()),
            ("s3:GetObject", "arn:aws:s3:::docs/a.txt"),
        ],
    ),
    ("s3", "ListBuckets", {}, [("s3:ListAllMyBuckets", "*")]),
    ("s3", "HeadBucket", {"Bucket": "b"}, [("s3:ListBucket", "arn:aws:s3:::b")]),
    ("s3", "ListObjectsV2", {"Bucket": "b"}, [("s3:ListBucket", "arn:aws:s3:::b")]),
    ("s3", "GetBucketLocation", {"Bucket": "b"}, [("s3:GetBucketLocation", "arn:aws:s3:::b")]),
    ("s3", "PutPublicAccessBlock", {"Bucket": "b"}, [("s3:PutBucketPublicAccessBlock", "arn:aws:s3:::b")]),
    ("s3", "GetBucketEncryption", {"Bucket": "b"}, [("s3:GetEncryptionConfiguration", "arn:aws:s3:::b")]),
    ("s3", "GetObject", {"Bucket": "b", "Key": "x/y z"}, [("s3:GetObject", "arn:aws:s3:::b/x/y z")]),
    ("s3", "HeadObject", {"Bucket": "b", "Key": "k"}, [("s3:GetObject", "arn:aws:s3:::b/k")]),
    ("s3", "GetObject", {"Bucket": "b", "Key": "k", "VersionId": "1"}, [("s3:GetObjectVersion", "arn:aws:s3:::b/k")]),
    ("s3", "PutObject", {"Bucket": "b", "Key": "k"}, [("s3:PutObject", "arn:aws:s3:::b/k")]),
    (
        "s3",
        "PutObject",
        {"Bucket": "b", "Key": "k", "ACL": "private", "Tagging": "a=b"},
        [
            ("s3:PutObject", "arn:aws:s3:::b/k"),
            ("s3:PutObjectAcl", "arn:aws:s3:::b/k"),
            ("s3:PutObjectTagging", "arn:aws:s3:::b/k"),
        ],
    ),
    *(
        ("s3", name, {"Bucket": "b", "Key": "k"}, [("s3:PutObject", "arn:aws:s3:::b/k")])
        for name in ("CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload")
    ),
    ("s3", "AbortMultipartUpload", {"Bucket": "b", "Key": "k"}, [("s3:AbortMultipartUpload", "arn:aws:s3:::b/k")]),
    *(
        (
            "s3",
            "CopyObject",
            {"Bucket": "b", "Key": "k", "CopySource": source},
            [("s3:PutObject", "arn:aws:s3:::b/k"), ("s3:GetObject", "arn:aws:s3:::src/a b")],
        )
        for source in ("src/a%20b", "/src/a%20b", {"Bucket": "src", "Key": "a b"})
    ),
    (
        "s3",
        "CopyObject",
        {"Bucket": "b", "Key": "k", "CopySource": "src/a?versionId=7"},
        [("s3:PutObject", "arn:aws:s3:::b/k"), ("s3:GetObjectVersion", "arn:aws:s3:::src/a")],
    ),
    (
        "s3",
        "DeleteObjects",
        {"Bucket": "b", "Delete": {"Objects": [{"Key": "x"}, {"Key": "y", "VersionId": "1"}]}},
        [("s3:DeleteObject", "arn:aws:s3:::b/x"), ("s3:DeleteObjectVersion", "arn:aws:s3:::b/y")],
    ),
    ("s3vectors", "ListVectorBuckets", {}, [("s3vectors:ListVectorBuckets", "*")]),
    (
        "s3vectors",
        "CreateVectorBucket",
        {"vectorBucketName": "v"},
        [("s3vectors:CreateVectorBucket", f"arn:aws:s3vectors:{REGION}:{ACCOUNT}:bucket/v")],
    ),
    (
        "s3vectors",
        "GetIndex",
        {"vectorBucketName": "v", "indexName": "i"},
        [("s3vectors:GetIndex", f"arn:aws:s3vectors:{REGION}:{ACCOUNT}:bucket/v/index/i")],
    ),
    (
        "s3vectors",
        "QueryVectors",
        {"indexArn": f"arn:aws:s3vectors:{REGION}:{ACCOUNT}:bucket/v/index/i"},
        [("s3vectors:QueryVectors", f"arn:aws:s3vectors:{REGION}:{ACCOUNT}:bucket/v/index/i")],
    ),
    (
        "s3vectors",
        "QueryVectors",
        {"vectorBucketName": "v", "indexName": "i", "returnMetadata": True},
        [
            ("s3vectors:QueryVectors", f"arn:aws:s3vectors:{REGION}:{ACCOUNT}:bucket/v/index/i"),
            ("s3vectors:GetVectors", f"arn:aws:s3vectors:{REGION}:{ACCOUNT}:bucket/v/index/i"),
        ],
    ),
    (
        "logs",
        "DescribeLogGroups",
        {"logGroupNamePrefix": "/g"},
        [("logs:DescribeLogGroups", f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group::log-stream:")],
    ),
    (
        "logs",
        "CreateLogGroup",
        {"logGroupName": "/g"},
        [("logs:CreateLogGroup", f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/g:log-stream:")],
    ),
    (
        "logs",
        "PutLogEvents",
        {"logGroupName": "/g", "logStreamName": "a/b"},
        [("logs:PutLogEvents", f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/g:log-stream:a/b")],
    ),
    (
        "logs",
        "FilterLogEvents",
        {"logGroupIdentifier": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/g"},
        [("logs:FilterLogEvents", f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/g:log-stream:")],
    ),
    (
        "logs",
        "StartQuery",
        {"logGroupNames": ["/g", "/h"]},
        [
            ("logs:StartQuery", f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/g:log-stream:"),
            ("logs:StartQuery", f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/h:log-stream:"),
        ],
    ),
    ("logs", "GetQueryResults", {"queryId": "x"}, [("logs:GetQueryResults", "*")]),
    ("iam", "ListRoles", {}, [("iam:ListRoles", "*")]),
    (
        "iam",
        "CreateRole",
        {"RoleName": "r", "Path": "/bedrock/", "Tags": [{"Key": "a", "Value": "b"}]},
        [
            ("iam:CreateRole", f"arn:aws:iam::{ACCOUNT}:role/bedrock/r"),
            ("iam:TagRole", f"arn:aws:iam::{ACCOUNT}:role/bedrock/r"),
        ],
    ),
    ("iam", "GetRole", {"RoleName": "r"}, [("iam:GetRole", f"arn:aws:iam::{ACCOUNT}:role/r")]),
    ("iam", "CreateUser", {"UserName": "u"}, [("iam:CreateUser", f"arn:aws:iam::{ACCOUNT}:user/u")]),
    ("iam", "CreateAccessKey", {"UserName": "u"}, [("iam:CreateAccessKey", f"arn:aws:iam::{ACCOUNT}:user/u")]),
    (
        "iam",
        "CreatePolicy",
        {"PolicyName": "p", "Path": "/x/"},
        [("iam:CreatePolicy", f"arn:aws:iam::{ACCOUNT}:policy/x/p")],
    ),
    (
        "iam",
        "GetPolicyVersion",
        {"PolicyArn": "arn:aws:iam::aws:policy/ReadOnlyAccess"},
        [("iam:GetPolicyVersion", "arn:aws:iam::aws:policy/ReadOnlyAccess")],
    ),
    ("iam", "GetAccountSummary", {}, [("iam:GetAccountSummary", "*")]),
    ("sts", "GetCallerIdentity", {}, []),
    ("sts", "AssumeRole", {"RoleArn": ROLE}, [("sts:AssumeRole", ROLE)]),
    (
        "sts",
        "AssumeRole",
        {"RoleArn": ROLE, "Tags": [{"Key": "a", "Value": "b"}]},
        [("sts:AssumeRole", ROLE), ("sts:TagSession", ROLE)],
    ),
    ("kms", "ListKeys", {}, [("kms:ListKeys", "*")]),
    ("kms", "DescribeKey", {"KeyId": "k-1"}, [("kms:DescribeKey", f"arn:aws:kms:{REGION}:{ACCOUNT}:key/k-1")]),
    ("cloudwatch", "GetMetricData", {}, [("cloudwatch:GetMetricData", "*")]),
    ("cloudwatch", "PutMetricData", {"Namespace": "N"}, [("cloudwatch:PutMetricData", "*")]),
    (
        "cloudwatch",
        "PutMetricAlarm",
        {"AlarmName": "a"},
        [("cloudwatch:PutMetricAlarm", f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:a")],
    ),
    ("resourcegroupstaggingapi", "GetResources", {}, [("tag:GetResources", "*")]),
]


@pytest.mark.parametrize(("service", "operation", "params", "expected"), TABLE)
def test_what_an_operation_demands(
    service: str, operation: str, params: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    assert asked(service, operation, **params) == expected


def test_an_answer_from_a_profile_demands_all_of_its_legs_as_a_forwarded_call() -> None:
    configuration = {"knowledgeBaseConfiguration": {"knowledgeBaseId": "KB12345678", "modelArn": f"us.{NOVA}"}}
    made = demands(
        request("bedrock-agent-runtime", "RetrieveAndGenerate", retrieveAndGenerateConfiguration=configuration)
    )
    legs = [one for one in made if one.action == "bedrock:InvokeModel"]
    assert [one.resource for one in legs] == [one.resource for one in runtime("InvokeModel", f"us.{NOVA}")]
    assert all(one.context["aws:CalledViaLast"] == "bedrock.amazonaws.com" for one in made[1:])
    assert "aws:CalledViaLast" not in made[0].context


def test_reranking_and_a_guardrail_add_to_what_an_answer_demands() -> None:
    reranking = {"bedrockRerankingConfiguration": {"modelConfiguration": {"modelArn": model(RERANKER)}}}
    configuration = {
        "knowledgeBaseConfiguration": {
            "knowledgeBaseId": "KB12345678",
            "modelArn": NOVA,
            "retrievalConfiguration": {"vectorSearchConfiguration": {"rerankingConfiguration": reranking}},
            "generationConfiguration": {"guardrailConfiguration": {"guardrailId": "abcdefghij12"}},
        }
    }
    made = asked("bedrock-agent-runtime", "RetrieveAndGenerate", retrieveAndGenerateConfiguration=configuration)
    assert made[3:] == [
        ("bedrock:Rerank", "*"),
        ("bedrock:InvokeModel", model(RERANKER)),
        ("bedrock:ApplyGuardrail", GUARDRAIL),
    ]


def test_the_service_makes_its_model_calls_without_the_guardrail() -> None:
    configuration = {
        "knowledgeBaseConfiguration": {
            "knowledgeBaseId": "KB12345678",
            "modelArn": NOVA,
            "generationConfiguration": {"guardrailConfiguration": {"guardrailId": "abcdefghij12"}},
        }
    }
    one = request("bedrock-agent-runtime", "RetrieveAndGenerate", retrieveAndGenerateConfiguration=configuration)
    assert not any("bedrock:GuardrailIdentifier" in demand.context for demand in demands(one))


def test_a_passed_role_names_the_service_it_goes_to() -> None:
    passed = demands(request("bedrock-agent", "CreateKnowledgeBase", roleArn=ROLE))[1]
    assert passed.context == {"iam:PassedToService": "bedrock.amazonaws.com"}


def test_an_update_passes_a_role_only_where_it_is_another_one() -> None:
    same = Existing(bases={"KB12345678": ROLE})
    params = {"knowledgeBaseId": "KB12345678", "roleArn": ROLE}
    assert asked("bedrock-agent", "UpdateKnowledgeBase", same, **params) == [("bedrock:UpdateKnowledgeBase", KB)]
    other = Existing(bases={"KB12345678": f"{ROLE}-other"})
    assert asked("bedrock-agent", "UpdateKnowledgeBase", other, **params)[1] == PASS


def test_an_existing_role_is_asked_for_with_its_path_boundary_and_tags() -> None:
    entity = Entity(f"arn:aws:iam::{ACCOUNT}:role/x/r", "arn:aws:iam::aws:policy/B", {"team": "red"})
    made = demands(request("iam", "PutRolePolicy", Existing(entities={("role", "r"): entity}), RoleName="r"))
    assert made[0].resource == entity.arn
    assert made[0].context["iam:PermissionsBoundary"] == entity.boundary
    assert made[0].context["aws:ResourceTag/team"] == "red"


def test_a_new_role_is_asked_for_by_the_path_of_the_request() -> None:
    entity = Entity(f"arn:aws:iam::{ACCOUNT}:role/x/r")
    made = asked("iam", "CreateRole", Existing(entities={("role", "r"): entity}), RoleName="r", Path="/y/")
    assert made == [("iam:CreateRole", f"arn:aws:iam::{ACCOUNT}:role/y/r")]


def test_what_is_attached_and_the_boundary_of_the_request_are_in_the_context() -> None:
    made = demands(request("iam", "AttachRolePolicy", RoleName="r", PolicyArn="arn:aws:iam::aws:policy/P"))[0]
    assert made.context["iam:PolicyARN"] == "arn:aws:iam::aws:policy/P"
    made = demands(request("iam", "CreateRole", RoleName="r", PermissionsBoundary="arn:aws:iam::aws:policy/B"))[0]
    assert made.context["iam:PermissionsBoundary"] == "arn:aws:iam::aws:policy/B"


def test_a_listing_carries_its_prefix_and_one_without_carries_none() -> None:
    assert demands(request("s3", "ListObjectsV2", Bucket="b", Prefix="x/"))[0].context == {"s3:prefix": "x/"}
    assert demands(request("s3", "ListObjectsV2", Bucket="b"))[0].context == {}


def test_tags_are_in_the_context_in_every_form() -> None:
    expected = {"aws:RequestTag/team": "red", "aws:TagKeys": ["team"]}
    for service, operation, params in (
        ("bedrock-agent", "CreateKnowledgeBase", {"roleArn": ROLE, "tags": {"team": "red"}}),
        ("bedrock", "CreateInferenceProfile", {"tags": [{"key": "team", "value": "red"}]}),
        ("iam", "CreateRole", {"RoleName": "r", "Tags": [{"Key": "team", "Value": "red"}]}),
        ("sts", "AssumeRole", {"RoleArn": ROLE, "Tags": [{"Key": "team", "Value": "red"}]}),
    ):
        assert demands(request(service, operation, **params))[0].context == expected


@pytest.mark.parametrize(
    ("service", "operation"), [("dynamodb", "ListTables"), ("bedrock", "NoSuchThing"), ("s3", "UnknownOperation")]
)
def test_what_the_judge_does_not_know_it_says(service: str, operation: str) -> None:
    with pytest.raises(UnknownOperationError, match=f"does not know what AWS demands for {service}:{operation}"):
        demands(request(service, operation))


ANYTHING: dict[str, Any] = {
    **dict.fromkeys(("Bucket", "Key", "RoleName", "UserName", "GroupName", "PolicyName", "InstanceProfileName"), "x"),
    **dict.fromkeys(("vectorBucketName", "indexName", "logGroupName", "logStreamName", "AlarmName", "Name"), "x"),
    "knowledgeBaseId": "KB12345678",
    "modelId": NOVA,
    "modelIdentifier": NOVA,
    "guardrailIdentifier": "abc",
    "inferenceProfileIdentifier": "abc",
    "roleArn": ROLE,
    "RoleArn": ROLE,
    "KeyId": "k",
    "AliasName": "alias/x",
    "modelSource": {"copyFrom": model()},
    "CopySource": "b/k",
    "Url": "https://example.com",
    "tags": {"a": "b"},
    "retrieveAndGenerateConfiguration": RAG,
    "AWSServiceName": "x.amazonaws.com",
    "PolicySourceArn": ROLE,
    "OpenIDConnectProviderArn": f"arn:aws:iam::{ACCOUNT}:oidc-provider/example.com",
    "SAMLProviderArn": f"arn:aws:iam::{ACCOUNT}:saml-provider/x",
    "resourceARN": KB,
}
# AWS's reference and what AWS was seen to ask differ, or the resource type is optional.
ASKED_OTHERWISE = {
    "bedrock:CreateGuardrail",
    "cloudwatch:GetMetricData",
    "cloudwatch:ListMetrics",
    "cloudwatch:PutMetricData",
    "logs:DescribeLogGroups",
    "logs:GetQueryResults",
}


def test_every_action_exists_in_awss_reference_and_may_be_put_on_its_resource() -> None:
    from bedrock_gateway.local.authorization import _rows

    for service, operation in _rows():
        own = {"resourceArn": KB, "ResourceARN": f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:x"}
        if service in {"s3vectors", "logs"}:
            kind = "bucket/x" if service == "s3vectors" else "log-group:x"
            own["resourceArn"] = f"arn:aws:{service}:{REGION}:{ACCOUNT}:{kind}"
        for one in demands(request(service, operation, **ANYTHING, **own)):
            if one.action.startswith("tag:"):
                continue
            assert actions.action(one.action), f"{service} {operation}: AWS has no action {one.action}"
            fits = one.action in ASKED_OTHERWISE or actions.fits(one.action, one.resource)
            assert fits, f"{service} {operation}: {one.action} takes no {one.resource}"


def test_every_operation_exists_in_botocore() -> None:
    import botocore.session

    from bedrock_gateway.local.authorization import _rows

    session = botocore.session.get_session()
    known = {service: set(session.get_service_model(service).operation_names) for service, _ in _rows()}
    assert not {(service, name) for service, name in _rows() if name not in known[service]}


def test_every_operation_that_the_local_bedrock_serves_has_a_row() -> None:
    from bedrock_gateway.local.app import handlers
    from bedrock_gateway.local.authorization import _rows

    assert not set(handlers()) - set(_rows())


# -- verdicts over moto's state -----------------------------------------------------------------------------------------


class Account:
    """One account in moto, and callers in it."""

    def __init__(self) -> None:
        import boto3

        self.iam = boto3.client("iam", region_name=REGION)
        self.s3 = boto3.client("s3", region_name=REGION)
        self.kms = boto3.client("kms", region_name=REGION)
        self.directory = Directory(ACCOUNT, "aws", "AKIAIOSFODNN7EXAMPLE", "secret")
        self.lookup = AccountLookup(self.directory, State())

    def user(self, *statements: dict[str, Any], name: str = "alice") -> Principal:
        self.iam.create_user(UserName=name, Path="/team/")
        if statements:
            self.iam.put_user_policy(UserName=name, PolicyName="inline", PolicyDocument=written(*statements))
        return self.key(name)

    def key(self, name: str) -> Principal:
        key = self.iam.create_access_key(UserName=name)["AccessKey"]["AccessKeyId"]
        found = self.directory.credentials(key)
        assert found is not None
        return found.principal

    def role(self, *statements: dict[str, Any], trust: Any, name: str = "app", **more: Any) -> str:
        document = written({"Effect": "Allow", "Principal": trust, "Action": "sts:AssumeRole"})
        made = self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=document, **more)
        if statements:
            self.iam.put_role_policy(RoleName=name, PolicyName="inline", PolicyDocument=written(*statements))
        return str(made["Role"]["Arn"])

    def may(self, who: Principal, service: str, operation: str, **params: Any) -> bool:
        return self.verdict(who, service, operation, **params).allowed

    def verdict(self, who: Principal, service: str, operation: str, **params: Any) -> Any:
        one = ApiRequest(service, operation, params, REGION, ACCOUNT, "aws", self.lookup)
        return authorize_api(who, one, self.directory)


def written(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action: Any, resource: Any = "*", **condition: Any) -> dict[str, Any]:
    return {
        "Effect": "Allow",
        "Action": action,
        "Resource": resource,
        **({"Condition": condition} if condition else {}),
    }


def deny(action: Any, resource: Any = "*", **condition: Any) -> dict[str, Any]:
    return {**allow(action, resource, **condition), "Effect": "Deny"}


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    from moto import mock_aws

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
    with mock_aws():
        yield Account()


def test_a_model_that_is_allowed_passes_and_the_next_does_not(account: Account) -> None:
    alice = account.user(allow("bedrock:InvokeModel", model()))
    assert account.may(alice, "bedrock-runtime", "Converse", modelId=NOVA)
    assert account.may(alice, "bedrock-runtime", "InvokeModel", modelId=model())
    assert not account.may(alice, "bedrock-runtime", "Converse", modelId="amazon.nova-micro-v1:0")
    assert not account.may(alice, "bedrock-runtime", "ConverseStream", modelId=NOVA)
    assert not account.may(alice, "bedrock-runtime", "Converse", modelId=f"us.{NOVA}")


def test_every_destination_of_a_profile_has_to_be_allowed(account: Account) -> None:
    arn, reach = profile(f"us.{NOVA}"), {REGION, *catalogue.destinations(f"us.{NOVA}", REGION)}
    bound = {"ArnEquals": {"bedrock:InferenceProfileArn": arn}}
    whole = [model(region=region) for region in sorted(reach)]
    for index, missing in enumerate([None, arn, *whole]):
        statements = [
            allow("bedrock:InvokeModel", arn if missing != arn else "arn:aws:s3:::nothing"),
            allow("bedrock:InvokeModel", [one for one in whole if one != missing], **bound),
        ]
        who = account.user(*statements, name=f"user-{index}")
        verdict = account.verdict(who, "bedrock-runtime", "Converse", modelId=f"us.{NOVA}")
        assert verdict.allowed is (missing is None)
        assert [one.demand.resource for one in verdict.denials] == ([missing] if missing else [])
        assert not account.may(who, "bedrock-runtime", "Converse", modelId=NOVA), "the models are bound to the profile"


def test_a_denial_names_caller_action_resource_and_kind_of_policy(account: Account) -> None:
    verdict = account.verdict(account.user(), "bedrock-runtime", "Converse", modelId=NOVA)
    assert verdict.code == "AccessDeniedException"
    assert verdict.message == (
        f"User: arn:aws:iam::{ACCOUNT}:user/team/alice is not authorized to perform: bedrock:InvokeModel on resource: "
        f"{model()} because no identity-based policy allows the bedrock:InvokeModel action"
    )


@pytest.mark.parametrize(
    ("layer", "explicit", "ending"),
    [
        ("identity", False, "because no identity-based policy allows the s3:GetObject action"),
        ("boundary", False, "because no permissions boundary allows the s3:GetObject action"),
        ("session", False, "because no session policy allows the s3:GetObject action"),
        ("scp", False, "because no service control policy allows the s3:GetObject action"),
        ("resource", False, "because no resource-based policy allows the s3:GetObject action"),
        ("identity", True, "with an explicit deny in an identity-based policy"),
        ("boundary", True, "with an explicit deny in a permissions boundary"),
        ("session", True, "with an explicit deny in a session policy"),
        ("scp", True, "with an explicit deny in a service control policy"),
        ("resource", True, "with an explicit deny in a resource-based policy"),
    ],
)
def test_a_denial_speaks_awss_words(layer: str, explicit: bool, ending: str) -> None:
    statement = Statement("Deny", actions=("*",)) if explicit else None
    text = denial_message(
        Principal("user", "arn:u", ACCOUNT), Decision(False, "", layer, statement), Demand("s3:GetObject", "arn:r")
    )
    assert text == f"User: arn:u is not authorized to perform: s3:GetObject on resource: arn:r {ending}"


@pytest.mark.parametrize(
    ("service", "code"),
    [
        ("s3", "AccessDenied"),
        ("iam", "AccessDenied"),
        ("sts", "AccessDenied"),
        ("bedrock", "AccessDeniedException"),
        ("bedrock-agent-runtime", "AccessDeniedException"),
        ("logs", "AccessDeniedException"),
    ],
)
def test_each_service_has_its_own_code_for_a_denial(service: str, code: str) -> None:
    assert denial_code(service) == code


def test_root_may_do_what_nobody_grants_even_what_the_judge_does_not_know(account: Account) -> None:
    root = account.directory.root
    assert account.may(root, "bedrock-runtime", "Converse", modelId=NOVA)
    assert account.may(root, "dynamodb", "ListTables")


def test_what_the_judge_does_not_know_is_denied_to_everybody_else(account: Account) -> None:
    verdict = account.verdict(account.user(allow("*")), "dynamodb", "ListTables")
    assert not verdict.allowed
    assert (
        "the local Bedrock does not know what AWS demands for dynamodb:ListTables, so only root may" in verdict.message
    )


def test_nobody_can_be_kept_from_asking_who_they_are(account: Account) -> None:
    assert account.may(account.user(deny("*")), "sts", "GetCallerIdentity")


def test_root_assumes_no_role(account: Account) -> None:
    arn = account.role(trust={"AWS": f"arn:aws:iam::{ACCOUNT}:root"})
    verdict = account.verdict(account.directory.root, "sts", "AssumeRole", RoleArn=arn)
    assert (verdict.allowed, verdict.code) == (False, "AccessDenied")
    assert verdict.message == "Roles may not be assumed by root accounts."


def test_assuming_a_role_needs_its_trust(account: Account) -> None:
    alice, bob = account.user(), account.user(allow("*"), name="bob")
    named = account.role(trust={"AWS": alice.arn}, name="named")
    through_account = account.role(trust={"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, name="through-account")
    service = account.role(trust={"Service": "bedrock.amazonaws.com"}, name="service")
    assert account.may(alice, "sts", "AssumeRole", RoleArn=named)
    assert not account.may(bob, "sts", "AssumeRole", RoleArn=named)
    assert not account.may(alice, "sts", "AssumeRole", RoleArn=through_account)
    assert account.may(bob, "sts", "AssumeRole", RoleArn=through_account)
    assert not account.may(bob, "sts", "AssumeRole", RoleArn=service)
    assert not account.may(bob, "sts", "AssumeRole", RoleArn=f"arn:aws:iam::{ACCOUNT}:role/none")


def test_a_tagged_session_needs_the_right_to_tag(account: Account) -> None:
    alice = account.user()
    arn = account.role(trust={"AWS": alice.arn})
    assert not account.may(alice, "sts", "AssumeRole", RoleArn=arn, Tags=[{"Key": "a", "Value": "b"}])


def test_an_external_id_is_compared(account: Account) -> None:
    alice = account.user()
    arn = account.role(trust={"AWS": alice.arn})
    document = {"Effect": "Allow", "Principal": {"AWS": alice.arn}, "Action": "sts:AssumeRole"}
    document["Condition"] = {"StringEquals": {"sts:ExternalId": "partner"}}
    account.iam.update_assume_role_policy(RoleName="app", PolicyDocument=written(document))
    assert account.may(alice, "sts", "AssumeRole", RoleArn=arn, ExternalId="partner")
    assert not account.may(alice, "sts", "AssumeRole", RoleArn=arn, ExternalId="other")
    assert not account.may(alice, "sts", "AssumeRole", RoleArn=arn)


def test_passing_a_role_is_part_of_making_a_knowledge_base(account: Account) -> None:
    make = allow("bedrock:CreateKnowledgeBase")
    bedrock = {"StringEquals": {"iam:PassedToService": "bedrock.amazonaws.com"}}
    other = {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}}
    whole, without, elsewhere = (
        account.user(make, allow("iam:PassRole", ROLE, **bedrock), name="a"),
        account.user(make, name="b"),
        account.user(make, allow("iam:PassRole", ROLE, **other), name="c"),
    )
    params = {"roleArn": ROLE, "name": "x"}
    assert account.may(whole, "bedrock-agent", "CreateKnowledgeBase", **params)
    assert not account.may(without, "bedrock-agent", "CreateKnowledgeBase", **params)
    assert not account.may(elsewhere, "bedrock-agent", "CreateKnowledgeBase", **params)
    assert not account.may(whole, "bedrock-agent", "CreateKnowledgeBase", roleArn=f"{ROLE}-2", name="x")


def test_an_answer_needs_the_knowledge_base_and_the_model(account: Account) -> None:
    legs = [
        allow("bedrock:RetrieveAndGenerate"),
        allow("bedrock:Retrieve", KB),
        allow("bedrock:InvokeModel", model()),
    ]
    params = {"retrieveAndGenerateConfiguration": RAG}
    assert account.may(account.user(*legs, name="all"), "bedrock-agent-runtime", "RetrieveAndGenerate", **params)
    for index in range(3):
        who = account.user(*(leg for at, leg in enumerate(legs) if at != index), name=f"without-{index}")
        assert not account.may(who, "bedrock-agent-runtime", "RetrieveAndGenerate", **params)
    on_base = account.user(allow("bedrock:RetrieveAndGenerate", KB), *legs[1:], name="on-the-base")
    assert not account.may(on_base, "bedrock-agent-runtime", "RetrieveAndGenerate", **params)


def test_a_condition_on_the_owner_never_holds_for_a_foundation_model(account: Account) -> None:
    own = {"StringEquals": {"aws:ResourceAccount": ACCOUNT}}
    alice = account.user(allow(["bedrock:InvokeModel", "bedrock:Retrieve"], "*", **own))
    assert not account.may(alice, "bedrock-runtime", "Converse", modelId=NOVA)
    assert account.may(alice, "bedrock-agent-runtime", "Retrieve", knowledgeBaseId="KB12345678")


def test_a_demanded_guardrail_is_enforced(account: Account) -> None:
    without = {"StringNotEquals": {"bedrock:GuardrailIdentifier": f"{GUARDRAIL}:3"}}
    alice = account.user(allow("bedrock:*"), deny("bedrock:InvokeModel*", "*", **without))
    right = {"guardrailIdentifier": "abcdefghij12", "guardrailVersion": "3"}
    assert account.may(alice, "bedrock-runtime", "Converse", modelId=NOVA, guardrailConfig=right)
    assert not account.may(
        alice, "bedrock-runtime", "Converse", modelId=NOVA, guardrailConfig={**right, "guardrailVersion": "4"}
    )
    assert not account.may(alice, "bedrock-runtime", "Converse", modelId=NOVA)


@pytest.mark.parametrize(
    ("condition", "allowed"),
    [
        ({"StringEquals": {"aws:RequestedRegion": REGION}}, True),
        ({"StringEquals": {"aws:RequestedRegion": "eu-west-1"}}, False),
        ({"Bool": {"aws:SecureTransport": "true"}}, True),
        ({"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}}, True),
        ({"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}, False),
        ({"DateGreaterThan": {"aws:CurrentTime": "2026-01-01T00:00:00Z"}}, True),
        ({"NumericGreaterThan": {"aws:EpochTime": "1700000000"}}, True),
        ({"StringEquals": {"aws:username": "alice"}}, True),
        ({"StringEquals": {"aws:PrincipalType": "User"}}, True),
        ({"StringEquals": {"aws:PrincipalAccount": ACCOUNT}}, True),
        ({"ArnLike": {"aws:PrincipalArn": f"arn:aws:iam::{ACCOUNT}:user/team/*"}}, True),
        ({"StringEquals": {"aws:PrincipalTag/team": "red"}}, True),
        ({"StringEquals": {"aws:PrincipalTag/team": "blue"}}, False),
        ({"StringEquals": {"aws:ResourceAccount": ACCOUNT}}, True),
        ({"Null": {"aws:MultiFactorAuthPresent": "true"}}, True),
        ({"Bool": {"aws:ViaAWSService": "false"}}, True),
        ({"Null": {"aws:userid": "false"}}, True),
    ],
)
def test_every_request_has_its_context(account: Account, condition: dict[str, Any], allowed: bool) -> None:
    account.user(allow("bedrock:ListKnowledgeBases", "*", **condition))
    account.iam.tag_user(UserName="alice", Tags=[{"Key": "team", "Value": "red"}])
    assert account.may(account.key("alice"), "bedrock-agent", "ListKnowledgeBases") is allowed


def bucket_policy(*statements: dict[str, Any]) -> str:
    return written(*({"Resource": ["arn:aws:s3:::docs", "arn:aws:s3:::docs/*"], **one} for one in statements))


def test_a_bucket_policy_grants_and_denies(account: Account) -> None:
    account.s3.create_bucket(Bucket="docs")
    alice, bob = account.user(), account.user(allow("s3:*"), name="bob")
    assert not account.may(alice, "s3", "GetObject", Bucket="docs", Key="k")
    document = bucket_policy(
        {"Effect": "Allow", "Principal": {"AWS": alice.arn}, "Action": "s3:GetObject"},
        {"Effect": "Deny", "Principal": {"AWS": bob.arn}, "Action": "s3:DeleteObject"},
    )
    account.s3.put_bucket_policy(Bucket="docs", Policy=document)
    assert account.may(alice, "s3", "GetObject", Bucket="docs", Key="k")
    assert not account.may(alice, "s3", "PutObject", Bucket="docs", Key="k")
    assert account.may(bob, "s3", "PutObject", Bucket="docs", Key="k")
    verdict = account.verdict(bob, "s3", "DeleteObject", Bucket="docs", Key="k")
    assert verdict.code == "AccessDenied"
    assert verdict.message.endswith("with an explicit deny in a resource-based policy")


def test_a_bucket_policy_denies_root_too(account: Account) -> None:
    account.s3.create_bucket(Bucket="docs")
    document = bucket_policy({"Effect": "Deny", "Principal": "*", "Action": "s3:GetObject"})
    account.s3.put_bucket_policy(Bucket="docs", Policy=document)
    assert not account.may(account.directory.root, "s3", "GetObject", Bucket="docs", Key="k")
    assert account.may(account.directory.root, "s3", "PutObject", Bucket="docs", Key="k")


def test_a_bucket_is_open_to_a_service_by_its_policy_alone(account: Account) -> None:
    account.s3.create_bucket(Bucket="docs")
    bedrock = Principal("service", "bedrock.amazonaws.com", ACCOUNT)
    assert not account.may(bedrock, "s3", "PutObject", Bucket="docs", Key="k")
    document = bucket_policy(
        {"Effect": "Allow", "Principal": {"Service": "bedrock.amazonaws.com"}, "Action": "s3:PutObject"}
    )
    account.s3.put_bucket_policy(Bucket="docs", Policy=document)
    assert account.may(bedrock, "s3", "PutObject", Bucket="docs", Key="k")
    assert not account.may(bedrock, "s3", "GetObject", Bucket="docs", Key="k")


def test_a_key_needs_its_own_policy_and_an_alias_stands_for_its_key(account: Account) -> None:
    key = account.kms.create_key()["KeyMetadata"]
    account.kms.create_alias(AliasName="alias/logs", TargetKeyId=key["KeyId"])
    alice = account.user(allow("kms:*", key["Arn"]))
    assert account.may(alice, "kms", "DescribeKey", KeyId=key["KeyId"])
    assert account.may(alice, "kms", "DescribeKey", KeyId="alias/logs")
    assert not account.may(alice, "kms", "DescribeKey", KeyId="alias/none")
    closed = written(
        {"Effect": "Allow", "Principal": {"AWS": f"{alice.arn}-other"}, "Action": "kms:*", "Resource": "*"}
    )
    account.kms.put_key_policy(KeyId=key["KeyId"], PolicyName="default", Policy=closed)
    assert not account.may(alice, "kms", "DescribeKey", KeyId=key["KeyId"])


def test_a_role_is_asked_about_with_its_path(account: Account) -> None:
    account.role(trust={"Service": "bedrock.amazonaws.com"}, name="kb", Path="/bedrock-gateway/")
    right = account.user(allow("iam:GetRole", f"arn:aws:iam::{ACCOUNT}:role/bedrock-gateway/*"), name="a")
    wrong = account.user(allow("iam:GetRole", f"arn:aws:iam::{ACCOUNT}:role/kb"), name="b")
    assert account.may(right, "iam", "GetRole", RoleName="kb")
    assert not account.may(wrong, "iam", "GetRole", RoleName="kb")


def test_a_user_asks_about_itself_by_default(account: Account) -> None:
    own = f"arn:aws:iam::{ACCOUNT}:user/team/${{aws:username}}"
    alice = account.user(allow(["iam:GetUser", "iam:ListMFADevices"], own))
    account.user(name="bob")
    assert account.may(alice, "iam", "GetUser")
    assert account.may(alice, "iam", "ListMFADevices", UserName="alice")
    assert not account.may(alice, "iam", "GetUser", UserName="bob")


def test_every_decision_is_reported_with_its_statement(account: Account) -> None:
    alice = account.user(allow("bedrock:InvokeModel", model()))
    verdict = account.verdict(alice, "bedrock-runtime", "Converse", modelId=NOVA)
    ((demand, decision),) = verdict.decisions
    assert (demand.action, demand.resource, demand.confidence) == ("bedrock:InvokeModel", model(), "H")
    assert decision.reason == "allowed by statement 1 of identity-based policy 1"


def test_a_log_group_needs_the_form_of_arn_that_goes_on(account: Account) -> None:
    group = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/g"
    right = account.user(allow("logs:PutRetentionPolicy", f"{group}:*"), name="a")
    wrong = account.user(allow("logs:PutRetentionPolicy", group), name="b")
    assert account.may(right, "logs", "PutRetentionPolicy", logGroupName="/g")
    assert not account.may(right, "logs", "PutRetentionPolicy", logGroupName="/g2")
    assert not account.may(wrong, "logs", "PutRetentionPolicy", logGroupName="/g")


def test_a_listing_can_be_held_to_a_prefix(account: Account) -> None:
    alice = account.user(allow("s3:ListBucket", "arn:aws:s3:::b", StringLike={"s3:prefix": "docs/*"}))
    assert account.may(alice, "s3", "ListObjectsV2", Bucket="b", Prefix="docs/a")
    assert not account.may(alice, "s3", "ListObjectsV2", Bucket="b", Prefix="other/")
    assert not account.may(alice, "s3", "ListObjectsV2", Bucket="b")
    assert not account.may(alice, "s3", "HeadBucket", Bucket="b")
