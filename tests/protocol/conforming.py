"""Bodies that conform to AWS's service models, as botocore has them, and that a service newer than those may send.

Every member of a union and one that the installed botocore does not know; optional members absent, null or there; further
members; enum values nobody knows; empty lists; blobs; timestamps in each format; integers of any size in documents.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from functools import cache
from typing import Any

from botocore.session import get_session
from hypothesis import strategies as st

TEXT = st.text(st.characters(exclude_categories=()), max_size=12)
"""Any text that JSON can carry, halves of surrogate pairs (as ``\\ud83d``) among it."""
WORDS = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), min_size=1, max_size=12)


def documents(text: st.SearchStrategy[str], bits: int) -> st.SearchStrategy[Any]:
    """JSON with integers of so many bits."""
    numbers = st.one_of(
        st.integers(-(1 << bits) + 1, (1 << bits) - 1), st.floats(allow_nan=False, allow_infinity=False)
    )
    return st.recursive(
        st.one_of(st.none(), st.booleans(), numbers, text),
        lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(text, inner, max_size=2)),
        max_leaves=4,
    )


DOCUMENTS = documents(TEXT, 100)


@dataclass(frozen=True)
class Draws:
    """What may be drawn."""

    unknown: bool = True
    """Also what this botocore does not know, and null."""
    text: st.SearchStrategy[str] = TEXT
    documents: st.SearchStrategy[Any] = DOCUMENTS
    least_bytes: int = 0


ANY = Draws()
KNOWN = Draws(unknown=False)
SENDABLE = Draws(unknown=False, text=WORDS, documents=documents(WORDS, 63), least_bytes=1)
"""What an application could send back."""
UNKNOWN = st.tuples(st.sampled_from(["someFutureMember", "x", "SDK_UNKNOWN_MEMBER"]), DOCUMENTS)
INSTANTS = st.sampled_from(
    [
        "2026-11-26T05:52:16Z",
        "2026-11-26T05:52:16.123456Z",
        "2026-11-26T05:52:16+02:00",
        "Thu, 26 Nov 2026 05:52:16 GMT",
        1795672336,
        1795672336.123,
        "1795672336",
    ]
)
_DEEPEST = 6


@cache
def operation(service: str, name: str) -> Any:
    """The installed botocore's model of an operation."""
    return get_session().get_service_model(service).operation_model(name)


def _text(shape: Any, draws: Draws) -> st.SearchStrategy[Any]:
    if shape.enum:
        return st.sampled_from([*shape.enum, "A_VALUE_OF_TOMORROW"] if draws.unknown else shape.enum)
    if shape.metadata.get("min") or shape.metadata.get("pattern"):
        return st.text("abcABC012-_é", min_size=1, max_size=12)
    return draws.text


_SCALARS = {
    "integer": lambda _: st.integers(0, 1 << 40),
    "long": lambda _: st.integers(0, 1 << 63),
    "float": lambda _: st.floats(allow_nan=False, allow_infinity=False),
    "double": lambda _: st.one_of(st.integers(0, 9), st.floats(allow_nan=False, allow_infinity=False)),
    "boolean": lambda _: st.booleans(),
    "blob": lambda draws: st.binary(min_size=draws.least_bytes, max_size=9).map(
        lambda data: base64.b64encode(data).decode()
    ),
    "timestamp": lambda _: INSTANTS,
}


@st.composite
def conforming(draw: st.DrawFn, shape: Any, draws: Draws = ANY, depth: int = 0) -> Any:
    """Draw a value of *shape*."""
    if getattr(shape, "is_document_type", False):
        return draw(draws.documents)
    if shape.type_name == "structure":
        return draw(_structure(shape, draws, depth))
    if shape.type_name == "list":
        most = 0 if depth >= _DEEPEST else 3
        return draw(st.lists(conforming(shape.member, draws, depth + 1), max_size=most))
    if shape.type_name == "map":
        value = conforming(shape.value, draws, depth + 1)
        return draw(st.dictionaries(draws.text, value, max_size=0 if depth >= _DEEPEST else 2))
    return draw(_text(shape, draws) if shape.type_name == "string" else _SCALARS[shape.type_name](draws))


@st.composite
def _structure(draw: st.DrawFn, shape: Any, draws: Draws, depth: int) -> dict[str, Any]:
    if getattr(shape, "is_tagged_union", False):
        return draw(_union(shape, draws, depth))
    made: dict[str, Any] = {}
    for name, member in shape.members.items():
        if member.serialization.get("location") or member.serialization.get("eventstream"):
            continue
        needed = name in shape.required_members
        kind = "there" if needed else draw(st.sampled_from(["absent", "there", *(["null"] if draws.unknown else [])]))
        if kind == "null":
            made[name] = None
        elif kind == "there" and (needed or depth < _DEEPEST):
            made[name] = draw(conforming(member, draws, depth + 1))
    if draws.unknown and draw(st.integers(0, 4)) == 0:
        name, value = draw(UNKNOWN)
        made[name] = value
    return made


@st.composite
def _union(draw: st.DrawFn, shape: Any, draws: Draws, depth: int) -> dict[str, Any]:
    members = [name for name, one in shape.members.items() if depth < _DEEPEST or one.type_name == "string"]
    kind = draw(st.sampled_from([*(members or shape.members), *(["a member of tomorrow"] if draws.unknown else [])]))
    if kind not in shape.members:
        return dict([draw(UNKNOWN)])
    return {kind: draw(conforming(shape.members[kind], draws, depth + 1))}


def reply(service: str, name: str, draws: Draws = ANY) -> st.SearchStrategy[dict[str, Any]]:
    """The body of an operation's answer."""
    return conforming(operation(service, name).output_shape, draws)
