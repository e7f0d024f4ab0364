"""REG: one Region, one account, everywhere."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any

from bedrock_gateway._commands import Send
from bedrock_gateway.capabilities.models import bedrock_regions, parse_model_id
from bedrock_gateway.errors import AccessDeniedError, ConfigError, GatewayError, NotFoundError, ServiceError
from bedrock_gateway.preflight.checks.logging import destination, find_group
from bedrock_gateway.preflight.checks.process import UPGRADE
from bedrock_gateway.preflight.fixes import create_log_group
from bedrock_gateway.preflight.flow import Asking, Check, Finding, Outcome, Probe

__all__ = ["CHECKS"]

Checking = Generator[Asking, Any, Finding]


def _reg_01(probe: Probe) -> Checking:
    yield from ()
    target = probe.config.region
    # botocore gives IAM, which has one place a partition, the Region aws-global.
    regional = {service: one for service, one in probe.facts.client_regions.items() if not one.endswith("-global")}
    wrong = {service: region for service, region in regional.items() if region != target}
    if wrong:
        named = ", ".join(f"{service} is in {region}" for service, region in wrong.items())
        return Finding("fail", f"{named}; the configuration says {target}", wrong)
    return Finding("pass", f"every client is of {target}")


def _reg_02(probe: Probe) -> Checking:
    yield from ()
    target = probe.config.region
    wrong = {source: region for source, region in probe.facts.regions.items() if region != target}
    if wrong:
        named = ", ".join(f"{source} says {region}" for source, region in wrong.items())
        return Finding("warn", f"{named}; {target} of the configuration wins", wrong)
    return Finding("pass", f"nothing contradicts {target}")


def _reg_03(probe: Probe) -> Checking:
    facts, region = probe.facts, probe.config.region
    if probe.config.local:
        return Finding("not_applicable", "a local Bedrock")
    host = f"bedrock-runtime.{region}.amazonaws.com"
    found = yield from probe.look("addresses", host)
    evidence = {"host": host, "botocore": facts.botocore}
    if found.get("error") == "NXDOMAIN":
        return Finding("fail", f"{host} does not resolve: no Bedrock in {region}, or no DNS", evidence)
    if "error" in found:
        return Finding("unknown", f"the resolver did not answer for {host}", evidence)
    if not facts.region_known:
        return Finding("warn", f"botocore {facts.botocore} does not list Bedrock in {region}", evidence, UPGRADE)
    return Finding("pass", f"{host} resolves", evidence)


def _reg_04(probe: Probe) -> Checking:
    yield from ()
    config = probe.config
    for text in probe.principal.models:
        try:
            model = parse_model_id(text)
        except ConfigError:
            continue  # MOD-10 says so
        target = {"partition": config.partition, "region": config.region, "account": config.account}
        for part, wanted in target.items():
            real = getattr(model, part)
            if real and real != wanted:
                return Finding("fail", f"{text} names {part} {real}, the configuration says {wanted}", {"arn": text})
    return Finding("pass", "every configured ARN is of this partition, Region and account")


def _buckets(probe: Probe) -> list[str]:
    """The logging buckets, and those the principal's knowledge bases read."""
    logging, config = probe.config.logging, probe.config
    found = [logging.bucket, logging.large_data_bucket] if logging else []
    found += [source.bucket for name in probe.base_names for source in config.knowledge_bases[name].sources]
    return list(dict.fromkeys(bucket for bucket in found if bucket))


def _reg_05(probe: Probe) -> Checking:
    buckets, config = _buckets(probe), probe.config
    if not buckets:
        return Finding("not_applicable", "no bucket is configured")
    questions = [Send("s3", "HeadBucket", {"Bucket": one, "ExpectedBucketOwner": config.account}) for one in buckets]
    denied = []
    outcomes = yield from probe.outcomes(questions)
    for bucket, question, outcome in zip(buckets, questions, outcomes, strict=True):
        if isinstance(outcome, NotFoundError):
            command = f"aws s3 mb s3://{bucket} --region {config.region}"
            return Finding("fail", f"bucket {bucket} does not exist", {"bucket": bucket}, command)
        if isinstance(outcome, GatewayError):
            region = _headers(outcome).get("x-amz-bucket-region") if isinstance(outcome, ServiceError) else None
            if region is None:
                raise probe.blamed(question, outcome)
            denied += [bucket] if isinstance(outcome, AccessDeniedError) else []
        else:
            metadata = outcome.get("ResponseMetadata", {}).get("HTTPHeaders", {})
            region = outcome.get("BucketRegion") or metadata.get("x-amz-bucket-region")
        if region != config.region:
            return Finding("fail", f"bucket {bucket} is in {region}, not in {config.region}", {bucket: region})
    note = f"; whose {', '.join(denied)} is could not be read" if denied else ""
    return Finding("pass", f"in {config.region}: {', '.join(buckets)}{note}")


def _reg_06(probe: Probe) -> Checking:
    found = yield from destination(probe)
    name, here = (found.get("cloudWatchConfig") or {}).get("logGroupName"), probe.config.region
    if not name:
        return Finding("not_applicable", "logs do not go to CloudWatch Logs")
    if (yield from find_group(probe, str(name))) is not None:
        return Finding("pass", f"log group {name} is in {here}")
    others = [one for one in bedrock_regions(probe.config.partition) if one != here]
    wanted = {"logGroupNamePrefix": str(name)}  # AWS sorts by name: the group of exactly that name comes first
    outcomes = yield from probe.outcomes([Send("logs", "DescribeLogGroups", wanted, region=one) for one in others])
    there = [one for one, outcome in zip(others, outcomes, strict=True) if _has_group(outcome, str(name))]
    unread = sum(not _has_group(outcome, str(name)) and _may_have(outcome) for outcome in outcomes)
    hint = f"; it is in {', '.join(there)}" if there else f"; nor in {len(others) - unread} other Regions"
    said = f"log group {name} does not exist in {here}{hint}{f' ({unread} could not be read)' if unread else ''}"
    advice = "Logging takes a log group of its own Region: make it here." if there else None
    evidence = {"log_group": str(name), **({"exists_in": ", ".join(there)} if there else {})}
    return Finding("fail", said, evidence, create_log_group(str(name), here), advice=advice)


def _has_group(outcome: Outcome, name: str) -> bool:
    groups = outcome.get("logGroups", []) if isinstance(outcome, dict) else []
    return any(one.get("logGroupName") == name for one in groups)


def _may_have(outcome: Outcome) -> bool:
    """Whether it was not read, or not to its end: AWS may send a page without groups, and have more."""
    return isinstance(outcome, GatewayError) or bool(outcome.get("nextToken"))


def _headers(error: ServiceError) -> Mapping[str, str]:
    """S3 names the bucket's Region in a header even where it refuses; botocore keeps it on its own error."""
    response = getattr(error.__cause__, "response", None) or {}
    headers: Mapping[str, str] = response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    return headers


CHECKS: dict[str, Check] = {
    "REG-01": _reg_01,
    "REG-02": _reg_02,
    "REG-03": _reg_03,
    "REG-04": _reg_04,
    "REG-05": _reg_05,
    "REG-06": _reg_06,
}
