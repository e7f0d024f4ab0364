"""What the process environment and AWS's own files decide beside the configuration, and what of it we refuse or pass over.

Nothing is asked of AWS, of the instance metadata or of a login: only where credentials would come from is said.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from bedrock_gateway.cli.doctor.report import Setting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from bedrock_gateway.config import GatewayConfig

__all__ = ["of_process"]

_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
_BEARER = "AWS_BEARER_TOKEN_BEDROCK"


def of_process(profile: str | None, config: GatewayConfig | None) -> Iterator[Setting]:
    """Yield the settings that come from outside of gateway.toml; *config* None: there is none to compare with."""
    name = profile or os.environ.get("AWS_PROFILE") or os.environ.get("AWS_DEFAULT_PROFILE") or "default"
    source = "argument --profile" if profile else _first("AWS_PROFILE", "AWS_DEFAULT_PROFILE") or "default"
    values, services, problem = _profile(name)
    missing = problem if source != "default" else None
    yield Setting("AWS profile", name, source, "fail" if missing else "ok", missing)
    yield _credentials(name, values, explicit=profile is not None)
    yield from _bearer(config)
    yield from _overrides(name, values, services, config)
    yield Setting("retries", "ours", "built in", "warn" if _retries(values) else "ok", _retries(values))
    yield from _network(name, values)
    if os.environ.get("BEDROCKGW_DEBUG_TRACEBACKS") == "1":
        note = "tracebacks of errors can hold prompts"
        yield Setting("tracebacks", "whole", "BEDROCKGW_DEBUG_TRACEBACKS", "warn", note)


def _first(*names: str) -> str | None:
    return next((name for name in names if os.environ.get(name)), None)


def _profile(name: str) -> tuple[Mapping[str, Any], Mapping[str, Any], str | None]:
    """Return the profile's section, both files merged, its section of services, and why they cannot be read."""
    import botocore.session
    from botocore.exceptions import BotoCoreError

    session = botocore.session.Session()
    try:
        profiles = session.full_config.get("profiles", {})
    except BotoCoreError as error:
        return {}, {}, f"AWS's configuration files cannot be read ({type(error).__name__})"
    if name not in profiles:
        return {}, {}, f"there is no profile {name[:80]!r} in AWS's configuration files"
    services = session.full_config.get("services", {}).get(profiles[name].get("services"), {})
    return profiles[name], services, None


# In botocore's order: what of a profile or the environment → how to say where credentials come from.
_SOURCES: tuple[tuple[Callable[[Mapping[str, Any]], object], str], ...] = (
    (lambda values: "role_arn" in values and "web_identity_token_file" not in values, "role_arn of profile {}"),
    (lambda _: os.environ.get("AWS_WEB_IDENTITY_TOKEN_FILE"), "AWS_WEB_IDENTITY_TOKEN_FILE"),
    (lambda values: "web_identity_token_file" in values, "web identity of profile {}"),
    (lambda values: "sso_session" in values or "sso_start_url" in values, "IAM Identity Center of profile {}"),
    (lambda values: "login_session" in values, "`aws login` of profile {}"),
    (lambda values: "aws_access_key_id" in values, "keys in profile {}"),
    (lambda values: "credential_process" in values, "credential_process of profile {}"),
    (lambda _: _first("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"), "the container"),
)


_NOT_WITH_A_PROFILE = frozenset({"AWS_WEB_IDENTITY_TOKEN_FILE"})
"""Passed over, as the keys of the environment are, where the profile is asked for by argument."""


def _credentials(name: str, values: Mapping[str, Any], *, explicit: bool) -> Setting:
    given = [key for key in _KEYS if os.environ.get(key)]
    if given and not explicit:  # a profile that is asked for by argument comes before the environment
        if len(given) < len(_KEYS):
            return Setting("credentials", None, given[0], "fail", f"{given[0]} is set without the other half")
        token = " with AWS_SESSION_TOKEN" if os.environ.get("AWS_SESSION_TOKEN") else ""
        return Setting("credentials", f"keys{token}", "AWS_ACCESS_KEY_ID")
    found = [said.format(name) for is_there, said in _SOURCES if is_there(values)]
    source = next((one for one in found if not (explicit and one in _NOT_WITH_A_PROFILE)), None)
    if source is not None:
        note = f"{given[0]} is passed over" if given else None
        return Setting("credentials", "from there", source, note=note)
    if os.environ.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true":
        return Setting("credentials", None, "nowhere", "fail", "no source is configured; see `aws configure`")
    return Setting("credentials", "if there is any", "instance metadata", "warn", "no other source is configured")


def _bearer(config: GatewayConfig | None) -> Iterator[Setting]:
    declared = config is not None and config.auth == "bearer"
    if os.environ.get(_BEARER):
        note = None if declared else f'it would sign instead: unset it, or declare auth = "bearer"; {_REFUSED}'
        yield Setting("bearer token", "set", _BEARER, "ok" if declared else "fail", note)
    elif declared:
        yield Setting("bearer token", None, _BEARER, "fail", 'auth = "bearer" is declared, but it is not set')


_REFUSED = "the gateway refuses to start"


def _overrides(
    name: str, values: Mapping[str, Any], services: Mapping[str, Any], config: GatewayConfig | None
) -> Iterator[Setting]:
    found = {key: url for key, url in os.environ.items() if key.startswith("AWS_ENDPOINT_URL") and url}
    if values.get("endpoint_url"):
        found[f"endpoint_url of profile {name}"] = str(values["endpoint_url"])
    for service, section in services.items():
        if isinstance(section, dict) and section.get("endpoint_url"):
            found[f"endpoint_url of {service} in profile {name}"] = str(section["endpoint_url"])
    declared = {*config.endpoints.values(), config.endpoint} if config else set()
    for source, url in found.items():
        fine = url in declared
        note = None if fine else f"endpoints come from gateway.toml alone; {_REFUSED}"
        yield Setting("endpoint override", _place(url), source, "ok" if fine else "fail", note)


def _place(url: str) -> str:
    """A URL without user, password, path and query, which can hold secrets."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "set, but no URL"
    return f"{parts.scheme}://{parts.hostname}" if parts.hostname else "set"


def _retries(values: Mapping[str, Any]) -> str | None:
    set_ = [name for name in ("AWS_RETRY_MODE", "AWS_MAX_ATTEMPTS") if os.environ.get(name)]
    set_ += [f"{name} of the profile" for name in ("retry_mode", "max_attempts") if values.get(name)]
    return f"{', '.join(set_)} is passed over: botocore's own retries are off" if set_ else None


# Setting → (variables, key of a profile), in botocore's order. A value is shown only where it cannot be a secret.
_NETWORK: Mapping[str, tuple[tuple[str, ...], str | None]] = {
    "proxy": (("HTTPS_PROXY", "https_proxy"), None),
    "no proxy for": (("NO_PROXY", "no_proxy"), None),
    "certificates": (("AWS_CA_BUNDLE",), "ca_bundle"),
    "FIPS endpoints": (("AWS_USE_FIPS_ENDPOINT",), "use_fips_endpoint"),
    "dual-stack endpoints": (("AWS_USE_DUALSTACK_ENDPOINT",), "use_dualstack_endpoint"),
    "application id": (("AWS_SDK_UA_APP_ID",), "sdk_ua_app_id"),
}


def _network(profile: str, values: Mapping[str, Any]) -> Iterator[Setting]:
    for name, (variables, key) in _NETWORK.items():
        variable = _first(*variables)
        if variable:
            value = os.environ[variable]
            yield Setting(name, _place(value) if name == "proxy" else value[:200], variable)
        elif key and values.get(key):
            yield Setting(name, str(values[key])[:200], f"profile {profile}")
        elif name == "certificates" and (bundle := os.environ.get("REQUESTS_CA_BUNDLE")):
            yield Setting(name, bundle[:200], "REQUESTS_CA_BUNDLE")
