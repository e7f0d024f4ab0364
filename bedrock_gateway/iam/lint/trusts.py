"""Rules about who may assume a role, and whom a resource policy lets in."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bedrock_gateway.iam.globs import is_wild, overlap
from bedrock_gateway.iam.lint.model import Hit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bedrock_gateway.iam.document import Statement
    from bedrock_gateway.iam.lint.model import Document
    from bedrock_gateway.iam.source import Path

__all__ = ["federated", "principals", "service_guard", "wrong_elements"]

_OIDC = re.compile(r"arn:[^:]+:iam::[^:]*:oidc-provider/(.+)")
_SAML = re.compile(r"arn:[^:]+:iam::[^:]*:saml-provider/(.+)")
_GITHUB = "token.actions.githubusercontent.com"
_COGNITO = re.compile(r"cognito-identity(-us-gov|\.us-gov-east-1)?\.amazonaws\.com")
_NOT_EQUAL = re.compile(r"not|null|^forallvalues:", re.IGNORECASE)

# Which claim besides the audience picks who may come in, where it is not `sub`.
_SUBJECT: Mapping[str, tuple[str, ...]] = {"cognito": ("amr", "sub")}

# Services that AWS documents to send aws:SourceAccount or aws:SourceArn when they assume a role or write to a resource.
_GUARDED = frozenset(
    {
        "bedrock.amazonaws.com",
        "ecs-tasks.amazonaws.com",
        "delivery.logs.amazonaws.com",
        "logging.s3.amazonaws.com",
    }
)
_GUARDS = ("aws:sourceaccount", "aws:sourcearn", "aws:sourceorgid", "aws:sourceorgpaths")

_ACTION_FOR: Mapping[str, str] = {"saml": "sts:AssumeRoleWithSAML", "oidc": "sts:AssumeRoleWithWebIdentity"}
# AWS asks for these besides the action that assumes the role, and gives them few of its keys.
_BESIDES = frozenset({"sts:tagsession", "sts:setsourceidentity"})


def _conditions(statement: Statement) -> dict[str, list[str]]:
    """Condition keys in lower case → values, of the operators that demand a value."""
    found: dict[str, list[str]] = {}
    for operator, pairs in statement.conditions:
        if _NOT_EQUAL.search(operator) or operator.casefold().endswith("ifexists"):
            continue
        for key, values in pairs:
            found.setdefault(key.casefold(), []).extend(values)
    return found


def _lets_in(statement: Statement) -> bool:
    """Whether *statement* is about coming in at all: what only accompanies that permits nothing by itself."""
    return not statement.actions or any(one.casefold() not in _BESIDES for one in statement.actions)


def _federated(document: Document) -> Iterator[tuple[Path, Statement, str]]:
    for path, statement in document.statements("Allow"):
        for kind, value in statement.principals:
            if kind == "Federated" and _lets_in(statement):
                yield path, statement, value


def federated(document: Document) -> Iterator[Hit]:
    """An identity provider whose every user is let in, or every client."""
    for path, statement, value in _federated(document):
        demanded = _conditions(statement)
        where = (*path, "Condition") if statement.conditions else (*path, "Principal")
        if found := _OIDC.fullmatch(value):
            yield from _claims(demanded, found[1].casefold(), where, ("sub",))
        elif _COGNITO.fullmatch(value):
            yield from _claims(demanded, value.casefold(), where, _SUBJECT["cognito"])
        elif _SAML.fullmatch(value) and "saml:aud" not in demanded:
            yield Hit(
                f"{value}: without SAML:aud an assertion made for another service is taken",
                where,
                'add "StringEquals": {"SAML:aud": "https://signin.aws.amazon.com/saml"}',
            )


def _claims(demanded: Mapping[str, list[str]], issuer: str, where: Path, subject: tuple[str, ...]) -> Iterator[Hit]:
    if f"{issuer}:aud" not in demanded:
        yield Hit(
            f"{issuer}: without a condition on {issuer}:aud a token made for another client is taken",
            where,
            f'add "StringEquals": {{"{issuer}:aud": …}}',
        )
    values = [one for claim in subject for one in demanded.get(f"{issuer}:{claim}", [])]
    if not values:
        yield Hit(
            f"{issuer}: without a condition on {issuer}:{subject[0]} every user of the provider is let in",
            where,
            f'add "StringEquals": {{"{issuer}:{subject[0]}": …}}',
        )
        return
    for value in values:
        if not value.strip("*?:"):
            yield Hit(f"{issuer}:{subject[0]} = {value!r} lets every user of the provider in", where)
        elif issuer == _GITHUB and re.fullmatch(r"repo:(\*|[^/]*\*[^/]*/.*|[^/]+/\*.*)", value):
            yield Hit(f"{value}: every repository that this matches is let in", where, "name one repository and branch")


def service_guard(document: Document) -> Iterator[Hit]:
    """A service is let in for whichever account makes it act: the confused deputy."""
    if document.kind not in {"trust", "resource"}:
        return
    for path, statement in document.statements("Allow"):
        for kind, value in statement.principals:
            if kind != "Service" or value.casefold() not in _GUARDED:
                continue
            if not any(key in _GUARDS for key in _conditions(statement)):
                yield Hit(
                    f"{value} is let in for any account: no aws:SourceAccount and no aws:SourceArn is demanded",
                    (*path, "Principal"),
                )


def principals(document: Document) -> Iterator[Hit]:
    """Principals that are wider than they look, or that match nobody."""
    for path, statement in document.statements():
        if statement.not_principals and statement.effect == "Allow":
            yield Hit("NotPrincipal with Allow lets everybody in but those it names", (*path, "NotPrincipal"))
        for kind, value in statement.principals:
            where = (*path, "Principal")
            if value == "*" and statement.effect == "Allow" and not statement.conditions:
                yield Hit("everybody is let in, of any account", where, "name the principal")
            elif kind == "AWS" and value != "*" and is_wild(value):
                yield Hit(f"{value}: a principal takes no wildcard within, so this names nobody", where)
        yield from _wrong_action(path, statement)


def _wrong_action(path: Path, statement: Statement) -> Iterator[Hit]:
    for kind, value in statement.principals:
        if kind != "Federated" or not _lets_in(statement):
            continue
        needed = _ACTION_FOR["saml" if _SAML.fullmatch(value) else "oidc"]
        if statement.actions and not any(overlap(one.casefold(), needed.casefold()) for one in statement.actions):
            yield Hit(
                f"{value} comes in by {needed}, which the statement does not name", (*path, "Action"), f"add {needed}"
            )


def wrong_elements(document: Document) -> Iterator[Hit]:
    """Elements that the kind of document does not have, or lacks."""
    for path, statement in document.statements():
        named = bool(statement.principals or statement.not_principals)
        on = bool(statement.resources or statement.not_resources)
        if document.kind in {"identity", "scp"} and named:
            yield Hit("a policy of a principal has no Principal", (*path, "Principal"), "remove it")
        if document.kind in {"trust", "resource"} and not named:
            yield Hit("a policy of a resource names a Principal", path, "add the principal")
        if document.kind == "trust" and on:
            yield Hit("a trust policy has no Resource: it is the role's", (*path, "Resource"), "remove it")
        if document.kind != "trust" and not on:
            yield Hit("the statement names no Resource", path, 'add "Resource"')
