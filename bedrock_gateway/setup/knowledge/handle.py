"""One knowledge base of a gateway: its set-up, its documents and the questions to it in one place, sync and async.

`Gateway.knowledge_base` returns it. Nothing is done here: each method is a function of `bedrock_gateway.setup.knowledge` or a
method of the gateway, with the name filled in, and the folder of gateway.toml.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from bedrock_gateway.errors import ConfigError
from bedrock_gateway.setup import knowledge

if TYPE_CHECKING:
    import os
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from bedrock_gateway._stream import AsyncStream, Stream
    from bedrock_gateway.aio import AsyncGateway
    from bedrock_gateway.client import Gateway
    from bedrock_gateway.documents import Document
    from bedrock_gateway.filters import Filter, ImplicitFilter
    from bedrock_gateway.results import (
        Answer,
        AnswerSession,
        DocumentsResult,
        IngestionJob,
        Passage,
        RetrieveResult,
    )
    from bedrock_gateway.setup.knowledge import Created, Patience, Plan, Removed, Status, Uploaded

__all__ = ["AskOptions", "AsyncKnowledgeBaseHandle", "DocumentOptions", "KnowledgeBaseHandle", "SearchOptions"]


class SearchOptions(TypedDict, total=False):
    """Options of a search: those of `Gateway.retrieve`."""

    results: int | None
    metadata_filter: Filter | Mapping[str, Any] | None
    tenant: str | int | None
    search_type: str | None
    reranker: str | Mapping[str, Any] | None
    reranked_results: int | None
    implicit_filter: ImplicitFilter | None
    retrievalConfiguration: Mapping[str, Any]
    userContext: Mapping[str, Any]


class AskOptions(SearchOptions, total=False):
    """Options of an answer: those of `Gateway.retrieve_and_generate`."""

    model: str | None
    session: AnswerSession | str | None
    prompt_template: str | None
    orchestration_prompt_template: str | None
    decompose: bool | None
    max_tokens: int | None
    temperature: float | None
    top_p: float | None
    stop_sequences: Sequence[str] | None
    generationConfiguration: Mapping[str, Any]
    orchestrationConfiguration: Mapping[str, Any]
    sessionConfiguration: Mapping[str, Any]


class DocumentOptions(TypedDict, total=False):
    """Options of a change of documents: those of `Gateway.ingest_documents`."""

    wait: bool
    interval_seconds: float
    timeout_seconds: float
    on_progress: Callable[[DocumentsResult], Any] | None


class _Handle:
    """What both have."""

    def __init__(self, gateway: Any, name: str, folder: str | os.PathLike[str] | None) -> None:
        gateway.config.knowledge_base(name)  # a name that is none is an error at once
        self._gateway = gateway
        self._given = folder
        self.name = name
        """Its configured name."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"

    @property
    def folder(self) -> str | os.PathLike[str]:
        """Where the manifest of its creation is kept: the folder of gateway.toml.

        Raises:
            ConfigError: the configuration was built in code, and no folder was given.
        """
        found: str | os.PathLike[str] | Path | None = self._given if self._given is not None else self._gateway.folder
        if found is None:
            raise ConfigError(
                "where is the manifest kept? The configuration is of no file: knowledge_base(NAME, folder=…)"
            )
        return found

    def plan(self, *, create_role: bool = False) -> Plan:
        """Return every resource and every policy that `create` would make; nothing is sent.

        Args:
            create_role: Plan to make the service role too.

        Raises:
            ConfigError: the configuration does not hold what AWS can take.
        """
        principal, config = self._gateway.principal, self._gateway.config
        return knowledge.plan(config, self.name, principal=principal, create_role=create_role)


class KnowledgeBaseHandle(_Handle):
    """A configured knowledge base of a `Gateway`."""

    _gateway: Gateway

    def create(self, *, create_role: bool = False, ingest: bool = True, patience: Patience | None = None) -> Created:
        """Create everything of its plan, in order, each step written down; see `knowledge.create`.

        Args:
            create_role: Make the service role too; else it has to be there.
            ingest: Fill it: start the first job of each data source, and wait for it.
            patience: How long to wait for what; None: the defaults of `Patience`.

        Raises:
            SetupIncompleteError: it stopped half-way: ``exists`` lists what is there, `resume` goes on.
            GatewayError: as `knowledge.create` does, before anything was made.
        """
        return knowledge.create(
            self._gateway, self.name, folder=self.folder, create_role=create_role, ingest=ingest, patience=patience
        )

    def resume(self, *, create_role: bool = False, ingest: bool = True, patience: Patience | None = None) -> Created:
        """Go on with a creation that stopped.

        The arguments are those of `create`; it raises what that does.
        """
        return knowledge.resume(
            self._gateway, self.name, folder=self.folder, create_role=create_role, ingest=ingest, patience=patience
        )

    def status(self) -> Status:
        """Look at it, its data sources and their latest jobs; changes nothing.

        Raises:
            GatewayError: as `knowledge.status` does.
        """
        return knowledge.status(self._gateway, self.name, folder=self.folder)

    def upload(self, documents_folder: str | os.PathLike[str], *, source: int = 0) -> Uploaded:
        """Put the documents below a folder into the bucket of a data source; what is there with the same content stays.

        Args:
            documents_folder: Its files become objects under the source's prefix.
            source: Which of the configured sources, counted from 0.

        Raises:
            GatewayError: as `knowledge.upload` does.
        """
        return knowledge.upload(self._gateway, self.name, documents_folder=documents_folder, source=source)

    def ingest(self, *, patience: Patience | None = None) -> tuple[IngestionJob, ...]:
        """Read its data sources anew, one job after the other; billed by AWS.

        Args:
            patience: How long to wait for what; None: the defaults of `Patience`.

        Raises:
            IngestionFailedError: a job ended otherwise than complete.
            GatewayError: as `knowledge.ingest` does.
        """
        return knowledge.ingest(self._gateway, self.name, folder=self.folder, patience=patience)

    def delete(self, *, patience: Patience | None = None) -> Removed:
        """Remove everything that its creation made, also one that stopped half-way; documents stay.

        Args:
            patience: How long to wait for what; None: the defaults of `Patience`.

        Raises:
            SetupIncompleteError: it stopped half-way: `delete` again goes on.
            GatewayError: as `knowledge.delete` does.
        """
        return knowledge.delete(self._gateway, self.name, folder=self.folder, patience=patience)

    def retrieve(
        self, query: str, *, next_token: str | None = None, **options: Unpack[SearchOptions]
    ) -> RetrieveResult:
        """Find passages in it; the arguments and errors are those of `Gateway.retrieve`."""
        return self._gateway.retrieve(query, knowledge_base=self.name, next_token=next_token, **options)

    def retrieve_all(self, query: str, **options: Unpack[SearchOptions]) -> Iterator[Passage]:
        """Find passages in it, page after page; the arguments and errors are those of `Gateway.retrieve_all`."""
        return self._gateway.retrieve_all(query, knowledge_base=self.name, **options)

    def ask(self, question: str, **options: Unpack[AskOptions]) -> Answer:
        """Answer from it, with citations; the arguments and errors are those of `Gateway.retrieve_and_generate`."""
        return self._gateway.retrieve_and_generate(question, knowledge_base=self.name, **options)

    def ask_stream(self, question: str, **options: Unpack[AskOptions]) -> Stream[Answer]:
        """Answer from it as it is written; as `Gateway.retrieve_and_generate_stream`."""
        return self._gateway.retrieve_and_generate_stream(question, knowledge_base=self.name, **options)

    def ingest_documents(
        self, documents: Sequence[Document], *, data_source_id: str, **options: Unpack[DocumentOptions]
    ) -> DocumentsResult:
        """Put documents into it one by one; the arguments and errors are those of `Gateway.ingest_documents`."""
        return self._gateway.ingest_documents(self.name, documents, data_source_id=data_source_id, **options)

    def get_documents(self, documents: Sequence[Document | str], *, data_source_id: str) -> DocumentsResult:
        """Look at documents of it; the arguments and errors are those of `Gateway.get_documents`."""
        return self._gateway.get_documents(self.name, documents, data_source_id=data_source_id)

    def list_documents(
        self, *, data_source_id: str, results: int | None = None, next_token: str | None = None
    ) -> DocumentsResult:
        """List documents of it; the arguments and errors are those of `Gateway.list_documents`."""
        return self._gateway.list_documents(
            self.name, data_source_id=data_source_id, results=results, next_token=next_token
        )

    def delete_documents(
        self, documents: Sequence[Document | str], *, data_source_id: str, **options: Unpack[DocumentOptions]
    ) -> DocumentsResult:
        """Take documents out of it; the arguments and errors are those of `Gateway.delete_documents`."""
        return self._gateway.delete_documents(self.name, documents, data_source_id=data_source_id, **options)


class AsyncKnowledgeBaseHandle(_Handle):
    """A configured knowledge base of an `AsyncGateway`."""

    _gateway: AsyncGateway

    async def create(
        self, *, create_role: bool = False, ingest: bool = True, patience: Patience | None = None
    ) -> Created:
        """Create everything of its plan, in order, each step written down; see `knowledge.create`.

        Args:
            create_role: Make the service role too; else it has to be there.
            ingest: Fill it: start the first job of each data source, and wait for it.
            patience: How long to wait for what; None: the defaults of `Patience`.

        Raises:
            SetupIncompleteError: it stopped half-way: ``exists`` lists what is there, `resume` goes on.
            GatewayError: as `knowledge.create` does, before anything was made.
        """
        return await knowledge.create(
            self._gateway, self.name, folder=self.folder, create_role=create_role, ingest=ingest, patience=patience
        )

    async def resume(
        self, *, create_role: bool = False, ingest: bool = True, patience: Patience | None = None
    ) -> Created:
        """Go on with a creation that stopped.

        The arguments are those of `create`; it raises what that does.
        """
        return await knowledge.resume(
            self._gateway, self.name, folder=self.folder, create_role=create_role, ingest=ingest, patience=patience
        )

    async def status(self) -> Status:
        """Look at it, its data sources and their latest jobs; changes nothing.

        Raises:
            GatewayError: as `knowledge.status` does.
        """
        return await knowledge.status(self._gateway, self.name, folder=self.folder)

    async def upload(self, documents_folder: str | os.PathLike[str], *, source: int = 0) -> Uploaded:
        """Put the documents below a folder into the bucket of a data source; what is there with the same content stays.

        Args:
            documents_folder: Its files become objects under the source's prefix.
            source: Which of the configured sources, counted from 0.

        Raises:
            GatewayError: as `knowledge.upload` does.
        """
        return await knowledge.upload(self._gateway, self.name, documents_folder=documents_folder, source=source)

    async def ingest(self, *, patience: Patience | None = None) -> tuple[IngestionJob, ...]:
        """Read its data sources anew, one job after the other; billed by AWS.

        Args:
            patience: How long to wait for what; None: the defaults of `Patience`.

        Raises:
            IngestionFailedError: a job ended otherwise than complete.
            GatewayError: as `knowledge.ingest` does.
        """
        return await knowledge.ingest(self._gateway, self.name, folder=self.folder, patience=patience)

    async def delete(self, *, patience: Patience | None = None) -> Removed:
        """Remove everything that its creation made, also one that stopped half-way; documents stay.

        Args:
            patience: How long to wait for what; None: the defaults of `Patience`.

        Raises:
            SetupIncompleteError: it stopped half-way: `delete` again goes on.
            GatewayError: as `knowledge.delete` does.
        """
        return await knowledge.delete(self._gateway, self.name, folder=self.folder, patience=patience)

    async def retrieve(
        self, query: str, *, next_token: str | None = None, **options: Unpack[SearchOptions]
    ) -> RetrieveResult:
        """Find passages in it; the arguments and errors are those of `AsyncGateway.retrieve`."""
        return await self._gateway.retrieve(query, knowledge_base=self.name, next_token=next_token, **options)

    def retrieve_all(self, query: str, **options: Unpack[SearchOptions]) -> AsyncIterator[Passage]:
        """Find passages in it, page after page; the arguments and errors are those of `AsyncGateway.retrieve_all`."""
        return self._gateway.retrieve_all(query, knowledge_base=self.name, **options)

    async def ask(self, question: str, **options: Unpack[AskOptions]) -> Answer:
        """Answer from it, with citations; the arguments and errors are those of `AsyncGateway.retrieve_and_generate`."""
        return await self._gateway.retrieve_and_generate(question, knowledge_base=self.name, **options)

    def ask_stream(self, question: str, **options: Unpack[AskOptions]) -> AsyncStream[Answer]:
        """Answer from it as it is written; as `AsyncGateway.retrieve_and_generate_stream`."""
        return self._gateway.retrieve_and_generate_stream(question, knowledge_base=self.name, **options)

    async def ingest_documents(
        self, documents: Sequence[Document], *, data_source_id: str, **options: Unpack[DocumentOptions]
    ) -> DocumentsResult:
        """Put documents into it one by one; the arguments and errors are those of `AsyncGateway.ingest_documents`."""
        return await self._gateway.ingest_documents(self.name, documents, data_source_id=data_source_id, **options)

    async def get_documents(self, documents: Sequence[Document | str], *, data_source_id: str) -> DocumentsResult:
        """Look at documents of it; the arguments and errors are those of `AsyncGateway.get_documents`."""
        return await self._gateway.get_documents(self.name, documents, data_source_id=data_source_id)

    async def list_documents(
        self, *, data_source_id: str, results: int | None = None, next_token: str | None = None
    ) -> DocumentsResult:
        """List documents of it; the arguments and errors are those of `AsyncGateway.list_documents`."""
        return await self._gateway.list_documents(
            self.name, data_source_id=data_source_id, results=results, next_token=next_token
        )

    async def delete_documents(
        self, documents: Sequence[Document | str], *, data_source_id: str, **options: Unpack[DocumentOptions]
    ) -> DocumentsResult:
        """Take documents out of it; the arguments and errors are those of `AsyncGateway.delete_documents`."""
        return await self._gateway.delete_documents(self.name, documents, data_source_id=data_source_id, **options)
