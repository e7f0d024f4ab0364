"""One tenant at a time: a knowledge base with a ``tenant_key`` is never searched without a filter on it.

This is a filter that the client sends, not a boundary of IAM: whoever may call Retrieve with the same credentials and
without this library sees every tenant.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bedrock_gateway.errors import GovernanceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bedrock_gateway._commands import Send
    from bedrock_gateway.config import GatewayConfig

__all__ = ["RULE", "one_tenant", "within_tenant"]

RULE = "declared-tenant"
_SEARCHES = ("vectorSearchConfiguration", "managedSearchConfiguration")
_ASK = frozenset({"Retrieve", "RetrieveAndGenerate", "RetrieveAndGenerateStream"})


def within_tenant(metadata_filter: Mapping[str, Any] | None, key: str, tenant: str | int) -> dict[str, Any]:
    """Return *metadata_filter* (None: all documents) for one tenant's documents alone.

    The tenant's condition comes first in an ``andAll``: whatever else is asked for can only leave out more.
    """
    own = {"equals": {"key": key, "value": tenant}}
    if metadata_filter is None:
        return own
    inner = metadata_filter.get("andAll")
    parts = inner if isinstance(inner, (list, tuple)) and len(metadata_filter) == 1 else [dict(metadata_filter)]
    return {"andAll": [own, *parts]}


def one_tenant(config: GatewayConfig) -> Callable[[Send], Send]:
    """Return the rule; it looks at the parameters that go out, so that none of the application's rules can lose the filter."""
    keys = {name: base.tenant_key for name, base in config.knowledge_bases.items() if base.tenant_key}

    def declared_tenant(send: Send) -> Send:
        key = keys.get(send.knowledge_base or "")
        if key is None or send.operation not in _ASK:
            return send
        searches = list(_searches(send))
        if not searches or not all(_is_within_one(one, key) for one in searches):
            raise GovernanceError(
                f"knowledge base {send.knowledge_base!r} is searched for one tenant at a time: give tenant=, "
                f"whose documents are those with the attribute {key!r}",
                rule=RULE,
            )
        return send

    return declared_tenant


def _searches(send: Send) -> Iterator[Mapping[str, Any]]:
    """The searches that the request configures."""
    outer = _member(_member(send.params, "retrieveAndGenerateConfiguration"), "knowledgeBaseConfiguration")
    for holder in (send.params, outer):
        found = _member(holder, "retrievalConfiguration")
        yield from (_member(found, name) for name in _SEARCHES if name in found)


def _member(found: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = found.get(name)
    return value if isinstance(value, Mapping) else {}


def _is_within_one(search: Mapping[str, Any], key: str) -> bool:
    """How a filter that a model makes joins the other one is not documented: it could replace it."""
    return "implicitFilterConfiguration" not in search and _is_bound(search.get("filter"), key)


def _is_bound(given: Any, key: str) -> bool:
    """Whether every document that *given* lets pass is of one tenant."""
    if not isinstance(given, Mapping) or len(given) != 1:
        return False
    ((operator, value),) = given.items()
    if operator == "andAll" and isinstance(value, (list, tuple)):
        return any(_is_bound(one, key) for one in value)
    return operator == "equals" and isinstance(value, Mapping) and value.get("key") == key
