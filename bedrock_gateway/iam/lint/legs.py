"""Rules about calls of models: every leg of a cross-Region call, and its binding to the profile.

Judged by evaluating the document, not by its text: what other conditions ask for (MFA, tags, a guardrail) is taken as
given, so that a finding is about the legs alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from bedrock_gateway.capabilities.models import (
    GEOGRAPHIES,
    destinations,
    on_demand_in,
    profile_sources,
)
from bedrock_gateway.iam.document import Policy
from bedrock_gateway.iam.evaluate import AccessRequest, Layers, enforce
from bedrock_gateway.iam.globs import concrete, is_wild, overlap
from bedrock_gateway.iam.lint.model import Hit
from bedrock_gateway.iam.lint.shapes import Arn, parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from bedrock_gateway.iam.document import Statement
    from bedrock_gateway.iam.lint.model import Document
    from bedrock_gateway.iam.source import Path

__all__ = [
    "INVOKE",
    "STREAM",
    "allows",
    "missing_destination",
    "missing_global_leg",
    "needs_profile",
    "no_streaming",
    "relaxed",
    "unbound",
]

INVOKE, STREAM = "bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream"
_PROFILE_KEY, _REGION_KEY = "bedrock:inferenceprofilearn", "aws:requestedregion"
_THROUGH = frozenset({_PROFILE_KEY, "bedrock:promptrouterarn"})
_LEG_KEYS = frozenset({_PROFILE_KEY, _REGION_KEY})
_EXAMPLE_ACCOUNT = "111122223333"
_MAX_PROFILES = 200
_SHOWN = 6

# The Sids that `policy` writes: there the capability, not the document, says whether the application streams.
_SAYS_NO_STREAM = re.compile(r"(InvokeModel|Use)On(?!\w*Stream)|Embed|Rerank|Parse|Batch|Generate|Query")
# Models that have no streaming API: embeddings, rerankers, images, speech and video.
_NEVER_STREAM = re.compile(r"embed|rerank|image|canvas|reel|stability\.|stable-|sonic|marengo|pegasus", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Call:
    """A call of one profile from one Region, that a statement sets out to allow."""

    path: Path
    action: str
    profile: str
    """Its id."""
    region: str
    arn: str
    regions: tuple[str, ...]
    """Where the model may run, the source Region included."""

    @property
    def model(self) -> str:
        return self.profile.partition(".")[2]

    def leg(self, partition: str, region: str) -> str:
        return f"arn:{partition}:bedrock:{region}::foundation-model/{self.model}"


def _keeps(statement: Statement, keys: frozenset[str]) -> bool:
    return all(key.casefold() in keys for _, pairs in statement.conditions for key, _ in pairs)


@lru_cache(maxsize=256)
def relaxed(policy: Policy, keys: frozenset[str] = _LEG_KEYS) -> Policy:
    """*policy* as if every condition on other keys held in an Allow, and no Deny with such a condition applied."""
    kept = []
    for statement in policy.statements:
        if statement.effect == "Deny" and not _keeps(statement, keys):
            continue
        conditions = tuple(
            (operator, pairs)
            for operator, all_pairs in statement.conditions
            if (pairs := tuple(pair for pair in all_pairs if pair[0].casefold() in keys))
        )
        kept.append(replace(statement, conditions=conditions))
    return Policy(tuple(kept), policy.version)


def allows(policy: Policy, action: str, resource: str, context: Mapping[str, str]) -> bool:
    """Whether *policy* alone, as an identity-based policy, allows the request; what cannot be judged is not allowed."""
    return enforce(AccessRequest(action, resource, context), Layers(identity=(policy,))).allowed


def _is_profile(arn: Arn | None) -> bool:
    return arn is not None and arn.service == "bedrock" and arn.kind == "inference-profile"


def _invokes(statement: Statement) -> list[str]:
    return [action for action in (INVOKE, STREAM) if _matches_any(statement.actions, action)]


def _matches_any(patterns: Iterable[str], action: str) -> bool:
    return any(overlap(pattern.casefold(), action.casefold()) for pattern in patterns)


def _profile_ids(pattern: str) -> list[str]:
    """Profiles that an id pattern stands for; one that the data lacks stands for itself."""
    if not is_wild(pattern):
        return [pattern] if pattern.partition(".")[0] in GEOGRAPHIES else []
    return [one for one in profile_sources() if overlap(pattern, one)][:_MAX_PROFILES]


def _calls(document: Document) -> Iterator[list[_Call]]:
    """For each profile that a statement names: the calls of it, one a source Region that the ARN can mean."""
    for path, statement in document.statements("Allow"):
        for number, text in enumerate(statement.resources):
            arn = parse(text)
            if arn is None or not _is_profile(arn) or arn.account == "":
                continue
            for action in _invokes(statement):
                for profile in _profile_ids(arn.name):
                    if calls := list(_from_regions((*path, "Resource", number), action, profile, arn)):
                        yield calls


def _from_regions(path: Path, action: str, profile: str, arn: Arn) -> Iterator[_Call]:
    sources = profile_sources().get(profile, ())
    for region in [one for one in sources if overlap(arn.region, one)] if is_wild(arn.region) else [arn.region]:
        reach = destinations(profile, region)
        if reach is not None:
            account = concrete(arn.account, _EXAMPLE_ACCOUNT)
            full = f"arn:{concrete(arn.partition, 'aws')}:bedrock:{region}:{account}:inference-profile/{profile}"
            yield _Call(path, action, profile, region, full, tuple(sorted({region, *reach})))


def _context(call: _Call, region: str) -> dict[str, str]:
    return {"bedrock:InferenceProfileArn": call.arn, "aws:RequestedRegion": region}


def _denied_regions(policy: Policy, call: _Call) -> list[str]:
    partition = call.arn.split(":")[1]
    # A Region condition is judged where the model runs: AWS asks that policies with one list every destination.
    return [
        one for one in call.regions if not allows(policy, call.action, call.leg(partition, one), _context(call, one))
    ]


def missing_destination(document: Document) -> Iterator[Hit]:
    """A Region in which a profile may run, and in which the document does not allow its model."""
    policy = relaxed(document.policy)
    for (path, profile), found in _by_profile(document).items():
        worst: dict[str, None] = {}
        call = found[0][0]
        for calls in found:
            # An ARN with a wildcard Region is right if it is for one of the Regions that it can mean.
            call, missing = min(((one, _denied_regions(policy, one)) for one in calls), key=lambda pair: len(pair[1]))
            worst |= dict.fromkeys(missing)
        if worst:
            yield Hit(
                f"a call of {profile} from {call.region} may run in {_some(worst)}, where its model is not allowed",
                path,
                "add " + _some([call.leg(call.arn.split(":")[1], one) for one in worst], shown=3),
            )


def missing_leg(document: Document) -> Iterator[Hit]:
    """What a call through a profile or router is authorised on besides, and the document does not allow."""
    yield from missing_destination(document)
    yield from _nothing_behind(document)


_WRAPPERS = {"application-inference-profile": "application profile", "prompt-router": "prompt router"}


def _nothing_behind(document: Document) -> Iterator[Hit]:
    """An application profile or a router, and no foundation model at all: which are behind it, its ARN does not say."""
    allowed = list(document.statements("Allow"))
    for path, statement in allowed:
        for number, text in enumerate(statement.resources):
            arn = parse(text)
            if arn is None or arn.service != "bedrock" or arn.kind not in _WRAPPERS:
                continue
            lacking = [one for one in _invokes(statement) if not _reaches_a_model(one, allowed)]
            if lacking:
                yield Hit(
                    f"a call through the {_WRAPPERS[arn.kind]} {text} is authorised on the models behind it too,"
                    f" and nothing allows {lacking[0]} on any",
                    (*path, "Resource", number),
                    "allow it on the foundation models behind it, bound to it",
                )


def _reaches_a_model(action: str, allowed: Iterable[tuple[Path, Statement]]) -> bool:
    return any(
        statement.not_resources
        or any(overlap(text, "arn:*:bedrock:*::foundation-model/*") for text in statement.resources)
        for _, statement in allowed
        if statement.not_actions or _matches_any(statement.actions, action)
    )


def _by_profile(document: Document) -> dict[tuple[Path, str], list[list[_Call]]]:
    grouped: dict[tuple[Path, str], list[list[_Call]]] = {}
    for calls in _calls(document):
        grouped.setdefault((calls[0].path, calls[0].profile), []).append(calls)
    return grouped


def _some(texts: Iterable[str], *, shown: int = _SHOWN) -> str:
    listed = list(texts)
    more = len(listed) - shown
    return ", ".join(listed[:shown]) + (f" and {more} more" if more > 0 else "")


def missing_global_leg(document: Document) -> Iterator[Hit]:
    """A global profile whose model is not allowed on the ARN without a Region."""
    policy = relaxed(document.policy)
    without_region = relaxed(document.policy, frozenset({_PROFILE_KEY}))
    for (path, profile), found in _by_profile(document).items():
        call = found[0][0]
        if not profile.startswith("global."):
            continue
        leg = call.leg(call.arn.split(":")[1], "")
        context = _context(call, "unspecified")
        denied = [one[0].action for one in found if not allows(policy, one[0].action, leg, context)]
        if not denied:
            continue
        if allows(without_region, denied[0], leg, context):
            message = f"{profile} is authorised on {leg} too, with aws:RequestedRegion = unspecified, which a condition here refuses"
            yield Hit(message, path, "allow the value unspecified on that ARN, in a statement of its own")
        else:
            yield Hit(f"{profile} is authorised on {leg} too, which no statement allows", path, f"add {leg}")


def unbound(document: Document) -> Iterator[Hit]:
    """A model leg that is there for a profile, but also allows the model to be called without it."""
    found: dict[Path, dict[str, tuple[str, str]]] = {}
    for calls in _calls(document):
        call = calls[0]
        regions = [*call.regions, *([""] if call.profile.startswith("global.") else [])]
        # Where the model can be called by itself, its ARN in the source Region may stand there for that.
        wanted = [one for one in regions if one != call.region or not on_demand_in(call.model, one)]
        legs = [call.leg(call.arn.split(":")[1], one) for one in wanted]
        for path, leg in _unbound_for(document, call, legs):
            found.setdefault(path, {}).setdefault(call.profile, (leg, call.arn))
    for path, profiles in found.items():
        leg, arn = next(iter(profiles.values()))
        yield Hit(
            f"{leg} is here for {_some(profiles, shown=1)}, but nothing ties it to that: the model can be called directly",
            path,
            f'add "Condition": {{"ArnEquals": {{"bedrock:InferenceProfileArn": "{arn}"}}}}',
        )


def _unbound_for(document: Document, call: _Call, legs: list[str]) -> Iterator[tuple[Path, str]]:
    """Statements that allow a leg without the profile, where no other allows it with the profile."""
    for leg in legs:
        loose: list[Path] = []
        for path, statement in document.statements("Allow"):
            if not _matches_any(statement.actions, call.action):
                continue
            number = next((n for n, one in enumerate(statement.resources) if _may_match(one, leg)), None)
            if number is None:
                continue
            if _bound(statement):
                loose.clear()
                break
            if statement.resources[number] != "*":
                loose.append((*path, "Resource", number))
        for path in loose:
            yield path, leg


def _bound(statement: Statement) -> bool:
    """Whether the statement holds only for calls through a profile or a router."""
    return any(key.casefold() in _THROUGH for _, pairs in statement.conditions for key, _ in pairs)


def _may_match(pattern: str, arn: str) -> bool:
    return pattern == "*" or overlap(pattern, arn)


def needs_profile(document: Document) -> Iterator[Hit]:
    """A model is allowed by itself where it can be called through a profile only, and no profile is allowed."""
    profiles = [
        arn
        for _, statement in document.statements("Allow")
        for text in statement.resources
        if (arn := parse(text)) and arn.kind in {"inference-profile", "application-inference-profile", "*", ""}
    ]
    for path, statement in document.statements("Allow"):
        if not _invokes(statement) or "*" in statement.resources:
            continue
        bound = _bound(statement)
        for number, text in enumerate(statement.resources):
            arn = parse(text)
            if bound or arn is None or arn.kind != "foundation-model" or is_wild(arn.name) or is_wild(arn.region):
                continue
            if on_demand_in(arn.name, arn.region) is not False or any(_serves(one, arn.name) for one in profiles):
                continue
            usable = [
                one
                for one, sources in profile_sources().items()
                if one.endswith(f".{arn.name}") and arn.region in sources
            ]
            if usable:  # else the data only says that AWS lists the model there no longer, or not yet
                yield Hit(
                    f"{arn.name} cannot be called by its bare id in {arn.region}, and no profile of it is allowed",
                    (*path, "Resource", number),
                    f"allow a profile and its legs: {', '.join(usable)}",
                )


def _serves(profile: Arn, model: str) -> bool:
    if profile.kind != "inference-profile":
        return True
    return any(overlap(profile.name, f"{geography}.{model}") for geography in GEOGRAPHIES)


def no_streaming(document: Document) -> Iterator[Hit]:
    """InvokeModel is allowed on a model, and its streaming twin is not."""
    if document.kind != "identity":
        return
    policy = relaxed(document.policy, frozenset())
    for path, statement in document.statements("Allow"):
        if not _matches_any(statement.actions, INVOKE) or _says_no_stream(statement):
            continue
        for number, text in enumerate(statement.resources):
            if _streams(text) and not allows(policy, STREAM, concrete(text), {}):
                yield Hit(
                    f"{text} can be called, but not streamed from: ConverseStream is authorised as {STREAM}",
                    (*path, "Resource", number),
                )
                break


def _says_no_stream(statement: Statement) -> bool:
    return bool(statement.sid and _SAYS_NO_STREAM.match(statement.sid))


def _streams(text: str) -> bool:
    arn = parse(text)
    return (
        arn is not None
        and "${" not in text
        and arn.service == "bedrock"
        and arn.kind != "async-invoke"
        and not _NEVER_STREAM.search(arn.name)
    )
