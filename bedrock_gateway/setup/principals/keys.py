"""A long-lived access key of one user: made only where it has none, shown once, and in nothing that is logged or kept."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bedrock_gateway import _flow
from bedrock_gateway._commands import Send
from bedrock_gateway.capabilities.table import MARK
from bedrock_gateway.errors import ConfigError, NotOursError
from bedrock_gateway.setup.asking import Asking

if TYPE_CHECKING:
    from bedrock_gateway._commands import Flow

__all__ = ["CAPABILITY", "AccessKey", "making_a_key"]

CAPABILITY = "access-keys"


@dataclass(frozen=True, slots=True)
class AccessKey:
    """A new access key; its secret is in no repr, and AWS shows it this once."""

    user: str
    id: str
    secret: str = field(repr=False)


def making_a_key(gateway: Any, name: str, user: str) -> Flow[AccessKey]:
    """Make a key of *user*, a member of principal *name*'s group."""
    config = gateway.config
    name = config.principal_name(name)
    identity = config.principals[name].identity
    members = identity.members(name) if identity else ()
    if user not in members:
        raise ConfigError(
            f"{user!r} is no user of principal {name!r}: {', '.join(members) or 'it has none; roles have no access keys'}",
            key_path=f"principals.{name}.identity",
        )
    if CAPABILITY not in config.principals[gateway.principal].capabilities:
        raise ConfigError(
            f"principal {gateway.principal!r} lacks {CAPABILITY}",
            key_path=f"principals.{gateway.principal}.capabilities",
        )
    asking = Asking(config, gateway._context, CAPABILITY)  # noqa: SLF001 - one package
    yield from asking.caller()
    found = yield from asking.ask("iam", "GetUser", UserName=user)
    if not any(one["Key"] == MARK and one["Value"] == config.application for one in found["User"].get("Tags") or ()):
        raise NotOursError(f"user {user} does not carry our tag: no key was made", kind="AWS::IAM::User", name=user)
    bound = (found["User"].get("PermissionsBoundary") or {}).get("PermissionsBoundaryArn")
    capped = f"arn:{config.partition}:iam::{config.account}:policy/{identity.boundary}" if identity else None
    if identity and identity.boundary is not False and bound != capped:
        raise NotOursError(
            f"user {user} is not under the boundary {capped}: no key was made", kind="AWS::IAM::User", name=user
        )
    listed = yield from asking.ask("iam", "ListAccessKeys", UserName=user)
    if existing := [str(one["AccessKeyId"]) for one in listed["AccessKeyMetadata"]]:
        raise NotOursError(
            f"user {user} has an access key already, {existing[0]}: no second one was made; to make another one, delete it "
            f"first: aws iam delete-access-key --user-name {user} --access-key-id {existing[0]}",
            kind="AWS::IAM::AccessKey",
            name=existing[0],
        )
    made = yield from _created(gateway, user)
    return AccessKey(user, str(made["AccessKeyId"]), str(made["SecretAccessKey"]))


def _created(gateway: Any, user: str) -> Flow[dict[str, Any]]:
    """Ask once: after an answer that was lost there may be a key, whose secret nobody has."""
    config = gateway.config
    place = {"region": config.region, "account": config.account, "capability": CAPABILITY}
    send = Send("iam", "CreateAccessKey", {"UserName": user}, "billed", **place)
    context = gateway._context  # noqa: SLF001 - one package
    return (
        yield from _flow.call(
            "CreateAccessKey", lambda: send, context, lambda reply, _: dict(reply["AccessKey"]), capability=CAPABILITY
        )
    )
