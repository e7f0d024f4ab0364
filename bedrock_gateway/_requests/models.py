"""Calls of models → `Send`; pure. Every argument is checked here, before anything is opened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import orjson

from bedrock_gateway import _arguments as arguments
from bedrock_gateway._requests.base import members_of, model_of, send_of
from bedrock_gateway._requests.content import check_request, ready
from bedrock_gateway._structured import MOST_RETRIES, output_config
from bedrock_gateway.capabilities.models import parse_model_id
from bedrock_gateway.errors import ConfigError
from bedrock_gateway.families import FAMILIES, TextRequest, family_named, family_of
from bedrock_gateway.families.embedding import PURPOSES, embedder_of
from bedrock_gateway.families.requests import UnsupportedOptionError

if TYPE_CHECKING:
    from bedrock_gateway._commands import Send
    from bedrock_gateway.config import GatewayConfig

__all__ = ["apply_guardrail", "as_messages", "converse", "count_tokens", "embed", "invoke_model", "is_text_request"]

_CHOICES = ("auto", "any")
_SOURCES = ("INPUT", "OUTPUT")


def converse(
    config: GatewayConfig,
    prompt: Any,
    *,
    model: Any,
    streamed: bool = False,
    system: Any = None,
    max_tokens: Any = None,
    temperature: Any = None,
    top_p: Any = None,
    stop_sequences: Any = None,
    tools: Any = None,
    tool_choice: Any = None,
    output: Any = None,
    output_retries: Any = None,
    guardrail_trace: Any = None,
    **members: Any,
) -> Send:
    """Build Converse or ConverseStream; *members* are further members by AWS's names."""
    name = "ConverseStream" if streamed else "Converse"
    params: dict[str, Any] = {"modelId": model_of(name, model), "messages": _messages(name, prompt, model)}
    params |= members_of(name, members)
    if system is not None:
        params["system"] = _blocks(name, "system", system, model)
    if given := _inference(name, max_tokens, temperature, top_p, stop_sequences):
        params["inferenceConfig"] = _merged(name, params, "inferenceConfig", given)
    if tools is not None or tool_choice is not None:
        params["toolConfig"] = _merged(name, params, "toolConfig", _tools(name, tools, tool_choice))
    if output_retries is not None:
        _check_retries(name, output_retries, output, streamed=streamed)
    if output is not None:
        params["outputConfig"] = _merged(name, params, "outputConfig", output_config(name, output))
    if guardrail_trace is not None:
        params["guardrailConfig"] = _trace(config, name, guardrail_trace)
    return send_of(config, name, params, model_id=model)


def _merged(name: str, params: dict[str, Any], member: str, given: dict[str, Any]) -> dict[str, Any]:
    """Return *given* over what the call says in *member* itself."""
    return {**arguments.mapping(name, member, params[member]), **given} if member in params else given


def _check_retries(name: str, retries: Any, output: Any, *, streamed: bool) -> None:
    """Refuse repairs that cannot be; how many there are is the flow's business."""
    arguments.integer(name, "output_retries", retries, least=0, most=MOST_RETRIES)
    if streamed:
        arguments.refuse(name, "output_retries is for converse alone: what a stream has shown cannot be taken back")
    if retries and output is None:
        arguments.refuse(name, "output_retries needs output: what an answer must fit")


_TRACES = ("enabled", "disabled", "enabled_full")


def _trace(config: GatewayConfig, name: str, trace: Any) -> dict[str, str]:
    """How much the guardrail tells; which one it is, a rule adds."""
    if config.guardrail is None:
        raise ConfigError("guardrail_trace: no guardrail is configured; add [guardrail] with id and version")
    return {"trace": arguments.choice(name, "guardrail_trace", trace, _TRACES)}


def _inference(name: str, max_tokens: Any, temperature: Any, top_p: Any, stop_sequences: Any) -> dict[str, Any]:
    given: dict[str, Any] = {}
    if max_tokens is not None:
        given["maxTokens"] = arguments.integer(name, "max_tokens", max_tokens, most=(1 << 31) - 1)
    if temperature is not None:
        given["temperature"] = arguments.number(name, "temperature", temperature, most=2.0)
    if top_p is not None:
        given["topP"] = arguments.number(name, "top_p", top_p, most=1.0)
    if stop_sequences is not None and (found := arguments.texts(name, "stop_sequences", stop_sequences)):
        given["stopSequences"] = found
    return given


def _tools(name: str, tools: Any, choice: Any) -> dict[str, Any]:
    made: dict[str, Any] = {}
    if tools is not None:
        if isinstance(tools, (str, bytes)) or not isinstance(tools, Sequence):
            arguments.refuse(name, f"tools is a sequence of tools, not {type(tools).__name__}")
        if tools:
            made["tools"] = [arguments.mapping(name, f"tools[{at}]", one) for at, one in enumerate(tools)]
    if isinstance(choice, str):
        made["toolChoice"] = (
            {choice: {}} if choice in _CHOICES else {"tool": {"name": arguments.text(name, "tool_choice", choice)}}
        )
    elif choice is not None:
        made["toolChoice"] = arguments.mapping(name, "tool_choice", choice)
    return made


def invoke_model(
    config: GatewayConfig,
    body: Any,
    *,
    model: Any,
    streamed: bool = False,
    family: Any = None,
    **members: Any,
) -> Send:
    """Build InvokeModel or its streaming form; a mapping is the vendor's body and becomes JSON."""
    name = "InvokeModelWithResponseStream" if streamed else "InvokeModel"
    model_of(name, model)
    if isinstance(body, TextRequest):
        body = _written(name, body, model, family)
    params = {
        "modelId": model,
        "body": _body(name, body),
        "contentType": "application/json",
        "accept": "application/json",
        **members_of(name, members),
    }
    return send_of(config, name, params, model_id=model)


def is_text_request(body: Any) -> bool:
    """Whether *body* must be written as a family's own."""
    return isinstance(body, TextRequest)


def _written(name: str, request: TextRequest, model: str, family: Any) -> dict[str, Any]:
    """Return a text request in the words of the family that *family*, or the model's id, names."""
    arguments.text(name, "prompt", request.prompt)
    if request.system is not None:
        arguments.text(name, "system", request.system)
    stops = arguments.texts(name, "stop_sequences", request.stop_sequences)
    _inference(name, request.max_tokens, request.temperature, request.top_p, stops)
    known = parse_model_id(model).model or ""
    row = family_of(known) if family is None else family_named(arguments.identifier(name, "family", family))
    if row is None:
        names = ", ".join(one.name for one in FAMILIES)
        arguments.refuse(
            name, f"no known family writes text for this model: give family= ({names}), or the vendor's own body"
        )
    try:
        return row.write(request, known)
    except UnsupportedOptionError as error:
        arguments.refuse(name, str(error))


def embed(
    config: GatewayConfig, texts: Any, *, model: Any, dimensions: Any = None, purpose: Any = "document"
) -> list[Send]:
    """Build the InvokeModel calls that embed *texts*, as many as the model needs."""
    name = "InvokeModel"
    model_of(name, model)
    given = arguments.texts(name, "texts", [texts] if isinstance(texts, str) else texts)
    if not given:
        arguments.refuse(name, "texts holds no text")
    if dimensions is not None:
        arguments.integer(name, "dimensions", dimensions, most=1 << 16)
    arguments.choice(name, "purpose", purpose, PURPOSES)
    embedder = embedder_of(model)
    if embedder is None:
        arguments.refuse(name, "no known family embeds with this model: use invoke_model with the vendor's own body")
    made = []
    for at in range(0, len(given), embedder.most_texts):
        try:
            body = embedder.ask(given[at : at + embedder.most_texts], dimensions, purpose)
        except UnsupportedOptionError as error:
            arguments.refuse(name, str(error))
        params = {
            "modelId": model,
            "body": _body(name, body),
            "contentType": "application/json",
            "accept": "application/json",
        }
        made.append(send_of(config, name, params, model_id=model, capability="embed"))
    return made


def count_tokens(
    config: GatewayConfig, prompt: Any, *, model: Any, system: Any = None, tools: Any = None, tool_choice: Any = None
) -> Send:
    """Build CountTokens; AWS counts for foundation models, so that of a profile its model is named."""
    name = "CountTokens"
    model_of(name, model)
    converse: dict[str, Any] = {"messages": _messages(name, prompt, model)}
    if system is not None:
        converse["system"] = _blocks(name, "system", system, model)
    if tools is not None or tool_choice is not None:
        converse["toolConfig"] = _tools(name, tools, tool_choice)
    params = {"modelId": parse_model_id(model).model or model, "input": {"converse": converse}}
    return send_of(config, name, params, model_id=model)


def apply_guardrail(config: GatewayConfig, content: Any, *, source: Any = "INPUT") -> Send:
    """Build ApplyGuardrail; which guardrail is the configuration's business, and a rule adds it."""
    name = "ApplyGuardrail"
    if config.guardrail is None:
        raise ConfigError("no guardrail is configured: add [guardrail] with id and version to gateway.toml")
    arguments.choice(name, "source", source, _SOURCES)
    texts = arguments.texts(name, "content", [content] if isinstance(content, str) else content)
    if not texts:
        arguments.refuse(name, "content holds no text")
    return send_of(config, name, {"source": source, "content": [{"text": {"text": one}} for one in texts]})


def _body(name: str, body: Any) -> bytes:
    if isinstance(body, str):
        data = arguments.text(name, "body", body).encode()
    elif isinstance(body, (bytes, bytearray)):
        data = bytes(body)
    else:
        checked_body = arguments.mapping(name, "body", body, blobs=False)
        try:
            data = orjson.dumps(checked_body, default=dict)
        except TypeError:  # a key of a type derived from str, say
            arguments.refuse(name, "body holds what cannot be written as JSON")
    if len(data) > arguments.SIZE_LIMIT:
        arguments.refuse(name, f"body is larger than {arguments.SIZE_LIMIT} bytes")
    return data


def _blocks(name: str, where: str, content: Any, model: str) -> list[Any]:
    if isinstance(content, str):
        return [{"text": arguments.text(name, where, content)}]
    if not isinstance(content, Sequence) or isinstance(content, (bytes, bytearray)):
        arguments.refuse(name, f"{where} is a str or a sequence of content blocks, not {type(content).__name__}")
    return [
        ready(name, f"{where}[{at}]", arguments.mapping(name, f"{where}[{at}]", one), model)
        for at, one in enumerate(content)
    ]


def as_messages(prompt: Any) -> list[Any]:
    """Return a prompt that was sent as messages that others can follow."""
    return [{"role": "user", "content": prompt}] if isinstance(prompt, str) else list(prompt)


_TEXT = {"text"}


def _is_blank(block: dict[str, Any]) -> bool:
    """Whether a block says nothing: models answer with such beside their tool calls, and AWS does not take them back.

    Source: AWS's "text content blocks must contain non-whitespace text", as reported in NousResearch/hermes-agent#60628.
    """
    return block.keys() == _TEXT and isinstance(block["text"], str) and not block["text"].strip()


def _messages(name: str, prompt: Any, model: str) -> list[Any]:
    if isinstance(prompt, str):
        return [{"role": "user", "content": _blocks(name, "prompt", prompt, model)}]
    if not isinstance(prompt, Sequence) or isinstance(prompt, (bytes, bytearray)):
        arguments.refuse(name, f"prompt is a str or a sequence of messages, not {type(prompt).__name__}")
    if not prompt:
        arguments.refuse(name, "prompt holds no message")
    made = []
    for at, one in enumerate(prompt):
        where = f"prompt[{at}]"
        if not isinstance(one, Mapping):
            arguments.refuse(name, f"{where} is a message, not {type(one).__name__}")
        content = _blocks(name, f"{where}.content", one.get("content"), model)
        if one.get("role") == "assistant":
            content = [block for block in content if not _is_blank(block)] or content
        made.append({**arguments.mapping(name, where, one), "content": content})
    check_request(name, "prompt", [one["content"] for one in made], model)
    return made
