"""Frozen, slotted dataclasses that are made, and filled, in less time.

``dataclass(frozen=True, slots=True)`` compiles seven functions for each class, which was a third of importing the gateway,
and fills each field through ``object.__setattr__``. A record is such a dataclass to whoever uses it (`fields`, `replace`,
`asdict`, matching, pickling, repr, equality, hash); only its ``__init__`` is compiled, and it fills the slots themselves.
"""

from __future__ import annotations

from dataclasses import MISSING, FrozenInstanceError, dataclass, field, fields
from operator import attrgetter
from reprlib import recursive_repr
from typing import TYPE_CHECKING, Any, TypeVar, dataclass_transform

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["record"]

T = TypeVar("T")


class _Made:
    """Stands in a signature for a default that is made anew each time."""

    def __repr__(self) -> str:
        return "<factory>"


_MADE = _Made()


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def record(*, kw_only: bool = False) -> Callable[[type[T]], type[T]]:
    """Make a class a frozen, slotted dataclass; *kw_only*: its own fields are given by name."""

    def make(cls: type[T]) -> type[T]:
        made: Any = dataclass(init=False, repr=False, eq=False, slots=True, kw_only=kw_only)(cls)
        compared = tuple(one.name for one in fields(made) if one.compare)
        made._bedrockgw_values = staticmethod(_reader(compared))  # noqa: SLF001 - ours
        made.__init__ = _init(made)
        for shared in (__repr__, __eq__, __hash__, __setattr__, __delattr__, __getstate__, __setstate__):
            setattr(made, shared.__name__, shared)
        found: type[T] = made
        return found

    return make


def _reader(names: tuple[str, ...]) -> Callable[[Any], tuple[Any, ...]]:
    """Return what reads these attributes as a tuple: `attrgetter` makes none of a single one."""
    if len(names) > 1:
        return attrgetter(*names)
    return lambda one: tuple(getattr(one, name) for name in names)


def _init(cls: Any) -> Any:
    """Compile the ``__init__`` of *cls*."""
    known: dict[str, Any] = {"_MADE": _MADE}
    by_place: list[str] = []
    by_name: list[str] = []
    lines: list[str] = []
    for one in fields(cls):
        name, value = one.name, one.name
        known[f"_set_{name}"] = getattr(cls, name).__set__  # of the slot: a field that is set in no other way
        given = name
        if one.default_factory is not MISSING:
            known[f"_make_{name}"] = one.default_factory
            given, value = f"{name}=_MADE", f"_make_{name}() if {name} is _MADE else {name}"
        elif one.default is not MISSING:
            known[f"_default_{name}"] = one.default
            given = f"{name}=_default_{name}"
        (by_name if one.kw_only else by_place).append(given)
        lines.append(f"    _set_{name}(self, {value})")
    given_all = ", ".join(["self", *by_place, *(["*", *by_name] if by_name else [])])
    exec(f"def __init__({given_all}):\n" + ("\n".join(lines) or "    pass"), known)  # noqa: S102 - as dataclasses does
    made = known["__init__"]
    made.__qualname__ = f"{cls.__qualname__}.__init__"
    made.__annotations__ = {one.name: one.type for one in fields(cls)} | {"return": None}
    return made


@recursive_repr()
def __repr__(self: Any) -> str:  # noqa: N807 - these become methods of each record
    shown = ", ".join(f"{one.name}={getattr(self, one.name)!r}" for one in fields(self) if one.repr)
    return f"{type(self).__qualname__}({shown})"


def __eq__(self: Any, other: Any) -> Any:  # noqa: N807
    if other.__class__ is not self.__class__:
        return NotImplemented
    return self._bedrockgw_values(self) == other._bedrockgw_values(other)


def __hash__(self: Any) -> int:  # noqa: N807
    return hash(self._bedrockgw_values(self))


def __setattr__(_self: Any, name: str, _value: Any) -> None:  # noqa: N807
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def __delattr__(_self: Any, name: str) -> None:  # noqa: N807
    raise FrozenInstanceError(f"cannot delete field {name!r}")


def __getstate__(self: Any) -> list[Any]:  # noqa: N807
    return [getattr(self, one.name) for one in fields(self)]


def __setstate__(self: Any, state: list[Any]) -> None:  # noqa: N807
    for one, value in zip(fields(self), state, strict=True):
        object.__setattr__(self, one.name, value)
