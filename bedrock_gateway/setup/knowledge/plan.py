"""What `kb create` will make, with every policy, before anything is made; pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from bedrock_gateway._config.scope import rerankers_of, role_parts, with_every_knowledge_base
from bedrock_gateway.capabilities.sources import PARSERS
from bedrock_gateway.capabilities.stores import PRICES_OF
from bedrock_gateway.errors import ConfigError
from bedrock_gateway.iam import roles
from bedrock_gateway.iam.boundary import boundary
from bedrock_gateway.iam.generate import generate
from bedrock_gateway.iam.resources import boundary_arn, ours
from bedrock_gateway.setup.knowledge.blueprint import MARK, Blueprint, SourceBlueprint, blueprint_of
from bedrock_gateway.setup.knowledge.collection import description, planned_policies
from bedrock_gateway.setup.knowledge.foreign import bucket_policies, key_policies

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bedrock_gateway.capabilities import Scope
    from bedrock_gateway.config import GatewayConfig, SourceConfig
    from bedrock_gateway.iam.document import Policy
    from bedrock_gateway.iam.generate import Generated
    from bedrock_gateway.iam.roles import RoleDocuments

__all__ = ["Plan", "Planned", "needed_capabilities", "plan"]


@dataclass(frozen=True, slots=True)
class Planned:
    """One resource."""

    kind: str
    name: str
    """ARN where it is known before, else the name; an id is AWS's to assign."""
    made: bool
    """False: it has to exist; it is used, and never changed or removed."""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything about one creation; making it changed nothing."""

    blueprint: Blueprint
    create_role: bool
    resources: tuple[Planned, ...]
    role: RoleDocuments = field(repr=False)
    """Trust and permissions of the service role."""
    boundary: str = ""
    """ARN of the managed policy that bounds the role; an administrator makes it once."""
    boundary_policy: Policy | None = field(default=None, repr=False)
    """That policy, for the service roles of the whole configuration, where set-up makes the role; None: it makes none, or
    the policy would be too large (see ``warnings``)."""
    creator: Generated | None = field(default=None, repr=False)
    """What whoever creates it must be granted; None: it names something that cannot be granted (see ``warnings``)."""
    capabilities: tuple[str, ...] = ()
    """Capabilities that whoever creates it needs."""
    missing: tuple[str, ...] = ()
    """Those of them that the principal has not declared."""
    store_policies: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """Kind → document of the policies of an OpenSearch Serverless collection, which are no IAM policies."""
    immutable: tuple[str, ...] = ()
    """What cannot be changed afterwards: a change is a new knowledge base or data source."""
    floor_usd_a_month: float | None = None
    """What the store costs when nobody uses it; None: not known."""
    floor: str = ""
    bucket_policies: Mapping[str, Policy] = field(default_factory=dict, repr=False)
    """Bucket of another account → the policy that its owner has to add."""
    key_policies: Mapping[str, Policy] = field(default_factory=dict, repr=False)
    """KMS key of another account → the statement that its owner has to add to the key's policy."""
    warnings: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the plan as JSON has it."""
        return {
            "knowledge_base": self.blueprint.name,
            "account": self.blueprint.account,
            "region": self.blueprint.region,
            "resources": [
                {"kind": one.kind, "name": one.name, "made": one.made, "note": one.note} for one in self.resources
            ],
            "role": {"trust": self.role.trust.dump(), "permissions": self.role.permissions.dump()},
            "boundary": self.boundary,
            "boundary_policy": self.boundary_policy.dump() if self.boundary_policy else None,
            "creator": {
                "capabilities": list(self.capabilities),
                "missing": list(self.missing),
                "policy": self.creator.policy.dump() if self.creator else None,
            },
            "store_policies": dict(self.store_policies),
            "bucket_policies": {bucket: policy.dump() for bucket, policy in self.bucket_policies.items()},
            "key_policies": {key: policy.dump() for key, policy in self.key_policies.items()},
            "immutable": list(self.immutable),
            "floor": {"usd_a_month": self.floor_usd_a_month, "why": self.floor, "prices_of": PRICES_OF},
            "warnings": list(self.warnings),
        }


def plan(config: GatewayConfig, name: str, *, principal: str | None = None, create_role: bool = False) -> Plan:
    """Plan knowledge base *name* for *principal* (None: ``BEDROCKGW_PRINCIPAL``, or the only one). Nothing is sent.

    *create_role* has set-up make the service role; else an operator makes it from the documents of the plan.

    Raises:
        ConfigError: the knowledge base is not configured, has no source, or holds what AWS cannot take.
    """
    blueprint = blueprint_of(config, name)
    if not blueprint.sources:
        raise ConfigError(
            f"knowledge base {name!r} has no source: add [[knowledge_base.{name}.source]]",
            key_path=f"knowledge_base.{name}",
        )
    who = config.principal_name(principal)
    scope = _own_scope(config, who, blueprint)
    role = roles.kb_role(scope)
    if create_role:
        ours(blueprint.role)
    capabilities = needed_capabilities(blueprint, create_role=create_role)
    declared = config.principals[who].capabilities
    creator, warnings = _creator(capabilities, scope)
    bound, too_large = _boundary(config, who) if create_role else (None, ())
    return Plan(
        blueprint=blueprint,
        create_role=create_role,
        resources=tuple(_resources(blueprint, create_role=create_role)),
        role=role,
        boundary=boundary_arn(scope),
        boundary_policy=bound,
        creator=creator,
        capabilities=capabilities,
        missing=tuple(one for one in capabilities if one not in declared),
        store_policies=planned_policies(blueprint) if scope.collections else {},
        immutable=tuple(_immutable(blueprint)),
        floor_usd_a_month=blueprint.store.floor_usd_a_month,
        floor=blueprint.store.floor,
        bucket_policies=bucket_policies(blueprint, scope),
        key_policies=key_policies(blueprint, scope),
        warnings=(*warnings, *too_large, *role.notes, *_warnings(config, blueprint, declared)),
    )


def needed_capabilities(blueprint: Blueprint, *, create_role: bool) -> tuple[str, ...]:
    """Return the capabilities of whoever creates it, in the order of the table."""
    provisions = create_role or blueprint.makes_store
    return (*(("kb-provision",) if provisions else ()), "kb-create", "kb-ingest")


def _own_scope(config: GatewayConfig, who: str, blueprint: Blueprint) -> Scope:
    """The scope of principal *who*, of which only this knowledge base is left."""
    base = config.knowledge_base(blueprint.name)
    made = base.store if blueprint.makes_store else ""
    return replace(
        config.scope(who),
        knowledge_bases=(),
        knowledge_base_roles=(blueprint.role,),
        documents=tuple((one.bucket, one.prefix) for one in blueprint.sources if one.bucket),
        vector_indexes=((blueprint.vector_bucket, blueprint.vector_index),) if made == "s3-vectors" else (),
        collections=((blueprint.collection, blueprint.mark),) if made == "opensearch-serverless" else (),
        embedding_models=(blueprint.embedding_model,),
        role_parts=tuple(dict.fromkeys(role_parts(base, rerankers_of(config, blueprint.name)))),
    )


def _boundary(config: GatewayConfig, who: str) -> tuple[Policy | None, tuple[str, ...]]:
    try:
        return boundary(with_every_knowledge_base(config, config.scope(who))), ()
    except ConfigError as error:
        return None, (error.message,)


def _creator(capabilities: tuple[str, ...], scope: Scope) -> tuple[Generated | None, tuple[str, ...]]:
    try:
        made = generate(capabilities, scope)
    except ConfigError as error:
        return None, (error.message,)
    return made, made.warnings


def _resources(blueprint: Blueprint, *, create_role: bool) -> Iterator[Planned]:
    tag = f"tagged {MARK}={blueprint.mark}"
    yield Planned(
        "role",
        blueprint.role_arn,
        create_role,
        f"{tag}, within the boundary" if create_role else "an operator makes it",
    )
    if blueprint.makes_store and blueprint.store.name == "opensearch-serverless":
        yield from _searched(blueprint, tag)
    elif blueprint.makes_store:
        yield Planned(
            "vector bucket",
            blueprint.bucket_arn,
            made=True,
            note=f"tagged {MARK}={blueprint.shared_mark}; shared by this application's knowledge bases",
        )
        yield Planned(
            "vector index", blueprint.index_arn, made=True, note=f"{tag}, {blueprint.dimensions} dimensions, cosine"
        )
    else:
        known = next(
            (value for key, value in blueprint.storage.items() if key.endswith(("Arn", "String", "point"))), ""
        )
        yield Planned("vector store", f"{blueprint.store.name} {known}".strip(), made=False, note="has to exist")
    yield Planned("knowledge base", blueprint.name, made=True, note="AWS assigns its id")
    if blueprint.multimodal_bucket:
        kept = f"s3://{blueprint.multimodal_bucket}"
        yield Planned("multimodal bucket", kept, made=False, note="has to exist; for what a parser cuts out")
    for one in blueprint.sources:
        yield Planned("data source", one.name, made=True, note=f"{one.kind.name}: {one.location}")
        if one.kind.synced:
            yield Planned("ingestion", one.name, made=True, note="the first one; embedding is billed by the token")


def _searched(blueprint: Blueprint, tag: str) -> Iterator[Planned]:
    """What an OpenSearch Serverless store is made of."""
    known = f'known by its description "{description(blueprint)}"'
    for kind, what in (
        ("encryption policy", "a key that AWS owns"),
        ("network policy", "reached by Bedrock and by the service's own index operations, from nowhere else"),
        ("data access policy", "the service role uses the index, whoever creates makes it"),
    ):
        yield Planned(kind, blueprint.collection, made=True, note=f"{what}; {known}")
    yield Planned(
        "collection", blueprint.collection, made=True, note=f"{tag}; AWS assigns its id; what is in it goes with it"
    )
    yield Planned(
        "search index",
        f"{blueprint.collection}/{blueprint.vector_index}",
        made=True,
        note=f"{blueprint.dimensions} dimensions, faiss, l2; words and vectors",
    )


def _immutable(blueprint: Blueprint) -> Iterator[str]:
    yield f"the embedding model ({blueprint.embedding_model}) and its {blueprint.dimensions} dimensions"
    yield f"the store ({blueprint.store.name})"
    if blueprint.makes_store and blueprint.store.name == "opensearch-serverless":
        yield "the collection's type (vector search) and its key (one that AWS owns)"
    yield f"the bucket for what parsers cut out ({blueprint.multimodal_bucket or 'none'})"
    for one in blueprint.sources:
        cut = (one.chunking or {}).get("chunkingStrategy", "DEFAULT")
        yield f"the type ({one.kind.type}) and chunking of data source {one.name} ({cut})"
        yield f"the parsing strategy of data source {one.name} ({(one.parsing or {}).get('parsingStrategy', 'DEFAULT')})"


def _warnings(config: GatewayConfig, blueprint: Blueprint, declared: tuple[str, ...]) -> Iterator[str]:
    if "kb-documents" not in declared and any(one.looked_at for one in blueprint.sources):
        yield "the principal has no kb-documents: the buckets are not looked at before creation"
    if config.knowledge_base(blueprint.name).id:
        yield "the configuration has an id already: what exists is looked for, nothing new is made beside it"
    if blueprint.makes_store and blueprint.store.name == "opensearch-serverless":
        yield (
            "the first collection of an account makes AWS's role AWSServiceRoleForAmazonOpenSearchServerless, which stays "
            "when the knowledge base is deleted"
        )
    if blueprint.store.third_party:
        yield "the store is outside AWS: its price and its limits are its owner's"
    for one, source in zip(blueprint.sources, config.knowledge_base(blueprint.name).sources, strict=True):
        yield from (f"data source {one.name}: {what}" for what in _about(blueprint, one, source))


_LARGE_TOKENS = 8000


def _about(blueprint: Blueprint, one: SourceBlueprint, source: SourceConfig) -> Iterator[str]:
    """What to know of one source. Sources: each connector's page; User Guide, kb-chunking and kb-advanced-parsing."""
    if one.kind.preview:
        yield "AWS calls this connector a preview, subject to change"
    if one.kind.name not in {"s3", "custom"}:
        yield "whoever may retrieve sees all that is read, whatever rights it has where it comes from"
    if not one.kind.synced:
        yield "no job reads it: documents are handed over with IngestKnowledgeBaseDocuments"
    cut = source.chunking
    if cut and cut.strategy == "hierarchical" and blueprint.store.name == "s3-vectors":
        large = (cut.max_tokens or 0) + (cut.child_max_tokens or 0) > _LARGE_TOKENS
        much = f", and {_LARGE_TOKENS} tokens together may not fit its metadata" if large else ""
        yield f"AWS advises against hierarchical chunking with S3 Vectors{much}"
    if cut and cut.strategy == "semantic":
        yield "semantic chunking calls a model for every sentence, which is billed"
    if source.parsing:
        yield f"parsing: {PARSERS[source.parsing.strategy].cost}; what it cannot read, AWS's default reads"
