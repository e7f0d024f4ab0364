"""LOG-01 to LOG-05, LOG-17, LOG-18: the invocation logging configuration of the Region, and its log group."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Generator
from typing import Any

from bedrock_gateway.preflight.fixes import (
    MODALITIES,
    create_log_group,
    declared_destination,
    put_logging,
    retain,
)
from bedrock_gateway.preflight.flow import Asking, Check, Finding, Probe

__all__ = ["CHECKS", "destination", "digest", "find_group"]

Checking = Generator[Asking, Any, Finding]


def logging_configuration(probe: Probe) -> Generator[Asking, Any, dict[str, Any]]:
    """Return what AWS has; absent, null and empty all mean that logging is off."""
    reply = yield from probe.read("bedrock", "GetModelInvocationLoggingConfiguration")
    return reply.get("loggingConfig") or {}


def destination(probe: Probe) -> Generator[Asking, Any, dict[str, Any]]:
    """Return where logs go or, while logging is off, where they are declared to go: what must be there first."""
    found = yield from logging_configuration(probe)
    return found or declared_destination(probe.config)


def _put(probe: Probe, current: dict[str, Any] | None = None) -> str | None:
    return put_logging(probe.config, probe.scope, current)


_FIRST = {
    "minimal": "Put a logging configuration. AWS takes it once role and log group are there: --level standard looks.",
    "standard": "Put a logging configuration, once LOG-05 to LOG-08 pass: AWS looks at the same before it takes it.",
}


def _log_01(probe: Probe) -> Checking:
    found = yield from logging_configuration(probe)
    region = probe.config.region
    if found:
        return Finding("pass", f"invocation logging is on in {region}")
    summary = f"invocation logging is off in {region}: nothing said to models is recorded"
    command = _put(probe)
    if command is None:
        return Finding("fail", summary, advice="Declare [logging] with a log group or a bucket; then run it again.")
    return Finding(
        "fail", summary, command=command, advice=_FIRST["minimal" if probe.level == "minimal" else "standard"]
    )


def _log_02(probe: Probe) -> Checking:
    found = yield from logging_configuration(probe)
    cloudwatch, s3 = found.get("cloudWatchConfig") or {}, found.get("s3Config") or {}
    if not cloudwatch and not s3:
        return Finding("fail", "logging is on, but has no destination", command=_put(probe, found))
    real = {"log_group": cloudwatch.get("logGroupName"), "bucket": s3.get("bucketName")}
    real["role"] = str(cloudwatch.get("roleArn", "")).partition(":role/")[2] or None
    evidence = {name: value for name, value in real.items() if value}
    wanted = probe.config.logging
    if wanted is None:
        return Finding(
            "warn", "the configuration declares no [logging]; what is there belongs to somebody else", evidence
        )
    declared = {"log_group": wanted.log_group, "bucket": wanted.bucket}
    declared["role"] = wanted.role if wanted.log_group else None
    other = [name for name, value in declared.items() if value and value != real[name]]
    if other:
        named = ", ".join(f"{name} is {real[name] or 'not set'}, declared is {declared[name]}" for name in other)
        return Finding("warn", f"logs go elsewhere: {named}", evidence)
    return Finding("pass", "logs go where it is declared", evidence)


def _log_03(probe: Probe) -> Checking:
    found = yield from logging_configuration(probe)
    used = probe.config.logging.modalities if probe.config.logging else ("text",)
    flags = {name: found.get(f"{name}DataDeliveryEnabled") for name in MODALITIES}
    off = [name for name in used if flags[name] is False]
    if off:
        return Finding("fail", f"bodies of {', '.join(off)} are not delivered", command=_put(probe, found))
    if "audio" in used and flags["audio"] is None:
        return Finding("unknown", f"botocore {probe.facts.botocore} does not show the audio flag; upgrade boto3")
    unused = [name for name in MODALITIES if flags[name] and name not in used]
    if unused:
        return Finding("warn", f"delivered but not declared: {', '.join(unused)}", command=_put(probe, found))
    return Finding("pass", f"delivered: {', '.join(used)}")


def _log_04(probe: Probe) -> Checking:
    found = yield from logging_configuration(probe)
    large = (found.get("cloudWatchConfig") or {}).get("largeDataDeliveryS3Config") or {}
    if large.get("bucketName") or found.get("s3Config"):
        return Finding("pass", "bodies above 100 KB go to S3")
    wanted = probe.config.logging
    declared = wanted is not None and (wanted.large_data_bucket or wanted.bucket)
    return Finding(
        "warn",
        "bodies above 100 KB are lost: no bucket for large data",
        command=_put(probe, found) if declared else None,
        advice=None if declared else "Declare `large_data_bucket` or `bucket` in [logging]; then run it again.",
    )


def _log_05(probe: Probe) -> Checking:
    found = yield from destination(probe)
    name, region = (found.get("cloudWatchConfig") or {}).get("logGroupName"), probe.config.region
    if not name:
        return Finding("not_applicable", "logs do not go to CloudWatch Logs")
    group = yield from find_group(probe, name)
    if group is None:
        summary = f"log group {name} does not exist in {region}"
        return Finding("fail", summary, {"log_group": name}, create_log_group(name, region))
    if group.get("logGroupClass") == "INFREQUENT_ACCESS":
        return Finding(
            "warn",
            f"log group {name} has class INFREQUENT_ACCESS: no filters on metrics or subscriptions",
            advice="Log to another group: the class of a log group cannot be changed.",
        )
    if not group.get("retentionInDays"):
        summary = f"log group {name} keeps everything for ever"
        return Finding("warn", summary, {"log_group": name}, retain(name, region), advice="Give it a retention.")
    return Finding("pass", f"log group {name} exists, retention {group['retentionInDays']} days")


def find_group(probe: Probe, name: str) -> Generator[Asking, Any, dict[str, Any] | None]:
    """The group of exactly that name: AWS searches by prefix, page by page."""
    params: dict[str, Any] = {"logGroupNamePrefix": name}
    while True:
        reply = yield from probe.read("logs", "DescribeLogGroups", **params)
        for group in reply.get("logGroups", []):
            if group.get("logGroupName") == name:
                exact: dict[str, Any] = group
                return exact
        if not reply.get("nextToken"):
            return None
        params["nextToken"] = reply["nextToken"]


def _log_17(probe: Probe) -> Checking:
    yield from ()
    mantle = [service for service, url in probe.config.endpoints.items() if "mantle" in f"{service} {url}"]
    if mantle and probe.config.logging:
        said = "a bedrock-mantle endpoint is declared: what goes through it is in no invocation log"
        return Finding("fail", said, dict.fromkeys(mantle, "declared"))
    asks = [name for name in ("rag", "rag-stream") if name in probe.principal.capabilities]
    if asks:
        said = (
            "every call is logged; RetrieveAndGenerate itself is not: the model calls it makes are, with their tokens"
        )
        return Finding("pass", said)
    return Finding("pass", "every declared call is one that invocation logging covers")


_NEWEST = "audioDataDeliveryEnabled"
"""The flag that an older botocore does not show."""


def digest(found: dict[str, Any]) -> str:
    """Return the digest of a logging configuration, whatever the order of its members; what is empty is not there."""
    kept = _without_nothing(found)
    return hashlib.sha256(json.dumps(kept, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _without_nothing(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    kept = {name: _without_nothing(one) for name, one in value.items()}
    return {name: one for name, one in kept.items() if one not in (None, "", {})}


def _log_18(probe: Probe) -> Checking:
    found = yield from logging_configuration(probe)
    accepted, now = probe.config.preflight.accepted_logging, digest(found)
    evidence = {"accepted_logging": now}
    if accepted is None:
        said = "no logging configuration is accepted in [preflight]: whether it has changed is not looked at"
        return Finding("not_applicable", said, evidence)
    # What an old botocore hides may have been accepted either way: the rest is compared.
    hidden = any(_NEWEST in one for one in probe.facts.lacking)
    if accepted in {now, *(digest({**found, _NEWEST: on}) for on in (True, False) if hidden)}:
        return Finding("pass", "the logging configuration is the accepted one", evidence)
    advice = f'Compare it with the one you accepted. If it is meant, write `accepted_logging = "{now}"` in [preflight].'
    return Finding("warn", "the logging configuration is not the one that was accepted", evidence, advice=advice)


CHECKS: dict[str, Check] = {
    "LOG-01": _log_01,
    "LOG-02": _log_02,
    "LOG-03": _log_03,
    "LOG-04": _log_04,
    "LOG-05": _log_05,
    "LOG-17": _log_17,
    "LOG-18": _log_18,
}
