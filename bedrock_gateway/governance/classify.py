"""What a failure was: an exception of boto3, aiobotocore or their HTTP libraries → an error of ours.

By class name, as this layer imports none of them. A cause keeps its type and message and loses its traceback, whose
frames hold the prompt; where the message itself quotes the request, it is replaced.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

from bedrock_gateway.capabilities.models import parse_model_id, profiles_for
from bedrock_gateway.errors import (
    AccessDeniedError,
    ConfigError,
    GatewayError,
    InferenceProfileRequiredError,
    InvalidRequestError,
    ServiceError,
    TransportError,
    error_class,
    normalise_code,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bedrock_gateway._commands import Send

__all__ = ["cleaned", "from_frame", "outcome_sent", "service_error", "translate"]

_CREDENTIALS = (
    "no AWS credentials that can be used ({}); set up a profile, a role or AWS_ACCESS_KEY_ID and "
    "AWS_SECRET_ACCESS_KEY, or sign in again; there is no fallback"
)
_PROFILE = "the AWS profile cannot be used ({}); check AWS_PROFILE and ~/.aws/config"

# class name → sentence of a ConfigError
_CONFIGURATION = {
    "NoCredentialsError": _CREDENTIALS,
    "PartialCredentialsError": _CREDENTIALS,
    "CredentialRetrievalError": _CREDENTIALS,
    "TokenRetrievalError": _CREDENTIALS,
    "SSOError": _CREDENTIALS,
    "NoAuthTokenError": _CREDENTIALS,
    "LoginRefreshRequired": _CREDENTIALS,
    "ProfileNotFound": _PROFILE,
    "ConfigParseError": _PROFILE,
    "ConfigNotFound": _PROFILE,
    "NoRegionError": "no Region ({}); declare it in gateway.toml",
    "UnknownServiceError": "the installed botocore does not know this service ({}); upgrade boto3",
}

# class name → (sent, sentence); None: not known, so it may have been billed
_TRANSPORT: dict[str, tuple[bool | None, str]] = {
    "SSLError": (False, "the TLS connection was refused; check the certificate store and the clock"),
    "EndpointConnectionError": (False, "the endpoint cannot be reached; check DNS, network and VPC endpoint"),
    "ConnectTimeoutError": (False, "no connection in time"),
    "ProxyConnectionError": (False, "the proxy cannot be reached"),
    "ReadTimeoutError": (None, "no answer in time; it may have been processed, and billed"),
    "ConnectionClosedError": (None, "the connection was lost before an answer; it may have been processed, and billed"),
    "ResponseStreamingError": (None, "the answer was cut short; it may have been billed"),
    "IncompleteReadError": (None, "the answer was cut short; it may have been billed"),
    "HTTPClientError": (None, "no usable answer; it may have been processed, and billed"),
    "ProtocolError": (None, "the connection was lost; it may have been billed"),
    "ClientPayloadError": (None, "the connection was lost; it may have been billed"),
    "SocketTimeoutError": (None, "no data in time; it may have been billed"),
    "TimeoutError": (None, "no answer in time; it may have been processed, and billed"),
    "OSError": (None, "the connection was lost; it may have been billed"),
    "ClientError": (None, "no usable answer; it may have been billed"),
}

_DENIED = re.compile(r"is not authorized to perform: ([\w-]+:\w+)(?: on resource: (\S+))?")
_NEEDS_PROFILE = re.compile(r"on-demand throughput isn.t supported", re.IGNORECASE)


class _Replaced(Exception):  # noqa: N818 - stands for a cause whose own message quotes the request
    """A cause whose message was dropped."""


def cleaned(cause: BaseException) -> BaseException:
    """Return *cause* without what can hold the prompt."""
    if os.environ.get("BEDROCKGW_DEBUG_TRACEBACKS") == "1":
        return cause
    if type(cause).__name__ in {"ParamValidationError", "HTTPClientError"}:
        return _Replaced(f"{type(cause).__module__}.{type(cause).__qualname__}")
    seen: set[int] = set()
    one: BaseException | None = cause
    while one is not None and id(one) not in seen:
        seen.add(id(one))
        one.__traceback__ = None
        following = one.__cause__ or one.__context__
        one.__cause__ = one.__context__ = None
        one = following
    return cause


def outcome_sent(cause: BaseException) -> bool | None:
    """Whether the request went out: what the driver could show, else what the exception's class says."""
    shown = getattr(cause, "bedrockgw_unsent", False)
    return False if shown else next((row[0] for name in _names(cause) if (row := _TRANSPORT.get(name))), None)


def _names(cause: BaseException) -> list[str]:
    return [one.__name__ for one in type(cause).__mro__]


def service_error(send: Send, parsed: Mapping[str, Any], attempts: int) -> ServiceError:
    """Return the typed error of an error reply, as botocore parses it."""
    error, metadata = parsed.get("Error", {}), parsed.get("ResponseMetadata", {})
    status = metadata.get("HTTPStatusCode")
    code = normalise_code(str(error.get("Code") or status or "Unknown"))
    text = str(error.get("Message") or parsed.get("message") or "").strip()
    made = _make(send, code, text, status, attempts)
    made.request_id = metadata.get("RequestId")
    made.retry_after_seconds = _retry_after(metadata.get("HTTPHeaders", {}))
    made.original_status = parsed.get("originalStatusCode")
    return made


def from_frame(send: Send, code: str, text: str, request_id: str | None, attempts: int) -> ServiceError:
    """Return the typed error of an exception frame inside a stream."""
    made = _make(send, normalise_code(code), text, None, attempts)
    made.request_id = request_id
    return made


def _make(send: Send, code: str, text: str, status: int | None, attempts: int) -> ServiceError:
    kind = error_class(code, status, text)
    advice = ""
    facts: dict[str, Any] = {}
    if kind is AccessDeniedError:
        advice, facts = _access_denied(send, text)
    if kind is InferenceProfileRequiredError or (kind is InvalidRequestError and _NEEDS_PROFILE.search(text)):
        kind = InferenceProfileRequiredError
        advice, facts = _needs_profile(send)
    made = kind(
        f"{send.operation}{f' on {send.model_id}' if send.model_id else ''}: {code}{f': {_safe(send, text)}' if text else ''}{advice}",
        operation=send.operation,
        code=code,
        status=status,
        attempts=attempts,
        retryable=kind.may_succeed_later,
    )
    for name, value in facts.items():
        setattr(made, name, value)
    return made


_QUOTES_REQUEST = {"InvalidRequestError", "InferenceProfileRequiredError", "ModelFailedError"}
_TEXT_LIMIT = 500


def _strings(value: Any, depth: int = 0) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, (bytes, bytearray)):
        return [bytes(value).decode(errors="replace")]
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else ()
    return [text for part in parts for text in _strings(part, depth + 1)] if depth < 20 else []  # noqa: PLR2004


def _safe(send: Send, text: str) -> str:
    """AWS's message, without any longer string of the request that it quotes."""
    for quoted in sorted((one for one in _strings(dict(send.params)) if len(one) > 7), key=len, reverse=True):  # noqa: PLR2004
        if quoted in text and quoted not in {send.model_id, send.params.get("modelId")}:
            text = text.replace(quoted, "…")
    return text[:_TEXT_LIMIT]


def _access_denied(send: Send, text: str) -> tuple[str, dict[str, Any]]:
    found = _DENIED.search(text)
    if not found:
        return "", {}
    action, resource = found[1], found[2]
    advice = f"; missing: {action} on {resource or '*'}"
    advice += (
        f"; grant it: bedrock-gateway policy generate {send.capability} --region {send.region}"
        if send.capability
        else ""
    )
    advice += f" --model {send.model_id}" if send.capability and send.model_id else ""
    return advice, {"missing": action, "resource": resource}


def _needs_profile(send: Send) -> tuple[str, dict[str, Any]]:
    try:
        model = parse_model_id(send.model_id or "").model or ""
    except ConfigError:
        model = ""
    found = profiles_for(model, send.region or "")
    advice = f"; use {found[0]}" if found else "; use an inference profile of this model"
    return advice, {"suggested_model_id": found[0] if found else None}


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds the server asks to wait; None where it asks nothing that can be read."""
    for name, unit in (("x-amz-retry-after", 1000.0), ("retry-after", 1.0)):
        value = headers.get(name)
        if value is None:
            continue
        if re.fullmatch(r"\d{1,12}(\.\d{1,6})?", value):
            return float(value) / unit
        if unit == 1.0 and (when := _date(value)) is not None:
            return when
    return None


def _date(value: str) -> float | None:
    from email.utils import parsedate_to_datetime
    from time import time

    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time())
    except (TypeError, ValueError, OverflowError):
        return None


def translate(cause: BaseException, send: Send, attempts: int) -> GatewayError:
    """Return the error of ours that *cause* is, with *cause*, cleaned, as its cause."""
    made = _translated(cause, send, attempts)
    if made is not cause:
        made.__cause__ = cleaned(cause)
    return made


def _translated(cause: BaseException, send: Send, attempts: int) -> GatewayError:
    if isinstance(cause, GatewayError):
        if isinstance(cause, (TransportError, ServiceError)):
            cause.attempts = attempts
        return cause
    parsed = getattr(cause, "response", None)
    if isinstance(parsed, dict) and "Error" in parsed:
        return service_error(send, parsed, attempts)
    names = _names(cause)
    for name in names:
        if name in _CONFIGURATION:
            return ConfigError(f"{send.operation}: {_CONFIGURATION[name].format(names[0])}")
    if "ParamValidationError" in names:
        return _invalid(send, str(cause), attempts)
    sent = outcome_sent(cause)
    sentence = next((_TRANSPORT[name][1] for name in names if name in _TRANSPORT), "it could not be sent or read")
    if sent is False and next((row[0] for name in names if (row := _TRANSPORT.get(name))), None) is not False:
        sentence = "an idle connection had been closed by the server; nothing was processed"
    return TransportError(
        f"{send.operation}: {sentence} ({names[0]})", operation=send.operation, sent=sent, attempts=attempts
    )


_MEMBER = re.compile(r"(?:parameter|in input): (?:\"(\w+)\"|([\w.\[\]]+))|parameter ([\w.\[\]]+)")


def _invalid(send: Send, text: str, attempts: int) -> InvalidRequestError:
    """Botocore's message quotes the value; only the names of the members are kept."""
    members = sorted({one for found in _MEMBER.finditer(text) for one in found.groups() if one})
    return InvalidRequestError(
        f"{send.operation}: the request is not valid: check {', '.join(members[:5]) or 'its members'}; nothing was sent",
        operation=send.operation,
        code="ParamValidation",
        attempts=attempts,
    )
