"""The commands printed under findings: complete shell commands for the AWS CLI. Printed, never run.

Each does what its finding asks for in the account as it stands, and destroys nothing that it did not find wrong.
"""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bedrock_gateway._config.scope import scope_of
from bedrock_gateway.iam import roles
from bedrock_gateway.iam.boundary import boundary
from bedrock_gateway.iam.document import Policy
from bedrock_gateway.iam.resources import boundary_arn
from bedrock_gateway.iam.trust import service_trust

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from bedrock_gateway.capabilities import Scope
    from bedrock_gateway.config import GatewayConfig

__all__ = [
    "INLINE_POLICY",
    "MODALITIES",
    "create_log_group",
    "create_logging_role",
    "declared_destination",
    "extend_boundary",
    "grant",
    "put_logging",
    "put_role_policy",
    "retain",
    "without",
]

MODALITIES = ("text", "image", "embedding", "video", "audio")
_NEWEST_FLAG = "audioDataDeliveryEnabled"
"""An AWS CLI that does not know it refuses the whole command: it is set only where it matters."""
INLINE_POLICY = "bedrock-invocation-logs"
_RETENTION_DAYS = 365


def declared_destination(config: GatewayConfig) -> dict[str, Any]:
    """Return the destinations that the configuration declares, as AWS's ``loggingConfig`` has them; {}: none."""
    wanted = config.logging
    found: dict[str, Any] = {}
    if wanted and wanted.log_group:
        role = f"arn:{config.partition}:iam::{config.account}:role/{wanted.role}"
        found["cloudWatchConfig"] = {"logGroupName": wanted.log_group, "roleArn": role} | (
            {"largeDataDeliveryS3Config": {"bucketName": wanted.large_data_bucket}} if wanted.large_data_bucket else {}
        )
    if wanted and wanted.bucket:
        found["s3Config"] = {"bucketName": wanted.bucket} | ({"keyPrefix": wanted.prefix} if wanted.prefix else {})
    return found


def put_logging(config: GatewayConfig, scope: Scope, current: Mapping[str, Any] | None = None) -> str | None:
    """Return what sets the declared configuration; Put replaces everything, so it starts from what is there.

    A bucket without any policy gets the one under which Bedrock may write to it; one that has a policy is left alone.
    None where no destination is declared or there.
    """
    body = {**(current or {}), **declared_destination(config)}
    if not body.get("cloudWatchConfig") and not body.get("s3Config"):
        return None
    used = config.logging.modalities if config.logging else ("text",)
    flags = {f"{name}DataDeliveryEnabled": name in used for name in MODALITIES}
    if "audio" not in used and _NEWEST_FLAG not in body:
        del flags[_NEWEST_FLAG]
    body |= flags
    put = f"aws bedrock put-model-invocation-logging-configuration --region {config.region} --logging-config {_json(body)}"
    return "; ".join([*_bucket_policies(scope, body), put])


def _bucket_policies(scope: Scope, body: Mapping[str, Any]) -> Iterable[str]:
    large = (body.get("cloudWatchConfig") or {}).get("largeDataDeliveryS3Config") or {}
    for place in (body.get("s3Config") or {}, large):
        if bucket := place.get("bucketName"):
            policy = roles.logging_bucket(
                replace(scope, logging_bucket=bucket, logging_prefix=place.get("keyPrefix") or "")
            )
            where = f"--bucket {bucket} --region {scope.region}"
            yield (
                f"aws s3api get-bucket-policy {where} 2>&1 | grep -q NoSuchBucketPolicy"
                f" && aws s3api put-bucket-policy {where} --policy {_document(policy)}"
            )


def create_log_group(name: str, region: str) -> str:
    """Return what makes the log group, with a retention."""
    return f"aws logs create-log-group --log-group-name {shlex.quote(name)} --region {region} && {retain(name, region)}"


def retain(name: str, region: str) -> str:
    """Return what gives the log group a retention."""
    return (
        f"aws logs put-retention-policy --log-group-name {shlex.quote(name)} --retention-in-days {_RETENTION_DAYS}"
        f" --region {region}"
    )


def create_logging_role(scope: Scope, arn: str, group: str) -> str:
    """Return what makes the role of *arn* with its trust, boundary and rights, and the boundary where it is missing.

    `logging-admin` may make the role with that boundary only; the boundary itself only an administrator makes.
    """
    limit, documents = boundary_arn(scope), roles.logging_role(replace(scope, log_group=group))
    path, name = _path(arn.partition(":role/")[2])
    limit_path, limit_name = _path(scope.boundary)
    return (
        f"{{ aws iam get-policy --policy-arn {limit} > /dev/null 2>&1"
        f" || aws iam create-policy --policy-name {limit_name} --path {limit_path}"
        f" --policy-document {_document(boundary(scope))}; }}; "
        f"aws iam create-role --role-name {name} --path {path} --permissions-boundary {limit}"
        f" --assume-role-policy-document {_document(service_trust(scope))} && "
        + put_role_policy(name, documents.permissions)
    )


def put_role_policy(role: str, policy: Policy) -> str:
    """Return what gives the role *policy* under our name for it."""
    return f"aws iam put-role-policy --role-name {role} --policy-name {INLINE_POLICY} --policy-document {_document(policy)}"


def without(role: str, *, inline: Iterable[str] = (), attached: Iterable[str] = ()) -> list[str]:
    """Return what takes these policies off the role."""
    return [
        *(f"aws iam delete-role-policy --role-name {role} --policy-name {shlex.quote(name)}" for name in inline),
        *(f"aws iam detach-role-policy --role-name {role} --policy-arn {arn}" for arn in attached),
    ]


def extend_boundary(arn: str, limit: Policy, needed: Policy) -> str | None:
    """Return what lets the boundary *arn* allow *needed* too; None where it is one of AWS's own, which nobody edits."""
    if ":iam::aws:" in arn:
        return None
    both = Policy((*limit.statements, *needed.statements), limit.version)
    return f"aws iam create-policy-version --policy-arn {arn} --set-as-default --policy-document {_document(both)}"


def grant(config: GatewayConfig, name: str, level: str) -> str:
    """Return what prints the policy that the principal *name* must have for the checks of *level*.

    Where the principal is to have them, that is its own policy; else one for them alone, to be attached beside.
    """
    if f"preflight-{level}" in config.principals[name].capabilities:
        where = ["--env", config.environment] if config.environment else []
        return shlex.join(["bedrock-gateway", "policy", "--principal", name, *where])
    logging, parts = config.logging, [f"preflight-{level}", "--region", config.region, "--account", config.account]
    if logging:
        named = {"--logging-role": logging.role, "--log-group": logging.log_group, "--bucket": logging.bucket}
        parts += [word for option, value in named.items() if value for word in (option, value)]
    if level != "minimal":
        parts += [word for option, value in _looked_at(config, name, level) for word in (option, value)]
    return shlex.join(["bedrock-gateway", "policy", "generate", *parts])


def _looked_at(config: GatewayConfig, name: str, level: str) -> Iterator[tuple[str, str]]:
    """Yield as options what else the checks of *level* read: without a name of it, a policy grants nothing on it."""
    principal = config.principals[name]
    asked = principal.model_copy(update={"capabilities": (*principal.capabilities, f"preflight-{level}")})
    scope = scope_of(config, asked)
    yield from (("--model", one) for one in scope.models)
    yield from (("--wraps", f"{one}={inner}") for one, behind in scope.wraps if one in scope.models for inner in behind)
    yield from (("--kb", one) for one in scope.knowledge_bases)
    if scope.guardrail:
        yield "--guardrail", ":".join(scope.guardrail)


def _path(name: str) -> tuple[str, str]:
    folder, _, bare = name.rpartition("/")
    return (f"/{folder}/" if folder else "/"), bare


def _json(value: Any) -> str:
    return shlex.quote(json.dumps(value))


def _document(policy: Policy) -> str:
    """The document as one argument of a shell command."""
    return shlex.quote(policy.to_json())
