"""What both gateways share: the configuration, the principal, the rules, and each call as a flow."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from bedrock_gateway import _arguments as arguments
from bedrock_gateway import _flow, _requests, _responses, _retrieved
from bedrock_gateway._commands import Inspect, Record, Send, Timeouts
from bedrock_gateway._flow.documents import in_batches, until_settled
from bedrock_gateway._flow.ingestion import poll_ingestion
from bedrock_gateway._flow.repair import repaired
from bedrock_gateway._fold import InvokeFold, dict_of
from bedrock_gateway._fold.answer import AnswerFold
from bedrock_gateway._fold.converse import ConverseFold
from bedrock_gateway._retrieved import documents as documents_of
from bedrock_gateway._retrieved import documents_joined
from bedrock_gateway._structured import MOST_RETRIES, repair_messages
from bedrock_gateway.capabilities.models import parse_model_id
from bedrock_gateway.errors import ConfigError, GatewayError
from bedrock_gateway.events import StructlogObserver, emitter
from bedrock_gateway.families import family_of
from bedrock_gateway.governance.breaker import BreakerPolicy
from bedrock_gateway.governance.protection import BudgetPolicy, Protection
from bedrock_gateway.governance.retry import RetryPolicy
from bedrock_gateway.governance.rules import rules_of
from bedrock_gateway.results import Usage

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bedrock_gateway._commands import Flow
    from bedrock_gateway.config import GatewayConfig
    from bedrock_gateway.errors import OutputValidationError
    from bedrock_gateway.results import EmbedResult

__all__ = ["Facade", "connections"]

_EMBEDDING = ("embed", "rerank")

# Operation → what makes its request, and what reads its reply.
_CALLS: dict[str, tuple[Callable[..., Send], Callable[[Any, Send], Any]]] = {
    "Converse": (_requests.converse, _responses.converse),
    "InvokeModel": (_requests.invoke_model, _responses.invoke_model),
    "Retrieve": (_requests.retrieve, _retrieved.retrieved),
    "RetrieveAndGenerate": (_requests.retrieve_and_generate, _retrieved.answer),
    "CreateKnowledgeBase": (_requests.create_knowledge_base, _responses.knowledge_base),
    "CreateDataSource": (_requests.create_data_source, _responses.data_source),
    "StartIngestionJob": (_requests.start_ingestion, _responses.ingestion_job),
    "GetIngestionJob": (_requests.get_ingestion, _responses.ingestion_job),
    "CountTokens": (_requests.count_tokens, _responses.token_count),
    "ApplyGuardrail": (_requests.apply_guardrail, _responses.guardrail),
    "Rerank": (_requests.rerank, _responses.reranked),
}
_STREAMS: dict[str, tuple[Callable[..., Send], Any]] = {
    "ConverseStream": (_requests.converse, ConverseFold),
    "InvokeModelWithResponseStream": (_requests.invoke_model, InvokeFold),
    "RetrieveAndGenerateStream": (_requests.retrieve_and_generate, AnswerFold),
}
_DOCUMENTS: dict[str, tuple[Callable[..., Send], Callable[[Any, Send], Any]]] = {
    "IngestKnowledgeBaseDocuments": (_requests.ingest_documents, documents_of),
    "GetKnowledgeBaseDocuments": (_requests.get_documents, documents_of),
    "ListKnowledgeBaseDocuments": (_requests.list_documents, documents_of),
    "DeleteKnowledgeBaseDocuments": (_requests.delete_documents, documents_of),
}
_LOOKS = frozenset({"GetKnowledgeBaseDocuments", "ListKnowledgeBaseDocuments"})
_SECONDS = frozenset({"interval_seconds", "timeout_seconds"})
_NEED_A_MODEL = frozenset({"Converse", "InvokeModel", "RetrieveAndGenerate", "CountTokens", "Rerank", *_STREAMS})
_BODIED = frozenset({"InvokeModel", "InvokeModelWithResponseStream"})
_FALL_BACK = frozenset({"Converse", "RetrieveAndGenerate", *_BODIED, *_STREAMS})
MOST_CONNECTIONS = 10_000
_KINDS = {"Rerank": "reranking model"}


class Facade:
    """Neither sync nor async: no I/O."""

    def __init__(
        self,
        config: GatewayConfig,
        *,
        principal: str | None = None,
        rules: Iterable[Callable[[Send], Send]] = (),
        observers: Iterable[Callable[[Any], None]] | None = None,
        timeouts: Timeouts | None = None,
    ) -> None:
        self.config: GatewayConfig = _configuration(config)
        """The configuration; frozen."""
        self.principal = config.principal_name(principal)
        """Name of the principal whose declarations hold."""
        self.folder: Path | None = None
        """Where gateway.toml is; None: the configuration was built in code."""
        self._judges = rules_of(config, self.principal)
        self._families: dict[str, str] = {}
        """What opaque models wrap, once AWS has said so; views share it."""
        seen = (StructlogObserver(),) if observers is None else _callables("observers", observers)
        self._context = _flow.Context(
            emit=emitter(seen),
            rules=rules_of(config, self.principal, _callables("rules", rules)),
            principal=self.principal,
            region=config.region,
            local=config.local,
            timeouts=_configured(config) if timeouts is None else _deadlines(timeouts),
            **_protected(config),
        )
        self._gate = self._guarded()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(principal={self.principal!r}, region={self.config.region!r})"

    def _view(self, timeouts: Timeouts | None, **switches: bool | None) -> Any:
        given: dict[str, Any] = {name: value for name, value in switches.items() if value is not None}
        for name, value in given.items():
            if not isinstance(value, bool):
                raise ConfigError(f"{name} is a bool, not {type(value).__name__}")
        if timeouts is not None:
            given["timeouts"] = _deadlines(timeouts)
        view = copy.copy(self)
        view.__dict__["_context"] = replace(self._context, **given)
        return view

    def _model(self, model: str | None, kind: str = "chat model") -> str:
        """Return *model*, or the only model of that kind that is declared."""
        if model is not None:
            return model
        declared = self.config.principals[self.principal]
        known = dict.fromkeys((*declared.models, *declared.rerankers))
        found = [one for one in known if _kind(one) == kind and one not in declared.fallback]
        if len(found) != 1:
            raise ConfigError(f"give model=: principal {self.principal!r} has {len(found)} {kind}s")
        return str(found[0])

    def _make(
        self, operation: str, build: Callable[..., Send], given: tuple[Any, ...], options: Mapping[str, Any]
    ) -> Send | Flow[Send]:
        """Make the request, inside the flow: an argument that is refused is a call that ended."""
        needed = _needed(build)
        wanted = {name: value for name, value in options.items() if value is not None or name in needed}
        if operation in _NEED_A_MODEL:
            wanted["model"] = self._model(options.get("model"), _KINDS.get(operation, "chat model"))
        if given and _requests.is_text_request(given[0]) and "family" not in wanted:
            return self._of_a_family(build, given, wanted)
        return build(self.config, *given, **wanted)

    def _of_a_family(self, build: Callable[..., Send], given: tuple[Any, ...], wanted: dict[str, Any]) -> Flow[Send]:
        """Make a request whose family the model's id may not tell: then the configuration does, or AWS is asked once."""
        model = wanted["model"]
        under = self._families.get(model) or next(iter(self.config.wraps.get(model, ())), None)
        if under is None and isinstance(model, str) and _is_opaque(model):
            for rule in self._judges:  # nobody asks about what may not be called
                rule(build(self.config, {}, **{**wanted, "model": model}))
            under = yield from _flow.retried(_asked(self.config, model), self._context)
        if under is not None:
            self._families[model] = under
            wanted["family"] = _family_name(under)
        return build(self.config, *given, **wanted)

    def _routes(
        self, operation: str, build: Callable[..., Send], given: tuple[Any, ...], options: Mapping[str, Any]
    ) -> tuple[_flow.Make, ...]:
        """What makes the request for each model that is declared to stand in; a vendor's own body is for one vendor."""
        declared = self.config.principals[self.principal].fallback
        bodied = operation in _BODIED and not (given and _requests.is_text_request(given[0]))
        if not declared or not self._context.fallback or operation not in _FALL_BACK or bodied:
            return ()
        kept = {name: value for name, value in options.items() if name not in {"model", "family"}}
        models = [one for one in declared if one != options.get("model")]
        return tuple(partial(self._make, operation, build, given, kept | {"model": one}) for one in models)

    def _call(self, operation: str, *given: Any, **options: Any) -> Flow[Any]:
        build, parse = _CALLS[operation]
        if (shape := options.get("output")) is not None:
            if retries := self._repairs(options):
                send = Send("bedrock-runtime", operation, {}, region=self.config.region, account=self.config.account)
                target = replace(send, capability=_requests.CAPABILITY_OF[operation])
                return repaired(partial(self._ask, operation, given, options), self._context, retries, target)
            parse = partial(_shaped, parse, shape)
        return _flow.call(
            operation,
            partial(self._make, operation, build, given, options),
            self._context,
            parse,
            capability=_requests.capability_of(operation, options),
            routes=self._routes(operation, build, given, options),
        )

    def _repairs(self, options: Mapping[str, Any]) -> int:
        """How often an answer that does not fit is repaired; 0 also for what the request's builder will refuse."""
        retries = options.get("output_retries")
        if retries is None:
            retries = self.config.reliability.output_retries
        return retries if type(retries) is int and 0 < retries <= MOST_RETRIES else 0

    def _ask(
        self,
        operation: str,
        given: tuple[Any, ...],
        options: Mapping[str, Any],
        ctx: _flow.Context,
        unfit: tuple[OutputValidationError, ...],
    ) -> Flow[Any]:
        """One of the calls of a repair, under *ctx*; after the first one the model that answered is shown what it said."""
        view = copy.copy(self)
        view.__dict__["_context"] = ctx
        wanted = {**options, "output_retries": 0}
        if unfit:
            answer = unfit[-1].partial
            wanted["model"] = answer.model_id if answer else options.get("model")
            shown = [message for error in unfit for message in repair_messages(error)]
            given = ([*_requests.as_messages(given[0]), *shown], *given[1:])
        return view._call(operation, *given, **wanted)  # noqa: SLF001 - it is a view of this one

    def _stream(self, operation: str, *given: Any, **options: Any) -> Flow[Any]:
        build, fold = _STREAMS[operation]
        if (shape := options.get("output")) is not None:
            fold = partial(fold, output=shape)
        return _flow.stream(
            operation,
            partial(self._make, operation, build, given, options | {"streamed": True}),
            self._context,
            fold,
            capability=_requests.capability_of(operation, options),
            routes=self._routes(operation, build, given, options | {"streamed": True}),
        )

    def _embed(
        self, texts: Any, *, model: str | None = None, dimensions: Any = None, purpose: Any = None
    ) -> Flow[EmbedResult]:
        """Embed in as many calls as the model needs; each is reported."""
        operation, capability = "InvokeModel", "embed"
        options = {name: one for name, one in (("dimensions", dimensions), ("purpose", purpose)) if one is not None}
        parts: list[EmbedResult] = []
        made: list[Send] = []

        def first() -> Send:
            chosen = self._model(model, "embedding model")
            made.extend(_requests.embed(self.config, texts, model=chosen, **options))
            return made[0]

        parse = _responses.embedded
        parts.append((yield from _flow.call(operation, first, self._context, parse, capability=capability)))
        for send in made[1:]:
            again = partial(_same, send)
            parts.append((yield from _flow.call(operation, again, self._context, parse, capability=capability)))
        return _joined(parts)

    def _wait(self, job: Any, interval_seconds: Any, timeout_seconds: Any, on_progress: Any) -> Flow[Any]:
        operation = "GetIngestionJob"
        arguments.number(operation, "interval_seconds", interval_seconds, most=arguments.MOST_SECONDS)
        arguments.number(operation, "timeout_seconds", timeout_seconds, most=arguments.MOST_SECONDS)
        arguments.callback(operation, "on_progress", on_progress)
        return (
            yield from poll_ingestion(
                partial(self._make, operation, _requests.get_ingestion, (job,), {}),
                self._context,
                _responses.ingestion_job,
                capability=_requests.CAPABILITY_OF[operation],
                interval_seconds=interval_seconds,
                timeout_seconds=timeout_seconds,
                on_progress=on_progress,
            )
        )

    def _documents(
        self, operation: str, name: Any, documents: Any, where: Mapping[str, Any], *, wait: Any = False, **waiting: Any
    ) -> Flow[Any]:
        """Ask about documents in as many calls as it takes; *wait*: until AWS has done with each of them."""
        arguments.flag(operation, "wait", wait)
        arguments.callback(operation, "on_progress", waiting.get("on_progress"))
        seconds: dict[str, Any] = {
            one: arguments.number(operation, one, waiting.pop(one), most=arguments.MOST_SECONDS)
            for one in _SECONDS & waiting.keys()
        }
        batches = yield from self._cut(operation, documents)
        made = yield from in_batches(batches, partial(self._about, operation, name, where))
        if not wait:
            return documents_joined(made)
        look = partial(self._about, "GetKnowledgeBaseDocuments", name, where)
        return (yield from until_settled(made, batches, look, self._context, **seconds, **waiting))

    def _cut(self, operation: str, documents: Any) -> Flow[list[list[Any]]]:
        """Cut *documents*; what is no list of them is a call that ended, as any argument that is refused."""
        try:
            return _requests.batches(operation, documents)
        except GatewayError as error:
            refused = error

        def refuse() -> Send:
            raise refused

        yield from _flow.call(operation, refuse, self._context, _DOCUMENTS[operation][1])
        return []

    def _about(self, operation: str, name: Any, where: Mapping[str, Any], batch: list[Any] | None) -> Flow[Any]:
        """One call about documents, as whichever capability the principal has for it."""
        build, parse = _DOCUMENTS[operation]
        own = _requests.CAPABILITY_OF[operation]
        declared = self.config.principals[self.principal].capabilities
        capability = own if own in declared or operation not in _LOOKS or "kb-read" not in declared else "kb-read"
        given = (name,) if batch is None else (name, batch)
        options = {**where, **({"capability": capability} if operation in _LOOKS else {})}
        make = partial(self._make, operation, build, given, options)
        return _flow.call(operation, make, self._context, parse, capability=capability)

    def _preflight(
        self, level: Any, deadline_seconds: Any, *, canary: Any = False, canary_seconds: Any = None
    ) -> Flow[Any]:
        from bedrock_gateway import preflight

        if level is not None and (not isinstance(level, str) or level not in preflight.LEVELS):
            shown = f"{level[:80]!r}" if isinstance(level, str) else type(level).__name__
            raise ConfigError(f"the level of a preflight is {', '.join(preflight.LEVELS)}, not {shown}")
        seconds = preflight.DEADLINE_SECONDS if deadline_seconds is None else deadline_seconds
        arguments.number("preflight", "deadline_seconds", seconds, most=arguments.MOST_SECONDS)
        arguments.flag("preflight", "canary", canary)
        if canary_seconds is not None:
            arguments.number("preflight", "canary_seconds", canary_seconds, most=arguments.MOST_SECONDS)
        if canary:
            from bedrock_gateway.preflight.canary.calls import model_of

            model_of(self.config, self.principal)  # what it lacks is said before anything is asked
        report = yield from self._checked(level, seconds, takes=False, closing=not canary)
        if canary:
            report = yield from self._canary(report, canary_seconds)
        if self._gate is not None:
            self._gate.learn(report)
        return report

    def _canary(self, report: Any, seconds: Any) -> Flow[Any]:
        """Call a model, and look for its record; no gate: the preflight that would decide has just run."""
        from bedrock_gateway.preflight.canary import PATIENCE_SECONDS
        from bedrock_gateway.preflight.canary.calls import flown
        from bedrock_gateway.preflight.round import ended

        view = copy.copy(self)
        view.__dict__["_context"] = replace(self._context, gate=None, fallback=False)
        found = yield from flown(
            self.config,
            self.principal,
            report,
            replace(self._context, timeouts=_shorter(self._context.timeouts, _PREFLIGHT)),
            converse=partial(view._call, "Converse"),  # noqa: SLF001 - it is a view of this one
            stream=partial(view._stream, "ConverseStream"),  # noqa: SLF001
            patience_seconds=PATIENCE_SECONDS if seconds is None else seconds,
        )
        self._context.emit(ended(found))
        return found

    def _checked(self, level: Any, seconds: float, *, takes: bool, closing: bool = True) -> Flow[Any]:
        """Run a preflight; *takes*: passes of other processes of this host may stand for one's own, if so declared."""
        from bedrock_gateway import preflight
        from bedrock_gateway.preflight.readers import LOOKS, read_facts

        # Small reads: who is to start an application does not wait minutes to hear that AWS is silent.
        patience = replace(self._context, timeouts=_shorter(self._context.timeouts, _PREFLIGHT))
        read = partial(read_facts, self.config, timeouts=self._context.timeouts, folder=self.folder)
        checks = preflight.run(
            self.config,
            self.principal,
            level,
            _facts(read),
            late=partial(read, in_time=False),
            emit=self._context.emit,
            clock=self._context.now,
            looks=LOOKS,
            deadline_seconds=seconds,
            sharing=self._sharing(level, seconds, takes=takes),
            closing=closing,
        )
        return (yield from _flow.retried(checks, patience))

    def _sharing(self, level: Any, seconds: float, *, takes: bool) -> Any:
        """What is shared with the other processes of this host, or None; a Bedrock within this process has none."""
        config = self.config
        if not config.preflight.share or (config.local and config.endpoint is None):
            return None
        from bedrock_gateway.preflight.flow import level_of
        from bedrock_gateway.preflight.passes import Passes
        from bedrock_gateway.preflight.sharing import Sharing

        level = level or level_of(config.principals[self.principal])
        until = self._context.now() + seconds * _WAITED_FOR  # then there is time to look for oneself
        return Sharing(Passes(), level, until, takes=takes)

    def _guarded(self) -> Any:
        """Let calls to models pass only once a preflight has, where the configuration says so; what decides it, or None."""
        settings = self.config.preflight
        if settings.mode == "off":
            return None
        from bedrock_gateway._drive.turn import Turn
        from bedrock_gateway.preflight.gate import Gate

        context = self._context
        gate = Gate(self.config, self.principal, Turn(), context.emit, context.now)
        checks = partial(self._checked, None, settings.deadline_seconds, takes=True)
        self._context = replace(context, gate=lambda send: gate.passed(send, checks))
        return gate

    def _outside(self) -> Any:
        """Return the context for clients whose calls are no flows of ours: there nothing can be asked in between."""
        gate = self._gate
        if gate is None:
            return self._context

        def has_passed(send: Send) -> Send:
            gate.fresh(send)
            return send

        return replace(self._context, rules=(*self._context.rules, has_passed))


_PREFLIGHT = Timeouts(first_byte=10.0, idle=10.0, total=20.0)
_WAITED_FOR = 0.5
"""What part of its time a preflight waits, at most, for that of another process."""


def _shorter(one: Timeouts, other: Timeouts) -> Timeouts:
    return Timeouts(**{each.name: min(getattr(one, each.name), getattr(other, each.name)) for each in fields(one)})


def _facts(read: Callable[..., Any]) -> Flow[Any]:
    """Read what the process knows; a source of credentials may hang."""
    session, made = yield Inspect()
    return (
        yield Record(
            partial(read, session, client_regions=made.regions, sdk_attempts=made.attempts, forked=made.forked)
        )
    )


def _same(send: Send) -> Send:
    return send


def _kind(model: str) -> str:
    if "rerank" in model:
        return "reranking model"
    return "embedding model" if "embed" in model else "chat model"


def _is_opaque(model: str) -> bool:
    """Whether the id of a model says nothing of what is under it."""
    try:
        return parse_model_id(model).kind == "application-profile"
    except ConfigError:
        return False


def _family_name(model: str) -> str | None:
    row = family_of(parse_model_id(model).model or "")
    return row.name if row else None


def _asked(config: GatewayConfig, profile: str) -> Flow[str | None]:
    """Ask AWS which model an application profile wraps."""
    params = {"inferenceProfileIdentifier": profile}
    reply = yield Send("bedrock", "GetInferenceProfile", params, region=config.region, account=config.account)
    models = [dict_of(one).get("modelArn") for one in reply.get("models") or ()]
    return next((one for one in models if isinstance(one, str)), None)


def _joined(parts: list[EmbedResult]) -> EmbedResult:
    """Return the answers of all batches as one."""
    last = parts[-1]
    counts = [one.usage.input_tokens for one in parts if one.usage is not None and one.usage.input_tokens is not None]
    usage = Usage(input_tokens=sum(counts)) if len(counts) == len(parts) else None
    vectors = tuple(vector for one in parts for vector in one.vectors)
    return replace(last, vectors=vectors, usage=usage, raw=[one.raw for one in parts])


@cache
def _needed(build: Callable[..., Send]) -> frozenset[str]:
    """Arguments for which None does not mean "the default"."""
    parameters = inspect.signature(build).parameters.values()
    return frozenset(one.name for one in parameters if one.kind is one.KEYWORD_ONLY and one.default is one.empty)


def _configuration(config: Any) -> Any:
    if not hasattr(config, "principal_name"):
        raise ConfigError(f"config is a GatewayConfig, not {type(config).__name__}; see Gateway.from_file")
    return config


def _callables(name: str, given: Any) -> tuple[Callable[..., Any], ...]:
    """Return *given* as a tuple of callables: what is none would fail, or be passed over, at each call."""
    if not isinstance(given, Iterable) or isinstance(given, (str, bytes, Mapping)):
        raise ConfigError(f"{name} is an iterable of callables, not {type(given).__name__}")
    found: list[Callable[..., Any]] = []
    wrong = None
    try:
        # One by one: a range of a thousand million is an iterable, too.
        for one in given:
            if not callable(one):
                wrong = f"holds {type(one).__name__}, which cannot be called"
                break
            found.append(one)
    except Exception as error:  # noqa: BLE001 - the caller's own iterable
        wrong = f"cannot be read: {type(error).__name__}"
    if wrong:
        raise ConfigError(f"{name} {wrong}")
    return tuple(found)


def _configured(config: GatewayConfig) -> Timeouts:
    found = config.reliability.deadlines
    return Timeouts(found.connect_seconds, found.first_byte_seconds, found.idle_seconds, found.total_seconds)


def _protected(config: GatewayConfig) -> dict[str, Any]:
    """When requests are sent again, and when none is, as the configuration says."""
    retries, breaker = config.reliability.retries, config.reliability.breaker
    budget = BudgetPolicy(retries.budget_tokens, retries.throttled_cost, retries.transient_cost, retries.success_refill)
    opens = BreakerPolicy(breaker.window_seconds, breaker.minimum_requests, breaker.failure_ratio, breaker.open_seconds)
    return {
        "retry": RetryPolicy.of(retries.attempts, retries.not_ready_attempts),
        "protection": Protection(opens, budget),
    }


def connections(config: GatewayConfig, most: Any) -> int:
    """Return how many connections there are to be: *most*, or what the configuration says."""
    if most is None:
        return config.reliability.max_connections
    if not isinstance(most, int) or isinstance(most, bool) or not 1 <= most <= MOST_CONNECTIONS:
        raise ConfigError(f"max_connections is an int from 1 to {MOST_CONNECTIONS}")
    return most


def _deadlines(timeouts: Any) -> Timeouts:
    if not isinstance(timeouts, Timeouts):
        raise ConfigError(f"timeouts is a Timeouts, not {type(timeouts).__name__}")
    most = arguments.MOST_SECONDS
    for one in fields(timeouts):
        seconds = getattr(timeouts, one.name)
        if not isinstance(seconds, (int, float)) or isinstance(seconds, bool) or not 0 < seconds <= most:
            raise ConfigError(f"timeouts.{one.name} is a number of seconds above 0, at most {most:.0e}")
    return timeouts


def _shaped(parse: Callable[[Any, Send], Any], shape: Any, reply: Any, send: Send) -> Any:
    return _responses.shaped(parse(reply, send), shape, send)
