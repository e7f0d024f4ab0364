"""LOG-06 to LOG-08: the role that delivers to CloudWatch Logs."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from typing import Any

from bedrock_gateway.errors import NotFoundError
from bedrock_gateway.iam.document import PolicyError
from bedrock_gateway.iam.roles import logging_role
from bedrock_gateway.preflight.checks.logging import destination
from bedrock_gateway.preflight.fixes import (
    INLINE_POLICY,
    create_logging_role,
    extend_boundary,
    put_role_policy,
    without,
)
from bedrock_gateway.preflight.flow import Asking, Check, Finding, Probe
from bedrock_gateway.preflight.holdings import managed_policy, policies_of
from bedrock_gateway.preflight.trust import Delivery, judge_trust, quoted

__all__ = ["CHECKS", "read_role"]

Checking = Generator[Asking, Any, Finding]


def _destination(probe: Probe) -> Generator[Asking, Any, tuple[str, str]]:
    """(log group, role ARN); empty where logs do not go to CloudWatch Logs."""
    found = yield from destination(probe)
    cloudwatch = found.get("cloudWatchConfig") or {}
    return str(cloudwatch.get("logGroupName") or ""), str(cloudwatch.get("roleArn") or "")


def _bare(arn: str) -> str:
    return arn.rpartition("/")[2]


def read_role(probe: Probe, arn: str) -> Generator[Asking, Any, dict[str, Any]]:
    """Return what IAM has of the role *arn*."""
    reply = yield from probe.read("iam", "GetRole", RoleName=_bare(arn))
    role: dict[str, Any] = reply["Role"]
    return role


def _log_06(probe: Probe) -> Checking:
    group, arn = yield from _destination(probe)
    if not arn:
        return Finding("not_applicable", "logs do not go to CloudWatch Logs: no role delivers them")
    account = arn.split(":")[4]
    if account != probe.config.account:
        return Finding(
            "fail", f"the logging role is of account {account}, this is {probe.config.account}", {"role": arn}
        )
    try:
        role = yield from read_role(probe, arn)
    except NotFoundError:
        command = create_logging_role(probe.scope, arn, group)
        return Finding("fail", f"the logging role {_bare(arn)} does not exist", {"role": arn}, command)
    if role["Arn"] != arn:
        advice = "Correct `role` of [logging], path included, and put the logging configuration again."
        return Finding("fail", f"logging names {arn}, the role is {role['Arn']}", {"role": arn}, advice=advice)
    return Finding("pass", f"role {_bare(arn)} exists", {"role": arn})


def _log_07(probe: Probe) -> Checking:
    _, arn = yield from _destination(probe)
    role = yield from read_role(probe, arn)
    verdict = judge_trust(role.get("AssumeRolePolicyDocument") or "{}", probe.scope)
    if verdict.corrected is None:
        return Finding(verdict.status, verdict.summary, {"role": arn})
    command = (
        f"aws iam update-assume-role-policy --role-name {_bare(arn)} --policy-document {quoted(verdict.corrected)}"
    )
    return Finding(verdict.status, verdict.summary, {"role": arn}, command, verdict.corrected.to_json())


def _log_08(probe: Probe) -> Checking:
    group, arn = yield from _destination(probe)
    role = yield from read_role(probe, arn)
    try:
        held = yield from policies_of(probe, "role", _bare(arn))
        limit = str((role.get("PermissionsBoundary") or {}).get("PermissionsBoundaryArn") or "")
        boundary = (yield from managed_policy(probe, limit)) if limit else None
    except PolicyError as error:
        return Finding("unknown", f"a policy of the role could not be parsed: {error}")
    scope = replace(probe.scope, log_group=group)
    delivery = Delivery(scope, arn)
    verdict = delivery.judge([one.policy for one in held], boundary)
    if verdict.status == "pass":
        return Finding("pass", verdict.summary)
    wanted = logging_role(scope).permissions
    if boundary is not None and (refused := delivery.refused_by(boundary)):
        command = None if refused == "deny" else extend_boundary(limit, boundary, wanted)
        advice = f"Let the permissions boundary {limit} allow it, or give the role another."
        return Finding(verdict.status, verdict.summary, {"role": arn, "boundary": limit}, command, advice=advice)
    wrong = [one for one in held if one.name != INLINE_POLICY and delivery.spoilt_by(one.policy)]
    command = " && ".join(
        [
            put_role_policy(_bare(arn), wanted),
            *without(
                _bare(arn),
                inline=[one.name for one in wrong if not one.managed],
                attached=[one.name for one in wrong if one.managed],
            ),
        ]
    )
    return Finding(verdict.status, verdict.summary, {"role": arn}, command, wanted.to_json())


CHECKS: dict[str, Check] = {"LOG-06": _log_06, "LOG-07": _log_07, "LOG-08": _log_08}
