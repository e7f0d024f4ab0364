"""Deny blocks on request: what a principal may not do even where another of its policies allows it.

A generated policy allows nothing too much by itself; a Deny speaks about the policies that others attach beside it. Each
block is refused where it would deny what the same principal is to do. Deny statements name actions by wildcard on
purpose: an action that AWS adds tomorrow must not be a way around.

Sources: Bedrock User Guide, guardrails-permissions-id, inference-profiles-prereq, api-keys, security_iam_id-based-policy-
examples-agent (service tiers). Not verified against AWS.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bedrock_gateway.capabilities import capability
from bedrock_gateway.capabilities.models import is_region
from bedrock_gateway.errors import ConfigError
from bedrock_gateway.iam.document import Policy, Statement

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from bedrock_gateway.capabilities import Scope
    from bedrock_gateway.capabilities.table import Operation
    from bedrock_gateway.iam.arns import Conditions

__all__ = ["BLOCKS", "TIERS", "Block", "denied", "deny_statements", "parse_blocks"]

TIERS = ("default", "flex", "priority", "reserved")
"""Service tiers of the API; a call that names none is ``default``."""

GLOBAL = "unspecified"
"""What ``aws:RequestedRegion`` holds for the leg of a global profile that names no Region."""

_INVOKE = ("bedrock:InvokeModel*",)
# Other ways to have a model answer, which take no guardrail and no tier.
_ASIDE = ("bedrock:CreateModelInvocationJob", "bedrock-mantle:*")
# The operations to which a caller can add a guardrail, and the condition key is filled: by AWS's own list.
_GUARDABLE = frozenset({"InvokeModel", "InvokeModelWithResponseStream", "Converse", "ConverseStream"})
_ANSWERS = frozenset(
    {"bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream", "bedrock:CreateModelInvocationJob"}
)


@dataclass(frozen=True, slots=True)
class Block:
    """One kind of Deny."""

    name: str
    summary: str
    make: Callable[[Scope, Sequence[str], Sequence[str]], Iterator[Statement]]
    """From scope, capabilities and values to statements; raises ConfigError where they contradict each other."""
    values: str = ""
    """What it takes after ``=``; empty: nothing."""


def _side_doors(_: Scope, __: Sequence[str], ___: Sequence[str]) -> Iterator[Statement]:
    """The endpoint that is never in the invocation logs, and API keys, which carry no session and no MFA."""
    yield Statement(
        "Deny",
        "DenySideDoors",
        ("bedrock-mantle:*", "bedrock:CallWithBearerToken"),
        resources=("*",),
    )


def _unguarded(scope: Scope, capabilities: Sequence[str], _: Sequence[str]) -> Iterator[Statement]:
    """Every model call without exactly the declared guardrail and version; an absent key is denied as well."""
    if scope.guardrail is None:
        raise ConfigError("unguarded: name the guardrail that calls must carry with --guardrail ID:VERSION")
    identifier, version = scope.guardrail
    if version == "DRAFT":
        raise ConfigError("unguarded: whoever may edit the guardrail can empty its DRAFT; name a numbered version")
    for name, operation in _answering(capabilities):
        if operation.name not in _GUARDABLE:
            raise ConfigError(
                f"unguarded would deny {name}: within {operation.name} AWS calls the model for the caller and without the"
                " guardrail's condition key, so the Deny always holds; let the account enforce the guardrail, or make two"
                " principals",
                key_path="deny",
            )
    arn = f"arn:{scope.partition}:bedrock:{scope.region}:{scope.account}:guardrail/{identifier}:{version}"
    wanted = (("StringNotEquals", (("bedrock:GuardrailIdentifier", (arn,)),)),)
    yield Statement("Deny", "DenyUnguarded", _INVOKE, resources=("*",), conditions=wanted)
    yield Statement("Deny", "DenyUnguardedAside", _ASIDE, resources=("*",))


def _answering(capabilities: Sequence[str]) -> Iterator[tuple[str, Operation]]:
    """Operations of *capabilities* in which a model answers."""
    for name in capabilities:
        for operation in capability(name).operations:
            if any(leg.action in _ANSWERS for leg in operation.legs):
                yield name, operation


def _regions(scope: Scope, capabilities: Sequence[str], values: Sequence[str]) -> Iterator[Statement]:
    """Every call of Bedrock in another Region, and every model that runs in another.

    The two are told apart because AWS does not say what ``aws:RequestedRegion`` holds for the destination of a profile:
    the first statement looks at the key, the second at the Region in the ARN.
    """
    for one in values:
        if one != GLOBAL and not is_region(one):
            raise ConfigError(f"regions: {one[:200]!r} is not a Region; one looks like us-east-1, global is {GLOBAL}")
    if scope.region not in values:
        raise ConfigError(f"regions: {scope.region}, from which the calls are made, is not among them", key_path="deny")
    _reaches(scope, capabilities, values)
    elsewhere = (("StringNotEquals", (("aws:RequestedRegion", tuple(values)),)),)
    yield Statement(
        "Deny", "DenyOtherRegions", ("bedrock-mantle:*", "bedrock:*"), resources=("*",), conditions=elsewhere
    )
    regional = [f"arn:{scope.partition}:bedrock:{one}:*:*" for one in values if one != GLOBAL]
    within = (*regional, *([f"arn:{scope.partition}:bedrock:::foundation-model/*"] if GLOBAL in values else []))
    yield Statement("Deny", "DenyOtherDestinations", _INVOKE, not_resources=within)


def _reaches(scope: Scope, capabilities: Sequence[str], values: Sequence[str]) -> None:
    """Refuse a list of Regions that a declared profile runs beyond."""
    from bedrock_gateway.iam.generate import generate

    models = [one.arn for one in generate(capabilities, scope).grants if ":foundation-model/" in one.arn]
    missing = sorted({arn.split(":")[3] or GLOBAL for arn in models} - set(values))
    if GLOBAL in missing:
        raise ConfigError(
            f"regions: a declared global profile may run in any Region, which a list of Regions forbids; add {GLOBAL} to the"
            " list to allow global profiles all the same",
            key_path="deny",
        )
    if missing:
        raise ConfigError(
            f"regions: a declared profile also runs in {', '.join(missing)}: add them, or declare another model",
            key_path="deny",
        )


def _tiers(_: Scope, capabilities: Sequence[str], values: Sequence[str]) -> Iterator[Statement]:
    """Every model call of another service tier.

    A call that names no tier is of tier ``default``. Whether AWS then leaves the key out is not stated, so an absent key
    is denied exactly where ``default`` is.
    """
    for one in values:
        if one not in TIERS:
            near = difflib.get_close_matches(one, TIERS, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(TIERS)}"
            raise ConfigError(f"tiers: unknown tier {one[:80]!r}; {hint}")
    # A negated operator holds for an absent key, with IfExists too: only Null lets such a call pass.
    given: Conditions = (("Null", (("bedrock:ServiceTier", ("false",)),)),) if "default" in values else ()
    if "default" not in values:
        for name, operation in _answering(capabilities):
            if operation.name not in _GUARDABLE:
                raise ConfigError(
                    f"tiers without default would deny {name}: within {operation.name} AWS calls the model for the caller"
                    " and names no tier",
                    key_path="deny",
                )
    other = (("StringNotEquals", (("bedrock:ServiceTier", tuple(values)),)), *given)
    yield Statement("Deny", "DenyOtherTiers", _INVOKE, resources=("*",), conditions=other)


_ROWS = (
    Block("side-doors", "The bedrock-mantle endpoint and Bedrock API keys.", _side_doors),
    Block("unguarded", "Model calls without the declared guardrail.", _unguarded),
    Block(
        "regions", "Calls and models outside a list of Regions.", _regions, f"REGION,…, {GLOBAL} for global profiles"
    ),
    Block("tiers", "Model calls of other service tiers.", _tiers, f"of {', '.join(TIERS)}"),
)

BLOCKS: Mapping[str, Block] = {row.name: row for row in _ROWS}
"""Every block by its name."""


def parse_blocks(text: str) -> dict[str, tuple[str, ...]]:
    """Read ``side-doors,regions=us-east-1,us-west-2,tiers=default``: a word that names no block continues the list before.

    Raises:
        ConfigError: a block is unknown, is named twice, lacks its values, or takes none.
    """
    found: dict[str, list[str]] = {}
    last = None
    for word in (one.strip() for one in text.split(",")):
        name, equals, value = word.partition("=")
        if name not in BLOCKS and not equals and last is not None and BLOCKS[last].values:
            found[last].append(word)
            continue
        if name not in BLOCKS:
            near = difflib.get_close_matches(name, BLOCKS, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(BLOCKS)}"
            raise ConfigError(f"unknown deny block {name[:80]!r}; {hint}", key_path="deny")
        if name in found:
            raise ConfigError(f"deny block {name} is named twice", key_path="deny")
        if bool(value) != bool(BLOCKS[name].values):
            takes = f"takes {BLOCKS[name].values}: {name}=…" if BLOCKS[name].values else "takes no value"
            raise ConfigError(f"deny block {name} {takes}", key_path="deny")
        last, found[name] = name, [value] if value else []
    return {name: tuple(dict.fromkeys(values)) for name, values in found.items()}


def deny_statements(
    blocks: Mapping[str, Sequence[str]], capabilities: Sequence[str], scope: Scope
) -> tuple[Statement, ...]:
    """Return the statements of *blocks* (name → values) for a principal with *capabilities* in *scope*.

    Raises:
        ConfigError: a block would deny what the capabilities are for, or its values are malformed.
    """
    return tuple(one for name, values in blocks.items() for one in BLOCKS[name].make(scope, capabilities, values))


def denied(policy: Policy, blocks: Mapping[str, Sequence[str]], capabilities: Sequence[str], scope: Scope) -> Policy:
    """Return *policy* with the statements of *blocks* after its own.

    Raises:
        ConfigError: see `deny_statements`.
    """
    return Policy((*policy.statements, *deny_statements(blocks, capabilities, scope)), policy.version)
