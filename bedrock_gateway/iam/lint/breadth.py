"""Rules about what is wider than any need: wildcards in actions and resources, Not elements, other models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bedrock_gateway.iam.actions import action, expand, services
from bedrock_gateway.iam.globs import is_wild
from bedrock_gateway.iam.lint.legs import INVOKE, STREAM
from bedrock_gateway.iam.lint.model import Hit
from bedrock_gateway.iam.lint.shapes import parse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bedrock_gateway.iam.actions import Action
    from bedrock_gateway.iam.document import Statement
    from bedrock_gateway.iam.lint.model import Document

__all__ = ["everything_but", "wide_action", "wide_model", "wide_resource"]

# Conditions that say on whose or on which resources, as Resource would.
_BOUNDING = (
    "aws:resourcetag/",
    "aws:resourceaccount",
    "aws:calledvia",
    "aws:requesttag/",
    "iam:passedtoservice",
    "iam:awsservicename",
    "iam:permissionsboundary",
    "bedrock:inferenceprofilearn",
    "bedrock:promptrouterarn",
    "bedrock:thirdpartyknowledgebase",
    "kms:viaservice",
)
_MODEL_KINDS = frozenset(
    {
        "foundation-model",
        "inference-profile",
        "application-inference-profile",
        "provisioned-model",
        "custom-model-deployment",
        "imported-model",
        "prompt-router",
    }
)
_SHOWN = 4


def _changes(row: Action) -> bool:
    return row.access_level not in {"Read", "List"}


def _matters(row: Action) -> bool:
    """Whether the action reads content or changes something: more than listing names."""
    return row.access_level != "List"


def _scopable(row: Action) -> bool:
    """Whether every request names a resource; AWS's table marks none of S3's as required, and yet each does."""
    return bool(row.arns) and (not row.optional or row.name.startswith("s3:"))


def _rows(pattern: str) -> list[Action]:
    return [row for name in expand(pattern) if (row := action(name))]


def _bounded(statement: Statement) -> bool:
    return any(key.casefold().startswith(_BOUNDING) for _, pairs in statement.conditions for key, _ in pairs)


def wide_action(document: Document) -> Iterator[Hit]:
    """A wildcard in an action takes in actions that change something, or everything of a service."""
    if document.kind == "scp":
        return
    for path, statement in document.statements("Allow"):
        for number, text in enumerate(statement.actions):
            if not is_wild(text):
                continue
            where = (*path, "Action", number)
            service = text.partition(":")[0]
            if text == "*" or text.endswith(":*"):
                yield Hit(f"{text} allows every action of {'every service' if text == '*' else service}", where)
                continue
            if service.casefold() not in services():
                continue
            changing = [row.name for row in _rows(text) if _changes(row)]
            if len(changing) > 1:
                more = f" and {len(changing) - _SHOWN} more" if len(changing) > _SHOWN else ""
                yield Hit(f"{text} takes in {', '.join(changing[:_SHOWN])}{more}", where)


def wide_resource(document: Document) -> Iterator[Hit]:
    """``*`` beside actions that could be scoped."""
    if document.kind != "identity":
        return
    for path, statement in document.statements("Allow"):
        if "*" not in statement.resources or _bounded(statement):
            continue
        scopable = [
            row.name
            for text in statement.actions
            if text != "*" and not text.endswith(":*")
            for row in _rows(text)
            if _scopable(row) and _matters(row)
        ]
        if scopable:
            more = f" and {len(scopable) - _SHOWN} more" if len(scopable) > _SHOWN else ""
            yield Hit(
                f'"*" lets {", ".join(scopable[:_SHOWN])}{more} reach every resource',
                (*path, "Resource"),
            )


def wide_model(document: Document) -> Iterator[Hit]:
    """Calls of every model, instead of those that are used."""
    for path, statement in document.statements("Allow"):
        if not any(expand(text) and {INVOKE, STREAM} & set(expand(text)) for text in statement.actions):
            continue
        for number, text in enumerate(statement.resources):
            arn = parse(text)
            if (
                arn
                and arn.service == "bedrock"
                and arn.kind in {*_MODEL_KINDS, "*"}
                and set(text.rpartition("/")[2]) == {"*"}
            ):
                yield Hit(f"{text} lets every model of that kind be called", (*path, "Resource", number))


def everything_but(document: Document) -> Iterator[Hit]:
    """Not elements in an Allow: what AWS adds tomorrow is allowed too."""
    if document.kind == "scp":
        return
    for path, statement in document.statements("Allow"):
        for element, values in (("NotAction", statement.not_actions), ("NotResource", statement.not_resources)):
            if values:
                yield Hit(
                    f"{element} with Allow grants all but {len(values)}, new actions and resources included",
                    (*path, element),
                )
