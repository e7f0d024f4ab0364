"""Structured output: a class, or a JSON Schema, that a model's answer must fit, and how to ask for a repair; pure.

Source: API reference, Converse, ``outputConfig``. Which models take it is not verified against AWS.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import orjson

from bedrock_gateway import _arguments as arguments

if TYPE_CHECKING:
    from pydantic import BaseModel
    from typing_extensions import TypeVar  # a default is Python 3.13's; checkers bring this one along

    from bedrock_gateway.errors import OutputValidationError

    M = TypeVar("M", bound=BaseModel, default=Any)
    """The class that an answer must fit."""

__all__ = ["MOST_RETRIES", "NotFittingError", "fitted", "is_repairable", "output_config", "repair_messages"]

MOST_RETRIES = 3
"""Repairs of one call; each is a billed call, and a model that has not understood by then seldom does."""

_NAME = re.compile(r"[^A-Za-z0-9_-]")
_MOST_FAULTS = 20
_FAULT_LIMIT = 300
_CUT = frozenset({"max_tokens", "model_context_window_exceeded", "stop_sequence", "content_filtered"})
"""Stop reasons that would cut the next answer as well."""


class NotFittingError(ValueError):
    """The answer does not fit: `faults` says where and why, and may quote it; the message holds nothing of it."""

    def __init__(self, faults: tuple[str, ...], failed: str | None = None) -> None:
        super().__init__()
        self.faults = faults
        self.failed = failed
        """Name of what a validator of the class raised that is no fault of the answer; then there are no faults."""


def output_config(operation: str, shape: Any) -> dict[str, Any]:
    """Return ``outputConfig`` for *shape*: a pydantic class, or a mapping that is a JSON Schema."""
    if isinstance(shape, type) and hasattr(shape, "model_json_schema") and hasattr(shape, "model_validate_json"):
        name, schema = shape.__name__, _schema_of(operation, shape)
    elif isinstance(shape, Mapping):
        schema = arguments.mapping(operation, "output", shape, blobs=False)
        name = str(schema.get("title") or "answer")
    else:
        arguments.refuse(operation, f"output is a pydantic class or a JSON Schema, not {type(shape).__name__}")
    try:
        written = orjson.dumps(_closed(schema), default=dict).decode()
    except TypeError:  # a key of a type derived from str, say
        arguments.refuse(operation, "output holds what cannot be written as JSON")
    found = {"schema": written, "name": _NAME.sub("_", name)[:64]}
    return {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": found}}}


def _schema_of(operation: str, shape: Any) -> dict[str, Any]:
    try:
        found: dict[str, Any] = shape.model_json_schema()
    except Exception as error:  # noqa: BLE001 - pydantic's, of a field that JSON has no word for, or the class's own
        arguments.refuse(operation, f"output: {shape.__name__} has no JSON Schema ({type(error).__name__})")
    return found


def _closed(schema: Any) -> Any:
    """The schema with every object closed, as models that follow it strictly demand."""
    if isinstance(schema, (list, tuple)):
        return [_closed(one) for one in schema]
    if not isinstance(schema, Mapping):
        return schema
    made = {name: _closed(value) for name, value in schema.items()}
    if made.get("type") == "object" and "additionalProperties" not in made:
        made["additionalProperties"] = False
    return made


def fitted(shape: Any, text: str) -> Any:
    """Return *text* as what *shape* makes of it.

    Raises:
        NotFittingError: it does not fit.
    """
    failed = None
    try:
        return orjson.loads(text) if isinstance(shape, Mapping) else shape.model_validate_json(text)
    except ValueError as error:  # pydantic's, too: it quotes the answer
        faults = _faults(error)
    except Exception as error:  # noqa: BLE001 - a validator of the caller's class: whatever it raises can hold the answer
        faults, failed = (), type(error).__name__
    raise NotFittingError(faults, failed)


def _faults(error: Exception) -> tuple[str, ...]:
    """Return path and message of each fault."""
    errors: Any = getattr(error, "errors", None)
    if errors is None:
        return ("the whole: it is not JSON",)
    found = errors(include_url=False, include_context=False, include_input=False)
    return tuple(
        f"{'.'.join(str(part) for part in one['loc']) or 'the whole'}: {one['msg']}"[:_FAULT_LIMIT]
        for one in found[:_MOST_FAULTS]
    )


def is_repairable(error: OutputValidationError) -> bool:
    """Whether the model could do better if it is shown what it said: there is something to show, and it was not cut."""
    answer = error.partial
    return bool(answer and error.faults and answer.text.strip() and answer.stop_reason not in _CUT)


def repair_messages(error: OutputValidationError) -> list[dict[str, Any]]:
    """Return the model's turn as it came, and a turn of the user that says what does not fit."""
    answer = error.partial
    listed = "\n".join(f"- {one}" for one in error.faults)
    text = (
        f"That answer does not fit the JSON Schema it must follow:\n{listed}\n"
        "Answer again with the whole corrected JSON, and nothing else."
    )
    return [answer.message if answer else {}, {"role": "user", "content": [{"text": text}]}]
