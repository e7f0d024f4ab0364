"""LOG-06 to LOG-08: the role that delivers to CloudWatch Logs."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from bedrock_gateway._commands import Send
from bedrock_gateway.capabilities import Scope
from bedrock_gateway.errors import NotFoundError
from bedrock_gateway.iam.document import Policy, PolicyError, Statement
from bedrock_gateway.iam.trust import service_trust
from bedrock_gateway.preflight.checks_logging import logging_configuration
from bedrock_gateway.preflight.flow import Check, Finding, Probe
from bedrock_gateway.preflight.trust import judge_delivery, judge_trust, quoted, stream_arn

__all__ = ["CHECKS"]

Checking = Generator[Send, Any, Finding]


def _scope(probe: Probe) -> Scope:
    return Scope(region=probe.config.region, account=probe.config.account, partition=probe.config.partition)


def _destination(probe: Probe) -> Generator[Send, Any, tuple[str, str]]:
    """(log group, role ARN); empty where logs do not go to CloudWatch Logs."""
    found = yield from logging_configuration(probe)
    cloudwatch = found.get("cloudWatchConfig") or {}
    return str(cloudwatch.get("logGroupName") or ""), str(cloudwatch.get("roleArn") or "")


def _bare(arn: str) -> str:
    return arn.rpartition("/")[2]


def _role(probe: Probe, arn: str) -> Generator[Send, Any, dict[str, Any]]:
    reply = yield from probe.read("iam", "GetRole", RoleName=_bare(arn))
    role: dict[str, Any] = reply["Role"]
    return role


def _log_06(probe: Probe) -> Checking:
    _, arn = yield from _destination(probe)
    if not arn:
        return Finding("not_applicable", "logs do not go to CloudWatch Logs: no role delivers them")
    account = arn.split(":")[4]
    if account != probe.config.account:
        return Finding(
            "fail", f"the logging role is of account {account}, this is {probe.config.account}", {"role": arn}
        )
    try:
        role = yield from _role(probe, arn)
    except NotFoundError:
        trust = quoted(service_trust(_scope(probe)))
        command = f"aws iam create-role --role-name {_bare(arn)} --assume-role-policy-document {trust}"
        return Finding("fail", f"the logging role {_bare(arn)} does not exist", {"role": arn}, command)
    if role["Arn"] != arn:
        return Finding("fail", f"logging names {arn}, the role is {role['Arn']}", {"role": arn})
    return Finding("pass", f"role {_bare(arn)} exists", {"role": arn})


def _log_07(probe: Probe) -> Checking:
    _, arn = yield from _destination(probe)
    role = yield from _role(probe, arn)
    verdict = judge_trust(role.get("AssumeRolePolicyDocument") or "{}", _scope(probe))
    if verdict.corrected is None:
        return Finding(verdict.status, verdict.summary, {"role": arn})
    command = (
        f"aws iam update-assume-role-policy --role-name {_bare(arn)} --policy-document {quoted(verdict.corrected)}"
    )
    return Finding(verdict.status, verdict.summary, {"role": arn}, command, verdict.corrected.to_json())


def _log_08(probe: Probe) -> Checking:
    group, arn = yield from _destination(probe)
    role = yield from _role(probe, arn)
    try:
        identity = yield from _identity(probe, _bare(arn))
        limit = (role.get("PermissionsBoundary") or {}).get("PermissionsBoundaryArn")
        boundary = [(yield from _managed(probe, limit))] if limit else None
    except PolicyError as error:
        return Finding("unknown", f"a policy of the role could not be parsed: {error}")
    scope = _scope(probe)
    verdict = judge_delivery(identity, boundary, scope, group, arn)
    if verdict.status == "pass":
        return Finding("pass", verdict.summary)
    wanted = Policy(
        (
            Statement(
                "Allow",
                sid="WriteInvocationLogs",
                actions=("logs:CreateLogStream", "logs:PutLogEvents"),
                resources=(stream_arn(scope, group),),
            ),
        )
    )
    command = (
        f"aws iam put-role-policy --role-name {_bare(arn)} --policy-name bedrock-invocation-logs"
        f" --policy-document {quoted(wanted)}"
    )
    return Finding(verdict.status, verdict.summary, {"role": arn}, command, wanted.to_json())


def _identity(probe: Probe, role: str) -> Generator[Send, Any, list[Policy]]:
    policies: list[Policy] = []
    for name in (yield from _pages(probe, "ListRolePolicies", "PolicyNames", role)):
        reply = yield from probe.read("iam", "GetRolePolicy", RoleName=role, PolicyName=name)
        policies.append(Policy.parse(reply["PolicyDocument"]))
    for one in (yield from _pages(probe, "ListAttachedRolePolicies", "AttachedPolicies", role)):
        managed = yield from _managed(probe, one["PolicyArn"])
        policies.append(managed)
    return policies


def _pages(probe: Probe, operation: str, member: str, role: str) -> Generator[Send, Any, list[Any]]:
    found: list[Any] = []
    params: dict[str, Any] = {"RoleName": role}
    while True:
        reply = yield from probe.read("iam", operation, **params)
        found += reply.get(member, [])
        if not reply.get("IsTruncated"):
            return found
        params["Marker"] = reply["Marker"]


def _managed(probe: Probe, arn: str) -> Generator[Send, Any, Policy]:
    policy = yield from probe.read("iam", "GetPolicy", PolicyArn=arn)
    version = policy["Policy"]["DefaultVersionId"]
    reply = yield from probe.read("iam", "GetPolicyVersion", PolicyArn=arn, VersionId=version)
    return Policy.parse(reply["PolicyVersion"]["Document"])


CHECKS: dict[str, Check] = {"LOG-06": _log_06, "LOG-07": _log_07, "LOG-08": _log_08}
