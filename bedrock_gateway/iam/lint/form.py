"""Rules about the document as a whole: its size, its Sids, what stands in it twice."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bedrock_gateway.iam.globs import covers, is_wild
from bedrock_gateway.iam.lint.model import Hit
from bedrock_gateway.iam.quotas import QUOTAS, advice, exceeded

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bedrock_gateway.iam.document import Statement
    from bedrock_gateway.iam.lint.model import Document, Kind
    from bedrock_gateway.iam.source import Path

__all__ = ["over_quota", "redundant", "sids", "version"]

_MOST_COMPARED = 200

# AWS-managed policies are larger than a customer's may be; the kinds without a row have no quota that we know.
_QUOTA_OF: Mapping[Kind, str] = {"identity": "managed", "trust": "trust", "resource": "bucket"}


def over_quota(document: Document) -> Iterator[Hit]:
    """Larger than AWS stores."""
    sort = "key" if _is_of_key(document) else _QUOTA_OF.get(document.kind)
    if sort is None or not document.policy.statements:
        return
    if found := exceeded(document.policy, QUOTAS[sort]):
        yield Hit(found, (), advice(document.policy)[-1] if sort == "managed" else None)


def _is_of_key(document: Document) -> bool:
    acting = [text for _, statement in document.statements() for text in statement.actions]
    return document.kind == "resource" and all(text.startswith("kms:") for text in acting)


def sids(document: Document) -> Iterator[Hit]:
    """Sids that IAM refuses."""
    seen: set[str] = set()
    for path, statement in document.statements():
        if statement.sid is None:
            continue
        where = (*path, "Sid")
        if document.kind in {"identity", "scp"} and not re.fullmatch(r"[A-Za-z0-9]*", statement.sid):
            yield Hit(f"Sid {statement.sid[:80]!r}: letters and digits only", where)
        if statement.sid in seen:
            yield Hit(f"Sid {statement.sid!r} stands twice", where)
        seen.add(statement.sid)


def version(document: Document) -> Iterator[Hit]:
    """A document of 2008, by word or by silence."""
    if document.policy.statements and document.policy.version != "2012-10-17":
        yield Hit("without Version 2012-10-17 policy variables are literal text", ())


def redundant(document: Document) -> Iterator[Hit]:
    """What another value of the same element, or an equal statement, already says."""
    seen: dict[Statement, int] = {}
    for path, statement in document.statements():
        yield from _covered((*path, "Action"), [one.casefold() for one in statement.actions])
        yield from _covered((*path, "Resource"), statement.resources)
        body = _without_order(statement)
        if body in seen:
            yield Hit(f"the statement says the same as statement {seen[body] + 1}", path)
        seen.setdefault(body, int(path[1]))


def _covered(path: Path, texts: Sequence[str]) -> Iterator[Hit]:
    wide = [text for text in dict.fromkeys(texts) if is_wild(text)][:_MOST_COMPARED]
    first: set[str] = set()
    for number, text in enumerate(texts):
        other = text if text in first else next((one for one in wide if one != text and covers(one, text)), None)
        if other is not None:
            yield Hit(f"{text} is covered by {other} beside it", (*path, number))
        first.add(text)


def _without_order(statement: Statement) -> Statement:
    lists = ("actions", "not_actions", "resources", "not_resources", "principals", "not_principals")
    ordered: dict[str, Any] = {name: tuple(sorted(set(getattr(statement, name)))) for name in lists}
    return replace(statement, sid=None, **ordered)
