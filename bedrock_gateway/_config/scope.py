"""From a configuration to the scope of one principal: what `iam.generate` grants its capabilities on."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from bedrock_gateway._config.identity import IDENTITY_PATH, MAKES_PRINCIPALS
from bedrock_gateway._config.tables import LoggingConfig
from bedrock_gateway.capabilities import CAPABILITIES, Scope
from bedrock_gateway.capabilities.models import parse_model_id
from bedrock_gateway.capabilities.scope import object_place
from bedrock_gateway.capabilities.sources import PARSERS, SOURCES
from bedrock_gateway.capabilities.stores import STORES
from bedrock_gateway.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Iterator

    from bedrock_gateway._config.knowledge import KnowledgeBaseConfig
    from bedrock_gateway._config.sources import SourceConfig
    from bedrock_gateway._config.tables import PrincipalConfig
    from bedrock_gateway.capabilities.scope import RolePart
    from bedrock_gateway.config import GatewayConfig

T = TypeVar("T", bound="Hashable")

__all__ = [
    "check_identities",
    "foundation_models",
    "rerankers_of",
    "role_parts",
    "scope_of",
    "with_every_knowledge_base",
]


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
        large_data_bucket=logging.large_data_bucket,
        logging_key=logging.key,
        batch_role=config.batch.role,
        extra_destinations=config.destinations,
        enforced_guardrails=config.enforced_guardrails,
        require_guardrail=principal.require_guardrail,
        tagging=principal.tagging,
        subscribe=principal.subscribe,
        products=principal.products,
        answer_documents=tuple(map(object_place, principal.documents)),
        **_identities(config, principal),
        answer_keys=principal.document_keys,
        **_guardrail(config),
        **_knowledge(config, _bases(config, principal)),
    )


def with_every_knowledge_base(config: GatewayConfig, scope: Scope) -> Scope:
    """Return *scope* with every knowledge base of *config*: the boundary is one for the service roles of all of them."""
    return replace(scope, **_knowledge(config, dict(config.knowledge_bases)))


def _models(config: GatewayConfig, principal: PrincipalConfig) -> tuple[str, ...]:
    """From level standard on a preflight looks at the models of every principal, and at what embeds."""
    if principal.models or not {"preflight-standard", "preflight-deep"} & set(principal.capabilities):
        return principal.models
    declared = [model for one in config.principals.values() for model in one.models]
    return tuple(dict.fromkeys((*declared, *_of_knowledge_bases(config))))


def _of_knowledge_bases(config: GatewayConfig) -> list[str]:
    """What embeds, and what parses."""
    bases = config.knowledge_bases.values()
    parsing = [one.parsing.model for base in bases for one in base.sources if one.parsing and one.parsing.model]
    return [*(base.embedding_model for base in bases), *parsing]


def foundation_models(config: GatewayConfig) -> tuple[str, ...]:
    """Return the foundation models that anything of *config* calls, as far as its ids tell which they are."""
    principals = config.principals.values()
    texts = [text for one in principals for text in (*one.models, *one.rerankers)]
    texts += [*_of_knowledge_bases(config), *(text for inner in config.wraps.values() for text in inner)]
    return _once_each(model for text in texts if (model := parse_model_id(text).model))


def check_identities(config: GatewayConfig) -> None:
    """Refuse two principals that would be one in IAM, and a name that something else of the configuration has.

    Raises:
        ConfigError: there is one.
    """
    roles = {config.batch.role: "batch jobs", (config.logging or LoggingConfig()).role: "invocation logging"}
    roles |= {str(base.role): f"knowledge base {name}" for name, base in config.knowledge_bases.items() if base.role}
    # IAM has one role of a name, whatever its path.
    taken = {f"{IDENTITY_PATH}/{role.rpartition('/')[2]}": what for role, what in roles.items()}
    for name, principal in config.principals.items():
        if principal.identity is None:
            continue
        place = f"{IDENTITY_PATH}/{principal.identity.named(name)}"
        if len(place) > _LONGEST_PLACE or place.rpartition("/")[2] != principal.identity.named(name):
            raise ConfigError(
                "a name in IAM has 64 characters at most: add `name`", key_path=f"principals.{name}.identity"
            )
        # IAM compares names without regard to case.
        if (other := {one.lower(): what for one, what in taken.items()}.get(place.lower())) is not None:
            raise ConfigError(
                f"principals.{name}.identity: {place} is already the name of {other}; add `name`",
                key_path=f"principals.{name}.identity",
            )
        taken[place] = f"principal {name}"
    _one_boundary_each(config)


def _one_boundary_each(config: GatewayConfig) -> None:
    """A user has one boundary and one spelling, however many groups it is in."""
    bounds: dict[str, object] = {}
    spelt: dict[str, str] = {}
    for name, principal in config.principals.items():
        for user in principal.identity.members(name) if principal.identity else ():
            boundary = principal.identity.boundary if principal.identity else False
            if (other := spelt.setdefault(user.lower(), user)) != user:
                raise ConfigError(
                    f"principals.{name}.identity: IAM cannot tell user {user!r} from {other!r}: write it the same in every group",
                    key_path=f"principals.{name}.identity",
                )
            if bounds.setdefault(user, boundary) != boundary:
                raise ConfigError(
                    f"principals.{name}.identity: user {user!r} has another `boundary` in another principal's group",
                    key_path=f"principals.{name}.identity",
                )


def _identities(config: GatewayConfig, principal: PrincipalConfig) -> dict[str, Any]:
    """What a principal that makes others may make: those with an identity and a boundary."""
    if not MAKES_PRINCIPALS & set(principal.capabilities):
        return {}
    made = {
        name: one.identity
        for name, one in config.principals.items()
        if one.identity is not None and one.identity.boundary is not False
    }
    named = {
        kind: [f"{IDENTITY_PATH}/{one.named(name)}" for name, one in made.items() if one.kind in kind]
        for kind in _KINDS
    }
    users = (f"{IDENTITY_PATH}/{user}" for name, one in made.items() for user in one.members(name))
    return {
        "principal_roles": tuple(named["role",]),
        "principal_instances": tuple(
            f"{IDENTITY_PATH}/{one.named(name)}" for name, one in made.items() if one.runs_on_instances
        ),
        "principal_groups": tuple(named["group", "user"]),
        "principal_users": _once_each(users),
        "principal_boundaries": _once_each(str(one.boundary) for one in made.values()),
    }


_KINDS = (("role",), ("group", "user"))
_LONGEST_PLACE = len(IDENTITY_PATH) + 1 + 64


def _guardrail(config: GatewayConfig) -> dict[str, Any]:
    if config.guardrail is None:
        return {}
    return {
        "guardrail": (config.guardrail.id, config.guardrail.version),
        "guardrail_profile": config.guardrail.profile,
        "guardrail_key": config.guardrail.key,
    }


def _bases(config: GatewayConfig, principal: PrincipalConfig) -> dict[str, KnowledgeBaseConfig]:
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
    return bases


def _once_each(values: Iterable[T]) -> tuple[T, ...]:
    return tuple(dict.fromkeys(values))


def _knowledge(config: GatewayConfig, named: dict[str, KnowledgeBaseConfig]) -> dict[str, Any]:
    bases = list(named.values())
    ids = tuple(base.id for base in bases if base.id)
    buckets = [source for base in bases for source in base.sources if source.bucket]
    outside = [base for base in bases if STORES[base.store].third_party]
    made = {name: base for name, base in named.items() if STORES[base.store].is_made(base.storage)}
    return {
        # One without an id can only be meant by "any": none is named then.
        "knowledge_bases": ids if len(ids) == len(bases) else (),
        "knowledge_base_roles": tuple(base.role for base in bases if base.role),
        "documents": tuple((str(one.bucket), one.prefix) for one in buckets),
        "document_keys": _once_each(one.key for one in buckets if one.key),
        "vector_indexes": tuple(
            (str(base.vector_bucket), str(base.vector_index)) for base in made.values() if base.store == "s3-vectors"
        ),
        "collections": tuple(
            (str(base.collection), f"{config.application}/{name}")
            for name, base in made.items()
            if base.store == "opensearch-serverless"
        ),
        "third_party_secrets": _once_each(str(base.storage["credentialsSecretArn"]) for base in outside),
        "embedding_models": _once_each(base.embedding_model for base in bases),
        # Without any source there is no role to write: what it is for is not known yet.
        "role_parts": _once_each(
            part
            for name, base in named.items()
            for part in role_parts(base, rerankers_of(config, name))
            if any(one.sources for one in bases)
        ),
    }


Part = tuple["RolePart", str, tuple[tuple[str, str], ...]]


def rerankers_of(config: GatewayConfig, name: str) -> tuple[str, ...]:
    """Return the models that put passages of a knowledge base in order inside of Retrieve: AWS calls them as its role."""
    return _once_each(
        model
        for one in config.principals.values()
        if "retrieve" in one.capabilities and name in one.knowledge_bases
        for model in one.rerankers
    )


def role_parts(base: KnowledgeBaseConfig, rerankers: Iterable[str] = ()) -> Iterator[Part]:
    """Yield what its service role is for: sources, store, parsers and what they keep, *rerankers* inside of Retrieve."""
    for source in base.sources:
        yield "source", source.type, tuple(_source_values(source))
    yield "store", *_store(base)
    for source in base.sources:
        if source.parsing is not None:
            model = source.parsing.model
            yield "option", PARSERS[source.parsing.strategy].option, (("model", model),) if model else ()
    if base.multimodal_bucket is not None:
        embeds = base.embedding_model.rpartition("/")[2].startswith("amazon.nova-2-multimodal")
        kept = (("bucket", base.multimodal_bucket),)
        yield "option", "multimodal" if embeds else "multimodal-storage", kept
    for model in rerankers:
        yield "option", "rerank", (("model", model),)


def _source_values(source: SourceConfig) -> Iterator[tuple[str, str]]:
    for key in SOURCES[source.type].keys:
        value = getattr(source, key.name) if key.role else None
        if key.role_values:
            value = key.role_values.get(str(value))
        if value:
            yield key.role, value


def _store(base: KnowledgeBaseConfig) -> tuple[str, tuple[tuple[str, str], ...]]:
    """The template of the store, and its values: the id of a collection that is still to be made is not known."""
    if base.store == "s3-vectors":
        return base.store, (("bucket", str(base.vector_bucket)), ("index", str(base.vector_index)))
    if STORES[base.store].is_made(base.storage):
        return f"{base.store}-by-name", (("collection", str(base.collection)),)
    values = STORES[base.store].role_values(base.storage)
    return base.store, (*values.items(), *((("key", base.storage_key),) if base.storage_key else ()))
