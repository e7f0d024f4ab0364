"""Refusals that are not IAM's, in AWS's own words as they were reported: each told apart, with what to do."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from bedrock_gateway import AccessDeniedError, InvalidRequestError, NotFoundError
from bedrock_gateway._commands import Send
from bedrock_gateway.cli import main
from bedrock_gateway.governance.classify import from_frame, service_error

SEND = Send(
    "bedrock-runtime",
    "Converse",
    {"modelId": "us.anthropic.claude-sonnet-4-5-20250929-v1:0"},
    "billed",
    region="us-east-1",
    account="111122223333",
    capability="converse",
    model_id="us.anthropic.claude-sonnet-4-5-20250929-v1:0",
)
CASES = json.loads((Path(__file__).parents[1] / "cases" / "denials.json").read_text())
MARKETPLACE = next(row["text"] for row in CASES if row["reason"] == "marketplace")


def error_of(status, code, text, **_):
    parsed = {"Error": {"Code": code, "Message": text}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return service_error(SEND, parsed, 1)


@pytest.mark.parametrize("row", CASES, ids=lambda row: f"{row['code']}-{row['reason']}")
def test_a_refusal_says_of_what_kind_it_is_and_what_to_do(row):
    error = error_of(**row)
    assert type(error) is AccessDeniedError
    assert (error.reason, error.status, error.code) == (row["reason"], row["status"], row["code"])
    assert not error.retryable
    assert row["advice"] in error.message
    missing = {"permission": "bedrock:InvokeModel", "marketplace": "aws-marketplace:Subscribe"}
    assert error.missing == missing.get(row["reason"])


def test_inside_of_a_stream_it_is_told_apart_too():
    assert from_frame(SEND, "accessDeniedException", MARKETPLACE, None, "r", 1).reason == "marketplace"


@pytest.mark.parametrize(
    ("status", "code", "text", "kind"),
    [
        (
            404,
            "ResourceNotFoundException",
            "Could not resolve the foundation model from the model identifier",
            NotFoundError,
        ),
        (400, "ValidationException", "The provided model identifier is invalid.", InvalidRequestError),
    ],
)
def test_other_errors_of_these_codes_stay_what_they_are(status, code, text, kind):
    assert type(error_of(status, code, text)) is kind


def test_every_advice_that_names_a_command_names_one_that_works(capsys):
    commands = {
        found
        for row in CASES
        for found in re.findall(r"bedrock-gateway (policy generate [^;)]+)", error_of(**row).message)
    }
    assert len(commands) == 2
    for command in commands:
        words = shlex.split(command)
        extra = [] if "--model" in words else ["--model", str(SEND.model_id)]
        place = [] if "--region" in words else ["--region", "us-east-1", "--account", "111122223333"]
        assert main([*words, *extra, *place]) == 0
        assert '"Statement"' in capsys.readouterr().out
