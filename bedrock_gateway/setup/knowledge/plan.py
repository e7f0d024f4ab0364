"""What `kb create` will make, with every policy, before anything is made; pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from bedrock_gateway.capabilities.stores import PRICES_OF
from bedrock_gateway.errors import ConfigError
from bedrock_gateway.iam import roles
from bedrock_gateway.iam.document import Policy, Statement
from bedrock_gateway.iam.generate import generate
from bedrock_gateway.iam.resources import boundary_arn, ours
from bedrock_gateway.setup.knowledge.blueprint import MARK, Blueprint, blueprint_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from bedrock_gateway.capabilities import Scope
    from bedrock_gateway.config import GatewayConfig
    from bedrock_gateway.iam.generate import Generated
    from bedrock_gateway.iam.roles import RoleDocuments

__all__ = ["Plan", "Planned", "needed_capabilities", "parts_of", "plan"]


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
    creator: Generated | None = field(default=None, repr=False)
    """What whoever creates it must be granted; None: it names something that cannot be granted (see ``warnings``)."""
    capabilities: tuple[str, ...] = ()
    """Capabilities that whoever creates it needs."""
    missing: tuple[str, ...] = ()
    """Those of them that the principal has not declared."""
    immutable: tuple[str, ...] = ()
    """What cannot be changed afterwards: a change is a new knowledge base or data source."""
    floor_usd_a_month: float | None = None
    """What the store costs when nobody uses it; None: not known."""
    floor: str = ""
    bucket_policies: Mapping[str, Policy] = field(default_factory=dict, repr=False)
    """Bucket of another account → the policy that its owner has to add."""
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
            "creator": {
                "capabilities": list(self.capabilities),
                "missing": list(self.missing),
                "policy": self.creator.policy.dump() if self.creator else None,
            },
            "bucket_policies": {bucket: policy.dump() for bucket, policy in self.bucket_policies.items()},
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
    scope = _own_scope(config.scope(who), blueprint)
    role = roles.kb_role(scope, parts_of(config, blueprint))
    if create_role:
        ours(blueprint.role)
    capabilities = needed_capabilities(blueprint, create_role=create_role)
    declared = config.principals[who].capabilities
    creator, warnings = _creator(capabilities, scope)
    return Plan(
        blueprint=blueprint,
        create_role=create_role,
        resources=tuple(_resources(blueprint, create_role=create_role)),
        role=role,
        boundary=boundary_arn(scope),
        creator=creator,
        capabilities=capabilities,
        missing=tuple(one for one in capabilities if one not in declared),
        immutable=tuple(_immutable(blueprint)),
        floor_usd_a_month=blueprint.store.floor_usd_a_month,
        floor=blueprint.store.floor,
        bucket_policies=_bucket_policies(blueprint),
        warnings=(*warnings, *role.notes, *_warnings(config, blueprint, declared)),
    )


def needed_capabilities(blueprint: Blueprint, *, create_role: bool) -> tuple[str, ...]:
    """Return the capabilities of whoever creates it, in the order of the table."""
    provisions = create_role or blueprint.store.made_by_us
    return (*(("kb-provision",) if provisions else ()), "kb-create", "kb-ingest")


def _own_scope(scope: Scope, blueprint: Blueprint) -> Scope:
    """*scope*, of which only this knowledge base is left."""
    index = ((blueprint.vector_bucket, blueprint.vector_index),) if blueprint.store.made_by_us else ()
    return replace(
        scope,
        knowledge_bases=(),
        knowledge_base_roles=(blueprint.role,),
        documents=tuple((one.bucket, one.prefix) for one in blueprint.sources),
        vector_indexes=index,
        embedding_models=(blueprint.embedding_model,),
    )


# Store → its template's values, out of the members that CreateKnowledgeBase takes.
_STORE_VALUES: Mapping[str, Callable[[Blueprint], dict[str, str]]] = {
    "s3-vectors": lambda one: {"bucket": one.vector_bucket, "index": one.vector_index},
    "opensearch-serverless": lambda one: {"collection": one.storage["collectionArn"].rpartition("/")[2]},
    "opensearch-managed": lambda one: {
        "domain": one.storage["domainArn"].rpartition("/")[2],
        "index": one.storage["vectorIndexName"],
    },
    "aurora": lambda one: {
        "cluster": one.storage["resourceArn"].rpartition(":")[2],
        "secret": one.storage["credentialsSecretArn"],
    },
    "neptune-analytics": lambda one: {"graph": one.storage["graphArn"].rpartition("/")[2]},
    **{
        name: lambda one: {"secret": one.storage["credentialsSecretArn"]}
        for name in ("pinecone", "redis", "mongodb-atlas")
    },
}


def parts_of(config: GatewayConfig, blueprint: Blueprint) -> roles.KnowledgeBaseParts:
    """Return what the service role of the knowledge base is for."""
    sources = []
    for one, declared in zip(blueprint.sources, config.knowledge_base(blueprint.name).sources, strict=True):
        given = {"bucket": one.bucket, "prefix": one.prefix, "owner": one.owner, "key": declared.key or ""}
        sources.append(("s3", {key: value for key, value in given.items() if value}))
    return roles.KnowledgeBaseParts(
        sources=sources,
        stores=((blueprint.store.name, _STORE_VALUES[blueprint.store.name](blueprint)),),
        embedding_models=(blueprint.embedding_model,),
    )


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
    if blueprint.store.made_by_us:
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
    for one in blueprint.sources:
        yield Planned("data source", one.name, made=True, note=one.uri)
        yield Planned("ingestion", one.name, made=True, note="the first one; embedding is billed by the token")


def _immutable(blueprint: Blueprint) -> Iterator[str]:
    yield f"the embedding model ({blueprint.embedding_model}) and its {blueprint.dimensions} dimensions"
    yield f"the store ({blueprint.store.name})"
    for one in blueprint.sources:
        cut = (one.ingestion or {}).get("chunkingConfiguration", {}).get("chunkingStrategy", "DEFAULT")
        yield f"the chunking of data source {one.name} ({cut})"


def _bucket_policies(blueprint: Blueprint) -> dict[str, Policy]:
    """What the owner of a bucket of another account must add; its own role policy is not enough.

    Source: S3 User Guide, example-walkthroughs-managing-access-example2.
    """
    made = {}
    for one in blueprint.sources:
        if one.owner != blueprint.account:
            reader = (("AWS", blueprint.role_arn),)
            bucket = f"arn:{blueprint.partition}:s3:::{one.bucket}"
            listing = Statement("Allow", "ListSource", ("s3:ListBucket",), resources=(bucket,), principals=reader)
            reading = Statement(
                "Allow", "ReadSource", ("s3:GetObject",), resources=(f"{bucket}/{one.prefix}*",), principals=reader
            )
            made[one.bucket] = Policy((listing, reading))
    return made


def _warnings(config: GatewayConfig, blueprint: Blueprint, declared: tuple[str, ...]) -> Iterator[str]:
    if "kb-documents" not in declared:
        yield "the principal has no kb-documents: the buckets are not looked at before creation"
    if config.knowledge_base(blueprint.name).id:
        yield "the configuration has an id already: what exists is looked for, nothing new is made beside it"
    if blueprint.store.third_party:
        yield "the store is outside AWS: its price and its limits are its owner's"
