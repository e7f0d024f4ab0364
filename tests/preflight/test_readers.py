"""What is read from the process: tokens and keys are classified, never kept."""

from __future__ import annotations

from importlib.metadata import requires, version

import pytest

from bedrock_gateway.config import GatewayConfig
from bedrock_gateway.preflight import readers
from bedrock_gateway.preflight.readers import read_facts

LOCAL = GatewayConfig(
    application="helpdesk",
    account="111122223333",
    region="us-east-1",
    local=True,
    endpoint="http://127.0.0.1:1",
    principals={"app": {"capabilities": ["preflight-minimal"]}},
)
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"


@pytest.fixture
def credentials(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)


@pytest.mark.parametrize(
    ("token", "kind"),
    [("", "none"), ("ABSKabc", "long-term"), ("bedrock-api-key-abc", "short-term"), ("xyz", "other")],
)
def test_a_bearer_token_is_classified(credentials, token, kind):
    assert read_facts(LOCAL, environment={"AWS_BEARER_TOKEN_BEDROCK": token}).bearer_token == kind


def test_a_region_that_has_bedrock_is_known_and_no_secret_is_kept(credentials):
    facts = read_facts(LOCAL, environment={})
    assert facts.region_known
    assert facts.credentials.key_prefix == "AKIA"
    assert "IOSFODNN7" not in repr(facts)
    assert SECRET not in repr(facts)


def test_versions_and_floors_are_those_that_the_standard_library_reads(credentials, monkeypatch):
    facts = read_facts(LOCAL, environment={})
    assert facts.versions
    assert {name: version(name) for name in facts.versions} == facts.versions
    assert facts.below_the_floor == {}
    asked = [one.split(";")[0] for one in requires("bedrock-gateway") if ";" not in one]
    assert [one for one in readers._REQUIRES.findall(readers._metadata("bedrock-gateway")) if ";" not in one] == asked
    monkeypatch.setattr(readers, "_version", lambda _name: "1.7.12")
    assert {"boto3", "pydantic"} <= read_facts(LOCAL, environment={}).below_the_floor.keys()
