"""Gather `Facts`: the environment, the credential chain, the resolver. The only impure part of the preflight."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING, Any, Literal

from bedrock_gateway.preflight.facts import Credentials, Facts

if TYPE_CHECKING:
    from collections.abc import Mapping

    import boto3

    from bedrock_gateway.config import GatewayConfig

__all__ = ["read_facts"]

_REGION_VARIABLES = ("AWS_REGION", "AWS_DEFAULT_REGION")


def read_facts(
    config: GatewayConfig,
    session: boto3.Session | None = None,
    *,
    client_regions: Mapping[str, str] | None = None,
    environment: Mapping[str, str] | None = None,
) -> Facts:
    """Read what the process knows; *session* is the one whose credentials sign (None: boto3's default chain).

    Blocks on the resolver and, where the chain asks for them, on the instance's credentials: off the event loop.
    """
    import botocore
    import botocore.session

    variables = os.environ if environment is None else environment
    core = getattr(session, "_session", None) or botocore.session.get_session()
    profile = _profile(core)
    host = f"bedrock-runtime.{config.region}.amazonaws.com"
    return Facts(
        credentials=_credentials(session or core),
        endpoint_overrides=_overrides(variables, profile),
        regions=_regions(variables, profile),
        client_regions=dict(client_regions or {}),
        bearer_token=_bearer(variables.get("AWS_BEARER_TOKEN_BEDROCK", "")),
        host=host,
        resolves=None if config.local else _resolves(host),
        region_known=config.region in core.get_available_regions("bedrock", config.partition),
        botocore=botocore.__version__,
    )


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
        return Credentials(str(found.method), found.get_frozen_credentials().access_key[:4])
    except BotoCoreError as error:
        return Credentials("the chain", "", type(error).__name__)


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


def _resolves(host: str) -> bool | None:
    try:
        socket.getaddrinfo(host, 443)
    except socket.gaierror as error:
        return None if error.errno == socket.EAI_AGAIN else False
    except OSError:
        return None
    return True
