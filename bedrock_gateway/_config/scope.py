"""From a configuration to the scope of one principal: what `iam.generate` grants its capabilities on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bedrock_gateway._config.tables import LoggingConfig
from bedrock_gateway.capabilities import CAPABILITIES, Scope
from bedrock_gateway.capabilities.stores import STORES
from bedrock_gateway.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bedrock_gateway._config.tables import KnowledgeBaseConfig, PrincipalConfig
    from bedrock_gateway.config import GatewayConfig

__all__ = ["scope_of"]


def scope_of(config: GatewayConfig, principal: PrincipalConfig) -> Scope:
    """Return what the capabilities of *principal* apply to.

    Raises:
        ConfigError: a runtime principal uses a knowledge base whose id is not known yet.
    """
    logging = config.logging or LoggingConfig()
    return Scope(
        region=config.region,
        account=config.account,
        partition=config.partition,
        models=_models(config, principal),
        wraps=tuple(config.wraps.items()),
        rerankers=principal.rerankers,
        logging_role=logging.role,
        log_group=logging.log_group or "/bedrock/invocations",
        logging_bucket=logging.bucket,
        logging_prefix=logging.prefix,
        batch_role=config.batch.role,
        extra_destinations=config.destinations,
        enforced_guardrails=config.enforced_guardrails,
        require_guardrail=principal.require_guardrail,
        tagging=principal.tagging,
        subscribe=principal.subscribe,
        products=principal.products,
        **_guardrail(config),
        **_knowledge(_bases(config, principal)),
    )


def _models(config: GatewayConfig, principal: PrincipalConfig) -> tuple[str, ...]:
    """A standard preflight looks at the models of every principal, and at what embeds."""
    if principal.models or "preflight-standard" not in principal.capabilities:
        return principal.models
    declared = [model for one in config.principals.values() for model in one.models]
    embedding = [base.embedding_model for base in config.knowledge_bases.values()]
    return tuple(dict.fromkeys((*declared, *embedding)))


def _guardrail(config: GatewayConfig) -> dict[str, Any]:
    if config.guardrail is None:
        return {}
    return {
        "guardrail": (config.guardrail.id, config.guardrail.version),
        "guardrail_profile": config.guardrail.profile,
        "guardrail_key": config.guardrail.key,
    }


def _bases(config: GatewayConfig, principal: PrincipalConfig) -> list[KnowledgeBaseConfig]:
    """The principal's own; whoever sets up or only looks, and names none, is about every one."""
    runs = any(CAPABILITIES[one].kind == "runtime" for one in principal.capabilities)
    names = principal.knowledge_bases or (() if runs else tuple(config.knowledge_bases))
    bases = {one: config.knowledge_base(one) for one in names}
    missing = next((one for one, base in bases.items() if runs and base.id is None), None)
    if missing is not None:
        raise ConfigError(
            f"knowledge base {missing!r} has no id yet; add to gateway.toml:"
            f' [env.{config.environment or "NAME"}.knowledge_base.{missing}] id = "…"'
        )
    return list(bases.values())


def _once_each(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))


def _knowledge(bases: list[KnowledgeBaseConfig]) -> dict[str, Any]:
    ids = tuple(base.id for base in bases if base.id)
    sources = [source for base in bases for source in base.sources]
    outside = [base for base in bases if STORES[base.store].third_party]
    made = [base for base in bases if STORES[base.store].made_by_us]
    return {
        # One without an id can only be meant by "any": none is named then.
        "knowledge_bases": ids if len(ids) == len(bases) else (),
        "knowledge_base_roles": tuple(base.role for base in bases if base.role),
        "documents": tuple((one.bucket, one.prefix) for one in sources),
        "document_keys": _once_each(one.key for one in sources if one.key),
        "vector_indexes": tuple((str(base.vector_bucket), str(base.vector_index)) for base in made),
        "third_party_secrets": _once_each(str(base.storage["credentialsSecretArn"]) for base in outside),
        "embedding_models": _once_each(base.embedding_model for base in bases),
    }
