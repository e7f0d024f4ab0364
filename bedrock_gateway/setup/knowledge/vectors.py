"""The S3 Vectors store of a knowledge base: a bucket that an application's knowledge bases share, and an index of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bedrock_gateway.capabilities.stores import NON_FILTERABLE
from bedrock_gateway.errors import ConfigError, ConflictError
from bedrock_gateway.setup.knowledge.blueprint import MARK
from bedrock_gateway.setup.knowledge.marked import BUCKET, CAPABILITY, INDEX, ensure, not_ours, remove

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bedrock_gateway._commands import Flow
    from bedrock_gateway.setup.knowledge.account import Setup

__all__ = ["ensure_bucket", "ensure_index", "look_at_bucket", "look_at_index", "remove_bucket", "remove_index"]


def _tags(setup: Setup, arn: str) -> Flow[Mapping[str, str]]:
    found = yield from setup.look("s3vectors", "ListTagsForResource", CAPABILITY, resourceArn=arn)
    return {} if found is None else (found.get("tags") or {})


def look_at_bucket(setup: Setup) -> Flow[bool]:
    """Whether our vector bucket is there.

    Raises:
        NotOursError: one of that name is there, and is not ours.
    """
    blueprint = setup.blueprint
    found = yield from setup.look("s3vectors", "GetVectorBucket", CAPABILITY, vectorBucketName=blueprint.vector_bucket)
    if found is None:
        return False
    if (yield from _tags(setup, blueprint.bucket_arn)).get(MARK) != blueprint.shared_mark:
        raise not_ours(BUCKET, blueprint.bucket_arn, blueprint.shared_mark)
    return True


def ensure_bucket(setup: Setup) -> Flow[None]:
    """Make the vector bucket, which the knowledge bases of one application share."""
    blueprint = setup.blueprint

    def make() -> Flow[Any]:
        yield from setup.ask(
            "s3vectors",
            "CreateVectorBucket",
            CAPABILITY,
            vectorBucketName=blueprint.vector_bucket,
            tags={MARK: blueprint.shared_mark},
        )

    yield from ensure(setup, BUCKET, blueprint.bucket_arn, look_at_bucket, make)


def remove_bucket(setup: Setup) -> Flow[str | None]:
    """Remove the vector bucket unless an index is left in it: S3 Vectors refuses that, and it is another's."""
    blueprint = setup.blueprint

    def unmake() -> Flow[str]:
        try:
            yield from setup.ask(
                "s3vectors", "DeleteVectorBucket", CAPABILITY, vectorBucketName=blueprint.vector_bucket
            )
        except ConflictError:
            return "kept"
        return "deleted"

    return (yield from remove(setup, BUCKET, blueprint.bucket_arn, look_at_bucket, unmake))


def _index_names(setup: Setup) -> dict[str, str]:
    return {"vectorBucketName": setup.blueprint.vector_bucket, "indexName": setup.blueprint.vector_index}


def look_at_index(setup: Setup) -> Flow[bool]:
    """Whether our vector index is there, as it has to be.

    Raises:
        NotOursError: one of that name is there, and is not ours.
        ConfigError: ours is there, with another length of vectors, or without the keys that must be non-filterable.
    """
    blueprint = setup.blueprint
    found = yield from setup.look("s3vectors", "GetIndex", CAPABILITY, **_index_names(setup))
    if found is None:
        return False
    if (yield from _tags(setup, blueprint.index_arn)).get(MARK) != blueprint.mark:
        raise not_ours(INDEX, blueprint.index_arn, blueprint.mark)
    _check_index(setup, found["index"])
    return True


def _check_index(setup: Setup, index: Mapping[str, Any]) -> None:
    blueprint = setup.blueprint
    keys = (index.get("metadataConfiguration") or {}).get("nonFilterableMetadataKeys") or ()
    wrong = [
        f"it has vectors of length {index['dimension']}, {blueprint.embedding_model} makes {blueprint.dimensions}"
        if index["dimension"] != blueprint.dimensions
        else "",
        f"{' and '.join(NON_FILTERABLE)} are not both non-filterable" if not set(NON_FILTERABLE) <= set(keys) else "",
    ]
    if any(wrong):
        raise ConfigError(
            f"vector index {blueprint.index_arn} does not fit: {'; '.join(one for one in wrong if one)}; it cannot be "
            "changed: choose another vector_index",
            key_path=f"knowledge_base.{blueprint.name}.vector_index",
        )


def ensure_index(setup: Setup) -> Flow[None]:
    """Make the vector index."""
    blueprint = setup.blueprint

    def make() -> Flow[Any]:
        yield from setup.ask(
            "s3vectors",
            "CreateIndex",
            CAPABILITY,
            **_index_names(setup),
            **blueprint.index,
            tags={MARK: blueprint.mark},
        )

    yield from ensure(setup, INDEX, blueprint.index_arn, look_at_index, make)


def remove_index(setup: Setup) -> Flow[str | None]:
    """Remove the vector index with its vectors."""

    def unmake() -> Flow[str]:
        yield from setup.ask("s3vectors", "DeleteIndex", CAPABILITY, **_index_names(setup))
        return "deleted"

    return (yield from remove(setup, INDEX, setup.blueprint.index_arn, look_at_index, unmake))
