"""What to do about a denial by IAM: the command that prints the policy with what is missing, where a grant can help.

AWS says which kind of policy decided. An explicit Deny is undone by no grant, and what a boundary, a session or an
organisation does not allow, the caller's own policy cannot add. Source: IAM User Guide, "Troubleshoot access denied error
messages".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from bedrock_gateway.capabilities import CAPABILITIES
from bedrock_gateway.capabilities.models import parse_model_id
from bedrock_gateway.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bedrock_gateway._commands import Send

__all__ = ["denied"]

_DENIED = re.compile(r"is not authorized to perform: ([\w-]+:\w+)(?: on resource: (\S+))?")
_FORBIDDEN = re.compile(r"with an explicit deny in (an? [a-zA-Z][a-zA-Z -]{2,60})")
_LIMITED = re.compile(r"because no ([a-zA-Z][a-zA-Z -]{2,60}?) allows")
_OWN = "identity-based policy"


def denied(send: Send, text: str, principal: str | None) -> tuple[str, dict[str, Any]]:
    """Return the advice and the facts of AWS's *text*; none where it does not say what was denied."""
    found = _DENIED.search(text)
    if not found:
        return "", {}
    action, resource = found[1], (found[2] or "").rstrip(".,;") or None
    return _advice(send, text, f"{action} on {resource or '*'}", principal), {
        "missing": action,
        "resource": resource,
        "reason": "permission",
    }


def _advice(send: Send, text: str, what: str, principal: str | None) -> str:
    if forbidden := _FORBIDDEN.search(text):
        return f"; {forbidden[1].strip()} denies {what}: no grant helps, ask whoever manages that policy"
    limit = _LIMITED.search(text)
    advice = f"; missing: {what}"
    if limit and limit[1] != _OWN:
        advice += f", in the {limit[1]}: it must allow what the caller's own policy grants"
    if send.capability:
        advice += f"; grant it: {_command(send, principal)}"
    return advice


def _command(send: Send, principal: str | None) -> str:
    """The command that prints the policy; what it is made of is quoted by nothing: ids and ARNs need no quotes."""
    # What is under such a model, and what is set up, only the configuration knows.
    if _is_opaque(send.model_id) or _sets_up(send):
        return " ".join(["bedrock-gateway policy", *([f"--principal {principal}"] if principal else [])])
    held = dict(_held(send.params))
    guardrail = ":".join(str(held[name]) for name in ("guardrail", "version") if name in held)
    options = {
        "--model": send.model_id,
        "--kb": held.get("kb"),
        "--guardrail": guardrail,
        "--reranker": held.get("reranker"),
        "--region": send.region,
        "--account": send.account,
    }
    words = [f"{name} {value}" for name, value in options.items() if value]
    return " ".join(["bedrock-gateway policy generate", str(send.capability), *words])


def _sets_up(send: Send) -> bool:
    known = CAPABILITIES.get(str(send.capability))
    return known is not None and known.kind == "administration"


def _is_opaque(model: str | None) -> bool:
    try:
        return model is not None and parse_model_id(model).model is None
    except ConfigError:
        return False


# AWS's member → what it is to a policy.
_MEMBERS = {
    "knowledgeBaseId": "kb",
    "guardrailIdentifier": "guardrail",
    "guardrailId": "guardrail",
    "guardrailVersion": "version",
}
_WAY = frozenset(
    {
        "retrieveAndGenerateConfiguration",
        "knowledgeBaseConfiguration",
        "generationConfiguration",
        "guardrailConfiguration",
        "guardrailConfig",
        "retrievalConfiguration",
        "vectorSearchConfiguration",
        "rerankingConfiguration",
        "bedrockRerankingConfiguration",
    }
)
"""Members that lead there; content is not looked into."""


def _held(params: Any) -> Iterator[tuple[str, Any]]:
    for name, value in params.items():
        if name in _MEMBERS and isinstance(value, str):
            yield _MEMBERS[name], value
        elif name in _WAY and isinstance(value, dict):
            yield from _held(value)
        elif name == "modelConfiguration" and isinstance(value, dict):
            yield "reranker", value.get("modelArn")
