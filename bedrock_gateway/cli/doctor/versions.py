"""What is installed, and what the installed botocore lacks of what this project uses."""

from __future__ import annotations

import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from bedrock_gateway.cli.doctor.report import Lack
from bedrock_gateway.governance.versions import added_since_the_floor

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bedrock_gateway.governance.versions import Member

__all__ = ["USES", "installed", "lacking"]

PACKAGES = (
    "bedrock-gateway",
    "boto3",
    "botocore",
    "urllib3",
    "pydantic",
    "structlog",
    "orjson",
    "tenacity",
    "rich",
    "aiobotocore",
    "aioboto3",
    "aiohttp",
    "moto",
    "numpy",
)

_METADATA = "`requestMetadata` of a call"
_TIER = "`serviceTier` of a call"
_SHAPED = "`output`: an answer that must fit a schema"
_TTL = "how long a cache point lives"
_STRICT = "`strict` of a tool"
_USER = "`userContext` of a retrieval"
_END = "the preflight's check for models at the end of their life"
_AUDIO = "the preflight's check whether audio is logged"
_TAGS = "`kb create`: it marks what it makes"
_ENFORCED = "guardrails that the account enforces"

# (operation, side, member) → what is missing without it. Each is a row of governance/_members.json.
USES: Mapping[tuple[str, str, str | None], str] = {
    ("Converse", "input", "outputConfig"): _SHAPED,
    ("ConverseStream", "input", "outputConfig"): _SHAPED,
    ("Converse", "input", "serviceTier"): _TIER,
    ("ConverseStream", "input", "serviceTier"): _TIER,
    ("InvokeModel", "input", "serviceTier"): _TIER,
    ("InvokeModelWithResponseStream", "input", "serviceTier"): _TIER,
    ("InvokeModel", "input", "requestMetadata"): _METADATA,
    ("InvokeModelWithResponseStream", "input", "requestMetadata"): _METADATA,
    ("Converse", "input", "messages[].content[].cachePoint.ttl"): _TTL,
    ("ConverseStream", "input", "messages[].content[].cachePoint.ttl"): _TTL,
    ("Converse", "input", "toolConfig.tools[].toolSpec.strict"): _STRICT,
    ("ConverseStream", "input", "toolConfig.tools[].toolSpec.strict"): _STRICT,
    ("CountTokens", "input", "input.converse.toolConfig"): "counting the tokens of tools",
    ("Retrieve", "input", "userContext"): _USER,
    ("RetrieveAndGenerate", "input", "userContext"): _USER,
    ("RetrieveAndGenerateStream", "input", "userContext"): _USER,
    ("GetFoundationModel", "output", "modelDetails.modelLifecycle.endOfLifeTime"): _END,
    ("GetModelInvocationLoggingConfiguration", "output", "loggingConfig.audioDataDeliveryEnabled"): _AUDIO,
    ("CreateVectorBucket", "input", "tags"): _TAGS,
    ("CreateIndex", "input", "tags"): _TAGS,
    ("ListTagsForResource", "input", None): _TAGS,
    ("ListEnforcedGuardrailsConfiguration", "input", None): _ENFORCED,
    ("PutEnforcedGuardrailConfiguration", "input", None): _ENFORCED,
    ("DeleteEnforcedGuardrailConfiguration", "input", None): _ENFORCED,
}


def installed() -> dict[str, str | None]:
    """Return package → version, None where it is not installed; Python and the system first."""
    found: dict[str, str | None] = {"python": platform.python_version(), "system": platform.platform(terse=True)}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    return found


def lacking() -> tuple[Lack, ...]:
    """Return what the installed botocore does not know; its own service models tell, not its version."""
    return tuple(_lacking())


def _lacking() -> Iterator[Lack]:
    for row in added_since_the_floor():
        without = USES.get((row.operation, row.side, row.member))
        if without is not None and not _knows(_model(row.service), row):
            name = row.name if row.side == "input" else f"→ {row.name}"
            yield Lack(name, row.known_in, without)


@cache
def _model(service: str) -> Any:
    # Not through a session: it would read AWS's configuration files, and fail with them.
    from botocore.loaders import create_loader
    from botocore.model import ServiceModel

    return ServiceModel(create_loader().load_service_model(service, "service-2"), service)


def _knows(model: Any, row: Member) -> bool:
    if row.operation not in model.operation_names:
        return False
    operation = model.operation_model(row.operation)
    shape = operation.input_shape if row.side == "input" else operation.output_shape
    for part in row.member.split(".") if row.member else ():
        name = part.removesuffix("[]")
        if name not in shape.members:
            return False
        shape = shape.members[name]
        if part.endswith("[]"):
            shape = shape.member
    return True
