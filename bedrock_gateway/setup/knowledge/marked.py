"""What every step without a token does: look, make, adopt only what carries our tag, remove nothing else.

What AWS refuses to make as it exists by now is looked at again: a lost answer of ours looks like that too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bedrock_gateway._commands import Sleep
from bedrock_gateway.errors import ConfigError, ConflictError, GatewayError, NotFoundError, NotOursError
from bedrock_gateway.setup.knowledge.account import was_refused
from bedrock_gateway.setup.knowledge.blueprint import MARK

if TYPE_CHECKING:
    from collections.abc import Callable

    from bedrock_gateway._commands import Flow
    from bedrock_gateway.setup.knowledge.account import Setup

__all__ = ["BUCKET", "CAPABILITY", "COLLECTION", "INDEX", "ROLE", "check_names", "ensure", "not_ours", "remove"]

CAPABILITY = "kb-provision"
BUCKET, COLLECTION, INDEX, ROLE = "vector bucket", "collection", "vector index", "role"


def not_ours(kind: str, name: str, mark: str) -> NotOursError:
    """Return what is raised where something is there and is not ours."""
    return NotOursError(
        f"{kind} {name} exists and does not carry our tag {MARK}={mark}: it was not touched; choose another name, or tag "
        "it if it is yours to use",
        kind=kind,
        name=name,
    )


def ensure(
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
            if not (yield from _seen(setup, look)):
                # Somebody has the name where we may not look: a role of another path, for one. An attempt of ours whose
                # answer was lost could be it: then the manifest goes on to say so.
                if not known and error.attempts == 1:
                    yield from setup.write(setup.manifest.gone, kind)
                raise not_ours(kind, name, setup.blueprint.mark) from error
            progress = "adopted"
        except GatewayError as error:
            if isinstance(error, ConfigError) or was_refused(error):
                yield from setup.write(setup.manifest.gone, kind)
            raise
    yield from setup.write(setup.manifest.exists, kind, kind, name)
    setup.tell(kind, progress, name, since=started)


_LOOKS = 4


def _seen(setup: Setup, look: Callable[[Setup], Flow[bool]]) -> Flow[bool]:
    """Look at what AWS says is there; IAM may show a moment later what it already refuses to make twice."""
    wait = setup.patience.first_wait
    for number in range(_LOOKS):
        if number:
            yield Sleep(wait)
            wait *= 2
        if (yield from look(setup)):
            return True
    return False


def check_names(setup: Setup) -> None:
    """Refuse to work on other names than the manifest's, before anything is sent.

    Raises:
        ConfigError: the configuration has another name by now.
    """
    blueprint = setup.blueprint
    for kind, name in (
        (ROLE, blueprint.role_arn),
        (BUCKET, blueprint.bucket_arn),
        (INDEX, blueprint.index_arn),
        (COLLECTION, blueprint.collection),
    ):
        _same(setup, kind, name)


def _same(setup: Setup, kind: str, name: str) -> None:
    """Refuse to work on another name than the manifest's: the configuration was changed since."""
    record = setup.manifest.records.get(kind)
    if record is not None and record.name != name:
        raise ConfigError(
            f"the manifest {setup.manifest.path} has {kind} {record.name}, the configuration {name}: put the name back",
            key_path=f"knowledge_base.{setup.blueprint.name}",
        )


def remove(
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
