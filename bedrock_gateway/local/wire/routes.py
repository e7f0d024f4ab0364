"""Which Bedrock operation a request is: by method and path, from botocore's own service models.

All four services sign as ``bedrock``, so the credential scope does not tell them apart. Method and path do, but for
the tag operations and ``POST /agents/{id}``; a Host that names the service settles those.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bedrock_gateway.local.wire.message import Request

__all__ = ["BEDROCK_SERVICES", "Match", "named_service", "operation_model", "resolve", "service_model"]

BEDROCK_SERVICES = ("bedrock-runtime", "bedrock", "bedrock-agent", "bedrock-agent-runtime")


@dataclass(frozen=True, slots=True)
class Match:
    """The operation a request names, and the labels its path carries, decoded."""

    service: str
    operation: str
    labels: Mapping[str, str]
    params: Mapping[str, Any] | None = None
    """The operation's parameters where they were read already; None: they are still to be read."""


@dataclass(frozen=True, slots=True)
class _Route:
    operation: str
    segments: tuple[str, ...]

    def labels(self, segments: tuple[str, ...]) -> dict[str, str] | None:
        """Return the path's labels by name, or None where a literal segment differs."""
        found = {}
        for mine, sent in zip(self.segments, segments, strict=True):
            if mine.startswith("{"):
                if not sent:
                    return None
                found[mine.strip("{}+")] = unquote(sent)
            elif mine != sent:
                return None
        return found


@cache
def _loader() -> Any:
    from botocore.loaders import create_loader

    return create_loader()


@cache
def service_model(service: str) -> Any:
    """Return botocore's model of *service*, loaded once; patient with the services botocore does not know: None."""
    from botocore.exceptions import UnknownServiceError
    from botocore.model import ServiceModel

    try:
        return ServiceModel(_loader().load_service_model(service, "service-2"), service)
    except UnknownServiceError:
        return None


@cache
def operation_model(service: str, operation: str) -> Any:
    """Return botocore's model of one operation; its shapes are built once and kept."""
    return service_model(service).operation_model(operation)


@cache
def _routes(service: str) -> Mapping[tuple[str, int], tuple[_Route, ...]]:
    """Return a service's routes by method and number of segments; those with more literal segments first."""
    table = defaultdict(list)
    model = service_model(service)
    for name in model.operation_names:
        http = model.operation_model(name).http
        segments = _segments(http["requestUri"].partition("?")[0])
        table[http["method"], len(segments)].append(_Route(name, segments))
    return {key: tuple(sorted(routes, key=_number_of_labels)) for key, routes in table.items()}


def _number_of_labels(route: _Route) -> int:
    return sum(segment.startswith("{") for segment in route.segments)


def _segments(path: str) -> tuple[str, ...]:
    return tuple(path.strip("/").split("/"))


def named_service(hostname: str) -> str | None:
    """Return the Bedrock service that a host names, such as ``bedrock-agent.localhost``, or None."""
    label = hostname.partition(".")[0].removesuffix("-fips")
    return label if label in BEDROCK_SERVICES else None


def resolve(request: Request) -> Match | None:
    """Return the Bedrock operation that *request* names, or None where there is none."""
    named = named_service(request.hostname)
    segments = _segments(request.raw_path)
    for service in (named,) if named else BEDROCK_SERVICES:
        for route in _routes(service).get((request.method, len(segments)), ()):
            labels = route.labels(segments)
            if labels is not None:
                return Match(service, route.operation, labels)
    return None
