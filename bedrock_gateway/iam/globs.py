"""IAM's wildcard patterns as sets of strings: do two have one in common, and what is one that they hold.

`*` is any run of characters, `?` any one. ARNs are compared part by part, because that is what their authors mean;
how IAM itself matches a request against a pattern is in `conditions.matches`.
"""

from __future__ import annotations

import re
from collections import deque
from functools import lru_cache
from typing import TYPE_CHECKING

from bedrock_gateway.iam.conditions import matches

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["ARN_PARTS", "arn_parts", "concrete", "covers", "is_wild", "overlap", "overlap_arn", "witness"]

ARN_PARTS = 6
_TOO_LONG = 4_000_000
_ANY_PART = re.compile(r"[*]+")
_WILD = re.compile(r"[*?]|\$\{")
_VARIABLE = re.compile(r"\$\{([^}]*)\}")


def is_wild(pattern: str) -> bool:
    """Whether *pattern* can match more than one string; an escaped ``${*}`` is a literal."""
    if "*" not in pattern and "?" not in pattern:
        return False
    return re.search(r"[*?]", _VARIABLE.sub("", pattern)) is not None


@lru_cache(maxsize=16384)
def overlap(one: str, other: str) -> bool:
    """Whether some string matches both patterns. Of two that are too long to compare it says yes."""
    if not is_wild(one) or not is_wild(other):
        return matches(one, other) if is_wild(one) else matches(other, one)
    if len(one) * len(other) > _TOO_LONG:
        return True
    # Row by row over *one*: which prefixes of *other* can be matched by the prefix of *one* read so far.
    reach = [True] + [False] * len(other)
    for at, char in enumerate(other):
        reach[at + 1] = reach[at] and char == "*"
    for char in one:
        row = [reach[0] and char == "*"]
        for at, their in enumerate(other):
            if char == "*" or their == "*":
                row.append(row[at] or reach[at + 1])
            else:
                row.append(reach[at] and (char == their or "?" in {char, their}))
        reach = row
    return reach[-1]


@lru_cache(maxsize=16384)
def covers(wide: str, narrow: str) -> bool:
    """Whether everything that *narrow* matches, *wide* matches too. May say no where it is so, never the other way."""
    if wide in {narrow, "*"} or not is_wild(wide):
        return wide in {narrow, "*"}
    if not narrow.startswith(_WILD.split(wide, maxsplit=1)[0]):
        return False
    # Characters that no policy holds stand for whatever *narrow*'s wildcards match: only a wildcard of *wide* can.
    shown = narrow.replace("?", "\ue011")
    return matches(wide, shown.replace("*", "\ue010\ue010")) and matches(wide, shown.replace("*", ""))


def arn_parts(pattern: str) -> tuple[str, ...] | None:
    """The six parts of an ARN pattern, those that are lacking as ``*``; None where it is not one."""
    if pattern == "*":
        return ("*",) * ARN_PARTS
    parts = pattern.split(":", ARN_PARTS - 1)
    if parts[0] != "arn":
        return None
    return (*parts, *["*"] * (ARN_PARTS - len(parts)))


def overlap_arn(one: str, other: str) -> bool:
    """Whether some ARN matches both patterns, part by part."""
    mine, theirs = arn_parts(one), arn_parts(other)
    return bool(mine and theirs and all(overlap(a, b) for a, b in zip(mine, theirs, strict=True)))


def concrete(pattern: str, filler: str = "any") -> str:
    """A string that *pattern* matches: each run of stars as *filler*, each ``?`` as ``x``, each variable as its name."""
    literal = _VARIABLE.sub(lambda found: found[1] if found[1] in {"*", "?", "$"} else found[1].split(":")[-1], pattern)
    return _ANY_PART.sub(filler, literal).replace("?", "x")


def witness(one: str, other: str) -> str | None:
    """A shortest string that both patterns match; None where there is none."""
    queue, seen = deque([(0, 0, "")]), {(0, 0)}
    while queue:
        at, their, made = queue.popleft()
        if at == len(one) and their == len(other):
            return made
        for step in _steps(one, at, other, their):
            if step[:2] not in seen:
                seen.add(step[:2])
                queue.append((step[0], step[1], made + step[2]))
    return None


def _steps(one: str, at: int, other: str, their: int) -> Iterator[tuple[int, int, str]]:
    """Places that can be reached from one place in each pattern, with the character that is passed."""
    mine, yours = one[at : at + 1], other[their : their + 1]
    if mine == "*":
        yield at + 1, their, ""
    if yours == "*":
        yield at, their + 1, ""
    if not mine or not yours or mine == yours == "*":
        return
    if mine == yours or "*" in {mine, yours} or "?" in {mine, yours}:
        literal = next((char for char in (mine, yours) if char not in "*?"), "x")
        yield at + (mine != "*"), their + (yours != "*"), literal
