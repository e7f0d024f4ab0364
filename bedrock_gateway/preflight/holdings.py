"""Every policy that a role, a user or a group has: both lists at the same time, then all documents."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bedrock_gateway._commands import Send
from bedrock_gateway.iam.document import Policy

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from bedrock_gateway.preflight.flow import Asking, Probe

__all__ = ["Held", "managed_policy", "pages", "policies_of"]


@dataclass(frozen=True, slots=True)
class Held:
    """One policy: inline, by its name, or managed, by its ARN."""

    name: str
    managed: bool
    policy: Policy


def policies_of(probe: Probe, kind: str, name: str) -> Generator[Asking, Any, list[Held]]:
    """Return every policy of the *kind* (``role``, ``user``, ``group``) of that *name*.

    Raises:
        GatewayError: one could not be read.
        PolicyError: one could not be parsed.
    """
    of = kind.capitalize()
    lists = {f"List{of}Policies": "PolicyNames", f"ListAttached{of}Policies": "AttachedPolicies"}
    listed = yield from pages(probe, {f"{of}Name": name}, lists)
    names, attached = listed.values()
    arns = [one["PolicyArn"] for one in attached]
    replies = yield from probe.read_each(
        [Send("iam", f"Get{of}Policy", {f"{of}Name": name, "PolicyName": one}) for one in names]
        + [Send("iam", "GetPolicy", {"PolicyArn": arn}) for arn in arns]
    )
    inline, policies = replies[: len(names)], replies[len(names) :]
    versions = yield from probe.read_each(
        [
            Send("iam", "GetPolicyVersion", {"PolicyArn": arn, "VersionId": one["Policy"]["DefaultVersionId"]})
            for arn, one in zip(arns, policies, strict=True)
        ]
    )
    return [
        *(Held(name, False, Policy.parse(one["PolicyDocument"])) for name, one in zip(names, inline, strict=True)),
        *(
            Held(arn, True, Policy.parse(one["PolicyVersion"]["Document"]))
            for arn, one in zip(arns, versions, strict=True)
        ),
    ]


def pages(
    probe: Probe, whose: Mapping[str, str], members: Mapping[str, str]
) -> Generator[Asking, Any, dict[str, list[Any]]]:
    """Return operation → every entry of its *members*, page by page, all operations at the same time.

    IAM may return less than a page, even nothing, and have more (IAM API Reference, of every list: check ``IsTruncated``).

    Raises:
        GatewayError: a page could not be read.
    """
    found: dict[str, list[Any]] = {operation: [] for operation in members}
    params: dict[str, dict[str, Any]] = {operation: dict(whose) for operation in members}
    while params:
        replies = yield from probe.read_each([Send("iam", operation, given) for operation, given in params.items()])
        for operation, reply in zip(list(params), replies, strict=True):
            found[operation] += reply.get(members[operation], [])
            if reply.get("IsTruncated"):
                params[operation] = {**whose, "Marker": reply["Marker"]}
            else:
                del params[operation]
    return found


def managed_policy(probe: Probe, arn: str) -> Generator[Asking, Any, Policy]:
    """Return the managed policy *arn* in its default version.

    Raises:
        GatewayError: it could not be read.
        PolicyError: it could not be parsed.
    """
    policy = yield from probe.read("iam", "GetPolicy", PolicyArn=arn)
    version = policy["Policy"]["DefaultVersionId"]
    reply = yield from probe.read("iam", "GetPolicyVersion", PolicyArn=arn, VersionId=version)
    return Policy.parse(reply["PolicyVersion"]["Document"])
