"""What the matrices over the local Bedrock share: one process that makes the golden account and forks copies of it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .local_runner import Looker


@pytest.fixture(scope="session")
def looker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Looker]:
    pytest.importorskip("moto", reason="the local Bedrock is an extra")
    if not hasattr(os, "fork"):
        pytest.skip("copies of the account are forks")
    from .local_runner import Looker

    made = Looker(tmp_path_factory.mktemp("looker"))
    yield made
    made.close()
