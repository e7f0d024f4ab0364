"""What AWS demands for guardrails: applying one, and making and enforcing them.

Sources: Bedrock User Guide, guardrails-permissions, guardrails-permissions-kms, guardrail-profiles-permissions,
guardrails-cross-region-support, guardrails-resource-based-policies; the Service Authorization Reference.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bedrock_gateway.local.demands.facts import Guardrail
from bedrock_gateway.local.demands.rows import (
    SAR,
    ApiRequest,
    Context,
    Demand,
    Row,
    Rows,
    forwarded,
    same_named,
    tag_context,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["APPLYING", "CONTROL", "applied", "arn_of", "enforced", "reaches"]

_APPLY = "Bedrock User Guide, guardrails-permissions"
_ACROSS = "Bedrock User Guide, guardrail-profiles-permissions, guardrails-cross-region-support"
_KMS = "Bedrock User Guide, guardrails-permissions-kms"
_ENFORCED = "Bedrock User Guide, guardrails-enforcements, guardrails-resource-based-policies"

_US = frozenset({"us-east-1", "us-east-2", "us-west-2"})
_EU = frozenset({"eu-central-1", "eu-west-1", "eu-west-3", "eu-north-1", "eu-south-1", "eu-south-2"})
_APAC = frozenset(
    {"ap-south-1", "ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-southeast-1", "ap-southeast-2"}
)
_GOV = frozenset({"us-gov-east-1", "us-gov-west-1"})
_FAR_APAC = frozenset({"ap-south-2", "ap-southeast-3", "ap-southeast-4"})

_REACH: Mapping[str, Mapping[str, frozenset[str]]] = {
    "us": {**dict.fromkeys(_US, _US), "us-west-1": _US | {"us-west-1"}},
    "us-gov": dict.fromkeys(_GOV, _GOV),
    "eu": {**dict.fromkeys(_EU, _EU), "il-central-1": _EU | {"il-central-1"}},
    "uk": {"eu-west-2": frozenset({"eu-west-2"})},
    "au": {"ap-southeast-2": frozenset({"ap-southeast-2"})},
    "ca": {"ca-central-1": frozenset({"ca-central-1", "ca-west-1"})},
    "apac": {
        **dict.fromkeys(_APAC - {"ap-northeast-3"}, _APAC),
        "ap-southeast-4": _APAC | {"ap-south-2", "ap-southeast-4"},
        "ap-southeast-3": _APAC | _FAR_APAC,
        **{
            source: _APAC | _FAR_APAC | {source}
            for source in ("ap-southeast-5", "ap-southeast-7", "ap-east-2", "me-central-1")
        },
    },
}
"""Guardrail profile → source Region → Regions in which the guardrail may be applied."""


def reaches(geography: str, region: str) -> frozenset[str]:
    """Return where a guardrail of *region* may be applied through the profile of *geography*; empty: it cannot be."""
    return _REACH.get(geography, {}).get(region, frozenset())


def arn_of(request: ApiRequest, identifier: str) -> str:
    """Return the ARN of a guardrail given by id or ARN."""
    return identifier if identifier.startswith("arn:") else request.arn("bedrock", f"guardrail/{identifier}")


def applied(request: ApiRequest, identifier: str, bound: Context, source: str = _APPLY) -> Iterator[Demand]:
    """Return what applying a guardrail demands: on itself, on its profile wherever it may run, and on its key."""
    arn = arn_of(request, identifier)
    yield Demand("bedrock:ApplyGuardrail", arn, bound, source)
    known = request.facts.guardrails.get(arn, Guardrail())
    if known.geography:
        for region in sorted(_REACH[known.geography].get(request.region, {request.region})):
            profile = request.arn("bedrock", f"guardrail-profile/{known.geography}.guardrail.v1:0", region=region)
            yield Demand("bedrock:ApplyGuardrail", profile, {**bound, "aws:RequestedRegion": region}, _ACROSS)
    if known.key_arn:
        yield Demand("kms:Decrypt", known.key_arn, _through_bedrock(request), _KMS)


def enforced(request: ApiRequest, bound: Context | None = None) -> Iterator[Demand]:
    """An enforced guardrail is applied to every model call, whether or not the call names one."""
    for arn in request.facts.enforced.get(request.region, ()):
        yield from applied(request, arn, bound or {}, _ENFORCED)


def _through_bedrock(request: ApiRequest) -> Context:
    return {**forwarded({}), "kms:ViaService": f"bedrock.{request.region}.amazonaws.com"}


def _tags(request: ApiRequest) -> Context:
    return tag_context(request.params.get("tags"))


def _named(request: ApiRequest) -> tuple[str]:
    return (arn_of(request, str(request.params.get("guardrailIdentifier", "*"))),)


def _applied(request: ApiRequest) -> Iterator[Demand]:
    yield from applied(request, str(request.params.get("guardrailIdentifier", "*")), {})


def _profile_of(request: ApiRequest) -> Iterator[str]:
    """The guardrail profile that a guardrail is to use, in the Region where it is made."""
    given = request.param("crossRegionConfig.guardrailProfileIdentifier")
    if given:
        text = str(given)
        yield text if text.startswith("arn:") else request.arn("bedrock", f"guardrail-profile/{text}")


def _created(request: ApiRequest) -> Iterator[Demand]:
    """A guardrail has no ARN before it exists: the right is on everything, or, across Regions, on the profile it uses.

    AWS's own sample for the latter names the guardrails to come and the profile, and not everything.
    """
    profiles = list(_profile_of(request))
    resources = [request.arn("bedrock", "guardrail/*"), *profiles] if profiles else ["*"]
    for resource in resources:
        yield Demand("bedrock:CreateGuardrail", resource, _tags(request), _ACROSS if profiles else SAR)


def _updated_profile(request: ApiRequest) -> Iterator[Demand]:
    for profile in _profile_of(request):
        yield Demand("bedrock:UpdateGuardrail", profile, {}, _ACROSS)


def _encrypted(request: ApiRequest) -> Iterator[Demand]:
    """What whoever makes or changes an encrypted guardrail needs of its key."""
    key = request.params.get("kmsKeyId")
    if key:
        text = str(key)
        arn = text if text.startswith("arn:") else request.arn("kms", f"key/{text}")
        for action in ("Decrypt", "DescribeKey", "GenerateDataKey", "CreateGrant"):
            yield Demand(f"kms:{action}", arn, _through_bedrock(request), _KMS)


APPLYING: Rows = {
    ("bedrock-runtime", "ApplyGuardrail"): (_applied,),
    ("bedrock-runtime", "InvokeGuardrailChecks"): (Row("bedrock:InvokeGuardrailChecks"),),
}

CONTROL: Rows = {
    **same_named("bedrock", _named, "GetGuardrail DeleteGuardrail CreateGuardrailVersion"),
    ("bedrock", "UpdateGuardrail"): (Row("bedrock:UpdateGuardrail", _named), _updated_profile, _encrypted),
    ("bedrock", "ListGuardrails"): (
        Row("bedrock:ListGuardrails", lambda one: _named(one) if "guardrailIdentifier" in one.params else ("*",)),
    ),
    ("bedrock", "CreateGuardrail"): (
        _created,
        Row("bedrock:TagResource", "arn:{P}:bedrock:{R}:{A}:guardrail/*", _APPLY, when="tags", context=_tags),
        _encrypted,
    ),
    **same_named(
        "bedrock",
        "*",
        "ListEnforcedGuardrailsConfiguration PutEnforcedGuardrailConfiguration DeleteEnforcedGuardrailConfiguration",
    ),
}
