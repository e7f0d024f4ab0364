"""Rules about Deny statements that are there to force a guardrail: a hole in one is a way around it.

Found by trying: requests without a guardrail, and with another, are evaluated against the Deny statements.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bedrock_gateway.iam.document import Policy
from bedrock_gateway.iam.evaluate import AccessRequest, UndecidableError, matching
from bedrock_gateway.iam.globs import concrete
from bedrock_gateway.iam.lint.legs import INVOKE, STREAM
from bedrock_gateway.iam.lint.model import Hit
from bedrock_gateway.iam.lint.shapes import parse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bedrock_gateway.iam.document import Statement
    from bedrock_gateway.iam.lint.model import Document
    from bedrock_gateway.iam.source import Path

__all__ = ["breaks_rag", "holes"]

_KEY = "bedrock:guardrailidentifier"
_HERE = "arn:aws:bedrock:us-east-1:111122223333"
_OTHER = f"{_HERE}:guardrail/zzzz99999999"
_MODEL = "foundation-model/example.model-v1:0"
_TARGETS = {
    "a model": f"arn:aws:bedrock:us-east-1::{_MODEL}",
    "a model in another Region": f"arn:aws:bedrock:ap-south-2::{_MODEL}",
    "the model ARN without a Region": f"arn:aws:bedrock:::{_MODEL}",
    "an inference profile": f"{_HERE}:inference-profile/us.example.model-v1:0",
    "an application inference profile": f"{_HERE}:application-inference-profile/abcdefghij12",
    "a provisioned model": f"{_HERE}:provisioned-model/abcdefghij12",
    "a custom model": f"{_HERE}:custom-model-deployment/abcdefghij12",
    "an imported model": f"{_HERE}:imported-model/abcdefghij12",
    "a prompt router": f"{_HERE}:prompt-router/abcdefghij12",
}
_SHOWN = 4
_RAG = frozenset({"bedrock:retrieveandgenerate", "bedrock:invokeagent", "bedrock:invokeinlineagent"})


def _forcing(document: Document) -> list[tuple[Path, Statement]]:
    """The Deny statements that ask for a guardrail."""
    return [
        (path, one)
        for path, one in document.statements("Deny")
        if any(key.casefold() == _KEY for _, pairs in one.conditions for key, _ in pairs)
    ]


def holes(document: Document) -> Iterator[Hit]:
    """A request without the guardrail that the Deny statements let pass."""
    forcing = _forcing(document)
    if not forcing:
        return
    path, first = forcing[0]
    denying = Policy(tuple(one for _, one in forcing), document.policy.version)
    # A Deny is there for what other policies allow as well, so all kinds are tried, and what this one allows by name.
    targets = {**_TARGETS, **_granted(document)}
    tried = [(action, what, arn) for action in (INVOKE, STREAM) for what, arn in targets.items()]
    covered = [(action, arn) for action, _, arn in tried if _denied(denying, action, arn, None, _OTHER)]
    escaped = [f"{action.partition(':')[2]} on {what}" for action, what, arn in tried if (action, arn) not in covered]
    if escaped:
        more = f" and {len(escaped) - _SHOWN} more" if len(escaped) > _SHOWN else ""
        yield Hit(f"the Deny does not cover {', '.join(escaped[:_SHOWN])}{more}", path)
    if covered:
        yield from _value_holes(denying, path, first, *covered[0])


def _denied(policy: Policy, action: str, arn: str, *guardrails: str | None) -> bool:
    """Whether a call that carries any of *guardrails* (None: no guardrail) is denied."""
    contexts: list[dict[str, str]] = [{} if one is None else {"bedrock:GuardrailIdentifier": one} for one in guardrails]
    try:
        return any(matching(policy, AccessRequest(action, arn, context), "Deny") for context in contexts)
    except UndecidableError:
        return False


def _granted(document: Document) -> dict[str, str]:
    """What the document's own Allow statements let be called, one of each pattern."""
    return {
        text: concrete(text)
        for _, statement in document.statements("Allow")
        for text in statement.resources
        if (arn := parse(text)) and arn.service == "bedrock" and "model" in arn.kind + arn.name
    }


def _value_holes(denying: Policy, path: Path, first: Statement, action: str, arn: str) -> Iterator[Hit]:
    where = (*path, "Condition")
    if not _denied(denying, action, arn, None):
        yield Hit(
            "the Deny does not apply where the call carries no guardrail at all",
            where,
            "use a negated operator (StringNotEquals, ArnNotLike) without ForAnyValue and without Null: it also holds "
            "where the key is absent",
        )
    if not _denied(denying, action, arn, _OTHER):
        yield Hit("the Deny does not apply where the call carries another guardrail", where)
    for value in _values(first):
        prefix = value.rstrip("*")
        if value.endswith("*") and not value.endswith(":*") and not _denied(denying, action, arn, f"{prefix}x9"):
            message = f"{value} also lets a guardrail pass whose id only begins like it"
            yield Hit(message, where, f"list {prefix} and {prefix}:*")


def _values(statement: Statement) -> list[str]:
    return [
        one for _, pairs in statement.conditions for key, values in pairs if key.casefold() == _KEY for one in values
    ]


def breaks_rag(document: Document) -> Iterator[Hit]:
    """A guardrail Deny in a document that also allows operations which call models without one."""
    if not _forcing(document):
        return
    for path, statement in document.statements("Allow"):
        for number, text in enumerate(statement.actions):
            if text.casefold() in _RAG:
                yield Hit(
                    f"{text} calls the model for you, without the guardrail: the Deny breaks it",
                    (*path, "Action", number),
                )
