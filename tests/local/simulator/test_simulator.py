"""SimulatePrincipalPolicy and SimulateCustomPolicy decide as the account does, and answer in AWS's form."""

from __future__ import annotations

import botocore.session
import pytest
from botocore.exceptions import ClientError

from bedrock_gateway.local import LocalBedrock
from bedrock_gateway.local.simulator.texts import position, spans
from tests.local.conftest import Served, allow, policy

REGION, ACCOUNT = "us-east-1", "123456789012"
MODEL = f"arn:aws:bedrock:{REGION}::foundation-model/amazon.nova-lite-v1:0"
OTHER = f"arn:aws:bedrock:{REGION}::foundation-model/amazon.nova-pro-v1:0"
USER = f"arn:aws:iam::{ACCOUNT}:user/simulated"
MODELLED = botocore.session.get_session().get_service_model("iam")
IN_REGION = {"Condition": {"StringEquals": {"aws:RequestedRegion": REGION}}}
HERE = {"ContextKeyName": "aws:RequestedRegion", "ContextKeyType": "string", "ContextKeyValues": [REGION]}


@pytest.fixture(scope="module")
def served():
    with LocalBedrock(region=REGION) as local, local.serve() as server:
        local.reset()
        made = Served(local, server.endpoint)
        prepare(made.client("iam"))
        yield made
        local.reset()


@pytest.fixture(scope="module")
def iam(served):
    return served.client("iam")


def prepare(iam):
    """A user with an inline policy, a group with a managed one, and a boundary; a role beside it."""
    iam.create_user(UserName="simulated")
    iam.put_user_policy(
        UserName="simulated",
        PolicyName="call",
        PolicyDocument=policy(allow("bedrock:InvokeModel", MODEL) | IN_REGION, allow("s3:*")),
    )
    iam.create_group(GroupName="readers")
    read = iam.create_policy(PolicyName="read", PolicyDocument=policy(allow("iam:GetRole"), deny("iam:DeleteRole")))
    iam.attach_group_policy(GroupName="readers", PolicyArn=read["Policy"]["Arn"])
    iam.add_user_to_group(GroupName="readers", UserName="simulated")
    bound = iam.create_policy(PolicyName="bound", PolicyDocument=policy(allow(["bedrock:*", "iam:*"])))
    iam.put_user_permissions_boundary(UserName="simulated", PermissionsBoundary=bound["Policy"]["Arn"])
    trust = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    iam.create_role(RoleName="worker", Path="/team/", AssumeRolePolicyDocument=policy(trust))
    iam.put_role_policy(RoleName="worker", PolicyName="own", PolicyDocument=policy(allow("bedrock:InvokeModel", MODEL)))


def deny(action, resource="*"):
    return allow(action, resource) | {"Effect": "Deny"}


def simulated(iam, *actions, resources=(), **more):
    params = {"PolicySourceArn": USER, "ActionNames": list(actions), **more}
    if resources:
        params["ResourceArns"] = list(resources)
    return iam.simulate_principal_policy(**params)["EvaluationResults"]


def custom(iam, *documents, actions=("s3:GetObject",), **more):
    found = iam.simulate_custom_policy(PolicyInputList=list(documents), ActionNames=list(actions), **more)
    return found["EvaluationResults"]


def refusal(call, *args, **more):
    with pytest.raises(ClientError) as caught:
        call(*args, **more)
    return caught.value.response["Error"]["Code"]


DECISIONS = [
    ("iam:GetRole", (), (), "allowed", True),
    ("iam:DeleteRole", (), (), "explicitDeny", True),
    ("iam:CreateRole", (), (), "implicitDeny", True),
    ("s3:GetObject", (), (), "implicitDeny", False),
    ("bedrock:InvokeModel", (MODEL,), (HERE,), "allowed", True),
    ("bedrock:InvokeModel", (MODEL,), (), "implicitDeny", True),
    ("bedrock:InvokeModel", (OTHER,), (HERE,), "implicitDeny", True),
    ("bedrock:InvokeModel", (MODEL, OTHER), (HERE,), "implicitDeny", True),
]


@pytest.mark.parametrize(("action", "resources", "context", "decision", "within"), DECISIONS)
def test_the_decision_is_over_own_policies_those_of_groups_and_the_boundary(
    iam, action, resources, context, decision, within
):
    (found,) = simulated(iam, action, resources=resources, ContextEntries=list(context))
    assert found["EvalDecision"] == decision
    assert found["PermissionsBoundaryDecisionDetail"]["AllowedByPermissionsBoundary"] is within


def test_each_resource_has_a_result_of_its_own_and_the_worst_is_that_of_all(iam):
    (found,) = simulated(iam, "bedrock:InvokeModel", resources=(MODEL, OTHER), ContextEntries=[HERE])
    each = {one["EvalResourceName"]: one["EvalResourceDecision"] for one in found["ResourceSpecificResults"]}
    assert each == {MODEL: "allowed", OTHER: "implicitDeny"}
    assert found["EvalDecision"] == "implicitDeny"


def test_the_statements_that_decide_are_named_as_aws_names_them(iam):
    (allowed,) = simulated(iam, "bedrock:InvokeModel", resources=(MODEL,), ContextEntries=[HERE])
    (matched,) = allowed["MatchedStatements"]
    assert matched["SourcePolicyId"] == "user_simulated_call"
    assert matched["SourcePolicyType"] == "IAM Policy"
    assert matched["StartPosition"] == {"Line": 1, "Column": 41}
    (denied,) = simulated(iam, "iam:DeleteRole")
    assert [one["SourcePolicyId"] for one in denied["MatchedStatements"]] == ["read"]


def test_a_statement_stands_where_aws_says_it_does():
    text = '{\n    "Version": "2012-10-17",\n    "Statement": [\n        {\n            "Effect": "Allow"\n        }, {"Effect": "Deny"}\n    ]\n}'
    (first, second) = spans(text)
    assert position(text, first[0]) == {"Line": 3, "Column": 19}
    assert position(text, first[1]) == {"Line": 6, "Column": 10}
    assert text[second[0] : second[1]] == ' {"Effect": "Deny"}'
    assert spans('{"Statement" : {"Effect":"Deny"} }') == ((14, 32),)
    assert spans('{"Statement":[]}') == ()


def test_a_context_key_that_is_not_given_is_named(iam):
    (found,) = simulated(iam, "bedrock:InvokeModel", resources=(MODEL,))
    assert found["MissingContextValues"] == ["aws:RequestedRegion"]
    assert found["ResourceSpecificResults"][0]["MissingContextValues"] == ["aws:RequestedRegion"]
    (other,) = simulated(iam, "iam:GetRole")
    assert other["MissingContextValues"] == []


def test_a_policy_variable_of_the_caller_is_filled_in_by_itself(iam):
    own = policy(allow("s3:GetObject", "arn:aws:s3:::home/${aws:username}/*"))
    resource = "arn:aws:s3:::home/simulated/x"
    (found,) = custom(iam, own, ResourceArns=[resource], CallerArn=USER)
    assert found["EvalDecision"] == "allowed"
    (without,) = custom(iam, own, ResourceArns=[resource])
    assert (without["EvalDecision"], without["MissingContextValues"]) == ("implicitDeny", ["aws:username"])


def test_a_further_policy_and_another_boundary_count_beside_what_is_attached(iam):
    more = policy(allow("iam:CreateRole"), deny("iam:GetRole"))
    found = simulated(iam, "iam:CreateRole", "iam:GetRole", PolicyInputList=[more])
    assert [one["EvalDecision"] for one in found] == ["allowed", "explicitDeny"]
    (free,) = simulated(iam, "s3:GetObject", PermissionsBoundaryPolicyInputList=[policy(allow("*"))])
    assert free["EvalDecision"] == "allowed"


def test_a_resource_policy_grants_a_user_and_is_refused_for_a_role(iam):
    grant = policy(allow("s3:GetObject", "arn:aws:s3:::b/x") | {"Principal": {"AWS": USER}})
    nothing = policy(allow("sqs:SendMessage"))
    (found,) = custom(iam, nothing, ResourceArns=["arn:aws:s3:::b/x"], ResourcePolicy=grant, CallerArn=USER)
    assert found["EvalDecision"] == "allowed"
    assert found["MatchedStatements"][0]["SourcePolicyId"] == "ResourcePolicy.1"
    role = f"arn:aws:iam::{ACCOUNT}:role/team/worker"
    assert refusal(custom, iam, nothing, ResourcePolicy=grant, CallerArn=role) == "InvalidInput"
    assert refusal(custom, iam, nothing, ResourcePolicy=grant) == "InvalidInput"


def test_across_accounts_both_policies_must_allow_and_each_is_reported(iam):
    grant = policy(allow("s3:GetObject", "arn:aws:s3:::b/x") | {"Principal": {"AWS": USER}})
    asked = {"ResourceArns": ["arn:aws:s3:::b/x"], "ResourcePolicy": grant, "CallerArn": USER}
    (found,) = custom(iam, policy(allow("sqs:SendMessage")), ResourceOwner="111122223333", **asked)
    assert found["EvalDecision"] == "implicitDeny"
    details = found["ResourceSpecificResults"][0]["EvalDecisionDetails"]
    assert details == {"IAM Policy": "implicitDeny", "Resource Policy": "allowed"}
    (both,) = custom(iam, policy(allow("s3:GetObject")), ResourceOwner="111122223333", **asked)
    assert both["EvalDecision"] == "allowed"


def test_results_come_in_pages(iam):
    actions = [f"s3:Action{number}" for number in range(7)]
    pages = iam.get_paginator("simulate_principal_policy").paginate(
        PolicySourceArn=USER, ActionNames=actions, PaginationConfig={"PageSize": 3}
    )
    found = [[one["EvalActionName"] for one in page["EvaluationResults"]] for page in pages]
    assert [len(page) for page in found] == [3, 3, 1]
    assert [name for page in found for name in page] == actions


LIMITS = [
    ({"ActionNames": ["s3:*"]}, "InvalidInput"),
    ({"ActionNames": ["GetObject"]}, "InvalidInput"),
    ({"ActionNames": ["s3:" + "x" * 126]}, "ValidationError"),
    ({"MaxItems": 1001}, "ValidationError"),
    ({"Marker": "not a marker"}, "InvalidInput"),
    ({"ResourceArns": ["arn:aws:s3:::" + "x" * 2048]}, "ValidationError"),
    ({"PolicyInputList": ["{}"]}, "InvalidInput"),
    ({"PolicyInputList": [policy(allow("s3:GetObject")) + " " * 131_072]}, "ValidationError"),
    ({"PermissionsBoundaryPolicyInputList": 2 * [policy(allow("*"))]}, "InvalidInput"),
    ({"CallerArn": "bedrock.amazonaws.com"}, "InvalidInput"),
    ({"CallerArn": f"arn:aws:sts::{ACCOUNT}:assumed-role/worker/session"}, "InvalidInput"),
    ({"PolicySourceArn": f"arn:aws:sts::{ACCOUNT}:assumed-role/worker/session"}, "InvalidInput"),
    ({"PolicySourceArn": f"arn:aws:iam::{ACCOUNT}:root"}, "InvalidInput"),
    ({"PolicySourceArn": f"arn:aws:iam::{ACCOUNT}:role/worker"}, "NoSuchEntity"),
    ({"ResourceOwner": "somebody"}, "InvalidInput"),
    ({"ResourceHandlingOption": "EC2-Classic-EBS"}, "InvalidInput"),
    ({"ContextEntries": [HERE | {"ContextKeyType": "text"}]}, "ValidationError"),
    ({"ContextEntries": [HERE | {"ContextKeyValues": ["a", "b"]}]}, "InvalidInput"),
]


@pytest.mark.parametrize(("change", "code"), LIMITS)
def test_what_aws_does_not_take_is_refused(served, change, code):
    # As AWS's own check of parameters would refuse a part of it before it is sent.
    from botocore.config import Config

    iam = served.client("iam", config=Config(parameter_validation=False, retries={"total_max_attempts": 1}))
    params = {"PolicySourceArn": USER, "ActionNames": ["s3:GetObject"]} | change
    assert refusal(iam.simulate_principal_policy, **params) == code


def test_the_path_of_a_role_is_part_of_its_name(iam):
    role = f"arn:aws:iam::{ACCOUNT}:role/team/worker"
    found = iam.simulate_principal_policy(
        PolicySourceArn=role, ActionNames=["bedrock:InvokeModel"], ResourceArns=[MODEL]
    )
    (one,) = found["EvaluationResults"]
    assert one["EvalDecision"] == "allowed"
    assert "PermissionsBoundaryDecisionDetail" not in one
    assert one["MatchedStatements"][0]["SourcePolicyId"] == "role_worker_own"


def test_what_cannot_be_judged_is_an_error_and_no_decision(iam):
    odd = policy(allow("s3:GetObject", "arn:aws:s3:::b/${aws:PrincipalTag/x"))
    assert refusal(custom, iam, odd, ResourceArns=["arn:aws:s3:::b/x"]) == "PolicyEvaluation"


def test_simulating_another_asks_for_a_right_on_that_very_principal(served):
    own = served.user("asker", allow("iam:SimulatePrincipalPolicy", f"arn:aws:iam::{ACCOUNT}:user/asker"))
    mine = served.client("iam", own)
    asker = f"arn:aws:iam::{ACCOUNT}:user/asker"
    assert mine.simulate_principal_policy(PolicySourceArn=asker, ActionNames=["s3:GetObject"])["EvaluationResults"]
    assert refusal(mine.simulate_principal_policy, PolicySourceArn=USER, ActionNames=["s3:GetObject"]) == "AccessDenied"
    assert refusal(custom, mine, policy(allow("*"))) == "AccessDenied"


def test_the_keys_that_policies_ask_for_are_listed(iam):
    assert iam.get_context_keys_for_principal_policy(PolicySourceArn=USER)["ContextKeyNames"] == ["aws:RequestedRegion"]
    given = [policy(allow("s3:GetObject", "arn:aws:s3:::b/${aws:username}/*") | IN_REGION)]
    found = iam.get_context_keys_for_custom_policy(PolicyInputList=given)["ContextKeyNames"]
    assert found == ["aws:RequestedRegion", "aws:username"]


def needs(operation, member):
    known = MODELLED.operation_model(operation).input_shape.members
    return pytest.mark.skipif(member not in known, reason=f"this botocore has no {member}")


EXCLUDED = [
    ({"PolicyType": "permission-boundary"}, "s3:GetObject", "allowed"),
    ({"PolicyType": "inline"}, "iam:GetRole", "allowed"),
    ({"PolicyType": "user-managed"}, "iam:GetRole", "implicitDeny"),
    ({"PolicyArn": f"arn:aws:iam::{ACCOUNT}:policy/re*"}, "iam:DeleteRole", "implicitDeny"),
    ({"PolicyArn": f"arn:aws:iam::{ACCOUNT}:policy/rea?"}, "iam:DeleteRole", "implicitDeny"),
    ({"PolicyArn": f"arn:aws:iam::{ACCOUNT}:policy/other"}, "iam:DeleteRole", "explicitDeny"),
    ({"PolicyType": "scp"}, "iam:GetRole", "allowed"),
]


@needs("SimulatePrincipalPolicy", "PolicyExclusionList")
@pytest.mark.parametrize(("identifier", "action", "decision"), EXCLUDED)
def test_a_policy_can_be_left_out(iam, identifier, action, decision):
    (found,) = simulated(iam, action, PolicyExclusionList=[identifier])
    assert found["EvalDecision"] == decision


@needs("SimulatePrincipalPolicy", "PolicyExclusionList")
def test_a_policy_to_leave_out_that_cannot_be_named_so_is_refused(iam):
    wrong = {"PolicyArn": f"arn:aws:iam::{ACCOUNT}:policy/*x*"}
    assert refusal(simulated, iam, "iam:GetRole", PolicyExclusionList=[wrong]) == "InvalidInput"
    inline = {"PolicyName": "call", "AttachmentType": "user", "AttachmentName": "sim*"}
    (found,) = simulated(
        iam,
        "bedrock:InvokeModel",
        resources=(MODEL,),
        ContextEntries=[HERE],
        PolicyExclusionList=[{"InlinePolicyIdentifier": inline}],
    )
    assert found["EvalDecision"] == "implicitDeny"


@needs("SimulateCustomPolicy", "OrderedOrganizationPolicyInputList")
def test_every_level_of_an_organisation_must_allow(iam):
    levels = [[policy(allow("*"))], [policy(allow("s3:GetObject"))]]
    given = [{"ServiceControlPolicyInputList": level} for level in levels]
    found = custom(
        iam, policy(allow("s3:*")), actions=("s3:GetObject", "s3:PutObject"), OrderedOrganizationPolicyInputList=given
    )
    assert [one["EvalDecision"] for one in found] == ["allowed", "implicitDeny"]
    assert [one["OrganizationsDecisionDetail"]["AllowedByOrganizations"] for one in found] == [True, False]


def test_the_simulator_agrees_with_what_a_call_meets(served, iam):
    """Each read that a user may or may not do: what is simulated is what happens."""
    key = served.user("honest", allow("iam:GetUser"), deny("iam:GetUser", USER), allow("s3:ListAllMyBuckets"))
    mine = served.client("iam", key)
    asked = {name: f"arn:aws:iam::{ACCOUNT}:user/{name}" for name in ("honest", "simulated")}
    found = iam.simulate_principal_policy(
        PolicySourceArn=asked["honest"], ActionNames=["iam:GetUser"], ResourceArns=list(asked.values())
    )["EvaluationResults"][0]["ResourceSpecificResults"]
    said = {one["EvalResourceName"]: one["EvalResourceDecision"] for one in found}
    assert mine.get_user(UserName="honest")["User"]["Arn"] == asked["honest"]
    assert said[asked["honest"]] == "allowed"
    assert refusal(mine.get_user, UserName="simulated") == "AccessDenied"
    assert said[asked["simulated"]] == "explicitDeny"
