"""bedrock-runtime: InvokeModel, Converse, their streams, and CountTokens.

A call is resolved to a model, answered by the local model, logged, and only then finished: the record is delivered
before the last frame leaves, so that whoever has the reply can read the log.
"""

from __future__ import annotations

import json
import time
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

from bedrock_gateway.local.call import Fault, Reply
from bedrock_gateway.local.delivery import Logged, deliver
from bedrock_gateway.local.guardrails import applying
from bedrock_gateway.local.knowledge.embedders import Embedding
from bedrock_gateway.local.models import guarded
from bedrock_gateway.local.models import model as local_model
from bedrock_gateway.local.models.bodies import body_of
from bedrock_gateway.local.models.bodies.shape import Context, malformed
from bedrock_gateway.local.models.conversation import chat_of, folded, message_of, stream_of
from bedrock_gateway.local.models.fault_rules import FaultRule, Faults
from bedrock_gateway.local.models.targets import Target, resolve

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from bedrock_gateway.local.call import Call, Handlers
    from bedrock_gateway.local.models.model import Answer

__all__ = ["HANDLERS"]

_JSON = "application/json"
_DELTAS = frozenset({"contentBlockDelta", "chunk"})
_METRICS = "amazon-bedrock-invocationMetrics"

Log = dict[str, Any]


def _refuse(message: str) -> NoReturn:
    raise Fault("ValidationException", message, 400)


def _milliseconds(started: float) -> int:
    return max(1, round((time.perf_counter() - started) * 1000))


def _failed(call: Call, target: Target, request: Any, fault: Fault, **known: Any) -> None:
    deliver(call, Logged(target, request, fault=fault, metadata=call.params.get("requestMetadata"), **known))


def _echoed(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return what AWS repeats of a request in its reply."""
    names = ("performanceConfig", "performanceConfigLatency", "serviceTier")
    return {name: params[name] for name in names if params.get(name) is not None}


def _guarded(call: Call, target: Target, request: Any, work: Callable[[FaultRule | None], Reply]) -> Reply:
    """Do *work* after the ordered faults; a refusal is logged, too."""
    try:
        return work(call.state.of(Faults).meet(call.operation, target.model.id, target.asked))
    except Fault as fault:
        _failed(call, target, request, fault)
        raise


def _decoded(call: Call) -> dict[str, Any]:
    raw = call.params.get("body") or b""
    raw = raw.read() if hasattr(raw, "read") else raw
    try:
        data = json.loads(raw)
    except ValueError:
        malformed("request body is not valid JSON")
    if not isinstance(data, dict):
        malformed("#: expected type: JSONObject")
    return data


def _invocation_headers(started: float, input_tokens: int, output_tokens: int) -> dict[str, str]:
    return {
        "x-amzn-bedrock-invocation-latency": str(_milliseconds(started)),
        "x-amzn-bedrock-input-token-count": str(input_tokens),
        "x-amzn-bedrock-output-token-count": str(output_tokens),
    }


def _invoke(call: Call) -> Reply:
    target = resolve(call, call.params["modelId"])
    request = _decoded_or_logged(call, target)
    return _guarded(call, target, request, partial(_invoked, call, target, request))


def _decoded_or_logged(call: Call, target: Target) -> dict[str, Any]:
    try:
        return _decoded(call)
    except Fault as fault:
        _failed(call, target, None, fault)
        raise


def _invoked(call: Call, target: Target, request: dict[str, Any], _rule: FaultRule | None) -> Reply:
    started = time.perf_counter()
    body, given = body_of(target.model), guarded.guards_of_body(call, target, request)
    if body.direct is not None:
        asked = guarded.guard_direct(given.guards, given.body)
        made = body.direct(target.model.id, asked, call.state.of(Embedding).embedder)
        document, sizes = made.body, (made.input_tokens, 0)
    else:
        answer = guarded.invoke(given, body.parse(given.body))
        document = body.whole(answer, Context(target.model.id, call.request_id, given.body))
        sizes = (answer.input_tokens, answer.output_tokens)
    document = guarded.on_body(call, given.guards, document)
    metadata = call.params.get("requestMetadata")
    deliver(call, Logged(target, request, document, *sizes, metadata=metadata, embedding=body.embedding))
    output = {"body": json.dumps(document, ensure_ascii=False).encode(), "contentType": _JSON, **_echoed(call.params)}
    return Reply(output, headers=_invocation_headers(started, *sizes))


def _invoke_stream(call: Call) -> Reply:
    target = resolve(call, call.params["modelId"])
    request = _decoded_or_logged(call, target)
    return _guarded(call, target, request, partial(_invoked_stream, call, target, request))


def _invoked_stream(call: Call, target: Target, request: dict[str, Any], rule: FaultRule | None) -> Reply:
    started = time.perf_counter()
    body = body_of(target.model)
    if body.chunks is None or not target.model.streaming:
        _refuse("The model is unsupported for streaming.")
    given = guarded.guards_of_body(call, target, request)
    answer = guarded.invoke(given, body.parse(given.body))
    chunks = list(body.chunks(answer, Context(target.model.id, call.request_id, given.body)))
    chunks[-1] = guarded.on_body(call, given.guards, chunks[-1]) | {_METRICS: _metrics(answer, started)}
    events = [{"chunk": {"bytes": json.dumps(chunk, ensure_ascii=False).encode()}} for chunk in chunks]

    def document(sent: int) -> Any:
        return chunks[:sent]

    return Reply(
        {"contentType": _JSON, **_echoed(call.params)},
        _streamed(call, events, _log(target, request, answer), document, rule),
    )


def _metrics(answer: Answer, started: float) -> dict[str, int]:
    return {
        "inputTokenCount": answer.input_tokens,
        "outputTokenCount": answer.output_tokens,
        "invocationLatency": _milliseconds(started),
        "firstByteLatency": _milliseconds(started),
    }


def _log(target: Target, request: Any, answer: Answer) -> Log:
    return {
        "target": target,
        "request": request,
        "input_tokens": answer.input_tokens,
        "output_tokens": answer.output_tokens,
    }


def _streamed(
    call: Call,
    events: list[dict[str, Any]],
    log: Log,
    document: Callable[[int], Any],
    rule: FaultRule | None,
) -> Iterator[dict[str, Any]]:
    """Send *events* over time and log once: before the last one leaves, at a fault, or when the reader goes away."""
    pause = call.state.of(local_model.Pacing).seconds
    breaks = None if rule is None or rule.after_events is None else min(rule.after_events, len(events))
    sent, fault, logged = 0, None, False

    def finish() -> None:
        metadata = call.params.get("requestMetadata")
        deliver(call, Logged(response=document(sent), fault=fault, metadata=metadata, **log))

    try:
        for event in events:
            if rule is not None and sent == breaks:
                fault = rule.fault()
                raise fault
            if pause and not _DELTAS.isdisjoint(event):
                time.sleep(pause)
            sent += 1
            if sent == len(events) and breaks != sent:
                logged = True
                finish()
            yield event
        if rule is not None and sent == breaks:
            fault = rule.fault()
            raise fault
    finally:
        if not logged:
            finish()


def _text_target(call: Call) -> Target:
    target = resolve(call, call.params["modelId"])
    if "TEXT" not in target.model.outputs:
        _refuse(
            "This action doesn't support the model that you provided. Try again with a supported text or chat model."
        )
    return target


def _conversed_usage(answer: Answer) -> dict[str, int]:
    return {
        "inputTokens": answer.input_tokens,
        "outputTokens": answer.output_tokens,
        "totalTokens": answer.input_tokens + answer.output_tokens,
    }


def _request(params: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in params.items() if name not in {"modelId", "requestMetadata"}}


def _converse(call: Call) -> Reply:
    target, request = _text_target(call), _request(call.params)

    def work(_rule: FaultRule | None) -> Reply:
        started = time.perf_counter()
        answer, guards = guarded.converse(call, target, request)
        output = {
            "output": {"message": message_of(answer, call.request_id)},
            "stopReason": answer.stop_reason,
            "usage": _conversed_usage(answer),
            "metrics": {"latencyMs": _milliseconds(started)},
            **guarded.trace_of(call, guards),
            **_echoed(call.params),
        }
        metadata = call.params.get("requestMetadata")
        deliver(call, Logged(response=output, metadata=metadata, **_log(target, request, answer)))
        return Reply(output)

    return _guarded(call, target, request, work)


def _converse_stream(call: Call) -> Reply:
    target, request = _text_target(call), _request(call.params)

    def work(rule: FaultRule | None) -> Reply:
        started = time.perf_counter()
        if not target.model.streaming:
            _refuse("The model is unsupported for streaming.")
        answer, guards = guarded.converse(call, target, request)
        events = list(stream_of(answer, call.request_id))
        metrics = {"latencyMs": _milliseconds(started)}
        told = {**guarded.trace_of(call, guards), **_echoed(call.params)}
        events.append({"metadata": {"usage": _conversed_usage(answer), "metrics": metrics, **told}})

        def document(sent: int) -> Any:
            return folded(events[:sent])

        return Reply(events=_streamed(call, events, _log(target, request, answer), document, rule))

    return _guarded(call, target, request, work)


def _count_tokens(call: Call) -> Reply:
    # Tokens are counted by the model's own id, also where it is called through a profile only.
    target = resolve(call, call.params["modelId"], bare=True)
    given = call.params.get("input") or {}
    if "invokeModel" in given:
        try:
            data = json.loads(given["invokeModel"].get("body") or b"")
        except ValueError:
            malformed("request body is not valid JSON")
        # CountTokens takes a Messages body without max_tokens.
        data = {"max_tokens": 1, **data} if target.model.family == "anthropic" else data
        return Reply({"inputTokens": body_of(target.model).parse(data).input_tokens})
    return Reply({"inputTokens": chat_of(given.get("converse") or {}).input_tokens})


HANDLERS: Handlers = {
    ("bedrock-runtime", "InvokeModel"): _invoke,
    ("bedrock-runtime", "InvokeModelWithResponseStream"): _invoke_stream,
    ("bedrock-runtime", "Converse"): _converse,
    ("bedrock-runtime", "ConverseStream"): _converse_stream,
    ("bedrock-runtime", "CountTokens"): _count_tokens,
    **applying.HANDLERS,
}
