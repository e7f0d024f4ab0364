from __future__ import annotations

import pytest

from bedrock_gateway.iam import actions


def test_an_action_has_its_resource_types_and_keys():
    row = actions.action("bedrock:InvokeModelWithResponseStream")
    assert any("foundation-model/" in arn for arn in row.arns)
    assert "bedrock:InferenceProfileArn" in row.condition_keys


@pytest.mark.parametrize("name", ["bedrock:Converse", "bedrock-runtime:InvokeModel", "bedrock", "", "s3:getobject"])
def test_what_is_not_an_action_is_none(name):
    assert actions.action(name) is None
    assert not actions.fits(name, "*")


@pytest.mark.parametrize(
    ("name", "arn", "expected"),
    [
        ("bedrock:InvokeModel", "arn:aws:bedrock:us-east-1::foundation-model/a.b", True),
        ("bedrock:InvokeModel", "arn:aws:bedrock:::foundation-model/a.b", True),
        ("bedrock:InvokeModel", "arn:aws:bedrock:us-east-1:111122223333:knowledge-base/K", False),
        ("bedrock:Retrieve", "*", False),
        ("logs:DescribeLogGroups", "arn:aws:logs:us-east-1:111122223333:log-group:x", False),
        ("bedrock:CreateGuardrail", "*", True),
        ("bedrock:CreateGuardrail", "arn:aws:bedrock:us-east-1:111122223333:guardrail/*", False),
        ("bedrock:UpdateGuardrail", "*", False),
        ("bedrock:UpdateGuardrail", "arn:aws:bedrock:us-east-1:111122223333:guardrail/abc", True),
        ("sagemaker:InvokeEndpoint", "arn:aws:sagemaker:us-east-1:111122223333:endpoint/x", True),
    ],
)
def test_an_action_fits_its_own_resource_types(name, arn, expected):
    assert actions.fits(name, arn) is expected


def test_the_reference_has_a_date():
    assert actions.data_date() >= "2026-09-26"


def test_an_action_says_whether_its_resources_are_optional():
    assert actions.action("bedrock:ListGuardrails").optional
    assert not actions.action("bedrock:GetGuardrail").optional
    assert not actions.action("bedrock:Rerank").optional


def test_keys_of_enclaves_are_left_out_and_others_kept():
    assert "kms:ViaService" in actions.action("kms:Decrypt").condition_keys
    assert not any("RecipientAttestation" in key for key in actions.action("kms:Decrypt").condition_keys)


def test_a_key_that_aws_documents_outside_its_reference_is_known():
    assert actions.action("aws-marketplace:Subscribe").condition_keys == ("aws-marketplace:ProductId",)
    assert actions.action("aws-marketplace:ViewSubscriptions").condition_keys == ()
