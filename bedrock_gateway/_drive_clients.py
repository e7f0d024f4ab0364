"""How clients are built, alike for boto3 and aiobotocore: endpoint, signing, retries, and the hooks on them."""

from __future__ import annotations

import contextlib
import contextvars
import logging
import os
from typing import TYPE_CHECKING, Any

from bedrock_gateway._responses import BODY
from bedrock_gateway.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bedrock_gateway._commands import Send, Timeouts
    from bedrock_gateway.config import GatewayConfig

__all__ = [
    "MAX_CONNECTIONS",
    "RAW",
    "CallState",
    "client_arguments",
    "hook",
    "inside",
    "method_name",
    "refuse_environment",
]

MAX_CONNECTIONS = 100
RAW = "_bedrockgw_raw"
"""Where a streaming reply carries its raw body."""

_BEARER = "AWS_BEARER_TOKEN_BEDROCK"


class CallState:
    """What the hooks of one send share."""

    __slots__ = ("connected", "read_timeout")

    def __init__(self, read_timeout: float) -> None:
        self.read_timeout = read_timeout
        self.connected: bool | None = None
        """Whether a connection was opened for it; None where the driver cannot tell."""


CURRENT: contextvars.ContextVar[CallState | None] = contextvars.ContextVar("bedrockgw_call", default=None)


class _Silence(logging.Filter):
    """Drops what botocore and the HTTP libraries log inside our calls: their debug lines hold the whole request."""

    def filter(self, record: logging.LogRecord) -> bool:  # noqa: ARG002 - the signature is logging's
        return CURRENT.get() is None


_SILENCE = _Silence()
_TALKATIVE = (
    "botocore.args", "botocore.auth", "botocore.client", "botocore.endpoint", "botocore.hooks", "botocore.httpsession",
    "botocore.parsers", "botocore.regions", "botocore.retryhandler", "botocore.handlers", "botocore.utils",
    "aiobotocore.endpoint", "aiobotocore.httpsession", "aiobotocore.client", "aiobotocore.parsers",
    "urllib3.connectionpool", "aiohttp.client", "asyncio",
)  # fmt: skip


def refuse_environment(config: GatewayConfig) -> None:
    """Refuse what would change, behind the configuration's back, where requests go or who signs them.

    Raises:
        ConfigError: an endpoint override or an undeclared bearer token is set.
    """
    overrides = sorted(name for name in os.environ if name.startswith("AWS_ENDPOINT_URL") and os.environ[name])
    if overrides:
        raise ConfigError(
            f"{overrides[0]} is set: endpoints come from gateway.toml alone; unset it, or declare `endpoints` there"
        )
    if os.environ.get(_BEARER) and config.auth != "bearer":
        raise ConfigError(f'{_BEARER} is set: unset it, or declare auth = "bearer" in gateway.toml')


def client_arguments(
    config: GatewayConfig, service: str, region: str | None, timeouts: Timeouts, **more: Any
) -> dict[str, Any]:
    """Return the arguments of ``session.client``, its Config aside."""
    url = config.endpoint if config.local and config.endpoint else config.endpoints.get(service)
    del timeouts, more
    return {"service_name": service, "region_name": region or config.region, **({"endpoint_url": url} if url else {})}


def settings(config: GatewayConfig, timeouts: Timeouts, max_connections: int) -> dict[str, Any]:
    """Return the members of botocore's Config."""
    found: dict[str, Any] = {
        "connect_timeout": timeouts.connect,
        "read_timeout": timeouts.first_byte,
        "max_pool_connections": max_connections,
        "retries": {"total_max_attempts": 1, "mode": "standard"},
        "ignore_configured_endpoint_urls": True,
        "tcp_keepalive": True,
    }
    if config.auth != "bearer":
        found["signature_version"] = "v4"
    return found


def hook(client: Any, service: str) -> None:
    """Take the body as AWS sent it, and give each call its own read timeout where botocore knows how."""
    for name in _TALKATIVE:
        logger = logging.getLogger(name)
        if _SILENCE not in logger.filters:
            logger.addFilter(_SILENCE)
    events = client.meta.events
    events.register(f"before-call.{client.meta.service_model.service_id.hyphenize()}", _set_read_timeout)
    if service.startswith("bedrock"):
        events.register(f"before-parse.{client.meta.service_model.service_id.hyphenize()}", _keep_body)


def _set_read_timeout(context: dict[str, Any], **_: Any) -> None:
    state = CURRENT.get()
    if state is not None:
        context["read_timeout"] = state.read_timeout


def _keep_body(
    operation_model: Any, response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: Any
) -> None:
    if response_dict["status_code"] >= 300:  # noqa: PLR2004 - botocore's own bound
        return
    if operation_model.has_event_stream_output:
        customized_response_dict[RAW] = response_dict["body"]
    elif not operation_model.has_streaming_output:
        customized_response_dict[BODY] = response_dict["body"]


@contextlib.contextmanager
def inside(read_timeout: float) -> Iterator[CallState]:
    """Mark this thread or task as being inside a call of ours."""
    state = CallState(read_timeout)
    token = CURRENT.set(state)
    try:
        yield state
    finally:
        CURRENT.reset(token)


def method_name(client: Any, operation: str) -> str:
    """Return boto3's name of *operation*."""
    names = getattr(client, "_bedrockgw_names", None)
    if names is None:
        names = {api: python for python, api in client.meta.method_to_api_mapping.items()}
        client._bedrockgw_names = names  # noqa: SLF001 - ours, kept where it belongs
    return str(names[operation])


def body_member(send: Send, reply: dict[str, Any]) -> bool:
    """Put the raw body where the flow looks for it; whether there was one."""
    raw = reply.pop(RAW, None)
    if raw is None or send.stream is None:
        return False
    reply[send.stream] = raw
    return True
