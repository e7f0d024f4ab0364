"""NET: the way to the endpoints, without any permission: names, certificates, addresses, clocks."""

from __future__ import annotations

import ipaddress
from collections.abc import Generator
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from bedrock_gateway.preflight.flow import Asking, Check, Finding, Probe

__all__ = ["CHECKS"]

Checking = Generator[Asking, Any, Finding]

_KNOWLEDGE = ("bedrock-agent", "bedrock-agent-runtime")
_SKEW_WARNS_SECONDS = 60
_SKEW_FAILS_SECONDS = 240
"""A signature is good for five minutes; botocore neither corrects a clock that is off nor sends again for it."""


def _hosts(probe: Probe) -> dict[str, str]:
    """Service → host that this principal's calls go to."""
    config = probe.config
    services = ["sts", "bedrock", "bedrock-runtime", *(_KNOWLEDGE if probe.principal.knowledge_bases else ())]
    found = {}
    for service in services:
        declared = config.endpoints.get(service)
        host = urlsplit(declared).hostname if declared else None
        found[service] = host or f"{service}.{config.region}.amazonaws.com"
    return found


def _elsewhere(probe: Probe) -> Finding | None:
    if probe.config.local:
        return Finding("not_applicable", "a local Bedrock")
    if probe.facts.proxies:
        return Finding("not_applicable", "a proxy stands between: it resolves and connects, see ENV-04")
    return None


def _net_01(probe: Probe) -> Checking:
    if away := _elsewhere(probe):
        return away
    silent = []
    for service, host in _hosts(probe).items():
        found = yield from probe.look("addresses", host)
        if found.get("error") == "NXDOMAIN":
            return Finding("fail", f"{host} does not resolve", {service: host})
        silent += [host] if "error" in found else []
    if silent:
        return Finding("unknown", f"the resolver did not answer for {', '.join(silent)}")
    return Finding("pass", f"every endpoint resolves: {', '.join(_hosts(probe))}")


def _net_02(probe: Probe) -> Checking:
    if away := _elsewhere(probe):
        return away
    host = _hosts(probe)["bedrock-runtime"]
    found = yield from probe.look("handshake", host)
    if "error" in found:
        error = str(found["error"])
        return Finding("fail" if error.startswith("TLS") else "unknown", f"{host}: {error}", {"host": host})
    evidence = {"host": host, "version": str(found["version"]), "issuer": str(found["issuer"])}
    if found["version"] in {"TLSv1", "TLSv1.1", "SSLv3"}:
        return Finding("fail", f"{host} is reached with {found['version']}: AWS asks for TLS 1.2", evidence)
    if "Amazon" not in found["issuer"]:
        said = f"the certificate of {host} is of {found['issuer'] or 'nobody'}: something on the way reads the traffic"
        return Finding("warn", said, evidence)
    return Finding("pass", f"{host}: {found['version']}, a certificate of {found['issuer']}", evidence)


def _net_03(probe: Probe) -> Checking:
    if away := _elsewhere(probe):
        return away
    host = _hosts(probe)["bedrock-runtime"]
    found = yield from probe.look("addresses", host)
    if "error" in found:
        return Finding("unknown", f"{host} does not resolve, see NET-01")
    texts = [str(one) for one in found["addresses"]]
    public = [one for one in texts if not ipaddress.ip_address(one).is_private]
    evidence = {"host": host, "addresses": ", ".join(texts)}
    declared = "bedrock-runtime" in probe.config.endpoints
    if not public:
        return Finding("pass", f"{host} has private addresses only", evidence)
    if declared and host.endswith(".vpce.amazonaws.com"):
        return Finding("fail", f"a VPC endpoint is declared, but {host} resolves to public {public[0]}", evidence)
    return Finding("pass", f"{host} is reached over public addresses; no VPC endpoint is declared", evidence)


def _net_04(probe: Probe) -> Checking:
    who = yield from probe.read("sts", "GetCallerIdentity")
    said = who.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
    now = probe.facts.now
    if said is None or now is None:
        return Finding("not_applicable", "the answer carries no date")
    try:
        skew = abs((now - parsedate_to_datetime(said)).total_seconds())
    except (TypeError, ValueError):
        return Finding("unknown", "the date of AWS's answer could not be read")
    evidence = {"skew_seconds": f"{skew:.0f}"}
    if skew > _SKEW_FAILS_SECONDS:
        return Finding("fail", f"this clock is {skew:.0f} s off: signatures are good for five minutes", evidence)
    if skew > _SKEW_WARNS_SECONDS:
        return Finding("warn", f"this clock is {skew:.0f} s off", evidence)
    return Finding("pass", f"this clock is {skew:.0f} s off", evidence)


CHECKS: dict[str, Check] = {"NET-01": _net_01, "NET-02": _net_02, "NET-03": _net_03, "NET-04": _net_04}
