"""A fault-injecting server, and each gateway against it."""

from __future__ import annotations

import importlib.util
import inspect
from typing import TYPE_CHECKING

import pytest

from .driving import Driver
from .server import FaultServer

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with FaultServer() as made:
        yield made


@pytest.fixture(params=["sync", "async"])
def drive(request: pytest.FixtureRequest) -> Driver:
    if request.param == "async" and importlib.util.find_spec("aiobotocore") is None:
        pytest.skip("aiobotocore is not in this environment")
    return Driver(request.param)


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """AWS's documentation example."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A coroutine test would pass without being run: there is no plugin that awaits it."""
    for item in items:
        if inspect.iscoroutinefunction(getattr(item, "function", None)):
            raise pytest.UsageError(f"{item.nodeid}: write a body and hand it to `drive.run`")
