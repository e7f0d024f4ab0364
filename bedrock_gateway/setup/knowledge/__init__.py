"""Knowledge bases: planned, created whole or not at all, filled, and removed without an orphan.

Every function takes a `Gateway` or an `AsyncGateway`; with the latter, await what it returns::

    created = knowledge.create(gateway, "handbook", folder=".", create_role=True)
    created = await knowledge.create(async_gateway, "handbook", folder=".", create_role=True)

*folder* is that of gateway.toml: the manifest of a creation is kept below it, in ``.bedrock-gateway``.
"""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from bedrock_gateway._drive import arun, run
from bedrock_gateway._sealed import sealed, sealed_async
from bedrock_gateway.setup.knowledge import flows
from bedrock_gateway.setup.knowledge.account import Patience
from bedrock_gateway.setup.knowledge.documents import Uploaded
from bedrock_gateway.setup.knowledge.ingestion import FailedDocument, failed_documents
from bedrock_gateway.setup.knowledge.looking import SourceStatus, Status
from bedrock_gateway.setup.knowledge.plan import Plan, Planned, plan
from bedrock_gateway.setup.knowledge.saga import Created, Removed

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from bedrock_gateway.aio import AsyncGateway
    from bedrock_gateway.client import Gateway
    from bedrock_gateway.results import IngestionJob

__all__ = [
    "Created",
    "FailedDocument",
    "Patience",
    "Plan",
    "Planned",
    "Removed",
    "SourceStatus",
    "Status",
    "Uploaded",
    "create",
    "delete",
    "failed_documents",
    "ingest",
    "plan",
    "resume",
    "status",
    "upload",
]

Folder = str | os.PathLike[str]


@overload
def create(
    gateway: Gateway,
    name: str,
    *,
    folder: Folder,
    create_role: bool = False,
    ingest: bool = True,
    patience: Patience | None = None,
) -> Created: ...
@overload
def create(
    gateway: AsyncGateway,
    name: str,
    *,
    folder: Folder,
    create_role: bool = False,
    ingest: bool = True,
    patience: Patience | None = None,
) -> Awaitable[Created]: ...
def create(
    gateway: Any,
    name: str,
    *,
    folder: Folder,
    create_role: bool = False,
    ingest: bool = True,
    patience: Patience | None = None,
) -> Any:
    """Create the configured knowledge base *name*: everything of its plan, in order, each step written down.

    Before anything is made it looks: at the caller's account, at the buckets (where the principal has kb-documents), and
    at whatever is there under the names of the plan. Billed by AWS: the embeddings of the first ingestion.

    Args:
        gateway: Of a principal with the capabilities of the plan.
        name: Its configured name.
        folder: Where the manifest is kept: the folder of gateway.toml.
        create_role: Make the service role too; else it has to be there.
        ingest: Fill it: start the first job of each data source, and wait for it.
        patience: How long to wait for what; None: the defaults of `Patience`.

    Returns:
        Its id, which belongs into the configuration, the ids of its data sources, and its first jobs.

    Raises:
        ConfigError: the configuration, the documents or the manifest do not permit it; nothing was made.
        NotOursError: something of that name is there and is not ours; it was not touched.
        SetupIncompleteError: it stopped half-way: ``exists`` lists what is there, `resume` goes on.
        GatewayError: as the calls of a gateway do, before anything was made.
    """
    return _run(gateway, partial(flows.creation, gateway, name, folder, create_role, ingest, patience, resumed=False))


@overload
def resume(
    gateway: Gateway,
    name: str,
    *,
    folder: Folder,
    create_role: bool = False,
    ingest: bool = True,
    patience: Patience | None = None,
) -> Created: ...
@overload
def resume(
    gateway: AsyncGateway,
    name: str,
    *,
    folder: Folder,
    create_role: bool = False,
    ingest: bool = True,
    patience: Patience | None = None,
) -> Awaitable[Created]: ...
def resume(
    gateway: Any,
    name: str,
    *,
    folder: Folder,
    create_role: bool = False,
    ingest: bool = True,
    patience: Patience | None = None,
) -> Any:
    """Go on with a creation that stopped; where its manifest was lost, adopt what carries our mark and make the rest.

    The arguments and the errors are those of `create`; whether the role is ours is the manifest's to say, if there is one.
    """
    return _run(gateway, partial(flows.creation, gateway, name, folder, create_role, ingest, patience, resumed=True))


@overload
def delete(gateway: Gateway, name: str, *, folder: Folder, patience: Patience | None = None) -> Removed: ...
@overload
def delete(
    gateway: AsyncGateway, name: str, *, folder: Folder, patience: Patience | None = None
) -> Awaitable[Removed]: ...
def delete(gateway: Any, name: str, *, folder: Folder, patience: Patience | None = None) -> Any:
    """Remove everything that the creation of *name* made, also a creation that stopped half-way; documents stay.

    What does not carry our mark any more is left alone, and so is a vector bucket that holds another index.

    Raises:
        ConfigError: there is no manifest of it.
        SetupIncompleteError: it stopped half-way: ``exists`` lists what is left, `delete` again goes on.
        GatewayError: as the calls of a gateway do.
    """
    return _run(gateway, partial(flows.removal, gateway, name, folder, patience))


@overload
def status(gateway: Gateway, name: str, *, folder: Folder) -> Status: ...
@overload
def status(gateway: AsyncGateway, name: str, *, folder: Folder) -> Awaitable[Status]: ...
def status(gateway: Any, name: str, *, folder: Folder) -> Any:
    """Look at knowledge base *name*, its data sources and their latest jobs; changes nothing.

    Raises:
        ConfigError: the principal may not look, or the manifest is not one of ours.
        GatewayError: as the calls of a gateway do.
    """
    return _run(gateway, partial(flows.state, gateway, name, folder))


@overload
def ingest(
    gateway: Gateway, name: str, *, folder: Folder, patience: Patience | None = None
) -> tuple[IngestionJob, ...]: ...
@overload
def ingest(
    gateway: AsyncGateway, name: str, *, folder: Folder, patience: Patience | None = None
) -> Awaitable[tuple[IngestionJob, ...]]: ...
def ingest(gateway: Any, name: str, *, folder: Folder, patience: Patience | None = None) -> Any:
    """Read the data sources of *name* anew, one job after the other, each behind any that runs already; billed by AWS.

    Returns:
        The jobs, which are complete; `failed_documents` names what they could not take.

    Raises:
        IngestionFailedError: a job ended otherwise.
        ConflictError: another job of the knowledge base did not end in the time of ``patience.queue``.
        GatewayError: as the calls of a gateway do.
    """
    return _run(gateway, partial(flows.filling, gateway, name, folder, patience))


@overload
def upload(gateway: Gateway, name: str, *, documents_folder: Folder, source: int = 0) -> Uploaded: ...
@overload
def upload(gateway: AsyncGateway, name: str, *, documents_folder: Folder, source: int = 0) -> Awaitable[Uploaded]: ...
def upload(gateway: Any, name: str, *, documents_folder: Folder, source: int = 0) -> Any:
    """Put the documents below a folder into the bucket of a data source; what is there with the same content stays.

    Args:
        gateway: Of a principal with kb-documents.
        name: Configured name of the knowledge base.
        documents_folder: Its files become objects under the source's prefix; links and hidden files are left out.
        source: Which of the configured sources, counted from 0.

    Raises:
        ConfigError: there is no such source, or no document in the folder.
        GatewayError: as the calls of a gateway do.
    """
    return _run(gateway, partial(flows.uploading, gateway, name, Path(documents_folder), source))


def _run(gateway: Any, flow: Any) -> Any:
    """Drive a flow with the gateway's own driver."""
    perform = gateway._perform  # noqa: SLF001 - one package
    if hasattr(perform, "identity"):
        return sealed_async(lambda: arun(flow(), perform))()
    return sealed(lambda: run(flow(), perform))()
