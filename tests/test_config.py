"""gateway.toml: what loads, what is refused, and with which words."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedrock_gateway import ConfigError, GatewayConfig
from bedrock_gateway._config.file import _merge
from bedrock_gateway.cli.init import TEMPLATE

DOCS = Path(__file__).resolve().parents[1] / "docs" / "configuration.md"
SONNET = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
REGION = 'region = "us-east-2"'
VPC = "https://vpce-0a1b-2c.bedrock-runtime.us-east-2.vpce.amazonaws.com"


def changed(old: str, new: str) -> str:
    assert old in TEMPLATE
    return TEMPLATE.replace(old, new, 1)


# old text, new text, line, what the message must say
REFUSED = {
    "account as a number": ('"111122223333"', "111122223333", 8, "quotes"),
    "account with a leading zero": ('"111122223333"', "012345670123", 8, "quotes"),
    "account too short": ('"111122223333"', '"11112222333"', 8, "twelve digits"),
    "misspelt key": ("account =", "acount =", 8, "did you mean 'account'"),
    "duplicate key": (REGION, f"{REGION}\n{REGION}", 10, "twice"),
    "duplicate table": ("[env.prod.logging]", "[env.prod]", 36, "twice"),
    "Region in capitals": ("us-east-2", "US-EAST-2", 9, "looks like"),
    "Region that has no such form": ("us-east-2", "moon-1", 9, "looks like"),
    "no Region": (REGION, "", 7, "--region"),
    "another format": ("format = 1", "format = 2", 4, "format = 1"),
    "format as a boolean": ("format = 1", "format = true", 4, "format = 1"),
    "unknown capability": ('"converse",', '"convers",', 19, "did you mean 'converse'"),
    "both sides in one principal": ('"converse",', '"logging-admin",', 18, "two principals"),
    "model with dots": (SONNET, "us..anthropic", 20, "not a model id"),
    "model with a wildcard": (SONNET, "anthropic.*", 20, "not a model id"),
    "model with a variable": (SONNET, "${aws:username}", 20, "not a model id"),
    "malformed ARN": (SONNET, "arn:aws:bedrock:us-east-2:12:foo/bar", 20, "ARN"),
    "no model": (f'models = ["{SONNET}"]', "", 18, "add `models`"),
    "undefined knowledge base": ('["handbook"]', '["hanbook"]', 21, "[knowledge_base.hanbook]"),
    "malformed id": ("KB12345678", "kb1", 44, "knowledge base id"),
    "misspelt key in a table": ("log_group", "log_groop", 27, "did you mean 'log_group'"),
    "wildcard in a log group": ("/bedrock/invocations", "/bedrock/*", 27, "log group"),
    "misspelt table": ("[logging]", "[loging]", 26, "did you mean 'logging'"),
    "misspelt table of an environment": ("[env.prod.logging]", "[env.prod.loging]", 36, "did you mean 'logging'"),
    "unknown source": ('type = "s3"', 'type = "ftp"', 47, "source.0.type"),
    "application in an environment": (REGION, f'{REGION}\napplication = "x"', 10, "env.prod.application"),
    "http elsewhere": (REGION, f'{REGION}\nlocal = true\nendpoint = "http://127.0.0.1.example.com"', 11, "loopback"),
    "endpoint without local": (REGION, f'{REGION}\nendpoint = "http://127.0.0.1:4566"', 10, "local = true"),
    "endpoint by name": (REGION, f'{REGION}\nlocal = true\nendpoint = "http://localhost"', 11, "loopback"),
    "VPC endpoint elsewhere": (REGION, f'{REGION}\nendpoints.bedrock-runtime = "{VPC}.example.com"', 10, "in full"),
    "VPC endpoint of another service": (REGION, f'{REGION}\nendpoints.sts = "{VPC}"', 10, "in full"),
    "endpoint of an unknown service": (REGION, f'{REGION}\nendpoints.bedroc = "{VPC}"', 10, "did you mean"),
}


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED)
def test_a_fault_is_refused_with_its_line_and_what_to_do(case: tuple[str, str, int, str]) -> None:
    old, new, line, said = case
    with pytest.raises(ConfigError, match=re.escape(said)) as caught:
        GatewayConfig.from_toml(changed(old, new))
    assert caught.value.line == line
    assert caught.value.message.startswith(f"gateway.toml:{line}: ")
    assert "\n" not in caught.value.message


def test_tables_of_an_environment_lie_over_the_common_ones_and_replace_arrays() -> None:
    text = TEMPLATE.replace("[env.prod.logging]", '[env.prod.logging]\nmodalities = ["image"]')
    logging = GatewayConfig.from_toml(text).logging
    assert logging.log_group == "/bedrock/invocations"
    assert logging.bucket == "example-bedrock-logs-111122223333-us-east-2"
    assert logging.modalities == ("image",)


def test_several_environments_want_a_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    text = TEMPLATE + '[env.test]\naccount = "123456789012"\nregion = "eu-west-1"\n'
    with pytest.raises(ConfigError, match="prod, test"):
        GatewayConfig.from_toml(text)
    assert GatewayConfig.from_toml(text, env="test").region == "eu-west-1"
    monkeypatch.setenv("BEDROCKGW_ENV", "test")
    assert GatewayConfig.from_toml(text).environment == "test"
    assert GatewayConfig.from_toml(text, env="prod").environment == "prod"


def test_the_region_comes_from_the_first_that_names_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    text = changed(REGION, "")
    (tmp_path / "aws").write_text("[default]\nregion = eu-west-1\n[profile other]\nregion = eu-west-2\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "aws"))
    assert GatewayConfig.from_toml(text).region == "eu-west-1"
    assert GatewayConfig.from_toml(text, profile="other").region == "eu-west-2"
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-3")
    assert GatewayConfig.from_toml(text).region == "eu-west-3"
    monkeypatch.setenv("AWS_REGION", "us-west-2")
    assert GatewayConfig.from_toml(text).region == "us-west-2"
    assert GatewayConfig.from_toml(text, region="us-west-1").region == "us-west-1"
    assert GatewayConfig.from_toml(TEMPLATE).region == "us-east-2"


def test_an_argument_against_the_declared_region_names_both() -> None:
    with pytest.raises(ConfigError, match=r"us-east-2.*eu-west-1"):
        GatewayConfig.from_toml(TEMPLATE, region="eu-west-1")


@pytest.mark.parametrize("name", ["BEDROCKGW_ENDPOINT", "BEDROCKGW_ACCOUNT", "BEDROCKGW_MODELS", "BEDROCKGW_GUARDRAIL"])
def test_the_environment_cannot_widen(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "x")
    with pytest.raises(ConfigError, match=name):
        GatewayConfig.from_toml(TEMPLATE)


def test_a_principal_is_named_chosen_or_the_only_one(monkeypatch: pytest.MonkeyPatch) -> None:
    config = GatewayConfig.from_toml(TEMPLATE)
    with pytest.raises(ConfigError, match="app, operator"):
        config.principal()
    with pytest.raises(ConfigError, match="did you mean 'app'"):
        config.principal("ap")
    monkeypatch.setenv("BEDROCKGW_PRINCIPAL", "app")
    assert config.principal().models == (SONNET,)


def test_a_runtime_scope_needs_the_id_that_aws_assigns_and_an_operators_does_not() -> None:
    config = GatewayConfig.from_toml(changed('id = "KB12345678"', ""))
    with pytest.raises(ConfigError, match=re.escape('[env.prod.knowledge_base.handbook] id = "…"')):
        config.scope("app")
    assert config.scope("operator").knowledge_bases == ()
    assert GatewayConfig.from_toml(TEMPLATE).scope("app").knowledge_bases == ("KB12345678",)


def test_names_that_follow_from_others_are_filled_in() -> None:
    handbook = GatewayConfig.from_toml(TEMPLATE).knowledge_bases["handbook"]
    assert handbook.role == "bedrock-gateway/AmazonBedrockGateway-kb-handbook"
    assert handbook.vector_bucket == "bedrock-gateway-111122223333-us-east-2"
    assert handbook.vector_index == "handbook"


def test_a_configuration_built_in_code_is_checked_like_a_file() -> None:
    principals = {"app": {"capabilities": ["converse"], "models": [SONNET]}}
    config = GatewayConfig(application="a", account="111122223333", region="us-east-2", principals=principals)
    assert config.environment is None
    with pytest.raises(ConfigError, match="account"):
        GatewayConfig(application="a", account="1", region="us-east-2", principals=principals)
    with pytest.raises(ConfigError, match="did you mean 'account'"):
        GatewayConfig(application="a", acount="111122223333", region="us-east-2", principals=principals)


def test_a_wrong_type_never_repeats_the_value() -> None:
    with pytest.raises(ConfigError) as caught:
        GatewayConfig.from_toml(changed('["text"]', '["secret-canary"]'))
    assert "canary" not in caught.value.message


@pytest.mark.parametrize("content", [None, b"\xff\xfe", b"#" * ((1 << 20) + 1)], ids=["absent", "binary", "large"])
def test_a_file_that_cannot_be_read_is_one_line(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "gateway.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"gateway\.toml") as caught:
        GatewayConfig.from_file(path)
    assert "\n" not in caught.value.message


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(ConfigError, match="deeply"):
        GatewayConfig.from_toml("a=" + "[" * 5000)


VALUES = st.recursive(
    st.none().map(lambda _: '""') | st.integers().map(str) | st.sampled_from(["true", "1.5", '"a"', "1979-05-27"]),
    lambda inner: st.lists(inner, max_size=2).map(lambda many: f"[{', '.join(many)}]"),
    max_leaves=4,
)
KEYS = st.sampled_from([line.split(" =")[0] for line in TEMPLATE.splitlines() if re.match(r"[a-z_]+ = ", line)])


@given(st.text() | st.text(alphabet='[]{}."=\n 01aenv'))
def test_any_text_loads_or_is_a_config_error(text: str) -> None:
    with pytest.raises(ConfigError):
        GatewayConfig.from_toml(text)


@given(KEYS, VALUES)
def test_any_value_at_any_key_loads_or_is_a_config_error(key: str, value: str) -> None:
    text = re.sub(rf"^{key} = .*$", lambda _: f"{key} = {value}", TEMPLATE, count=1, flags=re.MULTILINE)
    try:
        GatewayConfig.from_toml(text)
    except ConfigError as error:
        assert "\n" not in error.message  # noqa: PT017 - a message is optional here


TABLES = st.recursive(
    st.integers() | st.lists(st.integers(), max_size=2),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=6,
).filter(lambda value: isinstance(value, dict))


@given(TABLES, TABLES)
def test_merging_is_idempotent_has_the_empty_table_as_unit_and_lets_the_upper_win(base: dict, over: dict) -> None:
    merged = _merge(base, over)
    assert _merge(base, {}) == base
    assert _merge({}, over) == over
    assert _merge(merged, over) == merged
    assert set(merged) == set(base) | set(over)


def test_every_toml_block_of_the_reference_loads() -> None:
    found = re.findall(r"^```toml\n(.*?)^```$", DOCS.read_text(), re.MULTILINE | re.DOTALL)
    assert found
    for text in found:
        GatewayConfig.from_toml(text)


def test_importing_config_imports_no_aws_client() -> None:
    code = "import bedrock_gateway.config, sys; sys.exit(bool({'boto3', 'botocore', 'moto'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_template_is_toml_of_one_environment() -> None:
    assert list(tomllib.loads(TEMPLATE)["env"]) == ["prod"]


OPTIONS = (Path(__file__).parent / "cases" / "config" / "good-options.toml").read_text()
AIP = "arn:aws:bedrock:us-east-1:111122223333:application-inference-profile/abcdefghij12"


def test_every_option_reaches_the_scope() -> None:
    config = GatewayConfig.from_toml(OPTIONS)
    app, nightly = config.scope("app"), config.scope("nightly")
    assert app.wraps == ((AIP, ("us.amazon.nova-lite-v1:0",)),)
    assert app.rerankers == ("cohere.rerank-v3-5:0",)
    assert (app.guardrail, app.guardrail_profile, app.require_guardrail) == (("abcdefghij12", "3"), "us", True)
    assert app.guardrail_key is not None
    assert len(app.enforced_guardrails) == 2
    assert app.extra_destinations == ("us-west-2",)
    assert (app.subscribe, app.products, app.tagging) == (True, ("prod-ozonys2hmmpeu",), False)
    assert (nightly.subscribe, nightly.tagging) == (False, True)
    assert nightly.batch_role == "bedrock-gateway/AmazonBedrockGateway-nightly"


# old text, new text, line, what the message must say
REFUSED_OPTIONS = {
    "what is behind a plain model": (f'"{AIP}" =', '"amazon.nova-lite-v1:0" =', 26, "nothing is behind it"),
    "nothing behind a profile": ('= ["us.amazon.nova-lite-v1:0"]', "= []", 26, "at least one"),
    "a profile behind a profile": ('= ["us.amazon.nova-lite-v1:0"]', f'= ["{AIP}"]', 26, "no model or cross-Region"),
    "guardrail profile of another Region": ('profile = "us"', 'profile = "eu"', 32, "not usable from us-east-1"),
    "key by alias": (":key/1234abcd-12ab-34cd-56ef-1234567890ab", ":alias/x", 33, "ARN in full"),
    "wildcard as enforced guardrail": ('"mnopqrstuv34"', '"*"', 8, "guardrail"),
    "batch without a model": ('models = ["amazon.nova-lite-v1:0"]', "", 18, "add `models`"),
    "batch beside converse": ('["batch"]', '["batch", "converse"]', 18, "two principals"),
    "destination that is no Region": ('"us-west-2"', '"us-*"', 7, "looks like"),
    "wildcard as product": ('"prod-ozonys2hmmpeu"', '"*"', 16, "product"),
    "wildcard as reranker": ('"cohere.rerank-v3-5:0"', '"cohere.*"', 13, "not a model id"),
    "misspelt key of batch": ('role = "bedrock-gateway/', 'rol = "bedrock-gateway/', 24, "did you mean 'role'"),
}


@pytest.mark.parametrize("case", REFUSED_OPTIONS.values(), ids=REFUSED_OPTIONS)
def test_a_fault_in_an_option_is_refused_with_its_line(case: tuple[str, str, int, str]) -> None:
    old, new, line, said = case
    assert old in OPTIONS
    with pytest.raises(ConfigError, match=re.escape(said)) as caught:
        GatewayConfig.from_toml(OPTIONS.replace(old, new, 1))
    assert caught.value.line == line


def test_a_guardrail_that_is_required_must_be_configured() -> None:
    text = OPTIONS[: OPTIONS.index("[guardrail]")]
    with pytest.raises(ConfigError, match=re.escape("add [guardrail]")) as caught:
        GatewayConfig.from_toml(text)
    assert caught.value.line == 14


def test_only_the_principal_that_says_so_requires_the_guardrail() -> None:
    config = GatewayConfig.from_toml(OPTIONS)
    assert [config.scope(name).require_guardrail for name in ("app", "nightly")] == [True, False]


def test_a_principal_that_only_reads_sees_every_knowledge_base() -> None:
    text = TEMPLATE.replace('["logging-admin", "kb-provision", "kb-create", "kb-documents", "kb-ingest"', '["kb-read"')
    assert GatewayConfig.from_toml(text).scope("operator").knowledge_bases == ("KB12345678",)


READER = """
format = 1
application = "reports"

[env.dev]
account = "111122223333"
region = "us-east-1"

[principals.reader]
capabilities = ["rag-document"]
models = ["amazon.nova-lite-v1:0"]
documents = ["s3://example-reports/2026/"]
document_keys = ["arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"]
"""


def test_the_keys_of_what_is_answered_from_are_the_principals() -> None:
    scope = GatewayConfig.from_toml(READER).scope("reader")
    assert scope.answer_documents == (("example-reports", "2026/"),)
    assert [key.rpartition("/")[2] for key in scope.answer_keys] == ["1234abcd-12ab-34cd-56ef-1234567890ab"]
    with pytest.raises(ConfigError, match="`document_keys` are those of `documents`: name these too"):
        GatewayConfig.from_toml(READER.replace('documents = ["s3://example-reports/2026/"]\n', ""))


def test_a_reranker_is_model_enough_for_reranking() -> None:
    text = OPTIONS.replace(
        'capabilities = ["converse", "rerank", "kb-read", "model-catalog"]', 'capabilities = ["rerank"]'
    )
    text = re.sub(r'models = \["arn[^\n]*\n', "", text)
    assert GatewayConfig.from_toml(text).scope("app").models == ()


@pytest.mark.parametrize(
    ("identity", "more", "says"),
    [
        ('{ kind = "role" }', "", "a role needs `trust`"),
        ('{ kind = "group", trust = [{ kind = "lambda" }] }', "", "`trust` belongs to a role"),
        ('{ kind = "user", users = ["alice"] }', "", "`users` are those of a group"),
        ('{ kind = "group", users = ["alice", "alice"] }', "", "names a user twice"),
        ('{ kind = "group", users = ["al ice"] }', "", r"users\.0: a name in IAM has letters, digits and any of"),
        ('{ kind = "user", name = "*" }', "", r"identity\.name: a name in IAM"),
        ('{ kind = "user", boundary = "*" }', "", r"identity\.boundary: '\*' is not a valid role"),
        ('{ kind = "group", users = ["alice", "Alice"] }', "", "names a user twice"),
        (
            '{ kind = "group", users = ["alice"] }',
            'identity = { kind = "group", users = ["Alice"] }',
            "IAM cannot tell user 'Alice' from 'alice'",
        ),
        ('{ kind = "group", name = "AmazonBedrockGateway-logging" }', "", "already the name of invocation logging"),
        (
            '{ kind = "group", name = "amazonbedrockgateway-KB-handbook" }',
            "",
            "already the name of knowledge base handbook",
        ),
        (
            '{ kind = "group", name = "same" }',
            'identity = { kind = "group", name = "same" }',
            "already the name of principal app",
        ),
        (
            '{ kind = "group", users = ["alice"] }',
            'identity = { kind = "group", users = ["alice"], boundary = false }',
            "another `boundary`",
        ),
    ],
)
def test_an_identity_that_is_none_or_somebody_elses_is_refused(identity: str, more: str, says: str) -> None:
    text = f"""
format = 1
application = "helpdesk"
[env.prod]
account = "111122223333"
region = "us-east-1"
[principals.app]
capabilities = ["converse"]
models = ["amazon.nova-lite-v1:0"]
identity = {identity}
[principals.other]
capabilities = ["converse"]
models = ["amazon.nova-lite-v1:0"]
{more}
[knowledge_base.handbook]
embedding_model = "amazon.titan-embed-text-v2:0"
store = "s3-vectors"
"""
    with pytest.raises(ConfigError, match=says):
        GatewayConfig.from_toml(text)
