"""What is looked at before anything is made: who is calling, what botocore can say, the documents, and what is there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bedrock_gateway._commands import Record
from bedrock_gateway.errors import AccessDeniedError, ConfigError, NotFoundError
from bedrock_gateway.governance.versions import lacking
from bedrock_gateway.setup.asking import identified
from bedrock_gateway.setup.knowledge import opensearch, role, vectors
from bedrock_gateway.setup.knowledge.bedrock import KNOWLEDGE_BASE, find_knowledge_base, get_knowledge_base
from bedrock_gateway.setup.knowledge.readable import endings, is_metadata, unreadable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bedrock_gateway._commands import Flow
    from bedrock_gateway.setup.knowledge.account import Setup
    from bedrock_gateway.setup.knowledge.blueprint import SourceBlueprint

__all__ = ["check_before", "check_caller"]


def check_caller(setup: Setup) -> Flow[None]:
    """Refuse credentials of another account than the configuration's: STS answers everybody.

    Raises:
        ConfigError: they are of another account.
    """
    setup.caller_arn = yield from identified(setup.config, setup.context)


def check_before(setup: Setup, declared: tuple[str, ...]) -> Flow[tuple[str, ...]]:
    """Find what would fail, before anything is made; returns what could not be looked at.

    Raises:
        ConfigError: the documents cannot be used, or what is there does not fit.
        NotOursError: something of that name is there and is not ours.
        UnsupportedByBotocoreError: the installed botocore cannot tag what would be made.
    """
    yield from check_caller(setup)
    store = setup.blueprint.store.name if setup.blueprint.makes_store else ""
    if store == "s3-vectors":
        yield Record(_check_botocore)
    unseen: list[str] = []
    for source in setup.blueprint.sources:
        if not source.looked_at:
            unseen.append(f"{source.name} ({source.kind.name}: {source.location}) was not looked at")
        elif "kb-documents" in declared:
            yield from _check_source(setup, source)
        else:
            unseen.append(f"{source.uri} was not looked at: the principal has no kb-documents")
    yield from _check_role(setup, declared)
    if store == "s3-vectors" and (yield from vectors.look_at_bucket(setup)):
        yield from vectors.look_at_index(setup)
    if store == "opensearch-serverless":
        yield from opensearch.look(setup)
    yield from _check_configured_id(setup)
    if KNOWLEDGE_BASE not in setup.manifest.records:
        yield from find_knowledge_base(setup)
    return tuple(unseen)


def _check_configured_id(setup: Setup) -> Flow[None]:
    """An id in the configuration is that of the knowledge base that is there, or nothing could be called afterwards."""
    name = setup.blueprint.name
    configured = setup.config.knowledge_base(name).id
    if configured is None:
        return
    record = setup.manifest.records.get(KNOWLEDGE_BASE)
    found = yield from get_knowledge_base(setup, configured)
    if found is not None and (record is None or record.id in {None, configured}):
        return
    where = f"[env.{setup.config.environment or 'NAME'}.knowledge_base.{name}]"
    why = (
        "there is no knowledge base of that id"
        if found is None
        else f"the manifest knows {record.id if record else ''}"
    )
    raise ConfigError(
        f'{where} has id = "{configured}", but {why}: take the line out of the configuration',
        key_path=f"knowledge_base.{name}.id",
    )


def _check_role(setup: Setup, declared: tuple[str, ...]) -> Flow[None]:
    if setup.create_role:
        yield from role.look_at_role(setup)
        return
    if "kb-provision" not in declared:
        return  # whether it is there, CreateKnowledgeBase will say
    if (yield from role.get_role(setup)) is None:
        raise ConfigError(
            f"the service role {setup.blueprint.role_arn} does not exist: make it from what `kb plan "
            f"{setup.blueprint.name}` prints, or let --create-role make it"
        )


_TAGGED = (("s3vectors", "CreateVectorBucket"), ("s3vectors", "CreateIndex"))


def _check_botocore() -> None:
    """See that the tags by which we know our own again can be sent.

    Raises:
        UnsupportedByBotocoreError: an older botocore is installed.
    """
    from botocore.session import Session

    session = Session()
    for service, operation in _TAGGED:
        try:
            shape = session.get_service_model(service).operation_model(operation).input_shape
        except Exception:  # noqa: BLE001 - an older botocore has no such service
            shape = None
        if shape is None or "tags" not in shape.members:
            raise lacking(operation, "tags")


def _check_source(setup: Setup, source: SourceBlueprint) -> Flow[None]:
    """See that the bucket is here and ours, and holds something that can be read."""
    known = {"Bucket": source.bucket, "ExpectedBucketOwner": source.owner}
    listing = {"Prefix": source.prefix} if source.prefix else {}
    try:
        reply = yield from setup.ask("s3", "ListObjectsV2", "kb-documents", **known, **listing)
        region = yield from _region_of(setup, known)
    except NotFoundError:
        raise ConfigError(f"{source.uri}: there is no such bucket") from None
    except AccessDeniedError as error:
        raise ConfigError(
            f"{source.uri} cannot be listed as a bucket of account {source.owner}: either it belongs to another account "
            f"(add `bucket_owner` to its source), or the caller lacks s3:ListBucket on it ({error.code})"
        ) from error
    if region not in {None, setup.config.region}:
        raise ConfigError(
            f"{source.uri} is in {region}, the knowledge base in {setup.config.region}: a data source reads buckets of "
            "its own Region only"
        )
    _check_objects(source, reply)


def _region_of(setup: Setup, bucket: Mapping[str, str]) -> Flow[str | None]:
    """The Region of a bucket; None: the caller may not ask, as where a prefix limits what it may list."""
    try:
        reply = yield from setup.ask("s3", "HeadBucket", "kb-documents", **bucket)
    except AccessDeniedError:
        return None
    headers = reply.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    found = reply.get("BucketRegion") or headers.get("x-amz-bucket-region")
    return str(found) if found else None


def _check_objects(source: SourceBlueprint, reply: Mapping[str, Any]) -> None:
    """Of the first thousand objects, at least one must be readable; whatever else is there, ingestion reports."""
    found = [(str(row["Key"]), int(row.get("Size") or 0)) for row in reply.get("Contents") or ()]
    held = [(key, size) for key, size in found if size and not key.endswith("/") and not is_metadata(key)]
    why = [(key, unreadable(key, size, source)) for key, size in held]
    if reply.get("IsTruncated") or any(not reason for _, reason in why):
        return
    if not why:
        raise ConfigError(f"{source.uri} is empty: upload documents first, as `kb create NAME --folder PATH` does")
    known, (key, reason) = ", ".join(sorted(endings(source))), why[0]
    raise ConfigError(
        f"{source.uri} holds no document that can be read, but {key[:80]!r} ({reason}); the endings are {known}"
    )
