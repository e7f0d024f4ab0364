"""bedrock-agent-runtime: Retrieve, and RetrieveAndGenerate in both forms.

The question is embedded and searched with the rights of the knowledge base's role, the answer is made with the
caller's (the judge has seen to that before a handler runs). A unary citation's span ends on its last character, a
streamed one's behind it: so AWS does it, as recordings of both show.
"""

from __future__ import annotations

import base64
import binascii
import time
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from bedrock_gateway.local.call import Call, Fault, Handlers, Reply
from bedrock_gateway.local.guardrails.findings import Piece
from bedrock_gateway.local.guardrails.guarding import Guarding, guarding
from bedrock_gateway.local.knowledge import given
from bedrock_gateway.local.knowledge.answering import Answer, Part, answer
from bedrock_gateway.local.knowledge.searching import Passage, search
from bedrock_gateway.local.knowledge.sessions import Session, SessionStore
from bedrock_gateway.local.knowledge.store import invalid, knowledge_base
from bedrock_gateway.local.models.model import Pacing, pieces
from bedrock_gateway.local.models.targets import resolve

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["HANDLERS"]

_PAGE_CHARACTERS = 100_000
_UNSERVED = ("guardrailConfiguration",)


def retrieve(call: Call) -> Reply:
    """Serve Retrieve."""
    base = knowledge_base(call)
    query = call.params["retrievalQuery"]
    question = query.get("text")
    if query.get("type", "TEXT") != "TEXT" or not question:
        raise invalid("The local Bedrock retrieves by text only: retrievalQuery.text must not be empty.")
    _refuse_unserved(call.params)
    found = search(call, base, question, call.params.get("retrievalConfiguration"))
    rows, following = _page(call, found)
    return Reply({"retrievalResults": [passage.result() for passage in rows], **following})


def _refuse_unserved(members: Mapping[str, Any]) -> None:
    for member in _UNSERVED:
        if member in members:
            raise Fault("NotImplemented", f"The local Bedrock does not serve {member} here; leave it out.", 501)


def _page(call: Call, found: list[Passage]) -> tuple[list[Passage], dict[str, str]]:
    """Return as many results as fit one response, and the token of the next page where some did not."""
    start = _offset(call)
    size, end = 0, start
    while end < len(found) and (end == start or size + len(found[end].text) <= _PAGE_CHARACTERS):
        size += len(found[end].text)
        end += 1
    return found[start:end], {"nextToken": _token(call, end)} if end < len(found) else {}


def _token(call: Call, offset: int) -> str:
    asked = repr([(name, value) for name, value in sorted(call.params.items()) if name != "nextToken"])
    digest = blake2b(asked.encode(), digest_size=8).hexdigest()
    return base64.urlsafe_b64encode(f"{digest}:{offset}".encode()).decode()


def _offset(call: Call) -> int:
    token = call.params.get("nextToken")
    if token is None:
        return 0
    try:
        offset = base64.urlsafe_b64decode(token.encode()).decode().rpartition(":")[2]
    except (binascii.Error, UnicodeError):
        offset = ""
    if not offset.isdecimal() or token != _token(call, int(offset)):
        raise invalid("The provided nextToken is invalid.")
    return int(offset)


@dataclass(frozen=True, slots=True)
class _Generated:
    """An answer, the passages that it was taken from, the session it belongs to, and what guarded it."""

    answer: Answer
    passages: list[Passage]
    session: Session
    guards: Guarding

    @property
    def guardrail_action(self) -> str:
        return "INTERVENED" if self.guards.intervened else "NONE"

    def references(self, part: Part) -> list[dict[str, Any]]:
        return [self.passages[number].reference() for number in part.sources]


def _configuration(call: Call) -> tuple[str, Mapping[str, Any]]:
    """Return the type of an answer and its configuration."""
    whole = call.params.get("retrieveAndGenerateConfiguration")
    if whole is None:
        raise invalid("retrieveAndGenerateConfiguration is required.")
    kind = str(whole["type"])
    member = "externalSourcesConfiguration" if kind == "EXTERNAL_SOURCES" else "knowledgeBaseConfiguration"
    if member not in whole:
        raise invalid(f"{member} is required for type {kind}.")
    configuration: Mapping[str, Any] = whole[member]
    if (configuration.get("orchestrationConfiguration") or {}).get("queryTransformationConfiguration"):
        raise invalid("The local Bedrock does not serve queryTransformationConfiguration; leave it out.")
    _check_model(call, configuration["modelArn"])
    return kind, configuration


def _check_model(call: Call, model_arn: str) -> None:
    if "TEXT" not in resolve(call, model_arn).model.outputs:
        raise invalid(f"The model {model_arn} does not generate text. Use a text model with RetrieveAndGenerate.")


def _guards(call: Call, configuration: Mapping[str, Any]) -> Guarding:
    named = (configuration.get("generationConfiguration") or {}).get("guardrailConfiguration")
    model = resolve(call, configuration["modelArn"]).model
    return guarding(call, model.id, (named["guardrailId"], named["guardrailVersion"]) if named else None)


def _generate(call: Call) -> _Generated:
    kind, configuration = _configuration(call)
    question = call.params["input"]["text"]
    if not question.strip():
        raise invalid("The input text must not be empty.")
    guards = _guards(call, configuration)
    base = None if kind == "EXTERNAL_SOURCES" else knowledge_base(call, configuration["knowledgeBaseId"])
    store = call.state.of(SessionStore)
    binding = (call.region, base.knowledge_base_id if base else kind, configuration["modelArn"])
    session = store.begin(call.params.get("sessionId"), binding)
    heard = [question]
    refusal = guards.blocks_input(lambda _: [Piece(heard[0])], lambda _, texts: heard.__setitem__(0, texts[0]))
    if refusal is not None:
        return _Generated(Answer(refusal, ()), [], session, guards)
    query = session.query_for(heard[0])
    if base is None:
        passages = given.passages(call, configuration, query)
    else:
        passages = search(call, base, query, configuration.get("retrievalConfiguration"))
    made = _guarded(answer(query, [passage.text for passage in passages]), passages, heard[0], guards)
    store.keep(session, heard[0])
    return _Generated(made, passages, session, guards)


def _guarded(made: Answer, passages: list[Passage], question: str, guards: Guarding) -> Answer:
    """Return the answer as it may leave: blocked, it has no source; masked, it is one part from all of them."""
    if not guards:
        return made
    against = [Piece(passage.text, frozenset({"grounding_source"})) for passage in passages]
    said = guards.output(made.text, [*against, Piece(question, frozenset({"query"}))])
    if not guards.intervened:
        return made
    sources = tuple(sorted({number for part in made.parts for number in part.sources}))
    return Answer(said, () if guards.blocked else (Part(said, 0, len(said), sources),))


def _citation(text: str, start: int, end: int, references: list[dict[str, Any]]) -> dict[str, Any]:
    quoted = {"textResponsePart": {"text": text, "span": {"start": start, "end": end}}}
    return {"generatedResponsePart": quoted, "retrievedReferences": references}


def retrieve_and_generate(call: Call) -> Reply:
    """Serve RetrieveAndGenerate; a refusal is one citation of itself, without references."""
    made = _generate(call)
    text = made.answer.text
    citations = [_citation(p.text, p.start, p.end - 1, made.references(p)) for p in made.answer.parts]
    return Reply(
        {
            "sessionId": made.session.session_id,
            "output": {"text": text},
            "citations": citations or [_citation(text, 0, len(text) - 1, [])],
            **({"guardrailAction": made.guardrail_action} if made.guards else {}),
        }
    )


def retrieve_and_generate_stream(call: Call) -> Reply:
    """Serve RetrieveAndGenerateStream: everything that can be refused is refused before the stream begins."""
    made = _generate(call)
    return Reply({"sessionId": made.session.session_id}, events=_events(made, call.state.of(Pacing)))


def _events(made: _Generated, pacing: Pacing) -> Iterator[dict[str, Any]]:
    text = made.answer.text
    parts = made.answer.parts or (Part(text, 0, len(text), ()),)
    for number, part in enumerate(parts):
        for piece in pieces((" " if number else "") + part.text):
            yield {"output": {"text": piece}}
            time.sleep(pacing.seconds)
        citation = _citation(part.text, part.start, part.end, made.references(part))
        # AWS sends the members twice: in the event itself, and under the name it had first.
        yield {"citation": {"citation": citation, **citation}}
    if made.guards:
        yield {"guardrail": {"action": made.guardrail_action}}


HANDLERS: Handlers = {
    ("bedrock-agent-runtime", "Retrieve"): retrieve,
    ("bedrock-agent-runtime", "RetrieveAndGenerate"): retrieve_and_generate,
    ("bedrock-agent-runtime", "RetrieveAndGenerateStream"): retrieve_and_generate_stream,
}
