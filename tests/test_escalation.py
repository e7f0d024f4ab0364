"""Whoever may make roles for knowledge bases and logging tries to become more than that: over HTTP, with IAM enforced.

The operator has every administrative capability at once. Each known way up is tried: it is denied, or what it yields is
capped by the permissions boundary. The same ways are tried from a policy without the bound, to show that they lead up.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("moto", reason="the local Bedrock is an extra")

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from bedrock_gateway.capabilities import Scope
from bedrock_gateway.iam import roles
from bedrock_gateway.iam.boundary import boundary
from bedrock_gateway.iam.document import Policy
from bedrock_gateway.iam.documents.provision import PROVISION
from bedrock_gateway.iam.documents.template import assemble, fill
from bedrock_gateway.iam.evaluate import AccessRequest, Layers, evaluate
from bedrock_gateway.iam.generate import generate
from bedrock_gateway.iam.resources import boundary_arn
from bedrock_gateway.local import LocalBedrock

if TYPE_CHECKING:
    from collections.abc import Iterator

ACCOUNT, REGION = "123456789012", "us-east-1"
ADMINISTRATION = ("logging-admin", "kb-provision", "kb-create", "kb-documents", "kb-ingest", "preflight-standard")
MADE, UNBOUND, NEW = (f"AmazonBedrockGateway-kb-{name}" for name in ("made", "unbound", "new"))
SCOPE = Scope(
    region=REGION,
    account=ACCOUNT,
    knowledge_base_roles=tuple(f"bedrock-gateway/{name}" for name in (MADE, UNBOUND, NEW)),
    logging_bucket="example-logs",
    documents=(("example-handbook", "handbook/"),),
    vector_indexes=(("example-vectors", "handbook"),),
    embedding_models=("amazon.titan-embed-text-v2:0",),
)
BOUNDARY = boundary_arn(SCOPE)
ADMIN = "arn:aws:iam::aws:policy/AdministratorAccess"
ONCE = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})
OUR_PATH = "/bedrock-gateway/"


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def trusting(who: str) -> str:
    return document({"Effect": "Allow", "Principal": {"AWS": who}, "Action": "sts:AssumeRole"})


EVERYTHING = document({"Effect": "Allow", "Action": "*", "Resource": "*"})
OPERATOR = f"arn:aws:iam::{ACCOUNT}:role/operator"
MINE = trusting(OPERATOR)
BEDROCK_ONLY = roles.kb_role(SCOPE).trust.to_json()


@dataclass
class Account:
    """An account with an administrator, an operator, and what was there before the operator came."""

    endpoint: str
    root: boto3.Session
    person: boto3.Session

    def client(self, session: boto3.Session, service: str) -> Any:
        return session.client(service, region_name=REGION, endpoint_url=self.endpoint, config=ONCE)

    def admin(self, service: str) -> Any:
        return self.client(self.root, service)

    def become(self, role: str, by: boto3.Session | None = None) -> boto3.Session:
        arn = role if role.startswith("arn:") else f"arn:aws:iam::{ACCOUNT}:role/{role}"
        given = self.client(by or self.person, "sts").assume_role(RoleArn=arn, RoleSessionName="session")["Credentials"]
        return boto3.Session(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"], region_name=REGION)

    def operator(self, policy: Policy | None = None, name: str = "operator") -> boto3.Session:
        """A session of a role with *policy*; None: exactly what is generated."""
        made = policy or generate(ADMINISTRATION, SCOPE).policy
        iam = self.admin("iam")
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=trusting(f"arn:aws:iam::{ACCOUNT}:user/person"))
        iam.put_role_policy(RoleName=name, PolicyName="generated", PolicyDocument=made.to_json())
        return self.become(name)


@pytest.fixture
def account() -> Iterator[Account]:
    with LocalBedrock(region=REGION, account=ACCOUNT, pace_seconds=0) as local, local.serve() as server:
        root = boto3.Session(*local.root_credentials, region_name=REGION)
        iam = root.client("iam", endpoint_url=server.endpoint, config=ONCE)
        iam.create_user(UserName="person")
        key = iam.create_access_key(UserName="person")["AccessKey"]
        person = boto3.Session(key["AccessKeyId"], key["SecretAccessKey"], region_name=REGION)
        made = Account(server.endpoint, root, person)
        furnish(made)
        yield made
        local.reset()


def furnish(account: Account) -> None:
    iam, s3 = account.admin("iam"), account.admin("s3")
    path, _, name = SCOPE.boundary.rpartition("/")
    iam.create_policy(PolicyName=name, Path=f"/{path}/", PolicyDocument=boundary(SCOPE).to_json())
    iam.create_policy(PolicyName="everything", PolicyDocument=EVERYTHING)
    for role, where, bound in ((MADE, OUR_PATH, BOUNDARY), (UNBOUND, OUR_PATH, None), ("admin", "/", None)):
        more = {"PermissionsBoundary": bound} if bound else {}
        iam.create_role(RoleName=role, Path=where, AssumeRolePolicyDocument=BEDROCK_ONLY, **more)
    iam.put_role_policy(RoleName="admin", PolicyName="all", PolicyDocument=EVERYTHING)
    iam.create_user(UserName="administrator")
    iam.create_group(GroupName="administrators")
    iam.create_instance_profile(InstanceProfileName="server")
    for bucket in ("example-handbook", "example-payroll"):
        s3.create_bucket(Bucket=bucket)


CREATE = {"RoleName": NEW, "Path": OUR_PATH, "AssumeRolePolicyDocument": MINE}

WAYS_UP: dict[str, tuple[str, str, dict[str, Any]]] = {
    "role without boundary": ("iam", "create_role", CREATE),
    "role under another boundary": ("iam", "create_role", {**CREATE, "PermissionsBoundary": ADMIN}),
    "role under a boundary of one's own": (
        "iam",
        "create_role",
        {**CREATE, "PermissionsBoundary": f"arn:aws:iam::{ACCOUNT}:policy/everything"},
    ),
    "role outside the path": ("iam", "create_role", {**CREATE, "Path": "/", "PermissionsBoundary": BOUNDARY}),
    "role below the path": (
        "iam",
        "create_role",
        {**CREATE, "Path": "/bedrock-gateway/x/", "PermissionsBoundary": BOUNDARY},
    ),
    "role of another name": ("iam", "create_role", {**CREATE, "RoleName": "x", "PermissionsBoundary": BOUNDARY}),
    "tagged role": (
        "iam",
        "create_role",
        {**CREATE, "PermissionsBoundary": BOUNDARY, "Tags": [{"Key": "team", "Value": "admin"}]},
    ),
    "tag a role": ("iam", "tag_role", {"RoleName": MADE, "Tags": [{"Key": "team", "Value": "admin"}]}),
    "tag oneself": ("iam", "tag_role", {"RoleName": "operator", "Tags": [{"Key": "team", "Value": "admin"}]}),
    "new version of the boundary": (
        "iam",
        "create_policy_version",
        {"PolicyArn": BOUNDARY, "PolicyDocument": EVERYTHING, "SetAsDefault": True},
    ),
    "another version of the boundary": (
        "iam",
        "set_default_policy_version",
        {"PolicyArn": BOUNDARY, "VersionId": "v1"},
    ),
    "delete the boundary": ("iam", "delete_policy", {"PolicyArn": BOUNDARY}),
    "delete a version of the boundary": ("iam", "delete_policy_version", {"PolicyArn": BOUNDARY, "VersionId": "v1"}),
    "make a policy": ("iam", "create_policy", {"PolicyName": "p", "PolicyDocument": EVERYTHING}),
    "detach the boundary": ("iam", "delete_role_permissions_boundary", {"RoleName": MADE}),
    "change the boundary": (
        "iam",
        "put_role_permissions_boundary",
        {"RoleName": MADE, "PermissionsBoundary": ADMIN},
    ),
    "bound an unbounded role, to write its policy": (
        "iam",
        "put_role_permissions_boundary",
        {"RoleName": UNBOUND, "PermissionsBoundary": BOUNDARY},
    ),
    "attach AdministratorAccess": ("iam", "attach_role_policy", {"RoleName": MADE, "PolicyArn": ADMIN}),
    "attach AdministratorAccess to oneself": (
        "iam",
        "attach_role_policy",
        {"RoleName": "operator", "PolicyArn": ADMIN},
    ),
    "write one's own policy": (
        "iam",
        "put_role_policy",
        {"RoleName": "operator", "PolicyName": "p", "PolicyDocument": EVERYTHING},
    ),
    "write the policy of an unbounded role": (
        "iam",
        "put_role_policy",
        {"RoleName": UNBOUND, "PolicyName": "p", "PolicyDocument": EVERYTHING},
    ),
    "delete the policy of an unbounded role": (
        "iam",
        "delete_role_policy",
        {"RoleName": UNBOUND, "PolicyName": "p"},
    ),
    "take over an administrator's role": (
        "iam",
        "update_assume_role_policy",
        {"RoleName": "admin", "PolicyDocument": MINE},
    ),
    "take over a knowledge base's role": (
        "iam",
        "update_assume_role_policy",
        {"RoleName": MADE, "PolicyDocument": MINE},
    ),
    "take over an unbounded role": (
        "iam",
        "update_assume_role_policy",
        {"RoleName": UNBOUND, "PolicyDocument": MINE},
    ),
    "assume an administrator's role": (
        "sts",
        "assume_role",
        {"RoleArn": f"arn:aws:iam::{ACCOUNT}:role/admin", "RoleSessionName": "session"},
    ),
    "pass a role to EC2": (
        "iam",
        "add_role_to_instance_profile",
        {"InstanceProfileName": "server", "RoleName": MADE},
    ),
    "make a user": ("iam", "create_user", {"UserName": "eve"}),
    "write a user's policy": (
        "iam",
        "put_user_policy",
        {"UserName": "person", "PolicyName": "p", "PolicyDocument": EVERYTHING},
    ),
    "attach to a user": ("iam", "attach_user_policy", {"UserName": "person", "PolicyArn": ADMIN}),
    "join a group": ("iam", "add_user_to_group", {"UserName": "person", "GroupName": "administrators"}),
    "write a group's policy": (
        "iam",
        "put_group_policy",
        {"GroupName": "administrators", "PolicyName": "p", "PolicyDocument": EVERYTHING},
    ),
    "attach to a group": ("iam", "attach_group_policy", {"GroupName": "administrators", "PolicyArn": ADMIN}),
    "key of another": ("iam", "create_access_key", {"UserName": "administrator"}),
    "password of another": (
        "iam",
        "create_login_profile",
        {"UserName": "administrator", "Password": "Example-Passw0rd"},
    ),
    "Bedrock API key of another": (
        "iam",
        "create_service_specific_credential",
        {"UserName": "administrator", "ServiceName": "bedrock.amazonaws.com"},
    ),
    "unbound a user": ("iam", "delete_user_permissions_boundary", {"UserName": "person"}),
    "service-linked role": ("iam", "create_service_linked_role", {"AWSServiceName": "ec2.amazonaws.com"}),
    "trust a provider of one's own": (
        "iam",
        "create_open_id_connect_provider",
        {"Url": "https://idp.example.com", "ThumbprintList": ["0" * 40]},
    ),
    "unbounded logging role": (
        "iam",
        "create_role",
        {"RoleName": SCOPE.logging_role, "AssumeRolePolicyDocument": MINE},
    ),
    "somebody else's bucket": (
        "s3",
        "put_bucket_policy",
        {
            "Bucket": "example-payroll",
            "Policy": document(
                {
                    "Effect": "Allow",
                    "Principal": {"AWS": OPERATOR},
                    "Action": "s3:GetObject",
                    "Resource": "arn:aws:s3:::example-payroll/*",
                }
            ),
        },
    ),
    "a function that runs as the role": (
        "lambda",
        "create_function",
        {
            "FunctionName": "f",
            "Role": f"arn:aws:iam::{ACCOUNT}:role{OUR_PATH}{MADE}",
            "Code": {"ZipFile": b"x"},
            "Handler": "f.f",
            "Runtime": "python3.13",
        },
    ),
}


def refusal(call: Any, **params: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**params)
    error = caught.value.response["Error"]
    assert error["Code"] in {"AccessDenied", "AccessDeniedException"}, error
    return str(error["Message"])


def test_every_known_way_up_is_denied(account: Account) -> None:
    operator = account.operator()
    for name, (service, operation, params) in WAYS_UP.items():
        message = refusal(getattr(account.client(operator, service), operation), **params)
        assert message.startswith(f"User: arn:aws:sts::{ACCOUNT}:assumed-role/operator/session is not authorized"), name


def test_what_the_operator_is_for_still_works(account: Account) -> None:
    iam = account.client(account.operator(), "iam")
    documents = roles.kb_role(SCOPE)
    iam.create_role(
        RoleName=NEW,
        Path=OUR_PATH,
        AssumeRolePolicyDocument=documents.trust.to_json(),
        PermissionsBoundary=BOUNDARY,
    )
    iam.put_role_policy(RoleName=NEW, PolicyName="p", PolicyDocument=documents.permissions.to_json())
    assert iam.get_role(RoleName=NEW)["Role"]["PermissionsBoundary"]["PermissionsBoundaryArn"] == BOUNDARY
    iam.delete_role_policy(RoleName=NEW, PolicyName="p")
    iam.delete_role(RoleName=NEW)


def taken_over(account: Account, operator: boto3.Session) -> boto3.Session:
    """The one chain that is open: a bounded role, with every right in its own policy, that trusts its maker."""
    iam = account.client(operator, "iam")
    iam.create_role(**CREATE, PermissionsBoundary=BOUNDARY)
    iam.put_role_policy(RoleName=NEW, PolicyName="p", PolicyDocument=EVERYTHING)
    return account.become(f"arn:aws:iam::{ACCOUNT}:role{OUR_PATH}{NEW}", by=operator)


def test_a_role_made_for_oneself_is_capped_by_the_boundary(account: Account) -> None:
    mine = taken_over(account, account.operator())
    assert account.client(mine, "s3").list_objects_v2(Bucket="example-handbook", Prefix="handbook/")["KeyCount"] == 0
    beyond: list[tuple[str, str, dict[str, Any]]] = [
        ("s3", "list_objects_v2", {"Bucket": "example-payroll"}),
        ("s3", "list_objects_v2", {"Bucket": "example-handbook"}),
        ("s3", "put_object", {"Bucket": "example-handbook", "Key": "handbook/x"}),
        (
            "bedrock-runtime",
            "converse",
            {"modelId": "amazon.nova-lite-v1:0", "messages": [{"role": "user", "content": [{"text": "x"}]}]},
        ),
        ("bedrock", "delete_model_invocation_logging_configuration", {}),
        ("logs", "describe_log_groups", {}),
        ("kms", "create_key", {}),
        ("secretsmanager", "list_secrets", {}),
    ]
    refused = list(WAYS_UP.items())
    for name, (service, operation, params) in [*((f"{one[0]}:{one[1]}", one) for one in beyond), *refused]:
        message = refusal(getattr(account.client(mine, service), operation), **params)
        assert (
            "no permissions boundary allows" in message
            or "does not know what AWS demands" in message
            or ("no resource-based policy allows" in message)
        ), (name, message)


def test_a_capped_role_cannot_free_itself_or_its_maker(account: Account) -> None:
    operator = account.operator()
    iam = account.client(taken_over(account, operator), "iam")
    everywhere = {"PolicyName": "p", "PolicyDocument": EVERYTHING}
    for call, params in (
        (iam.delete_role_permissions_boundary, {"RoleName": NEW}),
        (iam.put_role_permissions_boundary, {"RoleName": NEW, "PermissionsBoundary": ADMIN}),
        (iam.create_policy_version, {"PolicyArn": BOUNDARY, "PolicyDocument": EVERYTHING, "SetAsDefault": True}),
        (iam.put_role_policy, {"RoleName": "operator", **everywhere}),
        (iam.attach_role_policy, {"RoleName": "operator", "PolicyArn": ADMIN}),
    ):
        assert "no permissions boundary allows" in refusal(call, **params)


def test_making_the_role_again_does_not_lose_the_boundary(account: Account) -> None:
    iam = account.client(account.operator(), "iam")
    iam.delete_role(RoleName=MADE)
    again = {**CREATE, "RoleName": MADE}
    assert "iam:CreateRole" in refusal(iam.create_role, **again)
    iam.create_role(**again, PermissionsBoundary=BOUNDARY)


def test_a_knowledge_base_is_made_with_a_declared_role_only(account: Account) -> None:
    agent = account.client(account.operator(), "bedrock-agent")
    message = refusal(
        agent.create_knowledge_base,
        name="x",
        roleArn=f"arn:aws:iam::{ACCOUNT}:role/admin",
        knowledgeBaseConfiguration={
            "type": "VECTOR",
            "vectorKnowledgeBaseConfiguration": {
                "embeddingModelArn": f"arn:aws:bedrock:{REGION}::foundation-model/amazon.titan-embed-text-v2:0"
            },
        },
        storageConfiguration={
            "type": "S3_VECTORS",
            "s3VectorsConfiguration": {
                "indexArn": f"arn:aws:s3vectors:{REGION}:{ACCOUNT}:bucket/example-vectors/index/handbook"
            },
        },
    )
    assert "iam:PassRole" in message


@pytest.mark.parametrize("service", ["lambda.amazonaws.com", "ec2.amazonaws.com", "ecs-tasks.amazonaws.com", None])
@pytest.mark.parametrize("role", [f"bedrock-gateway/{MADE}", SCOPE.logging_role])
def test_a_role_is_passed_to_bedrock_and_to_nobody_else(service: str | None, role: str) -> None:
    policy = generate(ADMINISTRATION, SCOPE).policy
    arn = f"arn:aws:iam::{ACCOUNT}:role/{role}"

    def passes(to: str | None) -> bool:
        context = {"iam:PassedToService": to} if to else {}
        return evaluate(AccessRequest("iam:PassRole", arn, context), Layers((policy,))).allowed

    assert passes("bedrock.amazonaws.com")
    assert not passes(service)


def test_a_service_linked_role_is_made_for_the_one_service_that_a_store_needs(account: Account) -> None:
    made = assemble(fill(PROVISION["opensearch-serverless"], {"collection": "handbook"}, SCOPE)).policy
    whole = Policy((*generate(ADMINISTRATION, SCOPE).policy.statements, *made.statements))
    iam = account.client(account.operator(whole), "iam")
    for service in ("ec2.amazonaws.com", "aoss.amazonaws.com", "observability.aoss.amazonaws.com.example.com"):
        assert "iam:CreateServiceLinkedRole" in refusal(iam.create_service_linked_role, AWSServiceName=service)
    role = iam.create_service_linked_role(AWSServiceName="observability.aoss.amazonaws.com")["Role"]
    assert role["Path"] == "/aws-service-role/observability.aoss.amazonaws.com/"


def test_without_the_bound_the_same_ways_lead_up(account: Account) -> None:
    """The tests above would mean nothing if these calls failed for another reason."""
    generated = generate(ADMINISTRATION, SCOPE).policy
    unbounded = Policy(
        tuple(
            replace(one, conditions=()) if "iam:PermissionsBoundary" in str(one.conditions) else one
            for one in generated.statements
        )
    )
    operator = account.operator(unbounded)
    iam = account.client(operator, "iam")
    iam.create_role(**CREATE)
    iam.put_role_policy(RoleName=NEW, PolicyName="p", PolicyDocument=EVERYTHING)
    risen = account.become(f"arn:aws:iam::{ACCOUNT}:role{OUR_PATH}{NEW}", by=operator)
    assert account.client(risen, "iam").create_user(UserName="eve")["User"]["UserName"] == "eve"
    assert account.client(risen, "iam").attach_role_policy(
        RoleName="operator", PolicyArn=f"arn:aws:iam::{ACCOUNT}:policy/everything"
    )
