"""Rules about iam:PassRole: AWS's reference does not list it as needed, and without bounds it is an escalation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bedrock_gateway.iam.globs import overlap
from bedrock_gateway.iam.lint.model import Hit
from bedrock_gateway.iam.lint.shapes import parse

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bedrock_gateway.iam.document import Statement
    from bedrock_gateway.iam.lint.model import Document

__all__ = ["missing", "unbounded"]

_PASS = "iam:passrole"
_TO_SERVICE = "iam:passedtoservice"
_BOUNDING = ("iam:passedtoservice", "iam:associatedresourcearn", "aws:resourcetag/", "iam:resourcetag/")

_PASSES: Mapping[str, str] = {
    "bedrock:CreateKnowledgeBase": "the knowledge base's service role",
    "bedrock:CreateModelInvocationJob": "the batch job's role",
    "bedrock:CreateModelCustomizationJob": "the job's role",
    "bedrock:CreateModelImportJob": "the job's role",
    "bedrock:CreateEvaluationJob": "the job's role",
    "bedrock:PutModelInvocationLoggingConfiguration": "the logging role (for CloudWatch Logs)",
}


def _grants(statement: Statement, action: str) -> bool:
    if statement.not_actions:
        return not any(overlap(pattern.casefold(), action) for pattern in statement.not_actions)
    return any(overlap(pattern.casefold(), action) for pattern in statement.actions)


def missing(document: Document) -> Iterator[Hit]:
    """An operation that hands a role to Bedrock, in a document that lets no role be passed."""
    if document.kind != "identity" or any(_grants(one, _PASS) for _, one in document.statements("Allow")):
        return
    for path, statement in document.statements("Allow"):
        for number, text in enumerate(statement.actions):
            for action, role in _PASSES.items():
                if text.casefold() == action.casefold():
                    yield Hit(
                        f"{action} hands {role} to Bedrock, and no statement allows iam:PassRole",
                        (*path, "Action", number),
                    )


def unbounded(document: Document) -> Iterator[Hit]:
    """iam:PassRole on every role, or to every service."""
    for path, statement in document.statements("Allow"):
        if not _grants(statement, _PASS):
            continue
        where = (*path, "Action") if statement.actions else (*path, "NotAction")
        keys = [key.casefold() for _, pairs in statement.conditions for key, _ in pairs]
        wide = _wide(statement)
        if wide:
            yield Hit(f"iam:PassRole on {wide} lets every such role be handed over, an administrator's too", where)
        if _TO_SERVICE not in keys and not (wide and any(key.startswith(_BOUNDING) for key in keys)):
            yield Hit("iam:PassRole without iam:PassedToService lets the role be handed to any service", where)


def _wide(statement: Statement) -> str | None:
    """The resource that names no particular role."""
    if statement.not_resources:
        return "everything but NotResource"
    for text in statement.resources:
        arn = parse(text)
        if text == "*" or (
            arn and arn.service in {"iam", "*"} and set(arn.resource.removeprefix("role/")) <= {"*", "/"}
        ):
            return text
    return None
