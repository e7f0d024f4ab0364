from __future__ import annotations

import json
from urllib.parse import quote

import pytest

from bedrock_gateway.iam.document import Policy, PolicyError

ONE = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}


def policy(**changes):
    return {"Version": "2012-10-17", "Statement": [ONE | changes]}


def test_a_single_statement_object_and_single_strings_are_lists_of_one():
    made = Policy.parse({"Version": "2012-10-17", "Statement": ONE})
    assert made.statements[0].actions == ("s3:GetObject",)
    assert made == Policy.parse(policy(Action=["s3:GetObject"], Resource=["*"]))


def test_every_element_survives_reading_and_writing():
    document = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "A",
                "Effect": "Deny",
                "NotPrincipal": {"AWS": ["a", "b"], "Service": "s"},
                "NotAction": ["s3:*", "iam:*"],
                "NotResource": "arn:aws:s3:::x",
                "Condition": {"StringLike": {"s3:prefix": ["a", "b"]}, "Bool": {"aws:SecureTransport": "true"}},
            }
        ],
    }
    assert Policy.parse(document).dump() == document
    assert Policy.parse(json.dumps(document)) == Policy.parse(quote(json.dumps(document))) == Policy.parse(document)


@pytest.mark.parametrize(
    "document",
    [
        "",
        "[]",
        "{",
        '{"Version":"2012-10-17","Version":"2012-10-17","Statement":[]}',
        '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Effect":"Deny","Action":"*","Resource":"*"}]}',
        {"Version": "2012-10-17", "Statement": []},
        {"Version": "2020-01-01", "Statement": [ONE]},
        {"Version": "2012-10-17", "Statement": [ONE], "Comment": "x"},
        policy(Effect="allow"),
        policy(Action=[]),
        policy(Action=[1]),
        policy(NotAction="*"),
        policy(NotResource="*"),
        policy(Actions="*"),
        policy(Condition="x"),
        policy(Principal=3),
    ],
)
def test_what_iam_would_refuse_is_refused(document):
    with pytest.raises(PolicyError):
        Policy.parse(document)


def test_size_does_not_count_whitespace():
    made = Policy.parse(policy())
    assert made.size == len(json.dumps(made.dump(), separators=(",", ":")))
