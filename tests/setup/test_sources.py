"""Every kind of data source, through the saga: on a collection that exists, which is used and never removed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from bedrock_gateway import ConfigError, Gateway, GatewayConfig
from bedrock_gateway.cli.init import TEMPLATE
from bedrock_gateway.cli.kb.planning import as_text
from bedrock_gateway.errors import SetupIncompleteError
from bedrock_gateway.iam.boundary import boundary
from bedrock_gateway.iam.evaluate import AccessRequest, Layers, evaluate
from bedrock_gateway.iam.generate import generate
from bedrock_gateway.setup import knowledge

from .conftest import QUICK

EVERYTHING = Path(__file__).parents[1] / "cases" / "config" / "good-sources.toml"
ROLE = "arn:aws:iam::111122223333:role/bedrock-gateway/AmazonBedrockGateway-kb-everything"
BOUNDARY = "arn:aws:iam::123456789012:policy/bedrock-gateway/AmazonBedrockGateway-boundary"
SERVICE_ROLE = "arn:aws:iam::123456789012:role/bedrock-gateway/AmazonBedrockGateway-kb-handbook"
SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:confluence-AbCdEf"
NAME = "kept-pages"
SOURCES = f"""
[[knowledge_base.handbook.source]]
type = "s3"
bucket = "example-handbook-123456789012-us-east-1"

[[knowledge_base.handbook.source]]
type = "web"
name = "site"
urls = ["https://www.example.com/docs/"]
max_pages = 100

[[knowledge_base.handbook.source]]
type = "confluence"
host_url = "https://example.atlassian.net"
auth = "oauth2"
secret = "{SECRET}"

[[knowledge_base.handbook.source]]
type = "custom"
chunking = {{strategy = "none"}}
"""


# -- the plan ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def planned():
    return knowledge.plan(GatewayConfig.from_file(EVERYTHING), "everything", principal="operator", create_role=True)


def test_the_plan_names_every_source_with_what_it_reads_and_what_cannot_change(planned):
    text = as_text(planned)
    for expected in (
        "data source     everything-0  (s3: s3://example-handbook-111122223333/hr/)",
        "data source     elsewhere  (s3: s3://example-handbook-123456789012/)",
        "data source     everything-2  (web: https://www.example.com/docs/, https://www.example.com/faq)",
        "data source     everything-3  (confluence: https://example.atlassian.net)",
        "data source     everything-4  (sharepoint: https://example.sharepoint.com/sites/handbook)",
        "data source     everything-5  (salesforce: https://example.my.salesforce.com/)",
        "data source     everything-6  (custom: documents handed over directly)",
        "use   multimodal bucket s3://example-media-111122223333",
        "the bucket for what parsers cut out (example-media-111122223333)",
        "the type (WEB) and chunking of data source everything-2 (HIERARCHICAL)",
        "the parsing strategy of data source elsewhere (BEDROCK_FOUNDATION_MODEL)",
        "the parsing strategy of data source everything-6 (DEFAULT)",
        "note: data source everything-4: AWS calls this connector a preview",
        "note: data source everything-4: semantic chunking calls a model for every sentence",
        "note: data source everything-5: parsing: Bedrock Data Automation is a preview here",
        "note: data source everything-3: whoever may retrieve sees all that is read",
    ):
        assert expected in text
    jobs = [one.name for one in planned.resources if one.kind == "ingestion"]
    assert jobs == ["everything-0", "elsewhere", *(f"everything-{number}" for number in range(2, 6))]


def may(policy, action, resource, **context):
    request = AccessRequest(action, resource, {name.replace("__", ":"): value for name, value in context.items()})
    return evaluate(request, Layers(identity=(policy,))).allowed


def test_the_role_may_do_what_its_sources_and_parsers_need_and_no_more(planned):
    role = planned.role.permissions
    secrets = "arn:aws:secretsmanager:us-east-2:111122223333:secret:"
    model = "anthropic.claude-sonnet-4-5-20250929-v1:0"
    profile = f"arn:aws:bedrock:us-east-2:111122223333:inference-profile/us.{model}"
    document = "arn:aws:s3:::example-handbook-123456789012/x.pdf"
    assert may(role, "s3:GetObject", document, aws__ResourceAccount="123456789012")
    assert not may(role, "s3:GetObject", document, aws__ResourceAccount="111122223333")
    for name in ("confluence", "sharepoint", "salesforce"):
        assert may(role, "secretsmanager:GetSecretValue", f"{secrets}{name}-AbCdEf")
        # Bedrock writes refreshed tokens of Confluence back; nothing else.
        assert may(role, "secretsmanager:PutSecretValue", f"{secrets}{name}-AbCdEf") == (name == "confluence")
    assert not may(role, "secretsmanager:GetSecretValue", f"{secrets}other-AbCdEf")
    assert may(role, "bedrock:InvokeModel", profile)
    there = f"arn:aws:bedrock:us-west-2::foundation-model/{model}"
    assert may(role, "bedrock:InvokeModel", there, bedrock__InferenceProfileArn=profile)
    assert not may(role, "bedrock:InvokeModel", there)
    automation = "arn:aws:bedrock:us-east-2:aws:data-automation-project/public-rag-default"
    assert may(role, "bedrock:InvokeDataAutomationAsync", automation)
    kept = "arn:aws:s3:::example-media-111122223333/aws/x.png"
    assert may(role, "s3:PutObject", kept, aws__ResourceAccount="111122223333")
    assert not may(role, "s3:PutObject", document, aws__ResourceAccount="123456789012")
    assert may(role, "aoss:APIAccessAll", "arn:aws:aoss:us-east-2:111122223333:collection/abcdefghij1234567890")


def test_the_boundary_permits_all_that_the_role_does(planned):
    """A bound that lacks a statement of the role would silently take it away."""
    bound = planned.boundary_policy
    assert json.dumps(bound.dump(), indent=2) in as_text(planned)
    for statement in planned.role.permissions.statements:
        for action in statement.actions:
            for resource in statement.resources:
                concrete = resource.replace("*", "x")
                context = {key: values[0].replace("*", "x") for _, keys in statement.conditions for key, values in keys}
                request = AccessRequest(action, concrete, context)
                assert evaluate(request, Layers(identity=(bound,))).allowed, (action, resource)


def test_the_boundary_is_that_of_every_knowledge_base_of_the_configuration():
    """It is one policy: planned for one knowledge base alone, it would take away what the others have."""
    text = EVERYTHING.read_text().replace('"kb-ingest"]', '"kb-ingest"]\nknowledge_bases = ["everything"]', 1) + (
        '\n[knowledge_base.other]\nembedding_model = "amazon.titan-embed-text-v2:0"\nstore = "s3-vectors"\n'
        '[[knowledge_base.other.source]]\ntype = "s3"\nbucket = "example-other"\n'
    )
    made = knowledge.plan(GatewayConfig.from_toml(text), "everything", principal="operator", create_role=True)
    context = {"aws__ResourceAccount": "111122223333"}
    assert may(made.boundary_policy, "s3:GetObject", "arn:aws:s3:::example-other/x", **context)
    assert not may(made.role.permissions, "s3:GetObject", "arn:aws:s3:::example-other/x", **context)
    assert knowledge.plan(GatewayConfig.from_toml(text), "everything", principal="operator").boundary_policy is None


def test_what_the_owners_of_other_accounts_add_is_printed(planned):
    (bucket,), (key,) = planned.bucket_policies.items(), planned.key_policies.items()
    assert bucket[0] == "example-handbook-123456789012"
    assert [one["Action"] for one in bucket[1].dump()["Statement"]] == ["s3:ListBucket", "s3:GetObject"]
    assert key[0].startswith("arn:aws:kms:us-east-2:123456789012:key/")
    (statement,) = key[1].dump()["Statement"]
    assert (statement["Principal"], statement["Action"]) == ({"AWS": ROLE}, "kms:Decrypt")
    text = as_text(planned)
    assert "Bucket example-handbook-123456789012 belongs to another account" in text
    assert f"Key {key[0]} belongs to another account" in text


def test_two_sources_in_a_bucket_of_another_account_are_both_in_its_policy():
    text = (
        EVERYTHING.read_text()
        .replace(
            'bucket = "example-handbook-111122223333"\nprefix = "hr/"',
            'bucket = "example-handbook-123456789012"\nbucket_owner = "123456789012"\nprefix = "hr/"',
        )
        .replace('name = "elsewhere"', 'name = "elsewhere"\nprefix = "it/"')
    )
    made = knowledge.plan(GatewayConfig.from_toml(text), "everything", principal="operator")
    (policy,) = made.bucket_policies.values()
    read = {one["Resource"] for one in policy.dump()["Statement"] if one["Action"] == "s3:GetObject"}
    assert read == {f"arn:aws:s3:::example-handbook-123456789012/{prefix}/*" for prefix in ("hr", "it")}
    sids = [one["Sid"] for one in policy.dump()["Statement"]]
    assert len(set(sids)) == len(sids)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('store = "opensearch-serverless"', 'store = "s3-vectors"', r"source\.2: AWS offers sources of type 'web' with the store"),
        ("us-east-2:111122223333:secret:salesforce", "eu-west-1:111122223333:secret:salesforce", r"source\.5\.secret.*not in us-east-2"),
        ("kms:us-east-2:123456789012", "kms:eu-west-1:123456789012", r"eu-west-1:123456789012.* is not in us-east-2"),
        ('name = "elsewhere"', 'name = "everything-0"', "another source is named 'everything-0' too"),
    ],
)  # fmt: skip
def test_what_aws_offers_not_together_is_refused(old, new, message):
    text = EVERYTHING.read_text().replace(old, new)
    if "s3-vectors" in new:
        start = text.index("[knowledge_base.everything.storage]")
        text = text[:start] + text[text.index("[[knowledge_base.everything.source]]") :]
    with pytest.raises(ConfigError, match=message):
        knowledge.plan(GatewayConfig.from_toml(text), "everything", principal="operator")


def test_the_key_of_a_stores_secret_is_the_roles_to_use():
    key = "arn:aws:kms:us-east-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    stored = (
        'store = "pinecone"\nstorage_key = "KEY"\nstorage = {connectionString = "https://example.pinecone.io", '
        'credentialsSecretArn = "arn:aws:secretsmanager:us-east-2:111122223333:secret:pinecone-AbCdEf", '
        'fieldMapping = {textField = "text", metadataField = "metadata"}}'
    ).replace("KEY", key)
    text = TEMPLATE.replace('store = "s3-vectors"', stored)
    role = knowledge.plan(GatewayConfig.from_toml(text), "handbook", principal="operator").role.permissions
    assert may(role, "kms:Decrypt", key, kms__ViaService="secretsmanager.us-east-2.amazonaws.com")
    assert not may(role, "kms:Decrypt", key, kms__ViaService="s3.us-east-2.amazonaws.com")
    with pytest.raises(ConfigError, match="`storage` has no credentialsSecretArn"):
        GatewayConfig.from_toml(
            TEMPLATE.replace('store = "s3-vectors"', f'store = "s3-vectors"\nstorage_key = "{key}"')
        )


# -- the saga ----------------------------------------------------------------------------------------------------------


class Existing:
    """A collection of somebody's, the configuration that uses it, and an operator who may."""

    def __init__(self, account):
        self.account = account
        self.search = account.root("opensearchserverless")
        self.made = []

    def make(self, *, dimension=1024, opened_to=SERVICE_ROLE):
        rule = {"ResourceType": "collection", "Resource": [f"collection/{NAME}"]}
        self.search.create_security_policy(
            type="encryption", name=NAME, policy=json.dumps({"Rules": [rule], "AWSOwnedKey": True})
        )
        self.search.create_security_policy(
            type="network", name=NAME, policy=json.dumps([{"Rules": [rule], "AllowFromPublic": True}])
        )
        verbs = ("CreateIndex", "DescribeIndex", "ReadDocument", "WriteDocument", "UpdateIndex", "DeleteIndex")
        granted = {
            "ResourceType": "index",
            "Resource": [f"index/{NAME}/*"],
            "Permission": [f"aoss:{one}" for one in verbs],
        }
        data = [{"Rules": [granted], "Principal": ["arn:aws:iam::123456789012:root", opened_to]}]
        self.search.create_access_policy(type="data", name=NAME, policy=json.dumps(data))
        detail = self.search.create_collection(name=NAME, type="VECTORSEARCH")["createCollectionDetail"]
        mappings = {
            "vector": {
                "type": "knn_vector",
                "dimension": dimension,
                "method": {"name": "hnsw", "engine": "faiss", "space_type": "l2", "parameters": {}},
            },
            "text": {"type": "text"},
            "metadata": {"type": "text", "index": False},
        }
        schema = {"settings": {"index": {"knn": True}}, "mappings": {"properties": mappings}}
        self.search.create_index(id=detail["id"], indexName="pages", indexSchema=schema)
        self.arn = detail["arn"]
        return self

    def text(self, sources=SOURCES):
        whole = self.account.world.config_file.read_text()
        if '"s3"' not in sources:
            whole = whole.replace('"kb-documents", ', "")
        storage = (
            f'store = "opensearch-serverless"\n[knowledge_base.handbook.storage]\ncollectionArn = "{self.arn}"\n'
            'vectorIndexName = "pages"\n'
            'fieldMapping = {vectorField = "vector", textField = "text", metadataField = "metadata"}\n'
        )
        return whole[: whole.index("[[knowledge_base")].replace('store = "s3-vectors"\n', storage) + sources

    def gateway(self, sources=SOURCES):
        """A gateway of the operator, whose rights are those of this configuration."""
        config = GatewayConfig.from_toml(self.text(sources))
        iam = self.account.root("iam")
        scope = config.scope("operator")
        policy = generate(config.principal("operator").capabilities, scope).policy
        iam.put_role_policy(RoleName="operator", PolicyName="generated", PolicyDocument=policy.to_json())
        self.bound(scope)
        session = self.account.world.become("operator")
        return Gateway(config, principal="operator", session=session, observers=[self.account.events.append])

    def bound(self, scope):
        """Write the boundary anew; IAM keeps five versions at most."""
        iam = self.account.root("iam")
        iam.create_policy_version(PolicyArn=BOUNDARY, PolicyDocument=boundary(scope).to_json(), SetAsDefault=True)
        for one in iam.list_policy_versions(PolicyArn=BOUNDARY)["Versions"]:
            if not one["IsDefaultVersion"]:
                iam.delete_policy_version(PolicyArn=BOUNDARY, VersionId=one["VersionId"])

    def sources(self):
        agent = self.account.root("bedrock-agent")
        (base,) = agent.list_knowledge_bases()["knowledgeBaseSummaries"]
        names = {"knowledgeBaseId": base["knowledgeBaseId"]}
        rows = agent.list_data_sources(**names)["dataSourceSummaries"]
        return {
            one["name"]: agent.get_data_source(**names, dataSourceId=one["dataSourceId"])["dataSource"] for one in rows
        }


@pytest.fixture
def unmade(account):
    made = Existing(account)
    yield made
    account.world.grant("operator")
    made.bound(account.config.scope("operator"))


@pytest.fixture
def existing(unmade):
    return unmade.make()


def given(account):
    return {"folder": account.folder, "patience": QUICK}


def test_every_source_is_made_and_what_cannot_be_read_here_is_said_with_what_exists(account, existing):
    with existing.gateway() as gateway:
        with pytest.raises(SetupIncompleteError) as caught:
            knowledge.create(gateway, "handbook", create_role=True, **given(account))
        error = caught.value
        assert error.step == "ingestion site"
        assert "reads no data source of type WEB" in error.message
        assert [one.split()[2] for one in error.exists if one.startswith("data source ")] == [
            "handbook-0",
            "site",
            "handbook-2",
            "handbook-3",
        ]
        made = existing.sources()
        assert {name: one["dataSourceConfiguration"]["type"] for name, one in made.items()} == {
            "handbook-0": "S3",
            "site": "WEB",
            "handbook-2": "CONFLUENCE",
            "handbook-3": "CUSTOM",
        }
        done = knowledge.resume(gateway, "handbook", ingest=False, **given(account))
        assert set(done.data_sources) == set(made)
        assert any("site (web: https://www.example.com/docs/) was not looked at" in one for one in done.unseen)
        status = knowledge.status(gateway, "handbook", folder=account.folder)
        assert {one.name: one.job for one in status.sources}["handbook-0"] == "COMPLETE"


def test_a_store_that_exists_is_left_as_it_was(account, existing):
    """Its vectors go with their data source; the collection and the index stay, as whoever made them left them."""
    only = SOURCES[: SOURCES.index('[[knowledge_base.handbook.source]]\ntype = "web"')]
    before, there = existing.search.batch_get_collection(names=[NAME])["collectionDetails"], account.inventory()
    with existing.gateway(only) as gateway:
        created = knowledge.create(gateway, "handbook", create_role=True, **given(account))
        assert created.jobs[0].documents_indexed == 1
        removed = knowledge.delete(gateway, "handbook", **given(account))
    assert removed.kept == ()
    assert account.inventory() == there
    assert existing.search.batch_get_collection(names=[NAME])["collectionDetails"] == before
    assert existing.search.get_index(id=before[0]["id"], indexName="pages")["indexSchema"]


@pytest.mark.parametrize(
    ("made", "message"),
    [
        ({"dimension": 256}, "invalid dimension|256"),
        ({"opened_to": "arn:aws:iam::123456789012:role/other"}, "403|Forbidden|not authorized"),
    ],
)
def test_a_store_that_does_not_fit_ends_it_with_the_exact_list(account, unmade, made, message):
    """AWS looks at the store before it makes the knowledge base: the role is all there is, and goes again."""
    unmade.make(**made)
    there = account.inventory()
    only = SOURCES[: SOURCES.index('[[knowledge_base.handbook.source]]\ntype = "web"')]
    short = {"folder": account.folder, "patience": replace(QUICK, propagation=0.1)}
    with unmade.gateway(only) as gateway:
        with pytest.raises(SetupIncompleteError, match=message) as caught:
            knowledge.create(gateway, "handbook", create_role=True, **short)
        assert (caught.value.step, caught.value.exists) == ("knowledge base", (f"role {SERVICE_ROLE}",))
        assert knowledge.delete(gateway, "handbook", **short).kept == ()
    assert account.inventory() == there


def updates(account):
    return [one for one in account.events if one.name == "setup.progressed" and one.progress == "updated"]


def test_what_can_change_is_brought_to_the_configuration_once(account, existing):
    with existing.gateway() as gateway:
        knowledge.create(gateway, "handbook", create_role=True, ingest=False, **given(account))
        knowledge.resume(gateway, "handbook", ingest=False, **given(account))
    assert updates(account) == []
    changed = SOURCES.replace("max_pages = 100", "max_pages = 200")
    with existing.gateway(changed) as gateway:
        for _ in range(2):
            knowledge.resume(gateway, "handbook", ingest=False, **given(account))
    (update,) = updates(account)
    assert update.resource.startswith("site ")
    site = existing.sources()["site"]
    assert site["dataSourceConfiguration"]["webConfiguration"]["crawlerConfiguration"]["crawlerLimits"] == {
        "maxPages": 200
    }
    assert site["description"].startswith("bedrock-gateway helpdesk/handbook ")
    account.events.clear()
    with existing.gateway(SOURCES.replace('name = "site"', 'name = "pages"')) as gateway:
        knowledge.resume(gateway, "handbook", ingest=False, **given(account))
    (left,) = [one for one in account.events if one.name == "setup.progressed" and one.progress == "kept"]
    assert (left.resource.split()[0], left.reason) == (
        "site",
        "the configuration has it no more; `kb delete` removes it",
    )
    assert set(existing.sources()) == {"handbook-0", "site", "pages", "handbook-2", "handbook-3"}


def test_vectors_are_retained_where_the_configuration_says_so_and_the_removal_tells_it(account, existing):
    def policies():
        return {name: one["dataDeletionPolicy"] for name, one in existing.sources().items()}

    retained = SOURCES.replace('name = "site"\n', 'name = "site"\ndeletion_policy = "retain"\n')
    with existing.gateway(retained) as gateway:
        knowledge.create(gateway, "handbook", create_role=True, ingest=False, **given(account))
    assert policies() == {"handbook-0": "DELETE", "site": "RETAIN", "handbook-2": "DELETE", "handbook-3": "DELETE"}
    account.manifests[0].unlink()  # then what AWS shows decides
    both = retained.replace('type = "custom"', 'type = "custom"\ndeletion_policy = "retain"')
    with existing.gateway(both) as gateway:
        knowledge.resume(gateway, "handbook", create_role=True, ingest=False, **given(account))
        assert policies()["handbook-3"] == policies()["site"] == "RETAIN"
        assert [one.resource.split()[0] for one in updates(account)] == ["handbook-3"]
        removed = knowledge.delete(gateway, "handbook", **given(account))
    said = "its deletion_policy is to retain them in opensearch-serverless"
    assert [one for one in removed.kept if said in one] == [
        f"vectors of data source {name}: {said}" for name in ("handbook-3", "site")
    ]


CHANGED = [
    (
        'strategy = "none"',
        'strategy = "fixed", max_tokens = 300, overlap_percentage = 20',
        "begun with another chunking of handbook-3: AWS never changes that.*NONE.*FIXED_SIZE",
    ),
    (
        'chunking = {strategy = "none"}',
        'parsing = {strategy = "data-automation"}',
        "begun with another chunking of handbook-3, parsing of handbook-3: AWS never",
    ),
    ('type = "web"\nname = "site"', 'type = "web"\nname = "handbook-2"', "another source is named 'handbook-2' too"),
    (
        'type = "custom"',
        'type = "s3"\nbucket = "example-handbook-123456789012-us-east-1"',
        "begun with another type of handbook-3: AWS never",
    ),
]


def test_what_cannot_change_is_refused_with_the_exact_list(account, existing):
    with existing.gateway() as gateway:
        knowledge.create(gateway, "handbook", create_role=True, ingest=False, **given(account))
    before = existing.sources()
    for old, new, message in CHANGED:
        config = GatewayConfig.from_toml(existing.text(SOURCES.replace(old, new)))
        session = account.world.become("operator")
        with (
            Gateway(config, principal="operator", session=session, observers=[]) as gateway,
            pytest.raises(ConfigError, match=message),
        ):
            knowledge.resume(gateway, "handbook", ingest=False, **given(account))
    assert existing.sources() == before
    # Where the manifest was lost, AWS says what it was.
    account.manifests[0].unlink()
    with existing.gateway(SOURCES.replace(CHANGED[0][0], CHANGED[0][1])) as gateway:
        with pytest.raises(SetupIncompleteError, match=r"chunking and parsing .*NONE.* AWS never changes that"):
            knowledge.resume(gateway, "handbook", create_role=True, ingest=False, **given(account))
        assert existing.sources() == before


def test_a_job_and_an_upload_need_a_source_that_takes_them(account, existing, tmp_path):
    only = SOURCES[SOURCES.index('[[knowledge_base.handbook.source]]\ntype = "custom"') :]
    with existing.gateway(only) as gateway:
        created = knowledge.create(gateway, "handbook", create_role=True, **given(account))
        assert (created.jobs, list(created.data_sources)) == ((), ["handbook-0"])
        with pytest.raises(ConfigError, match="no source that a job reads"):
            knowledge.ingest(gateway, "handbook", **given(account))
    with existing.gateway() as gateway, pytest.raises(ConfigError, match="is of type 'web': only a bucket"):
        knowledge.upload(gateway, "handbook", documents_folder=tmp_path, source=1)
