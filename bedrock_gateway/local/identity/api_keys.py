"""Amazon Bedrock API keys: made by IAM as service-specific credentials, or signed by the caller for some hours.

A long-term key is ``ABSK`` and base64 of ``alias:secret``; a short-term key is ``bedrock-api-key-`` and base64 of a
presigned ``CallWithBearerToken``. Source: IAM API reference, CreateServiceSpecificCredential; the form of the short-term
key is that of AWS's own aws-bedrock-token-generator; the long-term form is third-party evidence, not verified against AWS.
"""

from __future__ import annotations

import base64
import binascii
import secrets
import string
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from bedrock_gateway.local.call import Call, Fault, Handlers, Reply
from bedrock_gateway.local.signature import SignatureFault
from bedrock_gateway.local.wire.message import Request

if TYPE_CHECKING:
    from bedrock_gateway.local.principals import Directory

__all__ = ["HANDLERS", "ApiKey", "ApiKeys", "bearer_of", "presigned_of"]

_SERVICE = "bedrock.amazonaws.com"
_LONG, _SHORT = "ABSK", "bedrock-api-key-"
_MOST_A_USER = 2
_LONGEST_DAYS = 36600
_ID = string.ascii_uppercase + string.digits


@dataclass(slots=True)
class ApiKey:
    """One long-term key."""

    identifier: str
    user: str
    alias: str
    created: datetime
    expires: datetime | None
    active: bool = True
    token: str = field(default="", repr=False)

    def renew(self) -> None:
        """Give it a new secret; the old one no longer works."""
        pair = f"{self.alias}:{secrets.token_urlsafe(32)}"
        self.token = _LONG + base64.b64encode(pair.encode()).decode()

    def shown(self) -> dict[str, Any]:
        """Return ``ServiceSpecificCredentialMetadata``."""
        expires = {"ExpirationDate": self.expires} if self.expires else {}
        return {
            "UserName": self.user,
            "Status": "Active" if self.active else "Inactive",
            "ServiceCredentialAlias": self.alias,
            "CreateDate": self.created,
            "ServiceSpecificCredentialId": self.identifier,
            "ServiceName": _SERVICE,
            **expires,
        }


class ApiKeys:
    """The long-term keys of one account, by their identifiers."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.by_id: dict[str, ApiKey] = {}

    def find(self, token: str) -> ApiKey | None:
        """Return the key whose secret *token* is."""
        with self.lock:
            held = list(self.by_id.values())
        return next((key for key in held if secrets.compare_digest(key.token.encode(), token.encode())), None)


def bearer_of(request: Request) -> str | None:
    """Return the bearer token that *request* carries, or None."""
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else None


def presigned_of(token: str) -> Request | None:
    """Return the signed request that a short-term key consists of; None for any other key.

    Raises:
        SignatureFault: it looks like one and cannot be read.
    """
    if not token.startswith(_SHORT):
        return None
    try:
        url = base64.b64decode(token.removeprefix(_SHORT), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise SignatureFault("bearer", "Invalid API Key format: the key is not base64") from None
    place, _, query = url.partition("?")
    host, slash, path = place.partition("/")
    # The version is put behind the signed query.
    signed = "&".join(part for part in query.split("&") if not part.startswith("Version="))
    return Request("POST", slash + path or "/", signed, {"host": host}, b"")


def _missing(what: str) -> Fault:
    return Fault("NoSuchEntity", f"{what} cannot be found.", 404)


def _user(call: Call) -> str:
    directory: Directory = call.aws.directory
    name = str(call.params.get("UserName") or (call.caller.name if call.caller.kind == "user" else ""))
    if directory.entity("user", name) is None:
        raise _missing(f"The user with name {name}")
    return name


def _own(call: Call) -> ApiKey:
    key = call.state.of(ApiKeys).by_id.get(call.params["ServiceSpecificCredentialId"])
    if key is None or ("UserName" in call.params and call.params["UserName"] != key.user):
        raise _missing(f"Service specific credential {call.params['ServiceSpecificCredentialId']}")
    return key


def _create(call: Call) -> Reply:
    store, user, days = call.state.of(ApiKeys), _user(call), call.params.get("CredentialAgeDays")
    if call.params["ServiceName"] != _SERVICE:
        text = f"The local Bedrock makes service-specific credentials for {_SERVICE} only."
        raise Fault("NotSupportedService", text, 404)
    if days is not None and not 1 <= days <= _LONGEST_DAYS:
        raise Fault("InvalidInput", f"CredentialAgeDays is from 1 to {_LONGEST_DAYS}, not {days}.", 400)
    with store.lock:
        held = sum(key.user == user for key in store.by_id.values())
        if held >= _MOST_A_USER:
            text = f"Cannot exceed quota for ServiceSpecificCredentialsPerUser: {_MOST_A_USER}"
            raise Fault("LimitExceeded", text, 409)
        created = datetime.now(UTC)
        key = ApiKey(
            "ACCA" + "".join(secrets.choice(_ID) for _ in range(16)),
            user,
            f"{user}{f'+{held}' if held else ''}-at-{call.account}",
            created,
            created + timedelta(days=days) if days is not None else None,
        )
        key.renew()
        store.by_id[key.identifier] = key
    return Reply({"ServiceSpecificCredential": {**key.shown(), "ServiceCredentialSecret": key.token}})


def _list(call: Call) -> Reply:
    store = call.state.of(ApiKeys)
    user = None if call.params.get("AllUsers") else _user(call)
    wanted = call.params.get("ServiceName") or _SERVICE
    with store.lock:
        found = [key for key in store.by_id.values() if user in {None, key.user} and wanted == _SERVICE]
    return Reply({"ServiceSpecificCredentials": [key.shown() for key in found], "IsTruncated": False})


def _update(call: Call) -> Reply:
    _own(call).active = call.params["Status"] == "Active"
    return Reply()


def _reset(call: Call) -> Reply:
    key = _own(call)
    key.renew()
    return Reply({"ServiceSpecificCredential": {**key.shown(), "ServiceCredentialSecret": key.token}})


def _delete(call: Call) -> Reply:
    call.state.of(ApiKeys).by_id.pop(_own(call).identifier, None)
    return Reply()


HANDLERS: Handlers = {
    ("iam", "CreateServiceSpecificCredential"): _create,
    ("iam", "ListServiceSpecificCredentials"): _list,
    ("iam", "UpdateServiceSpecificCredential"): _update,
    ("iam", "ResetServiceSpecificCredential"): _reset,
    ("iam", "DeleteServiceSpecificCredential"): _delete,
}
