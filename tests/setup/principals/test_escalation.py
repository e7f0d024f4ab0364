"""Whoever makes principals tries to become more than that: over HTTP, with IAM enforced, under exactly the generated policies.

Each known way up is denied, or what it yields is capped by the principals' boundary. What two makers can do together is the
reason why no principal may be both, and is shown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from bedrock_gateway import ConfigError, GatewayConfig
from bedrock_gateway.capabilities.principals import ROWS

from .conftest import ACCOUNT, BOUNDARY, MODEL, OTHER_MODEL, document, trusting

if TYPE_CHECKING:
    from .conftest import Account

APP, PEOPLE = (f"AmazonBedrockGateway-principal-{name}" for name in ("app", "people"))
PATH = "/bedrock-gateway/"
IAM = f"arn:aws:iam::{ACCOUNT}"
ADMIN = "arn:aws:iam::aws:policy/AdministratorAccess"
OWN = f"{IAM}:policy{PATH}{APP}/{APP}-1"
EVERYTHING = document({"Effect": "Allow", "Action": "*", "Resource": "*"})
MINE = trusting(f"{IAM}:role/maker")
ROLE = {"RoleName": APP, "Path": PATH, "AssumeRolePolicyDocument": MINE}
USER = {"UserName": "bob", "Path": PATH}
MARK = [{"Key": "bedrock-gateway", "Value": "helpdesk/app"}]

WAYS_UP: dict[str, tuple[str, dict[str, Any]]] = {
    "role without boundary": ("create_role", ROLE),
    "role under another boundary": ("create_role", {**ROLE, "PermissionsBoundary": ADMIN}),
    "role under a policy of one's own as boundary": ("create_role", {**ROLE, "PermissionsBoundary": OWN}),
    "role outside of the path": ("create_role", {**ROLE, "Path": "/", "PermissionsBoundary": BOUNDARY}),
    "role of another name": ("create_role", {**ROLE, "RoleName": "eve", "PermissionsBoundary": BOUNDARY}),
    "role with a tag that opens more": (
        "create_role",
        {**ROLE, "PermissionsBoundary": BOUNDARY, "Tags": [{"Key": "team", "Value": "admin"}]},
    ),
    "user without boundary": ("create_user", USER),
    "user under another boundary": ("create_user", {**USER, "PermissionsBoundary": ADMIN}),
    "user outside of the path": ("create_user", {**USER, "Path": "/", "PermissionsBoundary": BOUNDARY}),
    "user of another name": ("create_user", {**USER, "UserName": "eve", "PermissionsBoundary": BOUNDARY}),
    "tag that opens more on a role": ("tag_role", {"RoleName": "made", "Tags": [{"Key": "team", "Value": "x"}]}),
    "new version of the boundary": (
        "create_policy_version",
        {"PolicyArn": BOUNDARY, "PolicyDocument": EVERYTHING, "SetAsDefault": True},
    ),
    "delete the boundary": ("delete_policy", {"PolicyArn": BOUNDARY}),
    "another version of the boundary": ("set_default_policy_version", {"PolicyArn": BOUNDARY, "VersionId": "v1"}),
    "policy of another name": ("create_policy", {"PolicyName": "eve", "Path": PATH, "PolicyDocument": EVERYTHING}),
    "take the boundary off a role": ("delete_role_permissions_boundary", {"RoleName": "made"}),
    "take the boundary off a user": ("delete_user_permissions_boundary", {"UserName": "alice"}),
    "another boundary for a role": (
        "put_role_permissions_boundary",
        {"RoleName": "made", "PermissionsBoundary": ADMIN},
    ),
    "AdministratorAccess on a role": ("attach_role_policy", {"RoleName": "made", "PolicyArn": ADMIN}),
    "AdministratorAccess on a group": ("attach_group_policy", {"GroupName": PEOPLE, "PolicyArn": ADMIN}),
    "another's policy on a group": ("attach_group_policy", {"GroupName": PEOPLE, "PolicyArn": f"{IAM}:policy/all"}),
    "policy on a user": ("attach_user_policy", {"UserName": "alice", "PolicyArn": ADMIN}),
    "inline policy of a role": (
        "put_role_policy",
        {"RoleName": "made", "PolicyName": "p", "PolicyDocument": EVERYTHING},
    ),
    "inline policy of a user": (
        "put_user_policy",
        {"UserName": "alice", "PolicyName": "p", "PolicyDocument": EVERYTHING},
    ),
    "inline policy of a group": (
        "put_group_policy",
        {"GroupName": PEOPLE, "PolicyName": "p", "PolicyDocument": EVERYTHING},
    ),
    "one's own policy": ("put_role_policy", {"RoleName": "maker", "PolicyName": "p", "PolicyDocument": EVERYTHING}),
    "trust of an administrator's role": (
        "update_assume_role_policy",
        {"RoleName": "admin", "PolicyDocument": MINE},
    ),
    "trust of an unbounded role of ours": (
        "update_assume_role_policy",
        {"RoleName": "unbound", "PolicyDocument": MINE},
    ),
    "policy on an unbounded role of ours": ("attach_role_policy", {"RoleName": "unbound", "PolicyArn": OWN}),
    "delete an unbounded role of ours": ("delete_role", {"RoleName": "unbound"}),
    "bound an unbounded role": (
        "put_role_permissions_boundary",
        {"RoleName": "unbound", "PermissionsBoundary": BOUNDARY},
    ),
    "oneself into a group": ("add_user_to_group", {"GroupName": PEOPLE, "UserName": "person"}),
    "key of a user": ("create_access_key", {"UserName": "alice"}),
    "key of an administrator": ("create_access_key", {"UserName": "person"}),
    "role of another's in an instance profile": (
        "add_role_to_instance_profile",
        {"InstanceProfileName": APP.replace("app", "server"), "RoleName": "admin"},
    ),
    "instance profile of another name": ("create_instance_profile", {"InstanceProfileName": "eve", "Path": PATH}),
    "password": ("create_login_profile", {"UserName": "alice", "Password": "Example-Passw0rd"}),
    "Bedrock API key": (
        "create_service_specific_credential",
        {"UserName": "alice", "ServiceName": "bedrock.amazonaws.com"},
    ),
    "provider of one's own": (
        "create_open_id_connect_provider",
        {"Url": "https://idp.example.com", "ThumbprintList": ["0" * 40]},
    ),
}


def refusal(call: Any, **params: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**params)
    error = caught.value.response["Error"]
    assert error["Code"] == "AccessDenied", error
    return str(error["Message"])


@pytest.fixture
def risky(account: Account) -> Account:
    """What there may be in the account: roles of ours and of others, with and without boundary."""
    iam = account.iam
    text = account.text.replace("[principals.maker]", f"{MADE}\n[principals.maker]")
    account.grant("maker", account.config(text))
    iam.create_policy(PolicyName="all", PolicyDocument=EVERYTHING)
    for name, path, bound in (("made", PATH, BOUNDARY), ("unbound", PATH, None), ("admin", "/", None)):
        more = {"PermissionsBoundary": bound} if bound else {}
        iam.create_role(RoleName=name, Path=path, AssumeRolePolicyDocument=trusting(f"{IAM}:root"), Tags=MARK, **more)
    account.apply("people")
    iam.delete_user(UserName="bob")
    iam.create_instance_profile(InstanceProfileName=APP.replace("app", "server"), Path=PATH)
    iam.create_policy(PolicyName=f"{APP}-1", Path=f"{PATH}{APP}/", PolicyDocument=EVERYTHING)
    return account


MADE = "".join(
    f'[principals.{name}]\ncapabilities = ["converse"]\nmodels = ["{MODEL}"]\n'
    f'identity = {{ kind = "role", name = "{name}", trust = [{{ kind = "lambda" }}] }}\n'
    for name in ("made", "unbound")
)


def test_every_known_way_up_is_denied(risky: Account) -> None:
    iam = risky.client(risky.become("maker"), "iam")
    for name, (operation, params) in WAYS_UP.items():
        message = refusal(getattr(iam, operation), **params)
        assert (
            f"assumed-role/maker/session is not authorized to perform: iam:{_action(operation, params)}" in message
        ), name


def _action(operation: str, params: dict[str, Any]) -> str:
    if operation == "create_role" and "Tags" in params:
        return "TagRole"
    if operation == "add_role_to_instance_profile":
        return "PassRole"
    words = "".join(word.capitalize() for word in operation.split("_"))
    return words.replace("OpenId", "OpenID")


def test_what_can_be_had_by_a_principal_of_ones_own_is_capped_by_the_boundary(account: Account) -> None:
    """The one chain that is open: a bounded role with every right in its policy that trusts its maker."""
    maker = account.become("maker")
    iam = account.client(maker, "iam")
    iam.create_policy(PolicyName=f"{APP}-1", Path=f"{PATH}{APP}/", PolicyDocument=EVERYTHING)
    iam.create_role(**ROLE, PermissionsBoundary=BOUNDARY, Tags=MARK)
    iam.attach_role_policy(RoleName=APP, PolicyArn=OWN)
    risen = account.become(f"{IAM}:role{PATH}{APP}", by=maker)
    runtime = account.client(risen, "bedrock-runtime")
    said = {"messages": [{"role": "user", "content": [{"text": "x"}]}]}
    assert runtime.converse(modelId=MODEL, **said)["stopReason"]
    assert "no permissions boundary allows" in refusal_of(runtime.converse, modelId=OTHER_MODEL, **said)
    theirs = account.client(risen, "iam")
    for operation, params in (
        ("create_user", {"UserName": "eve"}),
        ("attach_role_policy", {"RoleName": "maker", "PolicyArn": ADMIN}),
        ("delete_role_permissions_boundary", {"RoleName": APP}),
        ("create_policy_version", {"PolicyArn": BOUNDARY, "PolicyDocument": EVERYTHING, "SetAsDefault": True}),
    ):
        assert "no permissions boundary allows" in refusal(getattr(theirs, operation), **params)


def refusal_of(call: Any, **params: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**params)
    assert caught.value.response["Error"]["Code"] == "AccessDeniedException"
    return str(caught.value.response["Error"]["Message"])


def test_who_puts_users_into_groups_can_do_nothing_else(risky: Account) -> None:
    iam = risky.client(risky.become("members"), "iam")
    theirs = {name: way for name, way in WAYS_UP.items() if name != "oneself into a group"}
    for name, (operation, params) in theirs.items():
        assert "assumed-role/members/session is not authorized" in refusal(getattr(iam, operation), **params), name
    iam.add_user_to_group(GroupName=PEOPLE, UserName="person")
    refusal(iam.add_user_to_group, GroupName="administrators", UserName="person")


def test_who_makes_keys_makes_them_for_our_users_alone(risky: Account) -> None:
    iam = risky.client(risky.become("keys"), "iam")
    for name, (operation, params) in WAYS_UP.items():
        if name != "key of a user":
            assert "assumed-role/keys/session is not authorized" in refusal(getattr(iam, operation), **params), name
    risky.iam.untag_user(UserName="alice", TagKeys=["bedrock-gateway"])
    refusal(iam.create_access_key, UserName="alice")


def test_both_halves_in_one_hand_would_lead_up_so_the_configuration_refuses_them(risky: Account) -> None:
    """IAM looks at no boundary where a user is put into a group: with the other half in the same hand nothing is capped."""
    arn = f"{IAM}:policy{PATH}{PEOPLE}/{PEOPLE}-1"
    maker = risky.client(risky.become("maker"), "iam")
    maker.create_policy_version(PolicyArn=arn, PolicyDocument=EVERYTHING, SetAsDefault=True)
    risky.client(risky.become("members"), "iam").add_user_to_group(GroupName=PEOPLE, UserName="person")
    assert risky.client(risky.person, "iam").create_user(UserName="eve")["User"]["UserName"] == "eve"
    assert len(ROWS) == 3
    both = risky.text.replace('["principal-provision"]', '["principal-provision", "group-members"]')
    with pytest.raises(ConfigError, match="make two principals"):
        GatewayConfig.from_toml(both)


def test_tags_and_keys_in_one_hand_would_lead_up_so_the_configuration_refuses_them(risky: Account) -> None:
    """IAM looks at no boundary where a user is tagged, nor where a key is made: an uncapped user of a declared name."""
    risky.iam.create_user(UserName="bob", Path=PATH)
    keys = risky.client(risky.become("keys"), "iam")
    refusal(keys.create_access_key, UserName="bob")
    risky.client(risky.become("maker"), "iam").tag_user(UserName="bob", Tags=MARK)
    assert keys.create_access_key(UserName="bob")["AccessKey"]["UserName"] == "bob"
    both = risky.text.replace('["principal-provision"]', '["principal-provision", "access-keys"]')
    with pytest.raises(ConfigError, match="make two principals"):
        GatewayConfig.from_toml(both)


@pytest.mark.parametrize("capability", [row.name for row in ROWS])
def test_a_principal_that_makes_others_is_not_made_by_one(account: Account, capability: str) -> None:
    identity = '{ kind = "role", trust = [{ kind = "lambda" }] }'
    text = f'{account.text}\n[principals.boss]\ncapabilities = ["{capability}"]\nidentity = {identity}\n'
    with pytest.raises(ConfigError, match="let an administrator make it"):
        GatewayConfig.from_toml(text)
    unbounded = text.replace("identity = { kind", "identity = { boundary = false, kind")
    config = GatewayConfig.from_toml(unbounded)
    scope = config.scope("maker")
    assert not any("boss" in one for one in (*scope.principal_roles, *scope.principal_groups))
