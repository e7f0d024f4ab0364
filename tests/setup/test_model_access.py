"""Set-up of model access against the local Bedrock, by an operator with exactly the policy of `model-access`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("moto", reason="the local Bedrock is an extra")

import boto3
from botocore.exceptions import ClientError

from bedrock_gateway import Gateway, GatewayConfig, cli
from bedrock_gateway._commands import Send
from bedrock_gateway.errors import AccessDeniedError, ConfigError, SetupIncompleteError
from bedrock_gateway.iam.generate import generate
from bedrock_gateway.local import LocalBedrock
from bedrock_gateway.local.models.access import Access
from bedrock_gateway.local.models.agreements import SOLD_BY_AWS as SOLD_LOCALLY
from bedrock_gateway.local.models.agreements import Agreements
from bedrock_gateway.local.models.catalogue import model_ids
from bedrock_gateway.setup import model_access
from bedrock_gateway.setup.asking import Patience
from bedrock_gateway.setup.export import export, left_out
from bedrock_gateway.setup.model_access.plan import SOLD_BY_AWS
from bedrock_gateway.setup.resource import AGREEMENT, USE_CASE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ACCOUNT, REGION = "123456789012", "us-east-1"
CLAUDE, RERANK, NOVA = "anthropic.claude-sonnet-4-5-20250929-v1:0", "cohere.rerank-v3-5:0", "amazon.nova-lite-v1:0"
QUICK = Patience(propagation=1, first_wait=0.02, longest_wait=0.05)
CONFIG = """\
format = 1
application = "helpdesk"

[env.laptop]
account = "{account}"
region = "{region}"
local = true
endpoint = "{endpoint}"

[principals.app]
capabilities = ["converse"]
models = ["us.{claude}", "{nova}"]

[principals.searcher]
capabilities = ["rerank"]
models = ["{rerank}"]
subscribe = true

[principals.operator]
capabilities = ["model-access"]
"""
FORM = {
    "companyName": "Example",
    "companyWebsite": "https://example.com",
    "intendedUsers": "0",
    "industryOption": "Education",
    "otherIndustryOption": "",
    "useCases": "Answers about leave.",
}


@dataclass
class Account:
    local: LocalBedrock
    config: GatewayConfig
    gateway: Gateway
    folder: Path
    environment: dict[str, str]
    keys: dict[str, tuple[str, str]]

    def called(self, name: str) -> Gateway:
        """A gateway of principal *name*, with exactly its policy."""
        session = boto3.Session(*self.keys[name], region_name=REGION)
        return Gateway(self.config, principal=name, session=session, observers=[])

    @property
    def access(self) -> Access:
        return self.local.state.of(Access)

    @property
    def agreements(self) -> Agreements:
        return self.local.state.of(Agreements)

    def plan(self, **options: Any) -> Any:
        return model_access.plan(self.gateway, patience=QUICK, **options)

    def apply(self, gateway: Any = None, **options: Any) -> Any:
        return model_access.apply(gateway or self.gateway, folder=self.folder, patience=QUICK, **options)

    def status(self, model: str) -> str:
        return str(self.access.of(model).get("agreement", "AVAILABLE"))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    folder = tmp_path_factory.mktemp("account")
    with pytest.MonkeyPatch.context() as patch, LocalBedrock(region=REGION) as local, local.serve() as server:
        for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION"):
            patch.delenv(name, raising=False)
        names = {"account": ACCOUNT, "region": REGION, "endpoint": server.endpoint}
        text = CONFIG.format(**names, claude=CLAUDE, nova=NOVA, rerank=RERANK)
        (folder / "gateway.toml").write_text(text)
        config = GatewayConfig.from_toml(text)
        iam = boto3.client("iam", **_keys(*local.root_credentials), endpoint_url=server.endpoint, region_name=REGION)
        keys = {}
        for name, one in config.principals.items():
            iam.create_user(UserName=name)
            policy = generate(one.capabilities, config.scope(name)).policy.to_json()
            iam.put_user_policy(UserName=name, PolicyName="generated", PolicyDocument=policy)
            key = iam.create_access_key(UserName=name)["AccessKey"]
            keys[name] = (key["AccessKeyId"], key["SecretAccessKey"])
        given = keys["operator"]
        environment = dict(zip(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), given, strict=True))
        session = boto3.Session(*given, region_name=REGION)
        with Gateway(config, principal="operator", session=session, observers=[]) as gateway:
            yield Account(local, config, gateway, folder, environment, keys)
        local.reset()


def _keys(key: str, secret: str) -> dict[str, str]:
    return {"aws_access_key_id": key, "aws_secret_access_key": secret}


@pytest.fixture
def account(served: Account) -> Account:
    """The account of which nobody has submitted the form or agreed to anything."""
    served.access.by_model.clear()
    served.access.form = None
    agreements = served.agreements
    agreements.offers.clear()
    agreements.pends, agreements.needs_form, agreements.enforced = False, True, False
    for model in (CLAUDE, RERANK):
        served.access.set(model, agreement="NOT_AVAILABLE", entitlement="NOT_AVAILABLE")
    for path in (served.folder / ".bedrock-gateway").rglob("*.json"):
        path.unlink()
    return served


def shown(plan: Any) -> list[tuple[str, str, str]]:
    return [(one.action, one.resource.kind, one.resource.name) for one in plan.changes]


def test_a_plan_says_what_is_missing_and_changes_nothing(account: Account) -> None:
    plan = account.plan()
    assert shown(plan) == [("create", AGREEMENT, CLAUDE), ("create", AGREEMENT, RERANK)]
    assert [one for one in plan.blocked if "use-case form" in one]
    assert "terms at https://" in plan.changes[0].why
    assert any("means of payment cannot be looked up" in one for one in plan.notes)
    # `searcher` may subscribe by itself.
    assert any("until then app cannot call" in one for one in plan.notes)
    assert account.status(CLAUDE) == "NOT_AVAILABLE"
    assert account.access.form is None


def test_the_form_goes_first_then_every_agreement_and_then_there_is_nothing_to_do(account: Account) -> None:
    applied = account.apply(form=FORM)
    assert applied.made == (
        "submitted the use-case form of anthropic",
        f"accepted the agreement of {CLAUDE}",
        f"accepted the agreement of {RERANK}",
    )
    for model in (CLAUDE, RERANK):
        assert account.status(model) == "AVAILABLE"
        account.access.set(model, entitlement="AVAILABLE")
    assert json.loads(account.access.form or b"") == FORM
    assert {one.action for one in account.plan().changes} == {"keep"}
    again = account.apply(form={**FORM, "companyName": "Another"})
    assert again.made == ()
    assert any("submitted before" in one for one in again.plan.notes)
    assert json.loads(account.access.form or b"") == FORM


def test_without_the_form_the_rest_is_done_and_what_is_left_is_said(account: Account) -> None:
    with pytest.raises(SetupIncompleteError, match="FTUFormNotFilled"):
        account.apply()
    account.agreements.needs_form = False
    applied = account.apply()
    assert account.status(CLAUDE) == "AVAILABLE"
    assert any("use-case form" in one for one in applied.plan.blocked)


def test_only_the_models_that_are_asked_for(account: Account) -> None:
    applied = account.apply(models=(RERANK,))
    assert applied.made == (f"accepted the agreement of {RERANK}",)
    assert account.status(CLAUDE) == "NOT_AVAILABLE"
    with pytest.raises(ConfigError, match="no model that the configuration declares"):
        account.plan(models=("meta.llama3-8b-instruct-v1:0",))


def test_what_could_not_be_called_can_be_called_afterwards(account: Account) -> None:
    account.agreements.enforced = True
    with account.called("app") as app:
        with pytest.raises(AccessDeniedError, match="use-case form first"):
            app.converse("Hello", model=f"us.{CLAUDE}")
        account.access.form = json.dumps(FORM).encode()
        with pytest.raises(AccessDeniedError, match="Marketplace"):
            app.converse("Hello", model=f"us.{CLAUDE}")
        account.apply(models=(CLAUDE,))
        assert app.converse("Hello", model=f"us.{CLAUDE}").text


def test_who_may_subscribe_makes_the_agreement_by_the_first_call(account: Account) -> None:
    account.agreements.enforced = True
    account.agreements.needs_form = False
    account.access.set(CLAUDE, agreement="NOT_AVAILABLE")
    text = CONFIG.format(
        account=ACCOUNT, region=REGION, endpoint=account.config.endpoint, claude=CLAUDE, nova=NOVA, rerank=RERANK
    )
    config = GatewayConfig.from_toml(text.replace(f'"{NOVA}"]', f'"{NOVA}"]\nsubscribe = true'))
    root = dict(zip(("aws_access_key_id", "aws_secret_access_key"), account.local.root_credentials, strict=True))
    iam = boto3.client("iam", **root, endpoint_url=str(config.endpoint), region_name=REGION)
    generous = generate(["converse"], config.scope("app")).policy.to_json()
    iam.put_user_policy(UserName="app", PolicyName="generous", PolicyDocument=generous)
    try:
        with account.called("app") as app:
            assert app.converse("Hello", model=f"us.{CLAUDE}").text
    finally:
        iam.delete_user_policy(UserName="app", PolicyName="generous")
    assert account.status(CLAUDE) == "AVAILABLE"


BLOCKED = {
    "not authorised": ({"authorization": "NOT_AUTHORIZED"}, "ask AWS Sales"),
    "not in the Region": ({"region": "NOT_AVAILABLE"}, "is not offered in us-east-1"),
    "not entitled": ({"agreement": "AVAILABLE"}, "no entitlement"),
    "in error": ({"agreement": "ERROR", "agreement_error": "No valid payment"}, "No valid payment"),
}


@pytest.mark.parametrize("name", BLOCKED)
def test_what_set_up_cannot_do_is_said_and_not_tried(account: Account, name: str) -> None:
    given, says = BLOCKED[name]
    account.access.set(RERANK, **given)
    plan = account.plan(models=(RERANK,))
    assert [one for one in plan.blocked if says in one]
    assert not plan.pending
    before = account.status(RERANK)
    assert account.apply(models=(RERANK,)).made == ()
    assert account.status(RERANK) == before


def test_of_several_offers_none_is_accepted(account: Account) -> None:
    account.agreements.offers[RERANK] = 2
    plan = account.plan(models=(RERANK,))
    assert not plan.pending
    assert any("2 public offers (offer-1, offer-2)" in one for one in plan.blocked)


def test_an_agreement_that_pends_is_left_alone_and_told(account: Account) -> None:
    account.agreements.pends = True
    applied = account.apply(models=(RERANK,))
    assert account.status(RERANK) == "PENDING"
    assert any("pending" in one and "15 minutes" in one for one in applied.plan.notes)
    assert account.apply(models=(RERANK,)).made == ()


def test_what_aws_sells_itself_needs_no_agreement(account: Account) -> None:
    assert account.plan(models=(NOVA,)).changes == ()
    account.access.set(NOVA, agreement="NOT_AVAILABLE")
    assert any("ask AWS Support" in one for one in account.plan(models=(NOVA,)).blocked)
    assert SOLD_BY_AWS == SOLD_LOCALLY <= {one.partition(".")[0] for one in model_ids()}


def test_a_lost_answer_accepts_nothing_twice(account: Account) -> None:
    perform, sent = account.gateway._perform, []

    def losing(command: Any) -> Any:
        if isinstance(command, Send) and command.operation == "CreateFoundationModelAgreement":
            sent.append(command.operation)
            perform(command)
            raise ConnectionResetError
        return perform(command)

    view = account.gateway.with_options()
    view.__dict__["_perform"] = losing
    with pytest.raises((SetupIncompleteError, ConnectionResetError)):
        account.apply(view, models=(RERANK,))
    assert sent == ["CreateFoundationModelAgreement"]
    assert account.apply(models=(RERANK,)).made == ()
    assert account.status(RERANK) == "AVAILABLE"


def test_undo_ends_what_was_accepted_and_nothing_else(account: Account) -> None:
    account.access.set(CLAUDE, agreement="AVAILABLE", entitlement="AVAILABLE")
    account.apply(form=FORM)
    assert model_access.undo(account.gateway, folder=account.folder, dry_run=True) == (RERANK,)
    assert account.status(RERANK) == "AVAILABLE"
    assert model_access.undo(account.gateway, folder=account.folder) == (RERANK,)
    assert (account.status(RERANK), account.status(CLAUDE)) == ("NOT_AVAILABLE", "AVAILABLE")
    with pytest.raises(ConfigError, match="no agreement that it could end"):
        model_access.undo(account.gateway, folder=account.folder)


def meanwhile(account: Account, around: Any) -> Gateway:
    """A gateway in whose calls *around* has a hand."""
    view = account.gateway.with_options()
    real = account.gateway._perform
    view.__dict__["_perform"] = lambda command: around(command, real) if isinstance(command, Send) else real(command)
    return view


def test_an_agreement_that_somebody_elses_call_made_meanwhile_is_not_ours_to_end(account: Account) -> None:
    def around(send: Send, real: Any) -> Any:
        if send.operation == "CreateFoundationModelAgreement":
            account.access.set(RERANK, agreement="AVAILABLE", entitlement="AVAILABLE")
        return real(send)

    assert account.apply(meanwhile(account, around), models=(RERANK,)).made == ()
    with pytest.raises(ConfigError, match="no agreement that it could end"):
        model_access.undo(account.gateway, folder=account.folder)
    assert account.status(RERANK) == "AVAILABLE"


def test_an_agreement_that_set_up_was_refused_and_others_made_later_is_not_ours_to_end(account: Account) -> None:
    def around(send: Send, real: Any) -> Any:
        if send.operation == "ListFoundationModelAgreementOffers" and send.params["modelId"] == RERANK:
            return {**real(send), "offers": real(send)["offers"] * (1 if first.pop("look", None) else 2)}
        return real(send)

    first = {"look": True}
    with pytest.raises(SetupIncompleteError, match="2 public offers now"):
        account.apply(meanwhile(account, around), form=FORM)
    account.access.set(RERANK, agreement="AVAILABLE", entitlement="AVAILABLE")
    assert RERANK not in model_access.undo(account.gateway, folder=account.folder)
    assert account.status(RERANK) == "AVAILABLE"


def test_with_the_credentials_of_another_account_nothing_is_ended_or_planned(account: Account) -> None:
    account.apply(models=(RERANK,))
    sent = []

    def around(send: Send, real: Any) -> Any:
        sent.append(send.operation)
        found = real(send)
        return {**found, "Account": "111122223333"} if send.operation == "GetCallerIdentity" else found

    view = meanwhile(account, around)
    with pytest.raises(ConfigError, match="belong to account 111122223333"):
        model_access.undo(view, folder=account.folder)
    with pytest.raises(ConfigError, match="belong to account 111122223333"):
        model_access.plan(view)
    assert set(sent) == {"GetCallerIdentity"}
    assert account.status(RERANK) == "AVAILABLE"


WRONG = {
    "not json": ("companyName", "not JSON"),
    "no object": ("[]", "write an object"),
    "nested without end": ("[" * 50_000, "not JSON"),
    "unknown field": (json.dumps({**FORM, "phone": "1"}), "'phone' is no field"),
    "field missing": (json.dumps({**FORM, "useCases": ""}), "useCases is missing"),
    "no number": (json.dumps({**FORM, "intendedUsers": "internal"}), '"0" \\(internal\\)'),
    "number without quotes": (json.dumps({**FORM, "intendedUsers": 0}), "no text"),
    "too long": (json.dumps({**FORM, "companyName": "x" * 129}), "at most 128"),
    "use cases too long": (json.dumps({**FORM, "useCases": "x" * 8193}), "at most 8,192"),
    "too large in all": (json.dumps({**FORM, "industryOption": "x" * 9000, "useCases": "x" * 8000}), "AWS takes"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_form_that_aws_would_not_take_is_refused_before_anything_is_sent(name: str) -> None:
    text, says = WRONG[name]
    with pytest.raises(ConfigError, match=says):
        model_access.form_of(text, "form.json")


def test_both_exports_hold_what_is_applied_or_say_what_they_cannot(account: Account) -> None:
    planned = model_access.resources(account.config, form=FORM)
    account.apply(form=FORM)
    made = {(one.kind, one.name): one.properties for one in planned}
    assert json.loads(account.access.form or b"") == made[USE_CASE, "anthropic"]["formData"]
    assert {name for kind, name in made if kind == AGREEMENT} == {CLAUDE, RERANK}

    file = json.loads(export(planned, "terraform"))
    offers = file["data"]["aws_bedrock_foundation_model_agreement_offers"]
    agreements = file["resource"][AGREEMENT]
    assert (
        {one["model_id"] for one in agreements.values()} == {CLAUDE, RERANK} == {o["model_id"] for o in offers.values()}
    )
    for label, one in agreements.items():
        path = f"data.aws_bedrock_foundation_model_agreement_offers.{label}.offers[0].offer_token"
        assert one["offer_token"] == f"${{{path}}}"
        assert one["depends_on"] == [f"{USE_CASE}.anthropic"]
        assert offers[label]["offer_type"] == "PUBLIC"
    assert json.loads(file["resource"][USE_CASE]["anthropic"]["form_data"]) == FORM

    template = json.loads(export(planned, "cloudformation"))
    assert template["Resources"] == {}
    said = template["Metadata"]["BedrockGateway"]["NotInThisTemplate"]
    assert {(one["kind"], one["name"]): one["properties"] for one in said} == made
    assert len(left_out(planned, "cloudformation")) == len(planned)


def test_the_operator_can_do_nothing_else(account: Account) -> None:
    session = boto3.Session(*account.environment.values(), region_name=REGION)
    clients = {
        name: session.client(name, endpoint_url=str(account.config.endpoint)) for name in ("iam", "bedrock-runtime")
    }
    for call, params in (
        (
            clients["bedrock-runtime"].converse,
            {"modelId": NOVA, "messages": [{"role": "user", "content": [{"text": "x"}]}]},
        ),
        (clients["iam"].create_user, {"UserName": "eve"}),
    ):
        with pytest.raises(ClientError) as caught:
            call(**params)
        assert "AccessDenied" in caught.value.response["Error"]["Code"]


def test_the_command_line_plans_submits_and_ends(
    account: Account, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(account.folder)
    for name, value in account.environment.items():
        monkeypatch.setenv(name, value)

    def run(*words: str) -> tuple[int, str, str]:
        code = cli.main(["setup", "model-access", "--principal", "operator", *words])
        done = capsys.readouterr()
        return code, done.out, done.err

    code, out, _ = run()
    assert code == 1
    assert f"create  {AGREEMENT} {CLAUDE}" in out
    assert "blocked: Anthropic's use-case form" in out
    assert "PutFoundationModelEntitlement" in out

    form = tmp_path / "form.json"
    form.write_text(json.dumps(FORM))
    code, out, _ = run("--use-case", str(form), "--apply")
    assert f"accepted the agreement of {CLAUDE}" in out
    # The local account was told that it has no entitlement, which is no matter of agreements here.
    assert (code, "no entitlement" in out) == (1, True)
    for model in (CLAUDE, RERANK):
        account.access.set(model, entitlement="AVAILABLE")
    code, out, _ = run("--apply")
    assert (code, out.splitlines()[0]) == (0, "nothing to do")

    code, out, _ = run("--undo", "--output", "json")
    assert json.loads(out) == {"would_end": [CLAUDE, RERANK]}
    for more in (("--model", RERANK), ("--use-case", str(form)), ("--export", "terraform")):
        code, _, err = run("--undo", "--apply", *more)  # it would have ended the agreement of CLAUDE too
        assert (code, "leave out --model" in err) == (2, True)
    assert account.status(CLAUDE) == "AVAILABLE"
    assert run("--undo", "--apply")[0] == 0
    assert account.status(CLAUDE) == "NOT_AVAILABLE"
    code, _, err = run("--use-case", str(tmp_path / "none.json"))
    assert (code, "No such file" in err, "Traceback" in err) == (2, True, False)
