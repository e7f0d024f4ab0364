"""What leaves a public method holds no prompt: the frames of our errors are emptied, their locals can be logged.

Error reporters write the local variables of every frame. Ours hold the arguments of the call, so they are cleared on the
way out; ``BEDROCKGW_DEBUG_TRACEBACKS=1`` keeps them. The frames of the caller are the caller's.
"""

from __future__ import annotations

import functools
import os
import traceback
from typing import TYPE_CHECKING, Any, TypeVar, cast

from bedrock_gateway.errors import GatewayError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["sealed", "sealed_async"]

F = TypeVar("F", bound="Callable[..., Any]")
"""The method's own type goes through unchanged: mypy 2.4 loses that of a ParamSpec in `asyncio.gather`."""


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


def sealed(method: F) -> F:
    """Empty the frames of our errors that leave *method*."""

    @functools.wraps(method)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return method(*args, **kwargs)
        except GatewayError as error:
            caught = _emptied(error)
        del args, kwargs  # this frame is one of those that are shown
        raise caught

    return cast("F", call)


def sealed_async(method: F) -> F:
    """Empty the frames of our errors that leave *method*."""

    @functools.wraps(method)
    async def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return await method(*args, **kwargs)
        except GatewayError as error:
            caught = _emptied(error)
        del args, kwargs
        raise caught

    return cast("F", call)
