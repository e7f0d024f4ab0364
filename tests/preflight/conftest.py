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
    import botocore.session

    known = botocore.session.get_session().get_service_model("bedrock").operation_names
    if not {"GetAccountDataRetention", "ListEnforcedGuardrailsConfiguration"} <= set(known):
        pytest.skip("this botocore cannot ask what the golden account answers: see ENV-01")
    from .local_runner import Looker

    made = Looker(tmp_path_factory.mktemp("looker"))
    yield made
    made.close()
