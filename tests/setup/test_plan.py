"""The plan is pure, says everything, and what it says whoever creates needs is enough."""

from __future__ import annotations

import json
import socket
from collections import Counter
from pathlib import Path

import pytest

from bedrock_gateway import ConfigError, Gateway, GatewayConfig
from bedrock_gateway.capabilities.stores import STORES
from bedrock_gateway.cli.init import TEMPLATE
from bedrock_gateway.cli.kb.planning import as_text
from bedrock_gateway.errors import UnsupportedByBotocoreError
from bedrock_gateway.setup import knowledge
from bedrock_gateway.setup.knowledge import checks

from .conftest import QUICK, botocore_can_tag

HERE = "us-east-2:111122223333"
SECRET = f"arn:aws:secretsmanager:{HERE}:secret:store-AbCdEf"
FIELDS = {"textField": "text", "metadataField": "metadata", "vectorField": "vector"}
STORAGE = {
    "opensearch-serverless": {
        "collectionArn": f"arn:aws:aoss:{HERE}:collection/abcdefghij1234567890",
        "vectorIndexName": "v",
    },
    "opensearch-managed": {
        "domainArn": f"arn:aws:es:{HERE}:domain/example",
        "domainEndpoint": "https://search-example.us-east-2.es.amazonaws.com",
        "vectorIndexName": "v",
    },
    "aurora": {
        "resourceArn": f"arn:aws:rds:{HERE}:cluster:example",
        "credentialsSecretArn": SECRET,
        "databaseName": "d",
        "tableName": "t",
    },
    "neptune-analytics": {"graphArn": f"arn:aws:neptune-graph:{HERE}:graph/g-abcdefghij"},
    "pinecone": {"connectionString": "https://example.pinecone.io", "credentialsSecretArn": SECRET},
    "redis": {"endpoint": "example.redis.com:12345", "vectorIndexName": "v", "credentialsSecretArn": SECRET},
    "mongodb-atlas": {
        "endpoint": "example.mongodb.net",
        "databaseName": "d",
        "collectionName": "c",
        "vectorIndexName": "v",
        "credentialsSecretArn": SECRET,
    },
}


def on(store, **changed):
    """The commented configuration of `init`, with the handbook on another store."""
    members = STORAGE[store] | changed
    fields = {name: value for name, value in FIELDS.items() if name in STORES[store].fields}
    if "primaryKeyField" in STORES[store].fields:
        fields["primaryKeyField"] = "id"
    shown = ", ".join(f"{name} = {json.dumps(value)}" for name, value in members.items())
    mapped = ", ".join(f"{name} = {json.dumps(value)}" for name, value in fields.items())
    line = f'store = "{store}"\nstorage = {{{shown}, fieldMapping = {{{mapped}}}}}'
    return GatewayConfig.from_toml(TEMPLATE.replace('store = "s3-vectors"', line))


def planned(config=None, **options):
    return knowledge.plan(config or GatewayConfig.from_toml(TEMPLATE), "handbook", principal="operator", **options)


def test_a_plan_opens_nothing(monkeypatch):
    def refuse(*_args, **_options):
        raise AssertionError("a plan opened a connection")

    monkeypatch.setattr(socket, "socket", refuse)
    made = planned(create_role=True)
    assert json.loads(json.dumps(made.to_dict()))["floor"]["usd_a_month"] == 0.0


def test_the_text_holds_every_resource_policy_and_warning():
    made = planned(create_role=True)
    text = as_text(made)
    for one in made.resources:
        assert one.name in text
    for document in (made.role.trust, made.role.permissions, made.creator.policy):
        assert json.dumps(document.dump(), indent=2) in text
    assert all(one in text for one in (*made.immutable, *made.warnings, *made.capabilities))


def test_a_role_that_is_not_made_is_used():
    first = planned().resources[0]
    assert (first.kind, first.made, first.note) == ("role", False, "an operator makes it")
    assert planned(create_role=True).resources[0].made


def test_what_the_principal_lacks_is_said():
    config = GatewayConfig.from_toml(TEMPLATE.replace('"kb-provision", ', "").replace('"kb-ingest", ', ""))
    assert planned(config).missing == ("kb-provision", "kb-ingest")


def test_a_bucket_of_another_account_comes_with_the_policy_that_its_owner_adds():
    config = GatewayConfig.from_toml(TEMPLATE + 'prefix = "hr/"\nbucket_owner = "123456789012"\n')
    made = planned(config)
    (policy,) = made.bucket_policies.values()
    statements = policy.dump()["Statement"]
    role = "arn:aws:iam::111122223333:role/bedrock-gateway/AmazonBedrockGateway-kb-handbook"
    assert {one["Principal"]["AWS"] for one in statements} == {role}
    assert statements[1]["Resource"] == "arn:aws:s3:::example-handbook-111122223333-us-east-2/hr/*"
    source = made.blueprint.sources[0]
    assert source.configuration["s3Configuration"]["bucketOwnerAccountId"] == "123456789012"
    assert '"aws:ResourceAccount": "123456789012"' in json.dumps(made.role.permissions.dump())


@pytest.mark.parametrize("store", STORAGE)
def test_a_store_that_exists_is_used_as_it_is(store):
    made = planned(on(store), create_role=True)
    kinds = [(one.kind, one.made) for one in made.resources]
    assert ("vector store", False) in kinds
    assert not {"vector bucket", "vector index"} & {kind for kind, _ in kinds}
    assert made.blueprint.storage_configuration["type"] == STORES[store].type
    assert "s3vectors:" not in json.dumps(made.role.permissions.dump())
    if STORES[store].third_party:
        assert SECRET in json.dumps(made.role.permissions.dump())
        assert "bedrock:AssociateThirdPartyKnowledgeBase" in json.dumps(planned(on(store)).creator.policy.dump())


@pytest.mark.parametrize(
    ("store", "member", "value"),
    [
        (
            "opensearch-serverless",
            "collectionArn",
            "arn:aws:aoss:eu-west-1:111122223333:collection/abcdefghij1234567890",
        ),
        ("aurora", "resourceArn", "arn:aws:rds:us-east-2:123456789012:cluster:example"),
        ("pinecone", "credentialsSecretArn", "secret"),
        ("neptune-analytics", "graphArn", "arn:aws-cn:neptune-graph:us-east-2:111122223333:graph/g-abcdefghij"),
    ],
)
def test_a_store_of_another_region_or_account_is_refused(store, member, value):
    with pytest.raises(ConfigError):
        planned(on(store, **{member: value}))


@pytest.mark.parametrize(
    ("chunking", "expected"),
    [
        ('{strategy = "none"}', {"chunkingStrategy": "NONE"}),
        (
            '{strategy = "fixed", max_tokens = 300, overlap_percentage = 20}',
            {
                "chunkingStrategy": "FIXED_SIZE",
                "fixedSizeChunkingConfiguration": {"maxTokens": 300, "overlapPercentage": 20},
            },
        ),
        (
            '{strategy = "hierarchical", max_tokens = 1500, child_max_tokens = 300, overlap_tokens = 60}',
            {
                "chunkingStrategy": "HIERARCHICAL",
                "hierarchicalChunkingConfiguration": {
                    "levelConfigurations": [{"maxTokens": 1500}, {"maxTokens": 300}],
                    "overlapTokens": 60,
                },
            },
        ),
        (
            '{strategy = "semantic", max_tokens = 300, buffer_size = 0, breakpoint_percentile = 95}',
            {
                "chunkingStrategy": "SEMANTIC",
                "semanticChunkingConfiguration": {
                    "maxTokens": 300,
                    "bufferSize": 0,
                    "breakpointPercentileThreshold": 95,
                },
            },
        ),
    ],
)
def test_chunking_is_what_aws_takes(chunking, expected):
    from botocore.session import Session
    from botocore.validate import ParamValidator

    source = planned(GatewayConfig.from_toml(f"{TEMPLATE}chunking = {chunking}\n")).blueprint.sources[0]
    assert source.ingestion == {"chunkingConfiguration": expected}
    shape = Session().get_service_model("bedrock-agent").shape_for("VectorIngestionConfiguration")
    assert not ParamValidator().validate(source.ingestion, shape).has_errors()


def test_what_the_installed_botocore_cannot_tag_is_refused_and_nothing_else():
    if botocore_can_tag():
        checks._check_botocore()
        return
    with pytest.raises(UnsupportedByBotocoreError) as caught:
        checks._check_botocore()
    assert (caught.value.member, caught.value.known_in) == ("CreateVectorBucket.tags", "1.43.117")


def test_the_page_says_of_each_store_what_the_table_says():
    text = (Path(__file__).resolve().parents[2] / "docs" / "knowledge-bases.md").read_text()
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("| `")
    ]
    said = {name.strip(" `"): row for row in rows for name in row[0].split(",") if name.strip(" `") in STORES}
    assert set(said) == set(STORES)
    for name, store in STORES.items():
        _, made, search, lacks, lengths, cost = said[name]
        assert (made == "yes") == store.made_by_us
        assert search.upper().split(", ") == list(store.search_types)
        assert {one.strip(" `") for one in lacks.split(",") if one} == set(store.refused_operators)
        assert lengths == (f"{store.dimensions[0]} to {store.dimensions[1]:,}" if store.dimensions else "")
        if store.floor_usd_a_month is not None:
            assert cost == (f"{store.floor_usd_a_month:.2f} USD" if store.floor_usd_a_month else "nothing")


# -- against the local Bedrock -----------------------------------------------------------------------------------------


def test_the_policy_of_the_plan_is_enough_to_create_and_to_remove(account):
    """Nothing but what the plan names: no right to look at the documents either, which is said."""
    made = knowledge.plan(account.config, "handbook", principal="operator", create_role=True)
    iam = account.root("iam")
    trust = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:user/you"},"Action":"sts:AssumeRole"}]}'
    iam.create_role(RoleName="creator", AssumeRolePolicyDocument=trust)
    iam.put_role_policy(RoleName="creator", PolicyName="plan", PolicyDocument=made.creator.policy.to_json())
    iam.put_user_policy(
        UserName="you",
        PolicyName="also",
        PolicyDocument='{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"arn:aws:iam::123456789012:role/creator"}]}',
    )
    text = account.world.config_file.read_text().replace('"kb-documents", ', "")
    try:
        with Gateway(
            GatewayConfig.from_toml(text), principal="operator", session=account.world.become("creator"), observers=[]
        ) as gateway:
            created = account.create(gateway)
            assert created.unseen == (
                "s3://example-handbook-123456789012-us-east-1/ was not looked at: the principal has no kb-documents",
            )
            assert account.inventory() == account.planned()
            account.delete(gateway)
            assert account.inventory() == Counter()
    finally:
        iam.delete_role_policy(RoleName="creator", PolicyName="plan")
        iam.delete_role(RoleName="creator")


def test_a_role_that_an_operator_made_is_used_and_stays(account):
    made = knowledge.plan(account.config, "handbook", principal="operator")
    iam, name = account.root("iam"), "AmazonBedrockGateway-kb-handbook"
    iam.create_role(RoleName=name, Path="/bedrock-gateway/", AssumeRolePolicyDocument=made.role.trust.to_json())
    iam.put_role_policy(RoleName=name, PolicyName="theirs", PolicyDocument=made.role.permissions.to_json())
    created = account.create(create_role=False)
    assert created.jobs[0].documents_indexed == 1
    removed = account.delete()
    assert removed.kept == ()
    assert set(account.inventory()) == {f"role {made.blueprint.role_arn}"}
    assert iam.list_role_policies(RoleName=name)["PolicyNames"] == ["theirs"]


def test_two_knowledge_bases_share_the_bucket_and_the_last_one_removes_it(account):
    text = account.world.config_file.read_text().replace(
        'knowledge_bases = ["handbook"]', 'knowledge_bases = ["handbook", "second"]'
    )
    text += (
        '\n[knowledge_base.second]\nembedding_model = "amazon.titan-embed-text-v2:0"\ndimensions = 256\nstore = "s3-vectors"\n'
        '[[knowledge_base.second.source]]\ntype = "s3"\nbucket = "example-handbook-123456789012-us-east-1"\n'
    )
    config = GatewayConfig.from_toml(text)
    account.root("iam").put_role_policy(
        RoleName="operator",
        PolicyName="generated",
        PolicyDocument=json.dumps(_policy(config)),
    )
    account.root("iam").create_policy_version(
        PolicyArn="arn:aws:iam::123456789012:policy/bedrock-gateway/AmazonBedrockGateway-boundary",
        PolicyDocument=_boundary(config),
        SetAsDefault=True,
    )
    try:
        given = {"folder": account.folder, "patience": QUICK}
        with Gateway(config, principal="operator", session=account.world.become("operator"), observers=[]) as gateway:
            knowledge.create(gateway, "handbook", create_role=True, **given)
            second = knowledge.create(gateway, "second", create_role=True, **given)
            assert second.jobs[0].documents_indexed == 1
            removed = knowledge.delete(gateway, "handbook", **given)
            assert ["vector bucket" in one for one in removed.kept] == [True]
            answer = account.root("bedrock-agent").get_knowledge_base(knowledgeBaseId=second.id)
            assert answer["knowledgeBase"]["status"] == "ACTIVE"
            assert knowledge.delete(gateway, "second", **given).kept == ()
        assert account.inventory() == Counter()
    finally:
        account.world.grant("operator")


def _policy(config):
    from bedrock_gateway.iam.generate import generate

    return generate(config.principal("operator").capabilities, config.scope("operator")).policy.dump()


def _boundary(config):
    from bedrock_gateway.iam.boundary import boundary

    return boundary(config.scope("operator")).to_json()


def test_vectors_that_the_role_may_not_delete_any_more_do_not_stop_a_removal(account):
    """AWS ends such a deletion as DELETE_UNSUCCESSFUL; the vectors go with their index."""
    account.create()
    account.root("iam").delete_role_policy(RoleName="AmazonBedrockGateway-kb-handbook", PolicyName="bedrock-gateway")
    assert account.delete().kept == ()
    assert account.inventory() == Counter()


def test_the_role_may_call_the_reranker_that_passages_are_put_in_order_with():
    """Inside of Retrieve AWS calls it with the role's rights, not with the caller's."""
    reranker = "cohere.rerank-v3-5:0"
    asks = 'capabilities = ["retrieve"]\nknowledge_bases = ["handbook"]\nrerankers = ["{}"]\n'

    def granted(text):
        plan = knowledge.plan(GatewayConfig.from_toml(text), "handbook", principal="operator", create_role=True)
        return {action for one in plan.role.permissions.statements for action in one.actions}, plan

    before, _ = granted(TEMPLATE)
    after, plan = granted(f"{TEMPLATE}\n[principals.searcher]\n{asks.format(reranker)}")
    assert after - before == {"bedrock:Rerank"}
    resources = {arn for one in plan.role.permissions.statements for arn in one.resources}
    assert f"arn:aws:bedrock:us-east-2::foundation-model/{reranker}" in resources
    assert "bedrock:Rerank" in plan.boundary_policy.to_json()
