"""RetrieveAndGenerate and its stream → `Send`; pure: how to search, how to write, and whose conversation it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bedrock_gateway import _arguments as arguments
from bedrock_gateway._requests.base import members_of, model_arn, model_of, send_of
from bedrock_gateway._requests.knowledge import id_of
from bedrock_gateway._requests.search import OPTIONS, Search, base_of, retrieval_configuration
from bedrock_gateway.errors import GovernanceError
from bedrock_gateway.governance.tenants import RULE
from bedrock_gateway.results import AnswerSession

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bedrock_gateway._commands import Send
    from bedrock_gateway.config import GatewayConfig

__all__ = ["retrieve_and_generate"]

_CONFIGURATION = "retrieveAndGenerateConfiguration"
_TEMPLATE = 4000
# Source: botocore, OrchestrationConfiguration and GenerationConfiguration, promptTemplate.
_GENERATION = ("$search_results$",)
_ORCHESTRATION = ("$conversation_history$", "$output_format_instructions$")
_MOST_STOPS = 4
_MOST_TOKENS = 65536


def retrieve_and_generate(
    config: GatewayConfig,
    question: Any,
    *,
    knowledge_base: Any,
    model: Any,
    session: Any = None,
    prompt_template: Any = None,
    orchestration_prompt_template: Any = None,
    decompose: Any = None,
    streamed: bool = False,
    **options: Any,
) -> Send:
    """Build RetrieveAndGenerate or its streaming form."""
    name = "RetrieveAndGenerateStream" if streamed else "RetrieveAndGenerate"
    search = Search(**{one: options.pop(one) for one in OPTIONS & options.keys()})
    inference = _inference(name, {one: options.pop(one) for one in _INFERENCE.keys() & options.keys()})
    members = members_of(name, options)
    base: dict[str, Any] = {
        "knowledgeBaseId": id_of(config, name, knowledge_base),
        "modelArn": model_arn(config, model_of(name, model)),
    }
    parts = {
        "retrievalConfiguration": retrieval_configuration(
            config, name, knowledge_base, members.pop("retrievalConfiguration", None), search
        ),
        "generationConfiguration": _generation(
            name, members.pop("generationConfiguration", None), prompt_template, inference
        ),
        "orchestrationConfiguration": _orchestration(
            name, members.pop("orchestrationConfiguration", None), orchestration_prompt_template, decompose
        ),
    }
    base |= {member: value for member, value in parts.items() if value}
    params: dict[str, Any] = {
        "input": {"text": arguments.text(name, "question", question)},
        _CONFIGURATION: {"type": "KNOWLEDGE_BASE", "knowledgeBaseConfiguration": base},
        **members,
    }
    if session is not None:
        tenanted = base_of(config, name, knowledge_base).tenant_key is not None
        params["sessionId"] = _session(name, session, knowledge_base, search.tenant, tenanted=tenanted)
    return send_of(config, name, params, model_id=model, knowledge_base=knowledge_base, tenant=search.tenant)


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


def _generation(name: str, given: Any, template: Any, inference: Mapping[str, Any]) -> dict[str, Any]:
    made = arguments.mapping(name, "generationConfiguration", given or {})
    if template is not None:
        _once(name, made, "promptTemplate", "prompt_template")
        made["promptTemplate"] = _template(name, "prompt_template", template, _GENERATION)
    if inference:
        _once(name, made, "inferenceConfig", "an argument")
        made["inferenceConfig"] = dict(inference)
    return made


def _orchestration(name: str, given: Any, template: Any, decompose: Any) -> dict[str, Any]:
    made = arguments.mapping(name, "orchestrationConfiguration", given or {})
    if template is not None:
        _once(name, made, "promptTemplate", "orchestration_prompt_template")
        made["promptTemplate"] = _template(name, "orchestration_prompt_template", template, _ORCHESTRATION)
    if decompose not in (None, True, False):
        arguments.refuse(name, f"decompose is a bool, not {type(decompose).__name__}")
    if decompose:
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
