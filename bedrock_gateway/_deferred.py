"""A member of a result that is made when somebody first looks at it.

What AWS sent in a stream is kept as bytes until then: as objects it is four times as large, and Python's collector looks at
each of them again and again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["deferrable", "deferred"]


class _Deferred:
    """Stands for a value."""

    __slots__ = ("make",)

    def __init__(self, make: Callable[[], Any]) -> None:
        self.make = make


def deferred(make: Callable[[], Any]) -> Any:
    """Return what stands, in a member that is `deferrable`, for what *make* returns."""
    return _Deferred(make)


class _Member:
    """A slot in which something deferred can lie. Two threads that look at once may make the value twice; one is kept."""

    def __init__(self, slot: Any) -> None:
        self._slot = slot

    def __get__(self, holder: Any, owner: type | None = None) -> Any:
        value = self._slot.__get__(holder, owner)
        if isinstance(value, _Deferred):
            value = value.make()
            self._slot.__set__(holder, value)
        return value

    def __set__(self, holder: Any, value: Any) -> None:
        self._slot.__set__(holder, value)


def deferrable(holder: type, name: str) -> None:
    """Let slot *name* of the class *holder* take what is `deferred`."""
    setattr(holder, name, _Member(holder.__dict__[name]))
