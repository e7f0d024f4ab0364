"""ENV, ID and REG: the process, who it is, and where."""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping
from typing import Any
from urllib.parse import urlsplit

from bedrock_gateway.capabilities.models import parse_model_id
from bedrock_gateway.errors import AccessDeniedError, ConfigError, GatewayError, NotFoundError, ServiceError
from bedrock_gateway.preflight.flow import Asking, Check, Finding, Probe

__all__ = ["CHECKS"]

Checking = Generator[Asking, Any, Finding]

_AWS_HOST = re.compile(r"(?:[a-z0-9-]+\.)+(?:amazonaws\.com|api\.aws)")


def _env_03(probe: Probe) -> Checking:
    yield from ()
    config, overrides = probe.config, probe.facts.endpoint_overrides
    allowed = {*config.endpoints.values(), *([config.endpoint] if config.endpoint else [])}
    for source, url in overrides.items():
        parts = urlsplit(url)
        if url not in allowed and not (parts.scheme == "https" and _AWS_HOST.fullmatch(parts.hostname or "")):
            shown = f"{parts.scheme}://{parts.hostname}"  # neither user, password, path nor query is evidence
            return Finding("fail", f"{source} would send requests to {shown}", {source: shown}, f"unset {source}")
    return Finding("pass", "no endpoint is overridden" if not overrides else "every override is AWS's own or declared")


def _id_01(probe: Probe) -> Checking:
    yield from ()
    found = probe.facts.credentials
    if found is None:
        return Finding("fail", "no credentials were found", command="aws configure list")
    if found.error:
        command = "aws sso login" if "sso" in found.method else "aws configure list"
        return Finding("fail", f"credentials of {found.method!r} cannot be used: {found.error}", command=command)
    try:
        yield from probe.read("sts", "GetCallerIdentity")
    except ServiceError as error:
        if error.code in _UNUSABLE:
            return Finding(
                "fail", f"AWS refuses the credentials of {found.method!r}: {error.code}", command="aws sso login"
            )
    except GatewayError:
        return Finding("pass", f"credentials come from {found.method!r}; AWS could not be asked about them")
    return Finding("pass", f"credentials come from {found.method!r}")


_UNUSABLE = {
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidClientTokenId",
    "UnrecognizedClientException",
    "SignatureDoesNotMatch",
}


def _id_02(probe: Probe) -> Checking:
    who = yield from probe.read("sts", "GetCallerIdentity")
    config, arn, account = probe.config, str(who["Arn"]), str(who["Account"])
    wanted = {"account": (config.account, account), "partition": (config.partition, arn.split(":")[1])}
    for part, (declared, real) in wanted.items():
        if declared != real:
            return Finding("fail", f"credentials are of {part} {real}, the configuration says {declared}", {"arn": arn})
    return Finding("pass", f"account {account}", {"arn": arn})


def _id_03(probe: Probe) -> Checking:
    who = yield from probe.read("sts", "GetCallerIdentity")
    arn = str(who["Arn"])
    if arn.endswith(":root"):
        return Finding("fail", "this is the root user, whom no policy limits", {"arn": arn})
    return Finding("pass", "not the root user", {"arn": arn})


def _id_04(probe: Probe) -> Checking:
    who = yield from probe.read("sts", "GetCallerIdentity")
    arn = str(who["Arn"])
    kind = arn.split(":", 5)[5].partition("/")[0]
    if kind in {"assumed-role", "federated-user"}:
        return Finding("pass", "a session of Identity Center" if "AWSReservedSSO_" in arn else f"a session: {kind}")
    return Finding("warn", f"this is {'an IAM user' if kind == 'user' else kind}, not a role", {"arn": arn})


def _id_05(probe: Probe) -> Checking:
    yield from ()
    found = probe.facts.credentials
    if found is None or found.key_prefix != "AKIA":
        return Finding("pass", "the key is temporary")
    if probe.config.local:
        return Finding("not_applicable", "a key of the local Bedrock")
    command = "aws iam list-access-keys"
    return Finding("fail", f"a long-term key (AKIA) comes from {found.method!r}", {"method": found.method}, command)


def _id_08(probe: Probe) -> Checking:
    yield from ()
    token, bearer = probe.facts.bearer_token, probe.config.auth == "bearer"
    unset = "unset AWS_BEARER_TOKEN_BEDROCK"
    if token == "none":
        if bearer:
            return Finding("fail", 'auth = "bearer" is declared, but AWS_BEARER_TOKEN_BEDROCK is not set')
        return Finding("pass", "no bearer token")
    if not bearer:
        return Finding("fail", f'a {token} bearer token is set, but auth = "bearer" is not declared', command=unset)
    if token == "long-term":
        return Finding("fail", "the bearer token is long-term (ABSK)", command=unset)
    if probe.principal.knowledge_bases:
        return Finding("fail", "a bearer token cannot be used for knowledge bases", command=unset)
    return Finding("warn", f"a {token} bearer token signs the calls instead of the principal's role")


def _reg_01(probe: Probe) -> Checking:
    yield from ()
    target = probe.config.region
    wrong = {service: region for service, region in probe.facts.client_regions.items() if region != target}
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
    yield from ()
    facts, region = probe.facts, probe.config.region
    if probe.config.local:
        return Finding("not_applicable", "a local Bedrock")
    evidence = {"host": facts.host, "botocore": facts.botocore}
    if facts.resolves is False:
        return Finding("fail", f"{facts.host} does not resolve: no Bedrock in {region}, or no DNS", evidence)
    if facts.resolves is None:
        return Finding("unknown", f"the resolver did not answer for {facts.host}", evidence)
    if not facts.region_known:
        command = "pip install --upgrade boto3"
        return Finding("warn", f"botocore {facts.botocore} does not list Bedrock in {region}", evidence, command)
    return Finding("pass", f"{facts.host} resolves", evidence)


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
    names = probe.principal.knowledge_bases or (tuple(config.knowledge_bases) if probe.level == "standard" else ())
    found += [source.bucket for name in names for source in config.knowledge_bases[name].sources]
    return list(dict.fromkeys(bucket for bucket in found if bucket))


def _reg_05(probe: Probe) -> Checking:
    buckets, config = _buckets(probe), probe.config
    if not buckets:
        return Finding("not_applicable", "no bucket is configured")
    denied = []
    for bucket in buckets:
        try:
            reply = yield from probe.read("s3", "HeadBucket", Bucket=bucket, ExpectedBucketOwner=config.account)
        except NotFoundError:
            command = f"aws s3 mb s3://{bucket} --region {config.region}"
            return Finding("fail", f"bucket {bucket} does not exist", {"bucket": bucket}, command)
        except ServiceError as error:
            region = _headers(error).get("x-amz-bucket-region")
            if region is None:
                raise
            denied += [bucket] if isinstance(error, AccessDeniedError) else []
        else:
            metadata = reply.get("ResponseMetadata", {}).get("HTTPHeaders", {})
            region = reply.get("BucketRegion") or metadata.get("x-amz-bucket-region") or config.region
        if region != config.region:
            return Finding("fail", f"bucket {bucket} is in {region}, not in {config.region}", {bucket: region})
    note = f"; whose {', '.join(denied)} is could not be read" if denied else ""
    return Finding("pass", f"in {config.region}: {', '.join(buckets)}{note}")


def _headers(error: ServiceError) -> Mapping[str, str]:
    """S3 names the bucket's Region in a header even where it refuses; botocore keeps it on its own error."""
    response = getattr(error.__cause__, "response", None) or {}
    headers: Mapping[str, str] = response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    return headers


CHECKS: dict[str, Check] = {
    "ENV-03": _env_03,
    "ID-01": _id_01,
    "ID-02": _id_02,
    "ID-03": _id_03,
    "ID-04": _id_04,
    "ID-05": _id_05,
    "ID-08": _id_08,
    "REG-01": _reg_01,
    "REG-02": _reg_02,
    "REG-03": _reg_03,
    "REG-04": _reg_04,
    "REG-05": _reg_05,
}
