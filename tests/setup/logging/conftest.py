"""One account of a local Bedrock, an operator in it with exactly the policy that is generated, and what is there to see."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("moto", reason="the local Bedrock is an extra")

from bedrock_gateway import Gateway, GatewayConfig
from bedrock_gateway.iam.boundary import boundary
from bedrock_gateway.iam.generate import generate
from bedrock_gateway.local import LocalBedrock
from bedrock_gateway.setup import logging
from bedrock_gateway.setup.logging.snapshot import snapshots_path
from tests.setup.conftest import Watched

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

ACCOUNT, REGION, MODEL = "123456789012", "us-east-2", "amazon.nova-lite-v1:0"
GROUP, ROLE, BUCKET = "/bedrock/invocations", "AmazonBedrockGateway-logging", "example-bedrock-logs"
DECLARED = {"log_group": GROUP, "role": ROLE, "bucket": BUCKET, "modalities": ["text"]}
CAPABILITIES = ["logging-admin", "preflight-standard"]
WRITES = ("Create", "Put", "Update", "Delete", "Attach", "Detach", "Tag")
MARK = [{"Key": "bedrock-gateway", "Value": "helpdesk/logging"}]
LAMBDA = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def config_of(declared: Mapping[str, Any] | None = None, **more: Any) -> GatewayConfig:
    given = {
        "application": "helpdesk",
        "account": ACCOUNT,
        "region": REGION,
        "local": True,
        "principals": {"operator": {"capabilities": CAPABILITIES}},
        "logging": dict(DECLARED if declared is None else declared),
    }
    return GatewayConfig(**(given | more))


def _unchecked(*_: Any) -> Iterator[None]:
    """A preflight that looks at nothing."""
    yield from ()


@dataclass
class Account:
    """See the module."""

    local: LocalBedrock
    folder: Path
    clients: dict[str, Any] = field(default_factory=dict, repr=False)
    gateways: dict[str, Gateway] = field(default_factory=dict, repr=False)
    root_session: Any = None
    operator_session: Any = None

    # -- whoever is there ----------------------------------------------------------------------------------------------

    def furnish(self) -> None:
        """An operator without any right yet."""
        self.root_session = self.local.session(region=REGION)
        iam = self.root("iam")
        iam.create_user(UserName="operator")
        key = iam.create_access_key(UserName="operator")["AccessKey"]
        given = {"AccessKeyId": key["AccessKeyId"], "SecretAccessKey": key["SecretAccessKey"]}
        self.operator_session = self.local.session(region=REGION, credentials=given)

    def root(self, service: str) -> Any:
        """The root user's client, made once."""
        if service not in self.clients:
            self.clients[service] = self.root_session.client(service)
        return self.clients[service]

    def grant(self, config: GatewayConfig) -> dict[str, Any]:
        """Give the operator exactly the policy that is generated for it."""
        capabilities = config.principals["operator"].capabilities
        policy = generate(capabilities, config.scope("operator")).policy.dump()
        self.root("iam").put_user_policy(UserName="operator", PolicyName="generated", PolicyDocument=json.dumps(policy))
        return policy

    def bound(self, config: GatewayConfig) -> None:
        """What an administrator does once: the permissions boundary."""
        path, _, name = config.scope("operator").boundary.rpartition("/")
        text = boundary(config.scope("operator")).to_json()
        self.root("iam").create_policy(PolicyName=name, Path=f"/{path}/", PolicyDocument=text)

    def gateway(self, config: GatewayConfig | None = None, *, as_root: bool = False) -> Gateway:
        """The gateway of the operator, who may do what *config* needs; a configuration has one for all tests."""
        config = config or config_of()
        if not as_root:
            self.grant(config)
        session = self.root_session if as_root else self.operator_session
        made = Gateway(config, principal="operator", session=session, observers=[])
        # Its clients are those of the first one: making them costs more than what most tests do with them.
        first = self.gateways.setdefault(str(as_root), made)
        made.__dict__["_perform"] = first._perform
        return made

    def view(
        self, around: Any = None, *, config: GatewayConfig | None = None, as_root: bool = False
    ) -> tuple[Any, Watched]:
        """A gateway with a perform that a test looks into, and a clock that only moves when it sleeps."""
        gateway = self.gateway(config, as_root=as_root)
        watched = Watched(gateway._perform, around, sleeps_for_real=False)
        view = gateway.with_options()
        view.__dict__["_perform"] = watched
        view.__dict__["_context"] = replace(view._context, now=lambda: time.monotonic() + watched.clock)
        return view, watched

    # -- what is done --------------------------------------------------------------------------------------------------

    def plan(self, gateway: Any = None, **options: Any) -> Any:
        return logging.plan(gateway or self.gateway(), folder=self.folder, **options)

    def apply(self, gateway: Any = None, *, checked: bool = False, **options: Any) -> Any:
        """Apply; *checked*: with the preflight afterwards, which looks at thirty things more."""
        gateway = gateway or self.gateway()
        if not checked:
            gateway.__dict__["_preflight"] = _unchecked
        try:
            return logging.apply(gateway, folder=self.folder, **options)
        finally:
            gateway.__dict__.pop("_preflight", None)

    def undo(self, gateway: Any = None, **options: Any) -> Any:
        return logging.undo(gateway or self.gateway(), folder=self.folder, **options)

    @property
    def snapshots(self) -> Path:
        return snapshots_path(self.folder, config_of())

    # -- what is there -------------------------------------------------------------------------------------------------

    def configured(self) -> dict[str, Any] | None:
        found = self.root("bedrock").get_model_invocation_logging_configuration().get("loggingConfig")
        return dict(found) if found else None

    def role(self, name: str = ROLE) -> dict[str, Any]:
        iam = self.root("iam")
        found: dict[str, Any] = iam.get_role(RoleName=name)["Role"]
        names = iam.list_role_policies(RoleName=name)["PolicyNames"]
        policies = {one: iam.get_role_policy(RoleName=name, PolicyName=one)["PolicyDocument"] for one in names}
        return found | {"Policies": policies}

    def bucket_policy(self, bucket: str = BUCKET) -> dict[str, Any] | None:
        s3 = self.root("s3")
        try:
            found: dict[str, Any] = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])
        except s3.exceptions.ClientError:
            return None
        return found

    def everything(self) -> dict[str, Any]:
        """Everything in the account that set-up could change, told without set-up."""
        iam, s3, logs = (self.root(name) for name in ("iam", "s3", "logs"))
        found: dict[str, Any] = {"logging": self.configured()}
        for one in iam.list_roles()["Roles"]:
            role = self.role(one["RoleName"])
            kept = ("Path", "AssumeRolePolicyDocument", "Policies", "PermissionsBoundary", "Tags")
            found[f"role {one['RoleName']}"] = {name: role.get(name) for name in kept}
        for one in logs.describe_log_groups()["logGroups"]:
            found[f"group {one['logGroupName']}"] = one.get("retentionInDays")
        for one in s3.list_buckets()["Buckets"]:
            found[f"bucket {one['Name']}"] = self.bucket(one["Name"]) | {"policy": self.bucket_policy(one["Name"])}
        return found

    def bucket(self, name: str = BUCKET) -> dict[str, Any]:
        s3 = self.root("s3")
        owned = s3.get_bucket_ownership_controls(Bucket=name)["OwnershipControls"]
        block = s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"]
        return {"OwnershipControls": owned, "PublicAccessBlockConfiguration": block}

    def delivered(self) -> list[dict[str, Any]]:
        """Call a model, and return every record that arrived in the log group."""
        said = [{"role": "user", "content": [{"text": "Are you logged?"}]}]
        self.root("bedrock-runtime").converse(modelId=MODEL, messages=said)
        events = self.root("logs").filter_log_events(logGroupName=GROUP)["events"]
        return [json.loads(one["message"]) for one in events if one["message"].startswith("{")]

    # -- what somebody else has ----------------------------------------------------------------------------------------

    def theirs(self, *, group: str = "/theirs", role: str = "theirs", bucket: str = "example-theirs") -> dict[str, Any]:
        """Another team's logging: a role, a group, a bucket, and the configuration; whole and working."""
        scope = replace(config_of().scope("operator"), log_group=group, logging_role=role, logging_bucket=bucket)
        from bedrock_gateway.iam import roles

        iam, made = self.root("iam"), roles.logging_role(scope)
        iam.create_role(RoleName=role, AssumeRolePolicyDocument=made.trust.to_json())
        iam.put_role_policy(RoleName=role, PolicyName="theirs", PolicyDocument=made.permissions.to_json())
        self.root("logs").create_log_group(logGroupName=group)
        self.make_bucket(bucket, roles.logging_bucket(scope).to_json())
        config = {
            "cloudWatchConfig": {"logGroupName": group, "roleArn": f"arn:aws:iam::{ACCOUNT}:role/{role}"},
            "s3Config": {"bucketName": bucket},
            "textDataDeliveryEnabled": True,
            "imageDataDeliveryEnabled": True,
        }
        self.put(config)
        return config

    def put(self, config: dict[str, Any]) -> None:
        self.root("bedrock").put_model_invocation_logging_configuration(loggingConfig=config)

    def make_bucket(self, name: str = BUCKET, policy: str | None = None, *, region: str = REGION) -> None:
        s3 = self.root_session.client("s3", region_name=region) if region != REGION else self.root("s3")
        s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": region})
        if policy:
            s3.put_bucket_policy(Bucket=name, Policy=policy)

    def make_role(self, *statements: dict[str, Any], bounded: bool = True, **policies: str) -> None:
        """Somebody's role of the declared name, with a trust of their own."""
        iam = self.root("iam")
        limit = {"PermissionsBoundary": f"arn:aws:iam::{ACCOUNT}:policy/{config_of().scope('operator').boundary}"}
        iam.create_role(RoleName=ROLE, AssumeRolePolicyDocument=document(*statements), **(limit if bounded else {}))
        for name, text in policies.items():
            iam.put_role_policy(RoleName=ROLE, PolicyName=name, PolicyDocument=text)

    # -- and nothing of it any more --------------------------------------------------------------------------------------

    def wipe(self) -> None:
        iam, s3, logs = (self.root(name) for name in ("iam", "s3", "logs"))
        self.root("bedrock").delete_model_invocation_logging_configuration()
        for role in iam.list_roles()["Roles"]:
            named = {"RoleName": role["RoleName"]}
            for policy in iam.list_role_policies(**named)["PolicyNames"]:
                iam.delete_role_policy(**named, PolicyName=policy)
            for policy in iam.list_attached_role_policies(**named)["AttachedPolicies"]:
                iam.detach_role_policy(**named, PolicyArn=policy["PolicyArn"])
            iam.delete_role(**named)
        for policy in iam.list_policies(Scope="Local")["Policies"]:
            iam.delete_policy(PolicyArn=policy["Arn"])
        for group in logs.describe_log_groups()["logGroups"]:
            logs.delete_log_group(logGroupName=group["logGroupName"])
        for bucket in s3.list_buckets()["Buckets"]:
            for one in s3.list_objects_v2(Bucket=bucket["Name"]).get("Contents", []):
                s3.delete_object(Bucket=bucket["Name"], Key=one["Key"])
            s3.delete_bucket(Bucket=bucket["Name"])
        for path in self.folder.rglob("*"):
            if path.is_file() or path.is_symlink():
                path.unlink()


@contextmanager
def serving(folder: Path) -> Iterator[Account]:
    with pytest.MonkeyPatch.context() as patch, LocalBedrock(account=ACCOUNT, region=REGION, pace_seconds=0) as local:
        for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION"):
            patch.delenv(name, raising=False)
        local.reset()
        made = Account(local, folder)
        made.furnish()
        yield made
        for gateway in made.gateways.values():
            gateway.close()
        local.reset()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    """The account, for the tests of a module."""
    with serving(tmp_path_factory.mktemp("account")) as made:
        yield made


@pytest.fixture
def account(served: Account) -> Account:
    """The account, empty but for the operator and the boundary."""
    served.wipe()
    served.bound(config_of())
    return served
