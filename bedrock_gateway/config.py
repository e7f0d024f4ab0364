"""What may be called, by whom, where: `gateway.toml` as a checked, frozen `GatewayConfig` of one environment.

The file is the only place from which permissions come. The process environment and arguments can select (path,
environment, principal) or be compared with it; an attempt to widen is an error. Nothing is read at import, and the
library never looks for a file by itself.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from bedrock_gateway._config_file import located, nearest, not_toml, refuse_widening, resolve
from bedrock_gateway.capabilities import CAPABILITIES, Scope, capability
from bedrock_gateway.capabilities.models import is_region, parse_model_id
from bedrock_gateway.capabilities.table import checked
from bedrock_gateway.errors import ConfigError

__all__ = [
    "GatewayConfig",
    "GuardrailConfig",
    "KnowledgeBaseConfig",
    "LoggingConfig",
    "PrincipalConfig",
    "SourceConfig",
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


def _quoted(value: object) -> object:
    """TOML numbers lose leading zeros: an account number without quotes is refused, not repaired."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        raise ValueError("write it in quotes, as a string")  # noqa: TRY004 - pydantic wants ValueError
    return value


def _by(check: Callable[[str], object]) -> AfterValidator:
    """A validator that keeps the value and turns our error into one that pydantic gives a path."""

    def validate(value: str) -> str:
        try:
            check(value)
        except ConfigError as error:
            raise ValueError(error.message) from None
        return value

    return AfterValidator(validate)


def _named(kind: str, shown: str | None = None) -> AfterValidator:
    return _by(lambda value: checked(kind, value, name=shown))


def _region(value: str) -> None:
    if not is_region(value):
        raise ConfigError(f"{value[:80]!r} is not a Region; one looks like us-east-1")


Account = Annotated[str, BeforeValidator(_quoted), _named("account", "account: twelve digits")]
Region = Annotated[str, _by(_region)]
ModelName = Annotated[str, _by(parse_model_id)]
Bucket = Annotated[str, _named("bucket")]
Prefix = Annotated[str, _named("prefix")]
Role = Annotated[str, _named("role")]
KnowledgeBaseId = Annotated[str, _named("knowledge_base", "knowledge base id: ten of 0-9 and A-Z")]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,62}$")]
CapabilityName = Annotated[str, _by(capability)]


class _Table(BaseModel):
    """Strict, frozen, and without any input in its errors: a configuration may sit beside secrets."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)


class PrincipalConfig(_Table):
    """What one principal may do."""

    capabilities: Annotated[tuple[CapabilityName, ...], Field(min_length=1, strict=False)]
    models: Annotated[tuple[ModelName, ...], Field(strict=False)] = ()
    knowledge_bases: Annotated[tuple[Name, ...], Field(strict=False)] = ()
    """Configured names, not ids."""

    @model_validator(mode="after")
    def _separate(self) -> PrincipalConfig:
        kinds = {CAPABILITIES[name].kind: name for name in self.capabilities}
        if {"runtime", "administration"} <= set(kinds):
            raise ValueError(
                f"{kinds['runtime']!r} and {kinds['administration']!r} in one principal: an application that can "
                "administer can switch off its own audit; make two principals"
            )
        return self

    @model_validator(mode="after")
    def _enough(self) -> PrincipalConfig:
        for name in self.capabilities:
            row = CAPABILITIES[name]
            wanted = {leg.resource for one in row.operations for leg in one.legs} if row.kind == "runtime" else set()
            if "model" in wanted and not self.models:
                raise ValueError(f"{name!r} needs a model: add `models`")
            if "knowledge-base" in wanted and not self.knowledge_bases:
                raise ValueError(f"{name!r} needs a knowledge base: add `knowledge_bases`")
        return self


class LoggingConfig(_Table):
    """Where invocation logs must go; the preflight looks for exactly this."""

    log_group: Annotated[str, _named("log_group")] | None = None
    role: Role = "AmazonBedrockGateway-logging"
    bucket: Bucket | None = None
    prefix: Prefix = ""
    large_data_bucket: Bucket | None = None
    modalities: Annotated[tuple[Literal["text", "image", "embedding", "video", "audio"], ...], Field(strict=False)] = (
        "text",
    )


class GuardrailConfig(_Table):
    """The guardrail every call carries."""

    id: Annotated[str, _named("guardrail")]
    version: Annotated[str, BeforeValidator(_quoted), _named("version")]


class SourceConfig(_Table):
    """One data source of a knowledge base."""

    type: Literal["s3"]
    bucket: Bucket
    prefix: Prefix = ""


class KnowledgeBaseConfig(_Table):
    """One knowledge base; what AWS assigns belongs to an environment."""

    embedding_model: ModelName
    store: Literal["s3-vectors"]
    id: KnowledgeBaseId | None = None
    """None until AWS has assigned it."""
    role: Role | None = None
    """Service role with its path; None: ``bedrock-gateway/AmazonBedrockGateway-kb-NAME``."""
    vector_bucket: Annotated[str, _named("vector_bucket")] | None = None
    """None: ``bedrock-gateway-ACCOUNT-REGION``."""
    vector_index: Annotated[str, _named("vector_index")] | None = None
    """None: the knowledge base's name."""
    source: Annotated[tuple[SourceConfig, ...], Field(strict=False)] = ()

    @property
    def sources(self) -> tuple[SourceConfig, ...]:
        """The data sources (``[[knowledge_base.NAME.source]]`` in the file)."""
        return self.source


class GatewayConfig(_Table):
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
    knowledge_bases: Mapping[Name, KnowledgeBaseConfig] = Field(default_factory=dict)

    def __init__(self, **values: Any) -> None:
        """Check the values.

        Raises:
            ConfigError: one of them is missing, unknown or malformed; the message names it.
        """
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise _translate(error) from None

    @model_validator(mode="after")
    def _consistent(self) -> GatewayConfig:
        # A ConfigError passes through pydantic as it is, and keeps its key path.
        self._check_endpoints()
        for name, principal in self.principals.items():
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
        where = Path(path)
        try:
            with where.open("rb") as file:
                raw = file.read(FILE_LIMIT + 1)
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise ConfigError(f"cannot read {where}: {reason}; `bedrock-gateway init` writes one") from None
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
        who = self.principal_name(name)
        principal = self.principals[who]
        names = principal.knowledge_bases or (tuple(self.knowledge_bases) if _administers(principal) else ())
        bases = {one: self.knowledge_base(one) for one in names}
        if not _administers(principal):
            for one, base in bases.items():
                if base.id is None:
                    raise ConfigError(
                        f"knowledge base {one!r} has no id yet; add to gateway.toml:"
                        f' [env.{self.environment or "NAME"}.knowledge_base.{one}] id = "…"'
                    )
        ids = tuple(base.id for base in bases.values() if base.id)
        logging = self.logging or LoggingConfig()
        return Scope(
            region=self.region,
            account=self.account,
            partition=self.partition,
            models=self._models(principal),
            knowledge_bases=ids if len(ids) == len(bases) else (),
            knowledge_base_roles=tuple(base.role for base in bases.values() if base.role),
            logging_role=logging.role,
            log_group=logging.log_group or "/bedrock/invocations",
            logging_bucket=logging.bucket,
            logging_prefix=logging.prefix,
            documents=tuple((one.bucket, one.prefix) for base in bases.values() for one in base.sources),
            vector_indexes=tuple((str(base.vector_bucket), str(base.vector_index)) for base in bases.values()),
            embedding_models=tuple(dict.fromkeys(base.embedding_model for base in bases.values())),
            guardrail=(self.guardrail.id, self.guardrail.version) if self.guardrail else None,
        )

    def _models(self, principal: PrincipalConfig) -> tuple[str, ...]:
        """A standard preflight looks at the models of every principal, and at what embeds."""
        if principal.models or "preflight-standard" not in principal.capabilities:
            return principal.models
        declared = [model for one in self.principals.values() for model in one.models]
        embedding = [base.embedding_model for base in self.knowledge_bases.values()]
        return tuple(dict.fromkeys((*declared, *embedding)))


def _administers(principal: PrincipalConfig) -> bool:
    return any(CAPABILITIES[name].kind == "administration" for name in principal.capabilities)


_MESSAGES = {
    "missing": "is missing",
    "string_type": "is a string: write it in quotes",
    "bool_type": "is true or false",
    "tuple_type": "is an array: write it in brackets",
    "model_type": "is a table",
    "dict_type": "is a table",
    "mapping_type": "is a table",
    "too_short": "is empty: name at least one",
    "string_pattern_mismatch": "a name begins with a letter; letters, digits, - and _ follow, 63 at most",
}


def _translate(error: ValidationError) -> ConfigError:
    """The first fault, in words of ours: pydantic's own would quote the input."""
    faults = error.errors(include_url=False, include_input=False)
    # A misspelt key is also a missing one: the misspelling is the news.
    fault = next((one for one in faults if one["type"] == "extra_forbidden"), faults[0])
    path = [str(part) for part in fault["loc"] if part != "[key]"]
    dotted = ".".join(path).replace("knowledge_bases", "knowledge_base", 1)
    if fault["type"] == "extra_forbidden":
        return ConfigError(
            f"unknown key {dotted!r}{nearest(path[-1], dict.fromkeys(_siblings(path)))}", key_path=dotted
        )
    what = _MESSAGES.get(fault["type"]) or fault["msg"].removeprefix("Value error, ")
    return ConfigError(f"{dotted}: {what}" if dotted else what, key_path=dotted or None)


_MODELS: Mapping[str, type[BaseModel]] = {
    "principals": PrincipalConfig,
    "logging": LoggingConfig,
    "guardrail": GuardrailConfig,
    "knowledge_bases": KnowledgeBaseConfig,
    "source": SourceConfig,
}


def _siblings(path: list[str]) -> list[str]:
    """Keys that would have been valid where *path* ends."""
    table = next((part for part in reversed(path[:-1]) if part in _MODELS), None)
    model = _MODELS[table] if table else GatewayConfig
    return list(model.model_fields)
