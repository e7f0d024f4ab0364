"""Guardrails over HTTP; whatever a handler answers is held to botocore's model, unknown and missing members alike."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("moto", reason="the local Bedrock is an extra")

import botocore
from botocore.exceptions import ClientError
from botocore.validate import ParamValidator

from bedrock_gateway.local.app import handlers
from bedrock_gateway.local.wire.routes import operation_model

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bedrock_gateway.local.call import Call, Reply

NOVA = "amazon.nova-lite-v1:0"
SAYS = {"blockedInputMessaging": "Not that.", "blockedOutputsMessaging": "Not this."}
_NUMBERS = itertools.count()


def held(key: tuple[str, str], handler: Callable[[Call], Reply]) -> Callable[[Call], Reply]:
    def checked(call: Call) -> Reply:
        reply = handler(call)
        shape = operation_model(*key).output_shape
        report = ParamValidator().validate(reply.output, shape) if shape and reply.events is None else None
        # What an older botocore does not know is not written either.
        known = [one for one in (report._errors if report else ()) if one[0] != "unknown field" or _newest()]
        assert not known, (key, known)
        return reply

    return checked


def _newest() -> bool:
    return tuple(map(int, botocore.__version__.split(".")[:2])) >= (1, 43)


@pytest.fixture(autouse=True)
def _held_to_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    found: Any = handlers()
    for key, handler in list(found.items()):
        if "uardrail" in key[1] or "Retention" in key[1] or key[1] in {"Converse", "InvokeModel"}:
            monkeypatch.setitem(found, key, held(key, handler))


def knows(client: Any, operation: str) -> None:
    """Skip where the installed botocore does not have *operation*."""
    if operation not in client.meta.service_model.operation_names:
        pytest.skip(f"botocore {botocore.__version__} does not know {operation}")


def refused(call: Any, **params: Any) -> tuple[str, str]:
    """Return code and message of what *call* is refused with."""
    with pytest.raises(ClientError) as caught:
        call(**params)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


@pytest.fixture
def bedrock(served: Any) -> Any:
    return served.client("bedrock")


@pytest.fixture
def runtime(served: Any) -> Any:
    return served.client("bedrock-runtime")


@pytest.fixture
def made(bedrock: Any) -> Iterator[Callable[..., str]]:
    """Make guardrails; they are gone when the test ends."""
    ids: list[str] = []

    def make(**policies: Any) -> str:
        named = {"name": f"rails-{next(_NUMBERS)}", **SAYS, **policies}
        identifier: str = bedrock.create_guardrail(**named)["guardrailId"]
        ids.append(identifier)
        return identifier

    yield make
    for one in ids:
        bedrock.delete_guardrail(guardrailIdentifier=one)
