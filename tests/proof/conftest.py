"""One account for all proofs of a file: making it costs more than most of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

pytest.importorskip("moto", reason="the local Bedrock is an extra")

from .account import Account

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def account() -> Iterator[Account]:
    from bedrock_gateway.local import LocalBedrock

    with LocalBedrock(pace_seconds=0) as local, local.serve() as server:
        local.reset()
        yield Account(local, server.endpoint)
        local.reset()
