"""QUO: how much of each declared model the account may ask for, against what is expected and what is asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Any

from bedrock_gateway.capabilities.models import parse_model_id
from bedrock_gateway.preflight.checks.delivery import NAMESPACE
from bedrock_gateway.preflight.checks.models import declared_models
from bedrock_gateway.preflight.flow import Asking, Check, Finding, Probe, worst
from bedrock_gateway.preflight.metrics import Series, read_metrics
from bedrock_gateway.preflight.quotas import Kind, Limit, Target, burndown, limits_of, target_of

__all__ = ["CHECKS"]

Checking = Generator[Asking, Any, Finding]
Limits = Mapping[Kind, Limit]

_MINUTE: Kind = ("tokens", "minute")
_DAY: Kind = ("tokens", "day")
_REQUESTS: Kind = ("requests", "minute")
_MUCH, _BUSY, _THROTTLED = 0.7, 0.8, 0.005
_NOTHING = "no declared model takes from quotas"


def _quotas(probe: Probe) -> Generator[Asking, Any, list[dict[str, Any]]]:
    found: list[dict[str, Any]] = []
    params: dict[str, Any] = {"ServiceCode": "bedrock", "MaxResults": 100}
    while True:
        reply = yield from probe.read("service-quotas", "ListServiceQuotas", **params)
        found += reply["Quotas"]
        if not reply.get("NextToken"):
            return found
        params["NextToken"] = reply["NextToken"]


def _limits(probe: Probe, quotas: list[dict[str, Any]], text: str, target: Target) -> Limits:
    load = probe.config.preflight.expected_load.get(text)
    return limits_of(quotas, target, load.quota_name if load else None)


def _unnamed(text: str) -> Finding:
    said = f"{text}: Service Quotas lists no tokens per minute under a name that is surely this model's"
    return Finding("unknown", f"{said}; write the name as `quota_name` into [preflight.expected_load]")


_BEHIND = frozenset({"application-profile", "prompt-router"})
"""Kinds of ids behind which a model is that takes from quotas; only `wraps` can tell which."""


def _targets(probe: Probe, texts: Iterable[str]) -> tuple[dict[str, Target], list[Finding]]:
    """What each of these takes from, and what cannot be told; bought throughput takes from no quota."""
    found, unknown = {}, []
    for text in texts:
        target = target_of(probe.config, text)
        if target is not None:
            found[text] = target
        elif parse_model_id(text).kind in _BEHIND:
            said = f"{text}: which model is behind it, the configuration does not tell; name it in [wraps]"
            unknown.append(Finding("unknown", said))
    return found, unknown


def _each(nothing: str, judge: Callable[[Probe, str, Limits], Finding]) -> Check:
    """A check of each declared model that takes from quotas."""

    def check(probe: Probe) -> Checking:
        targets, unknown = _targets(probe, declared_models(probe))
        if not targets:
            return worst(unknown, nothing)
        quotas = yield from _quotas(probe)
        judged = [judge(probe, text, _limits(probe, quotas, text, one)) for text, one in targets.items()]
        return worst([*judged, *unknown], nothing)

    return check


def _quo_01(probe: Probe) -> Checking:
    targets, unknown = _targets(probe, probe.config.preflight.expected_load)
    if not targets:
        return worst(unknown, "[preflight.expected_load] expects nothing of a model that takes from quotas")
    quotas = yield from _quotas(probe)
    wanted: dict[Target, Counter[Kind]] = {target: Counter() for target in targets.values()}
    for text, target in targets.items():  # two ids of one model take from the same
        wanted[target].update(_expected(probe, text, target))
    findings = [
        finding
        for text, target in targets.items()
        for finding in _compared(text, wanted[target], _limits(probe, quotas, text, target))
    ]
    return worst([*findings, *unknown], "no load is expected")


def _expected(probe: Probe, text: str, target: Target) -> dict[Kind, int]:
    load = probe.config.preflight.expected_load[text]
    burns = load.output_burndown or burndown(target.model)
    tokens = load.input_tokens_per_minute + burns * load.output_tokens_per_minute
    return {_MINUTE: tokens, _DAY: load.tokens_per_day, _REQUESTS: load.requests_per_minute}


def _compared(text: str, wanted: Mapping[Kind, int], limits: Limits) -> Iterator[Finding]:
    for kind, count in wanted.items():
        limit = limits.get(kind)
        unit, period = kind
        if not count or (
            limit is None and kind == _REQUESTS
        ):  # AWS lists requests per minute no more: nothing limits them
            continue
        if limit is None:
            yield (
                _unnamed(text)
                if kind == _MINUTE
                else Finding("unknown", f"{text}: no tokens per day are listed for it")
            )
            continue
        said = f"{text}: {count} {unit} a {period} are expected, the quota is {limit.value:.0f}"
        evidence = {limit.name: f"{limit.value:.0f}"}
        if count > limit.value:
            # AWS says (Bedrock User Guide, quotas-runtime) that it holds nobody to requests per minute any more.
            yield Finding("warn" if kind == _REQUESTS else "fail", said, evidence)
        else:
            yield Finding("warn" if count > _MUCH * limit.value else "pass", said, evidence)


def _quo_02(_: Probe, text: str, limits: Limits) -> Finding:
    nothing = [kind for kind, limit in limits.items() if limit.value <= 0]
    if nothing:
        shown = ", ".join(f"{unit} per {period}" for unit, period in nothing)
        said = f"{text}: the quota is 0: {shown}"
        evidence = {limits[kind].name: "0" for kind in nothing}
        return Finding("warn" if nothing == [_REQUESTS] else "fail", said, evidence)
    if _MINUTE not in limits:
        return _unnamed(text)
    return Finding("pass", f"{text}: {limits[_MINUTE].value:.0f} tokens a minute")


def _quo_03(probe: Probe) -> Checking:
    targets, _ = _targets(probe, declared_models(probe))
    if not targets:
        return Finding("not_applicable", _NOTHING)
    quotas = yield from _quotas(probe)
    series, wrong = yield from _measured(probe, list(targets))
    findings = [
        _judged(
            text,
            _limits(probe, quotas, text, target),
            *([value for _, value in series.get(f"{name}{at}", [])] for name in _METRICS),
            wrong=wrong,
        )
        for at, (text, target) in enumerate(targets.items())
    ]
    return worst(findings, _NOTHING)


_METRICS = {
    "calls": ("Invocations", 3600),
    "throttled": ("InvocationThrottles", 3600),
    "used": ("EstimatedTPMQuotaUsage", 60),
}
"""Name → (metric, seconds of one value): the last is what a minute's calls took from the quota."""


def _measured(probe: Probe, models: list[str]) -> Generator[Asking, Any, tuple[Series, str | None]]:
    """What `read_metrics` finds of the last 24 hours, by ``calls0``, ``throttled0`` …: the number is the model's."""
    end = probe.now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    queries = [
        _query(f"{name}{at}", *_METRICS[name], parse_model_id(text).name)
        for at, text in enumerate(models)
        for name in _METRICS
    ]
    params: dict[str, Any] = {"StartTime": end - timedelta(hours=25), "EndTime": end}
    found: Series = {}
    said: list[str] = []
    for first in range(0, len(queries), _MOST_QUERIES):
        asked = {"MetricDataQueries": queries[first : first + _MOST_QUERIES], **params}
        series, wrong = yield from read_metrics(probe, asked)
        found |= series
        said += [wrong] if wrong else []
    return found, "; ".join(said) or None


_MOST_QUERIES = 60
"""Far below AWS's 500: a minute's metric has 1500 values a day, and an answer holds 100 800."""


def _query(name: str, metric: str, seconds: int, model: str) -> dict[str, Any]:
    of = [{"Name": "ModelId", "Value": model}]
    measured = {"Namespace": NAMESPACE, "MetricName": metric, "Dimensions": of}
    return {"Id": name, "MetricStat": {"Metric": measured, "Period": seconds, "Stat": "Sum"}, "ReturnData": True}


def _judged(
    text: str, limits: Limits, calls: list[float], throttled: list[float], used: list[float], *, wrong: str | None
) -> Finding:
    """*wrong*: why the values are not all there are; what they show holds all the same, what they do not show is unknown."""
    sent, refused, most = sum(calls) + sum(throttled), sum(throttled), max(used, default=0.0)
    if wrong and not sent:
        return Finding("unknown", f"{text}: {wrong}")
    if not sent:
        return Finding("not_applicable", f"{text} was not called in the last 24 h")
    limit = limits.get(_MINUTE)
    evidence = {"calls": f"{sent:.0f}", "throttled": f"{refused:.0f}", "most_tokens_in_a_minute": f"{most:.0f}"}
    said = []
    if refused > _THROTTLED * sent:
        said.append(f"{refused:.0f} of {sent:.0f} calls were throttled")
    if limit is not None and most > _BUSY * limit.value:
        said.append(f"{most:.0f} tokens in one minute, the quota is {limit.value:.0f}")
    if said:
        return Finding("warn", f"{text}, in the last 24 h: {' and '.join(said)}", evidence)
    if wrong:
        return Finding("unknown", f"{text}: {wrong}", evidence)
    if most and limit is None:
        return _unnamed(text)
    return Finding("pass", f"{text}: {refused:.0f} of {sent:.0f} calls were throttled in the last 24 h", evidence)


CHECKS: dict[str, Check] = {"QUO-01": _quo_01, "QUO-02": _each(_NOTHING, _quo_02), "QUO-03": _quo_03}
