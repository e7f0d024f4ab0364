"""A declared guardrail end to end, by both gateways, against the local Bedrock, under exactly the generated policy."""

from __future__ import annotations

import itertools
import json
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import BaseModel

pytest.importorskip("moto", reason="the local Bedrock is an extra")

from bedrock_gateway import AccessDeniedError, Gateway, GatewayConfig, GovernanceError
from bedrock_gateway.iam.generate import generate
from bedrock_gateway.local import LocalBedrock
from bedrock_gateway.local.data_retention import DataRetention
from bedrock_gateway.local.guardrails.store import EnforcedGuardrail, Guardrails
from bedrock_gateway.local.models.lifecycle import Lifecycles

pytestmark = pytest.mark.full  # `scripts/test` has five minutes; each subject keeps other tests there

REGION, ACCOUNT = "us-east-1", "123456789012"
MODEL = "us.amazon.nova-lite-v1:0"
NOVA = "amazon.nova-lite-v1:0"
APP = ["converse", "converse-stream", "invoke", "invoke-stream", "guardrail-apply"]
BODY = {"messages": [{"role": "user", "content": [{"text": "It is forbidden."}]}]}
WORDS = {"wordPolicyConfig": {"wordsConfig": [{"text": "forbidden"}]}}
MAIL = {"sensitiveInformationPolicyConfig": {"piiEntitiesConfig": [{"type": "EMAIL", "action": "ANONYMIZE"}]}}
ATTACK = {"type": "PROMPT_ATTACK", "inputStrength": "HIGH", "outputStrength": "NONE"}
GUARDS = {**MAIL, "contentPolicyConfig": {"filtersConfig": [ATTACK]}}
_NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def local():
    with LocalBedrock(region=REGION, pace_seconds=0) as local:
        local.reset()
        yield local
        local.reset()


class Rails:
    """Guardrails of root's, and principals with exactly the policy of what is declared."""

    def __init__(self, local: LocalBedrock) -> None:
        self.local, self.bedrock = local, local.session().client("bedrock")
        self.iam = local.session().client("iam")

    @property
    def store(self) -> Guardrails:
        return self.local.state.of(Guardrails)

    def made(self, **policies: Any) -> str:
        says = {"blockedInputMessaging": "Not that.", "blockedOutputsMessaging": "Not this."}
        made = self.bedrock.create_guardrail(name=f"rails-{next(_NUMBERS)}", **says, **policies)
        self.bedrock.create_guardrail_version(guardrailIdentifier=made["guardrailId"])
        return str(made["guardrailId"])

    def enforce(self, identifier: str | None) -> None:
        wanted = None
        if identifier:
            arn = f"arn:aws:bedrock:{REGION}:{ACCOUNT}:guardrail/{identifier}"
            everything = {"system": "COMPREHENSIVE", "messages": "COMPREHENSIVE"}
            wanted = EnforcedGuardrail("one", arn, "1", everything, None, "me", "me")
        self.store.enforce(self.local.state, REGION, wanted)

    def config(self, identifier: str | None, version: str = "1", **more: Any) -> GatewayConfig:
        principals = {
            "app": {"capabilities": APP, "models": [MODEL]},
            "checker": {"capabilities": ["preflight-deep"], "models": [MODEL]},
        }
        declared = {"guardrail": {"id": identifier, "version": version}} if identifier else {}
        return GatewayConfig(
            application="rails", account=ACCOUNT, region=REGION, local=True, principals=principals, **declared, **more
        )

    def credentials(self, config: GatewayConfig, principal: str) -> dict[str, str]:
        name = f"{principal}-{next(_NUMBERS)}"
        document = generate(config.principals[principal].capabilities, config.scope(principal)).policy.dump()
        self.iam.create_user(UserName=name)
        self.iam.put_user_policy(UserName=name, PolicyName="generated", PolicyDocument=json.dumps(document))
        key: dict[str, str] = self.iam.create_access_key(UserName=name)["AccessKey"]
        return key


@pytest.fixture(scope="module")
def rails(local):
    return Rails(local)


@pytest.fixture
def opened(both, local, rails):
    @asynccontextmanager
    async def make(config: GatewayConfig, granted: GatewayConfig | None = None, **options: Any) -> Any:
        key = rails.credentials(granted or config, "app")
        session = both.session(key["AccessKeyId"], key["SecretAccessKey"])
        local.attach(session)
        async with both.gateway(config, principal="app", session=session, **{"observers": (), **options}) as gateway:
            yield gateway

    return make


def test_a_text_is_checked_without_a_model(both, opened, rails):
    async def body():
        async with opened(rails.config(rails.made(**WORDS, **MAIL))) as gateway:
            blocked = await gateway.apply_guardrail("It is forbidden.")
            assert (blocked.intervened, blocked.text, blocked.reason) == (True, "Not that.", "Guardrail blocked.")
            masked = await gateway.apply_guardrail("To jane@example.com", source="OUTPUT")
            assert (masked.intervened, masked.text) == (True, "To {EMAIL}")
            passed = await gateway.apply_guardrail(["Hello", "there"])
            assert (passed.intervened, passed.text, passed.action) == (False, "", "NONE")
            assert blocked.assessments[0]["wordPolicy"]["customWords"][0]["match"] == "forbidden"

    both.run(body)


def test_every_call_carries_the_declared_guardrail(both, opened, rails):
    async def body():
        async with opened(rails.config(rails.made(**WORDS))) as gateway:
            reply = await gateway.converse("It is forbidden.", guardrail_trace="enabled")
            assert (reply.text, reply.stop_reason) == ("Not that.", "guardrail_intervened")
            assert (reply.guardrail_action, reply.usage.input_tokens) == ("INTERVENED", 0)
            assert reply.raw["trace"]["guardrail"]["actionReason"] == "Guardrail blocked."
            body = await gateway.invoke_model(BODY)
            assert (body.guardrail_action, "Not that." in json.dumps(body.raw)) == ("INTERVENED", True)
            assert (await gateway.converse("Hello")).guardrail_action is None

    both.run(body)


def test_every_stream_carries_it_too(both, opened, rails):
    async def body():
        async with opened(rails.config(rails.made(**WORDS))) as gateway:
            async with gateway.converse_stream("It is forbidden.") as stream:
                heard = "".join([text async for text in stream.text_stream])
                result = await stream.result()
            assert (heard, result.stop_reason, result.guardrail_action) == (
                "Not that.",
                "guardrail_intervened",
                "INTERVENED",
            )
            async with gateway.invoke_model_stream(BODY) as stream:
                async for _ in stream:
                    pass
                result = await stream.result()
            assert (result.guardrail_action, result.text) == ("INTERVENED", "Not that.")

    both.run(body)


def test_what_is_masked_does_not_reach_the_model(both, opened, rails):
    async def body():
        async with opened(rails.config(rails.made(**MAIL))) as gateway:
            reply = await gateway.converse("Write to jane@example.com")
            assert (reply.text, reply.guardrail_action) == ("[local echo] Write to {EMAIL}", None)

    both.run(body)


class Leave(BaseModel):
    days: int


def test_an_intervention_is_no_answer_that_breaks_its_schema(both, local, opened, rails):
    known = local.session().client("bedrock-runtime").meta.service_model.operation_model("Converse").input_shape.members
    if "outputConfig" not in known:
        pytest.skip("this botocore knows no structured output")

    async def body():
        async with opened(rails.config(rails.made(**WORDS))) as gateway:
            reply = await gateway.converse("It is forbidden.", output=Leave)
            assert (reply.guardrail_action, reply.text, reply.parsed) == ("INTERVENED", "Not that.", None)

    both.run(body)


def test_a_version_that_is_not_there_stops_every_call(both, opened, rails):
    async def body():
        async with opened(rails.config(rails.made(), "7")) as gateway:
            for call in (gateway.converse, gateway.apply_guardrail):
                with pytest.raises(Exception, match="does not exist"):
                    await call("Hello")

    both.run(body)


def test_what_the_account_enforces_is_denied_until_it_is_declared(both, opened, rails):
    enforced = rails.made(**WORDS)
    rails.enforce(enforced)

    async def body():
        declared = rails.config(rails.made(), enforced_guardrails=[enforced])
        undeclared = rails.config(declared.guardrail.id)
        async with opened(undeclared) as gateway:
            with pytest.raises(AccessDeniedError, match="ApplyGuardrail"):
                await gateway.converse("Hello")
        async with opened(declared) as gateway:
            assert (await gateway.converse("Hello")).text == "[local echo] Hello"
            assert (await gateway.converse("It is forbidden.")).text == "Not that."

    try:
        both.run(body)
    finally:
        rails.enforce(None)


def test_a_governed_client_is_guarded_and_brings_no_guardrail_of_its_own(local, rails):
    config = rails.config(rails.made(**WORDS))
    key = rails.credentials(config, "app")
    session = local.session(credentials=key)
    said = [{"role": "user", "content": [{"text": "It is forbidden."}]}]
    with Gateway(config, principal="app", session=session, observers=()) as gateway:
        client = gateway.govern(session.client("bedrock-runtime"))
        assert client.converse(modelId=MODEL, messages=said)["stopReason"] == "guardrail_intervened"
        body = json.loads(client.invoke_model(modelId=MODEL, body=json.dumps(BODY))["body"].read())
        assert body["amazon-bedrock-guardrailAction"] == "INTERVENED"
        other = {"guardrailIdentifier": rails.made(), "guardrailVersion": "1"}
        with pytest.raises(GovernanceError):
            client.converse(modelId=MODEL, messages=said, guardrailConfig=other)


# -- the preflight -----------------------------------------------------------------------------------------------------


def checked(local: LocalBedrock, rails: Rails, config: GatewayConfig, *ids: str) -> dict[str, tuple[str, str]]:
    """Return (status, summary) of checks, as a principal with exactly the policy of the deep level sees them."""
    session = local.session(credentials=rails.credentials(config, "checker"))
    with Gateway(config, principal="checker", session=session, observers=()) as gateway:
        report = gateway.preflight(deadline_seconds=60)
    found = {one.id: (one.status, one.summary) for one in report.results}
    return {one: found[one] for one in ids}


def test_a_good_guardrail_passes(local, rails):
    found = checked(local, rails, rails.config(rails.made(**GUARDS)), "GOV-01", "GOV-02", "GOV-03", "GOV-06")
    known = "ListEnforcedGuardrailsConfiguration" in rails.bedrock.meta.service_model.operation_names
    assert {one: status for one, (status, _) in found.items()} == {
        "GOV-01": "pass", "GOV-02": "pass", "GOV-03": "pass" if known else "unknown", "GOV-06": "pass",
    }  # fmt: skip


@pytest.fixture
def spoilt(local, rails):
    """Everything that the local account can have wrong at once; all of it is right again afterwards."""
    rails.enforce(rails.made(**GUARDS))
    local.state.of(DataRetention).set("provider_data_share")
    local.state.of(Lifecycles).set(NOVA, end_of_life=datetime.now(UTC) + timedelta(days=10))
    yield
    rails.enforce(None)
    local.state.of(DataRetention).set("default")
    local.state.of(Lifecycles).clear()


SHOWN = {"GOV-03": "ListEnforcedGuardrailsConfiguration", "GOV-04": "GetAccountDataRetention"}
"""What an older botocore cannot ask for; it shows no dates of models either."""


@pytest.mark.usefixtures("spoilt")
def test_everything_that_is_wrong_is_found(local, rails):
    across = {"crossRegionConfig": {"guardrailProfileIdentifier": "us.guardrail.v1:0"}}
    config = rails.config(rails.made(**across, **WORDS), "DRAFT")
    wanted = {
        "GOV-01": "warn",
        "GOV-02": "warn",
        "GOV-03": "warn",
        "GOV-04": "fail",
        "GOV-06": "warn",
        "MOD-02": "fail",
    }
    known = rails.bedrock.meta.service_model
    for check, operation in SHOWN.items():
        if operation not in known.operation_names:
            wanted[check] = "unknown"
    if "endOfLifeTime" not in known.shape_for("FoundationModelLifecycle").members:
        wanted["MOD-02"] = "pass"
    found = checked(local, rails, config, *wanted)
    assert {one: status for one, (status, _) in found.items()} == wanted, found


@pytest.mark.full
def test_a_guardrail_that_cannot_be_used_is_found(local, rails):
    def found(config: GatewayConfig) -> tuple[str, str]:
        return checked(local, rails, config, "GOV-01")["GOV-01"]

    assert found(rails.config(rails.made(**GUARDS), "9"))[0] == "fail"
    assert found(rails.config("abcdefghij12"))[0] == "fail"
    failed = rails.made(**GUARDS)
    held = rails.store.find(failed, REGION)
    held.status, held.status_reasons = "FAILED", ["Out of luck."]
    status, summary = found(rails.config(failed, "DRAFT"))
    assert (status, "Out of luck." in summary) == ("fail", True)


@pytest.mark.full
def test_what_is_declared_passes(local, rails):
    if set(SHOWN.values()) - set(rails.bedrock.meta.service_model.operation_names):
        pytest.skip("this botocore cannot ask")
    enforced = rails.made(**GUARDS)
    rails.enforce(enforced)
    local.state.of(Lifecycles).set(NOVA, end_of_life=datetime.now(UTC) + timedelta(days=60, hours=1))
    config = rails.config(rails.made(**GUARDS), enforced_guardrails=[enforced])
    try:
        found = checked(local, rails, config, "GOV-03", "GOV-04", "MOD-02")
    finally:
        rails.enforce(None)
        local.state.of(Lifecycles).clear()
    assert [status for status, _ in found.values()] == ["pass", "pass", "warn"]
