"""What may be called, by whom, where: `gateway.toml` as a checked, frozen `GatewayConfig` of one environment.

The file is the only place from which permissions come. The process environment and arguments can select (path,
environment, principal) or be compared with it; an attempt to widen is an error. Nothing is read at import, and the
library never looks for a file by itself.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from bedrock_gateway._config.file import located, nearest, not_toml, refuse_widening, resolve
from bedrock_gateway._config.identity import IdentityConfig, TrustConfig
from bedrock_gateway._config.knowledge import KnowledgeBaseConfig, collection_name
from bedrock_gateway._config.reliability import BreakerConfig, DeadlineConfig, ReliabilityConfig, RetryConfig
from bedrock_gateway._config.residency import check_residency
from bedrock_gateway._config.scope import check_identities, scope_of
from bedrock_gateway._config.sources import ChunkingConfig, FilterConfig, ParsingConfig, SourceConfig
from bedrock_gateway._config.startup import LoadConfig, PreflightConfig
from bedrock_gateway._config.tables import (
    BatchConfig,
    GuardrailConfig,
    LoggingConfig,
    PrincipalConfig,
    translated,
)
from bedrock_gateway._config.values import Account, EnforcedGuardrail, ModelName, Models, Name, Region, Table
from bedrock_gateway.capabilities.guardrails import guardrail_destinations
from bedrock_gateway.capabilities.scope import check_wraps, checked
from bedrock_gateway.errors import ConfigError

if TYPE_CHECKING:
    from bedrock_gateway.capabilities import Scope

__all__ = [
    "BatchConfig",
    "BreakerConfig",
    "ChunkingConfig",
    "DeadlineConfig",
    "FilterConfig",
    "GatewayConfig",
    "GuardrailConfig",
    "IdentityConfig",
    "KnowledgeBaseConfig",
    "LoadConfig",
    "LoggingConfig",
    "ParsingConfig",
    "PreflightConfig",
    "PrincipalConfig",
    "ReliabilityConfig",
    "RetryConfig",
    "SourceConfig",
    "TrustConfig",
]

FILE_LIMIT = 1 << 20
_BYTE = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"
_LOOPBACK = re.compile(rf"http://(?:127\.{_BYTE}\.{_BYTE}\.{_BYTE}|\[::1\])(?::\d{{1,5}})?/?", re.ASCII)
_ENDPOINT_SERVICES = (
    "bedrock",
    "bedrock-runtime",
    "bedrock-agent",
    "bedrock-agent-runtime",
    "sts",
    "iam",
    "logs",
    "s3",
)


class GatewayConfig(Table):
    """One environment of a configuration, checked and resolved. Can also be built in code."""

    application: Name
    account: Account
    region: Region
    environment: str | None = None
    """Name of the environment it was resolved for; None where it was built in code."""
    local: bool = False
    """Whether this is a local Bedrock: permits plain http to a loopback address, and marks every result."""
    endpoint: str | None = None
    """Of a local Bedrock, for every service; None elsewhere."""
    endpoints: Mapping[str, str] = Field(default_factory=dict)
    """VPC endpoint by service, such as ``bedrock-runtime``."""
    auth: Literal["sigv4", "bearer"] = "sigv4"
    principals: Mapping[Name, PrincipalConfig]
    logging: LoggingConfig | None = None
    guardrail: GuardrailConfig | None = None
    destinations: Annotated[tuple[Region, ...], Field(strict=False)] = ()
    """Where profiles may run that our data lacks, as those of AWS GovCloud."""
    residency: Annotated[tuple[Region, ...], Field(strict=False)] = ()
    """The only Regions in which what is declared may run; empty: wherever its ids let it."""
    enforced_guardrails: Annotated[tuple[EnforcedGuardrail, ...], Field(strict=False)] = ()
    """Ids or ARNs of guardrails that the account or the organisation enforces on every call."""
    batch: BatchConfig = BatchConfig()
    reliability: ReliabilityConfig = ReliabilityConfig()
    """Deadlines, retries, circuit breaker, connections."""
    preflight: PreflightConfig = PreflightConfig()
    """Whether a preflight must have passed before a model is called."""
    wraps: Mapping[ModelName, Models] = Field(default_factory=dict)
    """Application profile or prompt router → the models or profiles behind it."""
    knowledge_bases: Mapping[Name, KnowledgeBaseConfig] = Field(default_factory=dict)

    def __init__(self, **values: Any) -> None:
        """Check the values.

        Raises:
            ConfigError: one of them is missing, unknown or malformed; the message names it.
        """
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise translated(error, type(self)) from None

    @model_validator(mode="after")
    def _consistent(self) -> GatewayConfig:
        # A ConfigError passes through pydantic as it is, and keeps its key path.
        self._check_endpoints()
        check_wraps(self.wraps)
        check_residency(self)
        if self.guardrail and self.guardrail.profile:
            guardrail_destinations(self.guardrail.profile, self.region)
        for name, principal in self.principals.items():
            if principal.require_guardrail and self.guardrail is None:
                raise ConfigError(
                    f"principals.{name}.require_guardrail: no guardrail is configured; add [guardrail]",
                    key_path=f"principals.{name}.require_guardrail",
                )
            for base in principal.knowledge_bases:
                if base not in self.knowledge_bases:
                    raise ConfigError(
                        f"principals.{name}.knowledge_bases: {base!r} is not defined; add [knowledge_base.{base}]",
                        key_path=f"principals.{name}.knowledge_bases",
                    )
        return self

    def _check_endpoints(self) -> None:
        if self.endpoint is not None and not (self.local and _LOOPBACK.fullmatch(self.endpoint)):
            raise ConfigError(
                "endpoint: only with `local = true`, and only http:// to a loopback address such as"
                " http://127.0.0.1:4566; for VPC endpoints use `endpoints`",
                key_path="endpoint",
            )
        for service, url in self.endpoints.items():
            path = f"endpoints.{service}"
            if service not in _ENDPOINT_SERVICES:
                known = dict.fromkeys(_ENDPOINT_SERVICES)
                raise ConfigError(f"unknown service {path!r}{nearest(service, known)}", key_path=path)
            host = rf"(?:bucket\.)?vpce-[0-9a-z-]+\.{service}\.{self.region}\.vpce\.amazonaws\.com"
            if not re.fullmatch(f"https://{host}/?", url):
                shown = f"https://vpce-….{service}.{self.region}.vpce.amazonaws.com"
                raise ConfigError(f"{path}: write the VPC endpoint in full, {shown}", key_path=path)

    @model_validator(mode="after")
    def _named_resources(self) -> GatewayConfig:
        """Fill in the names that follow from others, so that nobody after us has to know how."""
        filled = {name: self._filled(name, base) for name, base in self.knowledge_bases.items()}
        self.__dict__["knowledge_bases"] = filled
        check_identities(self)
        return self

    def _filled(self, name: str, base: KnowledgeBaseConfig) -> KnowledgeBaseConfig:
        index = base.vector_index or name.lower().replace("_", "-")
        try:
            checked("vector_index", index)
        except ConfigError:
            path = f"knowledge_base.{name}"
            raise ConfigError(f"{path}: no index can be named {index!r}; add `vector_index`", key_path=path) from None
        return base.model_copy(
            update={
                "role": base.role or f"bedrock-gateway/AmazonBedrockGateway-kb-{name}",
                "vector_bucket": base.vector_bucket or f"bedrock-gateway-{self.account}-{self.region}",
                "vector_index": index,
                "collection": base.collection or collection_name(self.application, name),
            }
        )

    @property
    def partition(self) -> str:
        """``aws`` or ``aws-us-gov``, from the Region."""
        return "aws-us-gov" if self.region.startswith("us-gov-") else "aws"

    @classmethod
    def from_file(
        cls,
        path: str | os.PathLike[str],
        *,
        env: str | None = None,
        region: str | None = None,
        profile: str | None = None,
    ) -> GatewayConfig:
        """Read *path* for environment *env* (None: ``BEDROCKGW_ENV``, or the only one there is).

        *region* is compared with the one that the environment declares; where it declares none, it comes from
        *region*, ``AWS_REGION``, ``AWS_DEFAULT_REGION`` or the AWS profile (*profile*, None: ``AWS_PROFILE``).

        Raises:
            ConfigError: the file cannot be read or used.
        """
        if not isinstance(path, (str, os.PathLike)):
            raise ConfigError(f"path is the path of a gateway.toml, not {type(path).__name__}")
        where = Path(path)
        try:
            with where.open("rb") as file:
                raw = file.read(FILE_LIMIT + 1)
        except (OSError, ValueError) as error:  # ValueError: a NUL in it
            reason = getattr(error, "strerror", None) or type(error).__name__
            shown = str(where)[:1000]  # no file has a longer name, and an error is a line
            raise ConfigError(f"cannot read {shown}: {reason}; `bedrock-gateway init` writes one") from None
        if len(raw) > FILE_LIMIT:
            raise ConfigError(f"{where} is larger than {FILE_LIMIT} bytes")
        try:
            text = raw.decode()
        except UnicodeDecodeError as error:
            raise ConfigError(f"{where} is not UTF-8 (byte {error.start})") from None
        return cls.from_toml(text, env=env, region=region, profile=profile, source=str(where))

    @classmethod
    def from_toml(
        cls,
        text: str,
        *,
        env: str | None = None,
        region: str | None = None,
        profile: str | None = None,
        source: str = "gateway.toml",
    ) -> GatewayConfig:
        """Read TOML *text*; *source* is its name in messages.

        Raises:
            ConfigError: it cannot be used.
        """
        refuse_widening(os.environ)
        try:
            data = tomllib.loads(text)
        except RecursionError:
            raise ConfigError(f"{source}: not TOML that we read: nested too deeply") from None
        except ValueError as error:
            raise not_toml(error, text, source) from None
        try:
            return cls(**resolve(data, env or os.environ.get("BEDROCKGW_ENV"), region, profile))
        except ConfigError as error:
            raise located(error, text, source) from None

    def principal_name(self, name: str | None = None) -> str:
        """Return *name* if it is configured; None: ``BEDROCKGW_PRINCIPAL``, or the only principal there is.

        Raises:
            ConfigError: there is no such principal, or several and none is chosen.
        """
        if name is not None and not isinstance(name, str):
            raise ConfigError(f"a principal is named by a str, not {type(name).__name__}")
        wanted = name or os.environ.get("BEDROCKGW_PRINCIPAL")
        if wanted is None and len(self.principals) == 1:
            return next(iter(self.principals))
        if wanted is None:
            raise ConfigError(f"choose a principal: one of {', '.join(self.principals)}")
        if wanted not in self.principals:
            raise ConfigError(f"no principal {wanted[:80]!r}{nearest(wanted, self.principals)}")
        return wanted

    def principal(self, name: str | None = None) -> PrincipalConfig:
        """Return the principal that `principal_name` names."""
        return self.principals[self.principal_name(name)]

    def knowledge_base(self, name: str) -> KnowledgeBaseConfig:
        """Return the knowledge base of that name.

        Raises:
            ConfigError: there is none.
        """
        if not isinstance(name, str):
            raise ConfigError(f"a knowledge base is named by a str, not {type(name).__name__}")
        found = self.knowledge_bases.get(name)
        if found is None:
            raise ConfigError(f"no knowledge base {name[:80]!r}{nearest(name, self.knowledge_bases)}")
        return found

    def scope(self, name: str | None = None) -> Scope:
        """Return what the capabilities of a principal apply to: the input of `iam.generate`.

        Raises:
            ConfigError: a runtime principal uses a knowledge base whose id is not known yet; the message holds the
                line to add.
        """
        return scope_of(self, self.principal(name))
