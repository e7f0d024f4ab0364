"""What an account enforces: one guardrail, in a numbered version, on every model call of a Region.

Source: Bedrock User Guide, guardrails-enforcements. What an organisation enforces comes from AWS Organizations and cannot
be set here; the texts are not verified against AWS.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bedrock_gateway.local.call import Fault, Reply
from bedrock_gateway.local.guardrails.constraints import check
from bedrock_gateway.local.guardrails.store import EnforcedGuardrail, Guardrails, guardrail, invalid, new_id, now
from bedrock_gateway.local.knowledge.store import present

if TYPE_CHECKING:
    from bedrock_gateway.local.call import Call, Handlers

__all__ = ["HANDLERS"]

_COMPREHENSIVE = {"system": "COMPREHENSIVE", "messages": "COMPREHENSIVE"}


def _missing(config_id: str) -> Fault:
    return Fault("ResourceNotFoundException", f"The enforced guardrail configuration {config_id} was not found.", 404)


def _put(call: Call) -> Reply:
    check(call)
    store, wanted = call.state.of(Guardrails), call.params["guardrailInferenceConfig"]
    with store.lock:
        before = store.enforced.get(call.region)
        asked = call.params.get("configId")
        if asked and (before is None or before.config_id != asked):
            raise _missing(asked)
        if before is not None and not asked:
            # assumed: AWS lists at most one, and changes it by its id
            raise Fault("ConflictException", "An enforced guardrail configuration already exists.", 400)
        found = guardrail(call, wanted["guardrailIdentifier"])
        if wanted["guardrailVersion"] not in found.editions:
            raise invalid(f"The guardrail {found.id} has no version {wanted['guardrailVersion']}.")
        moment, who = now(), call.caller.arn
        made = EnforcedGuardrail(
            config_id=before.config_id if before else new_id(),
            arn=found.arn,
            version=wanted["guardrailVersion"],
            selective=_COMPREHENSIVE | dict(wanted.get("selectiveContentGuarding") or {}),
            models=wanted.get("modelEnforcement"),
            created_by=before.created_by if before else who,
            updated_by=who,
            created_at=before.created_at if before else moment,
            updated_at=moment,
        )
        store.enforce(call.state, call.region, made)
    return Reply({"configId": made.config_id, "updatedAt": made.updated_at, "updatedBy": made.updated_by})


def _shown(one: EnforcedGuardrail) -> dict[str, Any]:
    return present(
        {
            "configId": one.config_id,
            "guardrailArn": one.arn,
            "guardrailId": one.id,
            "inputTags": "HONOR" if "SELECTIVE" in one.selective.values() else "IGNORE",
            "selectiveContentGuarding": dict(one.selective),
            "guardrailVersion": one.version,
            "createdAt": one.created_at,
            "createdBy": one.created_by,
            "updatedAt": one.updated_at,
            "updatedBy": one.updated_by,
            "owner": "ACCOUNT",
            "modelEnforcement": one.models,
        }
    )


def _list(call: Call) -> Reply:
    held = call.state.of(Guardrails).enforced.get(call.region)
    return Reply({"guardrailsConfig": [_shown(held)] if held else []})


def _delete(call: Call) -> Reply:
    check(call)
    store = call.state.of(Guardrails)
    with store.lock:
        held = store.enforced.get(call.region)
        if held is None or held.config_id != call.params["configId"]:
            raise _missing(call.params["configId"])
        store.enforce(call.state, call.region, None)
    return Reply()


HANDLERS: Handlers = {
    ("bedrock", "PutEnforcedGuardrailConfiguration"): _put,
    ("bedrock", "ListEnforcedGuardrailsConfiguration"): _list,
    ("bedrock", "DeleteEnforcedGuardrailConfiguration"): _delete,
}
