"""The tables of a data source in `gateway.toml`, and how its documents are read and cut.

Which keys go together is data: `capabilities.sources`. The types here hold AWS's limits.
"""

from __future__ import annotations

import re
from collections.abc import Mapping  # noqa: TC003 - pydantic reads the annotations
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, StringConstraints, model_validator

from bedrock_gateway._config.values import Account, Bucket, Key, ModelName, Prefix, Table, by, named
from bedrock_gateway.capabilities.models import parse_model_id
from bedrock_gateway.capabilities.sources import PARSERS, SOURCES, check_keys
from bedrock_gateway.errors import ConfigError

__all__ = [
    "ChunkingConfig",
    "FilterConfig",
    "ParserName",
    "ParsingConfig",
    "SourceConfig",
    "SourceType",
]

SourceType = Literal["s3", "web", "confluence", "sharepoint", "salesforce", "custom"]
ParserName = Literal["foundation-model", "data-automation"]

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_LOOKS_AHEAD = re.compile(r"\(\?<?[=!]")
_AWS_NAME = r"^([0-9a-zA-Z][_-]?){1,100}$"


def _printable(value: str) -> None:
    if _CONTROL.search(value):
        raise ConfigError("holds a control character")


def _address(*schemes: str) -> Any:
    """An address that can be sent: no credentials in it, nothing that could end a line."""

    def check(value: str) -> None:
        _printable(value)
        shown = f"{'https' if 'https' in schemes else schemes[0]}://example.com/"
        try:
            parts = urlsplit(value)
            host, credentials = parts.hostname, "@" in parts.netloc
            _ = parts.port
        except ValueError:
            raise ConfigError(f"is no address; one looks like {shown}") from None
        if parts.scheme not in schemes or not host or not host[0].isalnum() or re.search(r"\s", value):
            raise ConfigError(f"is no address of {' or '.join(schemes)}; one looks like {shown}")
        if credentials:
            raise ConfigError("holds credentials: they belong into a secret, not into an address")

    return by(check)


def _pattern(value: str) -> None:
    _printable(value)
    if _LOOKS_AHEAD.search(value):
        raise ConfigError("looks ahead or behind, which AWS refuses in a filter")


Url = Annotated[str, _address("https", "http")]
HttpsUrl = Annotated[str, _address("https")]
Pattern = Annotated[str, StringConstraints(min_length=1, max_length=1000), by(_pattern)]
Patterns = Annotated[tuple[Pattern, ...], Field(min_length=1, max_length=25, strict=False)]
Secret = Annotated[str, named("secret", "secret: write its ARN in full")]
Text = Annotated[str, by(_printable)]


def _sendable(value: str) -> None:
    """A prompt may have lines, and nothing else that cannot be seen."""
    _printable(value.replace("\n", "").replace("\r", "").replace("\t", ""))


class ChunkingConfig(Table):
    """How a source's documents are cut; it cannot be changed once the data source is there."""

    strategy: Literal["fixed", "hierarchical", "semantic", "none"]
    max_tokens: Annotated[int, Field(ge=1, le=8192)] | None = None
    """Of a chunk; with ``hierarchical``, of a parent. Every strategy but ``none`` needs it."""
    overlap_percentage: Annotated[int, Field(ge=1, le=99)] | None = None
    """``fixed``: how much of a chunk the next one repeats."""
    child_max_tokens: Annotated[int, Field(ge=1, le=8192)] | None = None
    """``hierarchical``: of a child, which is what is searched."""
    overlap_tokens: Annotated[int, Field(ge=1)] | None = None
    """``hierarchical``: how many tokens a child repeats."""
    buffer_size: Annotated[int, Field(ge=0, le=1)] | None = None
    """``semantic``: sentences around each that are compared with it."""
    breakpoint_percentile: Annotated[int, Field(ge=50, le=99)] | None = None
    """``semantic``: how unlike two sentences must be for a cut."""

    @model_validator(mode="after")
    def _fits(self) -> ChunkingConfig:
        needed = _CHUNKING[self.strategy]
        given = {name for name in type(self).model_fields if name != "strategy" and getattr(self, name) is not None}
        if given != needed:
            wanted = ", ".join(sorted(needed)) or "nothing besides"
            raise ValueError(f"the strategy {self.strategy!r} takes {wanted}")
        if self.strategy == "hierarchical":
            parent, child, overlap = self.max_tokens or 0, self.child_max_tokens or 0, self.overlap_tokens or 0
            if not overlap < child <= parent:
                raise ValueError(
                    f"a child of {child} tokens fits no parent of {parent} with an overlap of {overlap}: overlap_tokens is "
                    "less than child_max_tokens, which is at most max_tokens"
                )
        return self


# Source: API_agent_ChunkingConfiguration.
_CHUNKING: Mapping[str, frozenset[str]] = {
    "fixed": frozenset({"max_tokens", "overlap_percentage"}),
    "hierarchical": frozenset({"max_tokens", "child_max_tokens", "overlap_tokens"}),
    "semantic": frozenset({"max_tokens", "buffer_size", "breakpoint_percentile"}),
    "none": frozenset(),
}


class ParsingConfig(Table):
    """How a source's documents are read, where AWS's default, which sees text alone, is not enough."""

    strategy: ParserName
    """It cannot be changed once the data source is there."""
    model: ModelName | None = None
    """``foundation-model``: a model or profile that sees images; the service role may call it."""
    prompt: Annotated[str, StringConstraints(min_length=1, max_length=10_000), by(_sendable)] | None = None
    """``foundation-model``: what it is told; None: AWS's own prompt."""
    multimodal: bool = False
    """Whether images, tables and charts are kept, in the knowledge base's ``multimodal_bucket``."""

    @model_validator(mode="after")
    def _fits(self) -> ParsingConfig:
        row = PARSERS[self.strategy]
        given = {
            name for name in self.model_fields_set if name != "strategy" and getattr(self, name) not in {None, False}
        }
        taken = {*row.required, *row.optional}
        for name in sorted(given - taken):
            raise ValueError(f"the strategy {self.strategy!r} has no {name!r}; it takes {', '.join(sorted(taken))}")
        for name in row.required:
            if name not in given:
                raise ValueError(f"the strategy {self.strategy!r} needs `{name}`")
        if self.model is not None:
            kind = parse_model_id(self.model).kind
            if kind not in _PARSING_KINDS or any(word in self.model for word in ("embed", "rerank")):
                raise ValueError(
                    f"{self.model} reads no documents: name a foundation model that sees images, or its profile"
                )
        return self


# Source: User Guide, kb-advanced-parsing: a foundation model or an inference profile.
_PARSING_KINDS = frozenset({"on-demand", "profile", "application-profile"})


class FilterConfig(Table):
    """What of one kind of thing is read; where both match, it is left out."""

    object_type: Annotated[str, StringConstraints(min_length=1, max_length=50)]
    """AWS's word, such as ``Page``."""
    include: Patterns | None = None
    """Regular expressions; None: everything."""
    exclude: Patterns | None = None

    @model_validator(mode="after")
    def _says_something(self) -> FilterConfig:
        if self.include is None and self.exclude is None:
            raise ValueError("add `include` or `exclude`")
        return self


class SourceConfig(Table):
    """One data source of a knowledge base; which keys a type takes is in `bedrock_gateway.capabilities.sources`."""

    type: SourceType
    name: Annotated[str, StringConstraints(pattern=_AWS_NAME)] | None = None
    """Name of the data source on AWS; None: the knowledge base's, and which source it is, counted from 0."""
    bucket: Bucket | None = None
    prefix: Annotated[Prefix, StringConstraints(max_length=300)] = ""
    bucket_owner: Account | None = None
    """Account that owns the bucket; None: the environment's own."""
    key: Key | None = None
    """KMS key that the bucket, or the secret, is encrypted with; None: none of your own."""
    urls: Annotated[tuple[Url, ...], Field(min_length=1, max_length=100, strict=False)] | None = None
    """``web``: where crawling begins."""
    scope: Literal["host-only", "subdomains"] | None = None
    """``web``: how far it goes; None: pages of the same host below the path of a seed URL."""
    include: Patterns | None = None
    """``web``: regular expressions of addresses to crawl; None: all of the scope."""
    exclude: Patterns | None = None
    """``web``: addresses to leave out, also where ``include`` matches."""
    rate_limit: Annotated[int, Field(ge=1, le=300)] | None = None
    """``web``: most pages of a host a minute; None: AWS's default."""
    max_pages: Annotated[int, Field(ge=1, le=25_000)] | None = None
    """``web``: most pages; where there are more, AWS ingests none. None: AWS's default."""
    user_agent: Annotated[str, StringConstraints(min_length=15, max_length=40), by(_printable)] | None = None
    """``web``: what is put behind the crawler's own name; None: nothing."""
    host_url: HttpsUrl | None = None
    """``confluence``, ``salesforce``: address of the site."""
    site_urls: Annotated[tuple[HttpsUrl, ...], Field(min_length=1, max_length=100, strict=False)] | None = None
    """``sharepoint``: addresses of the sites."""
    domain: Annotated[str, StringConstraints(min_length=1, max_length=50), by(_printable)] | None = None
    """``sharepoint``: the first word of the host."""
    tenant_id: (
        Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")]
        | None
    ) = None
    """``sharepoint``: id of the Microsoft 365 tenant."""
    auth: Literal["basic", "oauth2"] | None = None
    """How Bedrock signs in. SharePoint's App-Only is not offered: Microsoft ended it in April 2026."""
    secret: Secret | None = None
    """Secret with the credentials, in the Region of the knowledge base."""
    filters: Annotated[tuple[FilterConfig, ...], Field(min_length=1, max_length=25, strict=False)] | None = None
    chunking: ChunkingConfig | None = None
    """None: AWS's default, about 300 tokens. A change is a new data source."""
    parsing: ParsingConfig | None = None
    """None: AWS's default, which reads text alone."""
    deletion_policy: Literal["delete", "retain"] | None = None
    """What becomes of its vectors when the data source is deleted; None: what it is, at first AWS's ``delete``."""

    @model_validator(mode="after")
    def _fits(self) -> SourceConfig:
        row = SOURCES[self.type]
        given = {name for name in self.model_fields_set if getattr(self, name) not in {None, ""}}
        try:
            check_keys(self.type, given)
        except ConfigError as error:
            raise ValueError(error.message) from None
        for key in row.keys:
            value = getattr(self, key.name)
            if key.name in given and key.values and value not in key.values:
                raise ValueError(
                    f"`{key.name}` of a source of type {self.type!r} is {' or '.join(map(repr, key.values))}"
                )
            for one in _listed(value) if key.host and key.name in given else ():
                _check_host(one, key.host, key.name)
        for chosen in self.filters or ():
            if chosen.object_type not in row.object_types:
                raise ValueError(
                    f"{self.type} has no {chosen.object_type[:80]!r} to filter; it has {', '.join(row.object_types)}"
                )
        if self.parsing and self.parsing.multimodal and not row.multimodal:
            raise ValueError(f"AWS reads no images of a source of type {self.type!r}: take `multimodal` out")
        return self


def _listed(value: Any) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def _check_host(address: str, ending: str, name: str) -> None:
    if not (urlsplit(address).hostname or "").endswith(ending):
        raise ValueError(f"`{name}`: {address[:200]!r} is no address of a host that ends with {ending}")
