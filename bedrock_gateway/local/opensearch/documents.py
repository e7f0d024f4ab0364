"""The three kinds of policy documents: what each must look like, and what it says of a collection.

They are no IAM documents: rules, permissions and principals have a grammar of their own. Sources: OpenSearch Service
Developer Guide, serverless-encryption, serverless-network and serverless-data-access. Texts are not AWS's.
"""

from __future__ import annotations

import json
import re
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from bedrock_gateway.local.opensearch.state import invalid

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["allows_public", "collections_of", "key_for", "parsed", "permits", "serves"]

_PATTERNS: Mapping[str, re.Pattern[str]] = {
    "collection": re.compile(r"collection/[a-z0-9*][a-z0-9*-]*"),
    "dashboard": re.compile(r"collection/[a-z0-9*][a-z0-9*-]*"),
    "index": re.compile(r"index/[a-z0-9*][a-z0-9*-]*/[^/\s]+"),
    "model": re.compile(r"model/[a-z0-9*][a-z0-9*-]*/[^/\s]+"),
}
_PERMISSIONS: Mapping[str, frozenset[str]] = {
    "collection": frozenset(f"aoss:{verb}CollectionItems" for verb in ("Create", "Delete", "Update", "Describe"))
    | {"aoss:*"},
    "index": frozenset(
        {
            "aoss:CreateIndex",
            "aoss:DeleteIndex",
            "aoss:DescribeIndex",
            "aoss:ReadDocument",
            "aoss:UpdateIndex",
            "aoss:WriteDocument",
            "aoss:*",
        }
    ),
    "model": frozenset({"aoss:CreateMLResource", "aoss:DeleteMLResource", "aoss:ExecuteMLResource", "aoss:*"}),
}
_TYPES: Mapping[str, tuple[str, ...]] = {
    "encryption": ("collection",),
    "network": ("collection", "dashboard"),
    "data": ("collection", "index", "model"),
}
_SERVICES = frozenset({"bedrock.amazonaws.com", "aoss.amazonaws.com", "application.opensearchservice.amazonaws.com"})
_MEMBERS: Mapping[str, frozenset[str]] = {
    "encryption": frozenset({"Rules", "AWSOwnedKey", "KmsARN"}),
    "network": frozenset({"Description", "Rules", "AllowFromPublic", "SourceVPCEs", "SourceServices"}),
    "data": frozenset({"Description", "Rules", "Principal"}),
}
_PRINCIPAL = re.compile(
    r"arn:aws[a-z-]*:(?:iam::\d{12}:(?:root|(?:user|role)/.+)|sts::\d{12}:(?:assumed-role|federated-user)/.+)"
    r"|saml/\d{12}/.+|iamidentitycenter/.+"
)


def parsed(kind: str, text: str) -> Any:
    """Return the document that *text* is, checked as the service checks it.

    Raises:
        Fault: ``ValidationException`` where it is none of that kind.
    """
    try:
        document = json.loads(text)
    except ValueError:
        raise invalid("Policy json is invalid, error: it is not JSON") from None
    parts = [document] if kind == "encryption" else document
    if not isinstance(parts, list) or not parts or not all(isinstance(one, dict) for one in parts):
        form = "an object" if kind == "encryption" else "an array of objects"
        raise invalid(f"Policy json is invalid, error: a policy of type {kind} is {form}")
    for one in parts:
        _check_part(kind, one)
    return document


def _check_part(kind: str, part: Mapping[str, Any]) -> None:
    strange = sorted(set(part) - _MEMBERS[kind])
    if strange:
        raise invalid(f"Policy json is invalid, error: [$.{strange[0]}: is not defined in the schema]")
    rules = part.get("Rules")
    if not isinstance(rules, list) or not rules:
        raise invalid("Policy json is invalid, error: [$.Rules: is missing but it is required]")
    for rule in rules:
        _check_rule(kind, rule)
    _CHECKS[kind](part)


def _check_rule(kind: str, rule: Any) -> None:
    type_, resources = (rule.get("ResourceType"), rule.get("Resource")) if isinstance(rule, dict) else (None, None)
    if type_ not in _TYPES[kind]:
        raise invalid(f"Policy json is invalid, error: [ResourceType: does not have a value in {list(_TYPES[kind])}]")
    if not isinstance(resources, list) or not resources:
        raise invalid("Policy json is invalid, error: [Resource: is missing but it is required]")
    for one in resources:
        if not isinstance(one, str) or not _PATTERNS[type_].fullmatch(one):
            raise invalid(f"Policy json is invalid, error: [Resource: {str(one)[:80]} does not match {type_}/NAME]")
    if kind == "data":
        _check_permissions(type_, rule.get("Permission"))


def _check_permissions(type_: str, permissions: Any) -> None:
    if not isinstance(permissions, list) or not permissions:
        raise invalid("Policy json is invalid, error: [Permission: is missing but it is required]")
    for one in permissions:
        if one not in _PERMISSIONS[type_]:
            known = ", ".join(sorted(_PERMISSIONS[type_]))
            raise invalid(f"Policy json is invalid, error: [Permission: {str(one)[:80]} is none of {known}]")


def _check_encryption(part: Mapping[str, Any]) -> None:
    if (part.get("AWSOwnedKey") is True) == bool(part.get("KmsARN")):
        raise invalid("Policy json is invalid, error: set either AWSOwnedKey to true, or KmsARN")


def _check_network(part: Mapping[str, Any]) -> None:
    public, inside = part.get("AllowFromPublic"), [*part.get("SourceVPCEs", ()), *part.get("SourceServices", ())]
    if not isinstance(public, bool):
        raise invalid("Policy json is invalid, error: [$.AllowFromPublic: is missing but it is required]")
    if public == bool(inside):
        raise invalid("Policy json is invalid, error: AllowFromPublic excludes SourceVPCEs and SourceServices")
    for one in part.get("SourceServices", ()):
        if one not in _SERVICES:
            raise invalid(f"Policy json is invalid, error: [SourceServices: {str(one)[:80]} is no such service]")


def _check_data(part: Mapping[str, Any]) -> None:
    principals = part.get("Principal")
    if not isinstance(principals, list) or not principals:
        raise invalid("Policy json is invalid, error: [$.Principal: is missing but it is required]")
    for one in principals:
        if not isinstance(one, str) or not _PRINCIPAL.fullmatch(one):
            raise invalid(f"Policy json is invalid, error: [Principal: {str(one)[:80]} is no principal]")


_CHECKS = {"encryption": _check_encryption, "network": _check_network, "data": _check_data}


# -- what they say -----------------------------------------------------------------------------------------------------


def _rules(document: Any) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """(part, rule) of every rule of a document."""
    for part in [document] if isinstance(document, dict) else document:
        for rule in part["Rules"]:
            yield part, rule


def _covers(rule: Mapping[str, Any], type_: str, resource: str) -> bool:
    return rule["ResourceType"] == type_ and any(fnmatchcase(resource, one) for one in rule["Resource"])


def collections_of(document: Any) -> list[str]:
    """Return the names of the collections that a document is about, as written, each once."""
    named = (one.split("/")[1] for _, rule in _rules(document) for one in rule["Resource"])
    return list(dict.fromkeys(named))


def key_for(document: Any, collection: str) -> str | None:
    """Return the key of an encryption document for a collection, ``auto`` for AWS's own; None: it is not about it."""
    for part, rule in _rules(document):
        if _covers(rule, "collection", f"collection/{collection}"):
            return str(part.get("KmsARN") or "auto")
    return None


def allows_public(document: Any, collection: str) -> bool:
    """Whether a network document lets anybody in the internet reach a collection."""
    reached = (part for part, rule in _rules(document) if _covers(rule, "collection", f"collection/{collection}"))
    return any(part["AllowFromPublic"] for part in reached)


def serves(document: Any, collection: str, service: str) -> bool:
    """Whether a network document lets *service*, an AWS service's principal, reach a collection."""
    reached = (part for part, rule in _rules(document) if _covers(rule, "collection", f"collection/{collection}"))
    return any(part["AllowFromPublic"] or service in part.get("SourceServices", ()) for part in reached)


def permits(document: Any, principals: frozenset[str], permission: str, type_: str, resource: str) -> bool:
    """Whether a data document gives one of *principals*, ARNs of one caller, a permission on a resource."""
    return any(
        _covers(rule, type_, resource)
        and not principals.isdisjoint(part["Principal"])
        and not {permission, "aoss:*"}.isdisjoint(rule["Permission"])
        for part, rule in _rules(document)
    )
