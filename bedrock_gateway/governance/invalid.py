"""What botocore finds wrong with a request, without what it quotes of it.

Its report holds values, and keys that can be content. Kept are places that are there in the request and named as AWS names
members, and the members that AWS has there. What stands behind a quoted value is not read: it could be part of the value.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = ["faults"]

_MOST = 3
_PLACE = r"(?P<place>[A-Za-z]+(?:\[\d+\]|\.[A-Za-z]+)*)"
# Members whose keys are the caller's: what is said of a place ends there.
_OF_THE_CALLER = re.compile(
    r"\b(additionalModelRequestFields|filterValues|metadata|promptVariables|requestMetadata|tags)\..*"
)
_NAMES = r"(?P<names>[a-z][A-Za-z0-9]*(?:, [a-z][A-Za-z0-9]*)*)"

# Members of other APIs that a request is written in by mistake: words, and no content.
_FOREIGN = frozenset(
    {"type", "function", "image_url", "input_schema", "tool_calls", "tool_call_id", "tool_use_id", "cache_control"}
)


def _unknown(place: str, found: re.Match[str], _: Any) -> str:
    key = found["key"]
    what = f'"{key}", which AWS does not know there' if key in _FOREIGN else "a member that AWS does not know there"
    return f"{place} holds {what}; it has {found['names']}"


def _type(place: str, _: re.Match[str], value: Any) -> str:
    return f"{place} cannot be of the type {type(value).__name__}"


def _other(place: str, *_: Any) -> str:
    return f"{place} is too small or too short"


# What a line of the report is → the sentence, and whether a value stands in it.
_LINES: tuple[tuple[re.Pattern[str], Callable[[str, re.Match[str], Any], str], bool], ...] = (
    (re.compile(rf'Unknown parameter in {_PLACE}: "(?P<key>[A-Za-z_]{{1,40}})", must be one of: {_NAMES}'), _unknown, False),
    (
        re.compile(rf'Missing required parameter in {_PLACE}: "(?P<key>[A-Za-z]{{1,60}})"'),
        lambda place, found, _: f"{place} lacks {found['key']}",
        False,
    ),
    (
        re.compile(rf"Invalid number of parameters set for tagged union structure {_PLACE}\. .*: {_NAMES}\."),
        lambda place, found, _: f"{place} has one member alone, of {found['names']}",
        False,
    ),
    (
        re.compile(rf"Must set one of the following keys for tagged union ?structure {_PLACE}: {_NAMES}\."),
        lambda place, found, _: f"{place} is empty: it has one of {found['names']}",
        False,
    ),
    (re.compile(rf"Invalid type for (?:document )?parameter {_PLACE}, value: .*"), _type, True),
    (re.compile(rf"Invalid (?:value|length) for parameter {_PLACE}, value: .*"), _other, True),
)  # fmt: skip


def faults(report: str, params: Mapping[str, Any]) -> list[str]:
    """Return the first few things that *report* says of *params*, one a sentence; none where it cannot be told."""
    return list(dict(_faults(report, params)).values())[:_MOST]


def _faults(report: str, params: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Place → what is wrong there; of several things, the last says most."""
    for line in report.splitlines()[1:]:
        matched = next(((found, say, quoted) for one, say, quoted in _LINES if (found := one.fullmatch(line))), None)
        if matched is None:
            return
        found, say, quoted = matched
        place = _OF_THE_CALLER.sub(r"\1", found["place"])
        there, value = _at(params, place)
        if there:
            yield place, say(place, found, value)
        if quoted:
            return


_STEP = re.compile(r"\[(\d+)\]|([A-Za-z]+)")
# As AWS names its members; other keys can be content.
_MEMBER = re.compile(r"[a-z][a-zA-Z0-9]*")


def _at(params: Any, place: str) -> tuple[bool, Any]:
    """Whether *place* is there in the request, and what is there."""
    if place == "input":
        return True, params
    value = params
    for index, name in _STEP.findall(place):
        if index and isinstance(value, (list, tuple)) and int(index) < len(value):
            value = value[int(index)]
        elif name and isinstance(value, dict) and name in value and _MEMBER.fullmatch(name):
            value = value[name]
        else:
            return False, None
    return True, value
