"""Taking the last `apply` back, from its snapshot. Logs are never removed, nor is what holds them.

Of a policy the statements that set-up added are taken out, as far as they are still there: what others changed since stays.
The logging configuration comes first: AWS checks an older one while everything that the newer one needed is still there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bedrock_gateway.capabilities.table import MARK
from bedrock_gateway.errors import ConfigError, NotOursError
from bedrock_gateway.setup.logging.merging import (
    added_statements,
    besides,
    is_as_put,
    same,
    statements_of,
    without_statements,
)
from bedrock_gateway.setup.logging.reading import READ
from bedrock_gateway.setup.resource import KEY_POLICY, LOGGING, Change, Resource

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bedrock_gateway._commands import Flow
    from bedrock_gateway.setup.asking import Asking
    from bedrock_gateway.setup.logging.declared import Declared
    from bedrock_gateway.setup.logging.snapshot import Entry, Kept

__all__ = ["UndoPlan", "concerned", "plan_undo"]


@dataclass(frozen=True, slots=True)
class UndoPlan:
    """What taking back the last `apply` does, in order; nothing was changed yet."""

    account: str
    region: str
    at: str
    """When that `apply` began, as ISO 8601 in UTC."""
    changes: tuple[Change, ...]

    @property
    def refused(self) -> tuple[Change, ...]:
        """What somebody else changed since; while there is one, nothing is done."""
        return tuple(one for one in self.changes if one.action == "refuse")

    @property
    def pending(self) -> tuple[Change, ...]:
        """What is put back or removed."""
        return tuple(one for one in self.changes if one.action in {"create", "update", "delete"})

    @property
    def kept(self) -> tuple[str, ...]:
        """What is left, and why; one sentence each."""
        return tuple(f"{one.resource.kind} {one.resource.name}: {one.why}" for one in self.changes if _left(one))

    def raise_for_refusal(self) -> None:
        """Raise where something is refused.

        Raises:
            NotOursError: it is; nothing was changed.
        """
        for one in self.refused:
            raise NotOursError(
                f"{one.resource.name}: {one.why}; nothing was changed", kind=one.resource.kind, name=one.resource.name
            )

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        place = {"account": self.account, "region": self.region, "at": self.at}
        return place | {"changes": [one.to_dict() for one in self.changes], "kept": list(self.kept)}


def _left(one: Change) -> bool:
    return one.action in {"keep", "update"} and bool(one.why)


# -- the plan --------------------------------------------------------------------------------------------------------------


def plan_undo(asking: Asking, declared: Declared, entry: Entry, *, replace: bool) -> Flow[UndoPlan]:
    """Look at everything that *entry* changed, and say what is to be done about it.

    *replace*: put the old logging configuration back even where somebody else put another since.

    Raises:
        ConfigError: it names what set-up does not know.
    """
    changes: list[Change] = []
    if unknown := next((one for one in entry.kept if one.kind not in _BACK), None):
        raise ConfigError(f"the snapshot names a {unknown.kind[:80]!r}: it was not written by this version of us")
    last_made_first = entry.kept[::-1]
    for kept in sorted(last_made_first, key=lambda one: one.kind != LOGGING):
        now: Any = kept.after  # of a boundary, which is not for whoever sets up logging to read
        if kept.kind != "AWS::IAM::ManagedPolicy":
            now = yield from READ[kept.kind](asking, concerned(declared, kept.kind, kept.name, kept.after), kept.name)
        changes.append(_BACK[kept.kind](declared, kept, now, replace))
    return UndoPlan(str(declared.config.account), declared.config.region, entry.at, tuple(changes))


def concerned(declared: Declared, kind: str, name: str, *known: Mapping[str, Any] | None) -> Declared:
    """Return *declared* as far as it is about the resource of the snapshot, whatever gateway.toml names today."""
    return declared.about_role(name, *known) if kind == "AWS::IAM::Role" else declared


def _change(kept: Kept, action: Any, after: Mapping[str, Any] | None, now: Any, why: str = "") -> Change:
    return Change(Resource(kept.kind, kept.name, after or {}), action, now, why)


def _logging_back(declared: Declared, kept: Kept, now: Any, replace: bool) -> Change:
    if same(now, kept.before):
        return _change(kept, "keep", now, now)
    if not is_as_put(now, kept.after) and not replace:
        if now and not _leads_to_ours(declared, kept, now):
            return _change(kept, "keep", now, now, "somebody else put another since, which leads elsewhere: it stays")
        why = "somebody else changed the logging configuration since; --replace puts the older one back all the same"
        return _change(kept, "refuse", kept.before, now, why)
    return _change(kept, "update" if kept.before else "delete", kept.before, now)


def _leads_to_ours(declared: Declared, kept: Kept, now: Mapping[str, Any]) -> bool:
    """Whether logs would be lost by what else is taken back."""
    put = _needed(kept.after) - _needed(kept.before or {})
    return bool(_needed(now) & (put | _needed(declared.destinations)))


def _needed(config: Mapping[str, Any]) -> frozenset[str]:
    """The role and the buckets of a logging configuration."""
    watch = config.get("cloudWatchConfig") or {}
    places = (config.get("s3Config") or {}, watch.get("largeDataDeliveryS3Config") or {})
    names = (watch.get("roleArn"), *(one.get("bucketName") for one in places))
    return frozenset(str(one) for one in names if one)


def _role_back(declared: Declared, kept: Kept, now: Any, _: bool) -> Change:
    if now is None:
        return _change(kept, "keep", None, None)
    if kept.before is None:
        return _made_role_back(declared, kept, now)
    before, after = kept.before, kept.after
    trust = now["AssumeRolePolicyDocument"]
    added = added_statements(before["AssumeRolePolicyDocument"], after["AssumeRolePolicyDocument"])
    less = without_statements(trust, added)
    wanted = {**now, "AssumeRolePolicyDocument": less if statements_of(less) else trust}
    old = {one["PolicyName"]: one for one in before.get("Policies") or ()}
    ours = {one["PolicyName"]: one for one in after.get("Policies") or ()}
    policies = []
    for one in now.get("Policies") or ():
        name = one["PolicyName"]
        changed = name in ours and not same(ours[name], old.get(name)) and same(one, ours[name])
        policies += ([old[name]] if name in old else []) if changed else [one]
    wanted = {**wanted, "Policies": policies}
    return _change(kept, "keep" if same(wanted, {"Policies": [], **now}) else "update", wanted, now)


def _made_role_back(declared: Declared, kept: Kept, now: Any) -> Change:
    tags = {one["Key"]: one["Value"] for one in now.get("Tags") or ()}
    ours = declared.documents.permissions
    others = [
        one["PolicyName"]
        for one in now.get("Policies") or ()
        if one["PolicyName"] != declared.role_policy or besides(one["PolicyDocument"], ours)
    ]
    if tags.get(MARK) != declared.mark:
        return _change(kept, "keep", now, now, f"it does not carry our tag {MARK}={declared.mark}: it is left alone")
    if others or added_statements(kept.after["AssumeRolePolicyDocument"], now["AssumeRolePolicyDocument"]):
        what = f"policies of others ({', '.join(others)})" if others else "a trust that others changed"
        return _change(kept, "keep", now, now, f"it has {what} by now: it is left alone")
    return _change(kept, "delete", None, now)


def _bucket_policy_back(_: Declared, kept: Kept, now: Any, __: bool) -> Change:
    if now is None:
        return _change(kept, "keep", None, None)
    old = kept.before["PolicyDocument"] if kept.before else None
    less = without_statements(now["PolicyDocument"], added_statements(old, kept.after["PolicyDocument"]))
    if same(less, now["PolicyDocument"]):
        return _change(kept, "keep", now, now)
    if not statements_of(less):
        return _change(kept, "delete", None, now)
    return _change(kept, "update", {**now, "PolicyDocument": less}, now)


def _key_policy_back(_: Declared, kept: Kept, now: Any, __: bool) -> Change:
    if now is None or kept.before is None:
        return _change(kept, "keep", now, now)
    added = added_statements(kept.before["PolicyDocument"], kept.after["PolicyDocument"])
    less = {**now, "PolicyDocument": without_statements(now["PolicyDocument"], added)}
    return _change(kept, "keep" if same(less, now) else "update", less, now)


def _group_back(declared: Declared, kept: Kept, now: Any, __: bool) -> Change:
    if now is None:
        return _change(kept, "keep", None, None)
    if kept.before is None:
        command = f"aws logs delete-log-group --log-group-name {kept.name} --region {declared.config.region}"
        return _change(kept, "keep", now, now, f"it holds logs: remove it by hand, `{command}`")
    old, days = kept.before.get("RetentionInDays"), now.get("RetentionInDays")
    if days == old or days != kept.after.get("RetentionInDays"):
        return _change(kept, "keep", now, now, "" if days == old else "somebody else changed its retention since")
    if old is None or old > days:
        return _change(kept, "update", kept.before, now)
    return _change(kept, "keep", now, now, f"its retention stays {days} days: {old} days would delete logs")


def _bucket_back(declared: Declared, kept: Kept, now: Any, _: bool) -> Change:
    if now is None:
        return _change(kept, "keep", None, None)
    if kept.before is None:
        why = f"it holds logs, or what AWS wrote to try it: empty and remove it by hand, `aws s3 rb s3://{kept.name}`"
        return _change(kept, "keep", now, now, why)
    wanted, stays = dict(now), []
    for member, removal in _REMOVALS.items():
        old, ours = kept.before.get(member), kept.after.get(member)
        unseen = member == "BucketEncryption" and not declared.key  # without a key it is not for us to look at
        if ours is None or same(old, ours) or not (unseen or same(now.get(member), ours)):
            continue
        if old is None or unseen:
            stays.append(f"`aws s3api {removal} --bucket {kept.name}`")
        else:
            wanted[member] = old
    why = f"what set-up cannot unset stays set: remove it by hand, {' and '.join(stays)}" if stays else ""
    return _change(kept, "keep" if same(wanted, now) else "update", wanted, now, why)


_REMOVALS: Mapping[str, str] = {
    "OwnershipControls": "delete-bucket-ownership-controls",
    "PublicAccessBlockConfiguration": "delete-public-access-block",
    "BucketEncryption": "delete-bucket-encryption",
}
"""What set-up sets of a bucket, and AWS's command that unsets it: none that set-up may send."""


def _boundary_back(_: Declared, kept: Kept, now: Any, __: bool) -> Change:
    return _change(kept, "keep", now, now, "other roles may be bounded by it: an administrator removes it")


_BACK: Mapping[str, Callable[[Declared, Kept, Any, bool], Change]] = {
    LOGGING: _logging_back,
    "AWS::IAM::Role": _role_back,
    "AWS::S3::BucketPolicy": _bucket_policy_back,
    KEY_POLICY: _key_policy_back,
    "AWS::S3::Bucket": _bucket_back,
    "AWS::Logs::LogGroup": _group_back,
    "AWS::IAM::ManagedPolicy": _boundary_back,
}
