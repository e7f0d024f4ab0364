"""Faults of what a role may do (``role=``): a statement too many, one that denies, a boundary that leaves out.

All are calls but those that say when something was last used: time cannot be called.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from bedrock_gateway.local.account.last_access import LastAccess
from bedrock_gateway.local.faults.hand import AccountFault, Hand, document, statement
from bedrock_gateway.local.identity.facts import Principal
from bedrock_gateway.local.moto_bridge import LOCK

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["FAULTS"]

_EXTRA = "statements-more"
_INVOKE, _STREAM = "bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream"
_NOVA = "amazon.nova-lite-v1:0"
_LAMBDA = ["lambda:CreateFunction", "lambda:InvokeFunction"]

Statements = list[dict[str, Any]]


def _with(make: Callable[[Hand], Statements]) -> Callable[[Hand], None]:
    """The role has these statements besides."""

    def fault(hand: Hand) -> None:
        policy = document(*make(hand))
        hand.client("iam").put_role_policy(RoleName=hand.role, PolicyName=_EXTRA, PolicyDocument=policy)

    return fault


def _allow(*actions: str, resource: str = "*", **more: Any) -> Callable[[Hand], None]:
    def statements(hand: Hand) -> Statements:
        about = resource.format(account=hand.account, role=hand.role, region=hand.region, model=_model(hand))
        return [{"Effect": "Allow", "Action": list(actions), "Resource": about, **more}]

    return _with(statements)


def _deny(*actions: str, resource: str = "*", **more: Any) -> Callable[[Hand], None]:
    return _allow(*actions, resource=resource, **{**more, "Effect": "Deny"})


def _model(hand: Hand) -> str:
    return hand.details.get("model") or _NOVA


def _profile(hand: Hand) -> str:
    return f"arn:aws:bedrock:{hand.region}:{hand.account}:inference-profile/us.{_model(hand)}"


_MODELS = "arn:aws:bedrock:*::foundation-model/*"


def _free(hand: Hand, *, models: bool = True, **more: Any) -> Statements:
    """Models may be called without a guardrail."""
    resources = [_profile(hand), *([_MODELS] if models else [])]
    return [{"Effect": "Allow", "Action": [_INVOKE, _STREAM], "Resource": resources, **more}]


def _denied_without(hand: Hand) -> Statements:
    ours = f"arn:aws:bedrock:*:*:guardrail/{hand.guardrail}*"
    condition = {"StringNotLike": {"bedrock:GuardrailIdentifier": ours}}
    return [
        *_free(hand),
        {"Effect": "Deny", "Action": "bedrock:InvokeModel*", "Resource": "*", "Condition": condition},
    ]


def _passing(*more: dict[str, Any], to: str | None = None) -> Callable[[Hand], None]:
    """An administrator's role may be passed, to one service or to all, and more."""

    def statements(hand: Hand) -> Statements:
        condition = {"Condition": {"StringEquals": {"iam:PassedToService": to}}} if to else {}
        role = f"arn:aws:iam::{hand.account}:role/admin"
        return [statement("iam:PassRole", role, **condition), *more]

    return _with(statements)


def _all_but(hand: Hand) -> Statements:
    del hand
    return [{"Effect": "Allow", "NotAction": "iam:CreateUser", "Resource": "*"}]


def _bounded(hand: Hand) -> Statements:
    condition = {"StringEquals": {"iam:PermissionsBoundary": f"arn:aws:iam::{hand.account}:policy/boundary"}}
    actions = ["iam:PutRolePolicy", "iam:AttachRolePolicy"]
    return [{"Effect": "Allow", "Action": actions, "Resource": "*", "Condition": condition}]


def _boundary(not_action: str) -> Callable[[Hand], None]:
    """The role's boundary is another one, which allows all but *not_action*."""

    def fault(hand: Hand) -> None:
        iam = hand.client("iam")
        policy = document({"Effect": "Allow", "NotAction": not_action, "Resource": "*"})
        made = iam.create_policy(PolicyName="narrower", PolicyDocument=policy)["Policy"]["Arn"]
        iam.put_role_permissions_boundary(RoleName=hand.role, PermissionsBoundary=made)

    return fault


def _capped(hand: Hand) -> None:
    _allow("iam:PutRolePolicy")(hand)
    _boundary("iam:PutRolePolicy")(hand)


def _used(days: int, service: str = "sqs") -> Callable[[Hand], None]:
    """The role last asked that service so long ago: none that the preflight itself asks."""

    def fault(hand: Hand) -> None:
        _allow(f"{service}:SendMessage")(hand)
        arn = str(hand.client("iam").get_role(RoleName=hand.role)["Role"]["Arn"])
        who = Principal("role", arn, hand.account, role_arn=arn)
        moment = datetime.now(UTC) - timedelta(days=days)
        hand.state.of(LastAccess).note(who, service, hand.region, moment)

    return fault


def _never_used(hand: Hand) -> None:
    """The role is old, and may use a service that it never asked."""
    _allow("sqs:SendMessage")(hand)
    with LOCK:
        role = hand.local.app.gate.directory.iam.get_role(hand.role)
        role.create_date -= timedelta(days=400)


_MAY = (
    "bedrock:DeleteModelInvocationLoggingConfiguration",
    "bedrock:PutModelInvocationLoggingConfiguration",
    "bedrock:CallWithBearerToken",
    "bedrock:DeleteGuardrail",
    "bedrock-mantle:CreateInference",
    "bedrock:PutAccountDataRetention",
    "iam:CreateAccessKey",
    "iam:CreateServiceSpecificCredential",
    "iam:PutRolePolicy",
    "iam:CreatePolicyVersion",
)

_CALLS: Mapping[str, Callable[[Hand], None]] = {
    "the profile is not allowed": _deny(
        _INVOKE, resource="arn:aws:bedrock:{region}:{account}:inference-profile/us.{model}"
    ),
    "the profile is not allowed for streams": _deny(
        _STREAM, resource="arn:aws:bedrock:{region}:{account}:inference-profile/us.{model}"
    ),
    "the model is not allowed here": _deny(_INVOKE, resource="arn:aws:bedrock:{region}::foundation-model/{model}"),
    "the model is not allowed where AWS may run it": _deny(
        _INVOKE, resource="arn:aws:bedrock:us-east-2::foundation-model/{model}"
    ),
    "a statement denies models": _deny(_INVOKE),
    "the boundary does not allow models": _boundary(_INVOKE),
    "models only through a VPC endpoint": _deny(_INVOKE, Condition={"Null": {"aws:SourceVpce": "true"}}),
    **{f"it may {name.partition(':')[2]}": _allow(name) for name in _MAY},
    "models without the guardrail": _with(_free),
    "the profile alone without the guardrail": _with(lambda hand: _free(hand, models=False)),
    "models with any guardrail": _with(
        lambda hand: _free(hand, Condition={"Null": {"bedrock:GuardrailIdentifier": "false"}})
    ),
    "models without the guardrail, but denied": _with(_denied_without),
    "its own policy may be rewritten": _allow("iam:PutRolePolicy", resource="arn:aws:iam::{account}:role/{role}"),
    "a new version of a policy": _allow("iam:CreatePolicyVersion", resource="arn:aws:iam::{account}:policy/*"),
    "keys of one user": _allow("iam:CreateAccessKey", resource="arn:aws:iam::{account}:user/admin"),
    "everything of IAM but a name": _with(_all_but),
    "a role passed to functions that it makes and calls": _passing(
        {"Effect": "Allow", "Action": _LAMBDA, "Resource": "*"}, to="lambda.amazonaws.com"
    ),
    "a role passed to functions, which it cannot call": _passing(
        statement("lambda:CreateFunction", "*"), to="lambda.amazonaws.com"
    ),
    "functions made and called, a role passed to Bedrock alone": _passing(
        {"Effect": "Allow", "Action": _LAMBDA, "Resource": "*"}, to="bedrock.amazonaws.com"
    ),
    "a code interpreter with a role": _passing(statement("bedrock-agentcore:*", "*")),
    "roles written, but bounded": _with(_bounded),
    "rights of IAM that the boundary caps": _capped,
}
_SWITCHES: Mapping[str, Callable[[Hand], None]] = {
    "a service not used for long": _used(61),
    "a service just used": _used(59),
    "a service never used": _never_used,
}

FAULTS: Mapping[str, AccountFault] = {
    **{name: AccountFault(make, by_calls=True) for name, make in _CALLS.items()},
    **{name: AccountFault(make, by_calls=False) for name, make in _SWITCHES.items()},
}
