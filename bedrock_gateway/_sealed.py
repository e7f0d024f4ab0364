"""What leaves a public method holds no prompt: the frames of exceptions are emptied, their locals can be logged.

Error reporters write the local variables of every frame. Ours, and those of the libraries below, hold the arguments of the
call, so they are cleared on the way out; ``BEDROCKGW_DEBUG_TRACEBACKS=1`` keeps them. The frames of the caller, of a rule
of the application too, are the caller's.
"""

from __future__ import annotations

import contextlib
import functools
import os
import traceback
from typing import TYPE_CHECKING, Any, TypeVar, cast

from bedrock_gateway.errors import GatewayError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["OutsideError", "sealed", "sealed_async"]

F = TypeVar("F", bound="Callable[..., Any]")
"""The method's own type goes through unchanged: mypy 2.4 loses that of a ParamSpec in `asyncio.gather`."""


_EMPTIED = frozenset(
    {
        "aioboto3",
        "aiobotocore",
        "aiohttp",
        "asyncio",
        "bedrock_gateway",
        "boto3",
        "botocore",
        "concurrent",
        "contextlib",
        "http",
        "json",
        "socket",
        "ssl",
        "tenacity",
        "urllib3",
    }
)
"""Packages between the caller and the wire."""


def _emptied(error: GatewayError) -> GatewayError:
    """Clear the frames of *error*, and drop those of what caused it: they are another library's, or hold what came."""
    if os.environ.get("BEDROCKGW_DEBUG_TRACEBACKS") == "1":
        return error
    traceback.clear_frames(error.__traceback__)
    error.__context__ = None
    seen = {id(error)}
    cause = error.__cause__
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        cause.__traceback__ = cause.__context__ = None
        cause = cause.__cause__
    return error


class OutsideError(BaseException):
    """Carries what a signal handler of the application raised while we waited, past whoever would take it for a failure.

    A worker's time limit is one: botocore would make a lost connection of it, and that be sent again.
    """

    def __init__(self, error: Exception) -> None:
        super().__init__(type(error).__name__)
        self.error = error


def _without_ours(error: BaseException) -> None:
    """Clear our frames, and those below, of what is no error of ours: a cancellation, an interrupt, a time limit."""
    if os.environ.get("BEDROCKGW_DEBUG_TRACEBACKS") == "1":
        return
    seen: set[int] = set()
    todo: list[BaseException | None] = [error]
    while todo:
        one = todo.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        todo += [one.__cause__, one.__context__]
        for frame, _ in traceback.walk_tb(one.__traceback__):
            if str(frame.f_globals.get("__name__")).partition(".")[0] in _EMPTIED:
                with contextlib.suppress(RuntimeError):  # one that is still running
                    frame.clear()


def sealed(method: F) -> F:
    """Empty the frames of exceptions that leave *method*."""

    @functools.wraps(method)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return method(*args, **kwargs)
        except GatewayError as error:
            caught: Exception = _emptied(error)
        except OutsideError as outside:
            caught = outside.error
            _without_ours(caught)
            caught.__context__ = None
        except BaseException as error:
            del args, kwargs
            _without_ours(error)
            raise
        del args, kwargs  # this frame is one of those that are shown
        raise caught

    return cast("F", call)


def sealed_async(method: F) -> F:
    """Empty the frames of exceptions that leave *method*."""

    @functools.wraps(method)
    async def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return await method(*args, **kwargs)
        except GatewayError as error:
            caught = _emptied(error)
        except BaseException as error:
            del args, kwargs
            _without_ours(error)
            raise
        del args, kwargs
        raise caught

    return cast("F", call)
