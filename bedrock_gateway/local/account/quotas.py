"""service-quotas for Bedrock: tokens a minute and a day, for each model on demand and for each geography of its profiles.

The names are AWS's form of them; which word AWS uses for a model is its marketing name, as here. The codes are made from
the names, and the values are one for all models: AWS publishes neither, and both differ between accounts. Requests per
minute are no longer limited. Other services are moto's, which knows one. Sources: Bedrock User Guide, quotas (May 2026);
answers of AWS seen in public repositories. Not verified against AWS.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from bedrock_gateway.local.call import Fault, Reply
from bedrock_gateway.local.models import catalogue

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bedrock_gateway.local.call import Call, Handlers

__all__ = ["HANDLERS", "TOKENS_A_DAY", "TOKENS_A_MINUTE", "Quotas", "names_of"]

SERVICE = "bedrock"
TOKENS_A_MINUTE = 200_000.0
TOKENS_A_DAY = TOKENS_A_MINUTE * 60 * 24
"""AWS: a day's quota is that of a minute, all day long, unless something else is said."""
_DATE_AND_FIRST = re.compile(r" \d{8}\b| V1$")
_PAGE, _PER_MINUTE = 100, "model inference tokens per minute for"


@dataclass(slots=True)
class Quotas:
    """What the account has been given instead of the defaults: (Region, name) → value."""

    values: dict[tuple[str, str], float] = field(default_factory=dict)


def names_of(model: catalogue.Model, region: str) -> Iterator[tuple[str, float]]:
    """Yield each quota of *model* in *region*, with its default."""
    geographies = {one.id.partition(".")[0] for one in catalogue.profiles(region) if one.model.id == model.id}
    kinds = [
        *(["On-demand"] if region in model.on_demand else []),
        *(["Cross-region"] if geographies - {"global"} else []),
        *(["Global cross-region"] if "global" in geographies else []),
    ]
    for kind in kinds:
        yield f"{kind} {_PER_MINUTE} {_named(model)}", TOKENS_A_MINUTE
    if "On-demand" in kinds:
        yield f"Model invocation max tokens per day for {_named(model)}", TOKENS_A_DAY
    if "Cross-region" in kinds:
        name = f"Model invocation max tokens per day for {_named(model)} (doubled for cross-region calls)"
        yield name, TOKENS_A_DAY


def _named(model: catalogue.Model) -> str:
    """AWS puts the vendor before a name and leaves date and first version out: ``Anthropic Claude 3 Haiku``."""
    name = _DATE_AND_FIRST.sub("", model.name)
    return name if name.startswith(model.vendor) else f"{model.vendor} {name}"


def _code(name: str) -> str:
    return f"L-{blake2b(name.encode(), digest_size=4).hexdigest().upper()}"


def _all(call: Call) -> list[dict[str, Any]]:
    own = call.state.of(Quotas).values
    defaults = {name: value for model in catalogue.models(call.region) for name, value in names_of(model, call.region)}
    return [_shown(call, name, own.get((call.region, name), value)) for name, value in sorted(defaults.items())]


def _defaults(call: Call) -> list[dict[str, Any]]:
    defaults = {name: value for model in catalogue.models(call.region) for name, value in names_of(model, call.region)}
    return [_shown(call, name, value) for name, value in sorted(defaults.items())]


def _shown(call: Call, name: str, value: float) -> dict[str, Any]:
    code = _code(name)
    return {
        "ServiceCode": SERVICE,
        "ServiceName": "Amazon Bedrock",
        "QuotaArn": f"arn:{call.partition}:servicequotas:{call.region}:{call.account}:{SERVICE}/{code}",
        "QuotaCode": code,
        "QuotaName": name,
        "Value": value,
        "Unit": "None",
        "Adjustable": "per minute" in name,
        "GlobalQuota": False,
        "QuotaAppliedAtLevel": "ACCOUNT",
    }


def _elsewhere(call: Call) -> Reply:
    """Another service's quotas; moto says that it has none of them."""
    found = call.aws.call("service-quotas", call.operation, call.params, region=call.region)
    return Reply({name: value for name, value in found.items() if name != "ResponseMetadata"})


def _listed(call: Call, found: list[dict[str, Any]]) -> Reply:
    start, size = _offset(call.params), call.params.get("MaxResults") or _PAGE
    more = {"NextToken": str(start + size)} if start + size < len(found) else {}
    return Reply({"Quotas": found[start : start + size], **more})


def _offset(params: Mapping[str, Any]) -> int:
    token = params.get("NextToken") or "0"
    if not token.isdecimal():
        raise Fault("InvalidPaginationTokenException", "Invalid token was used.", 400)
    return int(token)


def _list(call: Call) -> Reply:
    return _listed(call, _all(call)) if call.params["ServiceCode"] == SERVICE else _elsewhere(call)


def _list_defaults(call: Call) -> Reply:
    return _listed(call, _defaults(call)) if call.params["ServiceCode"] == SERVICE else _elsewhere(call)


def _one(call: Call, found: list[dict[str, Any]]) -> Reply:
    quota = next((one for one in found if one["QuotaCode"] == call.params["QuotaCode"]), None)
    if quota is None:
        raise Fault("NoSuchResourceException", "The request failed because the specified service does not exist.", 400)
    return Reply({"Quota": quota})


def _get(call: Call) -> Reply:
    return _one(call, _all(call)) if call.params["ServiceCode"] == SERVICE else _elsewhere(call)


def _get_default(call: Call) -> Reply:
    return _one(call, _defaults(call)) if call.params["ServiceCode"] == SERVICE else _elsewhere(call)


HANDLERS: Handlers = {
    ("service-quotas", "ListServiceQuotas"): _list,
    ("service-quotas", "ListAWSDefaultServiceQuotas"): _list_defaults,
    ("service-quotas", "GetServiceQuota"): _get,
    ("service-quotas", "GetAWSDefaultServiceQuota"): _get_default,
}
