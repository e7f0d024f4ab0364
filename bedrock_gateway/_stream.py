"""What steps a streaming flow: `Stream` and `AsyncStream`."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Self

from bedrock_gateway._commands import Deliver, Send
from bedrock_gateway._drive_sync import close_body

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

__all__ = ["AsyncStream", "Stream"]

_NOT_ENTERED = "use it as a context manager: `with gateway.converse_stream(...) as stream`"


class _Stepper:
    """What both have: the flow, its last command, the events not yet taken, the open body."""

    def __init__(self, start: Callable[[], Any], perform: Callable[[Any], Any]) -> None:
        self._start = start
        self._perform = perform
        self._flow: Any = None
        self._step: Callable[[Any], Any] | None = None
        self._value: Any = None
        self._events: deque[Any] = deque()
        self._body: Any = None
        self._result: Any = None
        self._over = False

    def _begin(self) -> None:
        if self._flow is not None:
            raise RuntimeError("a stream can be entered once")
        self._flow = self._start()
        self._step = self._flow.send

    def _next_command(self) -> Any:
        """Return the next command that is not a delivery; None: the flow has ended or has delivered."""
        if self._step is None:
            raise RuntimeError(_NOT_ENTERED)
        try:
            command = self._step(self._value)
        except StopIteration as stop:
            self._result = stop.value
            self._release()
            return None
        except BaseException:
            self._release()
            raise
        if isinstance(command, Deliver):
            self._events.extend(command.events)
            self._step, self._value = self._flow.send, None
            return None
        return command

    def _happened(self, command: Any, value: Any) -> None:
        if isinstance(command, Send) and command.stream is not None:
            self._close_body()
            self._body = value.get(command.stream)
        self._step, self._value = self._flow.send, value

    def _failed(self, error: BaseException) -> None:
        self._step, self._value = self._flow.throw, error

    def _close_body(self) -> None:
        body, self._body = self._body, None
        if body is not None:
            close_body(body)

    def _release(self) -> None:
        self._over = True
        self._close_body()

    def _leave(self) -> None:
        """Report and release; needs neither a wait nor a loop."""
        if self._flow is not None and not self._over:
            self._over = True
            self._flow.close()
        self._close_body()


class Stream(_Stepper):
    """A streamed answer. Iterate it for typed events, or `text_stream` for text; `result` is the whole.

    Nothing is checked or sent before it is entered. Leaving it early closes the connection.
    """

    def __enter__(self) -> Self:
        self._begin()
        self._advance()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        while not self._events:
            if self._over:
                raise StopIteration
            self._advance()
        return self._events.popleft()

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
        """The text, as it comes."""
        return (one.text for one in self if type(one).__name__ in _SPOKEN and one.text)

    def result(self) -> Any:
        """Read to the end and return the whole."""
        for _ in self:
            pass
        return self._result

    def close(self) -> None:
        """Leave; from any thread."""
        self._leave()


_SPOKEN = frozenset({"TextDelta", "ChunkReceived"})


class AsyncStream(_Stepper):
    """A streamed answer. Iterate it for typed events, or `text_stream` for text; `result` is the whole.

    Nothing is checked or sent before it is entered. Leaving it early closes the connection.
    """

    async def __aenter__(self) -> Self:
        self._begin()
        await self._advance()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def __anext__(self) -> Any:
        while not self._events:
            if self._over:
                raise StopAsyncIteration
            await self._advance()
        return self._events.popleft()

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
        """The text, as it comes."""
        return (one.text async for one in self if type(one).__name__ in _SPOKEN and one.text)

    async def result(self) -> Any:
        """Read to the end and return the whole."""
        async for _ in self:
            pass
        return self._result

    async def close(self) -> None:
        """Leave."""
        self._leave()
