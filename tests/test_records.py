"""A record is a frozen, slotted dataclass, for everyone who uses it."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
from dataclasses import dataclass, field
from typing import Any

import pytest

from bedrock_gateway import _commands, events, results
from bedrock_gateway._records import record


def classes(make):
    @make()
    class Base:
        """A base."""

        name: str
        count: int = 3
        hidden: Any = field(default=None, repr=False)

    @make(kw_only=True)
    class Derived(Base):
        """Adds to it."""

        parts: list[int] = field(default_factory=list)
        loose: int = field(default=0, compare=False)

    @make()
    class Single:
        """One field alone."""

        value: Any

    @make()
    class Empty:
        """None at all."""

    return Base, Derived, Single, Empty


OURS = classes(record)
THEIRS = classes(lambda **options: dataclass(frozen=True, slots=True, **options))
ARGUMENTS = [
    (("a",), {}),
    (("a", 4), {"hidden": "secret"}),
    (("a",), {"parts": [1], "loose": 9}),
    (("a", 4, "secret"), {"parts": [], "loose": 1}),
    ((1,), {}),
    ((), {}),
    ((), {"name": "a"}),
    (("a", 1, 2, 3), {}),
    ((), {"unknown": 1}),
]
PAIRS = list(zip(OURS, THEIRS, strict=True))


def outcome(act):
    """What *act* returns, or the error that it raises: its class and what it says."""
    try:
        return act()
    except Exception as error:  # noqa: BLE001 - whichever it is, both must raise it
        return type(error), str(error)


@pytest.mark.parametrize(("ours", "theirs"), PAIRS, ids=lambda one: one.__name__)
@pytest.mark.parametrize(("args", "options"), ARGUMENTS)
def test_it_is_made_shown_and_taken_apart_alike(ours, theirs, args, options):
    made = [outcome(lambda kind=kind: kind(*args, **options)) for kind in (ours, theirs)]
    if isinstance(made[1], tuple):
        assert made[0] == made[1]
        return
    mine, other = made
    assert repr(mine) == repr(other)
    assert dataclasses.asdict(mine) == dataclasses.asdict(other)
    assert dataclasses.astuple(mine) == dataclasses.astuple(other)
    assert outcome(lambda: hash(mine)) == outcome(lambda: hash(other))
    assert mine == copy.copy(mine) == copy.deepcopy(mine) == ours(*args, **options)
    assert mine != other
    for name in (one.name for one in dataclasses.fields(ours)):
        assert outcome(lambda name=name: setattr(mine, name, 1)) == outcome(lambda name=name: setattr(other, name, 1))
        assert outcome(lambda name=name: delattr(mine, name)) == outcome(lambda name=name: delattr(other, name))
    with pytest.raises(dataclasses.FrozenInstanceError):
        mine.unknown = 1
    assert not hasattr(mine, "__dict__")


@pytest.mark.parametrize(("ours", "theirs"), PAIRS, ids=lambda one: one.__name__)
def test_it_has_the_same_signature_and_fields(ours, theirs):
    assert str(inspect.signature(ours)) == str(inspect.signature(theirs))
    assert ours.__match_args__ == theirs.__match_args__
    assert ours.__slots__ == theirs.__slots__
    assert [repr(one) for one in dataclasses.fields(ours)] == [repr(one) for one in dataclasses.fields(theirs)]


def test_what_is_not_compared_neither_tells_apart_nor_counts_in_the_hash():
    _, derived, single, _ = OURS
    assert derived("a", loose=1) == derived("a", loose=2)
    assert derived("a", parts=[1]) != derived("a", parts=[2])
    assert hash(single(1)) == hash(single(1))
    assert single(1) != single(2)


def test_a_default_that_is_made_is_made_anew():
    derived = OURS[1]
    assert derived("a").parts is not derived("a").parts
    given: list[int] = []
    assert derived("a", parts=given).parts is given


def test_a_part_is_exchanged_by_replace():
    derived = OURS[1]
    assert dataclasses.replace(derived("a", 4, parts=[1]), count=5) == derived("a", 5, parts=[1])


def test_one_that_holds_itself_can_be_shown():
    single, held = OURS[2], []
    held.append(single(held))
    assert "..." in repr(held)


EVERY = [
    one for module in (_commands, events, results) for one in vars(module).values() if dataclasses.is_dataclass(one)
]


@pytest.mark.parametrize("kind", EVERY, ids=lambda one: one.__name__)
def test_every_one_is_frozen_slotted_and_survives_pickling(kind):
    needed = inspect.signature(kind).parameters.values()
    made = kind(**{one.name: one.name for one in needed if one.default is one.empty})
    assert pickle.loads(pickle.dumps(made)) == made == copy.deepcopy(made)
    assert not hasattr(made, "__dict__")
    with pytest.raises(dataclasses.FrozenInstanceError):
        made.anything = 1
