"""Every error this library raises, and which AWS error code becomes which class.

::

    GatewayError
    ├─ ConfigError                     .key_path .line               nothing was sent
    ├─ GovernanceError                 .rule .reason                 nothing was sent
    ├─ UnsupportedByBotocoreError      .member .installed .known_in  nothing was sent
    ├─ MissingExtraError               .extra                        nothing was sent
    ├─ TransportError                  .operation .sent (None = unknown) .attempts
    ├─ ServiceError                    .operation .code .status .request_id .attempts .retryable
    │  ├─ AccessDeniedError            .missing .resource .reason
    │  ├─ NotFoundError
    │  ├─ InvalidRequestError
    │  │  ├─ InferenceProfileRequiredError  .suggested_model_id
    │  │  └─ SessionExpiredError
    │  ├─ ConflictError
    │  ├─ QuotaExceededError
    │  ├─ ThrottledError
    │  ├─ ModelNotReadyError
    │  ├─ ModelTimeoutError
    │  ├─ ModelFailedError
    │  └─ UnavailableError
    │     └─ CircuitOpenError             .retry_after_seconds        nothing was sent
    ├─ MalformedResponseError          .operation .maybe_billed .request_id
    │  └─ OutputValidationError           .partial .faults .usage .rejected .attempts
    ├─ StreamInterruptedError          .partial .reason .usage .request_id .may_resend
    ├─ IngestionFailedError            .job
    ├─ NotOursError                    .kind .name
    ├─ SetupIncompleteError            .step .exists .manifest
    └─ PreflightFailedError            .report

A class exists only where a caller would act differently on it. Facts are attributes; the message says what
failed, on what, and what to do next. No prompt, response or credential is ever part of a message or a repr.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bedrock_gateway.results import ConverseResult, IngestionJob, Usage

__all__ = [
    "CODES",
    "AccessDeniedError",
    "CircuitOpenError",
    "ConfigError",
    "ConflictError",
    "GatewayError",
    "GovernanceError",
    "InferenceProfileRequiredError",
    "IngestionFailedError",
    "InvalidRequestError",
    "MalformedResponseError",
    "MissingExtraError",
    "ModelFailedError",
    "ModelNotReadyError",
    "ModelTimeoutError",
    "NotFoundError",
    "NotOursError",
    "OutputValidationError",
    "PreflightFailedError",
    "QuotaExceededError",
    "ServiceError",
    "SessionExpiredError",
    "SetupIncompleteError",
    "StreamInterruptedError",
    "ThrottledError",
    "TransportError",
    "UnavailableError",
    "UnsupportedByBotocoreError",
    "error_class",
    "normalise_code",
]


def _rebuild(cls: type[GatewayError], message: str, facts: Mapping[str, Any]) -> GatewayError:
    error = cls.__new__(cls)
    Exception.__init__(error, message)
    error.__dict__.update(facts)
    return error


class GatewayError(Exception):
    """Base of every error this library raises."""

    def __init__(self, message: str) -> None:
        super().__init__(message)

    @property
    def message(self) -> str:
        """The sentence shown to a person: what failed, on what, what to do next."""
        return str(self.args[0])

    def __reduce__(self) -> tuple[Callable[..., GatewayError], tuple[Any, ...]]:
        """Rebuild without calling ``__init__``, whose arguments are keyword-only in the subclasses."""
        return _rebuild, (type(self), self.message, dict(self.__dict__))


class ConfigError(GatewayError):
    """The configuration cannot be used; nothing was sent."""

    def __init__(self, message: str, *, key_path: str | None = None, line: int | None = None) -> None:
        super().__init__(message)
        self.key_path = key_path
        """Dotted path of the offending key (``env.prod.region``), or None where no single key is at fault."""
        self.line = line
        """Line of the file, counted from 1, or None where the value did not come from a file."""


class GovernanceError(GatewayError):
    """The configuration does not permit this call; nothing was sent."""

    def __init__(self, reason: str, *, rule: str) -> None:
        super().__init__(f"{rule}: {reason}")
        self.rule = rule
        """Name of the rule that refused, such as ``declared-models``."""
        self.reason = reason
        """Why, and what to declare to permit it."""


class UnsupportedByBotocoreError(GatewayError):
    """The installed botocore does not know a member this call needs; nothing was sent."""

    def __init__(self, *, member: str, installed: str, known_in: str | None) -> None:
        newer = f"; install botocore>={known_in}" if known_in else ""
        super().__init__(f"botocore {installed} does not know {member}{newer}")
        self.member = member
        self.installed = installed
        self.known_in = known_in
        """Oldest botocore of our CI that has the member; None if none of them has it."""


class MissingExtraError(GatewayError, ImportError):
    """An optional dependency is not installed; nothing was sent."""

    def __init__(self, *, extra: str, needed_for: str) -> None:
        super().__init__(f"{needed_for} needs an extra: pip install 'bedrock-gateway[{extra}]'")
        self.extra = extra


class TransportError(GatewayError):
    """No usable answer arrived."""

    def __init__(self, message: str, *, operation: str, sent: bool | None, attempts: int = 1) -> None:
        super().__init__(message)
        self.operation = operation
        self.sent = sent
        """False: the request never went out. True: it did. None: unknown, so it may have been billed."""
        self.attempts = attempts


class ServiceError(GatewayError):
    """AWS answered with an error."""

    may_succeed_later: ClassVar[bool] = False
    """Whether errors of this class pass, so that the request may be sent again."""

    def __init__(
        self,
        message: str,
        *,
        operation: str,
        code: str,
        status: int | None = None,
        request_id: str | None = None,
        attempts: int = 1,
        retryable: bool = False,
    ) -> None:
        super().__init__(message)
        self.operation = operation
        """AWS's name of the operation, such as ``Converse``."""
        self.code = code
        """AWS's error code, such as ``ThrottlingException``."""
        self.status = status
        """HTTP status; None for an error that arrived inside a stream."""
        self.request_id = request_id
        self.attempts = attempts
        self.retryable = retryable
        """Whether the same request, sent again within minutes, may succeed without being billed twice."""
        self.retry_after_seconds: float | None = None
        """How long the server asked to wait."""
        self.original_status: int | None = None
        """Of ``ModelErrorException``: the status the model itself answered with."""


class AccessDeniedError(ServiceError):
    """IAM, or model access, refuses the call."""

    missing: str | None = None
    """The IAM action that was denied, or None where AWS did not name one."""
    resource: str | None = None
    """The ARN it was denied on, or None where AWS did not name one."""
    reason: str | None = None
    """``permission`` (IAM), ``credentials``, ``marketplace`` (no subscription, and the caller may not subscribe),
    ``payment``, ``use-case-form``, ``model-access`` or ``legacy``; None where AWS's words do not tell."""


class NotFoundError(ServiceError):
    """The resource does not exist in this Region and account."""


class InvalidRequestError(ServiceError):
    """AWS refuses the request as it is; sending it again cannot help."""


class InferenceProfileRequiredError(InvalidRequestError):
    """The model can be called only through an inference profile."""

    suggested_model_id: str | None = None
    """A profile id that serves this model from this Region, or None where none is known."""


class SessionExpiredError(InvalidRequestError):
    """AWS does not know the session of the question, any more or at all: ask without it."""


class ConflictError(ServiceError):
    """The resource is in a state that forbids this operation now."""


class QuotaExceededError(ServiceError):
    """An account quota is used up."""


class ThrottledError(ServiceError):
    """Too many requests."""

    may_succeed_later = True


class ModelNotReadyError(ServiceError):
    """The model is being loaded and can be called later."""

    may_succeed_later = True


class ModelTimeoutError(ServiceError):
    """The model took too long; the call may have been billed."""


class ModelFailedError(ServiceError):
    """The model failed while it processed the request; the call may have been billed."""


class UnavailableError(ServiceError):
    """The service failed or is unavailable."""

    may_succeed_later = True


class CircuitOpenError(UnavailableError):
    """Most requests to this model failed of late, so that none is sent for a while; nothing was sent."""

    may_succeed_later = True


class MalformedResponseError(GatewayError):
    """The answer was cut short, empty, or not what the operation returns."""

    def __init__(
        self, message: str, *, operation: str, maybe_billed: bool = True, request_id: str | None = None
    ) -> None:
        super().__init__(message)
        self.operation = operation
        self.maybe_billed = maybe_billed
        self.request_id = request_id
        self.partial: Any = None
        """The answer, where it came whole and only did not fit the ``output`` asked for; never part of the message or repr."""


class OutputValidationError(MalformedResponseError):
    """The answer came whole and does not fit the ``output`` asked for; it was billed. It is never sent again unasked."""

    def __init__(
        self,
        message: str,
        *,
        operation: str,
        partial: ConverseResult[Any] | None = None,
        faults: tuple[str, ...] = (),
        usage: Usage | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message, operation=operation, maybe_billed=True, request_id=request_id)
        self.partial: ConverseResult[Any] | None = partial
        """The answer; of several, the last one. Never part of the message or repr."""
        self.faults = faults
        """What does not fit, one a line: path and message of pydantic. They can quote the answer, so they are an attribute."""
        self.usage = usage
        """Of every answer that was made, added up; None where AWS did not say."""
        self.rejected: tuple[ConverseResult[Any], ...] = ()
        """Answers before ``partial`` that did not fit either; each was billed."""
        self.attempts = 1
        """Requests sent, over all answers."""


class StreamInterruptedError(GatewayError):
    """A stream ended before its terminal event."""

    def __init__(
        self,
        message: str,
        *,
        operation: str,
        reason: str,
        partial: Any = None,
        usage: Usage | None = None,
        request_id: str | None = None,
        may_resend: bool = False,
    ) -> None:
        super().__init__(message)
        self.operation = operation
        self.reason = reason
        """One of ``truncated``, ``transport``, ``corrupt``, ``service``, ``deadline``, ``idle``, ``closed`` (by the
        caller)."""
        self.partial = partial
        """What had arrived, as the stream's own result type; never part of the message or the repr."""
        self.usage = usage
        """Usage AWS had reported, or None: nothing was received, not zero."""
        self.request_id = request_id
        self.may_resend = may_resend
        """Whether the same request may be sent again without being billed twice."""


class IngestionFailedError(GatewayError):
    """An ingestion job ended as FAILED or STOPPED."""

    def __init__(self, message: str, *, job: IngestionJob) -> None:
        super().__init__(message)
        self.job = job


class NotOursError(GatewayError):
    """What set-up was to make or remove exists, and does not carry our mark: it was not touched."""

    def __init__(self, message: str, *, kind: str, name: str) -> None:
        super().__init__(message)
        self.kind = kind
        """What it is: ``role``, ``vector bucket``, ``vector index``, ``knowledge base``, ``data source``."""
        self.name = name
        """Its name or ARN."""


class SetupIncompleteError(GatewayError):
    """Setting up, or removing, stopped half-way; the cause says why. Going on later is safe."""

    def __init__(self, message: str, *, step: str, exists: tuple[str, ...], manifest: str) -> None:
        super().__init__(message)
        self.step = step
        """The step that failed, such as ``knowledge base``."""
        self.exists = exists
        """Everything of it that exists now, one a line: kind and name. What may exist, as its answer was lost, is marked."""
        self.manifest = manifest
        """Path of the file that knows how to go on."""


class PreflightFailedError(GatewayError):
    """A preflight check failed, or a required one could not be read."""

    def __init__(self, message: str, *, report: Any) -> None:
        super().__init__(message)
        self.report = report
        """The `bedrock_gateway.preflight.Report` with every result."""


_BY_CLASS: dict[type[ServiceError], tuple[str, ...]] = {
    AccessDeniedError: (
        "AccessDeniedException",
        "AccessDenied",
        "UnauthorizedException",
        "UnrecognizedClientException",
        "InvalidSignatureException",
        "SignatureDoesNotMatch",
        "InvalidClientTokenId",
        "InvalidAccessKeyId",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "IncompleteSignatureException",
        "OptInRequired",
        "ExpiredToken",
        "ExpiredTokenException",
    ),
    NotFoundError: ("ResourceNotFoundException", "NoSuchEntity", "NoSuchBucket", "NoSuchKey", "NotFoundException"),
    InvalidRequestError: ("ValidationException", "ValidationError", "BadRequestException", "MalformedInputException"),
    ConflictError: (
        "ConflictException",
        "ResourceInUseException",
        "TooManyTagsException",
        "EntityAlreadyExists",
        "ResourceAlreadyExistsException",
    ),
    QuotaExceededError: ("ServiceQuotaExceededException", "LimitExceededException"),
    ThrottledError: (
        "ThrottlingException",
        "ThrottledException",
        "Throttling",
        "TooManyRequestsException",
        "RequestLimitExceeded",
        "SlowDown",
    ),
    ModelNotReadyError: ("ModelNotReadyException",),
    ModelTimeoutError: ("ModelTimeoutException",),
    ModelFailedError: ("ModelErrorException", "ModelStreamErrorException"),
    UnavailableError: (
        "InternalServerException",
        "InternalServerError",
        "InternalFailure",
        "InternalError",
        "ServiceUnavailableException",
        "ServiceUnavailable",
        "BadGatewayException",
        "DependencyFailedException",
    ),
}

CODES: Mapping[str, type[ServiceError]] = MappingProxyType(
    {
        spelling: kind
        for kind, codes in _BY_CLASS.items()
        for code in codes
        for spelling in (code, code[0].lower() + code[1:])
    }
)
"""AWS's error code, also in the lower camel case of stream frames → class."""

_TOO_MANY, _SERVER = 429, 500
_BY_STATUS: dict[int, type[ServiceError]] = {
    401: AccessDeniedError,
    403: AccessDeniedError,
    404: NotFoundError,
    408: ModelTimeoutError,
    409: ConflictError,
    424: ModelFailedError,
    _TOO_MANY: ThrottledError,
}


def normalise_code(code: str) -> str:
    """Return AWS's code without the ``namespace#`` and ``:uri`` around it, in upper camel case."""
    bare = code.rsplit("#", maxsplit=1)[-1].split(":", maxsplit=1)[0].strip()
    return bare[:1].upper() + bare[1:]


def error_class(code: str, status: int | None, text: str = "") -> type[ServiceError]:
    """Return the class of an AWS error: by its code, else by its HTTP status."""
    found = CODES.get(code)
    if found is QuotaExceededError and status == _TOO_MANY and "rate" in text.lower():
        return ThrottledError
    if found is not None:
        return found
    if status is not None and status >= _SERVER:
        return UnavailableError
    return _BY_STATUS.get(status or 0, InvalidRequestError if status else ServiceError)
