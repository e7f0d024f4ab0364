"""Which of the account's quotas are about a model: AWS gives their codes no meaning, so that only their names tell.

The names are those of lists that people published (``Cross-region model inference tokens per minute for Anthropic Claude
Sonnet 4 V1``) and of the Bedrock User Guide, quotas-runtime (``Cross-Region InvokeModel tokens per minute for …``). A name
counts only where all of it is understood: variants such as ``1M Context Length`` are quotas of their own. Not verified
against AWS.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from bedrock_gateway.capabilities.models import parse_model_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from bedrock_gateway.config import GatewayConfig

__all__ = ["Kind", "Limit", "Target", "burndown", "limits_of", "target_of"]

Kind = tuple[Literal["tokens", "requests"], Literal["minute", "day"]]

_BY_REACH = re.compile(
    r"(?P<reach>on-demand|(?:global )?cross-region) (?:model inference|invokemodel) (?P<unit>tokens|requests)"
    r" per (?P<period>minute|day) for (?P<model>.+)",
    re.IGNORECASE,
)
_BY_DAY = re.compile(
    r"model invocation max tokens per day for (?P<model>.+?)(?P<doubled> \(doubled for cross-region calls\))?",
    re.IGNORECASE,
)
_VERSION, _DATE, _FIRST = re.compile(r"\bv(?=\d)"), re.compile(r"-(?:19|20)\d{6}\b"), re.compile(r"[- ]v?1$")
_NO_WORD = re.compile(r"[^a-z0-9]+")
_VENDORS = ("", "ai", "labs", "com")
"""What may follow a vendor's name: Mistral AI, AI21 Labs."""
_CALLED = {"titan-embed-text": "titan-text-embeddings"}
"""Part of an id → what AWS calls it in names, where that is another order of the words."""


@dataclass(frozen=True, slots=True)
class Limit:
    """One quota of a model."""

    name: str
    value: float


@dataclass(frozen=True, slots=True)
class Target:
    """Which quotas calls of an id take from: those of its model, for the way it is called."""

    model: str
    """Id of the foundation model."""
    reach: Literal["on-demand", "cross-region", "global cross-region"]


def target_of(config: GatewayConfig, text: str) -> Target | None:
    """Return what calls of *text* take from; None: throughput of its own, or the configuration does not tell."""
    model = parse_model_id(text)
    if model.kind == "application-profile":
        behind = config.wraps.get(text, ())
        return target_of(config, behind[0]) if len(behind) == 1 else None
    if model.model is None or model.kind not in {"on-demand", "profile"}:
        return None
    if model.kind == "on-demand":
        return Target(model.model, "on-demand")
    return Target(model.model, "global cross-region" if model.geography == "global" else "cross-region")


def limits_of(quotas: Iterable[Mapping[str, Any]], target: Target, called: str | None = None) -> dict[Kind, Limit]:
    """Return what AWS lists for *target*: per minute and day, in tokens and requests.

    *called*: what Service Quotas calls the model; None: found from its id.
    """
    found: dict[Kind, Limit] = {}
    doubled: dict[Kind, Limit] = {}
    for quota in quotas:
        if quota.get("Value") is None:  # AWS says why it could not tell it (`ErrorReason`): that is not a quota of 0
            continue
        name, value = str(quota.get("QuotaName", "")), float(quota["Value"])
        if (match := _BY_REACH.fullmatch(name)) and match["reach"].lower() == target.reach:
            if _same(match["model"], target.model, called):
                found[match["unit"].lower(), match["period"].lower()] = Limit(name, value)  # type: ignore[index]
        elif (match := _BY_DAY.fullmatch(name)) and target.reach != "global cross-region":
            across = bool(match["doubled"]) and target.reach == "cross-region"
            if _same(match["model"], target.model, called):
                of = doubled if bool(match["doubled"]) == (target.reach == "cross-region") else found
                of.setdefault(("tokens", "day"), Limit(name, 2 * value if across else value))
    return found | doubled


def _same(name: str, model: str, called: str | None) -> bool:
    if called is not None:
        return _bare(name) == _bare(called)
    vendor, _, rest = model.partition(".")
    found, before = _bare(name), {"", *(f"{vendor}{more}" for more in _VENDORS)}
    return any(found.endswith(one) and found.removesuffix(one) in before for one in _words(rest))


def _words(model: str) -> Iterator[str]:
    """What a name may end in, of an id without its vendor: with AWS's order of the words, too."""
    base, _, minor = _DATE.sub("", model).partition(":")
    yield (plain := _bare(base + (f".{minor}" if minor.strip("0") else "")))
    for part, word in _CALLED.items():
        if part in base:
            yield plain.replace(_bare(part), _bare(word))


def _bare(name: str) -> str:
    """Letters and digits alone, without a first version: AWS writes ``V1`` behind some names and not behind others."""
    return _NO_WORD.sub("", _VERSION.sub("", _FIRST.sub("", name.lower().strip())))


_BURNS = re.compile(r"anthropic\.claude-(?:3-7|(?:opus|sonnet|haiku)-[4-9])")


def burndown(model: str) -> int:
    """Return how many tokens of a quota one token of output takes.

    Source: Bedrock User Guide, quotas-token-burndown: 5 for Claude 3.7 and later, 1 for others. Newer models are said to
    take more; AWS's page tells.
    """
    return 5 if _BURNS.match(model) else 1
