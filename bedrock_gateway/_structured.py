"""Structured output: a class, or a JSON Schema, that a model's answer must fit; pure.

Source: API reference, Converse, ``outputConfig``. Which models take it is not verified against AWS.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import orjson

from bedrock_gateway import _arguments as arguments

__all__ = ["NotFittingError", "fitted", "output_config"]

_NAME = re.compile(r"[^A-Za-z0-9_-]")


class NotFittingError(ValueError):
    """The answer does not fit; it holds nothing of the answer."""


def output_config(operation: str, shape: Any) -> dict[str, Any]:
    """Return ``outputConfig`` for *shape*: a pydantic class, or a mapping that is a JSON Schema."""
    if hasattr(shape, "model_json_schema") and hasattr(shape, "model_validate_json"):
        name, schema = shape.__name__, shape.model_json_schema()
    elif isinstance(shape, Mapping):
        schema = arguments.mapping(operation, "output", shape, blobs=False)
        name = str(schema.get("title") or "answer")
    else:
        arguments.refuse(operation, f"output is a pydantic class or a JSON Schema, not {type(shape).__name__}")
    written = orjson.dumps(_closed(schema), default=dict).decode()
    found = {"schema": written, "name": _NAME.sub("_", name)[:64]}
    return {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": found}}}


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
    try:
        return orjson.loads(text) if isinstance(shape, Mapping) else shape.model_validate_json(text)
    except ValueError:  # pydantic's, too: it quotes the answer
        pass
    raise NotFittingError
