"""How large a policy may be where, and the smallest split of one that is too large.

AWS counts IAM's own documents without whitespace, and most of its quotas can be raised: these are the defaults. An
account's own stand in `iam:GetAccountSummary` (`PolicySizeQuota`, `AssumeRolePolicySizeQuota`, …).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from bedrock_gateway.iam.document import Policy, PolicyError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bedrock_gateway.iam.document import Statement

__all__ = ["MANAGED_POLICIES_PER_ROLE", "QUOTAS", "Quota", "advice", "exceeded", "size_of", "split"]

MANAGED_POLICIES_PER_ROLE = 20
"""By default; 25 on request. Source: IAM User Guide, reference_iam-quotas."""

_IAM = "IAM User Guide: reference_iam-quotas"


@dataclass(frozen=True, slots=True)
class Quota:
    """The size that a document of one sort may have."""

    name: str
    """What it is about, for people: ``a managed policy``."""
    limit: int
    source: str
    unit: str = "characters"
    """``characters`` are counted without whitespace; ``bytes`` are those of the JSON as we write it, compact."""
    ceiling: int | None = None
    """Up to which AWS raises it on request; None: not at all, or not documented."""
    together: bool = False
    """Whether it counts all documents of this sort together, so that a split gains nothing."""


QUOTAS: Mapping[str, Quota] = MappingProxyType(
    {
        "managed": Quota("a managed policy", 6_144, _IAM),
        "inline-user": Quota("all inline policies of a user", 2_048, _IAM, together=True),
        "inline-group": Quota("all inline policies of a group", 5_120, _IAM, together=True),
        "inline-role": Quota("all inline policies of a role", 10_240, _IAM, together=True),
        "trust": Quota("a role's trust policy", 2_048, _IAM, ceiling=8_192, together=True),
        "session": Quota(
            "a session policy", 2_048, "AWS STS API Reference: AssumeRole, Policy", unit="bytes", together=True
        ),
        "permission-set": Quota(
            "the inline policy of a permission set",
            10_240,
            "IAM Identity Center User Guide: limits",
            together=True,
        ),
        "bucket": Quota(
            "a bucket policy", 20_480, "Amazon S3 User Guide: add-bucket-policy", unit="bytes", together=True
        ),
        "key": Quota("a key policy", 32_768, "AWS KMS Developer Guide: resource-limits", unit="bytes", together=True),
    }
)
"""By the sort of document."""


def _length(data: object, unit: str) -> int:
    text = json.dumps(data, separators=(",", ":"))
    return len("".join(text.split())) if unit == "characters" else len(text.encode())


def size_of(policy: Policy, quota: Quota) -> int:
    """Return the size of *policy* as *quota* counts it."""
    return _length(policy.dump(), quota.unit)


def exceeded(policy: Policy, quota: Quota) -> str | None:
    """Return what is over, in words, or None where *policy* fits *quota*."""
    size = size_of(policy, quota)
    if size <= quota.limit:
        return None
    raised = f", at most {quota.ceiling:,} on request" if quota.ceiling else ""
    return f"{size:,} {quota.unit} are {size - quota.limit:,} over the {quota.limit:,} of {quota.name}{raised}"


def split(policy: Policy, quota: Quota = QUOTAS["managed"]) -> tuple[Policy, ...]:
    """Return the fewest policies that together say exactly what *policy* says and each fit *quota*.

    Statements stay whole and each stands in one part, a Deny too: attached to one principal the parts are one. Only a
    statement that does not fit alone is divided, by its resources. Fewest is exact unless the search is given up
    (`_SEARCH` steps, far beyond the statements of a role); the first-fit of then is at most 11/9 of the best.

    Raises:
        PolicyError: the quota counts all parts together, or one resource of a statement alone does not fit.
    """
    if size_of(policy, quota) <= quota.limit:
        return (policy,)
    if quota.together:
        raise PolicyError(f"{exceeded(policy, quota)}, and a split gains nothing: they are counted together")
    # Statements are joined by commas, of which there is one fewer than statements.
    room = quota.limit - _length(replace(policy, statements=()).dump(), quota.unit) + 1
    pieces = [piece for statement in policy.statements for piece in _fitting(statement, policy, room, quota)]
    bins = _fewest([_cost(piece, quota) for piece in pieces], room)
    parts = sorted(sorted(one) for one in bins)
    return tuple(replace(policy, statements=tuple(pieces[index] for index in part)) for part in parts)


def advice(policy: Policy) -> list[str]:
    """Return what to know about the size of an identity policy: each quota that it exceeds, and how to split it."""
    found = [text for sort in ("inline-role", "managed") if (text := exceeded(policy, QUOTAS[sort]))]
    if size_of(policy, QUOTAS["managed"]) <= QUOTAS["managed"].limit:
        return found
    try:
        parts = split(policy)
    except PolicyError as error:
        return [*found, str(error)]
    sids = "; ".join(f"{n}: {', '.join(one.sid or '?' for one in part.statements)}" for n, part in enumerate(parts, 1))
    over = f", more than the {MANAGED_POLICIES_PER_ROLE} of a role" if len(parts) > MANAGED_POLICIES_PER_ROLE else ""
    return [*found, f"the fewest managed policies that hold it are {len(parts)}{over}: {sids}"]


def _cost(statement: Statement, quota: Quota) -> int:
    return _length(statement.dump(), quota.unit) + 1


def _fitting(statement: Statement, policy: Policy, room: int, quota: Quota) -> Iterator[Statement]:
    """*statement* itself, or where it is too large, statements that divide its resources."""
    if _cost(statement, quota) <= room:
        yield statement
        return
    taken = {one.sid for one in policy.statements}
    left, number = list(statement.resources), 0
    while left:
        number += 1
        sid = _free(statement.sid, number, taken)
        count = len(left)
        while count and _cost(replace(statement, sid=sid, resources=tuple(left[:count])), quota) > room:
            count -= 1
        if not count:
            raise PolicyError(
                f"statement {statement.sid or 'without Sid'}: it does not fit {quota.name} ({quota.limit:,}"
                f" {quota.unit}) even with a single resource"
            )
        yield replace(statement, sid=sid, resources=tuple(left[:count]))
        left = left[count:]
    if not statement.resources:
        raise PolicyError(f"statement {statement.sid or 'without Sid'} has no resources to divide it by")


def _free(sid: str | None, number: int, taken: set[str | None]) -> str | None:
    """A Sid of its own for a part, since two parts may come to stand in one document."""
    if sid is None:
        return None
    name = f"{sid}Part{number}"
    while name in taken:
        name += "x"
    taken.add(name)
    return name


_SEARCH = 20_000
"""Steps after which the search for a smaller packing is given up."""


def _fewest(costs: Sequence[int], room: int) -> list[list[int]]:
    """Indexes of *costs* in as few bins of size *room* as possible; each cost fits one bin."""
    order = sorted(range(len(costs)), key=lambda index: (-costs[index], index))
    best = _first_fit(order, costs, room)
    for count in range(-(-sum(costs) // room), len(best)):
        found = _packed(order, costs, room, count)
        if found is not None:
            return found
    return best


def _first_fit(order: Sequence[int], costs: Sequence[int], room: int) -> list[list[int]]:
    bins: list[list[int]] = []
    left: list[int] = []
    for index in order:
        spot = next((number for number, space in enumerate(left) if space >= costs[index]), None)
        if spot is None:
            bins.append([index])
            left.append(room - costs[index])
        else:
            bins[spot].append(index)
            left[spot] -= costs[index]
    return bins


def _packed(order: Sequence[int], costs: Sequence[int], room: int, count: int) -> list[list[int]] | None:
    """A packing into *count* bins; None: there is none, or the search was given up."""
    bins: list[list[int]] = [[] for _ in range(count)]
    left = [room] * count
    steps = 0

    def place(position: int) -> bool:
        nonlocal steps
        if position == len(order):
            return True
        index = order[position]
        tried: set[int] = set()
        for number in range(count):
            # Two bins with equal space are the same bin for what is still to come.
            if left[number] < costs[index] or left[number] in tried:
                continue
            tried.add(left[number])
            steps += 1
            if steps > _SEARCH:
                return False
            bins[number].append(index)
            left[number] -= costs[index]
            if place(position + 1):
                return True
            bins[number].pop()
            left[number] += costs[index]
        return False

    return bins if place(0) else None
