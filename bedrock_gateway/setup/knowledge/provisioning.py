"""The steps that no token protects: role, vector bucket, vector index.

Each looks before it makes, adopts only what carries our tag, and removes nothing else. What AWS refuses to make as it
exists by now is looked at again: a lost answer of ours looks like that too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bedrock_gateway.capabilities.stores import NON_FILTERABLE
from bedrock_gateway.errors import (
    AccessDeniedError,
    ConfigError,
    ConflictError,
    GatewayError,
    NotFoundError,
    NotOursError,
)
from bedrock_gateway.setup.knowledge.account import was_refused
from bedrock_gateway.setup.knowledge.blueprint import MARK

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bedrock_gateway._commands import Flow
    from bedrock_gateway.iam.roles import RoleDocuments
    from bedrock_gateway.setup.knowledge.account import Setup

__all__ = [
    "ROLE_POLICY",
    "check_names",
    "ensure_bucket",
    "ensure_index",
    "ensure_role",
    "get_role",
    "look_at_bucket",
    "look_at_index",
    "look_at_role",
    "remove_bucket",
    "remove_index",
    "remove_role",
]

ROLE_POLICY = "bedrock-gateway"
"""Name of the inline policy of the service role."""

_CAPABILITY = "kb-provision"
_BUCKET, _INDEX, _ROLE = "vector bucket", "vector index", "role"


def _not_ours(kind: str, name: str, mark: str) -> NotOursError:
    return NotOursError(
        f"{kind} {name} exists and does not carry our tag {MARK}={mark}: it was not touched; choose another name, or tag "
        "it if it is yours to use",
        kind=kind,
        name=name,
    )


def _ensure(
    setup: Setup, kind: str, name: str, look: Callable[[Setup], Flow[bool]], make: Callable[[], Flow[Any]]
) -> Flow[None]:
    """Make what is not there; adopt what carries our tag."""
    started = setup.context.now()
    known = kind in setup.manifest.records
    progress = ("found" if known else "adopted") if (yield from look(setup)) else "created"
    if progress == "created":
        yield from setup.write(setup.manifest.begin, kind, kind, name)
        try:
            yield from make()
        except ConflictError as error:
            if not (yield from look(setup)):
                # Somebody has the name where we may not look: a role of another path, for one.
                yield from setup.write(setup.manifest.gone, kind)
                raise _not_ours(kind, name, setup.blueprint.mark) from error
            progress = "adopted"
        except GatewayError as error:
            if isinstance(error, ConfigError) or was_refused(error):
                yield from setup.write(setup.manifest.gone, kind)
            raise
    yield from setup.write(setup.manifest.exists, kind, kind, name)
    setup.tell(kind, progress, name, since=started)


def check_names(setup: Setup) -> None:
    """Refuse to work on other names than the manifest's, before anything is sent.

    Raises:
        ConfigError: the configuration has another name by now.
    """
    blueprint = setup.blueprint
    for kind, name in ((_ROLE, blueprint.role_arn), (_BUCKET, blueprint.bucket_arn), (_INDEX, blueprint.index_arn)):
        _same(setup, kind, name)


def _same(setup: Setup, kind: str, name: str) -> None:
    """Refuse to work on another name than the manifest's: the configuration was changed since."""
    record = setup.manifest.records.get(kind)
    if record is not None and record.name != name:
        raise ConfigError(
            f"the manifest {setup.manifest.path} has {kind} {record.name}, the configuration {name}: put the name back",
            key_path=f"knowledge_base.{setup.blueprint.name}",
        )


def _remove(
    setup: Setup, kind: str, name: str, look: Callable[[Setup], Flow[bool]], unmake: Callable[[], Flow[str]]
) -> Flow[str | None]:
    """Remove what this creation made or adopted, if it is still there and still ours; returns why it was kept."""
    if kind not in setup.manifest.records:
        return None
    started, reason = setup.context.now(), None
    try:
        progress = (yield from unmake()) if (yield from look(setup)) else "gone"
    except NotOursError:
        progress, reason = "kept", "it does not carry our tag: somebody else made it"
    except NotFoundError:
        progress = "gone"
    if progress == "kept":
        reason = reason or "other knowledge bases use it"
    yield from setup.write(setup.manifest.gone, kind)
    setup.tell(kind, progress, name, reason=reason, since=started)
    return f"{kind} {name}: {reason}" if reason else None


# -- role --------------------------------------------------------------------------------------------------------------


def _role_name(setup: Setup) -> str:
    return setup.blueprint.role.rpartition("/")[2]


def get_role(setup: Setup) -> Flow[dict[str, Any] | None]:
    """Return the service role; None: there is none of that name under its path.

    A policy that is limited to our path does not permit to ask for a role that is not there: IAM knows no path of it. So
    a denial that names the role with its path is one, and any other says that there is no such role of ours. Not verified
    against AWS.
    """
    try:
        found = yield from setup.look("iam", "GetRole", _CAPABILITY, RoleName=_role_name(setup))
    except AccessDeniedError as error:
        if error.resource == setup.blueprint.role_arn:
            raise
        return None
    return None if found is None else dict(found["Role"])


def look_at_role(setup: Setup) -> Flow[bool]:
    """Whether our role is there.

    Raises:
        NotOursError: a role of that name is there, and is not ours.
    """
    blueprint = setup.blueprint
    found = yield from get_role(setup)
    if found is None:
        return False
    tags = {one["Key"]: one["Value"] for one in found.get("Tags") or ()}
    if tags.get(MARK) != blueprint.mark or found["Arn"] != blueprint.role_arn:
        raise _not_ours(_ROLE, str(found["Arn"]), blueprint.mark)
    return True


def ensure_role(setup: Setup, documents: RoleDocuments, boundary: str) -> Flow[None]:
    """Make the service role and write its policy; or, where an operator makes it, see that it is there.

    Raises:
        ConfigError: it is not, or its boundary is not.
    """
    blueprint, name = setup.blueprint, _role_name(setup)
    path = f"/{blueprint.role.rpartition('/')[0]}/".replace("//", "/")

    def make() -> Flow[Any]:
        try:
            yield from setup.ask(
                "iam",
                "CreateRole",
                _CAPABILITY,
                RoleName=name,
                Path=path,
                AssumeRolePolicyDocument=documents.trust.to_json(),
                PermissionsBoundary=boundary,
                Description=f"Amazon Bedrock reads and indexes the documents of {blueprint.mark}"[:1000],
                Tags=[{"Key": MARK, "Value": blueprint.mark}],
            )
        except NotFoundError:
            raise ConfigError(
                f"the permissions boundary {boundary} does not exist: an administrator makes it once, from "
                "`bedrock-gateway policy boundary`"
            ) from None

    def grant() -> Flow[dict[str, Any]]:
        document = documents.permissions.to_json()
        return (
            yield from setup.ask(
                "iam", "PutRolePolicy", _CAPABILITY, RoleName=name, PolicyName=ROLE_POLICY, PolicyDocument=document
            )
        )

    yield from _ensure(setup, _ROLE, blueprint.role_arn, look_at_role, make)
    yield from setup.insist(_ROLE, blueprint.role_arn, setup.patience.propagation, "PutRolePolicy", grant)


def remove_role(setup: Setup) -> Flow[str | None]:
    """Remove the role with its policy."""
    name = _role_name(setup)

    def unmake() -> Flow[str]:
        yield from setup.look("iam", "DeleteRolePolicy", _CAPABILITY, RoleName=name, PolicyName=ROLE_POLICY)
        yield from setup.ask("iam", "DeleteRole", _CAPABILITY, RoleName=name)
        return "deleted"

    return (yield from _remove(setup, _ROLE, setup.blueprint.role_arn, look_at_role, unmake))


# -- S3 Vectors --------------------------------------------------------------------------------------------------------


def _tags(setup: Setup, arn: str) -> Flow[Mapping[str, str]]:
    found = yield from setup.look("s3vectors", "ListTagsForResource", _CAPABILITY, resourceArn=arn)
    return {} if found is None else (found.get("tags") or {})


def look_at_bucket(setup: Setup) -> Flow[bool]:
    """Whether our vector bucket is there.

    Raises:
        NotOursError: one of that name is there, and is not ours.
    """
    blueprint = setup.blueprint
    found = yield from setup.look("s3vectors", "GetVectorBucket", _CAPABILITY, vectorBucketName=blueprint.vector_bucket)
    if found is None:
        return False
    if (yield from _tags(setup, blueprint.bucket_arn)).get(MARK) != blueprint.shared_mark:
        raise _not_ours(_BUCKET, blueprint.bucket_arn, blueprint.shared_mark)
    return True


def ensure_bucket(setup: Setup) -> Flow[None]:
    """Make the vector bucket, which the knowledge bases of one application share."""
    blueprint = setup.blueprint

    def make() -> Flow[Any]:
        yield from setup.ask(
            "s3vectors",
            "CreateVectorBucket",
            _CAPABILITY,
            vectorBucketName=blueprint.vector_bucket,
            tags={MARK: blueprint.shared_mark},
        )

    yield from _ensure(setup, _BUCKET, blueprint.bucket_arn, look_at_bucket, make)


def remove_bucket(setup: Setup) -> Flow[str | None]:
    """Remove the vector bucket unless an index is left in it: S3 Vectors refuses that, and it is another's."""
    blueprint = setup.blueprint

    def unmake() -> Flow[str]:
        try:
            yield from setup.ask(
                "s3vectors", "DeleteVectorBucket", _CAPABILITY, vectorBucketName=blueprint.vector_bucket
            )
        except ConflictError:
            return "kept"
        return "deleted"

    return (yield from _remove(setup, _BUCKET, blueprint.bucket_arn, look_at_bucket, unmake))


def _index_names(setup: Setup) -> dict[str, str]:
    return {"vectorBucketName": setup.blueprint.vector_bucket, "indexName": setup.blueprint.vector_index}


def look_at_index(setup: Setup) -> Flow[bool]:
    """Whether our vector index is there, as it has to be.

    Raises:
        NotOursError: one of that name is there, and is not ours.
        ConfigError: ours is there, with another length of vectors, or without the keys that must be non-filterable.
    """
    blueprint = setup.blueprint
    found = yield from setup.look("s3vectors", "GetIndex", _CAPABILITY, **_index_names(setup))
    if found is None:
        return False
    if (yield from _tags(setup, blueprint.index_arn)).get(MARK) != blueprint.mark:
        raise _not_ours(_INDEX, blueprint.index_arn, blueprint.mark)
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
            _CAPABILITY,
            **_index_names(setup),
            **blueprint.index,
            tags={MARK: blueprint.mark},
        )

    yield from _ensure(setup, _INDEX, blueprint.index_arn, look_at_index, make)


def remove_index(setup: Setup) -> Flow[str | None]:
    """Remove the vector index with its vectors."""

    def unmake() -> Flow[str]:
        yield from setup.ask("s3vectors", "DeleteIndex", _CAPABILITY, **_index_names(setup))
        return "deleted"

    return (yield from _remove(setup, _INDEX, setup.blueprint.index_arn, look_at_index, unmake))
