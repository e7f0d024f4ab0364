"""The rules of a configuration: what a principal may send, and what every call carries."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bedrock_gateway.capabilities.models import parse_model_id
from bedrock_gateway.errors import ConfigError, GovernanceError

if TYPE_CHECKING:
    from collections.abc import Callable

    from bedrock_gateway._commands import Send
    from bedrock_gateway.config import GatewayConfig

__all__ = ["rules_of"]


def rules_of(config: GatewayConfig, principal: str) -> tuple[Callable[[Send], Send], ...]:
    """Return the rules for *principal*, in the order in which they run."""
    declared = config.principals[principal]
    capabilities, bases = frozenset(declared.capabilities), frozenset(declared.knowledge_bases)
    administers = "kb-create" in capabilities or "kb-ingest" in capabilities
    models = frozenset(_normal(one, config) for one in declared.models)

    def declared_capabilities(send: Send) -> Send:
        if send.capability not in capabilities:
            raise GovernanceError(
                f"{send.operation} needs the capability {send.capability!r}; declare it in principals.{principal}.capabilities",
                rule="declared-capabilities",
            )
        return send

    def declared_models(send: Send) -> Send:
        if send.model_id is not None and _normal(send.model_id, config) not in models:
            raise GovernanceError(
                f"model {send.model_id!r} is not declared in principals.{principal}.models", rule="declared-models"
            )
        return send

    def declared_knowledge_bases(send: Send) -> Send:
        name = send.knowledge_base
        if (
            name is not None
            and name not in bases
            and not (administers and name in config.knowledge_bases and not bases)
        ):
            raise GovernanceError(
                f"knowledge base {name!r} is not declared in principals.{principal}.knowledge_bases",
                rule="declared-knowledge-bases",
            )
        return send

    def declared_region(send: Send) -> Send:
        if send.region != config.region:
            raise GovernanceError(f"Region {send.region} is not the declared {config.region}", rule="declared-region")
        return send

    def declared_guardrail(send: Send) -> Send:
        return _with_guardrail(send, config)

    return declared_capabilities, declared_models, declared_knowledge_bases, declared_region, declared_guardrail


def _normal(model: str, config: GatewayConfig) -> str:
    """One text for one model: an ARN of this Region and account is the id it holds; any other ARN is only itself."""
    try:
        found = parse_model_id(model)
    except ConfigError as error:
        raise GovernanceError(error.message, rule="model-id") from None
    if found.resource_type is None or found.kind not in {"on-demand", "profile"}:
        return model
    ours = found.region == config.region and found.account in {None, config.account}
    return found.name if ours and found.partition == config.partition else model


_MEMBERS = ("guardrailConfig", "guardrailIdentifier", "guardrailVersion", "guardrailConfiguration")


def _nested(send: Send) -> dict[str, Any]:
    outer = send.params["retrieveAndGenerateConfiguration"]
    return dict(outer["knowledgeBaseConfiguration"].get("generationConfiguration", {}))


def _with_guardrail(send: Send, config: GatewayConfig) -> Send:
    guardrail = config.guardrail
    given = [name for name in _MEMBERS if name in send.params]
    if guardrail is None:
        return send
    if given:
        raise GovernanceError(f"{given[0]} comes from the configuration alone", rule="declared-guardrail")
    attach = _ATTACH.get(send.operation)
    return send if attach is None else replace(send, params=attach(send, guardrail.id, guardrail.version))


def _converse(send: Send, identifier: str, version: str) -> dict[str, Any]:
    return {**send.params, "guardrailConfig": {"guardrailIdentifier": identifier, "guardrailVersion": version}}


def _invoke(send: Send, identifier: str, version: str) -> dict[str, Any]:
    return {**send.params, "guardrailIdentifier": identifier, "guardrailVersion": version}


def _generate(send: Send, identifier: str, version: str) -> dict[str, Any]:
    outer = send.params["retrieveAndGenerateConfiguration"]
    guardrail = {"guardrailId": identifier, "guardrailVersion": version}
    base = {
        **outer["knowledgeBaseConfiguration"],
        "generationConfiguration": {**_nested(send), "guardrailConfiguration": guardrail},
    }
    return {**send.params, "retrieveAndGenerateConfiguration": {**outer, "knowledgeBaseConfiguration": base}}


_ATTACH: dict[str, Callable[[Send, str, str], dict[str, Any]]] = {
    "Converse": _converse,
    "ConverseStream": _converse,
    "InvokeModel": _invoke,
    "InvokeModelWithResponseStream": _invoke,
    "RetrieveAndGenerate": _generate,
}
