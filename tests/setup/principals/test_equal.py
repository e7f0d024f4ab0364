"""What is exported is what is made: applied on an empty account, read back, and compared with both templates; cfn-lint reads one."""

from __future__ import annotations

import json
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest

from bedrock_gateway.setup import principals
from bedrock_gateway.setup.export import FORMATS, export, left_out
from bedrock_gateway.setup.logging.merging import same
from bedrock_gateway.setup.resource import Resource
from tests.iam.test_export import cfn_lint
from tests.setup.exported import from_cloudformation, from_terraform

from .conftest import ACCOUNT

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Account

READ = {"cloudformation": from_cloudformation, "terraform": from_terraform}
NAMES = {"app": ("maker",), "server": ("maker",), "people": ("maker", "members"), "robot": ("maker", "members")}


def there(account: Account, one: Resource) -> Resource:
    """*one* as root sees it, told with nothing of ours."""
    iam, name = account.iam, one.name
    if one.kind == "AWS::IAM::ManagedPolicy":
        (arn,) = [
            policy["Arn"] for policy in iam.list_policies(Scope="Local")["Policies"] if policy["PolicyName"] == name
        ]
        policy = iam.get_policy(PolicyArn=arn)["Policy"]
        version = iam.get_policy_version(PolicyArn=arn, VersionId=policy["DefaultVersionId"])["PolicyVersion"]
        found = {"ManagedPolicyName": name, "PolicyDocument": version["Document"]}
        return Resource(one.kind, name, {**found, **{key: policy[key] for key in ("Path", "Description")}})
    if one.kind == "AWS::IAM::Group":
        group = iam.get_group(GroupName=name)["Group"]
        attached = iam.list_attached_group_policies(GroupName=name)["AttachedPolicies"]
        return Resource(one.kind, name, {"GroupName": name, "Path": group["Path"], **arns(attached)})
    if one.kind == "AWS::IAM::InstanceProfile":
        profile = iam.get_instance_profile(InstanceProfileName=name)["InstanceProfile"]
        roles = [role["RoleName"] for role in profile["Roles"]]
        return Resource(one.kind, name, {"InstanceProfileName": name, "Path": profile["Path"], "Roles": roles})
    if one.kind == "AWS::IAM::User":
        user = iam.get_user(UserName=name)["User"]
        groups = [group["GroupName"] for group in iam.list_groups_for_user(UserName=name)["Groups"]]
        return Resource(one.kind, name, {"UserName": name, "Groups": groups, **common(user)})
    role = iam.get_role(RoleName=name)["Role"]
    attached = iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
    trust = {"AssumeRolePolicyDocument": role["AssumeRolePolicyDocument"]}
    return Resource(one.kind, name, {"RoleName": name, **trust, **arns(attached), **common(role)})


def arns(attached: list[dict[str, Any]]) -> dict[str, Any]:
    return {"ManagedPolicyArns": [policy["PolicyArn"] for policy in attached]}


def common(entity: dict[str, Any]) -> dict[str, Any]:
    bound = entity["PermissionsBoundary"]["PermissionsBoundaryArn"]
    return {"Path": entity["Path"], "PermissionsBoundary": bound, "Tags": entity["Tags"]}


@pytest.mark.parametrize(
    "name", [pytest.param(one, marks=[pytest.mark.full] if one == "robot" else []) for one in NAMES]
)
def test_applied_on_an_empty_account_it_is_what_both_templates_say(account: Account, name: str) -> None:
    planned = principals.resources(account.config(), name)
    for who in NAMES[name]:
        account.apply(name, who)
    made = {one.key: there(account, one) for one in planned}
    for form in FORMATS:
        assert left_out(planned, form) == ()
        read = READ[form](export(planned, form))
        assert {one.key for one in read} == set(made)
        for one in read:
            assert same(one.properties, made[one.key].properties), (form, one.name)


def test_a_template_that_says_another_thing_is_noticed(account: Account) -> None:
    """Else the comparison above would prove nothing."""
    planned = principals.resources(account.config(), "app")
    account.apply("app")
    for one in planned:
        for key in one.properties:
            changed = {**one.properties, key: [f"arn:aws:iam::{ACCOUNT}:policy/x"]}
            assert not same(changed, there(account, one).properties), key


@pytest.mark.full
@pytest.mark.skipif(find_spec("cfnlint") is None, reason="cfn-lint is not installed (dependency group dev)")
def test_cfn_lint_finds_nothing_in_the_templates(account: Account, tmp_path: Path) -> None:
    planned = {name: principals.resources(account.config(), name) for name in NAMES}
    assert cfn_lint(tmp_path, {name: json.loads(export(one, "cloudformation")) for name, one in planned.items()}) == ""
