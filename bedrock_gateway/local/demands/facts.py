"""What exists in an account, as far as what AWS demands depends on it and nothing else tells.

Empty by default. Whoever wants a policy judged for a prompt router, a guardrail of the organisation, a model that is not
subscribed to or a third-party vector store says so here (`LocalBedrock.state.of(AccountFacts)`); guardrails that are made, and
what the account enforces, are noted here by whoever keeps them.
"""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["AccountFacts", "Guardrail"]


@dataclass(frozen=True, slots=True)
class Guardrail:
    """What calling with a guardrail depends on."""

    geography: str | None = None
    """Prefix of its guardrail profile (``us``), where it is a cross-Region one."""
    key_arn: str | None = None
    """Its customer managed KMS key, where it has one."""


@dataclass(slots=True)
class AccountFacts:
    """See the module."""

    routers: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Prompt router ARN → ids or ARNs of the models and profiles that it picks from."""
    guardrails: dict[str, Guardrail] = field(default_factory=dict)
    """By ARN; one that is not here is neither cross-Region nor encrypted with a key of the account."""
    enforced: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Region → ARNs of the guardrails that the account or its organisation enforces there."""
    unsubscribed: dict[str, str] = field(default_factory=dict)
    """Model id → AWS Marketplace product id, for third-party models that nobody in the account has called yet."""
    store_secrets: dict[str, str] = field(default_factory=dict)
    """Knowledge base id → ARN of the secret that opens its third-party vector store."""
    bucket_keys: dict[str, str] = field(default_factory=dict)
    """Bucket → ARN of the KMS key that its objects are encrypted with."""
