"""What IAM's simulator says of a principal, against the local Bedrock: its simulator looks at what is really attached."""

from __future__ import annotations

import json
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from bedrock_gateway import Gateway
from bedrock_gateway._commands import Together
from bedrock_gateway._drive import run
from bedrock_gateway._flow import retried
from bedrock_gateway.iam.document import Policy
from bedrock_gateway.iam.generate import generate
from bedrock_gateway.preflight import CATALOGUE, Facts, Round
from bedrock_gateway.preflight.facts import Credentials
from bedrock_gateway.preflight.flow import Probe

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.full  # `scripts/test` has five minutes; each subject keeps other tests there

MODEL = "us.amazon.nova-lite-v1:0"
GUARDRAIL = "abcdefghij12"
CHECKS = ("MOD-05", "REG-08", "IAM-03", "IAM-04", "IAM-05", "GOV-05")
INVOKE, STREAM = "bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream"


class Scene:
    """A role that calls models, with what is generated for it, until a test gives it something else."""

    def __init__(self, account: Any) -> None:
        self.account, world = account, account.world
        caller = {
            "capabilities": ["converse", "converse-stream", "preflight-deep"],
            "models": [MODEL],
            "require_guardrail": True,
        }
        identity = {"kind": "role", "name": "caller", "trust": [{"kind": "ec2"}]}
        self.config = account.config(
            principals={
                "caller": {**caller, "identity": identity},
                "auditor": {"capabilities": ["preflight-deep"]},
            },
            guardrail={"id": GUARDRAIL, "version": "3"},
            knowledge_bases={},
        )
        self.iam = world.client(world.admin, "iam")
        arn = world.create_role("caller")["Arn"]
        allow = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": arn}
        self.put("user", "you", "assume-the-caller", document(allow))
        self.generated = generate(caller["capabilities"], self.config.scope("caller")).policy.dump()["Statement"]
        self.policy(*self.generated)
        self.session = world.become("caller")

    def put(self, kind: str, name: str, policy: str, text: str) -> None:
        put = getattr(self.iam, f"put_{kind}_policy")
        put(**{f"{kind.capitalize()}Name": name, "PolicyName": policy, "PolicyDocument": text})

    def policy(self, *statements: dict[str, Any]) -> None:
        self.put("role", "caller", "generated", document(*statements))

    def auditor(self) -> Any:
        arn = self.account.world.create_role("auditor")["Arn"]
        allow = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": arn}
        self.put("user", "you", "assume-the-auditor", document(allow))
        policy = generate(["preflight-deep"], self.config.scope("auditor")).policy.to_json()
        self.put("role", "auditor", "generated", policy)
        return self.account.world.become("auditor")

    def looked_at(self, name: str = "caller", session: Any = None) -> dict[str, Any]:
        """The results of just these checks: a whole preflight would ask a hundred questions more."""
        catalogue = tuple(row for row in CATALOGUE if row.id in {"ID-01", *CHECKS})
        facts = Facts(Credentials("assume-role", "ASIA"))
        with Gateway(self.config, principal=name, session=session or self.session, observers=()) as gateway:
            probe = partial(Probe, self.config, name, self.config.principals[name], "deep", facts)
            work = Round(catalogue, probe)

            def asked() -> Iterator[Any]:
                yield Together(work, time.monotonic() + 60)

            run(retried(asked(), gateway._context), gateway._perform)
        return {one.id: one for one in work.results}


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


@pytest.fixture(scope="module")
def scene(account):
    return Scene(account)


def outcome(found: dict[str, Any]) -> dict[str, str]:
    return {name: found[name].status for name in CHECKS}


GOOD = dict.fromkeys(CHECKS, "pass")
FREE = {"Sid": "Free", "Effect": "Allow", "Action": [INVOKE, STREAM], "Resource": "*"}


def without(statements: list[dict[str, Any]], *, action: str = "", resource: str = "") -> list[dict[str, Any]]:
    """The statements with one action, or one resource, taken out of each."""
    kept = []
    for one in statements:
        changed = dict(one)
        for element, gone in (("Action", action), ("Resource", resource)):
            values = [one[element]] if isinstance(one[element], str) else one[element]
            changed[element] = [value for value in values if value != gone]
        kept += [changed] if changed["Action"] and changed["Resource"] else []
    return kept


def model_in(region: str) -> str:
    return f"arn:aws:bedrock:{region}::foundation-model/amazon.nova-lite-v1:0"


def denied(action: str, resource: str = "*", **condition: Any) -> dict[str, Any]:
    return {"Effect": "Deny", "Action": action, "Resource": resource, **({"Condition": condition} if condition else {})}


ROWS = [
    ("nothing", lambda own: own, {}),
    ("a destination is left out", lambda own: without(own, resource=model_in("us-west-2")),
        {"MOD-05": "fail", "REG-08": "fail"}),
    ("a Region is closed by its name", lambda own: [*own, denied(
        INVOKE, StringEquals={"aws:RequestedRegion": "us-west-2"})], {"REG-08": "fail"}),
    ("streams are left out", lambda own: without(own, action=STREAM), {"MOD-05": "fail", "REG-08": "fail"}),
    ("a read is left out", lambda own: without(own, action="iam:GetAccountSummary"), {"IAM-04": "fail"}),
    ("a read is denied", lambda own: [*own, denied("cloudwatch:GetMetricData")], {"IAM-04": "fail"}),
    ("calls only from an office", lambda own: [*own, denied(
        "bedrock:InvokeModel*", NotIpAddress={"aws:SourceIp": "203.0.113.0/24"})], {"MOD-05": "unknown", "REG-08": "unknown"}),
    ("everything of Bedrock", lambda own: [*own, {"Effect": "Allow", "Action": "bedrock:*", "Resource": "*"}],
        {"IAM-05": "fail", "GOV-05": "warn"}),
    ("calls without the guardrail", lambda own: [*own, FREE], {"GOV-05": "warn"}),
    ("keys for anybody", lambda own: [*own, {"Effect": "Allow", "Action": "iam:CreateAccessKey", "Resource": "*"}],
        {"IAM-03": "fail", "IAM-05": "fail"}),
    ("keys for one", lambda own: [*own, {"Effect": "Allow", "Action": "iam:CreateAccessKey",
        "Resource": "arn:aws:iam::123456789012:user/admin"}], {"IAM-03": "fail"}),
    ("the simulator is left out", lambda own: without(own, action="iam:SimulatePrincipalPolicy"),
        dict.fromkeys(("MOD-05", "REG-08", "IAM-04", "IAM-05"), "unknown")),
]  # fmt: skip


@pytest.mark.parametrize(("change", "expected"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_what_is_attached_decides(scene, change, expected):
    scene.policy(*change(scene.generated))
    found = scene.looked_at()
    assert outcome(found) == GOOD | expected, {name: found[name].summary for name in CHECKS}


def test_a_boundary_that_does_not_allow_models_is_named(scene):
    scene.policy(*scene.generated)
    text = Policy.parse(
        json.loads(document({"Effect": "Allow", "NotAction": "bedrock:InvokeModel*", "Resource": "*"}))
    ).to_json()
    arn = scene.iam.create_policy(PolicyName="no-models", PolicyDocument=text)["Policy"]["Arn"]
    scene.iam.put_role_permissions_boundary(RoleName="caller", PermissionsBoundary=arn)
    found = scene.looked_at()
    scene.iam.delete_role_permissions_boundary(RoleName="caller")
    assert outcome(found) == GOOD | {"MOD-05": "fail", "REG-08": "fail"}
    assert "the permissions boundary does not allow it" in found["MOD-05"].summary


def test_an_auditor_finds_what_another_principal_lacks(scene):
    scene.policy(*without(scene.generated, resource=model_in("us-west-2")))
    found = scene.looked_at("auditor", scene.auditor())
    simulated = {name: found[name].status for name in ("MOD-05", "REG-08", "IAM-04", "IAM-05")}
    assert simulated == {"MOD-05": "fail", "REG-08": "fail", "IAM-04": "pass", "IAM-05": "pass"}
    assert found["MOD-05"].summary.startswith("caller: ")
    assert model_in("us-west-2") in found["MOD-05"].summary
