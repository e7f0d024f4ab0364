"""Gather `Facts`: the environment, the credential chain, the resolver. The only impure part of the preflight."""

from __future__ import annotations

import logging
import os
import re
import socket
import ssl
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from bedrock_gateway._commands import Timeouts
from bedrock_gateway.preflight.facts import LATE, Credentials, Facts
from bedrock_gateway.preflight.state import read_state

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import boto3

    from bedrock_gateway.config import GatewayConfig

__all__ = ["LOOKS", "read_facts"]

_REGION_VARIABLES = ("AWS_REGION", "AWS_DEFAULT_REGION")


def read_facts(
    config: GatewayConfig,
    session: boto3.Session | None = None,
    *,
    client_regions: Mapping[str, str] | None = None,
    environment: Mapping[str, str] | None = None,
    sdk_attempts: int = 1,
    timeouts: Timeouts | None = None,
    folder: Path | None = None,
    forked: bool = False,
    in_time: bool = True,
) -> Facts:
    """Read what the process knows; *session* is the one whose credentials sign (None: boto3's default chain).

    *folder* is that of gateway.toml, below which set-up keeps its manifests; None: there is none.

    Blocks, where the chain asks for them, on the instance's credentials: off the event loop. *in_time* False: it did, for too
    long; the chain is not asked.
    """
    import botocore
    import botocore.session

    variables = os.environ if environment is None else environment
    core = getattr(session, "_session", None) or botocore.session.get_session()
    profile = _profile(core)
    server, before_fork = _server()
    return Facts(
        credentials=_credentials(session or core) if in_time else Credentials("the chain", "", LATE),
        endpoint_overrides=_overrides(variables, profile),
        regions=_regions(variables, profile),
        client_regions=dict(client_regions or {}),
        bearer_token=_bearer(variables.get("AWS_BEARER_TOKEN_BEDROCK", "")),
        region_known=config.region in core.get_available_regions("bedrock", config.partition),
        versions=_versions(),
        below_the_floor=_below_the_floor(),
        lacking=_lacking(core),
        sdk_attempts=sdk_attempts,
        proxies=tuple(name for name in _PROXIES if variables.get(name)),
        unverified=_unverified(variables, profile),
        verbose_loggers=tuple(
            name for name in _LOGGERS if logging.getLogger(name).getEffectiveLevel() <= logging.DEBUG
        ),
        locals_in_tracebacks=_locals_in_tracebacks(),
        timeouts=timeouts or Timeouts(),
        state=read_state(folder),
        server=server,
        before_fork=before_fork,
        forked=forked,
        now=datetime.now(UTC),
    )


_PACKAGES = ("boto3", "botocore", "urllib3", "aiobotocore", "aiohttp")
_PROXIES = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")
_LOGGERS = ("botocore", "boto3", "urllib3", "aiobotocore", "aiohttp")
_NUMBERS = re.compile(r"\d+")
_VERSION = re.compile(r"^Version:\s*(\S+)", re.MULTILINE)
_REQUIRES = re.compile(r"^Requires-Dist:\s*(.+?)\s*$", re.MULTILINE)
_FLOOR = re.compile(r"^(?P<name>[A-Za-z0-9_.-]+)(?:\[.*?\])?(?P<limits>[<>=!~][^;]*)?(?P<only>;.*)?$")
_READ = {
    "GetFoundationModel": ("modelDetails", "modelLifecycle", "endOfLifeTime"),
    "GetModelInvocationLoggingConfiguration": ("loggingConfig", "audioDataDeliveryEnabled"),
    "GetAccountDataRetention": ("mode",),
}


@cache
def _metadata(name: str) -> str:
    """The metadata of an installed package, as text: to read it as the e-mail that it is takes most of a start-up's facts.

    Raises:
        PackageNotFoundError: it is not installed.
    """
    found = distribution(name)
    return found.read_text("METADATA") or found.read_text("PKG-INFO") or ""


def _version(name: str) -> str:
    found = _VERSION.search(_metadata(name))
    if found is None:
        raise PackageNotFoundError(name)
    return found[1]


def _versions() -> dict[str, str]:
    found = {}
    for name in _PACKAGES:
        with suppress(PackageNotFoundError):
            found[name] = _version(name)
    return found


def _below_the_floor() -> dict[str, str]:
    """A resolver once chose boto3 of 2018: what is installed is compared with what this distribution asks for."""
    found = {}
    for requirement in _REQUIRES.findall(_metadata("bedrock-gateway")):
        match = _FLOOR.match(requirement.replace(" ", ""))
        if match is None or match["only"] or not match["limits"]:
            continue
        lowest = next((limit[2:] for limit in match["limits"].split(",") if limit.startswith(">=")), None)
        with suppress(PackageNotFoundError):
            if lowest and _parts(_version(match["name"])) < _parts(lowest):
                found[match["name"]] = match["limits"]
    return found


def _parts(number: str) -> tuple[int, ...]:
    return tuple(map(int, _NUMBERS.findall(number)))


def _lacking(core: Any) -> tuple[str, ...]:
    model = core.get_service_model("bedrock")
    found = []
    for operation, path in _READ.items():
        if operation not in model.operation_names:
            found.append(operation)
            continue
        shape = model.operation_model(operation).output_shape
        for name in path:
            shape = shape.members.get(name) if shape is not None else None
        if shape is None:
            found.append(f"{operation} → {'.'.join(path)}")
    return tuple(found)


def _unverified(variables: Mapping[str, str], profile: Mapping[str, Any]) -> str | None:
    for name in ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"):
        if (path := variables.get(name)) and not Path(path).exists():
            return f"{name} names a file that does not exist"
    path = profile.get("ca_bundle")
    return "ca_bundle of the profile names a file that does not exist" if path and not Path(path).exists() else None


def _locals_in_tracebacks() -> str | None:
    """Only where structlog has been configured: its defaults for a terminal are its own affair."""
    structlog = sys.modules.get("structlog")
    if structlog is None or not structlog.is_configured():
        return None
    for processor in structlog.get_config()["processors"]:
        formatter = getattr(processor, "format_exception", None) or getattr(processor, "_exception_formatter", None)
        if getattr(formatter, "show_locals", False):
            return type(processor).__name__
    return None


_SERVERS = ("gunicorn.arbiter", "celery.concurrency.prefork")
"""Modules that are loaded in the workers of a server that forks them."""


def _server() -> tuple[str | None, bool]:
    """(the server whose worker this is, whether it is still to fork); only uWSGI says the latter."""
    uwsgi = sys.modules.get("uwsgi")
    if uwsgi is not None:
        masters = getattr(uwsgi, "opt", {}).get("master") or getattr(uwsgi, "opt", {}).get(b"master")
        return "uwsgi", bool(masters) and uwsgi.worker_id() == 0
    return next((name.partition(".")[0] for name in _SERVERS if name in sys.modules), None), False


def addresses(host: str) -> dict[str, Any]:
    """Resolve *host*: ``{"addresses": […]}``, or ``{"error": "NXDOMAIN" | "timeout"}``. Blocks."""
    try:
        found = socket.getaddrinfo(host, 443, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        return {"error": "timeout" if error.errno == socket.EAI_AGAIN else "NXDOMAIN"}
    except OSError:
        return {"error": "timeout"}
    return {"addresses": sorted({str(one[4][0]) for one in found})}


def handshake(host: str) -> dict[str, Any]:
    """Make a TLS handshake with *host* and close: ``{"version": "TLSv1.3", "issuer": "Amazon"}`` or ``{"error": …}``."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    try:
        with (
            socket.create_connection((host, 443), timeout=_HANDSHAKE_SECONDS) as plain,
            context.wrap_socket(plain, server_hostname=host) as secured,
        ):
            parts: Any = (secured.getpeercert() or {}).get("issuer", ())
            issuer = dict(pair for part in parts for pair in part)
            return {"version": secured.version() or "", "issuer": str(issuer.get("organizationName", ""))}
    except ssl.SSLError as error:
        return {"error": f"TLS: {getattr(error, 'verify_message', '') or error.reason or 'failed'}"}
    except OSError as error:
        return {"error": type(error).__name__}


_HANDSHAKE_SECONDS = 3.0

_PAUSE_SECONDS = 0.5


def pause(_which: str) -> dict[str, Any]:
    """Wait for AWS to make what was asked for. Blocks."""
    time.sleep(_PAUSE_SECONDS)
    return {}


LOOKS: Mapping[str, Callable[[str], Mapping[str, Any]]] = {
    "addresses": addresses,
    "handshake": handshake,
    "pause": pause,
}
"""What a `flow.Look` may ask for; each blocks, and sends nothing of anybody's."""


def _profile(core: Any) -> Mapping[str, Any]:
    from botocore.exceptions import BotoCoreError

    try:
        found: Mapping[str, Any] = core.get_scoped_config()
    except BotoCoreError:
        return {}
    return found


def _credentials(session: Any) -> Credentials | None:
    """Resolve them as a client would; a session that has expired says so here, not as a traceback later."""
    from botocore.exceptions import BotoCoreError

    try:
        found = session.get_credentials()
        if found is None:
            return None
        frozen = found.get_frozen_credentials()
        return Credentials(str(found.method), frozen.access_key[:4], None, *_life(found, frozen))
    except BotoCoreError as error:
        return Credentials("the chain", "", type(error).__name__)


def _life(found: Any, frozen: Any) -> tuple[float | None, bool]:
    """(seconds until they expire, whether they are renewed before that)."""
    end = getattr(found, "_expiry_time", None)
    renewable = hasattr(found, "refresh_needed") or not getattr(frozen, "token", None)
    return ((end - datetime.now(UTC)).total_seconds() if isinstance(end, datetime) else None), renewable


def _overrides(variables: Mapping[str, str], profile: Mapping[str, Any]) -> dict[str, str]:
    found = {name: value for name, value in variables.items() if name.startswith("AWS_ENDPOINT_URL") and value}
    return found | ({"profile endpoint_url": profile["endpoint_url"]} if profile.get("endpoint_url") else {})


def _regions(variables: Mapping[str, str], profile: Mapping[str, Any]) -> dict[str, str]:
    found = {name: variables[name] for name in _REGION_VARIABLES if variables.get(name)}
    return found | ({"profile": profile["region"]} if profile.get("region") else {})


def _bearer(token: str) -> Literal["none", "short-term", "long-term", "other"]:
    if not token:
        return "none"
    if token.startswith("ABSK"):
        return "long-term"
    return "short-term" if token.startswith("bedrock-api-key-") else "other"
