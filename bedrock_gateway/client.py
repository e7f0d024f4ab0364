"""The sync gateway: signatures only."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Self

from bedrock_gateway import _requests, _responses
from bedrock_gateway._drive import Perform, run
from bedrock_gateway._facade import Facade
from bedrock_gateway._stream import Stream

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from bedrock_gateway._commands import Send, Timeouts
    from bedrock_gateway.config import GatewayConfig
    from bedrock_gateway.results import (
        Answer,
        ConverseResult,
        DataSource,
        IngestionJob,
        InvokeResult,
        KnowledgeBase,
        RetrieveResult,
    )

__all__ = ["Gateway"]


class Gateway(Facade):
    """Calls Amazon Bedrock as one principal of a configuration; what is not declared is refused before it is sent.

    Any thread may use it. Nothing is read, opened or sent before the first call.
    """

    def __init__(
        self,
        config: GatewayConfig,
        *,
        principal: str | None = None,
        session: Any = None,
        rules: Iterable[Callable[[Send], Send]] = (),
        observers: Iterable[Callable[[Any], None]] | None = None,
    ) -> None:
        super().__init__(config, principal=principal, rules=rules, observers=observers)
        self._session = session
        self._perform = Perform(config, session=session)

    @classmethod
    def from_file(
        cls, path: str | os.PathLike[str], *, env: str | None = None, principal: str | None = None, session: Any = None
    ) -> Gateway:
        """Read the configuration from *path*."""
        from bedrock_gateway.config import GatewayConfig

        return cls(GatewayConfig.from_file(path, env=env), principal=principal, session=session)

    def with_options(self, *, timeouts: Timeouts | None = None, resend_ambiguous: bool | None = None) -> Gateway:
        """Return a view with other deadlines, or that sends again what may have been billed; the clients are shared."""
        view: Gateway = self._view(timeouts, resend_ambiguous=resend_ambiguous)
        return view

    def converse(
        self, prompt: str | Sequence[Mapping[str, Any]], *, model: str | None = None, **options: Any
    ) -> ConverseResult:
        """Chat with a model: a text, or messages as the Converse API has them."""
        result: ConverseResult = run(self._converse(prompt, model, options), self._perform)
        return result

    def invoke_model(
        self, body: Mapping[str, Any] | bytes | str, *, model: str | None = None, **options: Any
    ) -> InvokeResult:
        """Call a model with the vendor's own body."""
        result: InvokeResult = run(self._invoke(body, model, options), self._perform)
        return result

    def retrieve(self, query: str, *, knowledge_base: str, **options: Any) -> RetrieveResult:
        """Find passages in a knowledge base, by its configured name."""
        result: RetrieveResult = run(
            self._call(
                partial(_requests.retrieve, self.config, query, knowledge_base=knowledge_base, **options),
                _responses.retrieved,
            ),
            self._perform,
        )
        return result

    def retrieve_and_generate(
        self, question: str, *, knowledge_base: str, model: str | None = None, **options: Any
    ) -> Answer:
        """Answer from a knowledge base, with citations."""
        result: Answer = run(self._ask(question, model, {"knowledge_base": knowledge_base, **options}), self._perform)
        return result

    def create_knowledge_base(
        self, name: str, *, role_arn: str, index_arn: str, description: str | None = None
    ) -> KnowledgeBase:
        """Create the configured knowledge base *name* on an S3 Vectors index."""
        result: KnowledgeBase = run(
            self._call(
                partial(
                    _requests.create_knowledge_base,
                    self.config,
                    name,
                    role_arn=role_arn,
                    index_arn=index_arn,
                    description=description,
                ),
                _responses.knowledge_base,
            ),
            self._perform,
        )
        return result

    def create_data_source(self, name: str, *, knowledge_base_id: str | None = None, source: int = 0) -> DataSource:
        """Create a configured source of knowledge base *name*; the id may be new, and not configured yet."""
        result: DataSource = run(
            self._call(
                partial(
                    _requests.create_data_source, self.config, name, knowledge_base_id=knowledge_base_id, source=source
                ),
                _responses.data_source,
            ),
            self._perform,
        )
        return result

    def start_ingestion(self, name: str, *, data_source_id: str) -> IngestionJob:
        """Start reading a data source into knowledge base *name*."""
        result: IngestionJob = run(
            self._call(
                partial(_requests.start_ingestion, self.config, name, data_source_id=data_source_id),
                _responses.ingestion_job,
            ),
            self._perform,
        )
        return result

    def get_ingestion(self, job: IngestionJob) -> IngestionJob:
        """Look at an ingestion job."""
        result: IngestionJob = run(
            self._call(partial(_requests.get_ingestion, self.config, job), _responses.ingestion_job), self._perform
        )
        return result

    def wait_for_ingestion(
        self,
        job: IngestionJob,
        *,
        interval_seconds: float = 2.0,
        timeout_seconds: float = 3600.0,
        on_progress: Callable[[IngestionJob], Any] | None = None,
    ) -> IngestionJob:
        """Look at an ingestion job until it is complete.

        Raises:
            IngestionFailedError: it ended otherwise.
        """
        result: IngestionJob = run(
            self._wait(
                job,
                {"interval_seconds": interval_seconds, "timeout_seconds": timeout_seconds, "on_progress": on_progress},
            ),
            self._perform,
        )
        return result

    def preflight(self, level: str | None = None) -> Any:
        """Check what must be in place before the first call; the report says what is not, and how to mend it."""
        return run(self._preflight(level, self._session), self._perform)

    def converse_stream(
        self, prompt: str | Sequence[Mapping[str, Any]], *, model: str | None = None, **options: Any
    ) -> Stream:
        """Chat with a model and read its answer as it is made; nothing is sent before the stream is entered."""
        return Stream(lambda: self._converse_stream(prompt, model, options), self._perform)

    def invoke_model_stream(
        self, body: Mapping[str, Any] | bytes | str, *, model: str | None = None, **options: Any
    ) -> Stream:
        """Call a model with the vendor's own body and read its answer as it is made."""
        return Stream(lambda: self._invoke_stream(body, model, options), self._perform)

    def close(self) -> None:
        """Close the connections; may be called again."""
        self._perform.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
