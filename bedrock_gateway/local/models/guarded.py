"""Model calls under guardrails: what goes in is looked at first, what comes out before it leaves.

A call that is blocked on its way in never reaches the model, and counts no tokens. A streamed answer is looked at as a whole
before its first event, where AWS looks at it part by part; with ``async``, the answer is sent as it is, and what is said
instead follows it: masking is not done there, as on AWS.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from bedrock_gateway.local.call import Fault
from bedrock_gateway.local.guardrails.guarding import Guarding, guarding
from bedrock_gateway.local.guardrails.slots import MESSAGES, SYSTEM, Slot, Slots, tagged_parts
from bedrock_gateway.local.guardrails.store import invalid
from bedrock_gateway.local.models import model as local_model
from bedrock_gateway.local.models.conversation import chat_of
from bedrock_gateway.local.models.model import Answer, Chat, Turn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from bedrock_gateway.local.call import Call
    from bedrock_gateway.local.models.targets import Target

__all__ = ["Invoked", "converse", "guard_direct", "guards_of_body", "invoke", "named", "on_body", "trace_of"]

_TRACES = frozenset({"enabled", "enabled_full"})
_ACTION, _TRACE, _CONFIG = "amazon-bedrock-guardrailAction", "amazon-bedrock-trace", "amazon-bedrock-guardrailConfig"
_STREAM = "InvokeModelWithResponseStream"
_DIRECT_TEXTS = frozenset({"inputText", "texts", "value", "query", "documents", "text"})
"""Where the bodies of embedding models and rerankers hold their texts."""


def named(params: Mapping[str, Any]) -> tuple[str, str | None] | None:
    """Return identifier and version of the guardrail that a call names: Converse in a member, InvokeModel in headers."""
    given = params.get("guardrailConfig") or params
    identifier = given.get("guardrailIdentifier")
    return (str(identifier), given.get("guardrailVersion")) if identifier else None


def _traced(params: Mapping[str, Any]) -> str:
    return str((params.get("guardrailConfig") or params).get("trace") or "").lower()


def _guards(call: Call, target: Target) -> Guarding:
    return guarding(call, target.model.id, named(call.params), full=_traced(call.params) == "enabled_full")


def trace_of(call: Call, guards: Guarding) -> dict[str, Any]:
    """Return ``trace`` of a reply of Converse, where the call asks for one."""
    return {"trace": guards.trace()} if guards and _traced(call.params) in _TRACES else {}


# -- Converse ----------------------------------------------------------------------------------------------------------


def converse(call: Call, target: Target, request: dict[str, Any]) -> tuple[Answer, Guarding]:
    """Answer a conversation under its guardrails.

    Raises:
        Fault: ``ValidationException``: no such guardrail, or a conversation that AWS would refuse.
    """
    guards, chat = _guards(call, target), chat_of(request)
    if not guards:
        return local_model.answer(chat), guards
    _refuse_images(guards, chat.turns)
    guarded = {name: copy.deepcopy(request[name]) for name in (SYSTEM, MESSAGES) if request.get(name)}
    slots = Slots(list(_blocks(guarded)))
    refusal = guards.blocks_input(slots.select, lambda _, texts: slots.keep(texts))
    if refusal is not None:
        return Answer(refusal, "guardrail_intervened", 0, 0), guards
    streamed = (call.params.get("guardrailConfig") or {}).get("streamProcessingMode") == "async"
    answer = local_model.answer(chat_of({**request, **guarded}))
    return _looked_at(guards, answer, slots, "guardrail_intervened", asynchronous=streamed), guards


def _refuse_images(guards: Guarding, turns: Sequence[Turn]) -> None:
    if guards.looks_at_images() and any(turn.media for turn in turns):
        raise Fault("NotImplementedException", "The local Bedrock's guardrails look at text only, not at images.", 501)


def _blocks(guarded: Mapping[str, Any]) -> Iterator[Slot]:
    for block in guarded.get(SYSTEM, ()):
        yield from _block(block, SYSTEM, prompt=False)
    for message in guarded.get(MESSAGES, ()):
        for block in message.get("content") or ():
            yield from _block(block, MESSAGES, prompt=message.get("role") == "user")


def _block(block: dict[str, Any], place: str, *, prompt: bool) -> Iterator[Slot]:
    if "text" in block:
        yield Slot(block["text"], _putting(block), place, prompt=prompt)
    inner = (block.get("guardContent") or {}).get("text")
    if inner:
        qualifiers = frozenset(inner.get("qualifiers") or ())
        yield Slot(inner["text"], _putting(inner), place, tagged=True, qualifiers=qualifiers, prompt=prompt)


def _putting(holder: dict[str, Any]) -> Callable[[str], None]:
    def put(text: str) -> None:
        holder["text"] = text

    return put


def _looked_at(guards: Guarding, answer: Answer, slots: Slots, stop: str, *, asynchronous: bool = False) -> Answer:
    """Return the answer as it may leave; a call of a tool is not looked at."""
    if answer.tool is not None:
        return answer
    said = guards.output(answer.text, slots.context())
    if not guards.intervened:
        return answer
    if asynchronous:
        said = f"{answer.text}{said}" if guards.blocked else answer.text
        stop = stop if guards.blocked else answer.stop_reason
    return replace(answer, text=said, stop_reason=stop)


# -- InvokeModel -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Invoked:
    """A body without what is the guardrails' alone, and what they are told there."""

    body: dict[str, Any]
    guards: Guarding
    suffix: str
    """Of the tags that mark what is to be guarded; empty: there are none."""
    asynchronous: bool = False
    """Whether a stream is to be sent before it is looked at."""


def guards_of_body(call: Call, target: Target, request: dict[str, Any]) -> Invoked:
    """Return the guards of an InvokeModel.

    Raises:
        Fault: ``ValidationException``: no such guardrail, or a configuration in the body without one.
    """
    if _CONFIG in request and named(call.params) is None:
        raise invalid(f"{_CONFIG} in the body requires a guardrail identifier.")
    config = request.get(_CONFIG)
    told = config if isinstance(config, dict) else {}
    body = {name: value for name, value in request.items() if name != _CONFIG}
    asynchronous = call.operation == _STREAM and told.get("streamProcessingMode") == "ASYNCHRONOUS"
    return Invoked(body, _guards(call, target), str(told.get("tagSuffix") or ""), asynchronous)


def invoke(given: Invoked, chat: Chat) -> Answer:
    """Answer *chat* under the guards; a refusal ends as an answer does: only the body's own member tells it."""
    guards = given.guards
    if not guards:
        return local_model.answer(chat)
    _refuse_images(guards, chat.turns)
    texts = [(SYSTEM, chat.system), *((MESSAGES, turn.text) for turn in chat.turns)]
    parts = [tagged_parts(text, given.suffix) if given.suffix else [(text, False)] for _, text in texts]
    said = [[part for part, _ in cut] for cut in parts]
    slots = Slots(list(_parts(texts, parts, said)), system_unasked=True)
    refusal = guards.blocks_input(slots.select, lambda _, kept: slots.keep(kept))
    if refusal is not None:
        return Answer(refusal, "end_turn", 0, 0)
    system, *turns = ("".join(one) for one in said)
    heard = tuple(replace(turn, text=text) for turn, text in zip(chat.turns, turns, strict=True))
    answer = local_model.answer(replace(chat, system=system, turns=heard))
    return _looked_at(guards, answer, slots, answer.stop_reason, asynchronous=given.asynchronous)


def _parts(
    texts: Sequence[tuple[str, str]], parts: Sequence[Sequence[tuple[str, bool]]], said: list[list[str]]
) -> Iterator[Slot]:
    """Return the parts of a prompt; attacks on it are looked for between tags alone, as on AWS."""
    for number, (place, _) in enumerate(texts):
        for position, (part, tagged) in enumerate(parts[number]):
            # What a tag marks, it marks wherever it stands: there is one prompt.
            yield Slot(
                part, _placing(said[number], position), MESSAGES if tagged else place, tagged=tagged, prompt=tagged
            )


def _placing(row: list[str], position: int) -> Callable[[str], None]:
    def put(text: str) -> None:
        row[position] = text

    return put


def on_body(call: Call, guards: Guarding, document: dict[str, Any]) -> dict[str, Any]:
    """Return *document*, a reply or the last chunk of one, with what the guardrails did."""
    if not guards:
        return document
    told = {_TRACE: guards.body_trace()} if _traced(call.params) in _TRACES else {}
    return {**document, _ACTION: "INTERVENED" if guards.intervened else "NONE", **told}


def guard_direct(guards: Guarding, body: dict[str, Any]) -> dict[str, Any]:
    """Return the body of an embedding model or a reranker with its texts masked.

    Raises:
        Fault: 501 where a text is blocked: what AWS then answers in place of vectors is not documented.
    """
    if not guards:
        return body
    kept = copy.deepcopy(body)
    slots = Slots(list(_direct(kept)))
    if guards.blocks_input(slots.select, lambda _, texts: slots.keep(texts)) is not None:
        text = "A guardrail blocked the text; the local Bedrock does not know what AWS answers in place of vectors."
        raise Fault("NotImplementedException", text, 501)
    return kept


def _direct(value: Any) -> Iterator[Slot]:
    """Return the texts of a body, wherever they stand in it."""
    if isinstance(value, list):
        for one in value:
            yield from _direct(one)
    for name, inner in value.items() if isinstance(value, dict) else ():
        if name in _DIRECT_TEXTS and isinstance(inner, str):
            yield Slot(inner, _setting(value, name), prompt=False)
        elif name in _DIRECT_TEXTS and isinstance(inner, list) and all(isinstance(one, str) for one in inner):
            for position, text in enumerate(inner):
                yield Slot(text, _placing(inner, position), prompt=False)
        else:
            yield from _direct(inner)


def _setting(holder: dict[str, Any], name: str) -> Callable[[str], None]:
    def put(text: str) -> None:
        holder[name] = text

    return put
