"""Bad input is a clear typed error before anything is made."""

from __future__ import annotations

import re
import shutil
from collections import Counter

import pytest

from bedrock_gateway import ConfigError, Gateway, GatewayConfig, GovernanceError, cli
from bedrock_gateway.errors import UnsupportedByBotocoreError
from bedrock_gateway.setup import knowledge
from bedrock_gateway.setup.knowledge import checks
from bedrock_gateway.setup.knowledge.blueprint import MARK

from .conftest import QUICK

pytestmark = pytest.mark.full  # `scripts/test` has five minutes; each subject keeps other tests there


def text(account):
    return account.world.config_file.read_text()


@pytest.fixture
def refused(account, monkeypatch, capsys, tmp_path):
    """Creating under a configuration is refused alike by the functions and the command line, and makes nothing."""

    def check(config, message, *, error=ConfigError, principal="operator", name="handbook", create_role=True):
        before, session = account.inventory(), account.world.become(principal)
        whole = config if isinstance(config, str) else None
        loaded = GatewayConfig.from_toml(whole) if whole is not None else config
        with Gateway(loaded, principal=principal, session=session, observers=[]) as gateway:
            given = {"folder": account.folder, "create_role": create_role, "patience": QUICK}
            with pytest.raises(error, match=message) as caught:
                knowledge.create(gateway, name, **given)
        if whole is not None:
            said = _by_command(whole, name, principal, session, create_role=create_role)
            assert re.search(message, said), said
        assert account.inventory() == before
        assert account.manifests == []
        return caught.value

    def _by_command(whole, name, principal, session, *, create_role):
        (tmp_path / "gateway.toml").write_text(whole)
        monkeypatch.chdir(tmp_path)
        frozen = session.get_credentials().get_frozen_credentials()
        for variable, value in (
            ("AWS_ACCESS_KEY_ID", frozen.access_key),
            ("AWS_SECRET_ACCESS_KEY", frozen.secret_key),
            ("AWS_SESSION_TOKEN", frozen.token),
        ):
            monkeypatch.setenv(variable, value)
        code = cli.main(["kb", "create", name, "--principal", principal, *(["--create-role"] if create_role else [])])
        done = capsys.readouterr()
        assert (code, done.out) == (2, "")
        errors = [line for line in done.err.splitlines() if line.startswith("error: ")]
        assert len(errors) == 1
        assert list((tmp_path / ".bedrock-gateway").glob("*.json")) == []
        return errors[0]

    return check


@pytest.fixture
def bucket(account):
    """A bucket of the documents' administrator, which the operator may list."""
    s3 = account.root("s3")
    made = []

    def make(name, *keys, region=None):
        where = {"CreateBucketConfiguration": {"LocationConstraint": region}} if region else {}
        account.world.client(account.world.admin, "s3").create_bucket(Bucket=name, **where)
        made.append(name)
        for key in keys:
            s3.put_object(Bucket=name, Key=key, Body=b"x")
        allow = {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": f"arn:aws:s3:::{name}"}
        document = account.world.__class__.__init__.__globals__["document"]([allow])
        account.root("iam").put_role_policy(RoleName="operator", PolicyName="more", PolicyDocument=document)
        return text(account).replace("example-handbook-123456789012-us-east-1", name)

    yield make
    for name in made:
        for one in s3.list_objects_v2(Bucket=name).get("Contents", ()):
            s3.delete_object(Bucket=name, Key=one["Key"])
        s3.delete_bucket(Bucket=name)
    if made:
        account.root("iam").delete_role_policy(RoleName="operator", PolicyName="more")


def test_an_empty_bucket(refused, bucket):
    refused(bucket("example-empty"), "is empty: upload documents first")


def test_a_bucket_with_nothing_that_can_be_read(refused, bucket):
    refused(bucket("example-films", "film.mp4", "notes.md.metadata.json"), "holds no document.*'film.mp4'")


def test_a_bucket_of_images_and_a_parser_that_sees_none(refused, bucket):
    refused(bucket("example-photos", "photo.png"), "holds no document.*'photo.png' .AWS's own parser reads no images")


def test_a_source_that_aws_does_not_offer_with_the_store(account, refused):
    config = text(account) + '\n[[knowledge_base.handbook.source]]\ntype = "web"\nurls = ["https://example.com/"]\n'
    error = refused(config, "sources of type 'web' with the store opensearch-serverless alone, not with s3-vectors")
    assert error.key_path == "knowledge_base.handbook.source.1.type"


def test_a_bucket_of_another_region(refused, bucket):
    config = bucket("example-elsewhere", "leave.md", region="eu-west-1")
    refused(config, "is in eu-west-1, the knowledge base in us-east-1")


def test_a_bucket_that_is_not_there(account, refused):
    config = text(account).replace("example-handbook-", "example-no-such-")
    refused(config, "no such bucket|cannot be listed")


def test_a_bucket_of_another_account_without_its_owner(account, refused):
    """The operator's policy names the bucket; that it is another's, S3 says by refusing the expected owner."""
    owned = text(account).replace('type = "s3"', 'type = "s3"\nbucket_owner = "111122223333"')
    message = "cannot be listed as a bucket of account 111122223333.*bucket_owner"
    refused(owned, message)


def test_a_length_that_the_model_does_not_make(account, refused):
    config = text(account).replace('store = "s3-vectors"', 'store = "s3-vectors"\ndimensions = 300')
    refused(config, "makes vectors of length 1024, 512, 256, not 300")


def test_an_index_of_ours_with_another_length(account, refused):
    base = account.config.knowledge_bases["handbook"]
    vectors = account.root("s3vectors")
    vectors.create_vector_bucket(vectorBucketName=base.vector_bucket, tags={MARK: "helpdesk"})
    vectors.create_index(
        vectorBucketName=base.vector_bucket,
        indexName=base.vector_index,
        dataType="float32",
        dimension=256,
        distanceMetric="cosine",
        tags={MARK: "helpdesk/handbook"},
    )
    message = "has vectors of length 256.*makes 1024.*AMAZON_BEDROCK_TEXT and AMAZON_BEDROCK_METADATA"
    refused(text(account), message)


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "*", "", "a" * 64, "handbook\n", "${aws:userid}", "kb/../x", "né"]
)
def test_a_hostile_name_is_no_name(account, name):
    with pytest.raises(ConfigError):
        knowledge.create(account.gateway, name, folder=account.folder)
    with pytest.raises(ConfigError):
        GatewayConfig.from_toml(text(account).replace("knowledge_base.handbook", f'knowledge_base."{name}"'))


@pytest.mark.parametrize("name", ["hand--book", "hand__book", "hand-_book"])
def test_a_name_that_aws_does_not_take(account, name):
    config = GatewayConfig.from_toml(
        text(account)
        .replace("handbook]", f"{name}]")
        .replace("handbook.source", f"{name}.source")
        .replace('["handbook"]', f'["{name}"]')
    )
    with pytest.raises(ConfigError, match="AWS takes no knowledge base or data source named"):
        knowledge.plan(config, name, principal="operator")


def test_credentials_of_another_account(account, refused):
    config = text(account).replace('"123456789012"', '"111122223333"')
    refused(config, "credentials belong to account 123456789012, the configuration is for 111122223333")


def test_a_principal_without_the_capabilities(account, refused):
    config = GatewayConfig.from_toml(text(account).replace('"kb-provision", ', ""))
    error = refused(config, "'operator' lacks kb-provision")
    assert error.key_path == "principals.operator.capabilities"


def test_a_knowledge_base_that_another_principal_declares(account):
    config = GatewayConfig.from_toml(
        text(account) + "\n[knowledge_base.other]\nembedding_model = "
        '"amazon.titan-embed-text-v2:0"\nstore = "s3-vectors"\n[[knowledge_base.other.source]]\ntype = "s3"\n'
        'bucket = "example-handbook-123456789012-us-east-1"\n'
    )
    with (
        Gateway(config, principal="operator", session=account.world.become("operator"), observers=[]) as gateway,
        pytest.raises(GovernanceError, match="'other' is not declared"),
    ):
        knowledge.create(gateway, "other", folder=account.folder, create_role=True)
    assert account.inventory() == Counter()


def test_a_role_that_an_operator_has_not_made(account, refused):
    refused(text(account), "does not exist: make it from what `kb plan handbook` prints", create_role=False)


def test_a_role_outside_the_path_cannot_be_made(account, refused):
    config = text(account).replace('store = "s3-vectors"', 'store = "s3-vectors"\nrole = "Admin"')
    refused(config, "is not under the path /bedrock-gateway/")


def test_a_boundary_that_is_not_there(account):
    iam = account.root("iam")
    arn = "arn:aws:iam::123456789012:policy/bedrock-gateway/AmazonBedrockGateway-boundary"
    document = iam.get_policy_version(PolicyArn=arn, VersionId="v1")["PolicyVersion"]["Document"]
    iam.delete_policy(PolicyArn=arn)
    try:
        with pytest.raises(ConfigError, match=r"permissions boundary .* does not exist"):
            account.create()
        assert account.inventory() == Counter()
        assert account.manifests == []
    finally:
        account.world.create_boundary()
    assert document


def test_a_configuration_without_a_source(account, refused):
    whole = text(account)
    refused(whole[: whole.index("[[knowledge_base")], "has no source: add")


def test_a_botocore_that_cannot_tag(account, refused, monkeypatch):
    monkeypatch.setattr(checks, "_TAGGED", (("s3vectors", "GetIndex"),))
    error = refused(text(account), "botocore", error=UnsupportedByBotocoreError)
    assert error.member == "GetIndex.tags"


def test_a_manifest_of_another_account(account, monkeypatch, tmp_path, capsys):
    account.create(ingest=False)
    (path,) = account.manifests
    path.write_text(path.read_text().replace('"account": "123456789012"', '"account": "111122223333"'))
    path.chmod(0o600)
    before = account.inventory()
    (tmp_path / "gateway.toml").write_text(text(account))
    shutil.copytree(account.folder / ".bedrock-gateway", tmp_path / ".bedrock-gateway")
    monkeypatch.chdir(tmp_path)
    for form in ("resume", "status", "delete"):
        assert cli.main(["kb", form, "handbook", "--principal", "operator"]) == 2
        said = capsys.readouterr().err
        assert (said.count("\n"), "belongs to account '111122223333'" in said) == (1, True)
    for act in (
        account.resume,
        account.delete,
        lambda: knowledge.status(account.gateway, "handbook", folder=account.folder),
    ):
        with pytest.raises(ConfigError, match="belongs to account '111122223333'"):
            act()
    assert account.inventory() == before


def test_a_configuration_that_changed_what_cannot_change(account):
    account.create(ingest=False)
    changed = GatewayConfig.from_toml(
        text(account).replace(
            'bucket = "example-handbook', 'chunking = {strategy = "none"}\nbucket = "example-handbook'
        )
    )
    with (
        Gateway(changed, principal="operator", session=account.world.become("operator"), observers=[]) as gateway,
        pytest.raises(ConfigError, match="another chunking of handbook-0: AWS never changes that"),
    ):
        knowledge.resume(gateway, "handbook", folder=account.folder, patience=QUICK)


def test_an_id_in_the_configuration_that_leads_nowhere(account, refused):
    stale = replace_base(account.config, id="ABCDEFGHIJ")
    message = r'\[env.laptop.knowledge_base.handbook\] has id = "ABCDEFGHIJ", but there is no knowledge base.*take the line out'
    refused(stale, message)
    account.create(ingest=False)
    with (
        Gateway(stale, principal="operator", session=account.world.become("operator"), observers=[]) as gateway,
        pytest.raises(ConfigError, match="take the line out"),
    ):
        account.resume(gateway)


def test_removing_what_was_never_begun(account):
    with pytest.raises(ConfigError, match="nothing is known of knowledge base 'handbook'"):
        account.delete()


def test_going_on_with_another_name_in_the_configuration(account):
    account.create(ingest=False)
    config = account.config
    base = replace_base(config, role="bedrock-gateway/another-role")
    with (
        Gateway(base, principal="operator", session=account.world.become("operator"), observers=[]) as gateway,
        pytest.raises(ConfigError, match="put the name back"),
    ):
        knowledge.delete(gateway, "handbook", folder=account.folder, patience=QUICK)


def replace_base(config, **values):
    bases = {name: base.model_copy(update=values) for name, base in config.knowledge_bases.items()}
    return config.model_copy(update={"knowledge_bases": bases})


def test_a_folder_with_nothing_to_read(account, tmp_path):
    (tmp_path / "film.mp4").write_bytes(b"x")
    with pytest.raises(ConfigError, match=r"holds no document that a data source reads \(1 other files\)"):
        knowledge.upload(account.gateway, "handbook", documents_folder=tmp_path)
    with pytest.raises(ConfigError, match="is no folder"):
        knowledge.upload(account.gateway, "handbook", documents_folder=tmp_path / "none")
    with pytest.raises(ConfigError, match="no source number 3"):
        knowledge.upload(account.gateway, "handbook", documents_folder=tmp_path, source=3)
