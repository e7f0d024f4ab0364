"""ENV, ID and REG: the process, who it is, and where."""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping
from typing import Any
from urllib.parse import urlsplit

from bedrock_gateway.capabilities.models import parse_model_id
from bedrock_gateway.errors import AccessDeniedError, ConfigError, GatewayError, NotFoundError, ServiceError
from bedrock_gateway.governance.protection import MOST_REQUESTS
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


def _env_01(probe: Probe) -> Checking:
    yield from ()
    lacking, botocore = probe.facts.lacking, probe.facts.botocore
    if not lacking:
        return Finding("pass", f"botocore {botocore} shows everything that is read here")
    shown = ", ".join(lacking)
    return Finding("warn", f"botocore {botocore} does not show {shown}", {"botocore": botocore}, _UPGRADE)


_UPGRADE = "pip install --upgrade boto3"


def _env_02(probe: Probe) -> Checking:
    yield from ()
    attempts = probe.facts.sdk_attempts
    if attempts == 1:
        return Finding("pass", "the SDK sends once: nothing is retried but by this gateway")
    most = f"{attempts} x {MOST_REQUESTS} requests for one call"
    return Finding("warn", f"the SDK under the gateway makes {attempts} attempts of its own: at worst {most}")


def _env_04(probe: Probe) -> Checking:
    yield from ()
    facts = probe.facts
    if facts.unverified:
        return Finding("fail", f"certificates cannot be verified: {facts.unverified}")
    if facts.proxies:
        names = ", ".join(facts.proxies)
        return Finding("warn", f"requests go through a proxy: {names}", dict.fromkeys(facts.proxies, "set"))
    return Finding("pass", "certificates are verified, no proxy is set")


def _env_05(probe: Probe) -> Checking:
    yield from ()
    names = probe.facts.verbose_loggers
    if not names:
        return Finding("pass", "no logger of the SDK writes at DEBUG")
    command = f"python -c \"import logging; logging.getLogger('{names[0]}').setLevel(logging.WARNING)\""
    said = f"{', '.join(names)} log at DEBUG: outside of this gateway's own calls that shows prompts and session tokens"
    return Finding("warn", said, dict.fromkeys(names, "DEBUG"), command)


def _env_06(probe: Probe) -> Checking:
    yield from ()
    name = probe.facts.locals_in_tracebacks
    if name is None:
        return Finding("pass", "no processor of structlog writes local variables")
    return Finding("warn", f"structlog's {name} writes the local variables of tracebacks: prompts are among them")


_LONG_SECONDS = 3600.0
_SHORT_SECONDS = 10.0


def _env_07(probe: Probe) -> Checking:
    yield from ()
    timeouts = probe.facts.timeouts
    shown = {f"{name}_seconds": f"{getattr(timeouts, name):g}" for name in ("connect", "first_byte", "idle", "total")}
    if timeouts.total > _LONG_SECONDS:
        return Finding("fail", f"a call may take {timeouts.total:g} s: more than an hour", shown)
    if timeouts.first_byte < _SHORT_SECONDS:
        said = f"{timeouts.first_byte:g} s to the first byte: of a call without stream that is the whole generation"
        return Finding("warn", said, shown)
    return Finding("pass", f"a call ends within {timeouts.total:g} s, whatever happens", shown)


def _env_10(probe: Probe) -> Checking:
    yield from ()
    facts = probe.facts
    if facts.below_the_floor:
        said = ", ".join(
            f"{name} {facts.versions.get(name, '')} is older than {limits}"
            for name, limits in facts.below_the_floor.items()
        )
        wanted = " ".join(f"'{name}{limits}'" for name, limits in facts.below_the_floor.items())
        return Finding("fail", said, facts.versions, f"pip install {wanted}")
    return Finding("pass", "what is installed is what was asked for", facts.versions)


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


_SOON_SECONDS = 15 * 60.0


def _id_07(probe: Probe) -> Checking:
    yield from ()
    found = probe.facts.credentials
    left = found.expires_in_seconds if found else None
    if found is None or left is None:
        kept = "are renewed by whoever gave them" if found and found.renewable else "do not say when they expire"
        return Finding("pass", f"the credentials {kept}")
    if left < _SOON_SECONDS and not found.renewable:
        return Finding("warn", f"the credentials expire in {max(left, 0) / 60:.0f} min and nothing renews them")
    return Finding("pass", f"the credentials are renewed; these expire in {left / 60:.0f} min")


def _id_13(probe: Probe) -> Checking:
    who = yield from probe.read("sts", "GetCallerIdentity")
    arn, config = str(who["Arn"]), probe.config
    kind, _, rest = arn.split(":", 5)[5].partition("/")
    if kind != "assumed-role":
        return Finding("not_applicable", "the principal is no role")
    name = rest.partition("/")[0]
    logging_roles = {config.logging.role: "the logging role"} if config.logging and config.logging.log_group else {}
    services = logging_roles | {
        role: f"the service role of knowledge base {base}"
        for base, declared in config.knowledge_bases.items()
        for role in [declared.role or f"AmazonBedrockGateway-kb-{base}"]
    }
    for role, what in services.items():
        if role.rpartition("/")[2] == name:
            return Finding("fail", f"this principal is {name}, which is {what} too", {"arn": arn})
    return Finding("pass", f"{name} is no service role of Bedrock")


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
        return Finding("warn", f"botocore {facts.botocore} does not list Bedrock in {region}", evidence, _UPGRADE)
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
    names = probe.principal.knowledge_bases or (tuple(config.knowledge_bases) if probe.level != "minimal" else ())
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
    "ENV-01": _env_01,
    "ENV-02": _env_02,
    "ENV-03": _env_03,
    "ENV-04": _env_04,
    "ENV-05": _env_05,
    "ENV-06": _env_06,
    "ENV-07": _env_07,
    "ENV-10": _env_10,
    "ID-01": _id_01,
    "ID-02": _id_02,
    "ID-03": _id_03,
    "ID-04": _id_04,
    "ID-05": _id_05,
    "ID-07": _id_07,
    "ID-08": _id_08,
    "ID-13": _id_13,
    "REG-01": _reg_01,
    "REG-02": _reg_02,
    "REG-03": _reg_03,
    "REG-04": _reg_04,
    "REG-05": _reg_05,
}
