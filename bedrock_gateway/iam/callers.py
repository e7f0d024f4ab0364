"""How closely a resource-based policy names who asks: directly, by its role, by its account, or not at all.

Sources: IAM User Guide, reference_policies_elements_principal and …_notprincipal.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bedrock_gateway.iam.patterns import UndecidableError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bedrock_gateway.iam.document import Statement

__all__ = ["ACCOUNT", "DIRECT", "ROLE", "PrincipalRef", "closeness", "excepted"]

DIRECT, ROLE, ACCOUNT = 3, 2, 1
"""How closely a resource policy names a principal."""


@dataclass(frozen=True, slots=True)
class PrincipalRef:
    """Who asks: the names under which a resource-based or trust policy can name them."""

    arn: str
    """For a role session the ``assumed-role`` ARN; for a service its name, ``bedrock.amazonaws.com``."""
    account: str = ""
    kind: str = "AWS"
    """``AWS``, ``Service`` or ``Federated``."""
    role_arn: str | None = None
    """For a role session, the role's own ARN; for a session of GetFederationToken, the user's."""


def closeness(pairs: Sequence[tuple[str, str]], principal: PrincipalRef) -> int:
    """How closely (type, value) pairs name *principal*; 0: not at all.

    Raises:
        UndecidableError: only a canonical user id could.
    """
    found = max((_names(kind, value, principal) for kind, value in pairs), default=0)
    if not found and principal.kind == "AWS" and any(kind == "CanonicalUser" for kind, _ in pairs):
        raise UndecidableError("whose account a canonical user id stands for is not known here")
    return found


def _names(kind: str, value: str, principal: PrincipalRef) -> int:
    """How closely ``{kind: value}`` names *principal*; 0: not at all. Only a lone ``*`` is a wildcard."""
    if value == "*" and kind in {"*", "AWS", principal.kind}:
        return DIRECT
    if kind != principal.kind:
        return 0
    if value == principal.arn:
        return DIRECT
    if value == principal.role_arn:
        return ROLE
    if kind == "AWS" and principal.account and _is_account(value, principal.account):
        return ACCOUNT
    return 0


def _is_account(value: str, account: str) -> bool:
    return value == account or (value.startswith("arn:") and value.endswith(f":iam::{account}:root"))


def excepted(statement: Statement, principal: PrincipalRef) -> bool:
    """Whether ``NotPrincipal`` spares *principal*.

    AWS may look at the account first, then the role, then the session, and asks to list the account with whom it
    spares; what a list with a gap in that chain does is not documented.

    Raises:
        UndecidableError: the list has such a gap.
    """
    pairs = statement.not_principals
    levels = {_names(kind, value, principal) for kind, value in pairs if value != "*"} - {0}
    if any(value == "*" and _names(kind, value, principal) for kind, value in pairs):
        return True
    if not levels:
        return bool(closeness(pairs, principal))
    if principal.kind != "AWS" or principal.arn.endswith(":root"):
        return True
    if statement.effect == "Allow":
        complete = levels != {ACCOUNT}
    else:
        complete = levels >= {ACCOUNT, ROLE if principal.role_arn else DIRECT}
    if not complete:
        raise UndecidableError(f"NotPrincipal lists a part of the chain from the account to {principal.arn} only")
    return True
