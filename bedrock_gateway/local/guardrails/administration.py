"""Guardrails made, shown, changed, numbered and deleted.

One is READY whenever it is looked at, unless a test has it stay CREATING or UPDATING for some looks
(`Guardrails.looks_until_ready`).
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from bedrock_gateway.local.call import Fault, Reply
from bedrock_gateway.local.guardrails import enforcement
from bedrock_gateway.local.guardrails.assessment import stand_ins
from bedrock_gateway.local.guardrails.constraints import check
from bedrock_gateway.local.guardrails.definition import edition
from bedrock_gateway.local.guardrails.store import DRAFT, Guardrail, Guardrails, guardrail, new_id, now, renewed
from bedrock_gateway.local.knowledge.store import page, present

if TYPE_CHECKING:
    from collections.abc import Callable

    from bedrock_gateway.local.call import Call, Handlers
    from bedrock_gateway.local.guardrails.store import Edition

__all__ = ["HANDLERS"]

_log = logging.getLogger(__name__)
_MOST_GUARDRAILS = 100
_MOST_VERSIONS = 20
"""AWS's default quotas. Source: Amazon Bedrock endpoints and quotas, in the AWS General Reference."""


def _conflict(message: str) -> Fault:
    return Fault("ConflictException", message, 400)


def _exceeded(message: str) -> Fault:
    return Fault("ServiceQuotaExceededException", message, 400)


def _once(call: Call, make: Callable[[], str]) -> str:
    """Return what *make* returns, or what it returned for the same client token."""
    token, store = call.params.get("clientRequestToken"), call.state.of(Guardrails)
    with store.lock:
        key = (call.operation, call.region, str(token))
        if token and key in store.tokens:
            params, made = store.tokens[key]
            if params != call.params:
                raise _conflict("The client token was already used with different parameters.")
            return made
        made = make()
        if token:
            store.tokens[key] = (dict(call.params), made)
        return made


def _check_name(call: Call, own: Guardrail | None = None) -> None:
    others = (one for one in call.state.of(Guardrails).in_region(call.region) if one is not own)
    if any(one.draft.name == call.params["name"] for one in others):
        raise _conflict("Another guardrail in your account already has this name.")


def _create(call: Call) -> Reply:
    check(call)
    made = guardrail(call, _once(call, lambda: _made(call)))
    return Reply(
        {"guardrailId": made.id, "guardrailArn": made.arn, "version": DRAFT, "createdAt": made.draft.created_at}
    )


def _made(call: Call) -> str:
    store = call.state.of(Guardrails)
    _check_name(call)
    if len(store.in_region(call.region)) >= _MOST_GUARDRAILS:
        raise _exceeded(f"You have reached the quota of {_MOST_GUARDRAILS} guardrails in this account and Region.")
    said, identifier = _said(call), new_id()
    arn = f"arn:{call.partition}:bedrock:{call.region}:{call.account}:guardrail/{identifier}"
    tags = {tag["key"]: tag["value"] for tag in call.params.get("tags") or []}
    made = Guardrail(identifier, arn, call.region, {DRAFT: said}, tags)
    made.become("CREATING", store.looks_until_ready)
    store.add(call.state, made)
    return identifier


def _said(call: Call) -> Edition:
    """Return what *call* makes of a guardrail; whoever makes it is told what will only stand in."""
    said = edition(call)
    if pretended := stand_ins(said.policies):
        _log.warning("guardrail %s: %s: stand-ins for AWS's models, see docs/local-guardrails.md", said.name, ", ".join(pretended))  # fmt: skip
    return said


def _edition(call: Call, found: Guardrail) -> tuple[str, Edition]:
    version = call.params.get("guardrailVersion") or DRAFT
    if version not in found.editions:
        raise Fault("ResourceNotFoundException", f"The guardrail {found.id} has no version {version}.", 404)
    return version, found.editions[version]


def _across(call: Call, said: Edition) -> dict[str, str] | None:
    if said.profile is None:
        return None
    arn = f"arn:{call.partition}:bedrock:{call.region}:{call.account}:guardrail-profile/{said.profile}"
    return {"guardrailProfileId": said.profile, "guardrailProfileArn": arn}


def _get(call: Call) -> Reply:
    check(call)
    with call.state.of(Guardrails).lock:
        found = guardrail(call)
        version, said = _edition(call, found)
        status = found.looked_at() if version == DRAFT else "READY"
    members = {
        "name": said.name,
        "description": said.description,
        "guardrailId": found.id,
        "guardrailArn": found.arn,
        "version": version,
        "status": status,
        **said.policies,
        "crossRegionDetails": _across(call, said),
        "createdAt": said.created_at,
        "updatedAt": said.updated_at,
        "statusReasons": found.status_reasons if version == DRAFT else [],
        "failureRecommendations": found.failure_recommendations if version == DRAFT else [],
        "blockedInputMessaging": said.blocked_input,
        "blockedOutputsMessaging": said.blocked_output,
        "kmsKeyArn": said.key_arn,
    }
    return Reply(present(members))


def _summary(call: Call, found: Guardrail, version: str, said: Edition) -> dict[str, Any]:
    return present(
        {
            "id": found.id,
            "arn": found.arn,
            "status": found.looked_at() if version == DRAFT else "READY",
            "name": said.name,
            "description": said.description,
            "version": version,
            "createdAt": said.created_at,
            "updatedAt": said.updated_at,
            "crossRegionDetails": _across(call, said),
        }
    )


def _list(call: Call) -> Reply:
    """Show the DRAFT of every guardrail, or every version of one."""
    check(call)
    store, asked = call.state.of(Guardrails), call.params.get("guardrailIdentifier")
    with store.lock:
        if asked:
            one = guardrail(call, asked)
            rows = [(one, version, said) for version, said in one.editions.items()]
        else:
            rows = [(found, DRAFT, found.draft) for found in store.in_region(call.region)]
        shown, following = page(call, rows)
        return Reply({"guardrails": [_summary(call, *row) for row in shown], **following})


def _update(call: Call) -> Reply:
    """Say everything of the DRAFT anew: what is left out is gone."""
    check(call)
    store = call.state.of(Guardrails)
    with store.lock:
        found = guardrail(call)
        _check_settled(found)
        _check_name(call, found)
        found.editions[DRAFT] = renewed(_said(call), created_at=found.draft.created_at)
        found.become("UPDATING", store.looks_until_ready)
        store.note(call.state, found)
    reply = {"guardrailId": found.id, "guardrailArn": found.arn, "version": DRAFT}
    return Reply({**reply, "updatedAt": found.draft.updated_at})


def _check_settled(found: Guardrail) -> None:
    if found.status != "READY" and found.looks_until_ready:
        raise _conflict(f"The guardrail {found.id} is {found.status}. Retry your request when it is ready.")


def _create_version(call: Call) -> Reply:
    check(call)
    found = guardrail(call)
    return Reply({"guardrailId": found.id, "version": _once(call, lambda: _numbered(call, found))})


def _numbered(call: Call, found: Guardrail) -> str:
    _check_settled(found)
    if len(found.editions) > _MOST_VERSIONS:
        raise _exceeded(f"You have reached the quota of {_MOST_VERSIONS} versions of a guardrail.")
    found.last_version += 1
    version, moment = str(found.last_version), now()
    described = {"description": call.params.get("description")}
    found.editions[version] = renewed(found.draft, created_at=moment, **described)
    return version


def _delete(call: Call) -> Reply:
    """Delete one version, or, where none is named, the guardrail with all of them."""
    check(call)
    store, version = call.state.of(Guardrails), call.params.get("guardrailVersion")
    with store.lock:
        found = guardrail(call)
        _edition(call, found)
        held = store.enforced.get(call.region)
        if held is not None and held.arn == found.arn and version in {None, held.version}:
            raise Fault("ResourceInUseException", f"The guardrail {found.id} is enforced on this account.", 400)
        if version:
            del found.editions[version]
        else:
            store.remove(call.state, found.arn)
    return Reply()


HANDLERS: Handlers = {
    ("bedrock", "CreateGuardrail"): _create,
    ("bedrock", "GetGuardrail"): _get,
    ("bedrock", "ListGuardrails"): _list,
    ("bedrock", "UpdateGuardrail"): _update,
    ("bedrock", "CreateGuardrailVersion"): _create_version,
    ("bedrock", "DeleteGuardrail"): _delete,
    **enforcement.HANDLERS,
}
