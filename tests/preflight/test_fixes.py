"""Each command that the preflight prints is run by a shell, as printed, until nothing is found any more."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
import pytest

from bedrock_gateway import Gateway, GatewayConfig
from bedrock_gateway.iam.generate import generate
from bedrock_gateway.local import LocalBedrock
from bedrock_gateway.preflight.checks.process import UPGRADE

ACCOUNT, REGION, BUCKET = "123456789012", "us-east-1", "example-fixes-123456789012-us-east-1"
GROUP, NAME = "/bedrock/invocations", "AmazonBedrockGateway-logging"
STREAM = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{GROUP}:log-stream:aws/bedrock/modelinvocations"


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def statement(effect: str, action: Any, resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": effect, "Action": action, "Resource": resource, **more}


class World:
    """An account with an administrator, in which the operator runs the preflight and the administrator its fixes."""

    def __init__(self, endpoint: str, root: tuple[str, str], folder: Path) -> None:
        self.endpoint, self.folder = endpoint, folder
        self.root = root
        self.clients: dict[str, Any] = {}
        iam = self.client("iam")
        iam.create_user(UserName="admin")
        iam.put_user_policy(UserName="admin", PolicyName="all", PolicyDocument=document(statement("Allow", "*")))
        key = iam.create_access_key(UserName="admin")["AccessKey"]
        self.admin = (key["AccessKeyId"], key["SecretAccessKey"])
        shim = folder / "aws"
        shim.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{Path(__file__).with_name("aws_cli.py")}" "$@"\n')
        shim.chmod(shim.stat().st_mode | stat.S_IXUSR)
        self.config = GatewayConfig(
            application="helpdesk",
            account=ACCOUNT,
            region=REGION,
            local=True,
            endpoint=endpoint,
            principals={"operator": {"capabilities": ["logging-admin", "preflight-standard"]}},
            logging={"log_group": GROUP, "role": NAME, "bucket": BUCKET},
        )
        self.gateway = Gateway(self.config, principal="operator", session=self.become_operator(), observers=[])

    def client(self, service: str) -> Any:
        if service not in self.clients:
            session = boto3.Session(*self.root, region_name=REGION)
            self.clients[service] = session.client(service, endpoint_url=self.endpoint)
        return self.clients[service]

    def become_operator(self) -> boto3.Session:
        trust = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "sts:AssumeRole"}
        iam = self.client("iam")
        arn = iam.create_role(RoleName="operator", AssumeRolePolicyDocument=document(trust))["Role"]["Arn"]
        config = self.config
        made = generate(config.principal("operator").capabilities, config.scope("operator"))
        iam.put_role_policy(RoleName="operator", PolicyName="generated", PolicyDocument=made.policy.to_json())
        sts = boto3.Session(*self.admin, region_name=REGION).client("sts", endpoint_url=self.endpoint)
        given = sts.assume_role(RoleArn=arn, RoleSessionName="operator")["Credentials"]
        return boto3.Session(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"], region_name=REGION)

    def preflight(self) -> Any:
        return self.gateway.preflight(level="standard")

    def run(self, command: str) -> None:
        """Run *command* as printed, as the administrator."""
        assert not command.startswith("pip"), command
        environment = {
            "PATH": f"{self.folder}{os.pathsep}{os.defpath}",
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": self.admin[0],
            "AWS_SECRET_ACCESS_KEY": self.admin[1],
        }
        done = subprocess.run(["/bin/sh", "-c", command], env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, (command, done.stderr)

    def mend(self, rounds: int = 3) -> list[str]:
        """Run what is printed until nothing is found; return the checks that found something at first."""
        found = self.found()
        first = [one.id for one in found]
        for _ in range(rounds):
            assert not [one for one in found if not (one.fix and one.fix.command)], found
            # LOG-01 says itself that it comes last.
            for one in sorted(found, key=lambda result: result.id == "LOG-01"):
                self.run(one.fix.command)
            found = self.found()
            if not found:
                return first
        raise AssertionError([(one.id, one.status, one.summary) for one in found])

    def found(self) -> list[Any]:
        """What is found of the account; what is wrong with this process, an old botocore too, no command for AWS mends."""
        found = [one for one in self.preflight().results if one.status in {"fail", "warn", "unknown"}]
        return [one for one in found if one.category != "ENV" and not (one.fix and one.fix.command == UPGRADE)]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with LocalBedrock() as local, local.serve() as server:
        made = World(server.endpoint, local.root_credentials, tmp_path_factory.mktemp("bin"))
        made.client("s3").create_bucket(Bucket=BUCKET)
        with made.gateway:
            yield made


def test_from_nothing_to_a_whole_delivery_by_what_is_printed(world):
    first = world.mend()
    assert first == ["LOG-01", "LOG-05", "LOG-06", "LOG-10"]
    runtime = world.client("bedrock-runtime")
    said = [{"role": "user", "content": [{"text": "Hello"}]}]
    runtime.converse(modelId="amazon.nova-lite-v1:0", messages=said)
    events = world.client("logs").filter_log_events(logGroupName=GROUP)["events"]
    assert json.loads(events[-1]["message"])["operation"] == "Converse"


def inline(world: World, name: str, *statements: dict[str, Any]) -> None:
    world.client("iam").put_role_policy(RoleName=NAME, PolicyName=name, PolicyDocument=document(*statements))


def narrow_boundary(world: World, *statements: dict[str, Any]) -> None:
    iam = world.client("iam")
    arn = iam.create_policy(PolicyName=f"narrow-{len(statements)}", PolicyDocument=document(*statements))["Policy"][
        "Arn"
    ]
    iam.put_role_permissions_boundary(RoleName=NAME, PermissionsBoundary=arn)


def trust(world: World, *principals: str) -> None:
    statements = [{"Effect": "Allow", "Principal": {"Service": one}, "Action": "sts:AssumeRole"} for one in principals]
    world.client("iam").update_assume_role_policy(RoleName=NAME, PolicyDocument=document(*statements))


def broaden(world: World, attach: Any) -> None:
    """Within its boundary a role can have no right too much."""
    world.client("iam").delete_role_permissions_boundary(RoleName=NAME)
    attach(world)


def attach_logs_full_access(world: World) -> None:
    managed = "arn:aws:iam::aws:policy/CloudWatchLogsFullAccess"
    world.client("iam").attach_role_policy(RoleName=NAME, PolicyArn=managed)


BROKEN = {
    "a statement denies it": ("LOG-08", lambda world: inline(world, "no", statement("Deny", "logs:PutLogEvents"))),
    "a policy is too broad": ("LOG-08", lambda world: broaden(world, lambda it: inline(it, "all", statement("Allow", "logs:*")))),
    "a managed policy is too broad": ("LOG-08", lambda world: broaden(world, attach_logs_full_access)),
    "the boundary does not allow it": ("LOG-08", lambda world: narrow_boundary(world, statement("Allow", "s3:*"))),
    "somebody else may assume it": ("LOG-07", lambda world: trust(world, "bedrock.amazonaws.com", "lambda.amazonaws.com")),
    "only somebody else may": ("LOG-07", lambda world: trust(world, "lambda.amazonaws.com")),
    "the group is gone": ("LOG-05", lambda world: world.client("logs").delete_log_group(logGroupName=GROUP)),
    "the group keeps everything": ("LOG-05", lambda world: world.client("logs").delete_retention_policy(logGroupName=GROUP)),
}  # fmt: skip


ALWAYS = {"a statement denies it", "somebody else may assume it"}


@pytest.mark.parametrize("how", [how if how in ALWAYS else pytest.param(how, marks=pytest.mark.full) for how in BROKEN])
def test_what_is_printed_mends_what_was_broken(world, how):
    world.mend(rounds=5) if world.found() else None
    check, break_it = BROKEN[how]
    break_it(world)
    assert world.mend() == [check]
