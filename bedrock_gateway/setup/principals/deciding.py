"""From what is to be and what is there to what is to be done: nothing of anybody else's is taken or lost. Pure.

A policy, role or user of ours carries our mark; a group, which IAM can neither tag nor describe, is ours where it is under
our path. What is not ours is refused; ``adopt`` takes it over where it already lets in who is declared, ``replace`` writes
its trust too. Policies that others attached stay in every case.
"""

from __future__ import annotations

import json
from dataclasses import replace as settle
from typing import TYPE_CHECKING, Any

from bedrock_gateway.capabilities.table import MARK
from bedrock_gateway.errors import ConfigError, NotOursError
from bedrock_gateway.iam.document import Policy, PolicyError
from bedrock_gateway.setup.logging.merging import same
from bedrock_gateway.setup.principals.desired import GROUP, INSTANCE, PATH, POLICY, ROLE, USER
from bedrock_gateway.setup.resource import Change

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from bedrock_gateway.iam.document import Statement
    from bedrock_gateway.setup.principals.desired import Wanted
    from bedrock_gateway.setup.principals.live import Live
    from bedrock_gateway.setup.resource import Resource

__all__ = ["changes", "member_changes", "raise_for_loss", "raise_for_rename", "strangers"]

Properties = dict[str, Any]


class _RefusedError(Exception):
    """Somebody else's, or beyond what set-up may do."""


def _tag(properties: Mapping[str, Any]) -> str | None:
    return next((one["Value"] for one in properties.get("Tags") or () if one["Key"] == MARK), None)


def _with_tag(properties: Mapping[str, Any], mark: str) -> list[dict[str, str]]:
    others = [one for one in properties["Tags"] if one["Key"] != MARK]
    return [*others, {"Key": MARK, "Value": mark}]


def _with_policies(before: Mapping[str, Any], one: Resource, wanted: Wanted) -> list[str]:
    """Others' policies stay; of ours, those that are no longer declared go."""
    others = [arn for arn in before["ManagedPolicyArns"] if not arn.startswith(wanted.policy_prefix)]
    return [*others, *one.properties["ManagedPolicyArns"]]


def _bounded(before: Mapping[str, Any], one: Resource, command: str) -> Properties:
    """The boundary as it is, which is that to be or none is asked for.

    Whoever may set boundaries could bound what is another's, so set-up never does it.
    """
    to_be, there = one.properties.get("PermissionsBoundary"), before.get("PermissionsBoundary")
    if to_be and to_be != there:
        name = "role-name" if command == "role" else "user-name"
        raise _RefusedError(
            f"its boundary is {there or 'none'}; an administrator sets it: aws iam put-{command}-permissions-boundary"
            f" --{name} {one.name} --permissions-boundary {to_be}"
        )
    return {"PermissionsBoundary": there} if there else {}


def _policy(before: Properties, one: Resource, _: Wanted, *, adopt: bool, replace: bool) -> Properties:
    if before["Description"] != one.properties["Description"] and not (adopt or replace):
        raise _RefusedError("it is not ours: its description is not that of this principal; --adopt takes it over")
    # IAM never changes a description.
    return {**one.properties, "Description": before["Description"]}


def _role(before: Properties, one: Resource, wanted: Wanted, *, adopt: bool, replace: bool) -> Properties:
    ours = _tag(before) == wanted.mark
    if not ours and not (adopt or replace):
        raise _RefusedError(f"it is not ours: its tag {MARK} is {_tag(before) or 'missing'}; --adopt takes it over")
    trust = one.properties["AssumeRolePolicyDocument"]
    if not ours and not replace and _who(before["AssumeRolePolicyDocument"]) != _who(trust):
        raise _RefusedError("it lets in others than are declared; --replace writes the declared trust over its own")
    made = {"ManagedPolicyArns": _with_policies(before, one, wanted), "Tags": _with_tag(before, wanted.mark)}
    return {**before, "AssumeRolePolicyDocument": trust, **made, **_bounded(before, one, "role")}


def _who(trust: Mapping[str, Any]) -> set[Statement] | None:
    """Whom a trust lets in, whatever its statements are called; None: it cannot be read."""
    try:
        return {settle(one, sid=None) for one in Policy.parse(json.dumps(trust)).statements}
    except PolicyError:
        return None


def _group(before: Properties, one: Resource, wanted: Wanted, *, adopt: bool, replace: bool) -> Properties:
    if before["Path"] != one.properties["Path"] and not (adopt or replace):
        raise _RefusedError(f"it is not ours: its path is {before['Path']}; --adopt takes it over")
    return {**before, "ManagedPolicyArns": _with_policies(before, one, wanted)}


def _instance(before: Properties, one: Resource, _: Wanted, **__: bool) -> Properties:
    """An instance profile holds one role, and cannot be described: it is ours where it holds ours, or none."""
    others = [name for name in before["Roles"] if name not in one.properties["Roles"]]
    if others or before["Path"] != one.properties["Path"]:
        what = f"it holds role {others[0]}" if others else f"its path is {before['Path']}"
        raise _RefusedError(f"it is not ours: {what}; name the principal otherwise")
    return {**before, "Roles": one.properties["Roles"]}


def _user(before: Properties, one: Resource, wanted: Wanted, *, adopt: bool, replace: bool) -> Properties:
    if _tag(before) != wanted.users_mark and not (adopt or replace):
        raise _RefusedError(f"it is not ours: its tag {MARK} is {_tag(before) or 'missing'}; --adopt takes it over")
    made = {"Groups": [wanted.entity], "Tags": _with_tag(before, wanted.users_mark)}
    return {**before, **made, **_bounded(before, one, "user")}


_MERGED: Mapping[str, Callable[..., Properties]] = {
    POLICY: _policy,
    ROLE: _role,
    GROUP: _group,
    INSTANCE: _instance,
    USER: _user,
}


def changes(wanted: Wanted, live: Live, *, adopt: bool = False, replace: bool = False) -> Iterator[Change]:
    """Yield what is to be done about each resource, in the order in which it is done."""
    for one in wanted.resources:
        yield _change(wanted, live, one, adopt=adopt, replace=replace)


def _change(wanted: Wanted, live: Live, one: Resource, *, adopt: bool, replace: bool) -> Change:
    before = live.of(one)
    if before is None:
        return Change(one, "create")
    try:
        after = _MERGED[one.kind](before, one, wanted, adopt=adopt, replace=replace)
    except _RefusedError as refused:
        return Change(one, "refuse", before, f"{one.kind.rpartition('::')[2]} {one.name}: {refused}")
    made = type(one)(one.kind, one.name, after)
    return Change(made, "keep" if same(before, after) else "update", before)


def member_changes(wanted: Wanted, live: Live) -> Iterator[Change]:
    """Yield what is to be done about who is in the group; users that are not there or not ours are refused."""
    for one in (wanted.holder, *wanted.users):
        if live.of(one) is None:
            yield Change(one, "refuse", None, f"{one.name} is not there: a principal with principal-provision makes it")
        elif one.kind == USER:
            yield _change(wanted, live, one, adopt=False, replace=False)


def strangers(wanted: Wanted, live: Live) -> tuple[str, ...]:
    """Return the users in the group that the configuration does not name."""
    declared = {one.name for one in wanted.users}
    return tuple(one for one in live.members if one not in declared)


# -- the way back ----------------------------------------------------------------------------------------------------------


def raise_for_rename(wanted: Wanted, kept: Iterable[Change]) -> None:
    """Raise where what was made is called otherwise now: looked for under the new name, it would seem to be gone.

    Raises:
        ConfigError: it is.
    """
    policies = f"{PATH}{wanted.entity}/"
    for one in kept:
        (kind, name), after = one.resource.key, one.resource.properties
        named = {
            POLICY: after.get("Path") == policies,
            INSTANCE: name == wanted.entity,
            USER: wanted.entity in after.get("Groups", ()),
        }
        if not named.get(kind, one.resource.key == wanted.holder.key):
            raise ConfigError(
                f"{kind.rpartition('::')[2]} {name} is not what principal {wanted.principal!r} is called now: put `kind` and"
                " `name` of its identity back as they were, and undo again; nothing was changed",
                key_path=f"principals.{wanted.principal}.identity",
            )


def raise_for_loss(kept: Iterable[Change], live: Live) -> None:
    """Raise where somebody else has made something under the name since: it is not ours to take back.

    Raises:
        NotOursError: somebody has; nothing was changed.
    """
    for one in kept:
        there, after = live.of(one.resource), one.resource.properties
        if there is None:
            continue
        # What was adopted has its own tag until ours is on it.
        ours = [_known_by(one.resource.kind, one.before)] if one.before else []
        if _known_by(one.resource.kind, there) not in (*ours, _known_by(one.resource.kind, after)):
            kind, name = one.resource.key
            raise NotOursError(
                f"{kind.rpartition('::')[2]} {name}: it is not ours any more: somebody else made it anew, or took our mark"
                " off; nothing was changed",
                kind=kind,
                name=name,
            )


def _known_by(kind: str, properties: Mapping[str, Any]) -> object:
    if kind == POLICY:
        return properties.get("Description")
    return properties.get("Path") if kind in {GROUP, INSTANCE} else _tag(properties)
