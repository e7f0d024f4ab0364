"""Rules about actions: do they exist, and can they stand on the resources beside them."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from bedrock_gateway.iam.actions import action, expand, names, services
from bedrock_gateway.iam.globs import is_wild, overlap_arn
from bedrock_gateway.iam.lint.model import Hit
from bedrock_gateway.iam.lint.resources import misformed
from bedrock_gateway.iam.lint.shapes import shapes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bedrock_gateway.iam.actions import Action
    from bedrock_gateway.iam.document import Statement
    from bedrock_gateway.iam.lint.model import Document
    from bedrock_gateway.iam.source import Path

__all__ = ["RENAMED", "action_paths", "misplaced", "star_only", "unknown", "unknown_action", "wrong_prefix"]

WRONG_PREFIXES = frozenset(
    {
        "bedrock-runtime",
        "bedrock-agent",
        "bedrock-agent-runtime",
        "bedrock-data-automation",
        "bedrock-data-automation-runtime",
    }
)
"""Names of endpoints and SDK clients. All of them are authorised under ``bedrock:``."""

_BUCKET = "arn:?*:s3:::?*"
"""A bucket's name holds no slash: what follows one is an object."""
_SHOWN = 4

RENAMED: Mapping[str, tuple[str, ...]] = {
    "converse": ("bedrock:InvokeModel",),
    "conversestream": ("bedrock:InvokeModelWithResponseStream",),
    "invokemodelwithbidirectionalstream": ("bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream"),
    "retrieveandgeneratestream": ("bedrock:RetrieveAndGenerate", "bedrock:InvokeModelWithResponseStream"),
    "startasyncinvoke": ("bedrock:InvokeModel",),
    "useinferenceprofile": ("bedrock:InvokeModel",),
    "listdatasource": ("bedrock:ListDataSources",),
}
"""Operations and inventions that are no actions of ``bedrock:``, and what is authorised in their place."""


def action_paths(document: Document) -> Iterator[tuple[Path, Statement, str]]:
    """Every action pattern with its path, those of NotAction too."""
    for path, statement in document.statements():
        for element, values in (("Action", statement.actions), ("NotAction", statement.not_actions)):
            for number, text in enumerate(values):
                yield (*path, element, number), statement, text


def _instead(short: str, service: str) -> tuple[str, ...]:
    """What was meant by an action *short* of *service* that does not exist: nearest first, at most three."""
    if service == "bedrock" and short.casefold() in RENAMED:
        return RENAMED[short.casefold()]
    if found := expand(f"{service}:{short}"):
        # A pattern stays one; an exact name is written as AWS writes it.
        return (f"{service}:{short}",) if is_wild(short) else found
    shorts = {name.partition(":")[2].casefold(): name for name in names(service)}
    return tuple(shorts[near] for near in difflib.get_close_matches(short.casefold(), shorts, n=3, cutoff=0.7))


def _advice(instead: tuple[str, ...], otherwise: str) -> str:
    return f"write {' or '.join(instead)}" if instead else otherwise


def _wrong_prefix(text: str) -> tuple[str, str] | None:
    service, _, short = text.partition(":")
    if service.casefold() not in WRONG_PREFIXES:
        return None
    advice = _advice(_instead(short, "bedrock"), f"there is no bedrock:{short}; remove it")
    return f"{text}: IAM knows no prefix {service}, so this matches no request", advice


def _unknown(text: str) -> tuple[str, str] | None:
    service, colon, short = text.partition(":")
    if text == "*":
        return None
    if not colon or not short:
        return f"{text!r} is not an action: one is SERVICE:Name", "write the service's prefix and a colon"
    if service.casefold() in services() and not expand(text):
        advice = _advice(_instead(short, service.casefold()), "remove it")
        return f"{text} does not exist, so it matches no request", advice
    return None


def unknown_action(text: str) -> tuple[str, str] | None:
    """What is wrong with the name of an action, and what to write; None where it exists or cannot be known here."""
    return _wrong_prefix(text) or _unknown(text)


def wrong_prefix(document: Document) -> Iterator[Hit]:
    """The prefix is that of an endpoint."""
    for path, _, text in action_paths(document):
        if found := _wrong_prefix(text):
            yield Hit(found[0], path, found[1])


def unknown(document: Document) -> Iterator[Hit]:
    """The service is known, but has no such action."""
    for path, _, text in action_paths(document):
        if found := _unknown(text):
            yield Hit(found[0], path, found[1])


def star_only(document: Document) -> Iterator[Hit]:
    """An action without resource types stands under ARNs only."""
    for path, statement, text in action_paths(document):
        if path[2] != "Action" or not statement.resources or "*" in statement.resources or text == "*":
            continue
        rows = [row for name in expand(text) if (row := action(name))]
        if not rows or any(row.arns for row in rows):
            continue
        effect = "grants" if statement.effect == "Allow" else "denies"
        yield Hit(f'{text} can be granted on "*" only; under an ARN it {effect} nothing', path)


def misplaced(document: Document) -> Iterator[Hit]:
    """An exact action stands on no resource of its types, or a resource under no action that it fits."""
    for path, statement in document.statements():
        # What has no well-formed ARN is told by other rules.
        if not statement.resources or "*" in statement.resources or any(map(misformed, statement.resources)):
            continue
        found = list(_actions_without_resource(path, statement))
        yield from found or _resources_without_action(path, statement)


def _actions_without_resource(path: Path, statement: Statement) -> Iterator[Hit]:
    for number, text in enumerate(statement.actions):
        row = action(text) if not is_wild(text) else None
        if row is None or not row.arns or any(_fits(row, arn) for arn in statement.resources):
            continue
        forms = ", ".join(sorted({shape.rpartition(":")[2].replace("?*", "…") for shape in shapes(row)})[:_SHOWN])
        more = " and the others" if len(statement.resources) > 1 else ""
        yield Hit(
            f"{text} is never authorised on {statement.resources[0]}{more}",
            (*path, "Action", number),
            f"its resources are of the form {forms}",
        )


def _resources_without_action(path: Path, statement: Statement) -> Iterator[Hit]:
    if any(text.partition(":")[0].casefold() not in services() for text in statement.actions) or not statement.actions:
        return
    rows = [row for text in statement.actions for name in expand(text) if (row := action(name))]
    if not rows or not any(row.arns for row in rows):
        return
    for number, arn in enumerate(statement.resources):
        if arn.startswith("arn:") and not any(_fits(row, arn) for row in rows):
            yield Hit(f"none of the statement's actions is authorised on {arn}", (*path, "Resource", number))


def _fits(row: Action, pattern: str) -> bool:
    return any(overlap_arn(pattern, shape) for shape in shapes(row) if shape != _BUCKET or "/" not in pattern)
