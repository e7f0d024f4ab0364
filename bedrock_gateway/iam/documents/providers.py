"""OIDC providers that many tenants share, where only a claim tells the tenants apart, and names that are no provider.

IAM itself refuses a trust in those it knows unless the claim is evaluated; it does not look at what the claim is compared
with, and it knows no private provider. Source: IAM User Guide, id_roles_providers_oidc_secure-by-default; how a subject is
built is each provider's own documentation. Not verified against AWS.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["NOT_PROVIDERS", "SHARED", "Shared"]


@dataclass(frozen=True, slots=True)
class Shared:
    """A provider that many tenants share: only a claim tells them apart."""

    bound: re.Pattern[str]
    """What ``sub`` must look like, up to and including the tenant's own name, without a wildcard in it."""
    example: str


def _shared(pattern: str, example: str) -> Shared:
    return Shared(re.compile(pattern), example)


_ANY_TENANT = _shared(r"[^*]+", "the whole sub, without wildcards")

SHARED: Mapping[str, Shared] = MappingProxyType(
    {
        "token.actions.githubusercontent.com": _shared(
            r"repo:[^*:/]+/[^*:/]+:.+", "repo:ORG/REPO:ref:refs/heads/BRANCH"
        ),
        "gitlab.com": _shared(
            r"project_path:[^*:/]+/[^*:]+:.+", "project_path:GROUP/PROJECT:ref_type:branch:ref:BRANCH"
        ),
        "app.terraform.io": _shared(
            r"organization:[^*:]+:project:[^*:]+:.+", "organization:ORG:project:PROJECT:workspace:NAME:run_phase:apply"
        ),
        "agent.buildkite.com": _shared(
            r"organization:[^*:]+:pipeline:[^*:]+:.+",
            "organization:ORG:pipeline:PIPELINE:ref:refs/heads/BRANCH:commit:…",
        ),
        "oidc.codefresh.io": _shared(r"account:[^*:]+:.+", "account:ACCOUNT:pipeline:PIPELINE:…"),
        "oidc.vercel.com": _shared(
            r"owner:[^*:]+:project:[^*:]+:.+", "owner:TEAM:project:PROJECT:environment:production"
        ),
        "api.pulumi.com/oidc": _shared(r"pulumi:[^*]*org:[^*:]+:.+", "pulumi:deploy:org:ORG:project:PROJECT:…"),
        **dict.fromkeys(
            (
                "scalr.io",
                "studio.datachain.ai/api",
                "proidc.upbound.io",
                "tokens.cloud.shisho.dev",
                "vstoken.actions.githubusercontent.com",
                "sandboxes.cloud",
            ),
            _ANY_TENANT,
        ),
    }
)
"""Providers that IAM itself treats as shared, with what tells the tenants apart."""

NOT_PROVIDERS: Mapping[str, str] = MappingProxyType(
    {
        "cognito-identity.amazonaws.com": "an identity pool is kind `cognito`",
        "accounts.google.com": "it is built into IAM and vouches for anybody with an account there",
        "www.amazon.com": "it is built into IAM and vouches for anybody with an account there",
        "graph.facebook.com": "it is built into IAM and vouches for anybody with an account there",
    }
)
"""Names that look like an OIDC provider of an account and are none."""
