"""Rules about resources: ARNs that match nothing, and ARNs that match too much."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bedrock_gateway.capabilities.models import is_region
from bedrock_gateway.iam.globs import is_wild
from bedrock_gateway.iam.lint.model import Hit
from bedrock_gateway.iam.lint.shapes import Arn, parse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bedrock_gateway.iam.document import Statement
    from bedrock_gateway.iam.lint.model import Document
    from bedrock_gateway.iam.source import Path

__all__ = ["malformed", "misformed", "owned_wrongly", "ownership", "resource_paths"]

_PARTITIONS = frozenset({"aws", "aws-cn", "aws-us-gov", "aws-iso", "aws-iso-b", "aws-iso-e", "aws-iso-f", "aws-eusc"})
_ACCOUNT = re.compile(r"[0-9]{12}|aws|cloudfront|aws-marketplace|third-party")
_PARTS = 6

# Services whose ARNs leave a part out: (Region is empty, account is empty). None: both forms exist.
_EMPTY_PARTS: dict[str, tuple[bool | None, bool | None]] = {
    "iam": (True, False),
    "s3": (None, None),
    "sts": (True, False),
    "logs": (False, False),
    "kms": (False, False),
    "s3vectors": (False, False),
    "aoss": (False, False),
}
_OWNERSHIP = ("aws:resourceaccount", "aws:resourceorgid", "aws:resourceorgpaths", "aws:resourcetag/")


def resource_paths(document: Document) -> Iterator[tuple[Path, Statement, str]]:
    """Every resource pattern with its path, those of NotResource too."""
    for path, statement in document.statements():
        for element, values in (("Resource", statement.resources), ("NotResource", statement.not_resources)):
            for number, text in enumerate(values):
                yield (*path, element, number), statement, text


def owned_wrongly(document: Document) -> Iterator[Hit]:
    """A foundation model with an account, or another Bedrock resource without one."""
    for path, _, text in resource_paths(document):
        if found := _wrong_owner(text):
            yield Hit(f"{text}: {found[0]}", path, found[1])


def _wrong_owner(text: str) -> tuple[str, str] | None:
    """What is wrong with the account in a Bedrock ARN, and what to do."""
    arn = parse(text)
    if arn is None or arn.service != "bedrock" or not arn.resource or is_wild(arn.kind):
        return None
    if arn.kind == "foundation-model" and arn.account not in {"", "*"}:
        right = f"arn:{arn.partition}:bedrock:{arn.region}::{arn.resource}"
        return "AWS owns foundation models, their ARN has no account", f"write {right}"
    if arn.kind != "foundation-model" and arn.account == "":
        return f"an ARN of type {arn.kind} names its account", "put the account id in the fifth part"
    return None


def misformed(text: str) -> bool:
    """Whether `owned_wrongly` or `malformed` has something to say about the resource."""
    return text != "*" and not text.startswith("${") and (_wrong_owner(text) is not None or any(_faults(text)))


def malformed(document: Document) -> Iterator[Hit]:
    """What is not an ARN, or has a part that no ARN of its service has."""
    for path, _, text in resource_paths(document):
        if text == "*" or text.startswith("${"):
            continue
        for message in _faults(text):
            yield Hit(f"{text}: {message}", path)


def _faults(text: str) -> Iterator[str]:
    arn = parse(text)
    if arn is None:
        yield "an ARN begins with arn:, and a resource is an ARN or *"
        return
    if text.count(":") < _PARTS - 1:
        yield f"an ARN has {_PARTS} parts; IAM reads those that are lacking as *"
        return
    if not is_wild(arn.partition) and arn.partition not in _PARTITIONS:
        yield f"there is no partition {arn.partition!r}"
    if arn.service != arn.service.casefold():
        yield f"the service is written in lower case, {arn.service.casefold()}"
    if arn.region and not is_wild(arn.region) and not is_region(arn.region):
        yield f"{arn.region!r} is not a Region"
    if arn.account and not is_wild(arn.account) and not _ACCOUNT.fullmatch(arn.account):
        yield f"{arn.account!r} is not an account id of 12 digits"
    if not arn.resource:
        yield "it names no resource"
    yield from _empty_parts(arn)


def _empty_parts(arn: Arn) -> Iterator[str]:
    region, account = _EMPTY_PARTS.get(arn.service, (None, None))
    if arn.service == "s3" and not re.match(r"accesspoint|job/|storage-lens|access-grants|async-request", arn.resource):
        region, account = True, True
    for part, empty, name in ((arn.region, region, "Region"), (arn.account, account, "account")):
        if empty is True and part not in {"", "*"}:
            yield f"an ARN of {arn.service} has no {name}"
        if empty is False and part == "":
            yield f"an ARN of {arn.service} names its {name}"


def ownership(document: Document) -> Iterator[Hit]:
    """A condition on who owns the resource, on a statement that grants foundation models."""
    for path, statement in document.statements("Allow"):
        models = [one for one in statement.resources if (arn := parse(one)) and arn.kind == "foundation-model"]
        if not models:
            continue
        for operator, keys in statement.conditions:
            for key, _ in keys:
                if key.casefold().startswith(_OWNERSHIP) and not operator.casefold().endswith("ifexists"):
                    yield Hit(
                        f"{key} is not the caller's for {models[0]}, so the statement does not grant it",
                        (*path, "Condition", operator, key),
                    )
