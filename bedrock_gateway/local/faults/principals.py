"""Faults of who calls: of a role (``role=``), of a user (``user=``), and of the root user."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from bedrock_gateway.local.account.root import Root
from bedrock_gateway.local.faults.hand import AccountFault, Hand, document, statement
from bedrock_gateway.local.moto_bridge import LOCK

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["FAULTS"]

_TO_BEDROCK = {"StringEquals": {"iam:PassedToService": "bedrock.amazonaws.com"}}
_EXTRA = "one-statement-more"


def _attached(name: str) -> Callable[[Hand], None]:
    arn = f"arn:aws:iam::aws:policy/{name}"
    return lambda hand: hand.client("iam").attach_role_policy(RoleName=hand.role, PolicyArn=arn)


def _allowed(action: str, resource: str | Callable[[Hand], str] = "*", **more: Any) -> Callable[[Hand], None]:
    """The role has one statement more."""

    def make(hand: Hand) -> None:
        about = resource if isinstance(resource, str) else resource(hand)
        policy = document(statement(action, about, **more))
        hand.client("iam").put_role_policy(RoleName=hand.role, PolicyName=_EXTRA, PolicyDocument=policy)

    return make


def _logging_role(hand: Hand) -> str:
    return str(hand.client("iam").get_role(RoleName=hand.logging_role)["Role"]["Arn"])


def _unbounded(hand: Hand) -> None:
    hand.client("iam").delete_role_permissions_boundary(RoleName=hand.role)


def _root(**facts: bool) -> Callable[[Hand], None]:
    def make(hand: Hand) -> None:
        for name, value in facts.items():
            setattr(hand.state.of(Root), name, value)

    return make


def _aged(days: int, *, active: bool = True) -> Callable[[Hand], None]:
    """The user's first key was made so long ago; no call can say so."""

    def make(hand: Hand) -> None:
        iam = hand.client("iam")
        key = iam.list_access_keys(UserName=hand.user)["AccessKeyMetadata"][0]["AccessKeyId"]
        if not active:
            # Whoever calls with a key that is made inactive is refused: it is another one.
            key = iam.create_access_key(UserName=hand.user)["AccessKey"]["AccessKeyId"]
            iam.update_access_key(UserName=hand.user, AccessKeyId=key, Status="Inactive")
        with LOCK:
            hand.local.app.gate.directory.iam.access_keys[key].create_date -= timedelta(days=days)

    return make


def _two_keys(hand: Hand) -> None:
    hand.client("iam").create_access_key(UserName=hand.user)


def _no_mfa(hand: Hand) -> None:
    iam = hand.client("iam")
    for device in iam.list_mfa_devices(UserName=hand.user)["MFADevices"]:
        iam.deactivate_mfa_device(UserName=hand.user, SerialNumber=device["SerialNumber"])


def _own_policy(hand: Hand) -> None:
    policy = document(statement("s3:GetObject", "arn:aws:s3:::e/x"))
    hand.client("iam").put_user_policy(UserName=hand.user, PolicyName="mine", PolicyDocument=policy)


def _wide_group(hand: Hand) -> None:
    iam = hand.client("iam")
    group = iam.list_groups_for_user(UserName=hand.user)["Groups"][0]["GroupName"]
    arn = "arn:aws:iam::aws:policy/AmazonBedrockFullAccess"
    iam.attach_group_policy(GroupName=group, PolicyArn=arn)


_CALLS: Mapping[str, Callable[[Hand], None]] = {
    "an administrator": _attached("AdministratorAccess"),
    "everything of Bedrock": _allowed("bedrock:*"),
    "every model": _allowed("bedrock:InvokeModel"),
    "no boundary": _unbounded,
    "any role passed": _allowed("iam:PassRole"),
    "a role passed to any service": _allowed("iam:PassRole", _logging_role),
    "a role passed to Bedrock": _allowed("iam:PassRole", _logging_role, Condition=_TO_BEDROCK),
    "logs may be deleted": _allowed("logs:DeleteLogGroup"),
    "logging may be changed": _allowed("bedrock:PutModelInvocationLoggingConfiguration"),
    "two keys": _two_keys,
    "no MFA": _no_mfa,
    "policies of its own": _own_policy,
    "a wide policy through a group": _wide_group,
}
_SWITCHES: Mapping[str, Callable[[Hand], None]] = {
    "keys of root": _root(access_keys=True),
    "root without MFA": _root(mfa=False),
    "an old key": _aged(91),
    "a key growing old": _aged(61),
    "an old key that is inactive": _aged(400, active=False),
}

FAULTS: Mapping[str, AccountFault] = {
    **{name: AccountFault(make, by_calls=True) for name, make in _CALLS.items()},
    **{name: AccountFault(make, by_calls=False) for name, make in _SWITCHES.items()},
}
