"""What the judge says AWS demands of each operation."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("moto", reason="the local Bedrock is an extra")

from bedrock_gateway.iam import actions
from bedrock_gateway.local.authorization import ApiRequest, Demand, UnknownOperationError, demands
from bedrock_gateway.local.demands.facts import AccountFacts, Guardrail
from bedrock_gateway.local.demands.rows import WrappedModel
from bedrock_gateway.local.models import catalogue
from bedrock_gateway.local.principals import Entity

CORPUS = Path(__file__).parents[1] / "cases" / "demands"
ROWS = [row for path in sorted(CORPUS.glob("*.json")) for row in json.loads(path.read_text())]
ACCOUNT, REGION = "123456789012", "us-east-1"
NOVA, TITAN = "amazon.nova-lite-v1:0", "amazon.titan-embed-text-v2:0"
KB = f"arn:aws:bedrock:{REGION}:{ACCOUNT}:knowledge-base/KB12345678"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/bedrock/AmazonBedrockKb"
GUARDRAIL = f"arn:aws:bedrock:{REGION}:{ACCOUNT}:guardrail/abcdefghij12"


def model(name: str = NOVA, region: str = REGION) -> str:
    return f"arn:aws:bedrock:{region}::foundation-model/{name}"


def profile(name: str, kind: str = "inference-profile", region: str = REGION) -> str:
    return f"arn:aws:bedrock:{region}:{ACCOUNT}:{kind}/{name}"


PASS = ("iam:PassRole", ROLE)
RAG = {"knowledgeBaseConfiguration": {"knowledgeBaseId": "KB12345678", "modelArn": model()}}
RERANKER = "cohere.rerank-v3-5:0"


@dataclass
class Existing:
    """A `Lookup` of what a test says exists."""

    profiles: dict[str, WrappedModel] = field(default_factory=dict)
    bases: dict[str, str] = field(default_factory=dict)
    entities: dict[tuple[str, str], Entity] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    search_policies: dict[tuple[str, str], object] = field(default_factory=dict)
    collections: dict[str, tuple[str, dict[str, str]]] = field(default_factory=dict)
    facts: AccountFacts = field(default_factory=AccountFacts)

    def application_profile(self, identifier: str, region: str) -> WrappedModel | None:
        return self.profiles.get(identifier)

    def knowledge_base_role(self, identifier: str, region: str) -> str | None:
        return self.bases.get(identifier)

    def entity(self, kind: str, name: str) -> Entity | None:
        return self.entities.get((kind, name))

    def key_arn(self, identifier: str, region: str) -> str | None:
        return self.aliases.get(identifier)

    def search_policy(self, kind: str, name: str, region: str) -> object:
        return self.search_policies.get((kind, name))

    def search_collection(self, identifier: str, region: str) -> tuple[str, dict[str, str]] | None:
        return self.collections.get(identifier)


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


def test_the_source_is_demanded_even_where_it_is_no_destination() -> None:
    name, source = "us.openai.gpt-5.4", "us-west-1"
    assert source not in catalogue.destinations(name, source)
    made = demands(replace(request("bedrock-runtime", "Converse", modelId=name), region=source))
    assert model("openai.gpt-5.4", source) in [one.resource for one in made]


def test_the_destinations_depend_on_the_source_region() -> None:
    name = "eu.anthropic.claude-sonnet-4-5-20250929-v1:0"
    for source in ("eu-central-1", "eu-west-2"):
        one = replace(request("bedrock-runtime", "Converse", modelId=name), region=source)
        regions = {demand.resource.split(":")[3] for demand in demands(one)[1:]}
        assert regions == {source, *catalogue.destinations(name, source)}
    assert set(catalogue.destinations(name, "eu-central-1")) != set(catalogue.destinations(name, "eu-west-2"))


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


# -- what depends on what exists in the account ---------------------------------------------------------------------------


def with_facts(
    operation: str, model_id: str, *, region: str = REGION, params: Any = None, **facts: Any
) -> list[Demand]:
    lookup = Existing(facts=AccountFacts(**facts))
    one = request("bedrock-runtime", operation, lookup, modelId=model_id, **(params or {}))
    return demands(replace(one, region=region))


def test_a_router_demands_itself_and_all_that_it_can_pick_bound_to_the_router() -> None:
    router = profile("abc123", "prompt-router")
    behind = (NOVA, f"us.{NOVA}")
    made = with_facts("Converse", router, routers={router: behind})
    expected = [router, model(), *(one.resource for one in runtime("Converse", f"us.{NOVA}"))]
    assert [one.resource for one in made] == expected
    assert "bedrock:PromptRouterArn" not in made[0].context
    assert {one.context["bedrock:PromptRouterArn"] for one in made[1:]} == {router}
    assert made[-1].context["bedrock:InferenceProfileArn"] == profile(f"us.{NOVA}")
    assert asked("bedrock-runtime", "Converse", modelId=router) == [("bedrock:InvokeModel", router)]


@pytest.mark.parametrize(
    ("geography", "source", "reach"),
    [
        ("us", "us-east-1", "us-east-1 us-east-2 us-west-2"),
        ("us", "us-west-1", "us-east-1 us-east-2 us-west-1 us-west-2"),
        ("eu", "eu-west-1", "eu-central-1 eu-north-1 eu-south-1 eu-south-2 eu-west-1 eu-west-3"),
        ("ca", "ca-central-1", "ca-central-1 ca-west-1"),
        ("uk", "eu-west-2", "eu-west-2"),
        (
            "apac",
            "me-central-1",
            (
                "ap-northeast-1 ap-northeast-2 ap-northeast-3 ap-south-1 ap-south-2 ap-southeast-1 ap-southeast-2 "
                "ap-southeast-3 ap-southeast-4 me-central-1"
            ),
        ),
    ],
)
def test_a_cross_region_guardrail_demands_its_profile_wherever_it_may_be_applied(
    geography: str, source: str, reach: str
) -> None:
    arn = GUARDRAIL.replace(REGION, source)
    params = {"guardrailConfig": {"guardrailIdentifier": "abcdefghij12", "guardrailVersion": "1"}}
    made = with_facts("Converse", NOVA, region=source, params=params, guardrails={arn: Guardrail(geography)})
    applied = [one for one in made if one.action == "bedrock:ApplyGuardrail"]
    kind = f"guardrail-profile/{geography}.guardrail.v1:0"
    assert [one.resource for one in applied] == [
        arn,
        *(f"arn:aws:bedrock:{region}:{ACCOUNT}:{kind}" for region in reach.split()),
    ]


def test_an_encrypted_guardrail_demands_its_key_through_bedrock() -> None:
    key = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    params = {"guardrailIdentifier": "abcdefghij12", "guardrailVersion": "1"}
    made = with_facts("InvokeModel", NOVA, params=params, guardrails={GUARDRAIL: Guardrail(key_arn=key)})[-1]
    assert (made.action, made.resource) == ("kms:Decrypt", key)
    assert made.context["kms:ViaService"] == f"bedrock.{REGION}.amazonaws.com"


@pytest.mark.parametrize("operation", ["Converse", "ConverseStream", "InvokeModel", "InvokeModelWithResponseStream"])
def test_an_enforced_guardrail_has_to_be_allowed_for_a_call_that_names_none(operation: str) -> None:
    made = with_facts(operation, NOVA, enforced={REGION: (GUARDRAIL,)})
    assert (made[-1].action, made[-1].resource) == ("bedrock:ApplyGuardrail", GUARDRAIL)
    assert "bedrock:GuardrailIdentifier" not in made[0].context
    assert len(with_facts(operation, NOVA, enforced={"eu-west-1": (GUARDRAIL,)})) == 1


def test_an_enforced_guardrail_is_asked_for_by_an_answer_too() -> None:
    lookup = Existing(facts=AccountFacts(enforced={REGION: (GUARDRAIL,)}))
    made = demands(
        request("bedrock-agent-runtime", "RetrieveAndGenerate", lookup, retrieveAndGenerateConfiguration=RAG)
    )
    assert (made[-1].action, made[-1].resource, made[-1].confidence) == ("bedrock:ApplyGuardrail", GUARDRAIL, "M")


def test_the_first_call_of_a_third_party_model_subscribes() -> None:
    made = with_facts("Converse", RERANKER, unsubscribed={RERANKER: "prod-abc"})
    assert [one.action for one in made[1:]] == ["aws-marketplace:ViewSubscriptions", "aws-marketplace:Subscribe"]
    assert made[2].context["aws-marketplace:ProductId"] == ["prod-abc"]
    assert {one.context["aws:CalledViaLast"] for one in made[1:]} == {"bedrock.amazonaws.com"}
    assert len(with_facts("Converse", NOVA, unsubscribed={RERANKER: "prod-abc"})) == 1


@pytest.mark.parametrize(
    ("operation", "params", "key"),
    [
        ("PutObject", {}, "GenerateDataKey"),
        ("GetObject", {}, "Decrypt"),
        ("UploadPart", {}, "GenerateDataKey Decrypt"),
        ("DeleteObject", {}, ""),
        ("PutObject", {"Bucket": "plain", "SSEKMSKeyId": "1234abcd-12ab-34cd-56ef-1234567890ab"}, "GenerateDataKey"),
        ("PutObject", {"Bucket": "plain"}, ""),
    ],
)
def test_an_encrypted_object_asks_for_its_key_through_s3(operation: str, params: dict[str, Any], key: str) -> None:
    arn = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    lookup = Existing(facts=AccountFacts(bucket_keys={"secret": arn}))
    made = demands(request("s3", operation, lookup, **{"Bucket": "secret", "Key": "k", **params}))
    asked_of_key = [one for one in made if one.action.startswith("kms:")]
    assert [one.action for one in asked_of_key] == [f"kms:{name}" for name in key.split()]
    assert {(one.resource, one.context["kms:ViaService"]) for one in asked_of_key} <= {
        (arn, f"s3.{REGION}.amazonaws.com")
    }


@pytest.mark.parametrize(
    "operation", ["StartIngestionJob", "IngestKnowledgeBaseDocuments", "DeleteKnowledgeBaseDocuments"]
)
def test_filling_a_third_party_store_is_a_right_of_its_own(operation: str) -> None:
    secret = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:pinecone-AbCdEf"
    lookup = Existing(facts=AccountFacts(store_secrets={"KB12345678": secret}))
    made = demands(request("bedrock-agent", operation, lookup, knowledgeBaseId="KB12345678"))[-1]
    assert made.action == "bedrock:AssociateThirdPartyKnowledgeBase"
    assert made.context == {"bedrock:ThirdPartyKnowledgeBaseCredentialsSecretArn": secret}


def test_a_batch_job_carries_no_key_that_says_through_which_profile_it_runs() -> None:
    application = profile("abc123", "application-inference-profile")
    lookup = Existing({application: WrappedModel(NOVA, ("us-east-2",))})
    job = demands(request("bedrock", "CreateModelInvocationJob", lookup, modelId=application, roleArn=ROLE))
    assert [one.resource for one in job[:-2]] == [application, model(), model(region="us-east-2")]
    made = demands(request("bedrock", "CreateModelInvocationJob", modelId=f"us.{NOVA}", roleArn=ROLE))
    expected = [one.resource for one in runtime("InvokeModel", f"us.{NOVA}")]
    assert [one.resource for one in made[:-2]] == expected
    assert not any("bedrock:InferenceProfileArn" in one.context for one in made)
    assert {one.confidence for one in made[:-2]} == {"L"}


def test_a_profile_of_govcloud_stays_in_its_partition() -> None:
    one = request("bedrock-runtime", "Converse", modelId="us-gov.anthropic.claude-3-haiku-20240307-v1:0")
    made = demands(replace(one, region="us-gov-west-1", partition="aws-us-gov"))
    assert {demand.resource.split(":")[1] for demand in made} == {"aws-us-gov"}
    assert {demand.resource.split(":")[3] for demand in made} == {"us-gov-west-1", "us-gov-east-1"}


# -- every other service, row by row -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "row", ROWS, ids=[f"{row['service']} {row['operation']} {sorted(row['params'])}" for row in ROWS]
)
def test_what_an_operation_demands(row: dict[str, Any]) -> None:
    made = asked(row["service"], row["operation"], **row["params"])
    assert made == [tuple(one) for one in row["demands"]]


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


@pytest.mark.parametrize("operation", ["TagRole", "GetRolePolicy", "ListRolePolicies"])
def test_most_operations_do_not_say_which_boundary_a_role_has(operation: str) -> None:
    entity = Entity(f"arn:aws:iam::{ACCOUNT}:role/x/r", "arn:aws:iam::aws:policy/B")
    made = demands(request("iam", operation, Existing(entities={("role", "r"): entity}), RoleName="r"))
    assert "iam:PermissionsBoundary" not in made[0].context


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
    "Arn": ROLE,
    "VirtualMFADeviceName": "x",
    "SerialNumber": f"arn:aws:iam::{ACCOUNT}:mfa/x",
    "OpenIDConnectProviderArn": f"arn:aws:iam::{ACCOUNT}:oidc-provider/example.com",
    "SAMLProviderArn": f"arn:aws:iam::{ACCOUNT}:saml-provider/x",
    "resourceARN": KB,
    "jobIdentifier": "abc",
    "invocationArn": f"arn:aws:bedrock:{REGION}:{ACCOUNT}:async-invoke/abc",
    **dict.fromkeys(("provisionedModelId", "customModelDeploymentIdentifier", "promptRouterArn"), "abc"),
    "rerankingConfiguration": {
        "bedrockRerankingConfiguration": {"modelConfiguration": {"modelArn": model(RERANKER)}},
    },
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
    import botocore
    import botocore.session

    if tuple(map(int, botocore.__version__.split(".")[:2])) < (1, 43):
        pytest.skip("the rows name operations that are newer than this botocore")
    from bedrock_gateway.local.authorization import _rows

    session = botocore.session.get_session()
    known = {service: set(session.get_service_model(service).operation_names) for service, _ in _rows()}
    assert not {(service, name) for service, name in _rows() if name not in known[service]}


def test_every_operation_that_the_local_bedrock_serves_has_a_row() -> None:
    from bedrock_gateway.local.app import handlers
    from bedrock_gateway.local.authorization import _rows

    assert not set(handlers()) - set(_rows())


@pytest.mark.parametrize(
    ("operation", "known"), [("PutRolePolicy", True), ("UpdateAssumeRolePolicy", True), ("TagRole", False)]
)
def test_the_boundary_of_a_role_is_known_to_the_actions_that_aws_lists(operation: str, known: bool) -> None:
    entity = Entity(f"arn:aws:iam::{ACCOUNT}:role/x/r", "arn:aws:iam::aws:policy/B")
    made = demands(request("iam", operation, Existing(entities={("role", "r"): entity}), RoleName="r"))[0]
    assert ("iam:PermissionsBoundary" in made.context) is known


def test_a_role_assumed_with_a_code_is_assumed_with_mfa() -> None:
    code = {"SerialNumber": f"arn:aws:iam::{ACCOUNT}:mfa/alice", "TokenCode": "123456"}
    context = demands(request("sts", "AssumeRole", RoleArn=ROLE, **code))[0].context
    assert context["aws:MultiFactorAuthPresent"] == "true"
    for part in code:
        lacking = demands(request("sts", "AssumeRole", RoleArn=ROLE, **{part: code[part]}))[0].context
        assert "aws:MultiFactorAuthPresent" not in lacking
