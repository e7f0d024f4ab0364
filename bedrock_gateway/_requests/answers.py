"""RetrieveAndGenerate and its stream → `Send`; pure: how to search, how to write, and whose conversation it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bedrock_gateway import _arguments as arguments
from bedrock_gateway._requests.base import capability_of, members_of, model_arn, model_of, send_of
from bedrock_gateway._requests.documents import media_type_of, object_uri
from bedrock_gateway._requests.knowledge import id_of
from bedrock_gateway._requests.search import OPTIONS, Search, base_of, retrieval_configuration
from bedrock_gateway.documents import Document
from bedrock_gateway.errors import GovernanceError
from bedrock_gateway.governance.tenants import RULE
from bedrock_gateway.results import AnswerSession

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bedrock_gateway._commands import Send
    from bedrock_gateway.config import GatewayConfig

__all__ = ["retrieve_and_generate"]

_TEMPLATE = 4000
# Source: botocore, OrchestrationConfiguration and GenerationConfiguration, promptTemplate.
_GENERATION = ("$search_results$",)
_ORCHESTRATION = ("$conversation_history$", "$output_format_instructions$")
_OF_A_SEARCH = ("retrievalConfiguration", "orchestrationConfiguration", "orchestration_prompt_template", "decompose")
_MOST_STOPS = 4
_MOST_BYTES = 10_485_760
_MOST_NAME = 1024
_MOST_TOKENS = 65536


def retrieve_and_generate(
    config: GatewayConfig,
    question: Any,
    *,
    model: Any,
    knowledge_base: Any = None,
    document: Any = None,
    session: Any = None,
    streamed: bool = False,
    **options: Any,
) -> Send:
    """Build RetrieveAndGenerate or its streaming form."""
    name = "RetrieveAndGenerateStream" if streamed else "RetrieveAndGenerate"
    if (knowledge_base is None) == (document is None):
        arguments.refuse(name, "an answer is out of a knowledge base or out of a document: give one of the two")
    search = Search(**{one: options.pop(one) for one in OPTIONS & options.keys()})
    common = {
        "modelArn": model_arn(config, model_of(name, model)),
        **_given("generationConfiguration", _generation(name, options)),
    }
    if document is not None:
        whole, members = _of_document(name, document, common, search, options)
    else:
        whole, members = _of_base(config, name, knowledge_base, common, search, options)
    params: dict[str, Any] = {
        "input": {"text": arguments.text(name, "question", question)},
        "retrieveAndGenerateConfiguration": whole,
        **members,
    }
    if session is not None:
        tenanted = document is None and base_of(config, name, knowledge_base).tenant_key is not None
        params["sessionId"] = _session(name, session, knowledge_base, search.tenant, tenanted=tenanted)
    facts = {} if document is None else {"capability": capability_of(name, {"document": document})}
    return send_of(config, name, params, model_id=model, knowledge_base=knowledge_base, tenant=search.tenant, **facts)


def _given(member: str, value: Any) -> dict[str, Any]:
    return {member: value} if value else {}


def _of_base(
    config: GatewayConfig, name: str, base: Any, common: Mapping[str, Any], search: Search, options: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return AWS's configuration of an answer out of a knowledge base, and what stands beside it."""
    identifier = id_of(config, name, base)
    orchestration = _orchestration(name, options)
    members = members_of(name, options)
    found = retrieval_configuration(config, name, base, members.pop("retrievalConfiguration", None), search)
    inner = {
        "knowledgeBaseId": identifier,
        **common,
        **_given("retrievalConfiguration", found),
        **_given("orchestrationConfiguration", orchestration),
    }
    return {"type": "KNOWLEDGE_BASE", "knowledgeBaseConfiguration": inner}, members


def _of_document(
    name: str, document: Any, common: Mapping[str, Any], search: Search, options: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return AWS's configuration of an answer out of one document, and what stands beside it."""
    searched = [one for one in OPTIONS if getattr(search, one) is not None]
    searched += [one for one in _OF_A_SEARCH if options.get(one) is not None]
    if searched:
        arguments.refuse(name, f"{min(searched)} is about a search, and a document is read without one")
    inner = {**common, "sources": [_source(name, document)]}
    members = members_of(name, {one: value for one, value in options.items() if value is not None})
    return {"type": "EXTERNAL_SOURCES", "externalSourcesConfiguration": inner}, members


def _source(name: str, document: Any) -> dict[str, Any]:
    """An object of S3, or the bytes of a document. Source of the limits: botocore, ExternalSource."""
    given = Document(uri=document) if isinstance(document, str) else document
    if not isinstance(given, Document):
        arguments.refuse(name, f"document is a Document, or the URI of an object, not {type(given).__name__}")
    if given.metadata is not None or given.metadata_uri is not None or given.bucket_owner is not None:
        arguments.refuse(name, "a document to answer from has no metadata and no bucket_owner: AWS takes neither")
    if (given.text is not None) + (given.data is not None) + (given.uri is not None) != 1:
        arguments.refuse(name, "a document has one of text, data and uri")
    if given.uri is not None:
        return {"sourceType": "S3", "s3Location": {"uri": object_uri(name, "the uri of a document", given.uri)}}
    data = given.data if given.text is None else arguments.text(name, "the text of a document", given.text).encode()
    if not isinstance(data, (bytes, bytearray)) or not 1 <= len(data) <= _MOST_BYTES:
        arguments.refuse(name, f"the content of a document is 1 to {_MOST_BYTES} bytes: put a larger one into S3")
    identifier = arguments.text(name, "the id of a document, its file name", given.id)
    if len(identifier) > _MOST_NAME:
        arguments.refuse(name, f"the id of a document is longer than {_MOST_NAME} characters")
    media_type = "text/plain" if given.text is not None else media_type_of(name, given.media_type)
    content = {"identifier": identifier, "contentType": media_type, "data": bytes(data)}
    return {"sourceType": "BYTE_CONTENT", "byteContent": content}


def _session(name: str, session: Any, base: str, tenant: Any, *, tenanted: bool) -> str:
    """Return the id of the conversation, if it may be gone on with: it tells what was said in it.

    Raises:
        GovernanceError: it is another tenant's, or an id that does not tell whose it is.
    """
    if not isinstance(session, AnswerSession):
        if tenanted:
            raise GovernanceError(
                f"a conversation with {base!r} is one tenant's: give the `session` of the answer before, not its id",
                rule=RULE,
            )
        return arguments.identifier(name, "session", session)
    if session.knowledge_base != base:
        arguments.refuse(name, f"session is of the knowledge base {session.knowledge_base!r}, not of {base!r}")
    if session.tenant != tenant or type(session.tenant) is not type(tenant):
        raise GovernanceError("session is another tenant's conversation", rule=RULE)
    return arguments.identifier(name, "session.id", session.id)


def _inference(name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    checked = {_INFERENCE[one][0]: _INFERENCE[one][1](name, value) for one, value in given.items() if value is not None}
    return {"textInferenceConfig": checked} if checked else {}


def _stops(name: str, value: Any) -> list[str]:
    stops = arguments.texts(name, "stop_sequences", value)
    if len(stops) > _MOST_STOPS:
        arguments.refuse(name, f"stop_sequences holds more than {_MOST_STOPS}")
    return stops


# Argument → AWS's member of textInferenceConfig, and its check.
_INFERENCE: Mapping[str, tuple[str, Callable[[str, Any], Any]]] = {
    "max_tokens": ("maxTokens", lambda name, value: arguments.integer(name, "max_tokens", value, most=_MOST_TOKENS)),
    "temperature": ("temperature", lambda name, value: arguments.number(name, "temperature", value, most=1.0)),
    "top_p": ("topP", lambda name, value: arguments.number(name, "top_p", value, most=1.0)),
    "stop_sequences": ("stopSequences", _stops),
}


def _generation(name: str, options: dict[str, Any]) -> dict[str, Any]:
    """Take out of *options* how the answer is written."""
    inference = _inference(name, {one: options.pop(one) for one in _INFERENCE.keys() & options.keys()})
    made = arguments.mapping(name, "generationConfiguration", options.pop("generationConfiguration", None) or {})
    template = options.pop("prompt_template", None)
    if template is not None:
        _once(name, made, "promptTemplate", "prompt_template")
        made["promptTemplate"] = _template(name, "prompt_template", template, _GENERATION)
    if inference:
        _once(name, made, "inferenceConfig", "an argument")
        made["inferenceConfig"] = inference
    return made


def _orchestration(name: str, options: dict[str, Any]) -> dict[str, Any]:
    """Take out of *options* how the question becomes queries."""
    made = arguments.mapping(name, "orchestrationConfiguration", options.pop("orchestrationConfiguration", None) or {})
    template, decompose = options.pop("orchestration_prompt_template", None), options.pop("decompose", None)
    if template is not None:
        _once(name, made, "promptTemplate", "orchestration_prompt_template")
        made["promptTemplate"] = _template(name, "orchestration_prompt_template", template, _ORCHESTRATION)
    if decompose is not None and arguments.flag(name, "decompose", decompose):
        _once(name, made, "queryTransformationConfiguration", "decompose")
        made["queryTransformationConfiguration"] = {"type": "QUERY_DECOMPOSITION"}
    return made


def _once(name: str, made: Mapping[str, Any], member: str, argument: str) -> None:
    if member in made:
        arguments.refuse(name, f"{member} is given twice: in AWS's own words and by {argument}")


def _template(name: str, argument: str, value: Any, needed: tuple[str, ...]) -> dict[str, str]:
    text = arguments.text(name, argument, value)
    if len(text) > _TEMPLATE:
        arguments.refuse(name, f"{argument} is longer than {_TEMPLATE} characters")
    for one in needed:
        if one not in text:
            arguments.refuse(name, f"{argument} lacks {one}, which AWS puts in place before the model reads it")
    return {"textPromptTemplate": text}
