"""`doctor`: where settings come from, what is refused, exit codes; and never a secret."""

from __future__ import annotations

import json
import os
import socket

import pytest

from bedrock_gateway import cli
from bedrock_gateway.cli.doctor import versions
from bedrock_gateway.governance.versions import added_since_the_floor

GATEWAY = """\
format = 1
application = "helpdesk"

[env.prod]
account = "111122223333"
region = "us-east-2"
guardrail = { id = "abcdefghij12", version = "3" }

[env.prod.endpoints]
bedrock-runtime = "https://vpce-1a2b.bedrock-runtime.us-east-2.vpce.amazonaws.com"

[principals.app]
capabilities = ["converse"]
models = ["amazon.nova-lite-v1:0"]

[logging]
log_group = "/bedrock/common"

[env.prod.logging]
bucket = "example-logs"
"""
CANARY = "CANARYsecretCANARY"


@pytest.fixture(autouse=True)
def _bare(monkeypatch, tmp_path):
    """A process that nothing is set for, in a folder of its own, that reaches nobody."""
    for name in list(os.environ):
        if name.startswith(("AWS_", "BEDROCKGW_", "REQUESTS_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.chdir(tmp_path)

    def refuse(*_):
        raise AssertionError("doctor sends nothing")

    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.fixture
def gateway(tmp_path):
    (tmp_path / "gateway.toml").write_text(GATEWAY)
    return tmp_path


def aws(tmp_path, config="", credentials=""):
    (tmp_path / "config").write_text(config)
    (tmp_path / "credentials").write_text(credentials)


@pytest.fixture
def doctor(capsys):
    def run(*argv):
        code = cli.main(["doctor", "--output", "json", *argv])
        out, err = capsys.readouterr()
        assert err == ""
        report = json.loads(out)
        return code, {one["name"]: one for one in report["settings"]}, report

    return run


def source(settings, name):
    return settings[name]["value"], settings[name]["source"]


def keys(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", CANARY)


def test_each_setting_names_the_line_it_stands_on(gateway, doctor, monkeypatch):
    keys(monkeypatch)
    code, settings, report = doctor()
    assert code == 0
    assert source(settings, "configuration") == ("gateway.toml", "default")
    assert source(settings, "environment") == ("prod", "the only one")
    assert source(settings, "principal") == ("app", "the only one")
    assert source(settings, "account") == ("111122223333", "gateway.toml:5")
    assert source(settings, "region") == ("us-east-2", "gateway.toml:6")
    assert source(settings, "guardrail") == ("abcdefghij12 version 3", "gateway.toml:7")
    assert source(settings, "endpoint of bedrock-runtime")[1] == "gateway.toml:10"
    assert source(settings, "logging log_group") == ("/bedrock/common", "gateway.toml:17")
    assert source(settings, "logging bucket") == ("example-logs", "gateway.toml:20")
    assert source(settings, "logging role") == ("AmazonBedrockGateway-logging", "default")
    assert source(settings, "auth") == ("sigv4", "default")
    assert report["could_not_start"] is None


def test_what_was_chosen_by_argument_or_variable_says_so(gateway, doctor, monkeypatch):
    keys(monkeypatch)
    monkeypatch.setenv("BEDROCKGW_CONFIG", str(gateway / "gateway.toml"))
    monkeypatch.setenv("BEDROCKGW_ENV", "prod")
    monkeypatch.setenv("BEDROCKGW_PRINCIPAL", "app")
    _, settings, _ = doctor()
    assert settings["configuration"]["source"] == "BEDROCKGW_CONFIG"
    assert settings["environment"]["source"] == "BEDROCKGW_ENV"
    assert settings["principal"]["source"] == "BEDROCKGW_PRINCIPAL"
    _, settings, _ = doctor("--config", "gateway.toml", "--env", "prod", "--principal", "app")
    assert settings["configuration"]["source"] == "argument --config"
    assert settings["environment"]["source"] == "argument --env"
    assert settings["principal"]["source"] == "argument --principal"


def test_a_region_that_is_passed_over_is_named(gateway, doctor, monkeypatch):
    keys(monkeypatch)
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    _, settings, _ = doctor()
    assert settings["region"]["note"] == "AWS_REGION=eu-west-1 is passed over"


@pytest.mark.parametrize(
    ("argv", "variables", "expected"),
    [
        (["--region", "eu-west-1"], {"AWS_REGION": "us-west-2"}, ("eu-west-1", "argument --region")),
        ([], {"AWS_REGION": "us-west-2", "AWS_DEFAULT_REGION": "eu-west-1"}, ("us-west-2", "AWS_REGION")),
        ([], {"AWS_DEFAULT_REGION": "eu-west-1"}, ("eu-west-1", "AWS_DEFAULT_REGION")),
        (["--profile", "dev"], {}, ("ap-south-1", "AWS profile dev")),
        ([], {"AWS_PROFILE": "dev"}, ("ap-south-1", "AWS profile dev")),
    ],
)
def test_a_region_that_the_file_leaves_open_comes_from_where_it_is_taken(
    gateway, doctor, monkeypatch, argv, variables, expected
):
    text = GATEWAY.replace('region = "us-east-2"\n', "").partition("[env.prod.endpoints]")[0]
    principal = '[principals.app]\ncapabilities = ["converse"]\nmodels = ["amazon.nova-lite-v1:0"]\n'
    (gateway / "gateway.toml").write_text(text + principal)
    aws(gateway, config="[profile dev]\nregion = ap-south-1\n")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert source(doctor(*argv)[1], "region") == expected


PROFILES = {
    "role_arn = arn:aws:iam::111122223333:role/r\nsource_profile = base": "role_arn of profile dev",
    "role_arn = arn:aws:iam::111122223333:role/r\nweb_identity_token_file = t": "web identity of profile dev",
    "sso_session = corp": "IAM Identity Center of profile dev",
    f"aws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = {CANARY}": "keys in profile dev",
    f"credential_process = /bin/get --secret {CANARY}": "credential_process of profile dev",
}


@pytest.mark.parametrize("section", PROFILES)
def test_credentials_are_said_to_come_from_the_profile_and_nobody_is_asked_for_them(gateway, doctor, section):
    aws(gateway, config=f"[profile dev]\n{section}\n")
    code, settings, report = doctor("--profile", "dev")
    assert code == 0
    assert settings["credentials"]["source"] == PROFILES[section]
    assert CANARY not in json.dumps(report)


def test_the_environment_comes_before_a_profile_unless_it_is_asked_for_by_argument(gateway, doctor, monkeypatch):
    """As botocore has it: AWS_PROFILE does not switch the keys of the environment off, ``profile_name=`` does."""
    import boto3

    aws(gateway, credentials=f"[dev]\naws_access_key_id = AKIAI44QH8DHBEXAMPLE\naws_secret_access_key = {CANARY}\n")
    keys(monkeypatch)
    monkeypatch.setenv("AWS_PROFILE", "dev")
    assert boto3.Session().get_credentials().method == "env"
    assert doctor()[1]["credentials"]["source"] == "AWS_ACCESS_KEY_ID"
    assert boto3.Session(profile_name="dev").get_credentials().method == "shared-credentials-file"
    found = doctor("--profile", "dev")[1]["credentials"]
    assert (found["source"], found["note"]) == ("keys in profile dev", "AWS_ACCESS_KEY_ID is passed over")


@pytest.mark.parametrize(
    ("variables", "value", "status"),
    [
        ({"AWS_WEB_IDENTITY_TOKEN_FILE": "/t", "AWS_ROLE_ARN": "r"}, "AWS_WEB_IDENTITY_TOKEN_FILE", "ok"),
        ({"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2"}, "the container", "ok"),
        ({}, "instance metadata", "warn"),
        ({"AWS_EC2_METADATA_DISABLED": "true"}, "nowhere", "fail"),
        ({"AWS_SECRET_ACCESS_KEY": CANARY}, "AWS_SECRET_ACCESS_KEY", "fail"),
    ],
)
def test_without_a_profile_the_next_source_is_named(gateway, doctor, monkeypatch, variables, value, status):
    for name, one in variables.items():
        monkeypatch.setenv(name, one)
    code, settings, _ = doctor()
    assert (settings["credentials"]["source"], settings["credentials"]["status"]) == (value, status)
    assert code == (status == "fail")


REFUSED = {
    "endpoint by variable": ({"AWS_ENDPOINT_URL_BEDROCK_RUNTIME": f"http://u:{CANARY}@evil/?k={CANARY}"}, ""),
    "endpoint of a profile": ({}, f"[default]\nendpoint_url = http://evil/{CANARY}\n"),
    "endpoint of a service": (
        {},
        f"[default]\nservices = s\n[services s]\nbedrock =\n  endpoint_url = http://evil/{CANARY}\n",
    ),
    "bearer token": ({"AWS_BEARER_TOKEN_BEDROCK": CANARY}, ""),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_the_gateway_refuses_is_a_finding_here_already(gateway, doctor, monkeypatch, case):
    from bedrock_gateway import ConfigError, Gateway, GatewayConfig

    variables, files = REFUSED[case]
    keys(monkeypatch)
    aws(gateway, config=files)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    code, settings, report = doctor()
    failed = [one for one in settings.values() if one["status"] == "fail"]
    assert code == 1
    assert len(failed) == 1
    assert "refuses to start" in failed[0]["note"]
    assert CANARY not in json.dumps(report)
    with Gateway(GatewayConfig.from_file("gateway.toml")) as refused, pytest.raises(ConfigError):
        refused.converse("Hello")


def test_an_endpoint_that_is_declared_is_none(gateway, doctor, monkeypatch):
    keys(monkeypatch)
    declared = "https://vpce-1a2b.bedrock-runtime.us-east-2.vpce.amazonaws.com"
    monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", declared)
    code, settings, _ = doctor()
    assert (code, settings["endpoint override"]["status"]) == (0, "ok")


def test_a_token_that_is_declared_and_missing_is_a_finding(gateway, doctor, monkeypatch):
    keys(monkeypatch)
    (gateway / "gateway.toml").write_text(GATEWAY.replace('region = "us', 'auth = "bearer"\nregion = "us'))
    code, settings, _ = doctor()
    assert (code, settings["bearer token"]["status"]) == (1, "fail")
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", CANARY)
    code, settings, report = doctor()
    assert (code, source(settings, "bearer token")) == (0, ("set", "AWS_BEARER_TOKEN_BEDROCK"))
    assert CANARY not in json.dumps(report)


def test_what_is_passed_over_is_a_warning_that_fails_only_where_asked(gateway, doctor, monkeypatch):
    keys(monkeypatch)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "7")
    monkeypatch.setenv("BEDROCKGW_DEBUG_TRACEBACKS", "1")
    code, settings, _ = doctor()
    assert code == 0
    assert settings["retries"]["note"] == "AWS_MAX_ATTEMPTS is passed over: botocore's own retries are off"
    assert settings["tracebacks"]["status"] == "warn"
    assert doctor("--fail-on", "warn")[0] == 1


def test_the_network_is_shown_without_its_passwords(gateway, doctor, monkeypatch):
    keys(monkeypatch)
    aws(gateway, config="[default]\nuse_fips_endpoint = true\nca_bundle = /etc/ca.pem\n")
    monkeypatch.setenv("HTTPS_PROXY", f"http://user:{CANARY}@proxy.example:3128")
    _, settings, report = doctor()
    assert source(settings, "proxy") == ("http://proxy.example", "HTTPS_PROXY")
    assert source(settings, "FIPS endpoints") == ("true", "profile default")
    assert source(settings, "certificates") == ("/etc/ca.pem", "profile default")
    assert CANARY not in json.dumps(report)


@pytest.mark.parametrize("url", ["http://[", "proxy:3128", ""])
def test_a_proxy_that_is_no_url_breaks_nothing(gateway, doctor, monkeypatch, url):
    keys(monkeypatch)
    monkeypatch.setenv("HTTPS_PROXY", url)
    assert doctor()[0] == 0


def test_a_configuration_that_cannot_be_used_is_exit_code_2_and_hides_nothing_else(gateway, doctor, monkeypatch):
    keys(monkeypatch)
    (gateway / "gateway.toml").write_text(GATEWAY.replace("capabilities", "capabilites"))
    code, settings, report = doctor()
    assert code == 2
    assert "did you mean 'capabilities'" in report["could_not_start"]
    assert settings["credentials"]["value"] == "keys"
    assert report["versions"]["botocore"]


def test_without_a_file_there_is_still_something_to_say(doctor, monkeypatch):
    keys(monkeypatch)
    code, settings, _ = doctor()
    assert (code, settings["configuration"]["status"]) == (0, "warn")
    assert doctor("--config", "nowhere.toml")[0] == 2


def test_a_profile_that_is_not_there_is_a_finding(gateway, doctor, monkeypatch):
    keys(monkeypatch)
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    code, settings, _ = doctor()
    assert (code, settings["AWS profile"]["status"]) == (1, "fail")


def test_files_of_aws_that_cannot_be_read_are_a_finding(gateway, doctor, monkeypatch):
    aws(gateway, config=f"[profile x\n{CANARY}")
    monkeypatch.setenv("AWS_PROFILE", "x")
    code, settings, report = doctor()
    assert (code, settings["AWS profile"]["status"]) == (1, "fail")
    assert CANARY not in json.dumps(report)


def test_a_principal_that_must_be_chosen_is_said_and_one_that_is_not_there_is_a_finding(gateway, doctor, monkeypatch):
    keys(monkeypatch)
    second = '\n[principals.other]\ncapabilities = ["converse"]\nmodels = ["amazon.nova-lite-v1:0"]\n'
    (gateway / "gateway.toml").write_text(GATEWAY + second)
    code, settings, _ = doctor()
    assert (code, settings["principal"]["value"]) == (0, None)
    assert doctor("--principal", "nobody")[0] == 1


def test_the_text_has_the_same_and_no_secret(gateway, monkeypatch, capsys):
    keys(monkeypatch)
    monkeypatch.setenv("AWS_SESSION_TOKEN", CANARY)
    assert cli.main(["doctor"]) == 0
    out = capsys.readouterr().out
    assert "gateway.toml:6" in out
    assert "keys with AWS_SESSION_TOKEN" in out
    assert CANARY not in out
    assert "AKIA" not in out


def test_the_json_has_the_form_that_was_promised(gateway, doctor, monkeypatch):
    keys(monkeypatch)
    _, _, report = doctor()
    assert list(report) == ["format_version", "versions", "botocore_lacks", "settings", "could_not_start"]
    assert report["format_version"] == "1.0"
    assert {tuple(one) for one in report["settings"]} == {("name", "value", "source", "status", "note")}


def test_every_use_is_something_that_an_older_botocore_lacks():
    rows = {(row.operation, row.side, row.member) for row in added_since_the_floor()}
    assert not set(versions.USES) - rows


def test_what_is_lacking_is_what_the_loaded_models_do_not_have():
    import botocore.session

    session = botocore.session.Session()
    found = {one.member for one in versions.lacking()}
    for name in ("InvokeModel", "Converse"):
        shape = session.get_service_model("bedrock-runtime").operation_model(name).input_shape
        for operation, side, member in versions.USES:
            if operation == name and side == "input" and member and "." not in member:
                assert (f"{name}.{member}" in found) == (member not in shape.members)


def test_what_only_a_newer_botocore_has_is_listed_with_its_version(gateway, doctor, monkeypatch):
    from bedrock_gateway.governance.versions import ci_versions, installed

    newest = ci_versions()[-1]
    if installed() == newest:
        pytest.skip("nothing is newer than what is installed")
    row = next(one for one in added_since_the_floor() if one.known_in == newest and one.side == "input")
    monkeypatch.setattr(versions, "USES", {(row.operation, row.side, row.member): "what it is for"})
    keys(monkeypatch)
    _, _, report = doctor()
    assert report["botocore_lacks"] == [{"member": row.name, "known_in": newest, "without": "what it is for"}]
    assert doctor("--fail-on", "warn")[0] == 1
