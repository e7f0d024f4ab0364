"""What steps a streaming flow: `Stream` and `AsyncStream`."""

from __future__ import annotations

import contextlib
import os
import threading
from collections import deque
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from bedrock_gateway._commands import Deliver, Send
from bedrock_gateway._sealed import sealed, sealed_async
from bedrock_gateway.errors import ConfigError, GatewayError, StreamInterruptedError
from bedrock_gateway.results import ChunkReceived, TextDelta

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from bedrock_gateway.results import StreamEvent

__all__ = ["AsyncStream", "Stream"]

R = TypeVar("R")
_NOT_ENTERED = "a stream is a context manager: `with`, or `async with` of an AsyncGateway, `gateway.converse_stream(...) as stream`"
_SPOKEN = (TextDelta, ChunkReceived)


class _Stepper(Generic[R]):
    """What both have: the flow, its last command, the events not yet taken, the open body.

    The lock is held for steps, never for a wait. It is re-entrant: the collector may run `close` inside of a step.
    """

    def __init__(self, operation: str, start: Callable[[], Any], perform: Callable[[Any], Any]) -> None:
        self._operation = operation
        self._start = start
        self._perform = perform
        self._lock = threading.RLock()
        self._flow: Any = None
        self._step: Callable[[Any], Any] | None = None
        self._value: Any = None
        self._events: deque[StreamEvent] = deque()
        self._body: Any = None
        self._pid = 0
        self._over = False
        self._result: R | None = None
        self._error: BaseException | None = None

    def __repr__(self) -> str:
        state = "over" if self._over else "open" if self._flow is not None else "not entered"
        return f"{type(self).__name__}({self._operation}, {state})"

    def _begin(self) -> None:
        if self._flow is not None:
            raise ConfigError("a stream can be entered once; make another one")
        self._pid = os.getpid()
        self._flow = self._start()
        self._step = self._flow.send

    def _next_command(self) -> Any:
        """Return the next command that is not a delivery; None: the flow has ended or has delivered."""
        with self._lock:
            if self._over:
                return None
            if self._step is None:
                raise ConfigError(_NOT_ENTERED)
            if self._pid != os.getpid():
                raise ConfigError("this stream was opened before a fork: its connection is the parent's; open another")
            try:
                command = self._step(self._value)
            except StopIteration as stop:
                self._result = stop.value
                self._release()
                return None
            except BaseException as error:
                self._error = error if isinstance(error, GatewayError) else None
                self._release()
                raise
            if isinstance(command, Deliver):
                self._events.extend(command.events)
                self._step, self._value = self._flow.send, None
                return None
            return command

    def _happened(self, command: Any, value: Any) -> None:
        with self._lock:
            if isinstance(command, Send) and command.stream is not None:
                self._close_body()
                self._body = value.get(command.stream)
            self._step, self._value = self._flow.send, value
            if self._over:
                self._close_body()

    def _failed(self, error: BaseException) -> None:
        self._step, self._value = self._flow.throw, error

    def _close_body(self) -> None:
        body, self._body = self._body, None
        if body is not None:
            body.close()

    def _release(self) -> None:
        self._over = True
        self._close_body()

    def _leave(self) -> None:
        """Report and release; needs neither a wait nor a loop."""
        with self._lock:
            if self._flow is not None and not self._over:
                self._over = True
                self._flow.close()
            self._close_body()

    def _whole(self) -> R:
        """Return the result of a stream that was read to its end.

        Raises:
            StreamInterruptedError: it was left before.
        """
        if self._error is not None:
            raise self._error
        if self._result is None:
            raise StreamInterruptedError(
                f"{self._operation}: the stream was closed before its end; there is no result",
                operation=self._operation,
                reason="closed",
            )
        return self._result

    def __del__(self) -> None:
        # Whoever forgot to close it: the connection is released, the call reported as abandoned.
        with contextlib.suppress(Exception):
            if self._pid == os.getpid():
                self._leave()


class Stream(_Stepper[R]):
    """A streamed answer. Iterate it for typed events, or `text_stream` for text; `result` is the whole.

    Nothing is checked or sent before it is entered. Leaving it early closes the connection; what was generated until
    then is billed by AWS. It belongs to one thread at a time, except `close`.
    """

    @sealed
    def __enter__(self) -> Self:
        self._begin()
        self._advance()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[StreamEvent]:
        return self

    def __next__(self) -> StreamEvent:
        """Return the next event, as one of `bedrock_gateway.results`.

        Raises:
            StreamInterruptedError: the stream ended before its terminal event; ``partial`` is what had arrived.
            ServiceError: AWS reported an error before the first event.
        """
        if self._events or self._more():
            return self._events.popleft()
        raise StopIteration

    @sealed
    def _more(self) -> bool:
        """Read until there are events to take; False: there will be none."""
        while not self._events and not self._over:
            self._advance()
        if not self._events and self._error is not None:
            raise self._error
        return bool(self._events)

    def _advance(self) -> None:
        while (command := self._next_command()) is not None:
            try:
                value = self._perform(command)
            except BaseException as error:  # noqa: BLE001 - the flow decides, as in `_drive.run`
                self._failed(error)
            else:
                self._happened(command, value)

    @property
    def text_stream(self) -> Iterator[str]:
        """The text, as it comes; pieces may be empty in `results.TextDelta`, never here."""
        return self._texts()

    def _texts(self) -> Iterator[str]:
        events = self._events
        while events or self._more():
            one = events.popleft()
            if isinstance(one, _SPOKEN) and one.text:
                yield one.text

    def result(self) -> R:
        """Read to the end and return the whole.

        Raises:
            StreamInterruptedError: the stream ended, or was left, before its terminal event.
        """
        while self._events or self._more():
            self._events.clear()
        return self._whole()

    def close(self) -> None:
        """Leave; from any thread. A read that another thread waits in is ended."""
        self._leave()


class AsyncStream(_Stepper[R]):
    """A streamed answer. Iterate it for typed events, or `text_stream` for text; `result` is the whole.

    Nothing is checked or sent before it is entered. Leaving it early closes the connection; what was generated until
    then is billed by AWS. It belongs to the event loop of its gateway.
    """

    @sealed_async
    async def __aenter__(self) -> Self:
        self._begin()
        await self._advance()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def __aiter__(self) -> AsyncIterator[StreamEvent]:
        return self

    async def __anext__(self) -> StreamEvent:
        """Return the next event, as one of `bedrock_gateway.results`.

        Raises:
            StreamInterruptedError: the stream ended before its terminal event; ``partial`` is what had arrived.
            ServiceError: AWS reported an error before the first event.
        """
        if self._events or await self._more():
            return self._events.popleft()
        raise StopAsyncIteration

    @sealed_async
    async def _more(self) -> bool:
        """Read until there are events to take; False: there will be none."""
        while not self._events and not self._over:
            await self._advance()
        if not self._events and self._error is not None:
            raise self._error
        return bool(self._events)

    async def _advance(self) -> None:
        while (command := self._next_command()) is not None:
            try:
                value = await self._perform(command)
            except BaseException as error:  # noqa: BLE001 - the flow decides, as in `_drive.arun`
                self._failed(error)
            else:
                self._happened(command, value)

    @property
    def text_stream(self) -> AsyncIterator[str]:
        """The text, as it comes; pieces may be empty in `results.TextDelta`, never here."""
        return self._texts()

    async def _texts(self) -> AsyncIterator[str]:
        events = self._events
        while events or await self._more():
            one = events.popleft()
            if isinstance(one, _SPOKEN) and one.text:
                yield one.text

    async def result(self) -> R:
        """Read to the end and return the whole.

        Raises:
            StreamInterruptedError: the stream ended, or was left, before its terminal event.
        """
        while self._events or await self._more():
            self._events.clear()
        return self._whole()

    async def close(self) -> None:
        """Leave."""
        self._leave()
