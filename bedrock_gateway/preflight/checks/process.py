"""ENV: the process: what is installed, and what its environment would do to calls."""

from __future__ import annotations

import re
from collections.abc import Generator
from typing import Any
from urllib.parse import urlsplit

from bedrock_gateway.governance.protection import MOST_REQUESTS
from bedrock_gateway.preflight.flow import Asking, Check, Finding, Probe

__all__ = ["CHECKS", "UPGRADE"]

Checking = Generator[Asking, Any, Finding]

UPGRADE = "pip install --upgrade boto3"
_AWS_HOST = re.compile(r"(?:[a-z0-9-]+\.)+(?:amazonaws\.com|api\.aws)")


def _env_01(probe: Probe) -> Checking:
    yield from ()
    lacking, botocore = probe.facts.lacking, probe.facts.botocore
    if not lacking:
        return Finding("pass", f"botocore {botocore} shows everything that is read here")
    shown = ", ".join(lacking)
    return Finding("warn", f"botocore {botocore} does not show {shown}", {"botocore": botocore}, UPGRADE)


def _env_02(probe: Probe) -> Checking:
    yield from ()
    attempts = probe.facts.sdk_attempts
    if attempts == 1:
        return Finding("pass", "the SDK sends once: nothing is retried but by this gateway")
    most = f"{attempts} x {MOST_REQUESTS} requests for one call"
    return Finding("warn", f"the SDK under the gateway makes {attempts} attempts of its own: at worst {most}")


def _env_03(probe: Probe) -> Checking:
    yield from ()
    config, overrides = probe.config, probe.facts.endpoint_overrides
    allowed = {*config.endpoints.values(), *([config.endpoint] if config.endpoint else [])}
    for source, url in overrides.items():
        parts = urlsplit(url)
        if url not in allowed and not (parts.scheme == "https" and _AWS_HOST.fullmatch(parts.hostname or "")):
            shown = f"{parts.scheme}://{parts.hostname}"  # neither user, password, path nor query is evidence
            return Finding("fail", f"{source} would send requests to {shown}", {source: shown}, f"unset {source}")
    return Finding("pass", "no endpoint is overridden" if not overrides else "every override is AWS's own or declared")


def _env_04(probe: Probe) -> Checking:
    yield from ()
    facts = probe.facts
    if facts.unverified:
        return Finding("fail", f"certificates cannot be verified: {facts.unverified}")
    if facts.proxies:
        names = ", ".join(facts.proxies)
        return Finding("warn", f"requests go through a proxy: {names}", dict.fromkeys(facts.proxies, "set"))
    return Finding("pass", "certificates are verified, no proxy is set")


def _env_05(probe: Probe) -> Checking:
    yield from ()
    names = probe.facts.verbose_loggers
    if not names:
        return Finding("pass", "no logger of the SDK writes at DEBUG")
    command = f"python -c \"import logging; logging.getLogger('{names[0]}').setLevel(logging.WARNING)\""
    said = f"{', '.join(names)} log at DEBUG: outside of this gateway's own calls that shows prompts and session tokens"
    return Finding("warn", said, dict.fromkeys(names, "DEBUG"), command)


def _env_06(probe: Probe) -> Checking:
    yield from ()
    name = probe.facts.locals_in_tracebacks
    if name is None:
        return Finding("pass", "no processor of structlog writes local variables")
    return Finding("warn", f"structlog's {name} writes the local variables of tracebacks: prompts are among them")


_LONG_SECONDS = 3600.0
_SHORT_SECONDS = 10.0


def _env_07(probe: Probe) -> Checking:
    yield from ()
    timeouts = probe.facts.timeouts
    shown = {f"{name}_seconds": f"{getattr(timeouts, name):g}" for name in ("connect", "first_byte", "idle", "total")}
    if timeouts.total > _LONG_SECONDS:
        return Finding("fail", f"a call may take {timeouts.total:g} s: more than an hour", shown)
    if timeouts.first_byte < _SHORT_SECONDS:
        said = f"{timeouts.first_byte:g} s to the first byte: of a call without stream that is the whole generation"
        return Finding("warn", said, shown)
    return Finding("pass", f"a call ends within {timeouts.total:g} s, whatever happens", shown)


def _env_10(probe: Probe) -> Checking:
    yield from ()
    facts = probe.facts
    if facts.below_the_floor:
        said = ", ".join(
            f"{name} {facts.versions.get(name, '')} is older than {limits}"
            for name, limits in facts.below_the_floor.items()
        )
        wanted = " ".join(f"'{name}{limits}'" for name, limits in facts.below_the_floor.items())
        return Finding("fail", said, facts.versions, f"pip install {wanted}")
    return Finding("pass", "what is installed is what was asked for", facts.versions)


CHECKS: dict[str, Check] = {
    "ENV-01": _env_01,
    "ENV-02": _env_02,
    "ENV-03": _env_03,
    "ENV-04": _env_04,
    "ENV-05": _env_05,
    "ENV-06": _env_06,
    "ENV-07": _env_07,
    "ENV-10": _env_10,
}
