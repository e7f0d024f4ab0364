"""Errors travel between processes and say what they must, and no more."""

from __future__ import annotations

import copy
import inspect
import pickle

import pytest

from bedrock_gateway import errors
from bedrock_gateway.results import ConverseResult, IngestionJob, Usage

CLASSES = [one for one in vars(errors).values() if inspect.isclass(one) and issubclass(one, errors.GatewayError)]
JOB = IngestionJob(id="J", knowledge_base_id="K", data_source_id="D", status="FAILED")
VALUES = {
    "rule": "mine", "member": "x", "installed": "1", "known_in": "2", "extra": "async", "needed_for": "x", "operation": "Converse",
    "sent": None, "code": "X", "reason": "idle", "job": JOB, "report": None,
}  # fmt: skip


def made(kind):
    parameters = inspect.signature(kind).parameters
    given = {
        name: VALUES.get(name, name)
        for name, one in parameters.items()
        if one.kind is one.KEYWORD_ONLY and one.default is one.empty
    }
    first = [name for name, one in parameters.items() if one.kind is one.POSITIONAL_OR_KEYWORD and name != "self"]
    error = kind(*["it failed"] * len(first), **given)
    error.note_of_a_subclass = ("kept", 1)
    return error


@pytest.mark.parametrize("kind", CLASSES, ids=lambda one: one.__name__)
def test_an_error_pickles_and_copies_whole(kind):
    error = made(kind)
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(again) is kind
        assert str(again) == str(error)
        assert vars(again) == vars(error)


def test_a_partial_answer_travels_along_and_is_never_shown():
    partial = ConverseResult(text="what the model said", usage=Usage(1, 2), raw=[{"messageStart": {}}])
    error = errors.StreamInterruptedError("cut", operation="ConverseStream", reason="transport", partial=partial)
    again = pickle.loads(pickle.dumps(error))
    assert again.partial == partial
    assert "said" not in f"{error!s}{error!r}{error.args}{again!r}"


@pytest.mark.parametrize(
    ("code", "status", "expected"),
    [
        ("ThrottlingException", 429, errors.ThrottledError),
        ("throttlingException", None, errors.ThrottledError),
        ("ThrottledException", 400, errors.ThrottledError),
        ("SomethingNew", 429, errors.ThrottledError),
        ("SomethingNew", 503, errors.UnavailableError),
        ("SomethingNew", 418, errors.InvalidRequestError),
        ("SomethingNew", None, errors.ServiceError),
        ("ServiceQuotaExceededException", 429, errors.QuotaExceededError),
        ("modelStreamErrorException", None, errors.ModelFailedError),
        ("modelTimeoutException", None, errors.ModelTimeoutError),
    ],
)
def test_a_code_has_its_class(code, status, expected):
    assert errors.error_class(code, status) is expected


@pytest.mark.parametrize(
    "code",
    [
        "ThrottlingException:http://internal.amazon.com/coral/com.amazon.coral.availability/",
        "com.amazon.coral.availability#ThrottlingException",
        "throttlingException",
        " ThrottlingException ",
    ],
)
def test_a_code_is_found_whatever_is_around_it(code):
    assert errors.normalise_code(code) == "ThrottlingException"
