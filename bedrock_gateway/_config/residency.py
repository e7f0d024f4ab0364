"""Where what is declared may run, and whether that is within the Regions of ``residency``: checked once, when it is read.

A client can call, a policy grants, and a fallback reaches only what is declared; so a model that may run elsewhere is
refused where it is declared. What nobody can say where it runs is refused too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bedrock_gateway.capabilities.guardrails import guardrail_destinations
from bedrock_gateway.capabilities.models import destinations, parse_model_id
from bedrock_gateway.capabilities.scope import WRAPPERS
from bedrock_gateway.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bedrock_gateway.config import GatewayConfig

__all__ = ["check_residency"]

_ANYWHERE = frozenset({"any commercial Region"})


def check_residency(config: GatewayConfig) -> None:
    """Refuse what may run outside of ``residency``.

    Raises:
        ConfigError: something does, or nobody can say where it runs.
    """
    allowed = set(config.residency)
    if not allowed:
        return
    for path, what, regions in _declared(config):
        if regions is None:
            raise ConfigError(
                f"{path}: where {what} runs is not known, and `residency` is declared; add it to `wraps` or `destinations`, "
                "or declare another",
                key_path=path,
            )
        if outside := sorted(regions - allowed):
            raise ConfigError(
                f"{path}: {what} may run in {', '.join(outside)}, which `residency` does not list", key_path=path
            )


def _declared(config: GatewayConfig) -> Iterator[tuple[str, str, set[str] | frozenset[str] | None]]:
    """Everything that processes content: its key, its name, and where it may run; None: nobody can say."""
    yield "region", f"the Region {config.region}", {config.region}
    for name, principal in config.principals.items():
        for member in ("models", "rerankers"):
            for model in getattr(principal, member):
                yield f"principals.{name}.{member}", model, _regions(config, model)
    for name, base in config.knowledge_bases.items():
        yield f"knowledge_base.{name}.embedding_model", base.embedding_model, _regions(config, base.embedding_model)
        for number, source in enumerate(base.sources):
            if source.parsing and source.parsing.model:
                path = f"knowledge_base.{name}.source.{number}.parsing.model"
                yield path, source.parsing.model, _regions(config, source.parsing.model)
    if config.guardrail and config.guardrail.profile:
        reach = set(guardrail_destinations(config.guardrail.profile, config.region))
        yield "guardrail.profile", f"the guardrail profile {config.guardrail.profile!r}", reach


def _regions(config: GatewayConfig, text: str) -> set[str] | frozenset[str] | None:
    model = parse_model_id(text)
    if model.kind in WRAPPERS:
        behind = [_regions(config, one) for one in config.wraps.get(text) or config.wraps.get("") or ()]
        known = [one for one in behind if one is not None]
        return set().union(*known) if behind and len(known) == len(behind) else None
    if model.geography == "global":
        return _ANYWHERE
    if model.kind == "profile":
        reach = destinations(model.name, config.region) or config.destinations
        return {config.region, *reach} if reach else None
    return {model.region or config.region}
