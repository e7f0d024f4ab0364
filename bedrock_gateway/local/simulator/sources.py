"""Which policies a simulation is over: those of a principal, and those that are given as text.

They are read out of the account's IAM at each call, under the names that AWS gives them in its answers: a managed policy
under its own, an inline one under ``role_NAME_POLICY``, a given one under ``PolicyInputList.1``.
Sources: IAM API Reference, SimulatePrincipalPolicy (PolicyExclusionList); answers of AWS seen in public repositories.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bedrock_gateway.iam.document import Policy, PolicyError
from bedrock_gateway.local.call import Fault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from bedrock_gateway.local.principals import Directory

__all__ = ["BOUNDARY", "Source", "Subject", "boundary_of", "excluding", "given", "policies_of", "subject_of"]

_ENTITY = re.compile(
    r"arn:(?P<partition>[^:]+):iam::(?P<account>\d{12}):(?P<kind>user|group|role)/(?:.*/)?(?P<name>[^/]+)"
)
_AWS_OWN = ":iam::aws:policy/"
_POLICY_ARN = re.compile(r"arn:[^:*?]+:iam::(?:aws|\d{12}):policy/.+")
_MOST_WILDCARDS = 1
BOUNDARY = "permission-boundary"


@dataclass(frozen=True, slots=True)
class Subject:
    """A user, group or role, by its ARN."""

    arn: str
    account: str
    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class Source:
    """One policy of a simulation."""

    name: str
    """``SourcePolicyId``."""
    text: str
    policy: Policy
    kind: str = "given"
    """``inline``, ``aws-managed``, ``user-managed``, ``permission-boundary`` or ``given``."""
    arn: str = ""
    """Of a managed policy."""
    inline: tuple[str, str, str] = ("", "", "")
    """Of an inline policy: its name, and kind and name of whose it is."""


def _invalid(text: str) -> Fault:
    return Fault("InvalidInput", text, 400)


def subject_of(arn: str) -> Subject:
    """Return whom *arn* names.

    Raises:
        Fault: ``InvalidInput`` where it is a session, a service, root or nothing of IAM.
    """
    found = _ENTITY.fullmatch(arn)
    if found is None:
        raise _invalid(f"Invalid Entity Arn: {arn} does not clearly define entity type and name.")
    return Subject(arn, found["account"], found["kind"], found["name"])


def _entity(directory: Directory, subject: Subject) -> Any:
    held = {"user": directory.iam.users, "group": directory.iam.groups, "role": directory.iam.roles}[subject.kind]
    found = next((one for one in held.values() if one.arn == subject.arn), None)
    if found is None:
        text = f"The {subject.kind} with name {subject.name} cannot be found."
        raise Fault("NoSuchEntity", text, 404)
    return found


def given(texts: Iterable[str], name: str) -> list[Source]:
    """Return policies that came with the request as *name*.

    Raises:
        Fault: ``InvalidInput`` where IAM would not accept one.
    """
    return [_read(text, f"{name}.{number}") for number, text in enumerate(texts, 1)]


def _read(text: str, name: str, **more: Any) -> Source:
    try:
        return Source(name, text, Policy.parse(text), **more)
    except PolicyError as error:
        raise _invalid(f"Invalid policy {name}: {error}") from None


def policies_of(directory: Directory, subject: Subject) -> list[Source]:
    """Return the inline and managed policies of *subject*, and for a user those of its groups.

    Raises:
        Fault: ``NoSuchEntity``.
    """
    owners = [(subject.kind, subject.name, _entity(directory, subject))]
    if subject.kind == "user":
        owners += [("group", group.name, group) for group in directory.iam.get_groups_for_user(subject.name)]
    return [source for kind, name, owner in owners for source in _of_owner(kind, name, owner)]


def _of_owner(kind: str, name: str, owner: Any) -> list[Source]:
    inline = [
        _read(document, f"{kind}_{name}_{policy}", kind="inline", inline=(policy, kind, name))
        for policy, document in owner.policies.items()
    ]
    return [*inline, *(_managed(policy) for policy in owner.managed_policies.values())]


def _managed(policy: Any, kind: str | None = None) -> Source:
    own = "aws-managed" if _AWS_OWN in policy.arn else "user-managed"
    document = next(one.document for one in policy.versions if one.version_id == policy.default_version_id)
    return _read(document, policy.name, kind=kind or own, arn=policy.arn)


def boundary_of(directory: Directory, subject: Subject) -> list[Source]:
    """Return the permissions boundary of *subject*, if it has one."""
    if subject.kind == "group":
        return []
    known = directory.entity(subject.kind, subject.name)
    policy = directory.iam.managed_policies.get(known.boundary) if known and known.boundary else None
    return [_managed(policy, BOUNDARY)] if policy else []


def _glob(text: str) -> re.Pattern[str]:
    if text.count("*") > _MOST_WILDCARDS:
        raise _invalid(f"Invalid policy identifier: {text} has more than one *.")
    return re.compile("".join({"*": ".*", "?": "."}.get(char, re.escape(char)) for char in text))


def _test(identifier: Mapping[str, Any]) -> Callable[[Source], bool]:
    """Return what one identifier of the exclusion list names."""
    arn, inline, kind = (identifier.get(name) for name in ("PolicyArn", "InlinePolicyIdentifier", "PolicyType"))
    if arn is not None:
        if not _POLICY_ARN.fullmatch(arn):
            raise _invalid(f"Invalid policy identifier: {arn} is not the ARN of a managed policy.")
        by_arn = _glob(arn)
        return lambda source: source.kind != BOUNDARY and bool(by_arn.fullmatch(source.arn))
    if inline is not None:
        by_name, wanted = _glob(inline["AttachmentName"]), (inline["PolicyName"], inline["AttachmentType"])
        return lambda source: source.inline[:2] == wanted and bool(by_name.fullmatch(source.inline[2]))
    return lambda source: source.kind == kind


def excluding(sources: Sequence[Source], identifiers: Sequence[Mapping[str, Any]]) -> list[Source]:
    """Return *sources* without those that ``PolicyExclusionList`` names.

    Raises:
        Fault: ``InvalidInput`` where an identifier is none.
    """
    tests = [_test(one) for one in identifiers]
    return [source for source in sources if not any(test(source) for test in tests)]
