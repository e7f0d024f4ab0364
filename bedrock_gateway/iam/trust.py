"""Who may assume a role: trust documents for Bedrock, other services, federated people and programs, accounts.

Both keys of the confused-deputy guard are there wherever AWS documents them: without them any account's Bedrock could be
made to act through the role. A federated trust always names an audience and a subject.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bedrock_gateway.errors import ConfigError
from bedrock_gateway.iam.document import Policy, Statement
from bedrock_gateway.iam.documents.providers import NOT_PROVIDERS, SHARED
from bedrock_gateway.iam.documents.template import Document, Given, Part, assemble, fill, find
from bedrock_gateway.iam.documents.trusts import FEDERATED, TRUSTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from bedrock_gateway.capabilities import Scope

__all__ = ["BEDROCK", "service_trust", "trust"]

BEDROCK = "bedrock.amazonaws.com"

Conditions = tuple[tuple[str, tuple[tuple[str, tuple[str, ...]], ...]], ...]


def guard(scope: Scope, resource: str) -> Conditions:
    """Return the conditions under which Bedrock acts for this account, for *resource* (``knowledge-base/*`` or ``*``)."""
    source = f"arn:{scope.partition}:bedrock:{scope.region}:{scope.account}:{resource}"
    return (
        ("StringEquals", (("aws:SourceAccount", (scope.account,)),)),
        ("ArnLike", (("aws:SourceArn", (source,)),)),
    )


def service_trust(scope: Scope, resource: str = "*") -> Policy:
    """Return the trust document that lets Bedrock, for *resource* of this account and Region, assume the role."""
    return Policy(
        (
            Statement(
                "Allow",
                sid="BedrockOfThisAccount",
                principals=(("Service", BEDROCK),),
                actions=("sts:AssumeRole",),
                conditions=guard(scope, resource),
            ),
        )
    )


def trust(kind: str, given: Given, scope: Scope) -> Document:
    """Return the trust document of that *kind* (a name of `TRUSTS`) with the values *given*.

    Raises:
        ConfigError: the kind is unknown; a value is missing or malformed; a federated trust would not say who, or one in
            another account would not say on whose behalf.
    """
    template = find(TRUSTS, kind, "kind of trust")
    listed = {name: (one,) if isinstance(one, str) else tuple(one) for name, one in given.items()}
    if kind in FEDERATED and {"mfa", "mfa-age"} & listed.keys():
        raise ConfigError(
            f"{kind}: {template.notes[0] if template.notes else 'MFA happens at the provider'}", key_path="mfa"
        )
    if kind == "oidc":
        _says_who(listed)
    if kind == "account":
        _on_whose_behalf(listed, scope)
    parts = list(fill(template, given, scope))
    tags = listed.get("tag", ())
    return assemble([*_tagged(parts, tags), *_may_tag(parts, tags)], notes=template.notes)


def _says_who(given: dict[str, tuple[str, ...]]) -> None:
    """Refuse an OIDC trust without a subject, and one of a shared provider that does not bind the tenant.

    Source: IAM User Guide, id_roles_providers_oidc_secure-by-default. IAM checks only the shared ones it knows.
    """
    provider = (given.get("provider") or ("",))[0]
    subjects = (*given.get("subject", ()), *given.get("subject-like", ()))
    if why := NOT_PROVIDERS.get(provider):
        raise ConfigError(f"{provider} is not a provider for kind `oidc`: {why}", key_path="provider")
    if not any(subjects):
        raise ConfigError(
            "oidc needs subject=…: without it everybody whom the provider knows may assume the role", key_path="subject"
        )
    host = next((one for one in SHARED if provider == one or provider.startswith(f"{one}/")), None)
    for subject in subjects if host else ():
        if not SHARED[host or ""].bound.fullmatch(subject):
            raise ConfigError(
                f"{provider} is shared by many tenants, and {subject[:200]!r} does not bind one: {SHARED[host or ''].example}",
                key_path="subject",
            )


def _on_whose_behalf(given: dict[str, tuple[str, ...]], scope: Scope) -> None:
    """Refuse another account's principal without an external id or an organisation: its owner could be a deputy."""
    if any(given.get("external-id", ())) or any(given.get("organisation", ())):
        return
    foreign = [one for one in given.get("principal", ()) if f"::{scope.account}:" not in one]
    if foreign:
        raise ConfigError(
            f"{foreign[0][:200]} is of another account: name an external-id that its owner sends for you, or your"
            " organisation",
            key_path="external-id",
        )


def _pairs(tags: Sequence[str]) -> list[tuple[str, str]]:
    return [(key, value) for key, _, value in (one.partition("=") for one in tags)]


def _required(tags: Sequence[str]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return the tags that must have a value, each with every value it may have."""
    by_key: dict[str, tuple[str, ...]] = {}
    for key, value in _pairs(tags):
        if value:
            by_key[key] = (*by_key.get(key, ()), value)
    return tuple((f"aws:RequestTag/{key}", values) for key, values in by_key.items())


def _and(conditions: Conditions, operator: str, keys: tuple[tuple[str, tuple[str, ...]], ...]) -> Conditions:
    if not keys:
        return conditions
    merged = dict(conditions)
    merged[operator] = (*merged.get(operator, ()), *keys)
    return tuple(merged.items())


def _tagged(parts: Iterable[Part], tags: Sequence[str]) -> Iterator[Part]:
    """Demand the tags that must have a value of whoever assumes the role."""
    for part in parts:
        conditions = _and(part.statement.conditions, "StringEquals", _required(tags))
        yield replace(part, statement=replace(part.statement, conditions=conditions))


def _may_tag(parts: Sequence[Part], tags: Sequence[str]) -> Iterator[Part]:
    """Let the same principals pass these tags and no others; a provider that tags needs it in every role behind it.

    The statement does not ask again who they are: AWS gives sts:TagSession neither the claims of OIDC nor the external id,
    and without the right to assume the role it permits nothing.
    """
    if not tags:
        return
    keys = tuple(dict.fromkeys(key for key, _ in _pairs(tags)))
    conditions = _and((), "StringEquals", _required(tags))
    conditions = _and(conditions, "ForAllValues:StringEquals", (("aws:TagKeys", keys),))
    conditions = _and(conditions, "Null", (("aws:TagKeys", ("false",)),))
    principals = tuple(dict.fromkeys(one for part in parts for one in part.statement.principals))
    statement = Statement("Allow", "PassTags", ("sts:TagSession",), principals=principals, conditions=conditions)
    yield Part(statement, source="IAM User Guide, id_session-tags")
