"""Security and access policies: made, shown, changed, listed and deleted.

A changed data or network policy holds a while later (see `Timing`); until then the one before it does.
"""

from __future__ import annotations

import base64
import re
import secrets
from functools import partial
from typing import TYPE_CHECKING, Any

from bedrock_gateway.local.call import Call, Fault, Handlers, Reply
from bedrock_gateway.local.knowledge.store import page, present
from bedrock_gateway.local.opensearch import documents
from bedrock_gateway.local.opensearch.state import (
    SearchPolicy,
    Timing,
    invalid,
    milliseconds,
    missing,
    state_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["HANDLERS", "once"]

_NAME = re.compile(r"[a-z][a-z0-9-]{2,31}")
_MAX_BYTES = 20_480
_FAMILIES: Mapping[str, tuple[str, ...]] = {"Security": ("encryption", "network"), "Access": ("data",)}


def _member(family: str, what: str) -> str:
    return f"{family.lower()}Policy{what}"


def _key(call: Call, family: str) -> tuple[str, str, str]:
    kind, name = call.params.get("type"), str(call.params.get("name"))
    if kind not in _FAMILIES[family]:
        raise invalid(f"1 validation error detected: Value '{kind}' at 'type' failed to satisfy constraint: Member must satisfy enum value set: [{', '.join(_FAMILIES[family])}]")  # fmt: skip
    if not _NAME.fullmatch(name):
        raise invalid(f"1 validation error detected: Value '{name[:80]}' at 'name' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-z][a-z0-9-]+")  # fmt: skip
    return call.region, str(kind), name


def _document(call: Call, kind: str) -> Any:
    text = str(call.params.get("policy") or "")
    if not 1 <= len(text.encode()) <= _MAX_BYTES:
        raise invalid(f"1 validation error detected: Value at 'policy' failed to satisfy constraint: Member must have length between 1 and {_MAX_BYTES}")  # fmt: skip
    return documents.parsed(kind, text)


def _found(call: Call, family: str) -> SearchPolicy:
    region, kind, name = _key(call, family)
    found = state_of(call).policies.get((region, kind, name))
    if found is None:
        raise missing(f"Policy with name {name} and type {kind} is not found")
    return found


def _shown(policy: SearchPolicy, *, whole: bool = True) -> dict[str, Any]:
    return present(
        {
            "type": policy.type,
            "name": policy.name,
            "policyVersion": policy.version_id,
            "description": policy.description,
            "policy": policy.document if whole else None,
            "createdDate": policy.created_ms,
            "lastModifiedDate": policy.modified_ms,
        }
    )


def _new_version() -> str:
    return base64.b64encode(secrets.token_bytes(18)).decode()


def once(call: Call, make: Callable[[], Any]) -> Any:
    """Return what *make* returns, or what it returned for the same client token; call it under the state's lock.

    Raises:
        Fault: ``ConflictException`` where the token came with other parameters before.
    """
    token, state = call.params.get("clientToken"), state_of(call)
    key = (call.region, call.operation, str(token))
    if token and key in state.tokens:
        params, made = state.tokens[key]
        if params != call.params:
            raise Fault("ConflictException", "The client token was already used with different parameters.")
        return made
    made = make()
    if token:
        state.tokens[key] = (dict(call.params), made)
    return made


def _since(call: Call, kind: str) -> float:
    timing = call.state.of(Timing)
    delays = {"data": timing.access_seconds, "network": timing.network_seconds}
    return timing.clock() + delays.get(kind, 0.0)


def _create(family: str, call: Call) -> Reply:
    region, kind, name = _key(call, family)
    document, state = _document(call, kind), state_of(call)

    def make() -> SearchPolicy:
        if (region, kind, name) in state.policies:
            raise Fault("ConflictException", f"Policy with name {name} and type {kind} already exists")
        moment = milliseconds()
        versions = [(_since(call, kind), document)]
        description = call.params.get("description")
        made = SearchPolicy(kind, name, description, versions, _new_version(), moment, moment)
        state.policies[region, kind, name] = made
        return made

    with state.lock:
        return Reply({_member(family, "Detail"): _shown(once(call, make))})


def _get(family: str, call: Call) -> Reply:
    return Reply({_member(family, "Detail"): _shown(_found(call, family))})


def _update(family: str, call: Call) -> Reply:
    with state_of(call).lock:
        found = _found(call, family)
        if call.params.get("policyVersion") != found.version_id:
            raise invalid("Policy version specified in the request refers to an older version and policy has since changed")  # fmt: skip
        document = _document(call, found.type) if call.params.get("policy") else found.document
        description = call.params.get("description", found.description)
        if (document, description) != (found.document, found.description):
            if document != found.document:
                found.versions.append((_since(call, found.type), document))
            found.description = description
            found.version_id, found.modified_ms = _new_version(), milliseconds()
        return Reply({_member(family, "Detail"): _shown(found)})


def _delete(family: str, call: Call) -> Reply:
    """Delete a policy; a collection keeps the key that it was made with, so its encryption policy may go before it.

    Source: OpenSearch Service Developer Guide, serverless-encryption.
    """
    with state_of(call).lock:
        found = _found(call, family)
        del state_of(call).policies[call.region, found.type, found.name]
    return Reply()


def _list(family: str, call: Call) -> Reply:
    kind = call.params.get("type")
    if kind not in _FAMILIES[family]:
        raise invalid(f"1 validation error detected: Value '{kind}' at 'type' failed to satisfy constraint: Member must satisfy enum value set: [{', '.join(_FAMILIES[family])}]")  # fmt: skip
    wanted = call.params.get("resource") or ()
    held = [one for one in state_of(call).of_type(call.region, str(kind)) if _is_about(one, wanted)]
    rows, following = page(call, held, size=20)
    return Reply({_member(family, "Summaries"): [_shown(one, whole=False) for one in rows], **following})


def _is_about(policy: SearchPolicy, wanted: Any) -> bool:
    named = str(policy.document)
    return not wanted or any(f"'{one}'" in named for one in wanted)


def get_policies_stats(call: Call) -> Reply:
    """Serve GetPoliciesStats."""
    state = state_of(call)
    count = {kind: len(state.of_type(call.region, kind)) for kind in ("encryption", "network", "data")}
    return Reply(
        {
            "AccessPolicyStats": {"DataPolicyCount": count["data"]},
            "SecurityPolicyStats": {
                "EncryptionPolicyCount": count["encryption"],
                "NetworkPolicyCount": count["network"],
            },
            "SecurityConfigStats": {"SamlConfigCount": 0},
            "LifecyclePolicyStats": {"RetentionPolicyCount": 0},
            "TotalPolicyCount": sum(count.values()),
        }
    )


_VERBS = {"Create": _create, "Get": _get, "Update": _update, "Delete": _delete}

HANDLERS: Handlers = {
    **{
        ("opensearchserverless", f"{verb}{family}Policy"): partial(handler, family)
        for verb, handler in _VERBS.items()
        for family in _FAMILIES
    },
    **{("opensearchserverless", f"List{family}Policies"): partial(_list, family) for family in _FAMILIES},
    ("opensearchserverless", "GetPoliciesStats"): get_policies_stats,
}
