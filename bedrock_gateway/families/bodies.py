"""What is read from an InvokeModel body: text, stop reason, usage, by the shape of the vendor's JSON.

By shape rather than by model id, as an id can be an ARN that does not tell the vendor. A body that no row knows has no
text and no usage; it stays whole in ``raw``.

Source: Bedrock User Guide, "Inference request parameters and response fields for foundation models".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bedrock_gateway.results import Usage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = [
    "GUARDRAIL",
    "METRICS",
    "chunk_ends",
    "chunk_error",
    "chunk_text",
    "intervened",
    "stop_reason_of",
    "text_of",
    "usage_of",
]

METRICS = "amazon-bedrock-invocationMetrics"
GUARDRAIL = "amazon-bedrock-guardrailAction"

Found = dict[str, Any]


def _dict(value: Any, *path: str) -> Found:
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _str(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _blocks(content: Any) -> str:
    """Text of content blocks, or of content that is the text itself."""
    if isinstance(content, str):
        return content
    return "".join(_str(_dict(one).get("text")) for one in _list(content))


def _choice(found: Found, name: str) -> Found:
    """The first of a list of answers: who asks for several reads the others from ``raw``."""
    items = [one for one in map(_dict, _list(found.get(name))) if not one.get("index")]
    return items[0] if items else {}


def _said(choice: Found) -> str:
    """Text of a choice: a whole message, what a chunk adds to it, or a text completion."""
    held = (_dict(choice, "message").get("content"), _dict(choice, "delta").get("content"), choice.get("text"))
    return next((text for one in held if (text := _blocks(one))), "")


# Where a whole answer has its text; the first that has any. Each family's own member.
_TEXTS: tuple[Callable[[Found], str], ...] = (
    lambda body: _blocks(body.get("content")),  # Anthropic
    lambda body: _blocks(_dict(body, "output", "message").get("content")),  # Nova
    lambda body: _str(_choice(body, "results").get("outputText")),  # Titan
    lambda body: _str(body.get("generation")),  # Llama
    lambda body: _str(_choice(body, "outputs").get("text")),  # Mistral
    lambda body: _said(_choice(body, "choices")),  # chat, DeepSeek R1
    lambda body: _str(_choice(body, "generations").get("text")),  # Cohere Command
    lambda body: _str(_dict(_choice(body, "completions"), "data").get("text")),  # AI21 Jurassic-2
    lambda body: _str(body.get("completion")),  # Anthropic, before Messages
    lambda body: _str(body.get("text")),  # Cohere Command R
    lambda body: _str(body.get("message")),  # TwelveLabs Pegasus
)


def text_of(body: Any) -> str:
    """Return the text of a whole answer."""
    return next((text for read in _TEXTS if (text := read(body))), "") if isinstance(body, dict) else ""


_LISTED = ("results", "outputs", "choices", "generations", "completions")
_REASONS = ("stop_reason", "stopReason", "completionReason", "finish_reason", "finishReason")


_HOLDERS = ("delta", "messageStop", "response")


def _parts(found: Found) -> Iterator[Found]:
    """The places of a body that can hold a stop reason, the likeliest first."""
    yield from (_choice(found, name) for name in _LISTED if name in found)
    yield found
    yield from (_dict(found, name) for name in _HOLDERS if name in found)


# Where to look at all: most chunks of a stream have none of these, and that is quickly seen.
_REASONED = frozenset({*_LISTED, *_REASONS, *_HOLDERS})


def stop_reason_of(body: Any) -> str | None:
    """Return why the answer ended, in the vendor's word."""
    if not isinstance(body, dict) or body.keys().isdisjoint(_REASONED):
        return None
    for part in _parts(body):
        for name in _REASONS if not part.keys().isdisjoint(_REASONS) else ():
            value = part.get(name)
            value = value.get("reason") if isinstance(value, dict) else value
            if isinstance(value, str) and value:
                return value
    return None


_INPUT = (
    "inputTokens",
    "input_tokens",
    "inputTokenCount",
    "inputTextTokenCount",
    "prompt_tokens",
    "prompt_token_count",
)
_OUTPUT = (
    "outputTokens",
    "output_tokens",
    "outputTokenCount",
    "totalOutputTextTokenCount",
    "tokenCount",
    "completion_tokens",
    "generation_token_count",
)
_READ = ("cacheReadInputTokens", "cache_read_input_tokens", "cacheReadInputTokenCount")
_WRITE = ("cacheWriteInputTokens", "cache_creation_input_tokens", "cacheWriteInputTokenCount")
_OWN = ("inputTextTokenCount", "prompt_token_count", "generation_token_count")
"""Members of a body itself that count, where it has no usage."""
_COUNTED = frozenset({METRICS, "usage", "message", "metadata", *_OWN})


def _number(found: Found, names: tuple[str, ...]) -> int | None:
    values = (found.get(name) for name in names)
    return next((one for one in values if isinstance(one, int) and not isinstance(one, bool)), None)


def usage_of(body: Any) -> Usage | None:
    """Return the usage a body or a chunk reports; None where it reports none."""
    if not isinstance(body, dict) or body.keys().isdisjoint(_COUNTED):
        return None
    found = (
        _dict(body, METRICS)
        or _dict(body, "usage")
        or _dict(body, "message", "usage")
        or _dict(body, "metadata", "usage")
    )
    if not found and any(name in body for name in _OWN):
        results = _list(body.get("results"))
        found = {**body, **(_dict(results[0]) if results else {})}
    sent, made = _number(found, _INPUT), _number(found, _OUTPUT)
    if sent is None and made is None:
        return None
    total = sent + made if sent is not None and made is not None else None
    return Usage(sent, made, total, _number(found, _READ), _number(found, _WRITE))


def chunk_text(chunk: Any) -> str:
    """Return the text that a chunk of a stream adds."""
    if not isinstance(chunk, dict):
        return ""
    delta = _dict(chunk, "delta") or _dict(chunk, "contentBlockDelta", "delta")
    text = delta.get("text")
    if isinstance(text, str):
        return text
    if "choices" in chunk:
        return _said(_choice(chunk, "choices"))
    values = (
        _dict(chunk, "content_block").get("text"),  # Anthropic: what a block begins with
        chunk.get("outputText"),
        chunk.get("completion"),
        chunk.get("generation"),
        _choice(chunk, "outputs").get("text"),
        chunk.get("message"),  # TwelveLabs Pegasus
        # Cohere: the last chunk can repeat the whole.
        *(() if chunk.get("is_finished") else (_choice(chunk, "generations").get("text"), chunk.get("text"))),
    )
    return next((one for one in values if isinstance(one, str)), "")


# What a vendor says of itself in a stream → AWS's code for it. Source: Anthropic's API reference, errors.
_VENDOR_CODES = {
    "overloaded_error": "ServiceUnavailableException",
    "api_error": "InternalServerException",
    "rate_limit_error": "ThrottlingException",
    "timeout_error": "ModelTimeoutException",
    "invalid_request_error": "ValidationException",
}


def chunk_error(chunk: Any) -> tuple[str, str] | None:
    """Return AWS's code and the vendor's words where a chunk is an error of the vendor; None: it is none."""
    found = _dict(_dict(chunk).get("error"))
    if not found or not (chunk.get("type") == "error" or "choices" not in chunk):
        return None
    kind = _str(found.get("type")) or _str(found.get("code"))
    return _VENDOR_CODES.get(kind, "ModelStreamErrorException"), f"{kind}: {_str(found.get('message'))}"


def intervened(before: str | None, chunk: Any) -> str | None:
    """Return what a guardrail did so far; an intervention is not taken back by a later chunk."""
    said = _str(_dict(chunk).get(GUARDRAIL))
    return before if before == "INTERVENED" or not said else said


_ENDINGS = (*_REASONS, "is_finished")
_ENDED = frozenset({*_ENDINGS, "choices", "outputs", "generations"})


def chunk_ends(chunk: Any) -> bool:
    """Whether *chunk* says that the answer is complete."""
    found = _dict(chunk)
    if METRICS in found or found.get("type") == "message_stop" or "messageStop" in found:
        return True
    if found.keys().isdisjoint(_ENDED):
        return False
    parts = [found, *(_choice(found, name) for name in ("choices", "outputs", "generations"))]
    return any(part.get(name) for part in parts for name in _ENDINGS)
