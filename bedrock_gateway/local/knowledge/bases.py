"""Knowledge bases of bedrock-agent: made, shown, changed, deleted and tagged; data sources and jobs are beside it.

A knowledge base is CREATING in the reply that makes it and ACTIVE whenever it is looked at after that.
"""

from __future__ import annotations

import re
from typing import Any

from bedrock_gateway.local.call import Call, Fault, Handlers, Reply
from bedrock_gateway.local.knowledge import data_sources, direct, ingestion
from bedrock_gateway.local.knowledge.backends import backend_for, check_backend
from bedrock_gateway.local.knowledge.store import (
    KnowledgeBase,
    invalid,
    knowledge_base,
    missing,
    new_id,
    now,
    once,
    page,
    present,
    store_of,
)
from bedrock_gateway.local.service_role import check_role, embedding_model

__all__ = ["HANDLERS"]

_NAME = re.compile(r"([0-9a-zA-Z][_-]?){1,100}")


def _shown(base: KnowledgeBase, *, status: str | None = None) -> dict[str, Any]:
    return present(
        {
            "knowledgeBaseId": base.knowledge_base_id,
            "name": base.name,
            "knowledgeBaseArn": base.arn,
            "description": base.description,
            "roleArn": base.role_arn,
            "knowledgeBaseConfiguration": base.configuration,
            "storageConfiguration": base.storage,
            "status": status or base.status,
            "createdAt": base.created_at,
            "updatedAt": base.updated_at,
            "failureReasons": base.failure_reasons or None,
        }
    )


def _check_name(call: Call, *, own_id: str | None = None) -> None:
    name = call.params["name"]
    if not _NAME.fullmatch(name):
        raise invalid(f"1 validation error detected: Value '{name}' at 'name' failed to satisfy constraint: Member must satisfy regular expression pattern: {_NAME.pattern}")  # fmt: skip
    others = (base for base in store_of(call).in_region(call.region) if base.knowledge_base_id != own_id)
    if any(base.name == name for base in others):
        raise Fault("ConflictException", f"KnowledgeBase with name {name} already exists.", 409)


def _make(call: Call) -> str:
    _check_name(call)
    params = call.params
    if "storageConfiguration" not in params:
        raise invalid("storageConfiguration is required for a knowledge base of type VECTOR.")
    identifier = new_id()
    arn = f"arn:{call.partition}:bedrock:{call.region}:{call.account}:knowledge-base/{identifier}"
    model_arn, dimensions = embedding_model(call, params["knowledgeBaseConfiguration"])
    backend = backend_for(call, params["storageConfiguration"])
    if not backend.seen_by_role:
        check_backend(backend, dimensions)
    check_role(call, params["roleArn"], base_arn=arn, model_arn=model_arn, backend=backend)
    if backend.seen_by_role:
        check_backend(backend, dimensions)
    store_of(call).bases[call.region, identifier] = KnowledgeBase(
        knowledge_base_id=identifier,
        arn=arn,
        region=call.region,
        name=params["name"],
        description=params.get("description"),
        role_arn=params["roleArn"],
        configuration=params["knowledgeBaseConfiguration"],
        storage=params["storageConfiguration"],
        embedding_model_arn=model_arn,
        dimensions=dimensions,
        index_arn=backend.arn,
        tags=dict(params.get("tags") or {}),
    )
    return identifier


def create_knowledge_base(call: Call) -> Reply:
    """Serve CreateKnowledgeBase."""
    base = knowledge_base(call, once(call, (), lambda: _make(call)))
    return Reply({"knowledgeBase": _shown(base, status="CREATING")})


def get_knowledge_base(call: Call) -> Reply:
    """Serve GetKnowledgeBase."""
    return Reply({"knowledgeBase": _shown(knowledge_base(call))})


def list_knowledge_bases(call: Call) -> Reply:
    """Serve ListKnowledgeBases, newest first."""
    bases = sorted(store_of(call).in_region(call.region), key=lambda base: base.updated_at, reverse=True)
    rows, following = page(call, bases)
    members = ("knowledgeBaseId", "name", "description", "status", "updatedAt")
    summaries = [{name: value for name, value in _shown(base).items() if name in members} for base in rows]
    return Reply({"knowledgeBaseSummaries": summaries, **following})


def update_knowledge_base(call: Call) -> Reply:
    """Serve UpdateKnowledgeBase: name, description and role; the rest is fixed for life, as on AWS."""
    base, params = knowledge_base(call), call.params
    with store_of(call).lock:
        _check_name(call, own_id=base.knowledge_base_id)
        if params["knowledgeBaseConfiguration"] != base.configuration:
            raise invalid("The knowledgeBaseConfiguration of a knowledge base cannot be changed.")
        if params.get("storageConfiguration", base.storage) != base.storage:
            raise invalid("The storageConfiguration of a knowledge base cannot be changed.")
        check_role(
            call,
            params["roleArn"],
            base_arn=base.arn,
            model_arn=base.embedding_model_arn,
            backend=backend_for(call, base.storage),
        )
        base.name, base.role_arn = params["name"], params["roleArn"]
        base.description = params.get("description")
        base.updated_at = now()
    return Reply({"knowledgeBase": _shown(base, status="UPDATING")})


def delete_knowledge_base(call: Call) -> Reply:
    """Serve DeleteKnowledgeBase; vectors go as each data source's deletion policy says."""
    base = knowledge_base(call)
    with store_of(call).lock:
        if base.running_job():
            raise Fault("ConflictException", f"Knowledge base {base.knowledge_base_id} has an ongoing ingestion job. Stop it, or wait until it ends, and retry your request.", 409)  # fmt: skip
        for source in list(base.sources.values()):
            data_sources.remove(call, base, source)
        if base.sources:
            base.status = "DELETE_UNSUCCESSFUL"
            base.failure_reasons = [reason for source in base.sources.values() for reason in source.failure_reasons]
        else:
            del store_of(call).bases[call.region, base.knowledge_base_id]
    return Reply({"knowledgeBaseId": base.knowledge_base_id, "status": "DELETING"})


def _tagged(call: Call) -> KnowledgeBase:
    arn = call.params["resourceArn"]
    found = next((base for base in store_of(call).in_region(call.region) if base.arn == arn), None)
    if found is None:
        raise missing("Resource", arn)
    return found


def list_tags(call: Call) -> Reply:
    """Serve ListTagsForResource of a knowledge base."""
    return Reply({"tags": dict(_tagged(call).tags)})


def tag_resource(call: Call) -> Reply:
    """Serve TagResource of a knowledge base."""
    _tagged(call).tags.update(call.params["tags"])
    return Reply()


def untag_resource(call: Call) -> Reply:
    """Serve UntagResource of a knowledge base."""
    tags = _tagged(call).tags
    for key in call.params["tagKeys"]:
        tags.pop(key, None)
    return Reply()


HANDLERS: Handlers = {
    ("bedrock-agent", "CreateKnowledgeBase"): create_knowledge_base,
    ("bedrock-agent", "GetKnowledgeBase"): get_knowledge_base,
    ("bedrock-agent", "ListKnowledgeBases"): list_knowledge_bases,
    ("bedrock-agent", "UpdateKnowledgeBase"): update_knowledge_base,
    ("bedrock-agent", "DeleteKnowledgeBase"): delete_knowledge_base,
    ("bedrock-agent", "ListTagsForResource"): list_tags,
    ("bedrock-agent", "TagResource"): tag_resource,
    ("bedrock-agent", "UntagResource"): untag_resource,
    **data_sources.HANDLERS,
    **ingestion.HANDLERS,
    **direct.HANDLERS,
}
