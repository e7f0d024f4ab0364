"""Each fault of the catalogue, by both gateways: the typed error, the requests that arrived, what was kept, the socket."""

from __future__ import annotations

import time
from typing import Any

import pytest

from bedrock_gateway import GatewayError, StreamInterruptedError

from . import wire
from .catalogue import BODY, FAULTS, Fault
from .driving import SHORT


async def call(gateway: Any, operation: str, seen: list[Any]) -> Any:
    """Make the call; what a stream showed goes to *seen*."""
    if operation == "converse":
        return await gateway.converse("Hello")
    if operation == "invoke":
        return await gateway.invoke_model(BODY)
    async with gateway.converse_stream("Hello") as stream:
        async for event in stream:
            seen.append(event)
        return await stream.result()


def text_of(events: list[Any]) -> str:
    return "".join(getattr(one, "text", "") for one in events)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.id)
def test_a_fault_is_told_as_what_it_is(server, drive, fault: Fault):
    async def body():
        server.answer(*fault.answers)
        async with drive.open(server.port, timeouts=SHORT if fault.slow else None) as opened:
            seen: list[Any] = []
            started = time.monotonic()
            caught: GatewayError | None = None
            result: Any = None
            try:
                result = await call(opened.gateway, fault.operation, seen)
            except GatewayError as error:
                caught = error
            took = time.monotonic() - started
            # The error is held until here: what it holds on to must be no socket.
            requests = len(server.requests)
            released = await drive.off_the_loop(server.closed) if fault.closes else True
            assert requests == fault.requests
            assert released, "a connection is left open"
            assert took < SHORT.total + 2.9  # the server stands still for five
            # No connection with the rest of this answer on it serves the next call.
            server.answer([wire.CONVERSE])
            assert (await opened.gateway.converse("Hello")).text == "".join(wire.TEXTS)
            assert len(server.requests) == 1
            ended, _ = opened.ended
            assert ended.attempts == fault.requests
            if fault.error is None:
                assert caught is None
                assert ended.outcome == "ok"
                assert result.text == ("".join(wire.TEXTS) if fault.text is None else fault.text)
                assert result.request_id == wire.REQUEST_ID
                return
            assert isinstance(caught, fault.error), repr(caught)
            assert {name: getattr(caught, name) for name in fault.facts} == fault.facts
            assert ended.outcome in {"failed", "interrupted", "denied"}
            check_stream(fault, caught, seen)

    drive.run(body)


def check_stream(fault: Fault, caught: GatewayError, seen: list[Any]) -> None:
    """What a stream had given is with its error, and was given to the caller before it."""
    if fault.cause is not None:
        assert isinstance(caught.__cause__, fault.cause)
    if not isinstance(caught, StreamInterruptedError):
        assert not seen
        return
    assert caught.request_id == wire.REQUEST_ID
    if fault.text is None:
        assert caught.partial is None
        assert not seen
        return
    assert caught.partial.text == text_of(seen) == fault.text
    assert caught.partial.request_id == wire.REQUEST_ID
    assert (caught.usage is not None) == fault.usage
