"""How clients are built, alike for boto3 and aiobotocore: endpoint, signing, retries, and the hooks on them."""

from __future__ import annotations

import contextlib
import contextvars
import logging
import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import orjson

from bedrock_gateway._responses import BODY
from bedrock_gateway.errors import ConfigError
from bedrock_gateway.governance.versions import unknown_operation

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bedrock_gateway._commands import Send, Timeouts
    from bedrock_gateway.config import GatewayConfig

__all__ = [
    "MAX_CONNECTIONS",
    "RAW",
    "CallState",
    "DeadlineError",
    "Made",
    "body_member",
    "client_arguments",
    "core_of",
    "expire",
    "hook",
    "inside",
    "method_name",
    "refuse_environment",
    "settings",
]

MAX_CONNECTIONS = 100
RAW = "_bedrockgw_raw"
"""Where a streaming reply carries its raw body."""

_BEARER = "AWS_BEARER_TOKEN_BEDROCK"
_ERROR = 300


class DeadlineError(TimeoutError):
    """A deadline of ours passed."""

    def __init__(self, which: str) -> None:
        super().__init__(f"{which} deadline")
        self.bedrockgw_deadline = which


class CallState:
    """What the hooks of one send share."""

    __slots__ = (
        "answered",
        "clock",
        "connected",
        "head",
        "read_timeout",
        "reused",
        "sending",
        "unparsed",
        "until",
        "watch",
    )

    def __init__(self, read_timeout: float, until: float, *, unparsed: bool = False) -> None:
        self.read_timeout = read_timeout
        self.until = until
        self.unparsed = unparsed
        self.sending = False
        """Whether the request was handed to the HTTP library."""
        self.connected: bool | None = None
        """Whether it had a connection; None where the driver cannot tell."""
        self.reused: bool | None = None
        """Whether that was one that had served another request; None where the driver cannot tell."""
        self.head = False
        """Whether the head of an answer has come."""
        self.answered = False
        """Whether a whole answer has come, or the head of a stream."""
        self.watch: Any = None
        self.clock: Any = None

    def mark(self, error: BaseException) -> None:
        """Tell the flow what is known of *error*, in attributes: its class says less."""
        error.bedrockgw_answered = self.answered or self.head  # type: ignore[attr-defined]
        if not hasattr(error, "bedrockgw_sent") and not self.sending and not self.answered:
            error.bedrockgw_sent = False  # type: ignore[attr-defined]


CURRENT: contextvars.ContextVar[CallState | None] = contextvars.ContextVar("bedrockgw_call", default=None)


@contextlib.contextmanager
def inside(state: CallState) -> Iterator[CallState]:
    """Mark this thread or task as being inside a call of ours."""
    token = CURRENT.set(state)
    try:
        yield state
    finally:
        CURRENT.reset(token)


class _Silence(logging.Filter):
    """Drops what botocore and the HTTP libraries log inside our calls: their debug lines hold the whole request."""

    def filter(self, record: logging.LogRecord) -> bool:  # noqa: ARG002 - the signature is logging's
        return CURRENT.get() is None


_SILENCE = _Silence()
_TALKATIVE = ("boto3", "botocore", "aiobotocore", "aioboto3", "urllib3", "aiohttp", "asyncio")


def silence() -> None:
    """Put the filter on every logger of these libraries: a logger's filter does not hold for those below it."""
    known = [name for name in logging.root.manager.loggerDict if name.partition(".")[0] in _TALKATIVE]
    for name in {*_TALKATIVE, *known}:
        logger = logging.getLogger(name)
        if _SILENCE not in logger.filters:
            logger.addFilter(_SILENCE)


def core_of(session: Any) -> Any:
    """Return the botocore session inside *session*, or itself; None where there is none to look into."""
    inner = getattr(session, "_session", session)
    return inner if hasattr(inner, "get_scoped_config") else None


def refuse_environment(config: GatewayConfig, session: Any) -> None:
    """Refuse what would change, behind the configuration's back, where requests go or who signs them.

    Raises:
        ConfigError: an endpoint override, an undeclared bearer token, or a session for another Region.
    """
    declared = {*config.endpoints.values(), config.endpoint}
    for source, url in _overrides(session).items():
        if url not in declared:
            raise ConfigError(
                f"{source} overrides an endpoint: endpoints come from gateway.toml alone; remove it, or declare "
                "`endpoints` there"
            )
    token = os.environ.get(_BEARER)
    if token and config.auth != "bearer":
        raise ConfigError(f'{_BEARER} is set: unset it, or declare auth = "bearer" in gateway.toml')
    if not token and config.auth == "bearer":
        raise ConfigError(f'gateway.toml declares auth = "bearer", but {_BEARER} is not set')
    chosen = _chosen_region(session)
    if chosen not in {None, config.region}:
        raise ConfigError(f"the session is for Region {chosen}, the configuration declares {config.region}")


def _overrides(session: Any) -> dict[str, str]:
    """Where an endpoint is overridden → URL: the environment, the profile, and its section of services."""
    found = {name: value for name, value in os.environ.items() if name.startswith("AWS_ENDPOINT_URL") and value}
    core = core_of(session)
    if core is None:
        return found
    try:
        profile = core.get_scoped_config()
        services = core.full_config.get("services", {}).get(profile.get("services"), {})
    except Exception:  # noqa: BLE001 - a profile that cannot be read is an error of its own when the client is built
        return found
    if profile.get("endpoint_url"):
        found["endpoint_url of the AWS profile"] = str(profile["endpoint_url"])
    for service, values in services.items():
        if isinstance(values, dict) and values.get("endpoint_url"):
            found[f"endpoint_url of {service} in the AWS profile's services"] = str(values["endpoint_url"])
    return found


def _chosen_region(session: Any) -> str | None:
    """The Region that was given to a session by hand; what comes from its environment does not choose."""
    core = core_of(session)
    if core is None or not hasattr(core, "instance_variables"):
        return None
    chosen = core.instance_variables().get("region")
    return str(chosen) if chosen else None


def expire(credentials: Any) -> bool:
    """Let *credentials* be fetched anew when they are used next; False: they cannot be.

    botocore trusts the expiry it was given; AWS has just said otherwise. The attribute is private, and contract-tested.
    """
    if not hasattr(credentials, "refresh_needed") or not hasattr(credentials, "_expiry_time"):
        return False
    credentials._expiry_time = datetime.now(UTC) - timedelta(seconds=1)  # noqa: SLF001
    return True


def client_arguments(config: GatewayConfig, service: str, region: str | None) -> dict[str, Any]:
    """Return the arguments of ``session.client``, its Config aside.

    Raises:
        ConfigError: a bearer token cannot sign for *service*.
    """
    if config.auth == "bearer" and service.startswith("bedrock-agent"):
        raise ConfigError(f'auth = "bearer" cannot be used with {service}: knowledge bases need credentials (SigV4)')
    url = config.endpoint if config.local and config.endpoint else config.endpoints.get(service)
    return {"service_name": service, "region_name": region or config.region, **({"endpoint_url": url} if url else {})}


def settings(
    config: GatewayConfig, timeouts: Timeouts, max_connections: int, session: Any, *, read_timeout: float | None
) -> dict[str, Any]:
    """Return the members of botocore's Config."""
    found: dict[str, Any] = {
        "connect_timeout": timeouts.connect,
        "read_timeout": read_timeout,
        "max_pool_connections": max_connections,
        "retries": {"total_max_attempts": 1, "mode": "standard"},
        "ignore_configured_endpoint_urls": True,
        "tcp_keepalive": True,
    }
    if agent := _user_agent(session):
        found["user_agent"] = agent
    if config.auth != "bearer":
        found["signature_version"] = "v4"
    return found


@dataclass(frozen=True, slots=True)
class Made:
    """What a preflight looks at of the clients there are."""

    regions: Mapping[str, str]
    """Service → Region."""
    attempts: int = 1
    """The most requests that one of them makes of one call."""
    forked: bool = False
    """Whether there were others, in the process that this one was forked from."""

    @classmethod
    def of(cls, clients: Mapping[str, Any], *, forked: bool = False) -> Made:
        """Return what is to be seen of *clients*."""
        attempts = [int(one.meta.config.retries.get("total_max_attempts") or 1) for one in clients.values()]
        return cls({name: str(one.meta.region_name) for name, one in clients.items()}, max(attempts, default=1), forked)


_DEFAULT_AGENTS = frozenset({"Boto3", "Botocore", "aiobotocore", "aioboto3"})


def _user_agent(session: Any) -> str | None:
    """One string instead of what botocore builds twice a call; None where the session has a user agent of its own.

    botocore appends its own name, and the session's extra, to it.
    """
    core = core_of(session)
    name = getattr(core, "user_agent_name", None)
    default = getattr(core, "get_default_client_config", lambda: None)()
    if name not in _DEFAULT_AGENTS or getattr(default, "user_agent", None):
        return None
    application = getattr(default, "user_agent_appid", None)
    if application is None and hasattr(core, "get_config_variable"):
        with contextlib.suppress(Exception):
            application = core.get_config_variable("user_agent_appid")
    agent = f"bedrock-gateway/{version('bedrock-gateway')} {name}/{core.user_agent_version}"
    return agent + (f" app/{_AGENT_CHARACTERS.sub('-', str(application))}" if application else "")


_AGENT_CHARACTERS = re.compile(r"[^A-Za-z0-9!$%&'*+.^_`|~,-]")


def hook(client: Any, service: str, *, per_call_timeout: bool) -> None:
    """Sign, take the body as AWS sent it, and give each call its own read timeout where botocore knows how."""
    from bedrock_gateway._drive.signing import sign_with_ours  # imports botocore

    silence()
    sign_with_ours(client)
    events, name = client.meta.events, client.meta.service_model.service_id.hyphenize()
    if per_call_timeout:
        events.register(f"before-call.{name}", _set_read_timeout)
    if service.startswith("bedrock"):
        events.register(f"before-parse.{name}", _keep_body)


def _set_read_timeout(context: dict[str, Any], **_: Any) -> None:
    state = CURRENT.get()
    if state is not None:
        context["read_timeout"] = state.read_timeout


def _keep_body(
    operation_model: Any, response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: Any
) -> None:
    """Keep the body, and give botocore's parser nothing it could choke on where we read the body ourselves."""
    state = CURRENT.get()
    if state is None:
        return
    state.answered = True
    if response_dict["status_code"] >= _ERROR:
        response_dict["body"] = body = _readable_error(response_dict["body"])
        # botocore reads this for the spellings of the code that it knows alone.
        if _ORIGINAL.encode() in body:
            customized_response_dict[_ORIGINAL] = orjson.loads(body).get(_ORIGINAL)
    elif operation_model.has_event_stream_output:
        customized_response_dict[RAW] = response_dict["body"]
    elif not operation_model.has_streaming_output:
        customized_response_dict[BODY] = response_dict["body"]
        if state.unparsed:
            response_dict["body"] = b"{}"


_ORIGINAL = "originalStatusCode"
_SHOWN = 200
_MARKUP = re.compile(r"<[^>]*>")


def _readable_error(body: Any) -> bytes:
    """An error's body as a JSON object: AWS's own, or the text of what a proxy put in its place."""
    data = bytes(body) if isinstance(body, (bytes, bytearray)) else b""
    try:
        found = orjson.loads(data or b"{}")
    except orjson.JSONDecodeError:
        text = " ".join(_MARKUP.sub(" ", data[: 50 * _SHOWN].decode(errors="replace")).split())[:_SHOWN]
        return orjson.dumps({"message": text})
    if not isinstance(found, dict):
        return b"{}"
    spelled = {"message", "Message", "__type", "code", "Code"}
    wrong = {name for name in spelled & found.keys() if not isinstance(found[name], str)}
    return orjson.dumps({name: value for name, value in found.items() if name not in wrong}) if wrong else data


def method_name(client: Any, operation: str) -> str:
    """Return boto3's name of *operation*.

    Raises:
        UnsupportedByBotocoreError: the installed botocore does not have it.
    """
    names: Mapping[str, str] | None = getattr(client, "_bedrockgw_names", None)
    if names is None:
        names = {api: python for python, api in client.meta.method_to_api_mapping.items()}
        client._bedrockgw_names = names  # noqa: SLF001 - ours, kept where it belongs
    found = names.get(operation)
    if found is None:
        raise unknown_operation(operation)
    return found


def body_member(send: Send, reply: dict[str, Any]) -> Any:
    """Return a stream's raw body, or what botocore parses it with."""
    raw = reply.pop(RAW, None)
    return reply[send.stream or ""] if raw is None else raw
