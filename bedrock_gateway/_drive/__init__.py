"""Drivers: step a flow, and do what it asks for. All blocking and all awaiting is here and in what this imports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from bedrock_gateway._drive.sync import Perform

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from bedrock_gateway._commands import Flow
    from bedrock_gateway._drive.aio import AsyncPerform

__all__ = ["AsyncPerform", "Perform", "arun", "run"]

T = TypeVar("T")


def run(flow: Flow[T], perform: Callable[[Any], Any]) -> T:
    """Step *flow* to its end: *perform* does each command, what it raises is thrown into the flow."""
    step, value = flow.send, None
    try:
        while True:
            try:
                command = step(value)
            except StopIteration as stop:
                result: T = stop.value
                return result
            try:
                step, value = flow.send, perform(command)
            except BaseException as error:  # noqa: BLE001 - the flow decides: retry, translate, report and re-raise
                step, value = flow.throw, error
    finally:
        flow.close()


async def arun(flow: Flow[T], perform: Callable[[Any], Awaitable[Any]]) -> T:
    """Step *flow* as `run` does, awaiting *perform*."""
    step, value = flow.send, None
    try:
        while True:
            try:
                command = step(value)
            except StopIteration as stop:
                result: T = stop.value
                return result
            try:
                step, value = flow.send, await perform(command)
            except BaseException as error:  # noqa: BLE001 - as in `run`; cancellation passes through the flow's report
                step, value = flow.throw, error
    finally:
        flow.close()


def __getattr__(name: str) -> Any:
    """Import the async driver when it is asked for: asyncio is a quarter of what a sync program would import."""
    if name == "AsyncPerform":
        from bedrock_gateway._drive.aio import AsyncPerform

        return AsyncPerform
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
