"""Every error AWS's service models know, however it is spelled, and what proxies put in its place: the class, code and facts."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from typing import Any

import pytest
from botocore.session import get_session
from tenacity.stop import stop_after_attempt

from bedrock_gateway import ServiceError
from bedrock_gateway.errors import CODES, error_class
from bedrock_gateway.governance.retry import RetryPolicy

server = sys.modules["faultserver"]
ONCE = RetryPolicy(stop=stop_after_attempt(1), not_ready_stop=stop_after_attempt(1))
REQUEST_ID = "11111111-2222-3333-4444-555555555555"
OPERATIONS = {
    "Converse": ("bedrock-runtime", lambda g: g.converse("hi")),
    "InvokeModel": ("bedrock-runtime", lambda g: g.invoke_model({})),
    "ConverseStream": ("bedrock-runtime", lambda g: entered(g.converse_stream("hi"))),
    "InvokeModelWithResponseStream": ("bedrock-runtime", lambda g: entered(g.invoke_model_stream({}))),
    "Retrieve": ("bedrock-agent-runtime", lambda g: g.retrieve("hi", knowledge_base="handbook")),
    "RetrieveAndGenerate": (
        "bedrock-agent-runtime",
        lambda g: g.retrieve_and_generate("hi", knowledge_base="handbook"),
    ),
}


async def entered(stream):
    async with stream as opened:
        return await opened.result()


def modelled() -> list[tuple[str, str, int]]:
    """(operation, code, status) of every error in the installed service models."""
    session = get_session()
    found = []
    for name, (service, _) in OPERATIONS.items():
        for shape in session.get_service_model(service).operation_model(name).error_shapes:
            status = shape.metadata.get("error", {}).get("httpStatusCode") or (
                500 if shape.metadata.get("fault") else 400
            )
            found.append((name, shape.name, status))
    return found


SPELLINGS = {
    "in a header": lambda code: ({"x-amzn-errortype": code}, {}),
    "in a header, with a place": lambda code: ({"x-amzn-errortype": f"{code}:http://internal.amazon.com/coral/x/"}, {}),
    "in a header, with a namespace": lambda code: ({"x-amzn-errortype": f"com.amazon.bedrock#{code}"}, {}),
    "in a header, with both": lambda code: (
        {"x-amzn-errortype": f"com.amazon#{code}:http://internal.amazon.com/x"},
        {},
    ),
    "in a header, in lower camel case": lambda code: ({"x-amzn-errortype": code[0].lower() + code[1:]}, {}),
    "in the body": lambda code: ({}, {"__type": code}),
    "in the body, with a namespace": lambda code: ({}, {"__type": f"com.amazon.coral.service#{code}"}),
    "in the body, with both": lambda code: ({}, {"__type": f"com.amazon#{code}:http://internal.amazon.com/x"}),
    "in the body, as code": lambda code: ({}, {"code": code}),
    "in the body, as Code": lambda code: ({}, {"Code": code}),
}
MESSAGES = (
    {"message": "not now"},
    {"Message": "not now"},
    {"message": None},
    {"message": 3},
    {"message": ["not now"]},
    {},
    {"message": "not now", "a member of tomorrow": {"x": 1}},
)


CIRCUIT = 30
"""Calls of one gateway: more that fail would open its circuit."""


@pytest.fixture
def asked(both, against, faults):
    """Ask once for each (operation, script), and return the errors."""

    def ask(cases: list[tuple[str, Any]]) -> list[ServiceError]:
        caught: list[Any] = []

        async def some(part):
            async with against() as (gateway, _):
                inner = getattr(gateway, "inner", gateway)
                inner._context = replace(inner._context, retry=ONCE)
                for operation, script in part:
                    faults.answer(script)
                    with pytest.raises(ServiceError) as error:
                        await OPERATIONS[operation][1](gateway)
                    caught.append(error.value)

        async def body():
            for at in range(0, len(cases), CIRCUIT):
                await some(cases[at : at + CIRCUIT])

        both.run(body)
        return caught

    return ask


def spelled(code: str, status: int, spelling: str, message: dict[str, Any]) -> Any:
    headers, members = SPELLINGS[spelling](code)
    given_headers = {name.replace("-", "_"): value for name, value in headers.items()}
    return server.reply(json.dumps(message | members).encode(), status, **given_headers)


def check(asked, cases: list[tuple[str, str, int, str, dict[str, Any]]]) -> None:
    errors = asked([(operation, spelled(*rest)) for operation, *rest in cases])
    for error, (operation, code, status, spelling, message) in zip(errors, cases, strict=True):
        case = (operation, code, spelling, message)
        assert type(error) is error_class(code, status), case
        assert (error.operation, error.code, error.status) == (operation, code, status), case
        assert error.request_id == REQUEST_ID, case
        text = message.get("message", message.get("Message"))
        assert not isinstance(text, str) or text in str(error), case
        assert error.__cause__ is not None, case


SAID = {"message": "not now"}


def test_an_error_is_the_same_however_its_code_is_spelled_and_whatever_is_said_with_it(asked):
    code, status = "ThrottlingException", 429
    check(asked, [("Converse", code, status, spelling, SAID) for spelling in SPELLINGS])
    check(asked, [("Converse", code, status, "in a header", message) for message in MESSAGES])


def test_every_code_that_a_service_model_has_is_known():
    assert [one for one in modelled() if one[1] not in CODES] == []


def test_every_modelled_error_of_every_operation_is_its_class(asked):
    assert len(modelled()) > 40
    check(asked, [(*one, "in a header", SAID) for one in modelled()])


@pytest.mark.full
def test_every_error_in_every_spelling_with_every_message(asked):
    check(asked, [(*one, spelling, message) for one in modelled() for spelling in SPELLINGS for message in MESSAGES])


BODIES = {
    "HTML": (b"<html><head><title>502</title></head><body><h1>Bad &amp; ugly</h1></body></html>", "502 Bad"),
    "nothing": (b"", ""),
    "half of a JSON": (b'{"message": "not n', '{"message'),
    "a list": (b'["not now"]', ""),
    "a string": (b'"not now"', ""),
    "null": (b"null", ""),
    "XML": (b"<ErrorResponse><Error><Code>X</Code><Message>not now</Message></Error></ErrorResponse>", "not now"),
    "no UTF-8": (b"\xff\xfe\x00gone", "gone"),
}
STATUSES = (400, 401, 402, 403, 404, 405, 407, 408, 409, 411, 413, 424, 429, 431, 500, 502, 503, 504, 511, 520, 599)


def test_what_a_proxy_puts_in_the_place_of_an_error_is_classed_by_its_status(asked):
    cases = [(operation, body) for operation in ("Converse", "ConverseStream", "InvokeModel") for body in BODIES]
    answers = [(operation, server.reply(BODIES[body][0], 503, content_type="text/html")) for operation, body in cases]
    for error, case in zip(asked(answers), cases, strict=True):
        assert (type(error), error.status, error.code) == (error_class("", 503), 503, "503"), case
        assert BODIES[case[1]][1] in str(error), case


def test_a_status_alone_is_an_error(asked):
    errors = asked([("Converse", server.reply(b"", status)) for status in STATUSES])
    for error, status in zip(errors, STATUSES, strict=True):
        assert (type(error), error.status, error.code) == (error_class("", status), status, str(status))


ORIGINALS = ((503, 503), (429, 429), (None, None), (10**30, None), (-1, None), (7, None))


def test_the_status_that_the_model_itself_answered_with_is_kept_however_the_code_is_spelled(asked):
    spellings = ("in a header", "in the body", "in a header, in lower camel case")
    cases = [(spelling, *row) for spelling in spellings for row in ORIGINALS]
    for operation in ("Converse", "ConverseStream"):
        answers = [
            (operation, spelled("ModelErrorException", 424, spelling, SAID | {"originalStatusCode": given}))
            for spelling, given, _ in cases
        ]
        for error, (spelling, given, kept) in zip(asked(answers), cases, strict=True):
            assert error.original_status == kept, (operation, spelling, given)


HINTS = (
    ({"retry_after": "3"}, 3.0),
    ({"retry_after": "0"}, 0.0),
    ({"retry_after": "1.5"}, 1.5),
    ({"retry_after": " 2 "}, 2.0),
    ({"retry_after": "-1"}, None),
    ({"retry_after": "soon"}, None),
    ({"retry_after": ""}, None),
    ({"retry_after": "1e3"}, None),
    ({"retry_after": "٣"}, None),
    ({"retry_after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
    ({"retry_after": "Wed, 99 Oct 2015 07:28:00 GMT"}, None),
    ({"x_amz_retry_after": "1500"}, 1.5),
    ({"x_amz_retry_after": "x", "retry_after": "2"}, 2.0),
    ({"x_amz_retry_after": "500", "retry_after": "9"}, 0.5),
)


def test_the_hint_of_the_server_is_read_where_it_can_be(asked):
    errors = asked([("Converse", server.error("ThrottlingException", 429, **headers)) for headers, _ in HINTS])
    for error, (headers, seconds) in zip(errors, HINTS, strict=True):
        assert error.retry_after_seconds == seconds, headers


def test_a_date_as_hint_is_the_time_until_then(asked):
    far = server.error("ThrottlingException", 429, retry_after="Fri, 31 Dec 2100 23:59:59 GMT")
    assert asked([("Converse", far)])[0].retry_after_seconds > 86_400
