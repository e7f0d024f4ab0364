"""Both gateways behind one interface, whose waits are recorded and not waited for.

A test's body is a coroutine. The sync gateway's methods are wrapped so that they can be awaited, and never wait: such a
body runs to its end in one step.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Self

from bedrock_gateway import AsyncGateway, Gateway, GatewayConfig, Timeouts
from bedrock_gateway._commands import Sleep
from bedrock_gateway._drive import AsyncPerform, Perform

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine

MODEL = "us.amazon.nova-lite-v1:0"
CAPABILITIES = ["invoke", "invoke-stream", "converse", "converse-stream", "retrieve", "rag"]
SHORT = Timeouts(connect=1.0, first_byte=0.4, idle=0.4, total=2.0)
"""Deadlines of tests in which something stands still."""


def config(port: int, **changed: Any) -> GatewayConfig:
    """One principal that may do what is tested."""
    values: dict[str, Any] = {
        "application": "faults",
        "account": "123456789012",
        "region": "us-east-1",
        "local": True,
        "endpoint": f"http://127.0.0.1:{port}",
        "principals": {"app": {"capabilities": CAPABILITIES, "models": [MODEL], "knowledge_bases": ["handbook"]}},
        "knowledge_bases": {
            "handbook": {"embedding_model": "amazon.titan-embed-text-v2:0", "store": "s3-vectors", "id": "KB12345678"}
        },
    }
    return GatewayConfig(**(values | changed))


class _Awaited:
    """What is sync, awaited."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    async def __aenter__(self) -> Self:
        self.inner.__enter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        self.inner.__exit__(*error)

    async def __aiter__(self) -> AsyncIterator[Any]:
        for one in self.inner:
            yield one

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.inner, name)
        if not callable(found):
            return found
        if name.endswith("_stream"):
            return lambda *args, **kwargs: _Awaited(found(*args, **kwargs))
        if name == "with_options":
            return lambda **kwargs: _Awaited(found(**kwargs))

        async def awaited(*args: Any, **kwargs: Any) -> Any:
            return found(*args, **kwargs)

        return awaited


@dataclass
class Slept:
    """Stands before a driver: records what would be slept, and does the rest."""

    inner: Any
    seconds: list[float] = field(default_factory=list)

    def __call__(self, command: Any) -> Any:
        if not isinstance(command, Sleep):
            return self.inner(command)
        self.seconds.append(command.seconds)
        return asyncio.sleep(0) if isinstance(self.inner, AsyncPerform) else None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


@dataclass
class Opened:
    """A gateway under test, and what it told."""

    gateway: Any
    events: list[Any]
    slept: list[float]

    @property
    def ended(self) -> list[Any]:
        return [one for one in self.events if one.name == "gateway.call_ended"]

    @property
    def retried(self) -> list[Any]:
        return [one for one in self.events if one.name == "gateway.retry_scheduled"]


@cache
def session_of(name: str) -> Any:
    """One session for all tests: it has read AWS's models once."""
    key, secret = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
    if name == "sync":
        import boto3

        return boto3.Session(aws_access_key_id=key, aws_secret_access_key=secret)
    from aiobotocore.session import get_session

    session = get_session()
    session.set_credentials(key, secret)
    return session


@dataclass(frozen=True)
class Driver:
    """One of the two."""

    name: str

    @property
    def is_async(self) -> bool:
        return self.name == "async"

    def run(self, body: Callable[..., Coroutine[Any, Any, Any]], *args: Any) -> Any:
        """Run a test's body."""
        if self.is_async:
            return asyncio.run(body(*args))
        coroutine = body(*args)
        try:
            coroutine.send(None)
        except StopIteration as stop:
            return stop.value
        raise AssertionError("a sync gateway waited")

    async def off_the_loop(self, function: Callable[..., Any], *args: Any) -> Any:
        """Call what blocks, so that a loop goes on closing what it has to close."""
        return await asyncio.to_thread(function, *args) if self.is_async else function(*args)

    @contextlib.asynccontextmanager
    async def open(
        self, port: int, *, timeouts: Timeouts | None = None, pool: int | None = None, **options: Any
    ) -> AsyncIterator[Opened]:
        """A gateway of its own for one test; *timeouts* also hold for connecting."""
        configuration = options.pop("config", None) or config(port)
        events: list[Any] = []
        session = options.setdefault("session", session_of(self.name))
        kind: Any = AsyncGateway if self.is_async else Gateway
        gateway = kind(configuration, observers=[events.append], **options)
        if timeouts is not None or pool is not None:
            made: Any = AsyncPerform if self.is_async else Perform
            given = {} if pool is None else {"max_connections": pool}
            gateway._perform = made(configuration, session=session, timeouts=timeouts, **given)
        slept = Slept(gateway._perform)
        gateway._perform = slept
        if timeouts is not None:  # building a client is no part of what is timed
            built = slept.client("bedrock-runtime")
            if self.is_async:
                await built
        view = gateway.with_options(timeouts=timeouts) if timeouts is not None else gateway
        try:
            yield Opened(view if self.is_async else _Awaited(view), events, slept.seconds)
        finally:
            closed = gateway.close()
            if self.is_async:
                await closed
