"""What is read from an InvokeModel body: text, stop reason, usage, by the shape of the vendor's JSON.

By shape rather than by model id, as an id can be an ARN that does not tell the vendor. A body that no row knows has no
text and no usage; it stays whole in ``raw``.
"""

from __future__ import annotations

from typing import Any

from bedrock_gateway.results import Usage

__all__ = ["chunk_ends", "chunk_text", "stop_reason_of", "text_of", "usage_of"]

METRICS = "amazon-bedrock-invocationMetrics"


def _blocks(content: Any) -> str:
    if not isinstance(content, list):
        return ""
    return "".join(str(one["text"]) for one in content if isinstance(one, dict) and isinstance(one.get("text"), str))


def _dict(value: Any, *path: str) -> dict[str, Any]:
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def text_of(body: Any) -> str:
    """Return the text of a whole answer of Anthropic, Nova or Titan."""
    if not isinstance(body, dict):
        return ""
    if results := body.get("results"):
        return "".join(str(_dict(one).get("outputText") or "") for one in results) if isinstance(results, list) else ""
    return _blocks(body.get("content")) or _blocks(_dict(body, "output", "message").get("content"))


def stop_reason_of(body: Any) -> str | None:
    """Return why the answer ended, in the vendor's word."""
    found = _dict(body)
    results = found.get("results")
    first = _dict(results[0]) if isinstance(results, list) and results else {}
    delta = _dict(found, "delta")
    values = (
        found.get("stop_reason"),
        found.get("stopReason"),
        found.get("completionReason"),
        first.get("completionReason"),
        delta.get("stop_reason"),
        _dict(found, "messageStop").get("stopReason"),
    )
    return next((one for one in values if isinstance(one, str) and one), None)


_INPUT = ("inputTokens", "input_tokens", "inputTokenCount", "inputTextTokenCount")
_OUTPUT = ("outputTokens", "output_tokens", "outputTokenCount", "totalOutputTextTokenCount", "tokenCount")
_READ = ("cacheReadInputTokens", "cache_read_input_tokens", "cacheReadInputTokenCount")
_WRITE = ("cacheWriteInputTokens", "cache_creation_input_tokens", "cacheWriteInputTokenCount")


def _number(found: dict[str, Any], names: tuple[str, ...]) -> int | None:
    return next((found[name] for name in names if isinstance(found.get(name), int)), None)


def usage_of(body: Any) -> Usage | None:
    """Return the usage a body or a chunk reports; None where it reports none."""
    found = _dict(body, METRICS) or _dict(body, "usage") or _dict(body, "metadata", "usage")
    if not found and isinstance(body, dict) and "inputTextTokenCount" in body:
        results = body.get("results")
        found = {**body, **(_dict(results[0]) if isinstance(results, list) and results else {})}
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
    values = (delta.get("text"), chunk.get("outputText"), chunk.get("completion"))
    return next((one for one in values if isinstance(one, str)), "")


_ENDINGS = ("stop_reason", "stopReason", "completionReason", "finish_reason", "finishReason", "is_finished")


def chunk_ends(chunk: Any) -> bool:
    """Whether *chunk* says that the answer is complete."""
    found = _dict(chunk)
    if METRICS in found or found.get("type") == "message_stop" or "messageStop" in found:
        return True
    choices = found.get("choices") or found.get("outputs") or found.get("generations")
    parts = [found, *(_dict(one) for one in choices)] if isinstance(choices, list) else [found]
    return any(part.get(name) for part in parts for name in _ENDINGS)
