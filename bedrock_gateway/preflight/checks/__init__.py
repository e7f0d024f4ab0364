"""What each row of the catalogue does; one module a subject, one function a check."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bedrock_gateway.preflight.checks import (
    delivery,
    escalation,
    guardrails,
    host,
    identity,
    keeping,
    knowledge_bases,
    last_used,
    logging,
    models,
    network,
    permissions,
    process,
    quotas,
    region,
    roles,
    simulation,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bedrock_gateway.preflight.flow import Check

__all__ = ["CHECKS"]

CHECKS: Mapping[str, Check] = {
    id_: check
    for module in (
        process,
        host,
        identity,
        region,
        network,
        permissions,
        simulation,
        escalation,
        last_used,
        logging,
        roles,
        delivery,
        keeping,
        models,
        guardrails,
        knowledge_bases,
        quotas,
    )
    for id_, check in module.CHECKS.items()
}
"""Id → check."""
