"""How a knowledge base is searched → AWS's retrievalConfiguration; pure.

What its store cannot do, what AWS takes less of, and a search of a tenant's documents without that tenant are refused here:
AWS says so only after the query was embedded, or not at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from bedrock_gateway import _arguments as arguments
from bedrock_gateway._requests.base import model_arn, model_of
from bedrock_gateway.capabilities.metadata_filters import check_filter
from bedrock_gateway.capabilities.stores import STORES
from bedrock_gateway.errors import ConfigError, GovernanceError
from bedrock_gateway.filters import Attribute, Filter, ImplicitFilter
from bedrock_gateway.governance.tenants import RULE, within_tenant

if TYPE_CHECKING:
    from bedrock_gateway.config import GatewayConfig, KnowledgeBaseConfig

__all__ = ["OPTIONS", "Search", "base_of", "retrieval_configuration"]

_MOST_RESULTS = 100
_MOST_ATTRIBUTES = 25
_TYPES = ("STRING", "NUMBER", "BOOLEAN", "STRING_LIST")
_SEARCH_TYPES = ("hybrid", "semantic")


@dataclass(frozen=True, slots=True)
class Search:
    """What a call says of its search; None: nothing."""

    results: Any = None
    metadata_filter: Any = None
    tenant: Any = None
    search_type: Any = None
    reranker: Any = None
    reranked_results: Any = None
    implicit_filter: Any = None


OPTIONS = frozenset(one.name for one in fields(Search))
"""Arguments of a call that are about its search."""


def base_of(config: GatewayConfig, name: str, base: Any) -> KnowledgeBaseConfig:
    """Return a configured knowledge base.

    Raises:
        GovernanceError: there is none of that name.
    """
    arguments.identifier(name, "knowledge_base", base)
    found = config.knowledge_bases.get(base)
    if found is None:
        known = ", ".join(config.knowledge_bases) or "none"
        raise GovernanceError(
            f"knowledge base {base[:80]!r} is not declared; declared: {known}", rule="declared-knowledge-bases"
        )
    return found


def retrieval_configuration(
    config: GatewayConfig, name: str, base: str, given: Any, search: Search
) -> dict[str, Any] | None:
    """Return retrievalConfiguration: *given* in AWS's own words with what *search* says; None where both say nothing."""
    found = base_of(config, name, base)
    whole = arguments.mapping(name, "retrievalConfiguration", given or {})
    vector = arguments.mapping(name, "vectorSearchConfiguration", whole.get("vectorSearchConfiguration", {}))
    made = {
        "numberOfResults": _whole(name, "results", search.results),
        "overrideSearchType": _search_type(name, search.search_type),
        "filter": _filter(name, base, found, search, vector.get("filter")),
        "rerankingConfiguration": _reranking(config, name, search),
        "implicitFilterConfiguration": _implicit(config, name, found, search.implicit_filter),
    }
    for member, value in made.items():
        if value is not None:
            if member in vector and member != "filter":
                arguments.refuse(name, f"{member} is given twice: in retrievalConfiguration and by its own argument")
            vector[member] = value
    _check(name, found, vector)
    if vector:
        whole["vectorSearchConfiguration"] = vector
    return whole or None


def _whole(name: str, argument: str, value: Any) -> int | None:
    return None if value is None else arguments.integer(name, argument, value, most=_MOST_RESULTS)


def _search_type(name: str, value: Any) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or value.lower() not in _SEARCH_TYPES:
        arguments.refuse(name, f"search_type is {' or '.join(_SEARCH_TYPES)}")
    return value.upper()


def _filter(name: str, base: str, found: KnowledgeBaseConfig, search: Search, given: Any) -> dict[str, Any] | None:
    asked = search.metadata_filter
    if asked is not None and given is not None:
        arguments.refuse(name, "filter is given twice: in retrievalConfiguration and as metadata_filter")
    asked = given if asked is None else asked
    own = asked.to_dict() if isinstance(asked, Filter) else asked
    wanted = None if own is None else arguments.mapping(name, "metadata_filter", own)
    if search.tenant is None:
        return wanted  # the rule refuses it where a tenant is needed: also where other code made the request
    key = found.tenant_key
    if key is None:
        raise GovernanceError(
            f'knowledge base {base!r} knows no tenants: declare the attribute, [knowledge_base.{base}] tenant_key = "…"',
            rule=RULE,
        )
    return within_tenant(wanted, key, _tenant(name, search.tenant))


def _tenant(name: str, value: Any) -> str | int:
    if isinstance(value, int) and not isinstance(value, bool):
        return arguments.integer(name, "tenant", value, least=-(1 << 53), most=1 << 53)
    return arguments.text(name, "tenant", value)


def _reranking(config: GatewayConfig, name: str, search: Search) -> dict[str, Any] | None:
    """The reranker: its id, or AWS's bedrockRerankingConfiguration."""
    reranker, results = search.reranker, search.reranked_results
    if reranker is None:
        if results is not None:
            arguments.refuse(name, "reranked_results is of a reranker: give reranker= too")
        return None
    if isinstance(reranker, Mapping):
        own = arguments.mapping(name, "reranker", reranker)
    else:
        own = {"modelConfiguration": {"modelArn": _reranker_arn(config, name, reranker)}}
    if results is not None:
        own["numberOfRerankedResults"] = _whole(name, "reranked_results", results)
    return {"type": "BEDROCK_RERANKING_MODEL", "bedrockRerankingConfiguration": own}


def _reranker_arn(config: GatewayConfig, name: str, model: Any) -> str:
    """AWS takes foundation models only. Source: API_agent-runtime_VectorSearchBedrockRerankingModelConfiguration."""
    arn = model_arn(config, model_of(name, model))
    if ":foundation-model/" not in arn:
        arguments.refuse(name, "reranker is a foundation model: AWS takes no inference profile here")
    return arn


def _implicit(config: GatewayConfig, name: str, base: KnowledgeBaseConfig, given: Any) -> dict[str, Any] | None:
    if given is None:
        return None
    if not isinstance(given, ImplicitFilter):
        arguments.refuse(name, f"implicit_filter is an ImplicitFilter, not {type(given).__name__}")
    if base.tenant_key is not None:
        arguments.refuse(name, "implicit_filter is not for tenants: AWS does not say how it joins another filter")
    attributes: Any = given.attributes
    if not isinstance(attributes, (list, tuple)) or not 1 <= len(attributes) <= _MOST_ATTRIBUTES:
        arguments.refuse(name, f"implicit_filter has a list of 1 to {_MOST_ATTRIBUTES} attributes")
    return {
        "metadataAttributes": [_attribute(name, one) for one in attributes],
        "modelArn": model_arn(config, model_of(name, given.model)),
    }


def _attribute(name: str, given: Any) -> dict[str, str]:
    if not isinstance(given, Attribute):
        arguments.refuse(name, f"an attribute of implicit_filter is an Attribute, not {type(given).__name__}")
    return {
        "key": arguments.text(name, "the key of an attribute", given.key),
        "type": arguments.choice(name, "the type of an attribute", given.type, _TYPES),
        "description": arguments.text(name, "the description of an attribute", given.description),
    }


def _check(name: str, base: KnowledgeBaseConfig, search: Mapping[str, Any]) -> None:
    """Refuse what the store of the knowledge base cannot do."""
    wanted, store = search.get("overrideSearchType"), STORES[base.store]
    if wanted is not None and wanted not in store.search_types:
        arguments.refuse(
            name, f"{store.name} has no search of type {wanted!s:.40}, but {', '.join(store.search_types)}"
        )
    if search.get("filter") is not None:
        try:
            check_filter(base.store, arguments.mapping(name, "filter", search["filter"]))
        except ConfigError as error:
            arguments.refuse(name, error.message)
