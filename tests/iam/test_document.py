from __future__ import annotations

import contextlib
import copy
import json
import pickle
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedrock_gateway.iam.document import MAX_BYTES, Policy, PolicyError
from bedrock_gateway.iam.evaluate import AccessRequest, Layers, evaluate
from bedrock_gateway.iam.source import duplicate, locate

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


TEXT = """{
  "Version": "2012-10-17",
  "Statement": [
    {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"},
    {
      "Effect": "Deny",
      %s
      "Resource": "*"
    }
  ]
}"""


@pytest.mark.parametrize(
    ("line", "position", "reason"),
    [
        ("", "statement 2, line 5, column 5", "a statement needs Action or NotAction"),
        ('"Action": 7,', "statement 2, line 7, column 7", "Action is a string or a list of strings"),
        ('"Action": [],', "statement 2, line 7, column 7", "Action is empty"),
        ('"Action": "*", "Effect": "Allow",', "statement 2, line 7, column 22", "Effect stands twice in one object"),
        (
            '"Action": "*", "NotAction": "*",',
            "statement 2, line 7, column 22",
            "Action and NotAction exclude each other",
        ),
        ('"Actions": "*", "Action": "*",', "statement 2, line 7, column 7", "unknown element Actions"),
        (
            '"Action": "*", "Condition": {"StringIs": {"a": "b"}},',
            "statement 2, line 7, column 36",
            "IAM has no condition operator 'StringIs'",
        ),
        (
            '"Action": "*", "Condition": {"ForEach:StringEquals": {"a": "b"}},',
            "statement 2, line 7, column 36",
            "IAM has no condition operator 'ForEach:StringEquals'",
        ),
        (
            '"Action": "*", "Condition": {"NullIfExists": {"a": "true"}},',
            "statement 2, line 7, column 36",
            "IAM has no condition operator 'NullIfExists'",
        ),
        (
            '"Action": "*", "Condition": {"StringEquals": {"a": {}}},',
            "statement 2, line 7, column 53",
            "a condition value is a string, a number or a boolean",
        ),
        ('"Action": "*", "Condition": {"Bool": {"a": []}},', "statement 2, line 7, column 45", "a has no value"),
        (
            '"Action": "*", "Condition": {"Bool": {"a": "true", "a": "false"}},',
            "statement 2, line 7, column 58",
            "a stands twice in one object",
        ),
        (
            '"Action": "*", "Principal": {"Aws": "*"},',
            "statement 2, line 7, column 36",
            "Aws is no type of principal: ",
        ),
        ('"Action": "*", "Principal": {"AWS": 1},', "statement 2, line 7, column 36", "AWS is a string or a list"),
        ('"Action": "*", "Principal": "me",', "statement 2, line 7, column 22", 'Principal is "*" or an object'),
        ('"Action": "*", "Sid": 1,', "statement 2, line 7, column 22", "Sid is a string"),
        ('"Action": "*" "Sid": 1,', "line 7, column 21", "not JSON: Expecting ',' delimiter"),
        ('"Action": NaN,', "line 1, column 1", "not JSON: NaN is no number"),
    ],
)
def test_a_refusal_says_where(line, position, reason):
    with pytest.raises(PolicyError) as caught:
        Policy.parse(TEXT % line)
    assert str(caught.value).startswith(f"{position}: {reason}")
    error = caught.value
    assert position.endswith(f"line {error.line}, column {error.column}")
    assert error.statement == (2 if position.startswith("statement 2") else None)


def test_an_object_has_no_lines_but_statements_have_numbers():
    with pytest.raises(PolicyError, match=r"^statement 1: a statement needs Action or NotAction$") as caught:
        Policy.parse({"Statement": {"Effect": "Allow", "Resource": "*"}})
    assert (caught.value.line, caught.value.statement, caught.value.path) == (None, 1, ("Statement",))


def test_more_than_a_mebibyte_is_not_read():
    padded = json.dumps(policy()) + " " * MAX_BYTES
    for document in (padded, padded.encode()):
        with pytest.raises(PolicyError, match="more than 1 MiB"):
            Policy.parse(document)
    assert Policy.parse(padded[:MAX_BYTES])


@pytest.mark.parametrize(
    "document", ["[" * 100_000, '{"a":' * 100_000, b"\xff{}", "\ufeff{}", "null", "7", '{"Statement": 1e400}']
)
def test_no_text_raises_anything_but_a_refusal(document):
    with pytest.raises(PolicyError):
        Policy.parse(document)


@given(st.text(max_size=80) | st.text('{}[]:,"\\ \nStatemnEfcAio*1', max_size=200))
def test_random_text_raises_nothing_but_a_refusal(text):
    with contextlib.suppress(PolicyError):
        Policy.parse(text)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=20,
)


@given(JSON, st.sampled_from([None, 0, 2]))
def test_every_place_in_a_json_text_is_found(value, indent):
    text = json.dumps(value, indent=indent)

    def check(inner, path):
        found = locate(text, path)
        assert found is not None
        line, column = found
        rest = text.split("\n")[line - 1][column - 1 :]
        if path and isinstance(path[-1], str):
            assert rest.startswith(json.dumps(path[-1]))
        else:
            assert rest[0] == json.dumps(inner)[0]
        for key, one in (
            inner.items() if isinstance(inner, dict) else enumerate(inner if isinstance(inner, list) else [])
        ):
            check(one, (*path, key))

    check(value, ())
    assert duplicate(text) is None


def test_a_refusal_survives_pickling():
    error = PolicyError("no", path=("Statement", 1), statement=2, line=3, column=4)
    for copied in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert (str(copied), vars(copied)) == (str(error), vars(error))


def test_a_policy_survives_pickling_and_is_found_by_its_hash():
    made = Policy.parse(policy(Condition={"Bool": {"aws:SecureTransport": "true"}}))
    copied = pickle.loads(pickle.dumps(made))
    assert copied == made
    assert {copied: 1}[made] == 1
    assert made != Policy(made.statements, "2008-10-17")


def test_numbers_and_booleans_of_a_condition_are_written_as_iam_reads_them():
    text = '{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"NumericEquals": {"a": [1, 1.50, 1e3, 0.1, true, 12345678901234567890]}}}}'
    [(_, [(_, values)])] = Policy.parse(text).statements[0].conditions
    assert values == ("1", "1.50", "1000", "0.1", "true", "12345678901234567890")
    assert Policy.parse(json.loads(text)).statements[0].conditions[0][1][0][1][0] == "1"


def test_the_id_of_a_resource_policy_is_kept():
    made = Policy.parse({"Version": "2008-10-17", "Id": "Policy1", "Statement": [ONE]})
    assert made.dump()["Id"] == "Policy1"
    assert Policy.parse(made.dump()) == made


def test_every_managed_policy_of_aws_is_read_written_and_can_be_judged():
    """1,500 documents that AWS wrote: what they hold is what IAM accepts."""
    managed = pytest.importorskip("moto.iam.aws_managed_policies")
    documents = [one["Document"] for one in json.loads(managed.aws_managed_policies_data).values()]
    assert len(documents) > 1000
    for document in documents:
        made = Policy.parse(json.dumps(document))
        assert Policy.parse(made.dump()) == made
        for one in made.statements:
            action = (*one.actions, "example:Nothing")[0].replace("*", "X")
            resource = (*one.resources, "arn:aws:example:::nothing")[0].replace("*", "x")
            evaluate(AccessRequest(action, resource, {"aws:SourceIp": "203.0.113.7"}), Layers((made,)))


def test_size_does_not_count_whitespace():
    made = Policy.parse(policy())
    assert made.size == len(json.dumps(made.dump(), separators=(",", ":")))
