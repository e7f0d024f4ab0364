"""What the installed botocore lacks: our data against its own models and its own validator, whichever version runs."""

from __future__ import annotations

import re

import botocore.session
import pytest
from botocore.exceptions import ParamValidationError
from botocore.validate import ParamValidator

from bedrock_gateway import InvalidRequestError, UnsupportedByBotocoreError
from bedrock_gateway._commands import Send
from bedrock_gateway._drive.clients import method_name
from bedrock_gateway.governance.classify import translate
from bedrock_gateway.governance.versions import (
    added_since_the_floor,
    ci_versions,
    installed,
    unknown_member,
    unknown_operation,
)

SESSION = botocore.session.Session()
ROWS = added_since_the_floor()
MEMBERS = [row for row in ROWS if row.member and row.side == "input"]


def numbers(version):
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])


def model(row):
    return SESSION.get_service_model(row.service)


def shape_of(row):
    names = model(row).operation_names
    if row.operation not in names:
        return None
    operation = model(row).operation_model(row.operation)
    return operation.input_shape if row.side == "input" else operation.output_shape


def knows(row):
    """Whether the installed botocore has it."""
    shape = shape_of(row)
    if row.member is None or shape is None:
        return row.operation in model(row).operation_names
    for name in row.member.replace("[]", ".[]").split("."):
        if name == "[]":
            shape = shape.member
        elif name not in shape.members:
            return False
        else:
            shape = shape.members[name]
    return True


def nested(path, value):
    """``a.b[].c`` as a request that holds nothing else."""
    for name in reversed(path.split(".")):
        value = {name.rstrip("[]"): [value] if name.endswith("[]") else value}
    return value


def complaint(row):
    report = ParamValidator().validate(nested(row.member, {}), shape_of(row))
    return report.generate_report()


def test_the_data_is_of_the_versions_that_ci_runs():
    floor, pinned, newest = ci_versions()
    assert numbers(floor) < numbers(pinned) < numbers(newest)
    assert all(row.known_in in {pinned, newest} for row in ROWS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.name}-{row.side}")
def test_the_data_agrees_with_the_models_that_are_installed(row):
    if installed() not in ci_versions():
        pytest.skip(f"botocore {installed()} is none of those that the data is of")
    assert knows(row) == (numbers(row.known_in) <= numbers(installed()))


@pytest.mark.parametrize("row", MEMBERS, ids=lambda row: row.name)
def test_a_member_that_is_lacking_is_known_by_botocores_own_complaint(row):
    if shape_of(row) is None:
        pytest.skip("the operation itself is lacking")
    found = unknown_member(Send(row.service, row.operation, {}), complaint(row))
    if knows(row):
        assert found is None
    else:
        assert (found.member, found.known_in, found.installed) == (row.name, row.known_in, installed())
        assert f"install botocore>={row.known_in}" in found.message


CONVERSE = Send("bedrock-runtime", "Converse", {}, "billed")


def refused(text):
    return translate(ParamValidationError(report=text), CONVERSE, 1)


def test_a_name_that_the_caller_wrote_into_a_block_is_no_member_and_is_not_repeated():
    error = refused('Unknown parameter in messages[0].content[1]: "canarySecretName", must be one of: text')
    assert type(error) is InvalidRequestError
    assert "canary" not in error.message


def test_a_member_of_the_top_level_that_no_tested_botocore_knows_names_no_version():
    error = refused('Unknown parameter in input: "somethingOfTomorrow", must be one of: modelId')
    assert type(error) is UnsupportedByBotocoreError
    assert (error.member, error.known_in) == ("Converse.somethingOfTomorrow", None)


def test_among_several_faults_the_one_that_an_upgrade_cures_is_told():
    error = refused(
        'Missing required parameter in input: "modelId"\n'
        'Unknown parameter in messages[3].content[12]: "mine", must be one of: text\n'
        'Unknown parameter in messages[3].content[12]: "audio", must be one of: text'
    )
    assert error.member == "Converse.messages[].content[].audio"


def test_an_operation_that_the_client_does_not_have_is_named():
    class Client:
        class meta:
            method_to_api_mapping = {"converse": "Converse"}  # noqa: RUF012

    assert method_name(Client(), "Converse") == "converse"
    with pytest.raises(UnsupportedByBotocoreError) as caught:
        method_name(Client(), "ListTagsForResource")
    assert caught.value.known_in == "1.43.117"
    assert unknown_operation("NeverHeardOf").known_in is None
