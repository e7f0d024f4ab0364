"""Which family a model id names: one row a family."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bedrock_gateway.families import requests

if TYPE_CHECKING:
    from collections.abc import Callable

    from bedrock_gateway.families.requests import TextRequest

__all__ = ["FAMILIES", "Family", "family_named", "family_of"]


@dataclass(frozen=True, slots=True)
class Family:
    """A family of models that share a body."""

    name: str
    starts: tuple[str, ...]
    """Starts of its models' names, without a profile's prefix."""
    write: Callable[[TextRequest, str], dict[str, Any]]
    """(request, model's name) → body."""


# The first row that fits: the narrower before the wider.
FAMILIES = (
    Family("anthropic", ("anthropic.",), requests.anthropic),
    Family("nova", ("amazon.nova-",), requests.nova),
    Family("titan", ("amazon.titan-text-",), requests.titan),
    Family("llama", ("meta.llama",), requests.llama),
    Family("mistral", ("mistral.",), requests.mistral),
    Family("cohere", ("cohere.command",), requests.cohere),
    Family("ai21", ("ai21.",), requests.ai21),
    Family("deepseek", ("deepseek.",), requests.deepseek),
    Family("qwen", ("qwen.",), requests.chat),
    Family("openai", ("openai.",), requests.chat),
    Family("writer", ("writer.",), requests.chat),
    # Open-weight models of other makers, all served in the form of chat completions. Not verified against AWS for each.
    Family("gemma", ("google.gemma-",), requests.chat),
    Family("glm", ("zai.",), requests.chat),
    Family("grok", ("xai.",), requests.chat),
    Family("kimi", ("moonshot.", "moonshotai."), requests.chat),
    Family("minimax", ("minimax.",), requests.chat),
    Family("nemotron", ("nvidia.",), requests.chat),
)
_NO_TEXT = ("embed", "rerank", "canvas", "reel", "sonic", "image")


def family_of(name: str) -> Family | None:
    """Return the family of a model's name; None where no row knows it, or the model makes no text."""
    if any(word in name for word in _NO_TEXT):
        return None
    return next((row for row in FAMILIES if name.startswith(row.starts)), None)


def family_named(name: str) -> Family | None:
    """Return the family of that name."""
    return next((row for row in FAMILIES if row.name == name), None)
