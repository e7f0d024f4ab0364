"""The rules of a configuration: what a principal may send, and what every call carries.

They judge the parameters that go out, not only what the call says of itself: a rule of the application runs in between
and may have changed them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bedrock_gateway._config.scope import foundation_models
from bedrock_gateway.capabilities import CAPABILITIES
from bedrock_gateway.capabilities.models import ModelId, on_demand_in, parse_model_id, profiles_for
from bedrock_gateway.capabilities.scope import object_place
from bedrock_gateway.errors import ConfigError, GatewayError, GovernanceError, InferenceProfileRequiredError
from bedrock_gateway.governance.tenants import one_tenant

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from bedrock_gateway._commands import Send
    from bedrock_gateway.config import GatewayConfig

__all__ = ["rules_of"]


def rules_of(
    config: GatewayConfig, principal: str, own: Iterable[Callable[[Send], Send]] = ()
) -> tuple[Callable[[Send], Send], ...]:
    """Return the rules for *principal* in the order in which they run; *own* are the application's.

    What the application's rules return is judged again: a rule may narrow, never widen.
    """
    judges = _Judges(config, principal).all()
    theirs = tuple(_held(rule) for rule in own)
    return (*judges, *theirs, *(judges if theirs else ()), _guardrail(config))


def _held(rule: Callable[[Send], Send]) -> Callable[[Send], Send]:
    """A rule of the application that fails, or returns nothing, refuses: nothing may be sent past it."""
    name = getattr(rule, "__name__", type(rule).__name__)

    def run(send: Send) -> Send:
        try:
            result = rule(send)
        except GatewayError:
            raise
        except Exception as error:
            raise GovernanceError(f"the rule itself failed: {type(error).__name__}", rule=name) from error
        if type(result) is not type(send):
            raise GovernanceError(f"the rule returned {type(result).__name__}, not the Send it was given", rule=name)
        return result

    return run


_AGREES = "model-access"


class _Judges:
    """What the configuration declares for one principal, as rules."""

    def __init__(self, config: GatewayConfig, principal: str) -> None:
        declared = config.principals[principal]
        self._config, self._principal = config, principal
        self._capabilities, bases = frozenset(declared.capabilities), frozenset(declared.knowledge_bases)
        # Whoever sets knowledge bases up, or only looks, and names none, is about each that is configured: so is its policy.
        runs = any(CAPABILITIES[one].kind == "runtime" for one in self._capabilities)
        self._bases = bases if bases or runs else frozenset(config.knowledge_bases)
        # As the policy has it: everything that begins so.
        self._documents = tuple("s3://{}/{}".format(*object_place(one)) for one in declared.documents)
        # IAM cannot tell a reranker from another model either: both are InvokeModel on its ARN.
        self._models = frozenset(_normal(one, config) for one in (*declared.models, *declared.rerankers))
        # Whoever agrees to models calls none: it is about each that anybody here calls.
        self._agreed = frozenset(foundation_models(config)) if _AGREES in self._capabilities else frozenset()

    def all(self) -> tuple[Callable[[Send], Send], ...]:
        return (
            self.declared_capabilities,
            self.declared_models,
            self.declared_knowledge_bases,
            self.declared_documents,
            self.declared_region,
            one_tenant(self._config),
        )

    def declared_capabilities(self, send: Send) -> Send:
        if send.capability not in self._capabilities:
            raise GovernanceError(
                f"{send.operation} needs the capability {send.capability!r}; "
                f"declare it in principals.{self._principal}.capabilities",
                rule="declared-capabilities",
            )
        return send

    def declared_models(self, send: Send) -> Send:
        for model in _models_of(send):
            if send.service == "bedrock" and send.capability == _AGREES and model in self._agreed:
                continue
            if _normal(model, self._config) not in self._models:
                raise GovernanceError(
                    f"model {model!r} is not declared in principals.{self._principal}.models{_hint(model, self._config)}",
                    rule="declared-models",
                )
            if send.operation != "CountTokens":
                _refuse_bare(send, model, self._config)
        return send

    def declared_knowledge_bases(self, send: Send) -> Send:
        name, rule = send.knowledge_base, "declared-knowledge-bases"
        ids = tuple(_ids_of(send))
        if name is None and not ids:
            return send
        if name not in self._bases:
            raise GovernanceError(
                f"knowledge base {name!r} is not declared in principals.{self._principal}.knowledge_bases", rule=rule
            )
        known = self._config.knowledge_bases[name].id
        for found in ids:
            if known not in {None, found}:
                raise GovernanceError(f"knowledge base {name!r} is declared as {known}, not {found}", rule=rule)
        return send

    def declared_documents(self, send: Send) -> Send:
        """What a question may be answered from, beside knowledge bases: a capability of its own, and declared objects."""
        whole = send.params.get(_ANSWERED)
        if not isinstance(whole, Mapping):
            return send
        rule, found = "declared-documents", whole.get(_FROM_DOCUMENT)
        if (found is None) == (send.capability == _BY_DOCUMENT):
            raise GovernanceError(
                f"{send.operation} of a document is the capability {_BY_DOCUMENT!r}, and of a knowledge base another one; "
                f"declare it in principals.{self._principal}.capabilities",
                rule=rule,
            )
        for uri in _uris(found):
            if not any(uri.startswith(place) for place in self._documents):
                raise GovernanceError(
                    f"the document in S3 is in no place that principals.{self._principal}.documents declares", rule=rule
                )
        return send

    def declared_region(self, send: Send) -> Send:
        if send.region != self._config.region:
            raise GovernanceError(
                f"Region {send.region} is not the declared {self._config.region}", rule="declared-region"
            )
        return send


_ANSWERED, _FROM_DOCUMENT = "retrieveAndGenerateConfiguration", "externalSourcesConfiguration"
_BY_DOCUMENT = "rag-document"


def _uris(found: Any) -> Iterator[str]:
    """The objects of S3 that an answer is to be made from; what cannot be read is none that is declared."""
    sources = found.get("sources") if isinstance(found, Mapping) else None
    for one in sources if isinstance(sources, (list, tuple)) else ():
        place = one.get("s3Location") if isinstance(one, Mapping) else None
        if place is not None:
            yield str(place.get("uri")) if isinstance(place, Mapping) else ""


# Where a request names models and knowledge bases beside its own; what a model is told is not looked into.
_CONFIGURATIONS = ("retrieveAndGenerateConfiguration", "retrievalConfiguration", "rerankingConfiguration")


def _models_of(send: Send) -> Iterator[str]:
    """Every model that the request makes Bedrock call: its own, and those that rerank or embed for it."""
    named = [send.model_id, send.params.get("modelId")]
    if send.operation == "CountTokens" and named[1] == _parsed(str(send.model_id)).model:
        # AWS counts for the foundation model, whatever profile it is called through: nothing is generated.
        del named[1]
    named += [value for key, value in _configured(send) if key in {"modelArn", "modelId"}]
    yield from dict.fromkeys(str(one) for one in named if one is not None)


def _ids_of(send: Send) -> Iterator[str]:
    named = [send.params.get("knowledgeBaseId")]
    named += [value for key, value in _configured(send) if key == "knowledgeBaseId"]
    yield from dict.fromkeys(str(one) for one in named if one is not None)


def _configured(send: Send) -> Iterable[tuple[str, Any]]:
    """Every member of the configurations that *send* has, at any depth."""
    return () if send.params.keys().isdisjoint(_CONFIGURATIONS) else _walked(send)


def _walked(send: Send) -> Iterator[tuple[str, Any]]:
    stack: list[Any] = [send.params.get(name) for name in _CONFIGURATIONS]
    while stack:
        one = stack.pop()
        if isinstance(one, Mapping):
            yield from one.items()
            stack.extend(one.values())
        elif isinstance(one, (list, tuple)):
            stack.extend(one)


def _parsed(model: str) -> ModelId:
    try:
        return parse_model_id(model)
    except ConfigError as error:
        raise GovernanceError(error.message, rule="model-id") from None


def _normal(model: str, config: GatewayConfig) -> str:
    """One text for one model: an ARN of this Region and account is the id it holds; any other ARN is only itself."""
    found = _parsed(model)
    if found.kind == "application-profile" and found.resource_type is None:
        # To the ARN, not from it: an ARN may end in what is also the id of a model.
        return f"arn:{config.partition}:bedrock:{config.region}:{config.account}:application-inference-profile/{model}"
    if found.resource_type is None or found.kind not in {"on-demand", "profile"}:
        return model
    ours = found.region == config.region and found.account in {None, config.account}
    return found.name if ours and found.partition == config.partition else model


def _profiles(model: str, config: GatewayConfig) -> tuple[str, ...]:
    """Profiles that must be used instead of *model*, as it cannot be called by its own id in this Region."""
    found = _parsed(model)
    if found.kind != "on-demand" or on_demand_in(found.name, config.region) is not False:
        return ()
    return profiles_for(found.name, config.region)


def _hint(model: str, config: GatewayConfig) -> str:
    profiles = _profiles(model, config)
    return f"; in {config.region} it is called through a profile: declare {profiles[0]}" if profiles else ""


def _refuse_bare(send: Send, model: str, config: GatewayConfig) -> None:
    profiles = _profiles(model, config)
    if profiles:
        error = InferenceProfileRequiredError(
            f"{send.operation} on {model}: in {config.region} this model is called through an inference profile; "
            f"use {profiles[0]}; nothing was sent",
            operation=send.operation,
            code="InferenceProfileRequired",
            attempts=0,
        )
        error.suggested_model_id = profiles[0]
        raise error


def _guardrail(config: GatewayConfig) -> Callable[[Send], Send]:
    guardrail = config.guardrail

    def declared_guardrail(send: Send) -> Send:
        given = next((name for name in _MEMBERS if name in send.params), None)
        told = send.params.get("guardrailConfig")
        if (
            given == "guardrailConfig"
            and guardrail is not None
            and isinstance(told, Mapping)
            and set(told) == {"trace"}
        ):
            given = None  # how much it tells is the call's business
        if given or any(key == "guardrailConfiguration" for key, _ in _configured(send)):
            raise GovernanceError(
                f"{given or 'guardrailConfiguration'} comes from the configuration alone", rule="declared-guardrail"
            )
        attach = _ATTACH.get(send.operation)
        if guardrail is None or attach is None:
            return send
        return replace(send, params=attach(send, guardrail.id, guardrail.version))

    return declared_guardrail


_MEMBERS = ("guardrailConfig", "guardrailIdentifier", "guardrailVersion", "guardrailConfiguration")


def _converse(send: Send, identifier: str, version: str) -> dict[str, Any]:
    named = {"guardrailIdentifier": identifier, "guardrailVersion": version}
    return {**send.params, "guardrailConfig": {**send.params.get("guardrailConfig", {}), **named}}


def _invoke(send: Send, identifier: str, version: str) -> dict[str, Any]:
    return {**send.params, "guardrailIdentifier": identifier, "guardrailVersion": version}


def _generate(send: Send, identifier: str, version: str) -> dict[str, Any]:
    outer = send.params["retrieveAndGenerateConfiguration"]
    name = next(one for one in ("knowledgeBaseConfiguration", _FROM_DOCUMENT) if one in outer)
    inner = outer[name]
    guardrail = {"guardrailId": identifier, "guardrailVersion": version}
    generation = {**inner.get("generationConfiguration", {}), "guardrailConfiguration": guardrail}
    base = {**inner, "generationConfiguration": generation}
    return {**send.params, "retrieveAndGenerateConfiguration": {**outer, name: base}}


_ATTACH: dict[str, Callable[[Send, str, str], dict[str, Any]]] = {
    "Converse": _converse,
    "ConverseStream": _converse,
    "InvokeModel": _invoke,
    "InvokeModelWithResponseStream": _invoke,
    "RetrieveAndGenerate": _generate,
    "RetrieveAndGenerateStream": _generate,
    "ApplyGuardrail": _invoke,
}
