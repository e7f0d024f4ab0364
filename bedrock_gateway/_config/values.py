"""Values that the tables of `gateway.toml` share: strict, frozen, and checked by the rules of the scope that policies use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from bedrock_gateway.capabilities import capability
from bedrock_gateway.capabilities.models import is_region, parse_model_id
from bedrock_gateway.capabilities.scope import checked, object_place
from bedrock_gateway.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "Account",
    "Bucket",
    "CapabilityName",
    "DocumentPlace",
    "EnforcedGuardrail",
    "Key",
    "KnowledgeBaseId",
    "ModelName",
    "Models",
    "Name",
    "Prefix",
    "Region",
    "Role",
    "Table",
    "by",
    "named",
    "number",
    "quoted",
]


class Table(BaseModel):
    """Strict, frozen, and without any input in its errors: a configuration may sit beside secrets."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)


def quoted(value: object) -> object:
    """TOML numbers lose leading zeros: an account number without quotes is refused, not repaired."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        raise ValueError("write it in quotes, as a string")  # noqa: TRY004 - pydantic wants ValueError
    return value


def number(value: object) -> object:
    """``true`` is 1 to Python, and not to anybody who writes it."""
    if isinstance(value, bool):
        raise ValueError("is a number")  # noqa: TRY004 - pydantic wants ValueError
    return value


def by(check: Callable[[str], object]) -> AfterValidator:
    """A validator that keeps the value and turns our error into one that pydantic gives a path."""

    def validate(value: str) -> str:
        try:
            check(value)
        except ConfigError as error:
            raise ValueError(error.message) from None
        return value

    return AfterValidator(validate)


def named(kind: str, shown: str | None = None) -> AfterValidator:
    return by(lambda value: checked(kind, value, name=shown))


def _region(value: str) -> None:
    if not is_region(value):
        raise ConfigError(f"{value[:80]!r} is not a Region; one looks like us-east-1")


Account = Annotated[str, BeforeValidator(quoted), named("account", "account: twelve digits")]
Region = Annotated[str, by(_region)]
ModelName = Annotated[str, by(parse_model_id)]
Models = Annotated[tuple[ModelName, ...], Field(strict=False)]
Bucket = Annotated[str, named("bucket")]
Prefix = Annotated[str, named("prefix")]
Role = Annotated[str, named("role")]
DocumentPlace = Annotated[str, by(object_place)]
Key = Annotated[str, named("key", "KMS key: write the key's ARN in full")]
KnowledgeBaseId = Annotated[str, named("knowledge_base", "knowledge base id: ten of 0-9 and A-Z")]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,62}$")]
CapabilityName = Annotated[str, by(capability)]
EnforcedGuardrail = Annotated[
    str, by(lambda value: checked("guardrail_arn" if value.startswith("arn:") else "guardrail", value))
]
