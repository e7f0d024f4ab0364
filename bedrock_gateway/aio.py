"""The async gateway: signatures only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from bedrock_gateway._drive import AsyncPerform, arun
from bedrock_gateway._facade import Facade, connections
from bedrock_gateway._flow.documents import is_gone, is_taken
from bedrock_gateway._govern import govern
from bedrock_gateway._pages import AsyncPassages
from bedrock_gateway._sealed import sealed_async
from bedrock_gateway._stream import AsyncStream

if TYPE_CHECKING:
    import os
    from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence

    from bedrock_gateway._commands import Send, Timeouts
    from bedrock_gateway._govern import Client
    from bedrock_gateway._structured import M
    from bedrock_gateway.config import GatewayConfig
    from bedrock_gateway.documents import Document
    from bedrock_gateway.families import TextRequest
    from bedrock_gateway.filters import Filter, ImplicitFilter
    from bedrock_gateway.preflight.report import Report
    from bedrock_gateway.results import (
        Answer,
        AnswerSession,
        ConverseResult,
        DataSource,
        DocumentsResult,
        EmbedResult,
        GuardrailResult,
        IngestionJob,
        InvokeResult,
        KnowledgeBase,
        Passage,
        RerankResult,
        RetrieveResult,
        TokenCount,
    )
    from bedrock_gateway.setup.knowledge.handle import AsyncKnowledgeBaseHandle

__all__ = ["AsyncGateway"]


class AsyncGateway(Facade):
    """Calls Amazon Bedrock as one principal of a configuration; what is not declared is refused before it is sent.

    It belongs to one event loop, and to the process that made it. Nothing is read, opened or sent before the first call.

    Args:
        config: What may be called, by whom, where.
        principal: Name of a principal of *config*; None: ``BEDROCKGW_PRINCIPAL``, or the only one there is.
        session: A session of aiobotocore or aioboto3; None: the default credential chain. A Region given to it by hand must be that of *config*.
        rules: Run before each call is sent, after the rules of *config*; they may narrow a request or refuse it. What
            they return is judged by the rules of *config* again.
        observers: Called with each event; None: one JSON line an event on standard error. An empty list: nobody.
        timeouts: Deadlines in seconds; None: ``reliability.deadlines`` of *config*, which are those of `Timeouts`.
        max_connections: Most calls and streams at a time for each service; the wait for one counts as connecting. None:
            ``reliability.max_connections`` of *config*, which is 100.

    Raises:
        ConfigError: there is no such principal, or several and none is chosen; or another argument has a wrong type.
    """

    def __init__(
        self,
        config: GatewayConfig,
        *,
        principal: str | None = None,
        session: Any = None,
        rules: Iterable[Callable[[Send], Send]] = (),
        observers: Iterable[Callable[[Any], None]] | None = None,
        timeouts: Timeouts | None = None,
        max_connections: int | None = None,
    ) -> None:
        super().__init__(config, principal=principal, rules=rules, observers=observers, timeouts=timeouts)
        self._perform = AsyncPerform(
            config,
            session=session,
            timeouts=self._context.timeouts,
            max_connections=connections(config, max_connections),
        )

    @classmethod
    def from_file(
        cls,
        path: str | os.PathLike[str],
        *,
        env: str | None = None,
        principal: str | None = None,
        session: Any = None,
        rules: Iterable[Callable[[Send], Send]] = (),
        observers: Iterable[Callable[[Any], None]] | None = None,
        timeouts: Timeouts | None = None,
        max_connections: int | None = None,
    ) -> AsyncGateway:
        """Read the configuration from *path*: environment *env* of it (None: ``BEDROCKGW_ENV``, or the only one).

        The other arguments are those of the class.

        Raises:
            ConfigError: the file cannot be read or used; the message has the line.
        """
        from pathlib import Path

        from bedrock_gateway.config import GatewayConfig

        gateway = cls(
            GatewayConfig.from_file(path, env=env),
            principal=principal,
            session=session,
            rules=rules,
            observers=observers,
            timeouts=timeouts,
            max_connections=max_connections,
        )
        gateway.folder = Path(path).parent
        return gateway

    def with_options(
        self,
        *,
        timeouts: Timeouts | None = None,
        resend_ambiguous: bool | None = None,
        fallback: bool | None = None,
    ) -> AsyncGateway:
        """Return a view with other deadlines (seconds), or one that sends again what may have been billed.

        None keeps what there is. *fallback* False: no declared model stands in for another. The clients and their
        connections are shared, so a view costs nothing. The deadline for connecting is that of the first gateway.

        Raises:
            ConfigError: *timeouts* is no `Timeouts`, or another one no bool.
        """
        view: AsyncGateway = self._view(timeouts, resend_ambiguous=resend_ambiguous, fallback=fallback)
        return view

    @sealed_async
    async def converse(
        self,
        prompt: str | Sequence[Mapping[str, Any]],
        *,
        model: str | None = None,
        system: str | Sequence[Mapping[str, Any]] | None = None,
        max_tokens: int | None = None,
        temperature: float | None = None,
        top_p: float | None = None,
        stop_sequences: Sequence[str] | None = None,
        tools: Sequence[Mapping[str, Any]] | None = None,
        tool_choice: str | Mapping[str, Any] | None = None,
        output: type[M] | Mapping[str, Any] | None = None,
        output_retries: int | None = None,
        guardrail_trace: str | None = None,
        **members: Any,
    ) -> ConverseResult[M]:
        """Chat with a model; billed by AWS.

        Args:
            prompt: A text, or messages as the Converse API has them; a message's content may be a str. Images, documents
                and videos are held to AWS's limits first.
            model: Model id, inference profile id or ARN; None: the only chat model that is declared.
            system: System prompt, as a text or as content blocks.
            max_tokens: Most tokens to generate; None: the model's own limit.
            temperature: Randomness; None: the model's default.
            top_p: Share of the likeliest tokens to choose from; None: the model's default.
            stop_sequences: Texts at which the model stops.
            tools: Tools the model may call, as the Converse API has them.
            tool_choice: ``auto``, ``any``, the name of a tool, or AWS's own structure; None: AWS's default.
            output: A pydantic class, or a JSON Schema, that the answer must fit; it is in ``parsed``. An answer that does
                not fit is an `OutputValidationError`, with the answer in ``partial``.
            output_retries: How often, at most 3, a model whose answer does not fit is shown it and what does not fit. Each
                is one more billed call, with a ``gateway.call_ended`` of its own, under the one total deadline. An answer
                that was cut is not repaired. None: ``reliability.output_retries`` of the configuration, which is 0.
            guardrail_trace: ``enabled``, ``disabled`` or ``enabled_full``: how much the configured guardrail tells in
                ``raw``; None: AWS's default.
            **members: Further members of the operation by AWS's names: ``additionalModelRequestFields``,
                ``additionalModelResponseFieldPaths``, ``inferenceConfig``, ``outputConfig``, ``performanceConfig``,
                ``promptVariables``, ``requestMetadata``, ``serviceTier``, ``toolConfig``.

        Returns:
            The answer. A guardrail's intervention is an answer too: see ``stop_reason`` and ``guardrail_action``.
            ``model_id`` is the model that answered, also where a declared one stood in.

        Raises:
            GovernanceError: not declared; nothing was sent.
            InvalidRequestError: an argument cannot be sent (nothing was), or AWS refuses the request.
            UnsupportedByBotocoreError: the installed botocore does not know a member; nothing was sent.
            ConfigError: no usable credentials, or the environment overrides the configuration; nothing was sent.
            AccessDeniedError: IAM refuses, or the account has no access to the model: ``reason`` tells. The message names
                the missing action and the command that grants it, or what else to do.
            CircuitOpenError: most requests to this model failed of late; nothing was sent.
            TransportError: no answer came; ``sent`` tells whether it may have been billed.
            MalformedResponseError: the answer was cut short; it may have been billed.
            OutputValidationError: the answer does not fit *output*; it was billed.
            ServiceError: AWS reported another error; the subclass says what to do.

        Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
        """
        result: ConverseResult[M] = await arun(
            self._call(
                "Converse",
                prompt,
                model=model,
                system=system,
                max_tokens=max_tokens,
                temperature=temperature,
                top_p=top_p,
                stop_sequences=stop_sequences,
                tools=tools,
                tool_choice=tool_choice,
                output=output,
                output_retries=output_retries,
                guardrail_trace=guardrail_trace,
                **members,
            ),
            self._perform,
        )
        return result

    def converse_stream(
        self,
        prompt: str | Sequence[Mapping[str, Any]],
        *,
        model: str | None = None,
        system: str | Sequence[Mapping[str, Any]] | None = None,
        max_tokens: int | None = None,
        temperature: float | None = None,
        top_p: float | None = None,
        stop_sequences: Sequence[str] | None = None,
        tools: Sequence[Mapping[str, Any]] | None = None,
        tool_choice: str | Mapping[str, Any] | None = None,
        output: type[M] | Mapping[str, Any] | None = None,
        guardrail_trace: str | None = None,
        **members: Any,
    ) -> AsyncStream[ConverseResult[M]]:
        """Chat with a model and read its answer as it is made; billed by AWS.

        The arguments are those of `converse`, without *output_retries*: what has been shown cannot be taken back. Nothing
        is checked or sent before the stream is entered; entering raises what `converse` raises. A stream that ends before
        its terminal event raises `StreamInterruptedError`.

        Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html
        """
        return AsyncStream(
            "ConverseStream",
            lambda: self._stream(
                "ConverseStream",
                prompt,
                model=model,
                system=system,
                max_tokens=max_tokens,
                temperature=temperature,
                top_p=top_p,
                stop_sequences=stop_sequences,
                tools=tools,
                tool_choice=tool_choice,
                output=output,
                guardrail_trace=guardrail_trace,
                **members,
            ),
            self._perform,
        )

    @sealed_async
    async def invoke_model(
        self,
        body: Mapping[str, Any] | TextRequest | bytes | str,
        *,
        model: str | None = None,
        family: str | None = None,
        **members: Any,
    ) -> InvokeResult:
        """Call a model with the vendor's own body, or with a text request that is written as such; billed by AWS.

        Args:
            body: The vendor's body: a mapping, which becomes JSON, or the JSON itself, at most 25,000,000 bytes. Or a
                `TextRequest`, written in the words of the model's family.
            model: Model id, inference profile id or ARN; None: the only chat model that is declared.
            family: Of a `TextRequest` for a model whose id does not tell: ``anthropic``, ``nova``, ``titan``, ``llama``,
                ``mistral``, ``cohere``, ``ai21``, ``deepseek``, ``qwen``, ``openai``, ``writer``, ``gemma``, ``glm``,
                ``grok``, ``kimi``, ``minimax`` or ``nemotron``. None: from the id; of an
                application profile from ``wraps`` in the configuration, else AWS is asked once (GetInferenceProfile).
            **members: Further members of the operation by AWS's names: ``accept``, ``contentType``,
                ``performanceConfigLatency``, ``requestMetadata``, ``serviceTier``, ``trace``.

        Returns:
            The answer; ``raw`` is the vendor's own JSON, ``text``, ``stop_reason`` and ``usage`` are read from it where its
            form is known.

        Raises:
            InvalidRequestError: the family has no member for an option of the `TextRequest`; nothing was sent.
            GatewayError: as `converse` does.

        Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModel.html
        """
        result: InvokeResult = await arun(
            self._call("InvokeModel", body, model=model, family=family, **members), self._perform
        )
        return result

    def invoke_model_stream(
        self,
        body: Mapping[str, Any] | TextRequest | bytes | str,
        *,
        model: str | None = None,
        family: str | None = None,
        **members: Any,
    ) -> AsyncStream[InvokeResult]:
        """Call a model as `invoke_model` does and read its answer as it is made; billed by AWS.

        The arguments are those of `invoke_model`. Nothing is checked or sent before the stream is entered; entering
        raises what `converse` raises. A stream that ends before its terminal chunk raises `StreamInterruptedError`.

        Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModelWithResponseStream.html
        """
        return AsyncStream(
            "InvokeModelWithResponseStream",
            lambda: self._stream("InvokeModelWithResponseStream", body, model=model, family=family, **members),
            self._perform,
        )

    @sealed_async
    async def embed(
        self,
        texts: str | Sequence[str],
        *,
        model: str | None = None,
        dimensions: int | None = None,
        purpose: str | None = None,
    ) -> EmbedResult:
        """Turn texts into vectors; billed by AWS.

        A model that takes one text a request is called once a text, one after the other; each call is an event of its own.
        Where a later one fails, the vectors of those before it are lost, and were billed.

        Args:
            texts: One text or several.
            model: Amazon Titan or Nova, or Cohere Embed; None: the only embedding model that is declared.
            dimensions: Length of a vector; None: the model's default.
            purpose: ``document``, ``query``, ``classification`` or ``clustering``; None: ``document``. Models that do not
                tell them apart are not told.

        Returns:
            The vectors, in the order of *texts*.

        Raises:
            InvalidRequestError: the model is of no known family, or has no such option; nothing was sent.
            GatewayError: as `converse` does.

        Source: https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-embed.html
        """
        result: EmbedResult = await arun(
            self._embed(texts, model=model, dimensions=dimensions, purpose=purpose), self._perform
        )
        return result

    @sealed_async
    async def count_tokens(
        self,
        prompt: str | Sequence[Mapping[str, Any]],
        *,
        model: str | None = None,
        system: str | Sequence[Mapping[str, Any]] | None = None,
        tools: Sequence[Mapping[str, Any]] | None = None,
        tool_choice: str | Mapping[str, Any] | None = None,
    ) -> TokenCount:
        """Count the tokens that `converse` with the same arguments would send; AWS does not bill it.

        Args:
            prompt: A text, or messages as the Converse API has them.
            model: As for `converse`; of an inference profile, its foundation model is asked about.
            system: System prompt, as a text or as content blocks.
            tools: Tools the model may call.
            tool_choice: As for `converse`.

        Raises:
            GatewayError: as `converse` does.

        Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_CountTokens.html
        """
        result: TokenCount = await arun(
            self._call("CountTokens", prompt, model=model, system=system, tools=tools, tool_choice=tool_choice),
            self._perform,
        )
        return result

    @sealed_async
    async def apply_guardrail(self, content: str | Sequence[str], *, source: str = "INPUT") -> GuardrailResult:
        """Check texts against the configured guardrail without calling a model; billed by AWS.

        Args:
            content: One text or several.
            source: ``INPUT``, what a user says, or ``OUTPUT``, what a model said.

        Returns:
            What the guardrail did; an intervention is a result, not an error.

        Raises:
            ConfigError: no guardrail is configured; nothing was sent.
            GatewayError: as `converse` does.

        Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ApplyGuardrail.html
        """
        result: GuardrailResult = await arun(self._call("ApplyGuardrail", content, source=source), self._perform)
        return result

    @sealed_async
    async def rerank(
        self, query: str, documents: Sequence[str], *, model: str | None = None, results: int | None = None
    ) -> RerankResult:
        """Put texts in the order in which they answer a query; billed by AWS.

        Args:
            query: What is asked.
            documents: The texts.
            model: A reranking model; None: the only one that is declared.
            results: Most texts to return; None: all of them.

        Raises:
            GatewayError: as `converse` does.

        Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_agent-runtime_Rerank.html
        """
        result: RerankResult = await arun(
            self._call("Rerank", query, documents, model=model, results=results), self._perform
        )
        return result

    @sealed_async
    async def retrieve(
        self,
        query: str,
        *,
        knowledge_base: str,
        results: int | None = None,
        metadata_filter: Filter | Mapping[str, Any] | None = None,
        tenant: str | int | None = None,
        search_type: str | None = None,
        reranker: str | Mapping[str, Any] | None = None,
        reranked_results: int | None = None,
        implicit_filter: ImplicitFilter | None = None,
        next_token: str | None = None,
        **members: Any,
    ) -> RetrieveResult:
        """Find passages in a knowledge base.

        Args:
            query: What to look for.
            knowledge_base: Its configured name.
            results: Most passages to return, 1 to 100; None: AWS's default.
            metadata_filter: A filter of `bedrock_gateway.filters`, or AWS's RetrievalFilter, such as
                ``{"equals": {"key": "year", "value": 2026}}``; None: all.
            tenant: Whose documents to search, where the knowledge base has a ``tenant_key``: needed there. It becomes a
                filter that the client sends, joined with *metadata_filter* so that both must hold; IAM knows nothing of it.
            search_type: ``hybrid`` (vectors and words) or ``semantic``, where the store has it; None: AWS decides.
            reranker: A declared reranking model that puts the passages in order, by its id, or AWS's
                bedrockRerankingConfiguration; None: none. It runs with the
                knowledge base's own role.
            reranked_results: Most passages to keep after that; None: all.
            implicit_filter: A filter that a declared model makes from the question, one more billed call; None: none. Not
                for tenants.
            next_token: ``next_token`` of the result before.
            **members: Further members by AWS's names: ``retrievalConfiguration``, ``userContext``.

        Returns:
            One page of passages, best first; `retrieve_all` reads every page.

        Raises:
            GovernanceError: the knowledge base or a model is not declared, or *tenant* is missing; nothing was sent.
            InvalidRequestError: the filter or the search is none that the store has; nothing was sent.
            ConfigError: it has no id yet; the message has the line to add.
            GatewayError: as `converse` does.

        Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_agent-runtime_Retrieve.html
        """
        result: RetrieveResult = await arun(
            self._call(
                "Retrieve",
                query,
                knowledge_base=knowledge_base,
                results=results,
                metadata_filter=metadata_filter,
                tenant=tenant,
                search_type=search_type,
                reranker=reranker,
                reranked_results=reranked_results,
                implicit_filter=implicit_filter,
                next_token=next_token,
                **members,
            ),
            self._perform,
        )
        return result

    def retrieve_all(
        self,
        query: str,
        *,
        knowledge_base: str,
        results: int | None = None,
        metadata_filter: Filter | Mapping[str, Any] | None = None,
        tenant: str | int | None = None,
        search_type: str | None = None,
        reranker: str | Mapping[str, Any] | None = None,
        reranked_results: int | None = None,
        implicit_filter: ImplicitFilter | None = None,
        **members: Any,
    ) -> AsyncIterator[Passage]:
        """Find passages in a knowledge base and read page after page, each when it is needed and as a call of its own.

        The arguments are those of `retrieve`, without *next_token*. Nothing is checked or sent before the first passage is
        asked for; that raises what `retrieve` raises.

        Returns:
            An iterator over the passages, best first within a page.
        """
        return AsyncPassages(
            lambda token: self.retrieve(
                query,
                knowledge_base=knowledge_base,
                results=results,
                metadata_filter=metadata_filter,
                tenant=tenant,
                search_type=search_type,
                reranker=reranker,
                reranked_results=reranked_results,
                implicit_filter=implicit_filter,
                next_token=token,
                **members,
            )
        )

    @sealed_async
    async def retrieve_and_generate(
        self,
        question: str,
        *,
        knowledge_base: str | None = None,
        document: Document | str | None = None,
        model: str | None = None,
        session: AnswerSession | str | None = None,
        results: int | None = None,
        metadata_filter: Filter | Mapping[str, Any] | None = None,
        tenant: str | int | None = None,
        search_type: str | None = None,
        reranker: str | Mapping[str, Any] | None = None,
        reranked_results: int | None = None,
        implicit_filter: ImplicitFilter | None = None,
        prompt_template: str | None = None,
        orchestration_prompt_template: str | None = None,
        decompose: bool | None = None,
        max_tokens: int | None = None,
        temperature: float | None = None,
        top_p: float | None = None,
        stop_sequences: Sequence[str] | None = None,
        **members: Any,
    ) -> Answer:
        """Answer from a knowledge base, or from one document, with citations; billed by AWS.

        Args:
            question: What to answer.
            knowledge_base: Its configured name; None: *document* is given.
            document: Answer from this instead: the ``s3://`` URI of an object that the principal's ``documents`` declare, or
                a `Document` with text, data (at most 10 MiB; its id is the file name) or uri. Capability ``rag-document``;
                what is about a search does not go with it.
            model: What writes the answer: model id, inference profile id or ARN; None: the only one declared.
            session: ``session`` of the answer before, to continue its conversation, or AWS's id of it (not for tenants);
                None: a new one.
            results: Most passages to write from, 1 to 100; None: AWS's default.
            metadata_filter: A filter of `bedrock_gateway.filters`, or AWS's RetrievalFilter, such as
                ``{"equals": {"key": "year", "value": 2026}}``; None: all.
            tenant: Whose documents to search, where the knowledge base has a ``tenant_key``: needed there. It becomes a
                filter that the client sends, joined with *metadata_filter* so that both must hold; IAM knows nothing of it.
            search_type: ``hybrid`` (vectors and words) or ``semantic``, where the store has it; None: AWS decides.
            reranker: A declared reranking model that puts the passages in order, by its id, or AWS's
                bedrockRerankingConfiguration; None: none. It runs with the
                caller's rights.
            reranked_results: Most passages to keep after that; None: all.
            implicit_filter: A filter that a declared model makes from the question, one more billed call; None: none. Not
                for tenants.
            prompt_template: What the model is told, at most 4,000 characters; it holds ``$search_results$``. Without
                ``$output_format_instructions$`` AWS returns no citations. None: AWS's own.
            orchestration_prompt_template: How the model turns conversation and question into a query; it holds
                ``$conversation_history$`` and ``$output_format_instructions$``. None: AWS's own.
            decompose: Whether AWS takes the question apart and searches for each part.
            max_tokens: Most tokens to generate; None: the model's own limit.
            temperature: Randomness, 0 to 1; None: AWS's default.
            top_p: Share of the likeliest tokens to choose from; None: AWS's default.
            stop_sequences: Up to four texts at which the model stops.
            **members: Further members by AWS's names: ``generationConfiguration``, ``orchestrationConfiguration``,
                ``retrievalConfiguration``, ``sessionConfiguration``, ``userContext``.

        Returns:
            The answer, and for each part of it what it stands on. ``empty``: nothing was found to answer from;
            ``grounded``: all of it is cited.

        Raises:
            GovernanceError: the knowledge base or a model is not declared, *tenant* is missing, or *session* is another
                tenant's; nothing was sent.
            SessionExpiredError: AWS does not know the session any more: ask without it.
            InvalidRequestError: a template lacks a placeholder, or the store has no such search; nothing was sent.
            ConfigError: the knowledge base has no id yet; the message has the line to add.
            GatewayError: as `converse` does.

        Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_agent-runtime_RetrieveAndGenerate.html
        """
        result: Answer = await arun(
            self._call(
                "RetrieveAndGenerate",
                question,
                knowledge_base=knowledge_base,
                document=document,
                model=model,
                session=session,
                results=results,
                metadata_filter=metadata_filter,
                tenant=tenant,
                search_type=search_type,
                reranker=reranker,
                reranked_results=reranked_results,
                implicit_filter=implicit_filter,
                prompt_template=prompt_template,
                orchestration_prompt_template=orchestration_prompt_template,
                decompose=decompose,
                max_tokens=max_tokens,
                temperature=temperature,
                top_p=top_p,
                stop_sequences=stop_sequences,
                **members,
            ),
            self._perform,
        )
        return result

    def retrieve_and_generate_stream(
        self,
        question: str,
        *,
        knowledge_base: str | None = None,
        document: Document | str | None = None,
        model: str | None = None,
        session: AnswerSession | str | None = None,
        results: int | None = None,
        metadata_filter: Filter | Mapping[str, Any] | None = None,
        tenant: str | int | None = None,
        search_type: str | None = None,
        reranker: str | Mapping[str, Any] | None = None,
        reranked_results: int | None = None,
        implicit_filter: ImplicitFilter | None = None,
        prompt_template: str | None = None,
        orchestration_prompt_template: str | None = None,
        decompose: bool | None = None,
        max_tokens: int | None = None,
        temperature: float | None = None,
        top_p: float | None = None,
        stop_sequences: Sequence[str] | None = None,
        **members: Any,
    ) -> AsyncStream[Answer]:
        """Answer from a knowledge base, or from one document, and read the answer as it is made; billed by AWS.

        The arguments are those of `retrieve_and_generate`. Nothing is checked or sent before the stream is entered;
        entering raises what `retrieve_and_generate` raises. A citation is an event of its own behind the text that it is
        about. AWS gives this stream no terminal event: one that ends between two events is taken for whole.

        Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_agent-runtime_RetrieveAndGenerateStream.html
        """
        return AsyncStream(
            "RetrieveAndGenerateStream",
            lambda: self._stream(
                "RetrieveAndGenerateStream",
                question,
                knowledge_base=knowledge_base,
                document=document,
                model=model,
                session=session,
                results=results,
                metadata_filter=metadata_filter,
                tenant=tenant,
                search_type=search_type,
                reranker=reranker,
                reranked_results=reranked_results,
                implicit_filter=implicit_filter,
                prompt_template=prompt_template,
                orchestration_prompt_template=orchestration_prompt_template,
                decompose=decompose,
                max_tokens=max_tokens,
                temperature=temperature,
                top_p=top_p,
                stop_sequences=stop_sequences,
                **members,
            ),
            self._perform,
        )

    @sealed_async
    async def create_knowledge_base(
        self, name: str, *, role_arn: str, index_arn: str, description: str | None = None
    ) -> KnowledgeBase:
        """Create the configured knowledge base *name* on an S3 Vectors index.

        One idempotency token goes with every attempt of this call: a lost answer makes no second one.

        Args:
            name: Its configured name, which becomes its name on AWS.
            role_arn: ARN of its service role.
            index_arn: ARN of its S3 Vectors index.
            description: Shown by AWS; None: none.

        Returns:
            The knowledge base; put its id into the configuration.

        Raises:
            GatewayError: as `converse` does.

        Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_agent_CreateKnowledgeBase.html
        """
        result: KnowledgeBase = await arun(
            self._call("CreateKnowledgeBase", name, role_arn=role_arn, index_arn=index_arn, description=description),
            self._perform,
        )
        return result

    @sealed_async
    async def create_data_source(
        self, name: str, *, knowledge_base_id: str | None = None, source: int = 0
    ) -> DataSource:
        """Create a configured source of knowledge base *name*; one idempotency token goes with every attempt.

        Args:
            name: Configured name of the knowledge base.
            knowledge_base_id: Its id, where that is too new to be in the configuration; None: the configured one.
            source: Which of its configured sources, counted from 0.

        Raises:
            ConfigError: it has no id yet, or no such source.
            GatewayError: as `converse` does.

        Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_agent_CreateDataSource.html
        """
        result: DataSource = await arun(
            self._call("CreateDataSource", name, knowledge_base_id=knowledge_base_id, source=source), self._perform
        )
        return result

    @sealed_async
    async def start_ingestion(
        self, name: str, *, data_source_id: str, knowledge_base_id: str | None = None
    ) -> IngestionJob:
        """Start reading a data source into knowledge base *name*; one idempotency token goes with every attempt.

        Args:
            name: Configured name of the knowledge base.
            data_source_id: Id of the data source.
            knowledge_base_id: Its id, where that is too new to be in the configuration; None: the configured one.

        Returns:
            The job, which has only begun: see `wait_for_ingestion`.

        Raises:
            GatewayError: as `converse` does.

        Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_agent_StartIngestionJob.html
        """
        result: IngestionJob = await arun(
            self._call("StartIngestionJob", name, data_source_id=data_source_id, knowledge_base_id=knowledge_base_id),
            self._perform,
        )
        return result

    @sealed_async
    async def get_ingestion(self, job: IngestionJob) -> IngestionJob:
        """Look at an ingestion job that `start_ingestion` returned.

        Raises:
            GatewayError: as `converse` does.

        Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_agent_GetIngestionJob.html
        """
        result: IngestionJob = await arun(self._call("GetIngestionJob", job), self._perform)
        return result

    @sealed_async
    async def wait_for_ingestion(
        self,
        job: IngestionJob,
        *,
        interval_seconds: float = 2.0,
        timeout_seconds: float = 3600.0,
        on_progress: Callable[[IngestionJob], Any] | None = None,
    ) -> IngestionJob:
        """Look at an ingestion job until it is complete; each look is a call, and an event, of its own.

        Args:
            job: What `start_ingestion` returned.
            interval_seconds: Pause between two looks.
            timeout_seconds: When to stop waiting; the job itself goes on.
            on_progress: Called with each look's result.

        Raises:
            IngestionFailedError: it ended otherwise; ``job`` has the reasons.
            TransportError: it is still running after *timeout_seconds*.
            GatewayError: as `converse` does.
        """
        result: IngestionJob = await arun(
            self._wait(job, interval_seconds, timeout_seconds, on_progress), self._perform
        )
        return result

    @sealed_async
    async def ingest_documents(
        self,
        name: str,
        documents: Sequence[Document],
        *,
        data_source_id: str,
        knowledge_base_id: str | None = None,
        wait: bool = True,
        interval_seconds: float = 2.0,
        timeout_seconds: float = 600.0,
        on_progress: Callable[[DocumentsResult], Any] | None = None,
    ) -> DocumentsResult:
        """Put documents into knowledge base *name* one by one, without an ingestion job; billed by AWS, as they are embedded.

        AWS takes ten a request: more are sent in as many calls, one after the other, each an event of its own with an
        idempotency token of its own. Where a later one fails, a note on the error says how many documents went before. A
        document with the id of one that is there replaces it.

        Args:
            name: Configured name of the knowledge base.
            documents: Each a `bedrock_gateway.documents.Document`; none twice.
            data_source_id: Id of a custom data source, or of the S3 data source that the objects are of.
            knowledge_base_id: Its id, where that is too new to be in the configuration; None: the configured one.
            wait: Look at them until AWS has done with each; False: return at once, while AWS is at work.
            interval_seconds: Pause between two looks.
            timeout_seconds: When to stop waiting; AWS goes on.
            on_progress: Called with each look's result.

        Returns:
            How it is with each; ``failed`` has those that could not be indexed, and why.

        Raises:
            InvalidRequestError: a document is larger than AWS takes, or not one that can be sent; nothing of its batch was.
            TransportError: some are still being worked on after *timeout_seconds*.
            GatewayError: as `converse` does.

        Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_agent_IngestKnowledgeBaseDocuments.html
        """
        where = {"data_source_id": data_source_id, "knowledge_base_id": knowledge_base_id}
        waiting: dict[str, Any] = {
            "is_settled": is_taken,
            "interval_seconds": interval_seconds,
            "timeout_seconds": timeout_seconds,
            "on_progress": on_progress,
        }
        result: DocumentsResult = await arun(
            self._documents("IngestKnowledgeBaseDocuments", name, documents, where, wait=wait, **waiting),
            self._perform,
        )
        return result

    @sealed_async
    async def get_documents(
        self,
        name: str,
        documents: Sequence[Document | str],
        *,
        data_source_id: str,
        knowledge_base_id: str | None = None,
    ) -> DocumentsResult:
        """Look at documents of a data source of knowledge base *name*; ten a call.

        Args:
            name: Configured name of the knowledge base.
            documents: Each a `Document`, its own id, or the ``s3://`` URI of an object.
            data_source_id: Id of the data source.
            knowledge_base_id: Its id, where that is too new to be in the configuration; None: the configured one.

        Returns:
            How it is with each, ``NOT_FOUND`` included.

        Raises:
            GatewayError: as `converse` does.

        Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_agent_GetKnowledgeBaseDocuments.html
        """
        where = {"data_source_id": data_source_id, "knowledge_base_id": knowledge_base_id}
        result: DocumentsResult = await arun(
            self._documents("GetKnowledgeBaseDocuments", name, documents, where), self._perform
        )
        return result

    @sealed_async
    async def list_documents(
        self,
        name: str,
        *,
        data_source_id: str,
        knowledge_base_id: str | None = None,
        results: int | None = None,
        next_token: str | None = None,
    ) -> DocumentsResult:
        """List the documents of a data source of knowledge base *name*, those that failed included.

        Args:
            name: Configured name of the knowledge base.
            data_source_id: Id of the data source.
            knowledge_base_id: Its id, where that is too new to be in the configuration; None: the configured one.
            results: Most documents to return, 1 to 1,000; None: AWS's default.
            next_token: ``next_token`` of the result before.

        Returns:
            One page; ``next_token`` is of the next.

        Raises:
            GatewayError: as `converse` does.

        Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_agent_ListKnowledgeBaseDocuments.html
        """
        where = {
            "data_source_id": data_source_id,
            "knowledge_base_id": knowledge_base_id,
            "results": results,
            "next_token": next_token,
        }
        result: DocumentsResult = await arun(
            self._about("ListKnowledgeBaseDocuments", name, where, None), self._perform
        )
        return result

    @sealed_async
    async def delete_documents(
        self,
        name: str,
        documents: Sequence[Document | str],
        *,
        data_source_id: str,
        knowledge_base_id: str | None = None,
        wait: bool = True,
        interval_seconds: float = 2.0,
        timeout_seconds: float = 600.0,
        on_progress: Callable[[DocumentsResult], Any] | None = None,
    ) -> DocumentsResult:
        """Take documents out of a data source of knowledge base *name*, and their passages out of the index.

        An object of S3 stays in its bucket: the next ingestion job reads it again.

        Args:
            name: Configured name of the knowledge base.
            documents: Each a `Document`, its own id, or the ``s3://`` URI of an object; ten a call.
            data_source_id: Id of the data source.
            knowledge_base_id: Its id, where that is too new to be in the configuration; None: the configured one.
            wait: Look at them until AWS has done with each; False: return at once.
            interval_seconds: Pause between two looks.
            timeout_seconds: When to stop waiting; AWS goes on.
            on_progress: Called with each look's result.

        Returns:
            How it is with each: ``NOT_FOUND`` where it is gone.

        Raises:
            TransportError: some are still being worked on after *timeout_seconds*.
            GatewayError: as `converse` does.

        Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_agent_DeleteKnowledgeBaseDocuments.html
        """
        where = {"data_source_id": data_source_id, "knowledge_base_id": knowledge_base_id}
        waiting: dict[str, Any] = {
            "is_settled": is_gone,
            "interval_seconds": interval_seconds,
            "timeout_seconds": timeout_seconds,
            "on_progress": on_progress,
        }
        result: DocumentsResult = await arun(
            self._documents("DeleteKnowledgeBaseDocuments", name, documents, where, wait=wait, **waiting),
            self._perform,
        )
        return result

    def knowledge_base(self, name: str, *, folder: str | os.PathLike[str] | None = None) -> AsyncKnowledgeBaseHandle:
        """Return a handle of the configured knowledge base *name*: plan, create, fill, ask and delete it.

        Args:
            name: Its configured name.
            folder: Where the manifest of its creation is kept; None: the folder of the gateway.toml this gateway was read from.

        Returns:
            A handle; nothing is read or sent until one of its methods is called.

        Raises:
            ConfigError: no knowledge base of that name is configured.
        """
        from bedrock_gateway.setup.knowledge.handle import AsyncKnowledgeBaseHandle

        return AsyncKnowledgeBaseHandle(self, name, folder)

    @sealed_async
    async def preflight(
        self,
        level: str | None = None,
        *,
        deadline_seconds: float | None = None,
        canary: bool = False,
        canary_seconds: float | None = None,
    ) -> Report:
        """Check what must be in place before the first call; it reads and changes nothing, and invokes no model by itself.

        Args:
            level: ``minimal``, ``standard`` or ``deep``; None: what the principal is granted.
            deadline_seconds: How long it may take; None: 10 s. What has no answer by then is ``unknown``.
            canary: Then also call the principal's first model, for one token each by Converse and ConverseStream, and look
                for the records of these calls. **Billed**: some ten tokens, at level ``deep`` 120 KB of prompt besides.
            canary_seconds: How long each record is waited for; None: 90 s. It comes after *deadline_seconds*.

        Returns:
            The report: what is not in place, and how to mend it. ``raise_for_status()`` raises where something failed.

        Raises:
            ConfigError: *level* is none of these, or the principal lacks what the canary takes: the capabilities ``converse``
                and ``preflight-canary``, and a model that chats.
            InvalidRequestError: *deadline_seconds* or *canary_seconds* is no number, or below 0; *canary* is no bool.
        """
        report: Report = await arun(
            self._preflight(level, deadline_seconds, canary=canary, canary_seconds=canary_seconds), self._perform
        )
        return report

    def govern(self, client: Client) -> Client:
        """Put the rules and the ended event of this gateway on a client that other code uses, and return the client.

        LangChain, Strands, Haystack and others take a client: they then run governed, unchanged. The client keeps its own
        retries, timeouts and exceptions; only what is refused raises `GovernanceError`, out of the call. One event a call,
        as for the gateway's own; of a stream, when it ends.

        Args:
            client: A client of boto3, or of aiobotocore in an async program, for the configured Region.

        Raises:
            ConfigError: it is no such client, or it sends to an endpoint that is not declared.
        """
        return govern(client, self.config, self.principal, self._outside())

    async def close(self) -> None:
        """Close the connections; may be called again. Streams that are open end."""
        await self._perform.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
