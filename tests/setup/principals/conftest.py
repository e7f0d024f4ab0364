"""An account in a served local Bedrock whose administrator made three makers of principals, each under exactly its policy."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("moto", reason="the local Bedrock is an extra")

import boto3
from botocore.config import Config

from bedrock_gateway import Gateway, GatewayConfig
from bedrock_gateway.iam.generate import generate
from bedrock_gateway.local import LocalBedrock
from bedrock_gateway.setup import principals
from bedrock_gateway.setup.asking import Patience
from bedrock_gateway.setup.principals.desired import PATH, boundary_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ACCOUNT, REGION = "123456789012", "us-east-1"
MODEL, OTHER_MODEL = "amazon.nova-lite-v1:0", "amazon.nova-micro-v1:0"
QUICK = Patience(propagation=1, first_wait=0.02, longest_wait=0.05)
ONCE = Config(retries={"total_max_attempts": 1})
BOUNDARY = f"arn:aws:iam::{ACCOUNT}:policy/bedrock-gateway/AmazonBedrockGateway-principals"
MAKERS = {"maker": "principal-provision", "members": "group-members", "keys": "access-keys"}
CONFIG = """\
format = 1
application = "helpdesk"

[env.laptop]
account = "{account}"
region = "{region}"
local = true
endpoint = "{endpoint}"

[principals.app]
capabilities = ["converse"]
models = ["{model}"]
[principals.app.identity]
kind = "role"
trust = [{{ kind = "account", principal = ["arn:aws:iam::{account}:user/person"] }}]

[principals.server]
capabilities = ["converse"]
models = ["{model}"]
identity = {{ kind = "role", trust = [{{ kind = "ec2" }}] }}

[principals.people]
capabilities = ["converse"]
models = ["{model}"]
identity = {{ kind = "group", users = ["alice", "bob"] }}

[principals.robot]
capabilities = ["converse"]
models = ["{model}"]
identity = {{ kind = "user" }}

[principals.maker]
capabilities = ["principal-provision"]

[principals.members]
capabilities = ["group-members"]

[principals.keys]
capabilities = ["access-keys"]
"""


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def trusting(who: str) -> str:
    return document({"Effect": "Allow", "Principal": {"AWS": who}, "Action": "sts:AssumeRole"})


@dataclass
class Account:
    """See the module."""

    local: LocalBedrock
    endpoint: str
    folder: Path
    root: boto3.Session = field(init=False)
    person: boto3.Session = field(init=False)
    text: str = field(init=False)
    _clients: dict[str, Any] = field(default_factory=dict, repr=False)
    _gateways: dict[tuple[str, str, int], Gateway] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        self.text = CONFIG.format(account=ACCOUNT, region=REGION, endpoint=self.endpoint, model=MODEL)
        self.root = boto3.Session(*self.local.root_credentials, region_name=REGION)
        iam = self.iam
        iam.create_user(UserName="person")
        allow = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}
        iam.put_user_policy(UserName="person", PolicyName="assume", PolicyDocument=document(allow))
        self.person = self.keys_of("person")

    # -- who acts ------------------------------------------------------------------------------------------------------

    def client(self, session: boto3.Session, service: str) -> Any:
        """A bare client with the credentials of *session*; one session reads botocore's models for all of them."""
        given = session.get_credentials().get_frozen_credentials()
        return self.root.client(
            service,
            endpoint_url=self.endpoint,
            config=ONCE,
            aws_access_key_id=given.access_key,
            aws_secret_access_key=given.secret_key,
            aws_session_token=given.token,
        )

    @property
    def iam(self) -> Any:
        """Root's client of IAM."""
        if "iam" not in self._clients:
            self._clients["iam"] = self.client(self.root, "iam")
        return self._clients["iam"]

    def keys_of(self, user: str) -> boto3.Session:
        key = self.iam.create_access_key(UserName=user)["AccessKey"]
        return boto3.Session(key["AccessKeyId"], key["SecretAccessKey"], region_name=REGION)

    def become(self, role: str, by: boto3.Session | None = None, **more: Any) -> boto3.Session:
        arn = role if role.startswith("arn:") else f"arn:aws:iam::{ACCOUNT}:role/{role}"
        sts = self.client(by or self.person, "sts")
        given = sts.assume_role(RoleArn=arn, RoleSessionName="session", **more)["Credentials"]
        return boto3.Session(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"], region_name=REGION)

    def config(self, text: str | None = None) -> GatewayConfig:
        return GatewayConfig.from_toml(text or self.text)

    def gateway(self, who: str = "maker", *, text: str | None = None, session: Any = None) -> Gateway:
        """A gateway of *who*, made once: making its clients costs more than what most tests do with them."""
        key = (who, text or self.text, id(session) if session else 0)
        if key not in self._gateways:
            made = Gateway(self.config(text), principal=who, session=session or self.become(who), observers=[])
            self._gateways[key] = made
        return self._gateways[key]

    # -- the administrator ---------------------------------------------------------------------------------------------

    def furnish(self) -> None:
        """A role for each maker, and the principals' boundary."""
        for maker in MAKERS:
            self.iam.create_role(
                RoleName=maker, AssumeRolePolicyDocument=trusting(f"arn:aws:iam::{ACCOUNT}:user/person")
            )

    def bound(self) -> None:
        """The principals' boundary as it is generated, and exactly the generated policy for each maker."""
        config = self.config()
        path, _, name = BOUNDARY.partition(":policy")[2].rpartition("/")
        capped = boundary_of(config, f"{path.strip('/')}/{name}").to_json()
        self.iam.create_policy(PolicyName=name, Path=f"{path}/", PolicyDocument=capped)
        for maker in MAKERS:
            self.grant(maker, config)

    def wipe(self) -> None:
        """Remove what a test left: everything but the person, the makers and their policies."""
        iam = self.iam
        for one in iam.list_groups()["Groups"]:
            name = {"GroupName": one["GroupName"]}
            for user in iam.get_group(**name)["Users"]:
                iam.remove_user_from_group(**name, UserName=user["UserName"])
            for policy in iam.list_attached_group_policies(**name)["AttachedPolicies"]:
                iam.detach_group_policy(**name, PolicyArn=policy["PolicyArn"])
            for policy in iam.list_group_policies(**name)["PolicyNames"]:
                iam.delete_group_policy(**name, PolicyName=policy)
            iam.delete_group(**name)
        for one in iam.list_users()["Users"]:
            name = {"UserName": one["UserName"]}
            if name["UserName"] == "person":
                continue
            for key in iam.list_access_keys(**name)["AccessKeyMetadata"]:
                iam.delete_access_key(**name, AccessKeyId=key["AccessKeyId"])
            for policy in iam.list_user_policies(**name)["PolicyNames"]:
                iam.delete_user_policy(**name, PolicyName=policy)
            iam.delete_user(**name)
        for one in iam.list_instance_profiles()["InstanceProfiles"]:
            name = {"InstanceProfileName": one["InstanceProfileName"]}
            for role in one["Roles"]:
                iam.remove_role_from_instance_profile(**name, RoleName=role["RoleName"])
            iam.delete_instance_profile(**name)
        for one in iam.list_roles()["Roles"]:
            name = {"RoleName": one["RoleName"]}
            if name["RoleName"] in MAKERS:
                continue
            for policy in iam.list_attached_role_policies(**name)["AttachedPolicies"]:
                iam.detach_role_policy(**name, PolicyArn=policy["PolicyArn"])
            for policy in iam.list_role_policies(**name)["PolicyNames"]:
                iam.delete_role_policy(**name, PolicyName=policy)
            iam.delete_role(**name)
        for one in iam.list_policies(Scope="Local")["Policies"]:
            for version in iam.list_policy_versions(PolicyArn=one["Arn"])["Versions"]:
                if not version["IsDefaultVersion"]:
                    iam.delete_policy_version(PolicyArn=one["Arn"], VersionId=version["VersionId"])
            iam.delete_policy(PolicyArn=one["Arn"])
        for path in (self.folder / ".bedrock-gateway").rglob("*"):
            if path.is_file():
                path.unlink()
        for folder in sorted((self.folder / ".bedrock-gateway").rglob("*"), reverse=True):
            folder.rmdir()
        if (self.folder / ".bedrock-gateway").is_dir():
            (self.folder / ".bedrock-gateway").rmdir()

    def grant(self, maker: str, config: GatewayConfig) -> None:
        policy = generate(config.principals[maker].capabilities, config.scope(maker)).policy
        self.iam.put_role_policy(RoleName=maker, PolicyName="generated", PolicyDocument=policy.to_json())

    # -- set-up --------------------------------------------------------------------------------------------------------

    def plan(self, name: str, who: str = "maker", **options: Any) -> Any:
        gateway = options.pop("gateway", None) or self.gateway(who, text=options.pop("text", None))
        return principals.plan(gateway, name, **options)

    def apply(self, name: str, who: str = "maker", **options: Any) -> Any:
        gateway = options.pop("gateway", None) or self.gateway(who, text=options.pop("text", None))
        return principals.apply(gateway, name, folder=self.folder, patience=QUICK, **options)

    def undo(self, name: str, who: str = "maker", **options: Any) -> Any:
        return principals.undo(self.gateway(who), name, folder=self.folder, patience=QUICK, **options)

    # -- what is there -------------------------------------------------------------------------------------------------

    def picture(self) -> dict[str, Any]:
        """Everything under our path, told by root with nothing of ours."""
        iam, found = self.iam, {}
        for one in iam.list_policies(Scope="Local", PathPrefix=PATH)["Policies"]:
            version = iam.get_policy_version(PolicyArn=one["Arn"], VersionId=one["DefaultVersionId"])
            found[one["Arn"]] = version["PolicyVersion"]["Document"]
        for one in iam.list_roles(PathPrefix=PATH)["Roles"]:
            attached = iam.list_attached_role_policies(RoleName=one["RoleName"])["AttachedPolicies"]
            arns = sorted(policy["PolicyArn"] for policy in attached)
            found[one["Arn"]] = (one["AssumeRolePolicyDocument"], arns)
        for one in iam.list_groups(PathPrefix=PATH)["Groups"]:
            attached = iam.list_attached_group_policies(GroupName=one["GroupName"])["AttachedPolicies"]
            users = iam.get_group(GroupName=one["GroupName"])["Users"]
            found[one["Arn"]] = (
                sorted(policy["PolicyArn"] for policy in attached),
                sorted(user["UserName"] for user in users),
            )
        for one in iam.list_instance_profiles(PathPrefix=PATH)["InstanceProfiles"]:
            found[one["Arn"]] = [role["RoleName"] for role in one["Roles"]]
        for one in iam.list_users(PathPrefix=PATH)["Users"]:
            found[one["Arn"]] = iam.list_user_tags(UserName=one["UserName"])["Tags"]
        return found

    def close(self) -> None:
        for one in self._gateways.values():
            one.close()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    """The account with its makers, for the tests of a module."""
    with pytest.MonkeyPatch.context() as patch, LocalBedrock(pace_seconds=0) as local, local.serve() as server:
        for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION"):
            patch.delenv(name, raising=False)
        made = Account(local, server.endpoint, tmp_path_factory.mktemp("account"))
        made.furnish()
        yield made
        made.close()
        local.reset()


@pytest.fixture
def account(served: Account) -> Account:
    """The account, with the boundary and the makers and nothing else."""
    served.wipe()
    served.bound()
    return served
