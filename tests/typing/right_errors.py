"""What a user reads of an error."""

from __future__ import annotations

from typing import Any, assert_type

from bedrock_gateway import (
    AccessDeniedError,
    CircuitOpenError,
    ConfigError,
    ConverseResult,
    Gateway,
    GatewayError,
    GovernanceError,
    InferenceProfileRequiredError,
    IngestionFailedError,
    IngestionJob,
    InvalidRequestError,
    MalformedResponseError,
    MissingExtraError,
    OutputValidationError,
    PreflightFailedError,
    ServiceError,
    StreamInterruptedError,
    TransportError,
    UnsupportedByBotocoreError,
    Usage,
)


def calling(gateway: Gateway) -> str | None:
    try:
        return gateway.converse("Hello").text
    except GovernanceError as error:
        assert_type((error.rule, error.reason), tuple[str, str])
    except ConfigError as error:
        assert_type((error.key_path, error.line), tuple[str | None, int | None])
    except UnsupportedByBotocoreError as error:
        assert_type((error.member, error.installed, error.known_in), tuple[str, str, str | None])
    except MissingExtraError as error:
        assert_type(error.extra, str)
    except TransportError as error:
        assert_type((error.operation, error.sent, error.attempts), tuple[str, bool | None, int])
    except AccessDeniedError as error:
        assert_type((error.missing, error.resource, error.reason), tuple[str | None, str | None, str | None])
    except InferenceProfileRequiredError as error:
        assert_type(error.suggested_model_id, str | None)
    except InvalidRequestError as error:
        assert_type(error.code, str)
    except CircuitOpenError as error:
        assert_type(error.retry_after_seconds, float | None)
    except ServiceError as error:
        assert_type((error.operation, error.code, error.status), tuple[str, str, int | None])
        assert_type((error.request_id, error.attempts, error.retryable), tuple[str | None, int, bool])
    except OutputValidationError as error:
        assert_type(error.partial, ConverseResult[Any] | None)
        assert_type((error.faults, error.usage), tuple[tuple[str, ...], Usage | None])
        assert_type(error.rejected, tuple[ConverseResult[Any], ...])
    except MalformedResponseError as error:
        assert_type((error.maybe_billed, error.request_id), tuple[bool, str | None])
    except StreamInterruptedError as error:
        assert_type((error.reason, error.usage, error.may_resend), tuple[str, Usage | None, bool])
        return str(error.partial)
    except IngestionFailedError as error:
        assert_type(error.job, IngestionJob)
    except PreflightFailedError as error:
        print(error.report)
    except GatewayError as error:
        assert_type(error.message, str)
    return None
