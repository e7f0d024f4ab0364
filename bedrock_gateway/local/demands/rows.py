"""What a demand is, and the rows it is written down in.

One row says: this operation needs that action on that resource, in that context, by that source. The rows themselves
are in the modules beside this one, by service; `bedrock_gateway.local.authorization` judges with them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from bedrock_gateway.local.demands.facts import AccountFacts

__all__ = [
    "BEDROCK",
    "SAR",
    "ApiRequest",
    "Context",
    "Demand",
    "IamEntity",
    "Irregular",
    "Lookup",
    "Resource",
    "Row",
    "Rows",
    "WrappedModel",
    "forwarded",
    "pass_role",
    "rows_of",
    "same_named",
    "tag_context",
    "tagged",
]

Context = Mapping[str, str | Sequence[str]]
SAR = "Service Authorization Reference"
BEDROCK = "bedrock.amazonaws.com"


@dataclass(frozen=True, slots=True)
class WrappedModel:
    """What an application inference profile was made from."""

    model_id: str
    regions: tuple[str, ...]
    """Destination Regions; the empty string stands for the Region-less model ARN of a global profile."""


class Lookup(Protocol):
    """What a demand can depend on besides the request itself: what exists in the account."""

    def application_profile(self, identifier: str, region: str) -> WrappedModel | None:
        """Return what the application inference profile of that id or ARN wraps, or None."""
        ...

    def knowledge_base_role(self, identifier: str, region: str) -> str | None:
        """Return the ARN of a knowledge base's role, or None."""
        ...

    def entity(self, kind: str, name: str) -> IamEntity | None:
        """Return the IAM ``role``, ``user``, ``group`` or ``instance-profile`` of that name, or None."""
        ...

    def key_arn(self, identifier: str, region: str) -> str | None:
        """Return the ARN of the KMS key that an alias stands for, or None."""
        ...

    def search_policy(self, kind: str, name: str, region: str) -> object:
        """Return the document of the OpenSearch Serverless policy of that type and name, or None."""
        ...

    def search_collection(self, identifier: str, region: str) -> tuple[str, Mapping[str, str]] | None:
        """Return (name, tags) of the OpenSearch Serverless collection of that id, or None."""
        ...

    @property
    def facts(self) -> AccountFacts:
        """What else exists, and is not served."""
        ...


class IamEntity(Protocol):
    """What the judge needs to know of an IAM entity."""

    @property
    def arn(self) -> str:
        """Its ARN, path included."""
        ...

    @property
    def boundary(self) -> str | None:
        """ARN of its permissions boundary, if it has one."""
        ...

    @property
    def tags(self) -> Mapping[str, str]:
        """Its tags."""
        ...


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """One API call, as the judge sees it."""

    service: str
    """botocore's service name."""
    operation: str
    params: Mapping[str, Any]
    region: str
    account: str
    partition: str = "aws"
    lookup: Lookup | None = None
    """None: nothing exists."""
    caller_arn: str = ""
    """Who calls, for the few operations whose resource is the caller itself."""
    bearer_token: str | None = None
    """``SHORT_TERM`` or ``LONG_TERM`` for a call with an Amazon Bedrock API key."""

    def arn(self, service: str, resource: str, *, region: str | None = None, account: str | None = None) -> str:
        """Return an ARN in the request's partition; Region and account are the request's unless given."""
        region = self.region if region is None else region
        account = self.account if account is None else account
        return f"arn:{self.partition}:{service}:{region}:{account}:{resource}"

    @property
    def facts(self) -> AccountFacts:
        """What exists in the account and is not served."""
        return self.lookup.facts if self.lookup else AccountFacts()

    def param(self, path: str) -> Any:
        """Return the value at a dotted *path* of the parameters; None where it is absent."""
        value: Any = self.params
        for name in path.split("."):
            value = value.get(name) if isinstance(value, Mapping) else None
        return value


@dataclass(frozen=True, slots=True)
class Demand:
    """One action on one resource that the caller must be allowed; all demands of a request together."""

    action: str
    resource: str
    context: Context = field(default_factory=dict)
    """Condition keys of this demand alone; those of every request are added when it is judged."""
    source: str = SAR
    confidence: str = "H"
    """``H``, ``M`` or ``L``: how surely AWS demands this."""


Resource = str | Callable[[ApiRequest], Iterable[str]]
MakeContext = Callable[[ApiRequest], Context]


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that an operation demands."""

    action: str
    resource: Resource = "*"
    """An ARN template over the parameters and ``{P}``, ``{R}``, ``{A}`` (partition, Region, account); or a function."""
    source: str = SAR
    confidence: str = "H"
    when: str | None = None
    """Dotted path of a parameter; the row applies only where it is given."""
    context: MakeContext | None = None

    def demands(self, request: ApiRequest) -> Iterator[Demand]:
        """Return what this row demands for *request*."""
        if self.when is not None and not request.param(self.when):
            return
        context = self.context(request) if self.context else {}
        for resource in self._resources(request):
            yield Demand(self.action, resource, context, self.source, self.confidence)

    def _resources(self, request: ApiRequest) -> Iterable[str]:
        if not isinstance(self.resource, str):
            return self.resource(request)
        return (self.resource.format_map(_Names(request)),)


class _Names(dict[str, str]):
    """Names a template may use; a parameter that is not given stands for any resource, which only ``*`` covers."""

    def __init__(self, request: ApiRequest) -> None:
        super().__init__(P=request.partition, R=request.region, A=request.account)
        self._params = request.params

    def __missing__(self, name: str) -> str:
        return str(self._params.get(name, "*"))


Irregular = Callable[[ApiRequest], Iterable[Demand]]
Rows = Mapping[tuple[str, str], tuple[Row | Irregular, ...]]
"""(service, operation) → rows. An empty tuple: AWS demands nothing."""


def rows_of(rows: tuple[Row | Irregular, ...], request: ApiRequest) -> list[Demand]:
    """Return everything that *rows* demand for *request*."""
    return [demand for row in rows for demand in (row.demands(request) if isinstance(row, Row) else row(request))]


def same_named(
    service: str, resource: Resource, operations: str, *, prefix: str | None = None, context: MakeContext | None = None
) -> Rows:
    """Return rows for operations whose one action has the operation's own name."""
    prefix = prefix or service
    return {(service, name): (Row(f"{prefix}:{name}", resource, context=context),) for name in operations.split()}


def tag_context(tags: object) -> dict[str, str | Sequence[str]]:
    """Return ``aws:RequestTag/…`` and ``aws:TagKeys`` for tags in any of the forms that AWS's services take."""
    pairs: dict[str, str] = {}
    if isinstance(tags, Mapping):
        pairs = {str(key): str(value) for key, value in tags.items()}
    elif isinstance(tags, Iterable):
        keys = [tag for tag in tags if isinstance(tag, str)]
        if keys:
            # Operations that take tags away name their keys alone.
            return {"aws:TagKeys": keys}
        for tag in tags:
            folded = {name.casefold(): value for name, value in tag.items()}
            pairs[str(folded.get("key"))] = str(folded.get("value", ""))
    if not pairs:
        return {}
    return {**{f"aws:RequestTag/{key}": value for key, value in pairs.items()}, "aws:TagKeys": list(pairs)}


def pass_role(path: str, to_service: str, *, source: str, confidence: str = "H") -> Row:
    """Return the row for a role handed to a service at parameter *path*; AWS's tables do not list it."""
    return Row(
        "iam:PassRole",
        lambda request: (str(request.param(path)),),
        source,
        confidence,
        when=path,
        context=lambda _: {"iam:PassedToService": to_service},
    )


def forwarded(context: Context) -> Context:
    """Return *context* for a call that Bedrock makes with the caller's identity (a forward access session)."""
    return {
        **context,
        "aws:ViaAWSService": "true",
        "aws:CalledVia": [BEDROCK],
        "aws:CalledViaFirst": BEDROCK,
        "aws:CalledViaLast": BEDROCK,
    }


def tagged(service: str, resource: str = "{resourceARN}", *, tags: str = "tags") -> Rows:
    """Return the rows of the three tag operations of a Bedrock service."""
    return {
        **same_named(service, resource, "UntagResource", prefix="bedrock", context=_tag_keys),
        **same_named(service, resource, "ListTagsForResource", prefix="bedrock"),
        **same_named(
            service, resource, "TagResource", prefix="bedrock", context=lambda one: tag_context(one.params.get(tags))
        ),
    }


def _tag_keys(request: ApiRequest) -> Context:
    return {"aws:TagKeys": list(request.params.get("tagKeys") or ())}
