"""What every vendor's body module offers, and the checks they share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from bedrock_gateway.local.call import Fault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from bedrock_gateway.local.knowledge.embedders import Embedder
    from bedrock_gateway.local.models.model import Answer, Chat

__all__ = ["Body", "Direct", "Reader", "malformed", "refuse", "text_of"]

Data = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Direct:
    """A reply that is made without the model of texts: vectors, or a ranking."""

    body: Data
    input_tokens: int


@dataclass(frozen=True, slots=True)
class Context:
    """What a reply says about the request it answers."""

    model_id: str
    request_id: str
    body: Data


@dataclass(frozen=True, slots=True)
class Body:
    """One vendor's format of InvokeModel."""

    parse: Callable[[Data], Chat]
    whole: Callable[[Answer, Context], Data]
    chunks: Callable[[Answer, Context], Iterator[Data]] | None
    """None: the format has no stream."""
    direct: Callable[[str, Data, Embedder], Direct] | None = None
    """For models that make no text: takes the model id, the body and the local Bedrock's embedder."""
    embedding: bool = False
    """Whether what it makes are vectors: the log has a flag of its own for those."""


def malformed(reason: str) -> NoReturn:
    """Refuse a body that breaks the vendor's schema, in AWS's words."""
    raise Fault(
        "ValidationException", f"Malformed input request: {reason}, please reformat your input and try again.", 400
    )


def refuse(reason: str) -> NoReturn:
    """Refuse a body that breaks a rule of the model."""
    raise Fault("ValidationException", reason, 400)


class Reader:
    """Typed access to a decoded JSON body; what has the wrong type is refused with its path."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        self.data = data

    def required(self, *names: str) -> None:
        """Refuse the body if a key is missing."""
        for name in names:
            if name not in self.data:
                malformed(f"#: required key [{name}] not found")

    def text(self, name: str) -> str:
        """Return the text at *name*; empty if absent."""
        value = self.data.get(name, "")
        if not isinstance(value, str):
            malformed(f"#/{name}: expected type: String, found: {_json_type(value)}")
        return value

    def whole(self, name: str, least: int = 1) -> int | None:
        """Return the whole number at *name*, or None if absent."""
        value = self.data.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int):
            malformed(f"#/{name}: expected type: Integer, found: {_json_type(value)}")
        if value < least:
            malformed(f"#/{name}: {value} is not greater or equal to {least}")
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        """Return the list of texts at *name*; empty if absent."""
        value = self.data.get(name) or []
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            malformed(f"#/{name}: expected type: JSONArray of String, found: {_json_type(value)}")
        return tuple(value)

    def child(self, name: str) -> Reader:
        """Return the object at *name*; empty if absent."""
        value = self.data.get(name)
        if value is None:
            return Reader({})
        if not isinstance(value, dict):
            malformed(f"#/{name}: expected type: JSONObject, found: {_json_type(value)}")
        return Reader(value)

    def objects(self, name: str) -> list[Data]:
        """Return the list of objects at *name*; empty if absent."""
        value = self.data.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            malformed(f"#/{name}: expected type: JSONArray, found: {_json_type(value)}")
        for position, one in enumerate(value):
            if not isinstance(one, dict):
                malformed(f"#/{name}/{position}: expected type: JSONObject, found: {_json_type(one)}")
        return value


_JSON_TYPES = {str: "String", bool: "Boolean", int: "Integer", float: "Double", list: "JSONArray", dict: "JSONObject"}


def _json_type(value: Any) -> str:
    return _JSON_TYPES.get(type(value), "Null")


def text_of(content: Any) -> str:
    """Join the texts of a content that is a text or a list of blocks with ``text``."""
    if isinstance(content, str):
        return content
    blocks = content if isinstance(content, list) else []
    return "\n".join(str(block["text"]) for block in blocks if isinstance(block, dict) and "text" in block)
