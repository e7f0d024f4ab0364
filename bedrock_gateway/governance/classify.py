"""What a failure was: an exception of boto3, aiobotocore or their HTTP libraries → an error of ours.

By class name, as this layer imports none of them. A cause keeps its type and message and loses its traceback, whose
frames hold the prompt; where the message itself quotes the request, it is replaced.
"""

from __future__ import annotations

import base64
import os
import re
from typing import TYPE_CHECKING, Any

from bedrock_gateway.capabilities.models import parse_model_id, profiles_for
from bedrock_gateway.errors import (
    AccessDeniedError,
    ConfigError,
    GatewayError,
    GovernanceError,
    InferenceProfileRequiredError,
    InvalidRequestError,
    MalformedResponseError,
    MissingExtraError,
    NotFoundError,
    OutputValidationError,
    ServiceError,
    SessionExpiredError,
    ThrottledError,
    TransportError,
    UnsupportedByBotocoreError,
    error_class,
    normalise_code,
)
from bedrock_gateway.governance.denials import denial_of
from bedrock_gateway.governance.grants import denied
from bedrock_gateway.governance.invalid import faults
from bedrock_gateway.governance.versions import unknown_member

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from bedrock_gateway._commands import Send

__all__ = ["cleaned", "from_frame", "never_sent", "outcome_sent", "service_error", "translate"]

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

_WAITED = frozenset({"TimeoutError", "ReadTimeoutError", "SocketTimeoutError"})

_NEEDS_PROFILE = re.compile(r"on-demand throughput isn.t supported", re.IGNORECASE)
# AWS's own words where a session is not known: "Session with Id … is not valid. Please check and try again."
_NO_SESSION = re.compile(
    r"\bsession\b.*\b(?:not valid|invalid|expired|not found|not exist)\b", re.IGNORECASE | re.DOTALL
)
_PARAM_VALIDATION = "ParamValidation"
# AWS's words where the day's quota is used up, under the code of any throttle: as reported in many public issues.
_DAILY = re.compile(r"tokens per day", re.IGNORECASE)
_TOMORROW = (
    "; the account's tokens for this model and day are used up: not sent again, as only another day, another model or a "
    "larger quota helps"
)


class _Replaced(Exception):  # noqa: N818 - stands for a cause whose own message quotes the request
    """A cause whose message was dropped."""


_QUOTING = frozenset({"ParamValidationError", "HTTPClientError", "UnicodeEncodeError", "UnicodeDecodeError"})


def cleaned(cause: BaseException, quoted: Callable[[str], bool] = lambda _text: False) -> BaseException:
    """Return *cause* without what can hold the prompt; *quoted* tells whether a text holds something of the request."""
    if os.environ.get("BEDROCKGW_DEBUG_TRACEBACKS") == "1":
        return cause
    if type(cause).__name__ in _QUOTING or quoted(str(cause)):
        return _Replaced(f"{type(cause).__module__}.{type(cause).__qualname__}")
    seen: set[int] = set()
    one: BaseException | None = cause
    while one is not None and id(one) not in seen:
        seen.add(id(one))
        one.__traceback__ = None
        if hasattr(one, "request"):  # of botocore's HTTPClientError: the whole request
            one.request = None
        following = one.__cause__ or one.__context__
        one.__cause__ = one.__context__ = None
        one = following
    return cause


def never_sent(error: GatewayError) -> bool:
    """Whether *error* arose before there was anything to send."""
    unsent = (ConfigError, GovernanceError, UnsupportedByBotocoreError, MissingExtraError)
    return isinstance(error, unsent) or (isinstance(error, ServiceError) and error.code == _PARAM_VALIDATION)


def outcome_sent(cause: BaseException) -> bool | None:
    """Whether the request went out: what the driver could show, else what the exception's class says."""
    if hasattr(cause, "bedrockgw_sent"):
        shown: bool | None = cause.bedrockgw_sent
        return shown
    return next((row[0] for name in _names(cause) if (row := _TRANSPORT.get(name))), None)


def _names(cause: BaseException) -> list[str]:
    return [one.__name__ for one in type(cause).__mro__]


def service_error(
    send: Send, parsed: Mapping[str, Any], attempts: int, *, principal: str | None = None
) -> ServiceError:
    """Return the typed error of an error reply, as botocore parses it."""
    error, metadata = parsed.get("Error", {}), parsed.get("ResponseMetadata", {})
    status = metadata.get("HTTPStatusCode")
    code = normalise_code(str(error.get("Code") or status or "Unknown")[:_CODE_LIMIT])
    text = str(error.get("Message") or parsed.get("message") or "").strip()
    made = _make(send, code, text, status, attempts, principal)
    made.request_id = metadata.get("RequestId")
    made.retry_after_seconds = _retry_after(metadata.get("HTTPHeaders", {}))
    made.original_status = _status(parsed.get("originalStatusCode"))
    return made


def _status(value: Any) -> int | None:
    """Return *value* if it is an HTTP status."""
    return value if isinstance(value, int) and 100 <= value <= 599 else None  # noqa: PLR2004


def from_frame(
    send: Send,
    code: str,
    text: str,
    original_status: int | None,
    request_id: str | None,
    attempts: int,
    *,
    principal: str | None = None,
) -> ServiceError:
    """Return the typed error of an exception frame inside a stream."""
    made = _make(send, normalise_code(code[:_CODE_LIMIT]), text, None, attempts, principal)
    made.request_id = request_id
    made.original_status = _status(original_status)
    return made


def _make(send: Send, code: str, text: str, status: int | None, attempts: int, principal: str | None) -> ServiceError:
    kind = error_class(code, status, text)
    advice = ""
    facts: dict[str, Any] = {}
    denial = denial_of(code, text) if kind in _MAY_BE_DENIALS else None
    if denial is not None:
        kind, advice = AccessDeniedError, f"; {denial.advice}"
        facts = {"reason": denial.reason, "missing": denial.missing}
    elif kind is AccessDeniedError:
        advice, facts = denied(send, text, principal)
        if code in _REFUSED:
            advice, facts = _REFUSED[code], {"reason": "credentials"}
    if kind is ThrottledError and _DAILY.search(text):
        advice = _TOMORROW
    if kind is InferenceProfileRequiredError or (kind is InvalidRequestError and _NEEDS_PROFILE.search(text)):
        kind = InferenceProfileRequiredError
        advice, facts = _needs_profile(send)
    if (
        issubclass(kind, (InvalidRequestError, NotFoundError))
        and send.params.get("sessionId")
        and _NO_SESSION.search(text)
    ):
        kind, advice = SessionExpiredError, "; ask without the session, which begins a new one"
    made = kind(
        f"{send.operation}{f' on {send.model_id}' if send.model_id else ''}: {code}{f': {_safe(send, text)}' if text else ''}{advice}",
        operation=send.operation,
        code=code,
        status=status,
        attempts=attempts,
        retryable=kind.may_succeed_later and advice != _TOMORROW,
    )
    for name, value in facts.items():
        setattr(made, name, value)
    return made


_MAY_BE_DENIALS = frozenset({AccessDeniedError, NotFoundError, InvalidRequestError})
_TEXT_LIMIT = 500
_CODE_LIMIT = 200
_DEPTH = 110  # arguments are not deeper
_WHOLE, _PIECE = 8, 12
"""Characters: a value of the request of at least so many is a quotation, and so is a piece of one."""


# A name as AWS's members have it; the keys of a tool's input can be content.
_MEMBER_NAME = re.compile(r"[a-z]+(?:[A-Z][a-z]+)*")


def _strings(value: Any, depth: int = 0) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (bytes, bytearray)):
        yield bytes(value).decode(errors="replace")
        yield base64.b64encode(value).decode()  # as it is on the wire
    elif isinstance(value, dict) and depth < _DEPTH:
        yield from (key for key in value if not _MEMBER_NAME.fullmatch(key))
        for part in value.values():
            yield from _strings(part, depth + 1)
    elif isinstance(value, (list, tuple)) and depth < _DEPTH:
        for part in value:
            yield from _strings(part, depth + 1)


# What a request holds that is no content: AWS's messages name these, and are useless without them.
_NAMES = frozenset(
    {"modelId", "knowledgeBaseId", "dataSourceId", "ingestionJobId", "roleArn", "name", "contentType", "accept"}
)


def _content(send: Send) -> list[str]:
    held = {name: value for name, value in send.params.items() if name not in _NAMES}
    return [one for one in _strings(held) if len(one) >= _WHOLE and one not in _not_content(send)]


def _not_content(send: Send) -> set[str]:
    return {str(one) for one in (send.model_id, send.params.get("modelId"), send.knowledge_base) if one}


def _quotes(send: Send, text: str) -> bool:
    return _safe(send, text, limit=8 * _TEXT_LIMIT) != " ".join(text[: 8 * _TEXT_LIMIT].split())


def _safe(send: Send, text: str, *, limit: int = _TEXT_LIMIT) -> str:
    """AWS's message, without what it quotes of the request's content: whole values, or pieces of them."""
    text = " ".join(text[:limit].split())
    content = _content(send)
    for value in sorted(content, key=len, reverse=True):
        if len(value) <= len(text):
            text = text.replace(value, "…")
    for start in [found.start() for found in re.finditer(r"\S+", text)][::-1]:
        piece = text[start : start + _PIECE]
        if len(piece) == _PIECE and piece not in _OWN_WORDS and any(piece in value for value in content):
            end = start + _PIECE
            while end < len(text) and any(text[start : end + 1] in value for value in content):
                end += 1
            text = f"{text[:start]}…{text[end:]}"
    return text


_OWN_WORDS = "amazon.nova anthropic.claude arn:aws:bedrock: application/json "


_EXPIRED = "; the credentials have expired: sign in again, or renew them"
_UNKNOWN_KEY = "; AWS does not know these credentials: check the profile, the account and the partition"
_CLOCK = "; the signature is too old or too new: check this machine's clock"
_BAD_SIGNATURE = "; the signature does not hold: check the secret access key and this machine's clock"

# Code of a refusal that is about the credentials, not about a right → what to do.
_REFUSED = {
    "ExpiredToken": _EXPIRED,
    "ExpiredTokenException": _EXPIRED,
    "UnrecognizedClientException": _UNKNOWN_KEY,
    "InvalidClientTokenId": _UNKNOWN_KEY,
    "InvalidAccessKeyId": _UNKNOWN_KEY,
    "InvalidSignatureException": _BAD_SIGNATURE,
    "SignatureDoesNotMatch": _BAD_SIGNATURE,
    "RequestExpired": _CLOCK,
    "RequestTimeTooSkewed": _CLOCK,
    "RequestInTheFuture": _CLOCK,
}


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
        value = str(headers.get(name, "")).strip()
        if re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,6})?", value):
            return float(value) / unit
        if unit == 1.0 and value and (when := _date(value)) is not None:
            return when
    return None


def _date(value: str) -> float | None:
    from email.utils import parsedate_to_datetime
    from time import time

    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time())
    except (TypeError, ValueError, OverflowError):
        return None


def translate(cause: BaseException, send: Send, attempts: int, *, principal: str | None = None) -> GatewayError:
    """Return the error of ours that *cause* is, with *cause*, cleaned, as its cause; *principal* is whose call it was."""
    made = _translated(cause, send, attempts, principal)
    if made is not cause:
        made.__cause__ = cleaned(cause, lambda text: _quotes(send, text))
    return made


def _translated(cause: BaseException, send: Send, attempts: int, principal: str | None) -> GatewayError:
    if isinstance(cause, GatewayError):
        if isinstance(cause, (TransportError, ServiceError, OutputValidationError)):
            cause.attempts = attempts
        return cause
    parsed = getattr(cause, "response", None)
    if isinstance(parsed, dict) and "Error" in parsed:
        return service_error(send, parsed, attempts, principal=principal)
    names = _names(cause)
    for name in names:
        if name in _CONFIGURATION:
            return ConfigError(f"{send.operation}: {_CONFIGURATION[name].format(names[0])}")
    if "ParamValidationError" in names:
        return _invalid(send, str(cause))
    return _unknown(cause, send, attempts, names)


def _unknown(cause: BaseException, send: Send, attempts: int, names: list[str]) -> GatewayError:
    row = next((_TRANSPORT[name] for name in names if name in _TRANSPORT), None)
    sent = outcome_sent(cause)
    if getattr(cause, "bedrockgw_answered", False) and not _WAITED.intersection(names):
        return MalformedResponseError(
            f"{send.operation}: the answer was cut short or cannot be read ({names[0]})",
            operation=send.operation,
            maybe_billed=send.resend == "billed",
        )
    if row is None and sent is False:
        return InvalidRequestError(
            f"{send.operation}: the request cannot be made ({names[0]}); nothing was sent",
            operation=send.operation,
            code=_PARAM_VALIDATION,
            attempts=attempts,
        )
    sentence = getattr(cause, "bedrockgw_what", None) or (row[1] if row else "it could not be sent or read")
    if sent is False and row and row[0] is not False and not hasattr(cause, "bedrockgw_what"):
        sentence = "it could not be made ready; nothing was sent"
    return TransportError(
        f"{send.operation}: {sentence} ({names[0]})", operation=send.operation, sent=sent, attempts=attempts
    )


def _invalid(send: Send, text: str) -> GatewayError:
    """Botocore's message quotes the value; only what is no content is kept."""
    unknown = unknown_member(send, text)
    if unknown is not None:
        return unknown
    what = "; ".join(faults(text, send.params)) or "check its members and their types"
    return InvalidRequestError(
        f"{send.operation}: the request is not valid: {what}; nothing was sent",
        operation=send.operation,
        code=_PARAM_VALIDATION,
        attempts=0,
    )
