"""Upkeep, asked of the local Bedrock for real: over the wire, in other Regions, and from the command line."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest

from bedrock_gateway import Gateway
from bedrock_gateway.cli import main
from bedrock_gateway.local import LocalBedrock

ACCOUNT, REGION, AWAY = "123456789012", "us-east-1", "us-west-2"
MODEL = "amazon.nova-lite-v1:0"
GROUP = "/bedrock/invocations"
TRAIL_BUCKET = "example-trail-123456789012"


class World:
    """An account of root's, and a configuration beside a folder of manifests."""

    def __init__(self, endpoint: str, root: tuple[str, str], folder: Any) -> None:
        self.endpoint, self.session, self.folder = endpoint, boto3.Session(*root, region_name=REGION), folder
        self.path = folder / "gateway.toml"
        self.path.write_text(
            f"""format = 1
application = "helpdesk"
[env.local]
account = "{ACCOUNT}"
region = "{REGION}"
local = true
endpoint = "{endpoint}"
[principals.auditor]
capabilities = ["preflight-deep"]
[principals.app]
capabilities = ["converse", "preflight-minimal"]
models = ["{MODEL}"]
[logging]
log_group = "{GROUP}"
""",
            encoding="utf-8",
        )

    def client(self, service: str, region: str = REGION) -> Any:
        return self.session.client(service, region_name=region, endpoint_url=self.endpoint)

    def gateway(self) -> Gateway:
        return Gateway.from_file(self.path, principal="auditor", session=self.session)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with LocalBedrock() as local, local.serve() as server:
        yield World(server.endpoint, local.root_credentials, tmp_path_factory.mktemp("app"))


def found(report: Any, check: str) -> Any:
    return next(one for one in report.results if one.id == check)


def test_a_log_group_of_another_region_is_found_there_and_its_clients_are_no_fault_of_the_next_preflight(world):
    world.client("logs", AWAY).create_log_group(logGroupName=GROUP)
    with world.gateway() as gateway:
        for _ in range(2):
            report = gateway.preflight(deadline_seconds=60)
            missing = found(report, "REG-06")
            assert missing.status == "fail", missing.summary
            assert missing.evidence["exists_in"] == AWAY
            assert found(report, "REG-01").status == "pass", found(report, "REG-01").summary
        world.client("logs").create_log_group(logGroupName=GROUP)
        assert found(gateway.preflight(deadline_seconds=60), "REG-06").status == "pass"


def test_a_trail_counts_from_when_it_is_on(world):
    world.client("s3").create_bucket(Bucket=TRAIL_BUCKET)
    trails = world.client("cloudtrail")
    with world.gateway() as gateway:
        assert "there is no trail" in found(gateway.preflight(deadline_seconds=60), "OPS-01").summary
        arn = trails.create_trail(Name="all", S3BucketName=TRAIL_BUCKET, IsMultiRegionTrail=True)["TrailARN"]
        selected = [
            {"Field": "eventCategory", "Equals": ["Data"]},
            {"Field": "resources.type", "Equals": ["AWS::Bedrock::Model"]},
        ]
        trails.put_event_selectors(
            TrailName=arn, AdvancedEventSelectors=[{"Name": "bedrock", "FieldSelectors": selected}]
        )
        assert found(gateway.preflight(deadline_seconds=60), "OPS-01").status == "warn"
        trails.start_logging(Name=arn)
        passed = found(gateway.preflight(deadline_seconds=60), "OPS-01")
        assert passed.status == "pass", passed.summary


def test_a_user_that_the_console_made_for_an_api_key_is_found(world):
    iam = world.client("iam")
    name = "BedrockAPIKey-ab12"
    iam.create_user(UserName=name)
    with world.gateway() as gateway:
        assert found(gateway.preflight(deadline_seconds=60), "ID-12").status == "warn"
        key = iam.create_access_key(UserName=name)["AccessKey"]["AccessKeyId"]
        wrong = found(gateway.preflight(deadline_seconds=60), "ID-12")
    assert wrong.status == "fail", wrong.summary
    assert key in wrong.fix.command


def test_a_half_finished_creation_is_told_by_the_command_line_and_by_a_gateway_from_the_same_file(
    world, capsys, monkeypatch
):
    kept = world.folder / ".bedrock-gateway"
    kept.mkdir()
    begun = {"knowledge_base": "handbook", "account": ACCOUNT, "region": REGION, "complete": False}
    (kept / f"handbook.{ACCOUNT}.{REGION}.json").write_text(json.dumps(begun), encoding="utf-8")
    found_here = world.session.get_credentials()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", found_here.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", found_here.secret_key)
    main(["preflight", "--config", str(world.path), "--principal", "auditor", "--level", "minimal", "--output", "json"])
    told = {one["id"]: one for one in json.loads(capsys.readouterr().out)["results"]}
    assert told["KB-10"]["status"] == "warn"
    assert "handbook" in told["KB-10"]["summary"]
    with world.gateway() as gateway:
        assert found(gateway.preflight(level="minimal", deadline_seconds=60), "KB-10").status == "warn"
