"""Who sent a request: the owner of the key that signed it, or of the Amazon Bedrock API key it carries."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bedrock_gateway.local.identity.api_keys import ApiKeys, bearer_of, presigned_of
from bedrock_gateway.local.moto_bridge import LOCK
from bedrock_gateway.local.signature import Claim, SignatureFault, claim_of, verify
from bedrock_gateway.local.signature_v2 import PresignedV2, presigned_v2_of

if TYPE_CHECKING:
    from datetime import datetime

    from bedrock_gateway.local.call import State
    from bedrock_gateway.local.principals import Credentials, Directory, Principal
    from bedrock_gateway.local.wire.message import Request

__all__ = ["Sender", "sender_of", "service_named_by"]

_INVALID_TOKEN = "The security token included in the request is invalid."
_INVALID_KEY = "Authentication failed: Please make sure your API Key is valid."
_REGION_IN_HOST = re.compile(r"bedrock(?:-runtime)?(?:-fips)?\.(?P<region>[a-z]{2,3}(?:-[a-z]+)+-\d)\.")


@dataclass(frozen=True, slots=True)
class Sender:
    """A caller whose credentials are verified, and what they named."""

    principal: Principal
    service: str
    """The name that the request is signed for; ``bedrock`` with an API key."""
    region: str
    bearer: str | None = None
    """``SHORT_TERM`` or ``LONG_TERM`` with an API key; None for a signature."""


def service_named_by(request: Request) -> str | None:
    """Return the service that *request* says it is signed for, whether or not the rest of its claim can be read."""
    if bearer_of(request) is not None:
        return "bedrock"
    if presigned_v2_of(request) is not None:
        return "s3"
    try:
        return claim_of(request).service
    except SignatureFault:
        return None


def sender_of(request: Request, directory: Directory, state: State, default_region: str) -> Sender:
    """Verify the credentials of *request*.

    A long-term API key names no Region, and neither does the host of a local endpoint: then *default_region* is meant.

    Raises:
        SignatureFault: there are none, or they are not valid.
    """
    token = bearer_of(request)
    if token is None:
        presigned_v2 = presigned_v2_of(request)
        if presigned_v2 is not None:
            # Version 2 names no Region.
            return Sender(_presigner(request, presigned_v2, directory), "s3", default_region)
        claim = claim_of(request)
        return Sender(_signer(request, claim, directory), claim.service, claim.region)
    named = _REGION_IN_HOST.search(request.hostname)
    region = named["region"] if named else default_region
    presigned = presigned_of(token)
    if presigned is not None:
        return _short_term(presigned, directory, region if named else None)
    return Sender(_owner(token, directory, state), "bedrock", region, "LONG_TERM")


def _credentials(claim: Claim | PresignedV2, directory: Directory, now: datetime) -> Credentials:
    """Return the credentials that *claim* names, if its session token is theirs and they have not expired."""
    with LOCK:
        known = directory.credentials(claim.key_id)
    if known is None:
        raise SignatureFault("unknown-key", _INVALID_TOKEN)
    if known.token != claim.token:
        raise SignatureFault("token", _INVALID_TOKEN)
    if known.expired(now):
        raise SignatureFault("expired", "The security token included in the request is expired")
    return known


def _signer(request: Request, claim: Claim, directory: Directory) -> Principal:
    now = directory.now()
    known = _credentials(claim, directory, now)
    verify(request, claim, known.secret, now)
    return known.principal


def _presigner(request: Request, claim: PresignedV2, directory: Directory) -> Principal:
    now = directory.now()
    known = _credentials(claim, directory, now)
    claim.verify(request, known.secret, now)
    return known.principal


def _short_term(presigned: Request, directory: Directory, host_region: str | None) -> Sender:
    claim = claim_of(presigned)
    if claim.service != "bedrock" or presigned.query.get("Action") != ["CallWithBearerToken"]:
        raise SignatureFault("bearer", _INVALID_KEY)
    if host_region not in {None, claim.region}:
        raise SignatureFault("bearer", _INVALID_KEY)
    try:
        principal = _signer(presigned, claim, directory)
    except SignatureFault as fault:
        text = "Bearer Token has expired" if fault.kind in {"expired", "query-expired"} else _INVALID_KEY
        raise SignatureFault("bearer", text) from None
    return Sender(principal, "bedrock", claim.region, "SHORT_TERM")


def _owner(token: str, directory: Directory, state: State) -> Principal:
    key = state.of(ApiKeys).find(token)
    if key is None or not key.active:
        raise SignatureFault("bearer", _INVALID_KEY)
    if key.expires is not None and directory.now() >= key.expires:
        raise SignatureFault("bearer", "Bearer Token has expired")
    with LOCK:
        principal = directory.user_principal(key.user)
    if principal is None:
        raise SignatureFault("bearer", _INVALID_KEY)
    return principal
